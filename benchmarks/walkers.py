"""Simulated stations in a process of their own: `python -m benchmarks.walkers FILE`, until it is ended.

FILE is JSON, a list of `{"identity", "serial", "url", "version", "profile", "password", "pem", "roots"}`; `pem` is a
file with the key and the chain of one on profile 3.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from csms_bridge.simulator.certificates import Credential
from csms_bridge.simulator.config import StationConfig
from csms_bridge.simulator.station import SimulatedStation
from web import loop

_RAMP = 200  # a second


@contextlib.contextmanager
def walkers(file: Path) -> Iterator[None]:
    """They live for the length of the block."""
    command = [sys.executable, "-m", "benchmarks.walkers", str(file)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            yield
        finally:
            process.kill()


def station_of(row: dict[str, Any]) -> SimulatedStation:
    """One of them as it leaves the factory."""
    made = SimulatedStation(
        StationConfig(
            identity=row["identity"], serial=row["serial"], url=row["url"], version=row["version"],
            profile=row["profile"], password=row["password"].encode() if row["password"] else None,
            roots=tuple(row["roots"]), back_off=0.5, heartbeat=300.0,
        )
    )  # fmt: skip
    if row.get("pem"):
        pem = Path(row["pem"]).read_bytes()
        key = load_pem_private_key(pem, None)
        made.memory.credentials = (Credential(key, tuple(x509.load_pem_x509_certificates(pem))),)  # type: ignore[arg-type]
    return made


async def _main(rows: list[dict[str, Any]]) -> None:
    async with asyncio.TaskGroup() as group:
        for row in rows:
            group.create_task(station_of(row).run())
            await asyncio.sleep(1 / _RAMP)


if __name__ == "__main__":
    loop.run(_main(json.loads(Path(sys.argv[1]).read_text())))
