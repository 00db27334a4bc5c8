"""Images: by the digest of what is in them, whole or not at all, in parts that resume, and found out when damaged."""

import errno
import hashlib
from datetime import timedelta

import pytest

from csms_bridge.errors import (
    FirmwareNotNow,
    ImageElsewhere,
    ImageNoRoom,
    ImageRefused,
    LinkOver,
    UnknownImage,
    UnknownLink,
    UploadMoved,
)
from csms_bridge.firmware import image_store
from csms_bridge.firmware.asking import NewUpdate
from csms_bridge.firmware.image_store import FolderImages, is_whole
from csms_bridge.redaction import redact
from csms_bridge.settings import BridgeSettings
from pki.errors import UnknownFirmware
from pki.revocation import RevocationReason
from tests.csms_bridge.firmware.conftest import ACCEPTED, IMAGE, Works
from tests.csms_bridge.test_password_rotations import Station as Line
from tests.csms_bridge.test_password_rotations import everything

DIGEST = hashlib.sha256(IMAGE).hexdigest()


def put(works, firmware, content=IMAGE, offset=0, size=None):
    with works.images.parts.writing(DIGEST, offset, size or len(IMAGE)) as part:
        part.write(content)


def uploaded(works):
    firmware = works.sign().id
    works.images.announce(firmware, len(IMAGE), "token:ci")
    put(works, firmware)
    return works.images.finish(firmware, len(IMAGE), "token:ci")


async def addressed(works, line=None):
    """The address that the station was told."""
    uploaded(works)
    works.updates.ask("CS-1", NewUpdate(works.sign().id), "user:anna")
    await works.carry_out(Line())
    works.passes(seconds=1)
    (request,) = await works.carry_out(line or Line(ACCEPTED))
    return request.url.text()


def token(address):
    return address.split("/")[4]


def test_an_image_is_kept_under_its_digest(works):
    state = uploaded(works)
    assert (state.kept, state.size, state.store, state.kept_by) == (True, len(IMAGE), "folder", "token:ci")
    assert b"".join(works.images.images.read(DIGEST, 3, 10)) == IMAGE[3:10]
    assert is_whole(works.images.images, DIGEST)
    assert list((works.room.folder / "firmware" / "parts").iterdir()) == []


def test_an_upload_that_broke_off_goes_on_where_it_was(works):
    firmware = works.sign().id
    put(works, firmware, IMAGE[:100])
    assert works.images.state(firmware).received == 100
    with pytest.raises(UploadMoved) as moved:
        put(works, firmware, IMAGE[50:], offset=50)
    assert moved.value.received == 100
    put(works, firmware, IMAGE[100:], offset=100)
    assert works.images.finish(firmware, len(IMAGE), "token:ci").kept


def test_two_do_not_write_to_one_upload(works):
    firmware = works.sign().id
    with works.images.parts.writing(DIGEST, 0, 10), pytest.raises(UploadMoved, match="somebody else"):
        put(works, firmware)


def test_another_file_than_was_signed_leaves_nothing(works):
    firmware = works.sign().id
    put(works, firmware, b"x" * len(IMAGE))
    with pytest.raises(ImageRefused, match="the order is for") as refused:
        works.images.finish(firmware, len(IMAGE), "token:ci")
    assert refused.value.code == "digest"
    assert works.images.state(firmware).received == 0


def test_sizes_are_bounded(works):
    firmware = works.sign().id
    for size in (0, works.images.limit + 1):
        with pytest.raises(ImageRefused):
            works.images.announce(firmware, size, "token:ci")
    with pytest.raises(ImageRefused, match="more octets came"):
        put(works, firmware, size=10)
    with pytest.raises(UnknownFirmware):
        works.images.announce("nothing", 10, "token:ci")


def test_a_full_disk_is_said_before_and_while_it_is_written(works, monkeypatch):
    firmware = works.sign().id
    monkeypatch.setattr(image_store.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(ImageNoRoom):
        works.images.announce(firmware, len(IMAGE), "token:ci")

    class Full:
        def write(self, _):
            raise OSError(errno.ENOSPC, "no space left on device")

    with works.images.parts.writing(DIGEST, 0, len(IMAGE)) as part:
        part.file = Full()
        with pytest.raises(ImageNoRoom):
            part.write(IMAGE)


def test_a_damaged_image_is_not_published(works):
    uploaded(works)
    works.images.check_whole(DIGEST)
    path = works.room.folder / "firmware" / DIGEST[:2] / f"{DIGEST}.img"
    path.write_bytes(b"X" + IMAGE[1:])
    works.room.clock.advance(minutes=11)
    with pytest.raises(ImageRefused, match="not what it was"):
        works.images.check_whole(DIGEST)


def test_one_whose_file_is_gone_is_uploaded_again(works):
    state = uploaded(works)
    works.images.images.forget(DIGEST)
    assert not works.images.announce(state.firmware, len(IMAGE), "token:ci").kept
    put(works, state.firmware)
    assert works.images.finish(state.firmware, len(IMAGE), "token:ci").kept


def test_an_image_on_another_nodes_disk_is_said_to_be_there(works):
    uploaded(works)
    works.images._node, works.images.images = "another", FolderImages(works.room.folder / "elsewhere")
    with pytest.raises(ImageElsewhere, match="this-node"):
        works.images.check_whole(DIGEST)


async def test_an_image_that_an_update_needs_stays(works):
    await addressed(works)
    with pytest.raises(FirmwareNotNow, match="update 1 needs the image"):
        works.images.remove(works.sign().id, "user:anna", "tidy")
    works.tell("DownloadFailed")
    works.passes(hours=8)
    works.images.remove(works.sign().id, "user:anna", "tidy")
    assert not works.images.state(works.sign().id).kept
    with pytest.raises(UnknownImage):
        works.images.remove(works.sign().id, "user:anna", "tidy")


def test_without_the_image_nobody_is_asked(works):
    with pytest.raises(FirmwareNotNow, match=r"the image of 2\.0\.0 is not here") as refused:
        works.updates.ask("CS-1", NewUpdate(works.sign().id), "user:anna")
    assert refused.value.code == "no-image"


async def test_the_address_is_a_secret_of_one_update(works):
    address = await addressed(works)
    assert address.startswith("https://csms.example/firmware/")
    assert address.endswith("/Wallbox-2.0.0.bin")
    assert len(token(address)) == 43
    assert token(address) not in everything(works.room)
    assert token(address) not in str(redact({"firmware": {"location": address}}))
    link = works.links.follow(token(address))
    assert (link.station, link.size, link.digest) == ("CS-1", len(IMAGE), DIGEST)
    with pytest.raises(UnknownLink):
        works.links.follow("x" * 43)


async def test_it_ends_with_its_time_its_update_and_its_certificate(works):
    address = token(await addressed(works))
    works.room.clock.advance(hours=23)
    works.links.follow(address)
    works.room.clock.advance(hours=2)
    with pytest.raises(LinkOver):
        works.links.follow(address)


async def test_addresses_that_are_over_are_forgotten_in_time(works):
    await addressed(works)
    works.room.clock.advance(days=30)
    assert works.links.forget_over() == 0
    works.room.clock.advance(days=2)
    assert works.links.forget_over() == 1


async def test_it_ends_when_the_update_does(works):
    address = token(await addressed(works))
    works.tell("InvalidSignature")
    with pytest.raises(LinkOver):
        works.links.follow(address)


async def test_it_ends_when_the_signing_certificate_is_revoked(works):
    address = token(await addressed(works))
    works.room.authority.revoke(works.sign().signing_serial, RevocationReason.KEY_COMPROMISE, "user:anna")
    with pytest.raises(LinkOver):
        works.links.follow(address)


async def test_a_one_time_address_is_over_soon_after_its_download(signing_room):
    works = Works(signing_room, BridgeSettings(firmware_link_once=True))
    works.station()
    address = token(await addressed(works))
    link = works.links.follow(address)
    works.links.fetched(link, 100, whole=False)
    works.room.clock.advance(minutes=20)
    works.links.follow(address)
    works.links.fetched(link, len(IMAGE) - 100, whole=True)
    works.room.clock.advance(minutes=14)
    works.links.follow(address)
    works.room.clock.advance(minutes=2)
    with pytest.raises(LinkOver):
        works.links.follow(address)


async def test_a_station_without_https_gets_an_address_in_clear_where_there_is_one(signing_room):
    settings = BridgeSettings(firmware_plain_url="http://plain.example", firmware_link_life=timedelta(hours=1))
    works = Works(signing_room, settings)
    works.station()
    signed = works.sign()
    assert works.links._address("t", signed, {"http", "ftp"}).startswith("http://plain.example/firmware/t/")
    assert works.links._address("t", signed, {"http", "https"}).startswith("https://csms.example/")
    assert works.links._address("t", signed, ()).startswith("https://csms.example/")


def test_a_protocol_that_nothing_here_serves_is_refused(works):
    uploaded(works)
    with works.room.store.reading() as session, pytest.raises(FirmwareNotNow, match="by ftp, and not by https"):
        works.links.check_in(session, works.sign(), "1.6", {"ftp"})


def test_uploads_that_nobody_went_on_with_are_swept(works):
    put(works, works.sign().id, IMAGE[:10])
    works.images.sweep(timedelta(hours=1))
    assert works.images.state(works.sign().id).received == 10
    works.images.sweep(timedelta(seconds=-1))
    assert works.images.state(works.sign().id).received == 0
