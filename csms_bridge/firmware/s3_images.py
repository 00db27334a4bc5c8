"""Images in an S3-compatible store, by the SHA-256 of what is in them.

Access comes from where boto3 finds it: the environment, a profile or the machine's own role. Everything is bounded in
time, and a store that does not answer is an error with a name of its own, which the caller may wait out.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlsplit

from csms_bridge.errors import ImageUnreachable
from csms_bridge.firmware.image_store import PIECE

Result = TypeVar("Result")
_NOT_THERE = {"404", "NoSuchKey", "NotFound"}
_CONNECT_WITHIN, _READ_WITHIN, _TRIES = 5, 30, 3


class S3Images:
    """Images of one bucket under one prefix. `address`: s3://BUCKET/PREFIX; empty `endpoint` and `region` are AWS's."""

    def __init__(self, address: str, endpoint: str = "", region: str = "") -> None:
        parts = urlsplit(address)
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/")
        self._endpoint = endpoint
        self._region = region
        self._lock = Lock()
        self._made: Any = None

    @property
    def name(self) -> str:
        """See ImageStore."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def size(self, digest: str) -> int | None:
        """See ImageStore."""

        def look(client: Any) -> int | None:
            return int(client.head_object(Bucket=self._bucket, Key=self._key(digest))["ContentLength"])

        return self._call(look, missing=None)

    def keep(self, part: Path, digest: str) -> None:
        """See ImageStore: an object comes into being whole, also when it goes up in parts."""

        def put(client: Any) -> None:
            client.upload_file(str(part), self._bucket, self._key(digest))

        self._call(put, missing=None)
        part.unlink(missing_ok=True)

    def read(self, digest: str, start: int, end: int) -> Iterator[bytes]:
        """See ImageStore."""
        if start >= end:
            return

        def get(client: Any) -> Any:
            wanted = f"bytes={start}-{end - 1}"
            return client.get_object(Bucket=self._bucket, Key=self._key(digest), Range=wanted)["Body"]

        body = self._call(get)
        try:
            yield from body.iter_chunks(PIECE)
        except Exception as fault:  # botocore lets urllib3's errors through while a body is read
            raise ImageUnreachable(self.name, str(fault)) from None
        finally:
            body.close()

    def forget(self, digest: str) -> None:
        """See ImageStore."""
        self._call(lambda client: client.delete_object(Bucket=self._bucket, Key=self._key(digest)), missing=None)

    def _call(self, act: Callable[[Any], Result], **missing: Result) -> Result:
        """One call. Raises ImageUnreachable; what is not there is `missing`, where it is given."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return act(self._client())
        except ClientError as fault:
            if missing and str(fault.response.get("Error", {}).get("Code")) in _NOT_THERE:
                return missing["missing"]
            raise ImageUnreachable(self.name, str(fault)) from None
        except (Boto3Error, BotoCoreError, OSError) as fault:
            raise ImageUnreachable(self.name, str(fault)) from None

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = _client(self._endpoint, self._region)
            return self._made

    def _key(self, digest: str) -> str:
        return f"{self._prefix}/sha256/{digest}".lstrip("/")


def _client(endpoint: str, region: str) -> Any:
    """Checksum headers only where the protocol asks for them: many stores know none. Raises ImageUnreachable."""
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise ImageUnreachable("S3", "the package boto3 is not installed") from None
    config = Config(
        connect_timeout=_CONNECT_WITHIN,
        read_timeout=_READ_WITHIN,
        retries={"max_attempts": _TRIES, "mode": "standard"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if endpoint else "auto"},
    )
    return boto3.client("s3", endpoint_url=endpoint or None, region_name=region or None, config=config)
