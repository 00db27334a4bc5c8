"""A data folder and processes that serve it, for as long as a benchmark takes."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from web.data_folder import make_folder

_PASSPHRASE = "only for a benchmark"  # noqa: S105 -- guards keys that live for minutes
ENVIRONMENT = {"VOLTWARD_PASSPHRASE": _PASSPHRASE, "VOLTWARD_LOG_LEVEL": "error"}
HOSTNAME = "csms.example"  # in the server certificates; everything is on the loopback
_PATIENCE = 60.0  # seconds


def new_folder(folder: Path) -> Path:
    """A fresh data folder with its hierarchy."""
    os.environ.update(ENVIRONMENT)
    make_folder(folder, "Benchmark Operator", [HOSTNAME, "localhost"], os.environ)
    return folder


def free_ports(count: int) -> list[int]:
    """Ports on the loopback that nobody listens on now."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@contextlib.contextmanager
def process(module: str, arguments: Sequence[str], environment: Mapping[str, str], port: int) -> Iterator[int]:
    """A Python module as a process, ready when it listens on `port` and stopped at the end of the block."""
    with program(module, arguments, environment, port):
        yield port


@contextlib.contextmanager
def program(
    module: str, arguments: Sequence[str], environment: Mapping[str, str], port: int
) -> Iterator[subprocess.Popen[bytes]]:
    """The same, for those who want to know of the process itself."""
    command = [sys.executable, "-m", module, *arguments]
    settings = {**os.environ, **ENVIRONMENT, **environment}
    started = subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL)  # noqa: S603 -- our own program
    try:
        _await_port(port, started)
        yield started
    finally:
        started.terminate()
        try:
            started.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait(_PATIENCE)


def _await_port(port: int, started: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and started.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError("the server did not come up")
