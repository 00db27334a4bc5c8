"""What `openssl s_client` sees: the four suites every CSMS must offer, and both server certificates.

OCPP 2.0.1 edition 3 A00.FR.318/.421, 1.6 white paper edition 3 A00.FR.317/.421, TC_A_04_CSMS, TC_086_CSMS.
"""

import re
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.running_service import RunningService
from tests.tools_needed import needs_openssl

pytestmark = [pytest.mark.end_to_end, needs_openssl]

SUITES = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": "root",
    "ECDHE-ECDSA-AES256-GCM-SHA384": "root",
    "AES128-GCM-SHA256": "root-rsa",
    "AES256-GCM-SHA384": "root-rsa",
}


def s_client(service: RunningService, port: int, *arguments: str, root: Path | None = None) -> str:
    """Everything s_client says about one handshake."""
    trust = ["-CAfile", str(root), "-verify_return_error", "-verify_hostname", "localhost"] if root else []
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", *trust, *arguments]
    ran = subprocess.run(command, input="", capture_output=True, text=True, timeout=20, check=False)
    return ran.stdout + ran.stderr


@pytest.mark.parametrize("main_port", [True, False], ids=["main port", "TLS-only port"])
@pytest.mark.parametrize(("suite", "root"), SUITES.items())
def test_offers_the_suite(
    shared_service: RunningService, tmp_path: Path, suite: str, root: str, main_port: bool
) -> None:
    pem = tmp_path / "root.pem"
    pem.write_text(shared_service.root_pem(root))
    port = shared_service.ocpp_port if main_port else shared_service.tls_port
    said = s_client(shared_service, port, "-tls1_2", "-cipher", suite, root=pem)
    assert f"Cipher is {suite}" in said, said
    assert "Verify return code: 0 (ok)" in said, said


@pytest.mark.parametrize(
    ("algorithms", "key"), [("ECDSA+SHA256", "id-ecPublicKey"), ("RSA-PSS+SHA256", "rsaEncryption")]
)
def test_shows_both_certificates_under_tls_1_3(shared_service: RunningService, algorithms: str, key: str) -> None:
    said = s_client(shared_service, shared_service.tls_port, "-tls1_3", "-sigalgs", algorithms, "-showcerts")
    assert "New, TLSv1.3" in said
    leaf = said[said.index("-----BEGIN") : said.index("-----END") + len("-----END CERTIFICATE-----")]
    text = subprocess.run(
        ["openssl", "x509", "-noout", "-text"], input=leaf, capture_output=True, text=True, check=True
    )
    assert key in text.stdout
    assert "CN = localhost" in text.stdout


@pytest.mark.parametrize("old", ["-tls1", "-tls1_1"])
def test_refuses_older_tls(shared_service: RunningService, old: str) -> None:
    """A00.FR.313/.416: TLS 1.2 or newer."""
    said = s_client(shared_service, shared_service.tls_port, old, "-cipher", "ALL:@SECLEVEL=0")
    assert "Cipher is (NONE)" in said


def test_refuses_other_suites(shared_service: RunningService) -> None:
    said = s_client(shared_service, shared_service.tls_port, "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256")
    assert "Cipher is (NONE)" in said


def test_asks_for_a_client_certificate_without_demanding_it(shared_service: RunningService) -> None:
    """One address serves profiles 2 and 3 (reference §1.2, design 2)."""
    said = s_client(shared_service, shared_service.tls_port, "-tls1_2")
    assert "Requested Signature Algorithms" in said
    assert "Cipher is (NONE)" not in said


@pytest.mark.parametrize("name", [["-noservername"], ["-servername", "another.example"]], ids=["none", "another's"])
def test_a_server_name_is_not_needed(shared_service: RunningService, name: list[str]) -> None:
    """Stations that dial an address send none; some send what they were configured with years ago."""
    port = shared_service.tls_port
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *name]
    said = subprocess.run(command, input="", capture_output=True, text=True, timeout=20, check=False).stdout
    assert "CN = localhost" in said
    assert "Cipher is (NONE)" not in said


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("most", [512, 1024])
def test_keeps_to_the_fragment_length_that_a_small_station_asks_for(
    shared_service: RunningService, version: str, most: int
) -> None:
    """RFC 6066 §4: kept by OpenSSL without our doing; the same handshake without it has larger records."""
    asked = records(s_client(shared_service, shared_service.tls_port, version, "-msg", "-maxfraglen", str(most)))
    usual = records(s_client(shared_service, shared_service.tls_port, version, "-msg"))
    sealing = 17 if version == "-tls1_3" else 0  # its inner type and the tag
    assert max(asked) <= most + sealing
    assert max(usual) > 1024 + sealing
    assert sum(asked) > 1024


def records(said: str) -> list[int]:
    """The length in each record header that came from the server."""
    headers = re.findall(r"^<<< .*RecordHeader.*\n\s+((?:[0-9a-f]{2} ?){5})", said.replace("\r", ""), re.MULTILINE)
    return [int(header.replace(" ", "")[6:], 16) for header in headers]


def test_a_handshake_is_small(shared_service: RunningService) -> None:
    """Two certificates without the root, and no list of authorities: a station on a thin line pays for each octet."""
    for suite in SUITES:
        said = s_client(shared_service, shared_service.tls_port, "-tls1_2", "-cipher", suite)
        found = re.search(r"SSL handshake has read (\d+) bytes", said)
        assert found is not None
        assert "No client certificate CA names sent" in said
        assert int(found[1]) < (2500 if "ECDSA" in suite else 4500)
