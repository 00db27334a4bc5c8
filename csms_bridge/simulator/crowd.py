"""Many simulated stations in one process.

A station takes about 40 KiB on plain ws. With TLS it is about 100 KiB under `uvloop` and 350 KiB under the
standard event loop, which keeps a quarter of a MiB of buffer for each TLS connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from csms_bridge.simulator.config import StationConfig
from csms_bridge.simulator.station import Observer, SimulatedStation


async def run_crowd(
    configs: Iterable[StationConfig],
    *,
    on_event: Observer | None = None,
    ramp_per_second: float | None = None,
) -> None:
    """Run every station until cancelled; new ones start at `ramp_per_second`, or all at once.

    `on_event` is called with every event of every station, from the event loop.
    """
    async with asyncio.TaskGroup() as group:
        for config in configs:
            station = SimulatedStation(config)
            if on_event:
                station.subscribe(on_event)
            group.create_task(station.run(), name=f"station {config.identity}")
            if ramp_per_second:
                await asyncio.sleep(1 / ramp_per_second)
