"""Behind a load balancer or a TLS edge, and whoever would like to be one.

The service names 127.0.1.1 as an edge and 127.0.2.1 as a balancer; a test dials from whichever address it needs.
"""

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.end_to_end.running_service import RunningService
from tests.end_to_end.sockets import dial, over_tls, request, status_of, upgrade
from tests.end_to_end.stations import register
from tests.pki.makers import maker_root

pytestmark = pytest.mark.end_to_end

EDGE, BALANCER, STRANGER = "127.0.1.1", "127.0.2.1", "127.0.3.1"
TLS = {"X-SSL-Protocol": "TLSv1.2", "X-SSL-Cipher": "ECDHE-ECDSA-AES128-GCM-SHA256", "X-Forwarded-For": "203.0.113.7"}
V1 = b"PROXY TCP4 203.0.113.9 127.0.0.1 40001 8887\r\n"
V2 = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x09\x7f\x00\x00\x01\x9c\x41\x22\xb7"


@pytest.fixture(scope="module")
def service(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    started = RunningService(Path(shutil.copytree(template, tmp_path_factory.mktemp("fronts") / "data")))
    started.extra = {
        "VOLTWARD_OCPP_EDGE_PEERS": f"{EDGE},127.0.1.2",
        "VOLTWARD_OCPP_PROXY_PEERS": "127.0.2.0/24",
        "VOLTWARD_OCPP_TLS_PORT_POLICY": "hardened",
    }
    started.start()
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def certificate(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> x509.Certificate:
    """What EDGE-3 shows to the edge."""
    register(service, "EDGE-3", "1.6", 1)
    key = ec.generate_private_key(ec.SECP256R1())
    names = [(NameOID.ORGANIZATION_NAME, "Test Operator"), (NameOID.COMMON_NAME, "SN-EDGE-3")]
    subject = x509.Name([x509.NameAttribute(kind, value) for kind, value in names])
    csr = tmp_path_factory.mktemp("csr") / "station.pem"
    built = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    csr.write_bytes(built.public_bytes(Encoding.PEM))
    made = service.cli("cert", "issue", "--csr", str(csr), "--profile", "station", "--station", "EDGE-3", "--json")
    return x509.load_pem_x509_certificate(json.loads(made.stdout)["pem"].encode())


def escaped(*certificates: x509.Certificate) -> str:
    return quote("".join(one.public_bytes(Encoding.PEM).decode() for one in certificates), safe="")


def latest(service: RunningService, station: str) -> dict[str, Any]:
    admission: dict[str, Any] = service.get(f"stations/{station}/posture")["admissions"][0]
    return admission


# --- an edge


def test_a_certificate_from_an_edge_proves_the_station(service: RunningService, certificate: x509.Certificate) -> None:
    headers = {**TLS, "X-SSL-Client-Cert": escaped(certificate)}
    assert upgrade(service.ocpp_port, "EDGE-3", headers=headers, source=EDGE) == 101
    recorded = latest(service, "EDGE-3")
    assert recorded["profile"] == 3
    assert recorded["address"] == "203.0.113.7"
    assert "as told by the edge 127.0.1.1" in recorded["reason"]
    posture = service.get("stations/EDGE-3/posture")
    assert "as told by the edge 127.0.1.1" in json.dumps(posture)


def test_it_does_so_over_tls_between_edge_and_us_as_well(
    service: RunningService, certificate: x509.Certificate
) -> None:
    headers = {**TLS, "X-SSL-Client-Cert": escaped(certificate)}
    assert upgrade(service.tls_port, "EDGE-3", headers=headers, source=EDGE, tls=True) == 101
    assert latest(service, "EDGE-3")["profile"] == 3


def test_the_same_header_from_a_stranger_is_refused(service: RunningService, certificate: x509.Certificate) -> None:
    headers = {**TLS, "X-SSL-Client-Cert": escaped(certificate)}
    for tls, port in ((False, service.ocpp_port), (True, service.tls_port)):
        assert upgrade(port, "EDGE-3", headers=headers, source=STRANGER, tls=tls) == 400
        assert "127.0.3.1, which is no named edge" in latest(service, "EDGE-3")["reason"]


def test_another_stations_certificate_is_refused(service: RunningService, certificate: x509.Certificate) -> None:
    password = register(service, "OTHER-3", "1.6", 1)
    headers = {**TLS, "X-SSL-Client-Cert": escaped(certificate)}
    assert upgrade(service.ocpp_port, "OTHER-3", password, headers, source=EDGE) == 401
    assert "belongs to another station" in latest(service, "OTHER-3")["reason"]


def test_an_unrelated_certificate_is_refused(service: RunningService, certificate: x509.Certificate) -> None:
    """An impostor authority with our names: by what it says it is EDGE-3's."""
    assert certificate.subject
    forged = maker_root("stations").certify("SN-EDGE-3", ec.generate_private_key(ec.SECP256R1()))
    headers = {**TLS, "X-SSL-Client-Cert": escaped(forged)}
    assert upgrade(service.ocpp_port, "EDGE-3", headers=headers, source=EDGE) == 401
    assert "leads to no anchor" in latest(service, "EDGE-3")["reason"]


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({**TLS, "X-SSL-Client-Cert": "-----BEGIN CERTIFICATE-----%0AAAAA"}, "not certificates in PEM"),
        ({"X-SSL-Protocol": ""}, "a client certificate, but no TLS"),
        ({"X-SSL-Protocol": "TLSv1.1"}, "TLS of version 'TLSv1.1'"),
        ({**TLS, "X-Forwarded-For": "nowhere"}, "a forwarded address that is none"),
    ],
)
def test_words_that_cannot_be_taken_are_refused_with_the_reason(
    service: RunningService, certificate: x509.Certificate, headers: dict[str, str], said: str
) -> None:
    told = {"X-SSL-Client-Cert": escaped(certificate), **headers}
    assert upgrade(service.ocpp_port, "EDGE-3", headers=told, source=EDGE) == 400
    assert said in latest(service, "EDGE-3")["reason"]


def test_an_oversized_header_is_431_and_the_edge_stays_welcome(
    service: RunningService, certificate: x509.Certificate
) -> None:
    """One line over 8 KiB, and many lines over the limit of a request."""
    for headers in ({"X-SSL-Client-Cert": "A" * 9000}, {f"X-{number}": "A" * 4000 for number in range(8)}):
        assert upgrade(service.ocpp_port, "EDGE-3", headers={**TLS, **headers}, source=EDGE) == 431
    headers = {**TLS, "X-SSL-Client-Cert": escaped(certificate)}
    assert upgrade(service.ocpp_port, "EDGE-3", headers=headers, source=EDGE) == 101


def test_a_password_counts_for_as_much_as_the_edge_says(service: RunningService) -> None:
    """TLS between the edge and us is not the station's."""
    password = register(service, "EDGE-1", "1.6", 1)
    assert upgrade(service.tls_port, "EDGE-1", password, source=EDGE, tls=True) == 101
    assert latest(service, "EDGE-1")["profile"] == 1
    assert upgrade(service.ocpp_port, "EDGE-1", password, {"X-Forwarded-Proto": "wss"}, source=EDGE) == 101
    assert latest(service, "EDGE-1")["profile"] == 2


# --- a balancer


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_a_balancer_tells_where_a_station_is(service: RunningService, header: bytes, tls: bool) -> None:
    name = f"BALANCED-{len(header)}-{tls}"
    password = register(service, name, "1.6", 1)
    for port in (service.tls_port,) if tls else (service.ocpp_port,):
        assert upgrade(port, name, password, source=BALANCER, before=header, tls=tls) == 101
    assert latest(service, name)["address"] == "203.0.113.9"


def test_a_header_may_come_in_pieces(service: RunningService) -> None:
    password = register(service, "PIECES-1", "1.6", 1)
    with dial(service.ocpp_port, BALANCER) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in V2:
            peer.sendall(bytes((octet,)))
        peer.sendall(request("PIECES-1", password))
        assert status_of(peer) == 101


@pytest.mark.parametrize("source", [STRANGER, EDGE])
@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
def test_nobody_else_may_send_one(service: RunningService, header: bytes, source: str) -> None:
    assert upgrade(service.ocpp_port, "EDGE-3", before=header, source=source) is None


@pytest.mark.parametrize("before", [b"", V1[:-2] + b"x\r\n", V2[:12] + b"\x31" + V2[13:]], ids=["none", "v1", "v2"])
def test_a_balancer_without_a_good_header_is_hung_up_on(service: RunningService, before: bytes) -> None:
    assert upgrade(service.ocpp_port, "EDGE-3", before=before, source=BALANCER) is None


def test_an_edge_behind_a_balancer_is_an_edge(service: RunningService, certificate: x509.Certificate) -> None:
    before = V1.replace(b"203.0.113.9", EDGE.encode())
    headers = {**TLS, "X-SSL-Client-Cert": escaped(certificate)}
    assert upgrade(service.ocpp_port, "EDGE-3", headers=headers, source=BALANCER, before=before) == 101
    assert latest(service, "EDGE-3")["address"] == "203.0.113.7"


def test_each_port_keeps_its_own_policy(service: RunningService) -> None:
    for port, suites in ((service.ocpp_port, "AES128-GCM-SHA256"), (service.tls_port, "ECDHE-RSA-AES128-GCM-SHA256")):
        with dial(port) as plain, over_tls(plain, f"{suites}:@SECLEVEL=2") as peer:
            assert peer.cipher() == (suites, "TLSv1.2", 128)
