"""Clients that mean harm, a process of their own: `python -m tests.soak.hostile` with a JSON object on stdin.

Each attack goes on until its time is over, from loopback addresses of its own, and counts how often it tried. None of
them is fast for its own sake: what is shown is that the service holds, not that a machine can be kept busy.
"""

import asyncio
import contextlib
import json
import os
import random
import ssl
import sys
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from tests.end_to_end.sockets import frame, request

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
DEFLATE = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
CHANCE = random.Random()  # noqa: S311 - nothing here is secret
LOST = (OSError, TimeoutError, asyncio.IncompleteReadError, ssl.SSLError)


@dataclass
class Target:
    """Where they go, until when, and the passwords of the identities that they have got hold of."""

    port: int
    tls_port: int
    until: float
    passwords: dict[str, str]
    victim: str
    tried: dict[str, int] = field(default_factory=dict)

    def on(self) -> bool:
        return time.monotonic() < self.until

    @contextlib.asynccontextmanager
    async def dialled(self, attack: str, source: str, *, tls: bool = False) -> AsyncIterator[Streams]:
        """A connection that is counted as a try, closed hard at the end."""
        self.tried[attack] = self.tried.get(attack, 0) + 1
        port = self.tls_port if tls else self.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    @contextlib.asynccontextmanager
    async def admitted(
        self, attack: str, identity: str, source: str, headers: dict[str, str] | None = None
    ) -> AsyncIterator[Streams]:
        """A line, by a stolen password."""
        async with self.dialled(attack, source) as (reader, writer):
            writer.write(request(identity, self.passwords[identity], headers))
            async with asyncio.timeout(20):
                answer = await reader.readuntil(b"\r\n\r\n")
            if b" 101 " not in answer:
                raise ConnectionRefusedError(answer[:30])
            yield reader, writer


Attack = Callable[[Target, str], Awaitable[None]]


async def half_open(target: Target, source: str) -> None:
    """TCP, and not a word."""
    async with target.dialled("half_open", source) as (reader, _):
        await reader.read(1)


async def half_tls(target: Target, source: str) -> None:
    """The beginning of a ClientHello."""
    async with target.dialled("half_tls", source, tls=True) as (reader, writer):
        writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(16))
        await reader.read(100)


async def slow_loris(target: Target, source: str) -> None:
    """A header that never ends, an octet at a time."""
    async with target.dialled("slow_loris", source) as (reader, writer):
        writer.write(request("LORIS")[:-2] + b"X-Slow: ")
        while target.on() and not reader.at_eof():
            writer.write(b"a")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await reader.read(100)


async def garbage(target: Target, source: str) -> None:
    """Octets that are nothing."""
    async with target.dialled("garbage", source, tls=CHANCE.random() < 0.5) as (reader, writer):
        writer.write(CHANCE.choice((b"\x16\x03\x01", b"GET ", b"PROXY ", b"\r\n\r\n\x00", b"")) + os.urandom(300))
        await reader.read(100)
    await asyncio.sleep(0.05)


async def connection_flood(target: Target, source: str) -> None:
    """Many connections from one address, each given up at once."""
    async with target.dialled("connection_flood", "127.66.6.6"):
        pass
    await asyncio.sleep(0.01)


async def guessing(target: Target, source: str) -> None:
    """A good station's identity, and passwords that might be it."""
    async with target.dialled("guessing", source) as (reader, writer):
        writer.write(request(target.victim, f"guess-{CHANCE.random()}"))
        await reader.read(100)
    await asyncio.sleep(0.2)


async def oversized(target: Target, source: str) -> None:
    """A frame that says it has a gigabyte."""
    async with target.admitted("oversized", "BAD-SIZE", source) as (reader, writer):
        writer.write(b"\x81\xff" + (1 << 30).to_bytes(8) + bytes(4) + b"x" * 5000)
        await reader.read(100)
    await asyncio.sleep(2)


async def bomb(target: Target, source: str) -> None:
    """Compressed frames: one that would be a hundred megabytes, and then many that stay below the limit."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -12)
    octets = b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush(zlib.Z_SYNC_FLUSH)
    one = zlib.compressobj(9, zlib.DEFLATED, -12)
    small = frame((one.compress(b" " * 260_000) + one.flush(zlib.Z_SYNC_FLUSH))[:-4], compressed=True)
    for sent in (frame(octets[:-4], compressed=True), small * 400):
        async with target.admitted("bomb", "BAD-BOMB", source, DEFLATE) as (reader, writer):
            writer.write(sent)
            async with asyncio.timeout(10):
                await reader.read(100)
        await asyncio.sleep(2)


async def message_flood(target: Target, source: str) -> None:
    """Heartbeats without end, whose answers are read by nobody."""
    async with target.admitted("message_flood", "BAD-FLOOD", source) as (_, writer):
        number = 0
        while target.on():
            writer.write(b"".join(frame(b'[2,"%d","Heartbeat",{}]' % (number + n)) for n in range(20)))
            number += 20
            await writer.drain()
            await asyncio.sleep(0.05)


async def ping_flood(target: Target, source: str) -> None:
    """Pings without end, whose pongs are read by nobody."""
    async with target.admitted("ping_flood", "BAD-PING", source) as (_, writer):
        while target.on():
            writer.write(frame(b"x" * 125, opcode=9) * 50)
            await writer.drain()
            await asyncio.sleep(0.02)


async def duplicate(target: Target, source: str) -> None:
    """One identity, connected again and again while it is connected."""
    async with (
        target.admitted("duplicate", "BAD-TWICE", source) as (reader, _),
        target.admitted("duplicate", "BAD-TWICE", source),
    ):
        await reader.read(100)


async def replay(target: Target, source: str) -> None:
    """Frames that were sent before, answers to what was never asked, and pieces of frames."""
    recorded = (
        b'[2,"same-id","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]',
        b'[2,"same-id","Heartbeat",{}]',
        b'[3,"same-id",{}]',
        b'[4,"same-id","GenericError","",{}]',
        b'[3,"',
        b"\xff\xfe",
        b'[2,"same-id","Heartbeat",' + b"[" * 2000,
    )
    async with target.admitted("replay", "BAD-REPLAY", source) as (reader, writer):
        for _ in range(100):
            writer.write(frame(CHANCE.choice(recorded)))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await reader.read(1000)
    await asyncio.sleep(1)


PLAN: dict[Attack, int] = {
    half_open: 150, half_tls: 80, slow_loris: 80, garbage: 4, connection_flood: 2, guessing: 2, oversized: 1, bomb: 1,
    message_flood: 1, ping_flood: 1, duplicate: 1, replay: 1,
}  # fmt: skip
"""How many of each go on at a time."""
STOLEN = ("BAD-SIZE", "BAD-BOMB", "BAD-FLOOD", "BAD-PING", "BAD-TWICE", "BAD-REPLAY")


async def again_and_again(attack: Attack, target: Target, source: str) -> None:
    """Until the time is over; being hung up on is what they are used to."""
    while target.on():
        try:
            async with asyncio.timeout(max(0.1, target.until - time.monotonic())):
                await attack(target, source)
        except LOST:
            await asyncio.sleep(0.5)


async def main() -> None:
    """All attacks at once; what they tried goes to stdout."""
    asked = json.load(sys.stdin)
    target = Target(
        asked["port"], asked["tls_port"], time.monotonic() + asked["seconds"], asked["passwords"], asked["victim"]
    )
    jobs = [
        again_and_again(attack, target, f"127.66.{kind}.{1 + number % 250}")
        for kind, (attack, many) in enumerate(PLAN.items())
        for number in range(many)
    ]
    await asyncio.gather(*jobs)
    json.dump(target.tried, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
