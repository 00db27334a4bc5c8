"""An authority whose keys are in a signer process: the real server behind a real unix socket, in a thread."""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from pki.authority import Authority
from pki.keystore import KeyStore
from pki.signer_process.client import ProcessVault
from pki.signer_process.desk import SignerDesk
from pki.signer_process.frames import receive, send
from pki.signer_process.ledger import Ledger
from pki.signer_process.log import read_log
from pki.signer_process.server import SignerServer, user_ids
from pki.vault import Vault
from tests.pki.conftest import PASSPHRASE, SETTINGS, Room


@dataclass
class Signer:
    """A signer process in this one."""

    room: Room
    vault: Vault
    folder: Path
    in_ceremony: bool = False
    users: tuple[str, ...] = ()
    server: SignerServer | None = field(default=None, init=False)
    ledger: Ledger | None = field(default=None, init=False)

    @property
    def path(self) -> Path:
        return self.folder / "s"

    @property
    def log(self) -> Path:
        return self.folder / "signer.log"

    def start(self) -> None:
        self.ledger = Ledger(self.log)
        desk = SignerDesk(
            self.room.store, self.vault, self.ledger, SETTINGS, self.room.clock, in_ceremony=self.in_ceremony
        )
        self.server = SignerServer(self.path, desk, user_ids(self.users))
        self.server.start()

    def stop(self) -> None:
        if self.server is not None and self.ledger is not None:
            self.server.stop()
            self.ledger.close()
        self.server, self.ledger = None, None

    def client(self) -> ProcessVault:
        return ProcessVault(self.path, timedelta(seconds=10))

    def lines(self) -> list[dict[str, Any]]:
        return list(read_log(self.log))

    def last(self) -> tuple[str, str]:
        """The verdict and the rule of the newest line."""
        line = self.lines()[-1]
        return line["verdict"], line.get("rule", "")

    def say(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request by hand."""
        with self.connected() as connection:
            send(connection, request)
            return receive(connection, 10, 10)

    def say_raw(self, octets: bytes) -> bytes:
        """What comes back for octets that are no frame of ours, until the other side closes."""
        with self.connected() as connection, suppress(ConnectionResetError):
            connection.sendall(octets)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))
        return b""

    @contextmanager
    def connected(self) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(10)
            connection.connect(str(self.path))
            yield connection


@contextmanager
def signer_over(room: Room, vault: Vault | None = None, **how: Any) -> Iterator[Signer]:
    """A running signer over a room's keys. Paths of sockets are short, those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="vw") as folder:
        signer = Signer(room, vault or KeyStore.open(room.folder / "keys", PASSPHRASE), Path(folder), **how)
        signer.start()
        try:
            yield signer
        finally:
            signer.stop()


def authority_of(room: Room, signer: Signer) -> Authority:
    """The authority as a process has it that holds no key of an authority."""
    return room.rebuilt(vault=signer.client())
