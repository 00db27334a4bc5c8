"""A whole authority with its keys in a PKCS#11 token, directly and behind a signer process: made, issuing, revoking."""

import secrets
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.ocsp import OCSPCertStatus, OCSPRequestBuilder, load_der_ocsp_response

from pki.authority import Authority, Certificate, RevocationReason
from pki.firmware import FirmwareOrder
from pki.keys import KeyAlgorithm, SignatureScheme, generate_key
from pki.pkcs11 import TokenVault
from tests.pki.conftest import SETTINGS, Room, openssl
from tests.pki.places import SoftToken
from tests.pki.signer_room import authority_of, signer_over
from tests.tools_needed import needs, needs_openssl

pytestmark = [needs("softhsm2-util", "softhsm2"), needs_openssl]


@pytest.fixture(scope="module")
def own_token(soft_token: SoftToken) -> Callable[[], TokenVault]:
    """A token for this hierarchy alone."""
    label = f"whole-{secrets.token_hex(3)}"
    soft_token.make(label)
    return lambda: soft_token.vault(label)


def test_all_of_it_with_the_keys_in_a_token(fresh_room: Room, own_token: Callable[[], TokenVault]) -> None:
    room = fresh_room
    direct = room.rebuilt(vault=own_token())
    direct.establish("operator")
    assert not [path for path in (room.folder / "keys").glob("*.key") if path.stem.split("-")[0] not in ("ocsp",)]
    assert all(place.can_sign and "PKCS#11 token" in place.where for place in direct.key_places())
    walk_through(room, direct)
    with signer_over(room, own_token()) as signer:
        walk_through(room, authority_of(room, signer))


def walk_through(room: Room, authority: Authority) -> None:
    """One of each thing that an authority signs, judged by OpenSSL."""
    for number, algorithm in enumerate((KeyAlgorithm.EC_P256, KeyAlgorithm.RSA_2048)):
        certificate = authority.issue(room.order(generate_key(algorithm), f"SN-{number}", f"CS-{number}"), "user:admin")
        root, chain, leaf = room.trust(certificate)
        done = openssl("verify", "-CAfile", root, "-untrusted", chain, leaf)
        assert done.returncode == 0, done.stderr
        authority.revoke(certificate.serial, RevocationReason.KEY_COMPROMISE, "user:admin")
        listed = crl_of(room, authority, certificate.authority, certificate.serial)
        assert listed.get_revoked_certificate_by_serial_number(int(certificate.serial, 16)) is not None
        assert status_of(authority, certificate) is OCSPCertStatus.REVOKED
        name = f"{number}-{secrets.token_hex(3)}"
        scheme = list(SignatureScheme)[number]
        assert authority.sign_firmware(FirmwareOrder("ACME", "One", name, secrets.token_bytes(32), scheme), "token:ci")


def crl_of(room: Room, authority: Authority, name: str, serial: str) -> x509.CertificateRevocationList:
    room.clock.advance(timedelta(seconds=2))
    found = x509.load_der_x509_crl(authority.crl(name, int(serial, 16) % SETTINGS.crl_shards))
    issuer = x509.load_pem_x509_certificate(authority.authority(name).certificate_pem.encode())
    assert found.is_signature_valid(issuer.public_key())
    return found


def status_of(authority: Authority, certificate: Certificate) -> OCSPCertStatus:
    leaf = x509.load_pem_x509_certificate(certificate.pem.encode())
    issuer = x509.load_pem_x509_certificate(authority.authority(certificate.authority).certificate_pem.encode())
    request = OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA256()).build()
    return load_der_ocsp_response(authority.answer_ocsp(request.public_bytes(Encoding.DER))).certificate_status
