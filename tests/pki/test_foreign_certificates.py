"""A certificate of somebody else's that cannot be read is answered in the reader's words, never by a traceback."""

from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from pki.anchor_file import read_root
from pki.der import bit_string, integer, octet_string, sequence, tlv
from pki.errors import AnchorRefused, CsrRejected
from pki.firmware import verify_firmware
from pki.key_files import fingerprint_in
from pki.keys import SignatureScheme
from tests.fuzz.targets import NOW
from tests.pki.hostile.pieces import ECDSA, SN_1, ec_key, extension, oid, pem, sign, spki_of

VALIDITY = sequence(tlv(0x17, b"261101000000Z"), tlv(0x17, b"271101000000Z"))
CONSTRAINTS = sequence(oid("551d13"), octet_string(sequence(b"\x01\x01\xff")))


def certificate(version: int = 2, spki: bytes = b"", extensions: tuple[bytes, ...] = (CONSTRAINTS,)) -> bytes:
    """A self-signed certificate with these parts (RFC 5280 §4.1)."""
    to_be_signed = sequence(
        tlv(0xA0, integer(version)), integer(1), ECDSA["sha256"], SN_1, VALIDITY, SN_1, spki or spki_of(ec_key()),
        tlv(0xA3, sequence(*extensions)),
    )  # fmt: skip
    return sequence(to_be_signed, ECDSA["sha256"], bit_string(sign(ec_key(), to_be_signed)))


BROKEN: dict[str, Callable[[], bytes]] = {
    "version 46": lambda: certificate(version=45),
    "a key of no known kind": lambda: certificate(spki=sequence(sequence(oid("2a0304")), bit_string(b"key"))),
    "a key off its curve": lambda: certificate(spki=spki_of(ec_key())[:-1] + b"\x00"),
    "one extension twice": lambda: certificate(extensions=(CONSTRAINTS, extension("551d0f", b"\x03\x02\x05\xa0") * 2)),
    "an extension that cannot be read": lambda: certificate(extensions=(extension("551d0f", b"\xff"),)),
}


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN)
def test_a_root_that_cannot_be_read_is_refused(make: Callable[[], bytes]) -> None:
    for content in (make(), pem(make(), "CERTIFICATE").encode()):
        with pytest.raises(AnchorRefused):
            read_root(content, NOW)


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN)
def test_firmware_under_a_certificate_that_cannot_be_read_is_not_genuine(make: Callable[[], bytes]) -> None:
    root = x509.load_der_x509_certificate(certificate())
    verdict = verify_firmware(
        bytes(32), bytes(70), pem(make(), "CERTIFICATE"), SignatureScheme.ECDSA_SHA256, [root], NOW
    )
    assert not verdict.genuine


@pytest.mark.parametrize("name", ["version 46", "a key of no known kind", "a key off its curve"])
def test_a_key_file_that_cannot_be_read_is_refused(name: str) -> None:
    with pytest.raises(CsrRejected):
        fingerprint_in(pem(BROKEN[name](), "CERTIFICATE"))


def test_the_same_certificate_without_the_fault_is_read() -> None:
    usage = sequence(oid("551d0f"), b"\x01\x01\xff", octet_string(b"\x03\x02\x02\x04"))
    root = read_root(certificate(extensions=(CONSTRAINTS, usage)), NOW)
    assert isinstance(root.public_key(), ec.EllipticCurvePublicKey)
