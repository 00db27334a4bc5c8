"""The door: a station's certificate from order to renewal, as its callers see it."""

from datetime import timedelta

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from pki.audit import PkiAct
from pki.authority import Authority, CertificateState, Order
from pki.errors import CsrRejected, OrderRefused, UnknownAuthority, UnknownCertificate
from pki.keys import KeyAlgorithm, generate_key
from tests.pki.conftest import Room, openssl
from tests.pki.requests import pem_request, request_of
from tests.tools_needed import needs_openssl


@needs_openssl
@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa"])
def test_openssl_accepts_a_stations_chain(room: Room, kind: str, rsa_key: rsa.RSAPrivateKey) -> None:
    curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
    key = rsa_key if kind == "rsa" else ec.generate_private_key(curves[kind])
    certificate = room.issue(key)
    root, chain, leaf = room.trust(certificate)
    purpose = ("-purpose", "sslclient")
    done = openssl("verify", "-x509_strict", *purpose, "-CAfile", root, "-untrusted", chain, leaf)
    assert done.returncode == 0, done.stderr
    assert certificate.authority == ("stations-rsa" if kind == "rsa" else "stations")
    assert len(certificate.chain_pem) < 5600  # A02: MaxCertificateChainSize


def test_a_stations_certificate_has_nothing_from_its_request(room: Room) -> None:
    """DESIGN §3.2: from a request only the key; hostile extensions leave no trace."""
    hostile = (
        x509.BasicConstraints(ca=True, path_length=None),
        x509.SubjectAlternativeName([x509.DNSName("csms.example")]),
        x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]),
    )
    key = generate_key(KeyAlgorithm.EC_P256)
    request = request_of(key, "SN-1", "Evil Corp", hostile)
    read = room.authority.read_request(request.public_bytes(Encoding.PEM))
    certificate = room.authority.issue(Order(read, "station", "SN-1", station="CS-1"), "station:CS-1")
    opinion = asn1_x509.Certificate.load(certificate.der, strict=True)
    assert certificate.subject == "CN=SN-1,O=Acme Charging"
    assert opinion.ca is False
    assert opinion.subject_alt_name_value is None
    assert opinion.extended_key_usage_value is None
    assert len(opinion["tbs_certificate"]["extensions"]) == 6


def test_an_issued_certificate_is_good_and_found(room: Room) -> None:
    certificate = room.issue()
    assert certificate.state is CertificateState.GOOD
    assert certificate.station == "CS-1"
    assert room.authority.certificate(certificate.serial) == certificate
    assert room.authority.certificates(station="CS-1") == [certificate]


def test_renewal_leaves_the_old_certificate_good(room: Room) -> None:
    """Two serial numbers must be valid during a change of certificates."""
    old = room.issue()
    room.clock.advance(timedelta(days=60))
    new = room.issue()
    states = {found.serial: found.state for found in room.authority.certificates(station="CS-1")}
    assert states == {old.serial: CertificateState.GOOD, new.serial: CertificateState.GOOD}


def test_refusals_are_on_the_trail_with_their_code(room: Room) -> None:
    request = room.authority.read_request(pem_request(generate_key(KeyAlgorithm.EC_P256), "SN-OTHER"))
    with pytest.raises(CsrRejected):
        room.authority.issue(Order(request, "station", "SN-1", station="CS-1"), "station:CS-1")
    with room.store.reading() as session:
        last = room.trail.records(session, newest_first=True, limit=1)[0]
    assert (last.act, last.by) == (PkiAct.CERTIFICATE_REFUSED, "station:CS-1")
    assert (last.details["code"], last.details["station"]) == ("wrong-common-name", "CS-1")
    assert room.authority.certificates(station="CS-1") == []


def test_what_was_odd_about_a_request_is_on_the_trail(room: Room) -> None:
    key = generate_key(KeyAlgorithm.EC_P256)
    request = room.authority.read_request(pem_request(key, "SN-1", "Default Corp"))
    serial = room.authority.issue(Order(request, "station", "SN-1", station="CS-1"), "station:CS-1").serial
    with room.store.reading() as session:
        first = room.trail.records(session, kind="certificate", thing=serial)[0]
    assert first.details["organisation"] == "Default Corp"
    assert first.details["note"] == "the organisation in the request differs from ours"


def test_a_server_certificate_can_be_ordered(room: Room) -> None:
    request = room.authority.read_request(pem_request(generate_key(KeyAlgorithm.EC_P256), "other.example"))
    order = Order(request, "server", "other.example", hostnames=("192.0.2.9",))
    certificate = room.authority.issue(order, "user:admin")
    opinion = asn1_x509.Certificate.load(certificate.der, strict=True)
    assert certificate.authority == "csms"
    assert opinion.subject_alt_name_value.native == ["other.example", "192.0.2.9"]
    assert opinion.extended_key_usage_value.native == ["server_auth"]


def test_a_firmware_signer_is_never_ordered(room: Room) -> None:
    """Firmware signers are the service's own; an order would name hosts that such a certificate cannot have."""
    request = room.authority.read_request(pem_request(generate_key(KeyAlgorithm.EC_P256), "Release Signer"))
    with pytest.raises(OrderRefused, match="no certificate profile"):
        room.authority.issue(Order(request, "firmware", "Release Signer"), "user:admin")


@pytest.mark.parametrize("profile", ["root", "issuing", "ocsp", "nonsense"])
def test_authorities_cannot_be_ordered(room: Room, profile: str) -> None:
    request = room.authority.read_request(pem_request(generate_key(KeyAlgorithm.EC_P256), "x"))
    with pytest.raises(OrderRefused):
        room.authority.issue(Order(request, profile, "x"), "user:admin")


def test_what_does_not_exist_is_told(authority: Authority) -> None:
    with pytest.raises(UnknownCertificate):
        authority.certificate("1234")
    for ask in (authority.authority, authority.chain_pem):
        with pytest.raises(UnknownAuthority):
            ask("nobody")


def test_the_whole_story_is_on_an_unbroken_trail(room: Room) -> None:
    certificate = room.issue()
    with room.store.reading() as session:
        records = room.trail.records(session, kind="certificate", thing=certificate.serial)
        assert room.trail.verify(session) == []
    assert [record.act for record in records] == [
        PkiAct.CERTIFICATE_REQUESTED,
        PkiAct.CERTIFICATE_INTENDED,
        PkiAct.CERTIFICATE_ISSUED,
    ]
    assert {record.by for record in records} == {"station:CS-1"}
    assert {record.details["station"] for record in records} == {"CS-1"}
