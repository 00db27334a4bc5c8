"""A CI job has an image signed without a stored secret, while people approve: real issuer, command and service."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.ci_issuer import CiIssuer, ci_issuer
from tests.end_to_end.running_service import RunningService, voltward

pytestmark = pytest.mark.end_to_end
SIGN = ("--vendor", "Acme", "--model", "Wallbox", "--version", "1.0", "--oidc-github", "voltward", "--json")


@pytest.fixture(scope="module")
def issuer() -> Iterator[CiIssuer]:
    with ci_issuer(life=30) as one:  # less than the command keeps in hand, so each request needs another
        yield one


@pytest.fixture(scope="module")
def service(issuer: CiIssuer, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    started = RunningService(Path(shutil.copytree(template, tmp_path_factory.mktemp("ci") / "data")))
    started.extra = issuer.setting("voltward", "Acme")
    started.start()
    try:
        yield started
    finally:
        started.stop()


def test_a_job_waits_for_approval_longer_than_its_token_lives(
    service: RunningService, issuer: CiIssuer, tmp_path: Path
) -> None:
    image, bundle = tmp_path / "firmware.bin", tmp_path / "firmware.bundle"
    image.write_bytes(b"image" * 1000)
    service.post("firmware-rules", {"vendor": "Acme", "approvals": 1})
    environment = {**service.environment, **issuer.job, "VOLTWARD_URL": service.url, "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "web.cli", "firmware", "sign", str(image), *SIGN]
    command += ["--wait", "--out-bundle", str(bundle)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as job:
        waiting = pending(service)
        assert service.get(f"firmware/{waiting}")["requested_by"] == "oidc:wallbox"
        service.post(f"firmware/{waiting}/approve", {})
        _, told = job.communicate(timeout=60)
    assert job.returncode == 0, told
    assert issuer.given > 2
    root, key = tmp_path / "manufacturer.pem", tmp_path / "log.pem"
    assert service.cli("ca", "export", "manufacturer", "--out", str(root)).returncode == 0
    assert service.cli("firmware", "log", "key", "--out", str(key)).returncode == 0
    offline = ("--bundle", str(bundle), "--root", str(root), "--log-key", str(key))
    assert voltward("firmware", "verify", str(image), *offline).returncode == 0
    image.write_bytes(b"other" * 1000)
    assert voltward("firmware", "verify", str(image), *offline).returncode == 1


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [({"ref": "refs/heads/main"}, "no rule is for a job with"), ({"repository": "evil/wallbox"}, "no rule is for")],
)
def test_a_job_that_no_rule_is_for_is_told_so(
    service: RunningService, issuer: CiIssuer, tmp_path: Path, claims: dict[str, str], sentence: str
) -> None:
    image = tmp_path / "firmware.bin"
    image.write_bytes(b"image")
    before = dict(issuer.claims)
    issuer.claims |= claims
    env = {**service.environment, **issuer.job, "VOLTWARD_URL": service.url}
    try:
        refused = voltward("firmware", "sign", str(image), *SIGN, env=env)
    finally:
        issuer.claims = before
    assert refused.returncode == 2
    assert sentence in refused.stderr
    assert issuer.job_secret not in refused.stderr


def test_a_token_for_another_audience_is_refused(service: RunningService, issuer: CiIssuer, tmp_path: Path) -> None:
    image = tmp_path / "firmware.bin"
    image.write_bytes(b"image")
    env = {**service.environment, **issuer.job, "VOLTWARD_URL": service.url}
    refused = voltward("firmware", "sign", str(image), *SIGN[:6], "--oidc-github", "elsewhere", env=env)
    assert (refused.returncode, "another audience" in refused.stderr) == (2, True)


def test_outside_a_job_the_command_says_what_is_missing(tmp_path: Path) -> None:
    image = tmp_path / "firmware.bin"
    image.write_bytes(b"image")
    refused = voltward("firmware", "sign", str(image), *SIGN)
    assert (refused.returncode, "ACTIONS_ID_TOKEN_REQUEST_URL is not set" in refused.stderr) == (2, True)


def pending(service: RunningService) -> str:
    """The id of the order that waits for approval, once it is there."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found: list[dict[str, str]] = service.get("firmware", state="pending")["items"]
        if found:
            return found[0]["id"]
        time.sleep(0.2)
    raise AssertionError("the job's order never came")
