"""What HTTP caches are told about things that are signed with a time at which they end (RFC 9110, RFC 9111)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Freshness:
    """`tag` names the octets; they are good from `begins` to `ends`, and may be kept for `age` without asking."""

    tag: str
    begins: datetime
    ends: datetime
    age: timedelta

    def headers(self) -> list[Header]:
        """RFC 5019 §6.2. `Expires` is for caches that know no max-age, which otherwise goes before it."""
        seconds = max(0, int(self.age.total_seconds()))
        return [
            (b"cache-control", f"public, no-transform, must-revalidate, max-age={seconds}".encode()),
            (b"etag", f'"{self.tag}"'.encode()),
            (b"last-modified", _http_date(self.begins)),
            (b"expires", _http_date(self.ends)),
        ]


def is_unchanged(asked: Iterable[Header], answer: Iterable[Header]) -> bool:
    """Whether the caller has what it would get, by If-None-Match or else If-Modified-Since (RFC 9110 §13.2.2)."""
    conditions = dict(asked)
    current = dict(answer)
    if b"etag" not in current:
        return False
    tags = conditions.get(b"if-none-match")
    if tags is not None:
        return tags.strip() == b"*" or current[b"etag"] in {_strong(tag) for tag in tags.split(b",")}
    return conditions.get(b"if-modified-since") == current[b"last-modified"]


def _strong(tag: bytes) -> bytes:
    """The weak comparison of RFC 9110 §8.8.3.2."""
    return tag.strip().removeprefix(b"W/")


def _http_date(moment: datetime) -> bytes:
    return format_datetime(moment.replace(microsecond=0), usegmt=True).encode()
