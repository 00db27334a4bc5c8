"""One hierarchy per test run, copied for each test, so that every test starts clean and none waits for RSA primes."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlmodel import SQLModel

from pki.alarms import Alarms
from pki.audit import AuditTrail
from pki.authority import Authority, Certificate, Order
from pki.clock import utc_now
from pki.issuance import Linted, Reserved
from pki.issuing_desk import IssuingDesk
from pki.keys import KeyAlgorithm, PrivateKey, generate_key
from pki.keystore import KeyStore
from pki.secret_text import Secret
from pki.settings import PkiSettings
from pki.shapes import ShapeBook
from pki.store import Store
from pki.vault import Vault
from tests.pki.places import kms_endpoint, soft_token  # noqa: F401 -- fixtures
from tests.pki.requests import pem_request

PASSPHRASE = Secret.of("correct horse")
CHEAP = 2**4  # scrypt cost for tests only
SETTINGS = PkiSettings(
    organisation="Acme Charging", hostnames=("csms.example", "127.0.0.1"), public_url="http://pki.example"
)


@dataclass
class SetClock:
    """A clock that goes only when told."""

    now: datetime = field(default_factory=lambda: utc_now().replace(microsecond=0))

    def __call__(self) -> datetime:
        return self.now

    def advance(self, span: timedelta) -> None:
        self.now += span


@dataclass
class Room:
    """An authority with what lies beneath it."""

    folder: Path
    store: Store
    keys: KeyStore
    trail: AuditTrail
    clock: SetClock
    authority: Authority

    def rebuilt(self, **changes: object) -> Authority:
        """Another authority on the same folder, with other parts."""
        parts = {"store": self.store, "keys": self.keys, "trail": self.trail, "settings": SETTINGS}
        return Authority(**{**parts, "clock": self.clock, **changes})

    def order(self, key: PrivateKey | None = None, serial: str = "SN-1", station: str = "CS-1") -> Order:
        """An order for a station's certificate, with a fresh EC key unless one is given."""
        key = key or generate_key(KeyAlgorithm.EC_P256)
        request = self.authority.read_request(pem_request(key, serial))
        return Order(request, "station", serial, station=station)

    def issue(self, key: PrivateKey | None = None, serial: str = "SN-1", station: str = "CS-1") -> Certificate:
        """A station's certificate."""
        return self.authority.issue(self.order(key, serial, station), "station:" + station)

    def desk(self, keys: Vault | None = None, trail: AuditTrail | None = None) -> IssuingDesk:
        """An issuing desk of its own, over other keys or another trail."""
        trail = trail or self.trail
        alarms = Alarms(self.store, trail, self.clock)
        return IssuingDesk(self.store, keys or self.keys, trail, ShapeBook(self.store, trail), alarms)

    def linted(self, claim: Reserved) -> Linted:
        """The second step of issuing."""
        return Linted(claim, ShapeBook(self.store, self.trail), self.clock.now)

    def acts(self) -> list[str]:
        """Everything on the audit trail, oldest first."""
        with self.store.reading() as session:
            return [record.act for record in self.trail.records(session, limit=10_000)]

    def write(self, name: str, content: str | bytes) -> Path:
        """A file for openssl."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def trust(self, certificate: Certificate) -> tuple[Path, Path, Path]:
        """Root, chain and leaf of a certificate as files."""
        root = self.write("root.pem", self.authority.authority(certificate.root).certificate_pem)
        return root, self.write("chain.pem", certificate.chain_pem), self.write("leaf.pem", certificate.pem)


def openssl(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run openssl, the outside judge; its output and exit code are for the test to read."""
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=30, check=False)


def open_room(folder: Path, clock: SetClock) -> Room:
    store = Store(f"sqlite:///{folder}/voltward.db")
    keys = KeyStore.open(folder / "keys", PASSPHRASE)
    trail = AuditTrail(keys.secret("audit"), "test")
    return Room(folder, store, keys, trail, clock, Authority(store, keys, trail, SETTINGS, clock))


def bare_folder(folder: Path) -> Path:
    """A folder with tables and a key store, and no hierarchy."""
    folder.mkdir(exist_ok=True)
    store = Store(f"sqlite:///{folder}/voltward.db")
    SQLModel.metadata.create_all(store.engine)
    store.close()
    KeyStore.create(folder / "keys", PASSPHRASE, scrypt_cost=CHEAP)
    return folder


@pytest.fixture(scope="session")
def established(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, datetime]:
    folder = bare_folder(tmp_path_factory.mktemp("established") / "data")
    room = open_room(folder, SetClock())
    room.authority.establish("operator")
    room.authority.server_credentials()
    room.store.close()
    return folder, room.clock.now


@pytest.fixture
def room(established: tuple[Path, datetime], tmp_path: Path) -> Iterator[Room]:
    folder = tmp_path / "data"
    shutil.copytree(established[0], folder)
    room = open_room(folder, SetClock(established[1]))
    yield room
    room.store.close()


@pytest.fixture
def fresh_room(tmp_path: Path) -> Iterator[Room]:
    room = open_room(bare_folder(tmp_path / "fresh"), SetClock())
    yield room
    room.store.close()


@pytest.fixture
def authority(room: Room) -> Authority:
    return room.authority


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)
