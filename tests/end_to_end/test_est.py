"""EST (RFC 7030) over real TLS, with `curl` and `openssl` as anybody in a factory would use it (docs/est.md)."""

import asyncio
import http.client
import shutil
import sqlite3
import ssl
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AttributeOID, NameOID

from tests.end_to_end.running_service import RunningService, free_ports
from tests.end_to_end.stations import knock, register, trusting
from tests.tools_needed import needs, needs_openssl

pytestmark = [pytest.mark.end_to_end, needs_openssl, needs("curl", "curl")]
SUBJECT = "/O=Test Operator/CN=SN-"


@dataclass(frozen=True)
class Answer:
    """What curl got."""

    status: int
    body: bytes
    headers: str

    @property
    def text(self) -> str:
        return self.body.decode()


class Factory:
    """A folder on a bench with openssl and curl, before a service with its TLS web port open."""

    def __init__(self, service: RunningService, port: int, folder: Path) -> None:
        self.service = service
        self.folder = folder
        self.port = port
        (folder / "root.pem").write_text(service.root_pem())

    def openssl(self, *arguments: str) -> str:
        ran = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def curl(self, operation: str, *arguments: str, port: int | None = None, scheme: str = "https") -> Answer:
        """One operation of EST; the answer's status, body and headers."""
        url = f"{scheme}://localhost:{port or self.port}/.well-known/est/{operation}"
        body, headers = self.folder / "answer", self.folder / "headers"
        command = ["curl", "-sS", "--cacert", "root.pem", "-o", body.name, "-D", headers.name, "-w", "%{http_code}"]
        ran = subprocess.run(
            [*command, *arguments, url], cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 0, ran.stderr
        return Answer(int(ran.stdout), body.read_bytes(), headers.read_text().lower())

    def request(self, station: str, key: str = "key", subject: str | None = None) -> None:
        """A key and a certificate request, as docs/est.md has them."""
        if not (self.folder / f"{key}.pem").exists():
            self.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{key}.pem")
        named = subject or SUBJECT + station
        self.openssl("req", "-new", "-key", f"{key}.pem", "-subj", named, "-outform", "DER", "-out", "request.der")
        self.openssl("base64", "-in", "request.der", "-out", "request.b64")

    def code(self, station: str) -> str:
        made = self.service.post("enrolment-codes", {"stations": [station], "valid_for": "1h"})["items"]
        return str(made[0]["code"])

    def enrol(self, station: str, code: str, *more: str) -> Answer:
        return self.curl("simpleenroll", "-u", f"{station}:{code}", *self.sending(), *more)

    def sending(self, kind: str = "application/pkcs10", body: str = "request.b64") -> tuple[str, ...]:
        return ("-H", f"Content-Type: {kind}", "--data-binary", f"@{body}")

    def keep(self, answer: Answer, name: str) -> str:
        """Write the certificate of an answer down as PEM; its serial number."""
        assert answer.status == 200, answer.text
        (self.folder / "pkcs7.b64").write_bytes(answer.body)
        self.openssl("base64", "-d", "-in", "pkcs7.b64", "-out", "pkcs7.der")
        self.openssl("pkcs7", "-inform", "DER", "-in", "pkcs7.der", "-print_certs", "-out", f"{name}.pem")
        return self.openssl("x509", "-in", f"{name}.pem", "-noout", "-serial").strip().partition("=")[2].lower()

    def showing(self, certificate: str, key: str = "key") -> tuple[str, ...]:
        return ("--cert", f"{certificate}.pem", "--key", f"{key}.pem")


@pytest.fixture(scope="module")
def serving(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningService, int]]:
    service = RunningService(Path(shutil.copytree(template, tmp_path_factory.mktemp("est") / "data")))
    [port] = free_ports(1)
    service.extra = {"VOLTWARD_WEB_TLS_PORT": str(port), "VOLTWARD_WEB_TLS_HOST": "127.0.0.1"}
    service.start()
    try:
        yield service, port
    finally:
        service.stop()


@pytest.fixture
def factory(serving: tuple[RunningService, int], tmp_path: Path) -> Factory:
    return Factory(*serving, tmp_path)


def test_the_console_and_the_api_are_there_over_tls(factory: Factory) -> None:
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{ssl_verify_result}", "--cacert", "root.pem"]
    url = f"https://localhost:{factory.port}/healthz"
    ran = subprocess.run([*command, url], cwd=factory.folder, capture_output=True, text=True, check=True)
    assert ran.stdout == "200 0"
    listed = f"https://localhost:{factory.port}/api/v1/stations"
    ran = subprocess.run([*command, listed], cwd=factory.folder, capture_output=True, text=True, check=True)
    assert ran.stdout == "401 0"


@pytest.mark.parametrize("old", ["1.0", "1.1"])
def test_refuses_older_tls(factory: Factory, old: str) -> None:
    """RFC 8996; A00.FR.313: TLS 1.2 or newer."""
    command = ["curl", "-sS", "--tls-max", old, f"--tlsv{old}", "-k", "--ciphers", "ALL:@SECLEVEL=0"]
    ran = subprocess.run([*command, f"https://localhost:{factory.port}/healthz"], capture_output=True, check=False)
    assert ran.returncode == 35


def test_openssl_reads_the_ca_certificates(factory: Factory) -> None:
    """RFC 7030 §4.1: what is needed to check the station's certificate and the CSMS's."""
    register(factory.service, "CA-1", None, 3)
    serial = factory.keep(factory.curl("cacerts"), "above")
    assert serial
    subjects = factory.openssl("crl2pkcs7", "-nocrl", "-certfile", "above.pem")
    assert subjects
    factory.request("CA-1")
    factory.keep(factory.enrol("CA-1", factory.code("CA-1")), "leaf")
    said = factory.openssl("verify", "-CAfile", "root.pem", "-untrusted", "above.pem", "leaf.pem")
    assert said.strip() == "leaf.pem: OK"


def test_openssl_reads_the_csr_attributes(factory: Factory) -> None:
    answer = factory.curl("csrattrs")
    (factory.folder / "attributes.b64").write_bytes(answer.body)
    factory.openssl("base64", "-d", "-in", "attributes.b64", "-out", "attributes.der")
    said = factory.openssl("asn1parse", "-in", "attributes.der", "-inform", "DER")
    assert "prime256v1" in said
    assert "ecdsa-with-SHA256" in said


def test_a_station_enrols_once_renews_and_dials_in(factory: Factory) -> None:
    """From the one-time code to profile 3, without a word of OCPP before."""
    register(factory.service, "FAC-1", "1.6", 3)
    factory.request("FAC-1")
    code = factory.code("FAC-1")
    first = factory.enrol("FAC-1", code)
    assert "content-type: application/pkcs7-mime; smime-type=certs-only" in first.headers
    serial = factory.keep(first, "leaf")
    assert factory.keep(factory.enrol("FAC-1", code), "again") == serial
    certificate = factory.service.get(f"certificates/{serial}")
    assert (certificate["station"], certificate["common_name"], certificate["state"]) == ("FAC-1", "SN-FAC-1", "good")

    factory.request("FAC-1", key="key2")
    renewed = factory.keep(factory.curl("simplereenroll", *factory.showing("leaf"), *factory.sending()), "leaf2")
    assert renewed != serial
    assert factory.service.get(f"certificates/{serial}")["state"] == "good", "what it has stays good until it is used"

    context = trusting(factory.service.root_pem())
    context.load_cert_chain(factory.folder / "leaf2.pem", factory.folder / "key2.pem")
    assert asyncio.run(knock(factory.service, "FAC-1", tls=context, port=factory.service.tls_port)) == 101
    assert factory.service.get("stations/FAC-1")["profile"] == 3
    stale = factory.curl("simplereenroll", *factory.showing("leaf"), *factory.sending())
    assert (stale.status, "older than one that this station has used" in stale.text) == (403, True)


def test_a_revoked_certificate_renews_nothing(factory: Factory) -> None:
    register(factory.service, "REV-1", None, 3)
    factory.request("REV-1")
    serial = factory.keep(factory.enrol("REV-1", factory.code("REV-1")), "leaf")
    factory.service.post(f"certificates/{serial}/revoke", {"reason": "keyCompromise"})
    for operation in ("simplereenroll", "simpleenroll"):
        refused = factory.curl(operation, *factory.showing("leaf"), *factory.sending())
        assert (refused.status, refused.text) == (403, f"the client certificate {serial} is revoked\n")


def test_bad_codes(factory: Factory) -> None:
    register(factory.service, "BAD-1", None, 3)
    register(factory.service, "BAD-2", None, 3)
    factory.request("BAD-1")
    mine, others = factory.code("BAD-1"), factory.code("BAD-2")
    mistyped = ("1" if mine[0] != "1" else "2") + mine[1:]
    for code, why in ((mistyped, "mistyped"), ("0" * 20, "unknown"), (others, "other-station")):
        refused = factory.enrol("BAD-1", code)
        assert (refused.status, refused.text.partition(":")[0]) == (401, why)
        assert "www-authenticate: basic" in refused.headers
    factory.request("BAD-2", key="other")
    assert factory.enrol("BAD-1", mine).status == 403, "another station's request"
    factory.request("BAD-1")
    factory.keep(factory.enrol("BAD-1", mine), "leaf")
    factory.request("BAD-1", key="third")
    used = factory.enrol("BAD-1", mine)
    assert (used.status, used.text.partition(":")[0]) == (401, "other-key")
    alarms = factory.service.get("alarms")["items"]
    assert ("enrolment-refused", "BAD-1") in {(one["kind"], one["thing"]) for one in alarms}


def test_headers_are_spelt_as_embedded_clients_look_for_them(factory: Factory) -> None:
    """libest compares the names of headers letter by letter (RFC 9110 §5.1 says that case does not matter)."""
    factory.curl("cacerts")
    said = (factory.folder / "headers").read_text()
    assert {"Content-Type", "Content-Length", "Content-Transfer-Encoding"} <= {
        line.split(":")[0] for line in said.splitlines()
    }
    factory.request("BAD-1")
    factory.curl("simpleenroll", *factory.sending())
    assert "\nWWW-Authenticate: Basic realm=" in (factory.folder / "headers").read_text()


def test_an_expired_code(factory: Factory) -> None:
    register(factory.service, "OLD-1", None, 3)
    factory.request("OLD-1")
    code = factory.code("OLD-1")
    with sqlite3.connect(factory.service.folder / "voltward.db") as database:
        database.execute("UPDATE enrolment_codes SET expires_at = made_at WHERE station = 'OLD-1'")
    refused = factory.enrol("OLD-1", code)
    assert (refused.status, refused.text.partition(":")[0]) == (401, "expired")


def test_the_plain_port_speaks_no_est(factory: Factory) -> None:
    for operation, how in (("cacerts", ()), ("simpleenroll", ("-X", "POST", "-d", "MII"))):
        refused = factory.curl(operation, *how, port=factory.service.web_port, scheme="http")
        assert (refused.status, "TLS" in refused.text) == (403, True)


def test_garbage_and_what_is_too_long(factory: Factory) -> None:
    register(factory.service, "BIG-1", None, 3)
    code = factory.code("BIG-1")
    (factory.folder / "garbage").write_bytes(b"\xff\x00garbage" * 40)
    (factory.folder / "big").write_bytes(b"A" * (10 << 20))
    user = ("-u", f"BIG-1:{code}")
    assert factory.curl("simpleenroll", *user, *factory.sending(body="garbage")).status == 400
    assert factory.curl("simpleenroll", *user, *factory.sending("text/plain", "garbage")).status == 415
    began = time.monotonic()
    refused = factory.curl("simpleenroll", *user, *factory.sending(body="big"))
    assert (refused.status, "longer than" in refused.text) == (413, True)
    chunked = factory.curl("simpleenroll", *user, *factory.sending(body="big"), "-H", "Transfer-Encoding: chunked")
    assert chunked.status == 413
    assert time.monotonic() - began < 30
    assert factory.service.get("enrolment-codes", station="BIG-1")["items"][0]["state"] == "open"


def test_one_code_used_by_many_at_once_leads_to_one_certificate(factory: Factory) -> None:
    register(factory.service, "TWO-1", None, 3)
    factory.request("TWO-1")
    code, body = factory.code("TWO-1"), (factory.folder / "request.b64").read_bytes()
    headers = {
        "Content-Type": "application/pkcs10",
        "Authorization": "Basic " + b64encode(f"TWO-1:{code}".encode()).decode(),
    }
    context = trusting(factory.service.root_pem())

    def attempt(_: int) -> int:
        with closing(http.client.HTTPSConnection("localhost", factory.port, context=context, timeout=30)) as line:
            line.request("POST", "/.well-known/est/simpleenroll", body, headers)
            return line.getresponse().status

    with ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(attempt, range(8)))
    assert 200 in statuses
    assert statuses <= {200, 202}
    assert len(factory.service.get("certificates", station="TWO-1")["items"]) == 1


@pytest.mark.parametrize("is_this_one", [True, False])
def test_a_request_bound_to_its_connection(factory: Factory, is_this_one: bool) -> None:
    """RFC 7030 §3.5, under TLS 1.2: what a client knows as tls-unique is what we do."""
    station = f"BIND-{is_this_one:d}"
    register(factory.service, station, None, 3)
    context = trusting(factory.service.root_pem())
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with closing(http.client.HTTPSConnection("localhost", factory.port, context=context, timeout=30)) as line:
        line.connect()
        status, said = bound_request(factory, line, station, is_this_one)
    assert (status, said.startswith(b"other-channel")) == ((200, False) if is_this_one else (400, True))


def bound_request(
    factory: Factory, line: http.client.HTTPSConnection, station: str, is_this_one: bool
) -> tuple[int, bytes]:
    """Enrol with a challengePassword that names this connection, or another."""
    unique = line.sock.get_channel_binding("tls-unique") if is_this_one else bytes(12)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"SN-{station}")])
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .add_attribute(AttributeOID.CHALLENGE_PASSWORD, b64encode(unique))
        .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    )
    headers = {
        "Content-Type": "application/pkcs10",
        "Authorization": "Basic " + b64encode(f"{station}:{factory.code(station)}".encode()).decode(),
    }
    body = b64encode(request.public_bytes(Encoding.DER))
    line.request("POST", "/.well-known/est/simpleenroll", body, headers)
    answer = line.getresponse()
    return answer.status, answer.read()


def test_an_rsa_key_under_the_rsa_label(factory: Factory) -> None:
    register(factory.service, "RSA-1", None, 3)
    factory.openssl("genrsa", "-out", "key.pem", "2048")
    factory.request("RSA-1")
    code = factory.code("RSA-1")
    user = ("-u", f"RSA-1:{code}")
    assert factory.curl("ec/simpleenroll", *user, *factory.sending()).status == 400
    factory.keep(factory.curl("rsa/simpleenroll", *user, *factory.sending()), "leaf")
    factory.keep(factory.curl("rsa/cacerts"), "above")
    (factory.folder / "root-rsa.pem").write_text(factory.service.root_pem("root-rsa"))
    said = factory.openssl("verify", "-CAfile", "root-rsa.pem", "-untrusted", "above.pem", "leaf.pem")
    assert said.strip() == "leaf.pem: OK"


def test_silent_connections_keep_nobody_out(factory: Factory) -> None:
    context = trusting(factory.service.root_pem())
    with ExitStack() as silent:
        for _ in range(20):
            line = http.client.HTTPSConnection("localhost", factory.port, context=context, timeout=30)
            silent.callback(line.close)
            line.connect()
        assert factory.curl("cacerts").status == 200
