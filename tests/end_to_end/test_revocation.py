"""Revocation as others see it: OpenSSL against a running service, and a second process on the same database."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from pki.audit import AuditTrail
from pki.authority import Authority, Certificate, Order, RevocationReason
from pki.keystore import KeyStore
from pki.store import Store
from tests.end_to_end.postgres import needs_postgresql, running_postgres
from tests.end_to_end.running_service import RunningService, voltward
from tests.pki.conftest import PASSPHRASE, SETTINGS, openssl
from tests.tools_needed import needs_openssl
from tests.web.requests import request_pem
from web.schema import migrate

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    started = RunningService(tmp_path_factory.mktemp("revocation") / "data")
    made = voltward(
        "init", "--data", str(started.folder), "--organisation", "Test Operator", "--hostname", "csms.example",
        env=started.environment,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    started.start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def other(service: RunningService) -> Iterator[RunningService]:
    """A second process for the console alone, on the same folder and so the same database."""
    second = RunningService(service.folder)
    second.log = service.folder.with_suffix(".second.log")
    second.extra.update(VOLTWARD_NODE="second", VOLTWARD_PUBLIC_URL=service.url)
    second.roles = ("web",)
    second.start()
    yield second
    second.stop()


def certificate_of(service: RunningService, name: str) -> str:
    """A station's chain in PEM."""
    service.post("stations", {"id": name, "serial": name, "profile": 3})
    asked = {"csr": request_pem(name), "profile": "station", "station": name}
    made: str = service.post("certificates", asked)["chain_pem"]
    return made


def serial_of(chain_pem: str) -> str:
    return f"{x509.load_pem_x509_certificate(chain_pem.encode()).serial_number:x}"


def status(service: RunningService, chain_pem: str) -> ocsp.OCSPCertStatus:
    leaf, issuer = x509.load_pem_x509_certificates(chain_pem.encode())[:2]
    request = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA256()).build()
    answer = httpx.post(f"{service.url}/pki/ocsp", content=request.public_bytes(Encoding.DER))
    return ocsp.load_der_ocsp_response(answer.content).certificate_status


@needs_openssl
def test_openssl_asks_the_running_service_and_agrees(service: RunningService, tmp_path: Path) -> None:
    chain_pem = certificate_of(service, "ASKED-1")
    leaf, issuer, root = (tmp_path / f"{name}.pem" for name in ("leaf", "issuer", "root"))
    certificates = x509.load_pem_x509_certificates(chain_pem.encode())
    leaf.write_bytes(certificates[0].public_bytes(Encoding.PEM))
    issuer.write_bytes(certificates[1].public_bytes(Encoding.PEM))
    root.write_text(service.root_pem())
    asked = ("ocsp", "-url", f"{service.url}/pki/ocsp", "-issuer", issuer, "-CAfile", root, "-verify_other", issuer)

    def ask(*more: object) -> str:
        done = openssl(*asked, *more)
        assert "Response verify OK" in done.stderr, done.stderr
        assert "WARNING" not in done.stderr
        return done.stdout

    for nonce in ("-nonce", "-no_nonce", "-no_nonce"):  # the last from memory
        assert "leaf.pem: good" in ask(nonce, "-cert", leaf)
    service.post(f"certificates/{serial_of(chain_pem)}/revoke", {"reason": "keyCompromise"})
    for nonce in ("-nonce", "-no_nonce", "-no_nonce"):
        told = ask(nonce, "-cert", leaf)
        assert "leaf.pem: revoked" in told
        assert "Reason: keyCompromise" in told
    never = ask("-no_nonce", "-serial", "0x1234", "-serial", f"0x{serial_of(chain_pem)}")
    assert "0x1234: revoked" in never
    assert "Reason: certificateHold" in never
    assert "Jan  1 00:00:00 1970" in never


@needs_openssl
def test_openssl_reads_the_lists_of_the_running_service(service: RunningService, tmp_path: Path) -> None:
    chain_pem = certificate_of(service, "LISTED-1")
    serial = serial_of(chain_pem)
    service.post(f"certificates/{serial}/revoke", {"reason": "superseded"})
    issuer = tmp_path / "issuer.pem"
    issuer.write_bytes(x509.load_pem_x509_certificates(chain_pem.encode())[1].public_bytes(Encoding.PEM))
    for name in (f"stations/{int(serial, 16) % 16}", "stations"):
        der = tmp_path / "list.crl"
        _await_listed(f"{service.url}/pki/crl/{name}.crl", int(serial, 16), der)
        read = openssl("crl", "-inform", "DER", "-in", der, "-noout", "-text", "-verify", "-CAfile", issuer)
        assert "verify OK" in read.stderr
        assert serial.upper() in read.stdout
        assert "Superseded" in read.stdout


def _await_listed(address: str, serial: int, file: Path) -> None:
    """Within a minute, as promised."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        file.write_bytes(httpx.get(address).raise_for_status().content)
        if x509.load_der_x509_crl(file.read_bytes()).get_revoked_certificate_by_serial_number(serial):
            return
        time.sleep(0.2)
    raise AssertionError(f"{address} does not list it within a minute")


def test_a_second_process_says_so_within_a_second(service: RunningService, other: RunningService) -> None:
    """DESIGN §3.5; and a release as soon."""
    chain_pem = certificate_of(service, "SECOND-1")
    address = f"certificates/{serial_of(chain_pem)}"
    for node in (service, other, other):  # remembered by both
        assert status(node, chain_pem) is ocsp.OCSPCertStatus.GOOD
    for act, body, expected in (
        ("revoke", {"reason": "certificateHold"}, ocsp.OCSPCertStatus.REVOKED),
        ("release", {}, ocsp.OCSPCertStatus.GOOD),
        ("revoke", {"reason": "keyCompromise"}, ocsp.OCSPCertStatus.REVOKED),
    ):
        service.post(f"{address}/{act}", body)
        done = time.monotonic()
        assert status(service, chain_pem) is expected
        while status(other, chain_pem) is not expected:
            assert time.monotonic() < done + 1.5  # a second, and what a busy machine adds
            time.sleep(0.02)


# --- PostgreSQL


@pytest.fixture(scope="module")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_postgres() as server:
        yield server.new_database("revocation").replace("postgresql://", "postgresql+psycopg://")


def node(store: Store, keys: KeyStore, name: str) -> Authority:
    return Authority(store, keys, AuditTrail(keys.secret("audit"), name), SETTINGS)


def ordered(authority: Authority, number: int) -> Certificate:
    request = authority.read_request(request_pem(f"SN-{number}"))
    return authority.issue(Order(request, "station", f"SN-{number}", station=f"CS-{number}"), "test")


@needs_postgresql
def test_nodes_on_postgresql_revoke_and_publish_at_once_without_deadlock_or_doubled_numbers(
    postgres_url: str, tmp_path: Path
) -> None:
    stores = [Store(postgres_url) for _ in range(2)]
    migrate(stores[0])
    keys = KeyStore.create(tmp_path / "keys", PASSPHRASE, scrypt_cost=2**4)
    first, second = node(stores[0], keys, "first"), node(stores[1], keys, "second")
    first.establish("test")
    certificates = [ordered(first, number) for number in range(40)]
    serials = [certificate.serial for certificate in certificates]
    seen: dict[tuple[str, int], set[bytes]] = {}

    def publish(authority: Authority) -> None:
        for _ in range(15):
            authority.refresh_crls()
            for shard in (None, *range(16)):
                crl = authority.published_crl("stations", shard)
                seen.setdefault((str(shard), crl.number), set()).add(crl.der)

    with ThreadPoolExecutor(4) as pool:
        done = [
            pool.submit(first.revoke_each, serials, RevocationReason.CERTIFICATE_HOLD, "a"),
            pool.submit(second.revoke_each, serials[::-1], RevocationReason.CERTIFICATE_HOLD, "b"),
            pool.submit(publish, first),
            pool.submit(publish, second),
        ]
        for one in done:
            one.result(timeout=120)
    assert all(len(lists) == 1 for lists in seen.values())
    first.release(serials[0], "test")
    listed = [x509.load_der_x509_crl(second.crl("stations", shard)) for shard in range(16)]
    assert {f"{entry.serial_number:x}" for crl in listed for entry in crl} == set(serials[1:])
    for store in stores:
        store.close()
