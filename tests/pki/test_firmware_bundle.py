"""Bundles: what is whole is good offline, and a changed bit of any part is not."""

import hashlib
import json
import shutil
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from pki.errors import FirmwareRefused, StampRefused
from pki.firmware import FirmwareState
from pki.firmware_bundle import Bundle, NoBundle, Trust, bundle_fields, read_bundle, verify_bundle
from pki.firmware_check import Verdict
from pki.keys import SignatureScheme
from pki.log_heads import LogSigner
from pki.timestamps import Stamper
from tests.pki.conftest import Room, SetClock, open_room
from tests.pki.test_firmware import DIGEST, IMAGE, order, roots
from tests.pki.time_stamper import TimeStamper, time_stamper
from tests.tools_needed import needs_openssl

pytestmark = needs_openssl


@dataclass
class Kit:
    """Bundles of each scheme with time stamps, and whom to trust."""

    room: Room
    stamper: TimeStamper
    texts: dict[SignatureScheme, str]
    trust: Trust

    def judged(self, text: str, digest: bytes = DIGEST, trust: Trust | None = None) -> Verdict:
        try:
            return verify_bundle(digest, read_bundle(text), trust or self.trust)
        except NoBundle as fault:
            return Verdict((str(fault),))


@pytest.fixture(scope="module")
def kit(established: tuple[Path, datetime], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    folder = tmp_path_factory.mktemp("bundles") / "data"
    shutil.copytree(established[0], folder)
    room = open_room(folder, SetClock(established[1]))
    clock_tower = time_stamper(tmp_path_factory.mktemp("tsa") / "tsa")
    authority = room.rebuilt(stamper=Stamper(clock_tower.answer, (clock_tower.root,)))
    texts = {}
    for scheme in SignatureScheme:
        firmware = authority.sign_firmware(order(scheme), "token:ci")
        assert firmware.stamp is not None
        texts[scheme] = json.dumps(bundle_fields(authority.firmware_bundle(firmware.id)))
    trust = Trust(roots(room), authority.firmware_log.key, (clock_tower.root,))
    yield Kit(room, clock_tower, texts, trust)
    room.store.close()


@pytest.mark.parametrize("scheme", SignatureScheme)
def test_a_whole_bundle_is_good_and_all_of_it_was_looked_at(kit: Kit, scheme: SignatureScheme) -> None:
    assert kit.judged(kit.texts[scheme]) == Verdict((), ())


def test_an_earlier_bundle_stays_good_as_the_log_grows(kit: Kit) -> None:
    first = read_bundle(kit.texts[SignatureScheme.ECDSA_SHA256])
    assert first.head != read_bundle(kit.texts[SignatureScheme.RSA_PSS_SHA256]).head
    assert verify_bundle(DIGEST, first, kit.trust).genuine


def test_another_image_is_found(kit: Kit) -> None:
    changed = bytearray(IMAGE)
    changed[1000] ^= 1
    found = kit.judged(kit.texts[SignatureScheme.ECDSA_SHA256], hashlib.sha256(changed).digest())
    assert "the image is not the one that was signed" in found.faults


def in_base64(text: str, bit: int) -> str:
    octets = bytearray(b64decode(text))
    octets[bit // 8 % len(octets)] ^= 1 << bit % 8
    return b64encode(octets).decode()


def in_pem(text: str, bit: int) -> str:
    first, body, last = text.partition("\n")[0], "".join(text.split("\n")[1:-2]), text.split("\n")[-2]
    changed = in_base64(body, bit)
    lines = [changed[start : start + 64] for start in range(0, len(changed), 64)]
    return "\n".join([first, *lines, last, ""])


def in_text(text: str, bit: int) -> str:
    place = bit % len(text)
    return text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]


def at(*path: str | int) -> Callable[[dict[str, Any], Callable[[Any, int], Any], int], None]:
    def change(fields: dict[str, Any], how: Callable[[Any, int], Any], bit: int) -> None:
        *above, last = path
        inner: Any = fields
        for name in above:
            inner = inner[name]
        inner[last] = how(inner[last], bit)

    return change


PARTS = {
    "signature": (at("signature"), in_base64),
    "certificate": (at("signing_certificate"), in_pem),
    "chain": (at("chain", 0), in_pem),
    "stamp": (at("stamp"), in_base64),
    "proof": (at("log", "proof", 0), in_base64),
    "entry": (at("log", "entry"), in_text),
    "head": (at("log", "head"), in_text),
    "digest": (at("digest"), in_text),
    "vendor": (at("vendor"), in_text),
    "version": (at("version"), in_text),
    "number": (at("log", "number"), lambda number, bit: number ^ (1 << bit % 8)),
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("scheme", SignatureScheme)
def test_a_changed_bit_is_found(kit: Kit, part: str, scheme: SignatureScheme) -> None:
    where, how = PARTS[part]
    for bit in (*range(0, 900, 97), 1_000_003, 2_000_003):
        fields = json.loads(kit.texts[scheme])
        if part == "proof" and not fields["log"]["proof"]:
            fields["log"]["proof"] = [b64encode(bytes(32)).decode()]
        where(fields, how, bit)
        assert not kit.judged(json.dumps(fields)).genuine, (part, bit)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Parsed a serial")
@pytest.mark.parametrize("part", ["signature", "stamp", "certificate"])
def test_every_single_bit_is_found(kit: Kit, part: str) -> None:
    where, how = PARTS[part]
    fields = json.loads(kit.texts[SignatureScheme.ECDSA_SHA256])
    name = "signing_certificate" if part == "certificate" else part
    length = 8 * len(b64decode("".join(line for line in fields[name].split("\n") if "-----" not in line)))
    for bit in range(length):
        fields = json.loads(kit.texts[SignatureScheme.ECDSA_SHA256])
        where(fields, how, bit)
        assert not kit.judged(json.dumps(fields)).genuine, bit


def test_parts_of_two_bundles_do_not_make_one(kit: Kit) -> None:
    ecdsa, pss = (
        json.loads(kit.texts[scheme]) for scheme in (SignatureScheme.ECDSA_SHA256, SignatureScheme.RSA_PSS_SHA256)
    )
    for part in ("signature", "signing_certificate", "stamp", "log", "scheme"):
        assert not kit.judged(json.dumps({**ecdsa, part: pss[part]})).genuine, part


def test_trust_is_what_one_brings_along(kit: Kit) -> None:
    text = kit.texts[SignatureScheme.ECDSA_SHA256]
    others: dict[str, Trust] = {
        "manufacturer root": replace(kit.trust, roots=kit.room.authority.trust_anchors()),
        "tree head": replace(kit.trust, log_key=LogSigner(bytes(32)).public),
    }
    for words, trust in others.items():
        found = kit.judged(text, trust=trust)
        assert any(words in fault for fault in found.faults), found
    assert not kit.judged(text, trust=replace(kit.trust, roots=[])).genuine


def test_another_time_stamping_authority_is_not_believed(kit: Kit, tmp_path: Path) -> None:
    other = time_stamper(tmp_path / "other", "Sundial")
    trust = replace(kit.trust, stampers=(other.root,))
    assert any(
        "time stamp" in fault for fault in kit.judged(kit.texts[SignatureScheme.ECDSA_SHA256], trust=trust).faults
    )


def test_a_stamp_that_was_not_checked_is_said_so(kit: Kit) -> None:
    found = kit.judged(kit.texts[SignatureScheme.ECDSA_SHA256], trust=replace(kit.trust, stampers=()))
    assert found.genuine
    assert "time stamp was not checked" in found.notes[0]


def test_the_certificate_counts_as_of_the_time_of_signing(room: Room) -> None:
    """Firmware is installed years later, and its signer lives three."""
    firmware = room.authority.sign_firmware(order(), "token:ci")
    year = room.clock.now.year
    room.clock.advance(timedelta(days=2000))
    bundle = room.authority.firmware_bundle(firmware.id)
    trust = Trust(roots(room), room.authority.firmware_log.key)
    assert verify_bundle(DIGEST, bundle, trust).genuine
    assert bundle.stamp is None
    moved = replace(bundle, entry=bundle.entry.replace(f'"at":"{year}', f'"at":"{year + 6}'))
    assert "the certificate is not valid at this time" in verify_bundle(DIGEST, moved, trust).faults


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "{}", "null", '{"format": "voltward-firmware-bundle/2"}',
        '{"format": "voltward-firmware-bundle/1", "vendor": "a"}', "[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_bundle_is_refused(content: str) -> None:
    with pytest.raises(NoBundle):
        read_bundle(content)


def test_a_bundle_with_more_in_it_is_refused(kit: Kit) -> None:
    fields = json.loads(kit.texts[SignatureScheme.ECDSA_SHA256])
    with pytest.raises(NoBundle, match="other members"):
        read_bundle(json.dumps({**fields, "note": "trust me"}))


def test_reading_gives_what_was_written(kit: Kit) -> None:
    for written in kit.texts.values():
        bundle: Bundle = read_bundle(written)
        assert bundle_fields(bundle) == json.loads(written)


def test_what_is_not_signed_has_no_bundle(room: Room) -> None:
    firmware = room.authority.sign_firmware(order(), "token:ci")
    with room.store.writing() as session:
        session.execute(text("UPDATE firmware SET log_number = NULL"))
    with pytest.raises(FirmwareRefused, match="before there was a log"):
        room.authority.firmware_bundle(firmware.id)


def test_without_an_answer_from_the_stamper_the_signature_comes_all_the_same_and_the_stamp_later(
    room: Room, tmp_path: Path
) -> None:
    clock_tower, away = time_stamper(tmp_path / "tsa"), True

    def answer(request: bytes) -> bytes:
        if away:
            raise StampRefused("it is away")
        return clock_tower.answer(request)

    authority = room.rebuilt(stamper=Stamper(answer, (clock_tower.root,)))
    firmware = authority.sign_firmware(order(), "token:ci")
    assert (firmware.state, firmware.stamp) == (FirmwareState.SIGNED, None)
    assert "firmware-not-stamped" in {alarm.kind for alarm in authority.alarms.page()}
    away = False
    authority.keep_firmware()
    bundle = authority.firmware_bundle(firmware.id)
    assert bundle.stamp is not None
    trust = Trust(roots(room), authority.firmware_log.key, (clock_tower.root,))
    assert verify_bundle(DIGEST, bundle, trust) == Verdict((), ())
