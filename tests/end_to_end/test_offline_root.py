"""A root key that never meets the network: two folders, files carried between them, and a station that gets in."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.end_to_end.running_service import RunningService, voltward
from tests.end_to_end.stations import knock, register, trusting
from tests.pki.conftest import openssl
from tests.tools_needed import needs_openssl

pytestmark = pytest.mark.end_to_end

ROOTS = 'title = "Offline root"\n[[root]]\nname = "root"\ncommon_name = "Far Root"\npath_length = 1\n'
MAKERS = 'title = "For firmware"\n[[root]]\nname = "manufacturer"\nhierarchy = "manufacturer"\n'


class Places:
    """The machine without a network, the service, and the stick that is carried between them."""

    def __init__(self, room: Path) -> None:
        self.offline, self.online, self.stick = room / "offline", room / "online", room / "stick"
        self.stick.mkdir()
        self.service = RunningService(self.online)
        self.url = self.service.url

    def carried(self, name: str) -> Path:
        return self.stick / name

    def do(self, *arguments: str) -> str:
        ran = voltward(*arguments, timeout=180)
        assert ran.returncode == 0, f"{arguments}\n{ran.stderr}"
        return ran.stdout

    def off(self, *arguments: str) -> str:
        return self.do(*arguments, "--data", str(self.offline))

    def on(self, *arguments: str) -> str:
        return self.do(*arguments, "--data", str(self.online))

    def establish(self) -> None:
        """The steps of docs/ceremonies.md."""
        self.carried("roots.toml").write_text(ROOTS)
        self.carried("makers.toml").write_text(MAKERS)
        address = ("--public-url", self.url)
        self.off("init", "--organisation", "Far Charging", "--offline", *address)
        record = self.carried("record.json")
        self.off("ca", "ceremony", str(self.carried("roots.toml")), "--yes", "--record", str(record))
        self.on("init", "--organisation", "Far Charging", "--bare", "--hostname", "localhost", *address)
        self.on("ca", "ceremony", str(self.carried("makers.toml")), "--yes")
        self.off("ca", "crl", "root", "--out", str(self.carried("root.crl")))
        for post in ("stations", "csms"):
            self.certify(post)

    def certify(self, post: str) -> None:
        csr, pem = str(self.carried(f"{post}.csr")), str(self.carried(f"{post}.pem"))
        asked = json.loads(self.on("ca", "request", post, "--post", post, "--out", csr, "--json"))
        self.off("ca", "sign-request", csr, "--key", asked["spki_sha256"], "--out", pem)
        self.on("ca", "accept", pem, "--name", post, "--crl", str(self.carried("root.crl")))


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    found = Places(tmp_path_factory.mktemp("offline-root"))
    found.establish()
    found.service.start()
    yield found
    found.service.stop()


def pem_of_list(der: bytes) -> str:
    return x509.load_der_x509_crl(der).public_bytes(Encoding.PEM).decode()


def station_certificate(service: RunningService, name: str) -> dict[str, str]:
    register(service, name, "1.6")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"SN-{name}")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    body = {"csr": csr.public_bytes(Encoding.PEM).decode(), "profile": "station", "station": name}
    found: dict[str, str] = service.post("certificates", body)
    return found


@needs_openssl
def test_a_stations_certificate_under_the_offline_root_passes_openssl_with_the_lists_it_names(places: Places) -> None:
    service = places.service
    certificate = station_certificate(service, "FAR-1")
    (places.stick / "leaf.pem").write_text(certificate["pem"])
    (places.stick / "chain.pem").write_text(certificate["chain_pem"])
    (places.stick / "root.pem").write_text(places.off("ca", "export", "root"))
    _, issuing = x509.load_pem_x509_certificates(certificate["chain_pem"].encode())
    (places.stick / "issuing.pem").write_bytes(issuing.public_bytes(Encoding.PEM))
    leaf = x509.load_pem_x509_certificate(certificate["pem"].encode())
    for judged, name in ((leaf, "leaf.pem"), (issuing, "issuing.pem")):
        points = judged.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        address = points[0].full_name[0].value  # type: ignore[index]
        assert address.startswith(places.url)
        (places.stick / "list.pem").write_text(pem_of_list(httpx.get(address).raise_for_status().content))
        done = openssl(
            "verify", "-x509_strict", "-crl_check", "-CAfile", places.stick / "root.pem", "-CRLfile",
            places.stick / "list.pem", "-untrusted", places.stick / "chain.pem", places.stick / name,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


async def test_stations_meet_the_service_under_the_offline_root(places: Places) -> None:
    """TLS against the far root: wrong credentials are answered, so that the handshake was good."""
    root = places.off("ca", "export", "root")
    assert await knock(places.service, "FAR-9", tls=trusting(root)) in (401, 404)


def test_the_offline_folder_is_not_served_and_holds_the_only_root_key(places: Places) -> None:
    refused = voltward("serve", "--data", str(places.offline))
    assert refused.returncode != 0
    assert "without a network" in refused.stderr
    here = {path.stem for path in places.online.rglob("*.key")}
    assert {"stations", "csms", "manufacturer"} <= here
    assert "root" not in here
    assert "root" in {path.stem for path in places.offline.rglob("*.key")}


@needs_openssl
def test_the_record_of_the_offline_ceremony_is_checked_anywhere(places: Places) -> None:
    record = places.carried("record.json")
    root = places.carried("root-for-record.pem")
    root.write_text(places.off("ca", "export", "root"))
    places.do("ca", "record", "verify", str(record), "--root", str(root))
    key = places.carried("root.pub")
    key.write_text(openssl("x509", "-in", root, "-pubkey", "-noout").stdout)
    signature = record.with_name("record.json.root.sig")
    assert openssl("dgst", "-sha256", "-verify", key, "-signature", signature, record).returncode == 0


def test_an_issuer_that_the_offline_root_revokes_stops_issuing_in_the_running_service(places: Places) -> None:
    service = places.service
    serial = service.get("authorities/csms")["serial"]
    places.off("cert", "revoke", serial, "--reason", "keyCompromise")
    places.off("ca", "crl", "root", "--out", str(places.carried("fresh.crl")))
    taken = service.post("crls", {"crl": places.carried("fresh.crl").read_text()})
    assert taken["revoked"] == ["csms"]
    assert service.get("authorities/csms")["status"] == "retired"
    assert "authority-revoked" in [alarm["kind"] for alarm in service.get("alarms")["items"]]
    published = httpx.get(f"{places.url}/pki/crl/root/0.crl").raise_for_status().content
    assert x509.load_der_x509_crl(published).get_revoked_certificate_by_serial_number(int(serial, 16)) is not None
