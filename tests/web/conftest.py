"""A real data folder, made once and copied for each test: real SQLite, real keys, real doors."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.web.commands import Command, Ran
from web.app import make_app
from web.cli.main import exit_code_of
from web.data_folder import NewFolder, make_folder, open_folder
from web.permissions import Role
from web.service import Service

PASSPHRASE = "a passphrase of the tests"
ENVIRONMENT = {"VOLTWARD_PASSPHRASE": PASSPHRASE}
BASE_URL = "http://127.0.0.1:8080"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> NewFolder:
    """The folder that the others are copied from; RSA keys take seconds to make."""
    folder = tmp_path_factory.mktemp("template") / "data"
    return make_folder(folder, "Test Operator", ["csms.example.org", "localhost"], ENVIRONMENT)


@pytest.fixture
def folder(made: NewFolder, tmp_path: Path) -> Path:
    """A data folder of one's own."""
    copy = tmp_path / "data"
    shutil.copytree(made.folder, copy)
    return copy


@pytest.fixture
def service(folder: Path) -> Iterator[Service]:
    """The opened folder."""
    opened = open_folder(folder, ENVIRONMENT)
    yield opened
    opened.close()


@pytest.fixture
async def anonymous(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """The app in this process, called by nobody in particular."""
    transport = httpx.ASGITransport(make_app(service), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        yield client


@pytest.fixture
async def api(anonymous: httpx.AsyncClient, service: Service) -> httpx.AsyncClient:
    """The same, called with an admin's token."""
    anonymous.headers["Authorization"] = f"Bearer {token(service, Role.ADMIN)}"
    return anonymous


def token(service: Service, role: Role) -> str:
    """The text of a fresh token."""
    return service.accounts.make_token(f"test {role}", role, "operator")[1].text()


@pytest.fixture
def bare(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command line in this process."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("VOLTWARD_URL", "http://127.0.0.1:9")

    def run(*arguments: str) -> Ran:
        code = exit_code_of(arguments)
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return run


@pytest.fixture
def voltward(bare: Command, folder: Path) -> Command:
    """The same with --data."""
    return lambda *arguments: bare(*arguments, "--data", str(folder))
