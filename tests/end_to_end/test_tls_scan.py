"""What sslyze finds on the stations' ports: nothing with the hardened policy, the four suites with the other.

The scanner lives in an environment of its own (`make scanner`), made by `make test`.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from csms_bridge.tls import SUITES, TlsPolicy
from tests.end_to_end.running_service import RunningService
from tests.tools_needed import SSLYZE, needs_sslyze

pytestmark = [pytest.mark.end_to_end, needs_sslyze]

PROBES = (
    "certinfo", "sslv2", "sslv3", "tlsv1", "tlsv1_1", "tlsv1_2", "tlsv1_3", "compression", "early_data", "openssl_ccs",
    "fallback", "heartbleed", "robot", "reneg", "elliptic_curves", "ems",
)  # fmt: skip
TRIES = 3
TLS_1_3 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
CURVES = {"X25519", "X448", "secp256r1", "secp384r1", "secp521r1"}
"""OpenSSL's own. Mozilla's list ends at three; Python has no way to choose more than one, and a station's own key may
be on any of the NIST curves, which TLS 1.2 takes for signatures only when it is among these."""

Scan = dict[str, Any]


@pytest.fixture(scope="module")
def service(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """The main port has the certification's policy, the TLS-only port the hardened one."""
    started = RunningService(Path(shutil.copytree(template, tmp_path_factory.mktemp("scan") / "data")))
    started.extra = {"VOLTWARD_OCPP_TLS_PORT_POLICY": "hardened"}
    started.start()
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def scans(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> dict[TlsPolicy, Scan]:
    folder = tmp_path_factory.mktemp("found")
    roots = folder / "roots.pem"
    roots.write_text(service.root_pem("root") + service.root_pem("root-rsa"))
    ports = {TlsPolicy.CERTIFICATION: service.ocpp_port, TlsPolicy.HARDENED: service.tls_port}
    return {policy: scanned(port, roots, folder / f"{policy}.json") for policy, port in ports.items()}


def scanned(port: int, roots: Path, found: Path) -> Scan:
    """A whole scan. The scanner gives a probe up when a busy machine is slow; then it has to look again."""
    for _ in range(TRIES):
        probes = scanned_once(port, roots, found)
        unfinished = {name: probe["error_reason"] for name, probe in probes.items() if probe["status"] == "ERROR"}
        if unfinished.get("robot") == "CLIENT_CERTIFICATE_NEEDED":
            del unfinished["robot"]
        if not unfinished:
            return {name: probe["result"] for name, probe in probes.items() if probe["status"] == "COMPLETED"}
    raise AssertionError(f"the scanner could not finish {unfinished}")


def scanned_once(port: int, roots: Path, found: Path) -> Scan:
    probes = [f"--{probe}" for probe in PROBES]
    options = [
        "--sni",
        "localhost",
        "--certinfo_ca_file",
        str(roots),
        "--slow_connection",
        "--mozilla_config",
        "disable",
    ]
    command = [str(SSLYZE), *probes, *options, f"--json_out={found}", f"localhost:{port}"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    results = json.loads(found.read_text())["server_scan_results"][0]
    assert results["scan_status"] == "COMPLETED", ran.stdout + ran.stderr
    scan: Scan = results["scan_result"]
    return scan


def suites(scan: Scan, version: str) -> set[str]:
    return {one["cipher_suite"]["openssl_name"] for one in scan[f"{version}_cipher_suites"]["accepted_cipher_suites"]}


def robot_verdict(scan: Scan) -> str:
    """The scanner leaves out the empty Certificate message that a server which asks for one must get, so that OpenSSL
    hangs up on its first octets; whether it sees the alert or a closed socket is chance, and neither is an oracle.
    """
    return scan["robot"]["robot_result"] if "robot" in scan else "NOT_VULNERABLE_HUNG_UP"


def findings(scan: Scan) -> list[str]:
    """Everything that sslyze tells of as a weakness, whatever the suites."""
    found = [f"speaks {version}" for version in ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1") if suites(scan, version)]
    weak = {
        "compression": scan["tls_compression"]["supports_compression"],
        "early data": scan["tls_1_3_early_data"]["supports_early_data"],
        "CCS injection": scan["openssl_ccs_injection"]["is_vulnerable_to_ccs_injection"],
        "heartbleed": scan["heartbleed"]["is_vulnerable_to_heartbleed"],
        "ROBOT": not robot_verdict(scan).startswith("NOT_VULNERABLE"),
        "renegotiation by the client": scan["session_renegotiation"]["is_vulnerable_to_client_renegotiation_dos"],
        "insecure renegotiation": not scan["session_renegotiation"]["supports_secure_renegotiation"],
        "no fallback signal": not scan["tls_fallback_scsv"]["supports_fallback_scsv"],
        "no extended master secret": not scan["tls_extended_master_secret"]["supports_ems_extension"],
        "other curves": not {one["name"] for one in scan["elliptic_curves"]["supported_curves"]} <= CURVES,
    }
    return [*found, *(name for name, is_there in weak.items() if is_there)]


@pytest.mark.parametrize("policy", TlsPolicy)
def test_there_is_no_finding(scans: dict[TlsPolicy, Scan], policy: TlsPolicy) -> None:
    assert findings(scans[policy]) == []


@pytest.mark.parametrize("policy", TlsPolicy)
def test_the_suites_are_the_policys_and_no_other(scans: dict[TlsPolicy, Scan], policy: TlsPolicy) -> None:
    assert suites(scans[policy], "tls_1_2") == set(SUITES[policy])
    assert suites(scans[policy], "tls_1_3") == TLS_1_3


def test_every_suite_of_the_hardened_policy_has_forward_secrecy(scans: dict[TlsPolicy, Scan]) -> None:
    taken = scans[TlsPolicy.HARDENED]["tls_1_2_cipher_suites"]["accepted_cipher_suites"]
    assert all(one["ephemeral_key"] for one in taken)
    assert not any("CBC" in one["cipher_suite"]["name"] for one in taken)
    assert robot_verdict(scans[TlsPolicy.HARDENED]) == "NOT_VULNERABLE_RSA_NOT_SUPPORTED"


@pytest.mark.parametrize("policy", TlsPolicy)
def test_both_certificates_are_shown_with_chains_to_our_roots(scans: dict[TlsPolicy, Scan], policy: TlsPolicy) -> None:
    shown = scans[policy]["certificate_info"]["certificate_deployments"]
    keys = {one["received_certificate_chain"][0]["public_key"]["algorithm"] for one in shown}
    assert len(shown) == 2
    assert len(keys) == 2
    for one in shown:
        assert one["received_chain_has_valid_order"]
        assert any(path["was_validation_successful"] for path in one["path_validation_results"])
        assert not one["received_chain_contains_anchor_certificate"]  # a handshake carries no root for nothing
