"""What all tests share: logs as the service writes them, since structlog's own default shows local variables."""

from pathlib import Path

import pytest

from tests.end_to_end.running_service import voltward
from web.logs import set_up_logs

# They start many processes or render many pages: `make test` runs them, `make check` does not.
SLOW_FILES = {
    "test_backup.py",
    "test_cli.py",
    "test_cli_audit.py",
    "test_crl.py",
    "test_custody.py",
    "test_docs.py",
    "test_elsewhere.py",
    "test_est.py",
    "test_firmware.py",
    "test_kms.py",
    "test_interop.py",
    "test_ocsp.py",
    "test_pages.py",
    "test_pages_revoking.py",
    "test_pkcs11.py",
    "test_readme.py",
    "test_rollover.py",
    "test_roots.py",
    "test_routes.py",
    "test_unrecorded_acts.py",
    "test_signer_process.py",
    "test_signer_watch.py",
    "test_vaults.py",
    "test_whole_custody.py",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance-report",
        action="store_true",
        help="write what became of each case into docs/conformance.json; with -n 0",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name in SLOW_FILES:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True, scope="session")
def _logs() -> None:
    set_up_logs("warning")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder is made for all (RSA keys take their time); whoever changes it works on a copy."""
    folder = tmp_path_factory.mktemp("template") / "data"
    made = voltward("init", "--data", str(folder), "--organisation", "Test Operator", "--json")
    assert made.returncode == 0, made.stderr
    return folder
