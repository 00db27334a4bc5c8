"""The TLS web port's contexts. Handshakes are made in memory: no socket."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from pki.authority import Order, RevocationReason
from tests.csms_bridge.test_tls import present, shake_hands
from tests.pki.makers import maker_root
from web.service import Service
from web.tls_port import CONNECTION, TlsContexts, connection_of

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture
def contexts(service: Service) -> TlsContexts:
    made = TlsContexts(service.authority)
    assert made.renew()
    return made


def client(service: Service, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, family: str = "ec") -> ssl.SSLContext:
    """A peer that trusts one of our roots."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = context.maximum_version = version
    context.load_verify_locations(cadata=service.authority.operator_root(family).certificate_pem)
    return context


def server_serial(front: ssl.SSLContext, peer: ssl.SSLContext) -> str:
    """The serial number that the peer sees."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = front.wrap_bio(to_server, to_client, server_side=True)
    theirs = peer.wrap_bio(to_client, to_server)  # without a server's name, as when an address is dialled
    waiting = [theirs, ours]
    for _ in range(20):
        for end in tuple(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                continue
    assert not waiting
    der = theirs.getpeercert(binary_form=True)
    assert der
    return f"{x509.load_der_x509_certificate(der).serial_number:x}"


def serials(service: Service) -> set[str]:
    return {one.serial for one in service.authority.server_credentials()}


def test_there_is_nothing_to_listen_with_before_the_first_look(service: Service) -> None:
    with pytest.raises(RuntimeError):
        TlsContexts(service.authority).front()


@pytest.mark.parametrize("version", VERSIONS)
def test_shows_one_of_our_server_certificates(service: Service, contexts: TlsContexts, version: ssl.TLSVersion) -> None:
    assert server_serial(contexts.front(), client(service, version)) in serials(service)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_renewed_certificate_is_shown_by_the_socket_that_listens_already(
    service: Service, contexts: TlsContexts, version: ssl.TLSVersion
) -> None:
    front = contexts.front()
    before = serials(service)
    assert not contexts.renew(), "nothing is new"
    for serial in before:
        service.authority.revoke(serial, RevocationReason.SUPERSEDED, "user:test")
    assert contexts.renew()
    shown = server_serial(front, client(service, version))
    assert shown not in before
    assert shown in serials(service)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_new_anchor_is_trusted_by_the_socket_that_listens_already(
    service: Service, contexts: TlsContexts, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    front, maker, key = contexts.front(), maker_root(), ec.generate_private_key(ec.SECP256R1())
    peer = client(service, version)
    present(peer, maker.certify("SN-1", key).public_bytes(Encoding.PEM).decode(), key, tmp_path)
    with pytest.raises(ssl.SSLError):
        shake_hands(front, peer)
    service.authority.anchors.add(maker.pem, "Maker", "maker", "user:test")
    assert contexts.renew()
    assert shake_hands(front, peer).getpeercert(binary_form=True)


def test_a_certificate_of_ours_is_seen_whatever_its_time(service: Service, tmp_path: Path) -> None:
    """Time, revocation and identity are decided where the reason can be told (ADR 0002)."""
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    request = service.authority.read_request(csr.public_bytes(Encoding.DER))
    issued = service.authority.issue(Order(request, "station", "SN-1", station="CS-1"), "user:test")
    service.authority.revoke(issued.serial, RevocationReason.KEY_COMPROMISE, "user:test")
    contexts = TlsContexts(service.authority)
    contexts.renew()
    peer = client(service)
    present(peer, issued.chain_pem, key, tmp_path)
    assert shake_hands(contexts.front(), peer).getpeercert(binary_form=True) == issued.der


def test_offers_no_suite_without_forward_secrecy(service: Service, contexts: TlsContexts) -> None:
    peer = client(service, ssl.TLSVersion.TLSv1_2, "rsa")
    peer.set_ciphers("AES128-GCM-SHA256:AES256-GCM-SHA384")
    with pytest.raises(ssl.SSLError):
        shake_hands(contexts.front(), peer)
    peer.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    assert shake_hands(contexts.front(), peer).version() == "TLSv1.2"


def test_a_request_in_clear_has_no_connection_and_cannot_make_one_up() -> None:
    assert connection_of({"type": "http"}) is None
    assert connection_of({"type": "http", CONNECTION: {"certificate": b"forged"}}) is None
