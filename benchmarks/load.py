"""Load for an HTTP server, from a process of its own: raw sockets, requests in a pipeline, every answer counted.

    python -m benchmarks.load PORT FILE CONNECTIONS DEPTH SECONDS

FILE has the requests as they go over the wire, each after its length in four octets; they are sent in turn, and each
route is loaded in the same way. Prints how many answers came in a second; an answer other than 200 ends it.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path


def answers_per_second(
    port: int, requests: Sequence[bytes], *, connections: int = 8, depth: int = 8, seconds: float = 2.0
) -> float:
    """How many answers a server on the loopback gives in a second."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(len(one).to_bytes(4, "big") + one for one in requests))
        file.flush()
        numbers = map(str, (port, file.name, connections, depth, seconds))
        command = [sys.executable, "-m", "benchmarks.load", *numbers]
        ran = subprocess.run(  # noqa: S603 -- this program
            command, capture_output=True, text=True, timeout=60 + seconds, check=True
        )
    return float(ran.stdout)


def read_requests(content: bytes) -> list[bytes]:
    """The requests in a file."""
    found = []
    while content:
        end = 4 + int.from_bytes(content[:4], "big")
        found.append(content[4:end])
        content = content[end:]
    return found


async def _load(port: int, requests: list[bytes], connections: int, depth: int, seconds: float) -> float:
    end = time.perf_counter() + seconds
    start = time.perf_counter()
    shares = (islice(cycle(requests), number * len(requests) // connections, None) for number in range(connections))
    counts = await asyncio.gather(*(_connection(port, share, depth, end) for share in shares))
    return sum(counts) / (time.perf_counter() - start)


async def _connection(port: int, requests: "islice[bytes]", depth: int, end: float) -> int:
    """One connection: so many requests at once, then their answers, and again."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    counted = 0
    while time.perf_counter() < end:
        writer.write(b"".join(islice(requests, depth)))
        for _ in range(depth):
            await _answer(reader)
        counted += depth
    writer.close()
    return counted


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"answered {head[:60]!r}")
    _, _, length = head.lower().partition(b"content-length: ")
    await reader.readexactly(int(length.partition(b"\r\n")[0]))


if __name__ == "__main__":
    port, file, connections, depth, seconds = sys.argv[1:]
    asked = read_requests(Path(file).read_bytes())
    print(asyncio.run(_load(int(port), asked, int(connections), int(depth), float(seconds))))  # noqa: T201
