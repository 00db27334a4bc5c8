"""A certificate of somebody else's that cannot be read is answered in the reader's words, never by a traceback."""

from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from pki.anchor_file import read_root
from pki.der import integer, octet_string, sequence, tlv
from pki.errors import AnchorRefused, CsrRejected, ReturnedRefused
from pki.firmware_check import verify_firmware
from pki.key_files import fingerprint_in
from pki.keys import SignatureScheme
from pki.returned_certificate import read_certificates
from tests.fuzz.targets import NOW, contents_of, signers_judge
from tests.pki.hostile.certificates import BROKEN, CONSTRAINTS, certificate
from tests.pki.hostile.pieces import ECDSA, SN_1, oid, pem


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


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN)
def test_a_chain_that_cannot_be_read_is_not_taken_in(make: Callable[[], bytes]) -> None:
    with pytest.raises(ReturnedRefused):
        read_certificates(pem(make(), "CERTIFICATE"))


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN)
def test_the_signer_refuses_to_sign_what_cannot_be_read(make: Callable[[], bytes]) -> None:
    signers_judge(contents_of(make()))


def test_the_signer_refuses_a_list_with_one_extension_twice() -> None:
    number = sequence(oid("551d14"), octet_string(b"\x02\x01\x01"))
    times = tlv(0x17, b"261124000000Z") * 2
    twice = tlv(0xA0, sequence(number, number))
    signers_judge(sequence(integer(1), ECDSA["sha256"], SN_1, times, twice))


@pytest.mark.parametrize("fault", ["version 46", "a key of no known kind", "a key off its curve"])
def test_a_key_file_that_cannot_be_read_is_refused(fault: str) -> None:
    with pytest.raises(CsrRejected):
        fingerprint_in(pem(BROKEN[fault](), "CERTIFICATE"))


def test_the_same_certificate_without_the_fault_is_read() -> None:
    usage = sequence(oid("551d0f"), b"\x01\x01\xff", octet_string(b"\x03\x02\x02\x04"))
    root = read_root(certificate(extensions=(CONSTRAINTS, usage)), NOW)
    assert isinstance(root.public_key(), ec.EllipticCurvePublicKey)
