"""The real program as a process: `voltward serve` on free ports of the loopback, reached as its users reach it."""

import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.end_to_end import program

PASSPHRASE = "only for tests, made in the open"
READY_WITHIN = 60.0
STOPPED_WITHIN = 20.0


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now; held open together so that they differ."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def voltward(
    *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run one command line to its end."""
    return program.run(*arguments, env={"VOLTWARD_PASSPHRASE": PASSPHRASE, **(env or {})}, timeout=timeout)


class RunningService:
    """A data folder and, between `start` and `stop`, the service over it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.web_port, self.ocpp_port, self.tls_port = free_ports(3)
        self.log = folder.with_suffix(".log")
        self._process: program.Program | None = None
        self._token: str | None = None
        self.extra: dict[str, str] = {}
        self.roles: tuple[str, ...] = ("all",)

    @property
    def environment(self) -> dict[str, str]:
        """What every command on this service needs."""
        return {
            "VOLTWARD_PASSPHRASE": PASSPHRASE,
            "VOLTWARD_WEB_PORT": str(self.web_port),
            "VOLTWARD_OCPP_HOST": "127.0.0.1",
            "VOLTWARD_OCPP_PORT": str(self.ocpp_port),
            "VOLTWARD_OCPP_TLS_PORT": str(self.tls_port),
            # The simulated stations are quick; walks need not be as patient as in the field.
            "VOLTWARD_WALK_SETTLE": "PT0.5S",
            "VOLTWARD_WALK_GRACE": "PT4S",
            "VOLTWARD_TICK": "PT0.3S",
            "VOLTWARD_FIRMWARE_STEADY": "PT1S",
            "VOLTWARD_PENDING_INTERVAL": "PT3S",
            **self.extra,
        }

    @property
    def url(self) -> str:
        """Where console and API are."""
        return f"http://127.0.0.1:{self.web_port}"

    def start(self) -> None:
        """Start the process and wait until it is ready for stations and people."""
        arguments = ("serve", "--data", str(self.folder), *self._role_options())
        self._process = program.Program(arguments, self.environment, self.log, self.log)
        self._await_ready()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: the process gets no time for anything."""
        self._end(signal.SIGKILL)

    def api(self) -> httpx.Client:
        """A client with an administrator's token."""
        if self._token is None:
            made = self.cli(
                "token", "create", "--role", "admin", "--name", "tests", "--data", str(self.folder), "--json"
            )
            self._token = json.loads(made.stdout)["token"]
        return httpx.Client(
            base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {self._token}"}, timeout=30
        )

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command on this service."""
        env = {**self.environment, "VOLTWARD_URL": self.url}
        if self._token:
            env["VOLTWARD_TOKEN"] = self._token
        return voltward(*arguments, env=env)

    def get(self, path: str, **parameters: Any) -> Any:
        """A resource of the API."""
        with self.api() as api:
            return api.get(path, params=parameters).raise_for_status().json()

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Make something through the API."""
        with self.api() as api:
            return api.post(path, json=dict(body)).raise_for_status().json()

    def root_pem(self, name: str = "root") -> str:
        """A root certificate, from the public address."""
        return httpx.get(f"{self.url}/pki/{name}.pem").raise_for_status().text

    def _await_ready(self) -> None:
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            if self._process is not None and self._process.poll() is not None:
                break
            if self._answers():
                return
            time.sleep(0.1)
        raise AssertionError(f"the service did not come up:\n{self.log.read_text()}")

    def _answers(self) -> bool:
        """A process without a console is up when stations can reach it."""
        try:
            if {"all", "web"} & set(self.roles):
                return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
            socket.create_connection(("127.0.0.1", self.ocpp_port), timeout=2).close()
        except (httpx.TransportError, OSError):
            return False
        return True

    def _role_options(self) -> list[str]:
        return [option for role in self.roles for option in ("--roles", role)]

    def _end(self, number: int) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        code = self._process.wait(STOPPED_WITHIN)
        self._process = None
        return code


@contextmanager
def running(folder: Path) -> Iterator[RunningService]:
    """A service that runs for the length of the block."""
    service = RunningService(folder)
    service.start()
    try:
        yield service
    finally:
        service.stop()
