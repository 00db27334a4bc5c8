"""A crowd of stations on mutual TLS, as light as they can be, in a process of its own.

    python -m benchmarks.crowd FOLDER ROOT COUNT

Reads commands from stdin, one a line, and answers each with one line of JSON:

    handshake PORT    all of them connect and do the TLS handshake, and nothing more
    connect PORT      the same, and the upgrade to OCPP 2.0.1; they stay, and answer pings
    boot              each sends a BootNotification
    ask               all send SignCertificate at once; each waits for its CertificateSigned and accepts it
    leave             all go, without a word

A command is over when every station is through, or after a time that it answers with what is missing.
"""

import asyncio
import itertools
import json
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.http11 import Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from benchmarks.serving import HOSTNAME
from web import loop

AT_ONCE = 250  # handshakes under way: more would only wait in the server's queue
PATIENCE = 180.0  # seconds for one command
_ADDRESSES = 8  # of the loopback, from which they come: one alone may lack free ports after a restart
_BETWEEN_TRIES = 0.2


class CrowdProcess:
    """The other process, as a benchmark speaks to it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def tell(self, *words: object) -> dict[str, Any]:
        """Have a command carried out; its answer."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the crowd has no pipes")
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the crowd has gone")
        told: dict[str, Any] = json.loads(answer)
        return told


@contextmanager
def crowd(folder: Path, root: Path, count: int) -> Iterator[CrowdProcess]:
    """`count` stations, whose keys and chains are in `folder`."""
    command = [sys.executable, "-m", "benchmarks.crowd", str(folder), str(root), str(count)]
    with subprocess.Popen(  # noqa: S603 -- this program
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield CrowdProcess(process)
        finally:
            process.kill()


class Station(asyncio.Protocol):
    """One of them. What it waits for is one future at a time."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self._file = folder / f"{number}.pem"
        self._ids = itertools.count()
        self._transport: asyncio.Transport | None = None
        self._wire: ClientProtocol | None = None
        self._plain = False
        self._opened: asyncio.Future[None] | None = None
        self._answered: asyncio.Future[None] | None = None
        self._signed: asyncio.Future[float] | None = None

    async def connect(self, port: int, root: str, *, plain: bool) -> None:
        """TLS and, unless `plain`, the upgrade. Tries again while it is turned away."""
        while True:
            try:
                return await self._connect(port, root, plain=plain)
            except (OSError, EOFError, TimeoutError):
                await asyncio.sleep(_BETWEEN_TRIES)

    async def _connect(self, port: int, root: str, *, plain: bool) -> None:
        running = asyncio.get_running_loop()
        context = ssl.create_default_context(cadata=root)
        context.load_cert_chain(self._file)
        self._plain = plain
        self._opened = running.create_future()
        uri = parse_uri(f"wss://{HOSTNAME}/ocpp/{identity(self.number)}")
        self._wire = ClientProtocol(uri, subprotocols=[Subprotocol("ocpp2.0.1")])
        source = f"127.0.0.{2 + self.number % _ADDRESSES}"
        await running.create_connection(
            lambda: self, "127.0.0.1", port, ssl=context, server_hostname=HOSTNAME, local_addr=(source, 0)
        )
        await self._opened

    async def call(self, action: str, payload: object) -> None:
        """A CALL and its answer."""
        self._answered = asyncio.get_running_loop().create_future()
        self._send([2, str(next(self._ids)), action, payload])
        await self._answered

    async def boot(self) -> None:
        """So that the CSMS takes the rest."""
        station = {"vendorName": "Bench", "model": "B1", "serialNumber": f"SN-{self.number}"}
        await self.call("BootNotification", {"reason": "PowerUp", "chargingStation": station})

    async def ask(self, csr: str) -> float:
        """Seconds from SignCertificate to CertificateSigned."""
        self._signed = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await self.call("SignCertificate", {"csr": csr, "certificateType": "ChargingStationCertificate"})
        return await self._signed - began

    def leave(self) -> None:
        """Go at once."""
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done."""
        self._transport = transport  # type: ignore[assignment]
        if self._plain or self._wire is None:
            _resolve(self._opened)
            return
        self._wire.send_request(self._wire.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        """The answer to the upgrade, frames, pings."""
        if self._wire is None:
            return
        self._wire.receive_data(data)
        for event in self._wire.events_received():
            if isinstance(event, Response):
                _resolve(self._opened, EOFError(f"answered {event.status_code}") if self._wire.handshake_exc else None)
            elif event.opcode is Opcode.TEXT:  # type: ignore[attr-defined]
                self._take(json.loads(event.data))  # type: ignore[attr-defined]
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Whatever was waited for will not come."""
        for waiting in (self._opened, self._answered, self._signed):
            _resolve(waiting, EOFError("the line closed"))

    def _take(self, frame: list[Any]) -> None:
        if frame[0] == 2:
            if frame[2] == "CertificateSigned" and self._signed is not None and not self._signed.done():
                self._signed.set_result(time.perf_counter())
            self._send([3, frame[1], {"status": "Accepted"}])
        elif frame[0] == 3:
            _resolve(self._answered)
        else:
            _resolve(self._answered, EOFError(f"answered {frame[2:4]}"))

    def _send(self, frame: list[Any]) -> None:
        if self._wire is not None:
            self._wire.send_text(json.dumps(frame).encode())
            self._flush()

    def _flush(self) -> None:
        if self._wire is not None and self._transport is not None:
            self._transport.write(b"".join(self._wire.data_to_send()))


def identity(number: int) -> str:
    """A station's id."""
    return f"BENCH-{number}"


def request_pem(number: int) -> str:
    """A certificate request of a station, with a new key."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"SN-{number}")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(Encoding.PEM).decode()


def _resolve(future: "asyncio.Future[Any] | None", fault: Exception | None = None) -> None:
    if future is not None and not future.done():
        if fault is None:
            future.set_result(None)
        else:
            future.set_exception(fault)
            future.exception()  # looked at: it may be that nobody waits any more


class Crowd:
    """All stations, and what is done with them."""

    def __init__(self, folder: Path, root: str, count: int) -> None:
        self._root = root
        self._stations = [Station(folder, number) for number in range(count)]

    async def carry_out(self, command: str, port: int) -> dict[str, Any]:
        """One command; seconds, how many stations are through, and the seconds of each for `ask`."""
        csrs = [request_pem(one.number) for one in self._stations] if command == "ask" else []
        gate = asyncio.Semaphore(AT_ONCE)
        began = time.perf_counter()
        match command:
            case "handshake" | "connect":
                works = [self._gated(gate, one.connect(port, self._root, plain=command == "handshake"))
                         for one in self._stations]  # fmt: skip
            case "boot":
                works = [self._gated(gate, one.boot()) for one in self._stations]
            case "ask":
                works = [one.ask(csr) for one, csr in zip(self._stations, csrs, strict=True)]
            case _:
                for one in self._stations:
                    one.leave()
                works = []
        done, late = (
            await asyncio.wait(map(asyncio.ensure_future, works), timeout=PATIENCE) if works else (set(), set())
        )
        seconds = time.perf_counter() - began
        for task in late:
            task.cancel()
        taken = sorted(task.result() for task in done if task.exception() is None)
        told = {"seconds": seconds, "through": len(taken)}
        if command == "ask" and len(taken) > 1:
            told |= {"p50": statistics.median(taken), "p99": statistics.quantiles(taken, n=100)[98]}
        return told

    @staticmethod
    async def _gated(gate: asyncio.Semaphore, work: Any) -> float:
        async with gate:
            began = time.perf_counter()
            await work
            return time.perf_counter() - began


async def _main(stations: Crowd) -> None:
    running = asyncio.get_running_loop()
    while line := await running.run_in_executor(None, sys.stdin.readline):
        command, *rest = line.split()
        print(json.dumps(await stations.carry_out(command, int(rest[0]) if rest else 0)), flush=True)  # noqa: T201


if __name__ == "__main__":
    crowd_of = Crowd(Path(sys.argv[1]), Path(sys.argv[2]).read_text(encoding="ascii"), int(sys.argv[3]))
    loop.run(_main(crowd_of))
