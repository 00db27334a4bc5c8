"""Images in an S3-compatible store, as moto plays it."""

import hashlib
import os
from collections.abc import Iterator

import boto3
import pytest

from csms_bridge.errors import ImageUnreachable
from csms_bridge.firmware.image_store import is_whole
from csms_bridge.firmware.s3_images import S3Images

IMAGE = os.urandom(1024) * 300
DIGEST = hashlib.sha256(IMAGE).hexdigest()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    os.environ.update(AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1").create_bucket(Bucket="images")
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def images(endpoint):
    return S3Images("s3://images/fleet", endpoint, "us-east-1")


def test_an_image_is_kept_read_in_pieces_and_forgotten(images, tmp_path):
    part = tmp_path / "part"
    part.write_bytes(IMAGE)
    assert images.size(DIGEST) is None
    images.keep(part, DIGEST)
    assert not part.exists()
    assert images.size(DIGEST) == len(IMAGE)
    assert b"".join(images.read(DIGEST, 0, len(IMAGE))) == IMAGE
    assert b"".join(images.read(DIGEST, 5, 4000)) == IMAGE[5:4000]
    assert b"".join(images.read(DIGEST, 7, 7)) == b""
    assert is_whole(images, DIGEST)
    images.forget(DIGEST)
    assert images.size(DIGEST) is None
    assert not is_whole(images, DIGEST)


def test_what_was_changed_there_is_found_out(images, tmp_path, endpoint):
    part = tmp_path / "part"
    part.write_bytes(IMAGE)
    images.keep(part, DIGEST)
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.put_object(Bucket="images", Key=f"fleet/sha256/{DIGEST}", Body=b"X" + IMAGE[1:])
    assert not is_whole(images, DIGEST)


def test_a_store_that_does_not_answer_or_has_no_such_bucket_is_unreachable(endpoint, tmp_path):
    part = tmp_path / "part"
    part.write_bytes(IMAGE)
    with pytest.raises(ImageUnreachable, match="s3://nobody"):
        S3Images("s3://nobody", endpoint, "us-east-1").keep(part, DIGEST)
    assert part.exists()
    away = S3Images("s3://images", "http://127.0.0.1:1", "us-east-1")
    with pytest.raises(ImageUnreachable):
        away.size(DIGEST)
