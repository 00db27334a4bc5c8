"""Firmware signatures: what OpenSSL accepts, what is refused, and that one order has one signature."""

import base64
import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pki.audit import PkiAct
from pki.authority import FirmwareOrder, SignatureScheme, SignedFirmware
from pki.errors import FirmwareRefused, SignerUnavailable, UnknownFirmware
from pki.firmware import FirmwareState
from pki.firmware_check import verify_firmware
from pki.keys import padding_of
from tests.pki.conftest import Room, openssl
from tests.pki.test_issuance import CutTrail, PowerCut, WatchedKeys
from tests.tools_needed import needs_openssl

IMAGE = b"firmware image " * 1000
DIGEST = hashlib.sha256(IMAGE).digest()
ECDSA, PKCS1, PSS = SignatureScheme


def order(scheme: SignatureScheme = ECDSA, digest: bytes = DIGEST, **changes: Any) -> FirmwareOrder:
    fields = {"vendor": "Acme", "model": "Pillar", "version": "1.2.3", **changes}
    return FirmwareOrder(digest=digest, scheme=scheme, **fields)


def roots(room: Room) -> list[x509.Certificate]:
    names = ("manufacturer", "manufacturer-rsa")
    pems = [room.authority.authority(name).certificate_pem for name in names]
    return [x509.load_pem_x509_certificate(pem.encode()) for pem in pems]


def signed(room: Room, scheme: SignatureScheme = ECDSA) -> tuple[SignedFirmware, bytes, str]:
    firmware = room.authority.sign_firmware(order(scheme), "token:ci")
    assert firmware.signature is not None
    assert firmware.signing_certificate is not None
    return firmware, base64.b64decode(firmware.signature), firmware.signing_certificate


@needs_openssl
@pytest.mark.parametrize("scheme", SignatureScheme)
def test_openssl_verifies_the_signature_over_the_image(room: Room, scheme: SignatureScheme) -> None:
    _, signature, pem = signed(room, scheme)
    image, sig = room.write("image.bin", IMAGE), room.write("image.sig", signature)
    certificate, public = room.write("signer.pem", pem), room.folder / "signer.pub"
    public.write_text(openssl("x509", "-in", certificate, "-noout", "-pubkey").stdout)
    pss = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest") if scheme is PSS else ()
    judge = ("dgst", "-sha256", "-verify", public, "-signature", sig, *pss)
    assert openssl(*judge, image).stdout.strip() == "Verified OK"
    other = room.write("other.bin", IMAGE + b"!")
    assert "Verified OK" not in openssl(*judge, other).stdout


@needs_openssl
@pytest.mark.parametrize("scheme", SignatureScheme)
def test_the_signer_stands_directly_under_the_manufacturer_root(room: Room, scheme: SignatureScheme) -> None:
    """L01: no intermediates."""
    _, _, pem = signed(room, scheme)
    name = "manufacturer" if scheme is ECDSA else "manufacturer-rsa"
    root = room.write("root.pem", room.authority.authority(name).certificate_pem)
    done = openssl("verify", "-x509_strict", "-CAfile", root, room.write("signer.pem", pem))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("scheme", SignatureScheme)
def test_signature_and_certificate_fit_into_ocpp(room: Room, scheme: SignatureScheme) -> None:
    """`firmware.signature` has 800 characters, `firmware.signingCertificate` 5,500."""
    firmware, _, pem = signed(room, scheme)
    assert len(firmware.signature or "") <= 800
    assert len(pem) <= 5500


def test_the_signing_certificate_is_for_code(room: Room) -> None:
    certificate = x509.load_pem_x509_certificate(signed(room)[2].encode())
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.ExtendedKeyUsageOID.CODE_SIGNING]
    assert certificate.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature


def test_the_salt_of_pss_is_as_long_as_the_digest(room: Room) -> None:
    _, signature, pem = signed(room, PSS)
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(signature, IMAGE, padding_of(PSS), hashes.SHA256())
    with pytest.raises(InvalidSignature):
        key.verify(signature, IMAGE, padding_of(PKCS1), hashes.SHA256())


def test_the_same_order_again_gives_the_same_signature(room: Room) -> None:
    first = signed(room)[0]
    acts = len(room.acts())
    room.clock.advance(timedelta(days=1))
    assert room.authority.sign_firmware(order(), "user:somebody") == first
    assert len(room.acts()) == acts


def test_a_released_version_never_changes(room: Room) -> None:
    signed(room)
    for scheme in SignatureScheme:
        with pytest.raises(FirmwareRefused) as caught:
            room.authority.sign_firmware(order(scheme, hashlib.sha256(b"other").digest()), "token:ci")
        assert caught.value.field == "digest"
    assert room.acts()[-1] == PkiAct.FIRMWARE_REFUSED
    assert len(room.authority.firmwares()) == 1


def test_one_version_may_be_signed_by_several_schemes(room: Room) -> None:
    assert len({signed(room, scheme)[0].id for scheme in SignatureScheme}) == 3


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"digest": b"short"}, "digest"),
        ({"digest": bytes(48)}, "digest"),
        ({"vendor": ""}, "vendor"),
        ({"model": "x" * 101}, "model"),
        ({"version": "1\n2"}, "version"),
    ],
)
def test_refuses_orders_that_make_no_sense(room: Room, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(FirmwareRefused) as caught:
        room.authority.sign_firmware(order(**wrong), "token:ci")
    assert caught.value.field == field
    assert room.authority.firmwares() == []


@pytest.mark.parametrize(
    "cut", [{"trail": PkiAct.FIRMWARE_ORDERED}, {"trail": PkiAct.FIRMWARE_SIGNED}], ids=["ordered", "signed"]
)
def test_a_crash_leaves_the_order_open_and_a_retry_ends_well(room: Room, cut: dict[str, PkiAct]) -> None:
    with pytest.raises(PowerCut):
        room.rebuilt(trail=CutTrail(room.trail, cut["trail"])).sign_firmware(order(), "token:ci")
    assert all(found.signature is None for found in room.authority.firmwares())
    assert signed(room)[0].state is FirmwareState.SIGNED
    assert len(room.authority.firmwares()) == 1


class DeafKeys(WatchedKeys):
    """A store whose firmware keys cannot be reached."""

    def signer(self, name: str) -> Any:
        if name.startswith("firmware"):
            raise SignerUnavailable(name, "the machine is off")
        return super().signer(name)


def test_without_a_signer_the_order_stays_approved(room: Room) -> None:
    with pytest.raises(SignerUnavailable):
        room.rebuilt(keys=DeafKeys(room.keys)).sign_firmware(order(), "token:ci")
    assert [found.state for found in room.authority.firmwares()] == [FirmwareState.APPROVED]


def test_firmware_is_found_and_paged(room: Room) -> None:
    made = []
    for version in range(5):
        made.append(room.authority.sign_firmware(order(version=str(version)), "token:ci"))
        room.clock.advance(timedelta(seconds=version % 2))  # some share their moment
    assert room.authority.firmware(made[0].id) == made[0]
    first = room.authority.firmwares(limit=2)
    rest = room.authority.firmwares(after=first[-1].id)
    assert len({found.id for found in [*first, *rest]}) == 5
    with pytest.raises(UnknownFirmware):
        room.authority.firmware("nothing")


def test_order_and_signature_are_on_the_trail(room: Room) -> None:
    firmware = signed(room)[0]
    with room.store.reading() as session:
        records = room.trail.records(session, kind="firmware", thing=firmware.id)
    assert [record.act for record in records] == [PkiAct.FIRMWARE_ORDERED, PkiAct.FIRMWARE_SIGNED]
    assert {record.details["digest"] for record in records} == {DIGEST.hex()}
    assert {record.by for record in records} == {"token:ci"}


def test_a_genuine_signature_is_found_genuine(room: Room) -> None:
    for scheme in SignatureScheme:
        _, signature, pem = signed(room, scheme)
        verdict = verify_firmware(DIGEST, signature, pem, scheme, roots(room), room.clock.now)
        assert verdict.genuine
        assert verdict.faults == ()


FAULTS: dict[str, tuple[str, Callable[[Room], dict[str, Any]]]] = {
    "another image": ("does not verify", lambda _: {"digest": hashlib.sha256(b"other").digest()}),
    "a short digest": ("does not verify", lambda _: {"digest": b"x"}),
    "a broken signature": ("does not verify", lambda _: {"signature": bytes(70)}),
    "another scheme": ("does not verify", lambda _: {"scheme": PSS}),
    "no certificate": ("not PEM", lambda _: {"certificate_pem": "hello"}),
    "a foreign root": ("manufacturer root", lambda room: {"roots": room.authority.trust_anchors()}),
    "too late": ("not valid", lambda room: {"now": room.clock.now + timedelta(days=1200)}),
    "a certificate of an authority": (
        "digital signatures",
        lambda room: {"certificate_pem": room.authority.authority("manufacturer").certificate_pem},
    ),
    "a certificate of a station": (
        "manufacturer root",
        lambda room: {"certificate_pem": room.issue().pem},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_named(room: Room, fault: str) -> None:
    sentence, change = FAULTS[fault]
    _, signature, pem = signed(room)
    facts: dict[str, Any] = {"digest": DIGEST, "signature": signature, "certificate_pem": pem, "scheme": ECDSA}
    facts |= {"roots": roots(room), "now": room.clock.now}
    verdict = verify_firmware(**{**facts, **change(room)})
    assert not verdict.genuine
    assert any(sentence in found for found in verdict.faults), verdict.faults


def test_the_signer_renews_itself_and_old_signatures_stay_good(room: Room) -> None:
    _, signature, pem = signed(room)
    room.clock.advance(timedelta(days=600))
    fresh = room.authority.sign_firmware(order(version="2"), "token:ci")
    assert fresh.signing_certificate != pem
    assert verify_firmware(DIGEST, signature, pem, ECDSA, roots(room), room.clock.now).genuine
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
