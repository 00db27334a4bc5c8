"""Two hundred good stations notice nothing of clients that mean harm. SOAK_SECONDS is how long, 60 unless it is set."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import register, trusting
from tests.soak.good_stations import GoodStation, Noticed, lives
from tests.soak.hostile import PLAN, STOLEN

pytestmark = pytest.mark.soak

SECONDS = int(os.environ.get("SOAK_SECONDS", "60"))
GOOD = 200
ANSWERED_WITHIN = 10.0  # seconds, each; on two cores that the attackers and the stations themselves use as well
MOST_MEMORY = 120 * 1024  # KiB above what the service has with its good stations
REASONS = {
    "turned_away": ("slow_first_byte", "slow_tls", "slow_upgrade", "proxy_header", "broken_request", "tls_failed"),
    "dropped": ("large_frame", "flood", "replaced"),
}


@pytest.fixture
def service(template: Path, tmp_path: Path) -> Iterator[RunningService]:
    started = RunningService(Path(shutil.copytree(template, tmp_path / "data")))
    started.extra = {"VOLTWARD_HANDSHAKE_TIMEOUT": "PT5S", "VOLTWARD_LOG_LEVEL": "warning"}
    started.start()
    try:
        yield started
    finally:
        started.stop()


def metrics(service: RunningService) -> dict[str, float]:
    lines = httpx.get(f"{service.url}/metrics", timeout=30).text.splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def memory(service: RunningService, row: str = "VmRSS") -> int:
    """KiB; VmHWM is the most it ever had."""
    assert service._process is not None
    status = Path(f"/proc/{service._process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(row)).split()[1])


def stations(service: RunningService) -> list[GoodStation]:
    """Half of them over TLS."""
    tls = trusting(service.root_pem())
    made = []
    for number in range(GOOD):
        identity, secure = f"GOOD-{number}", number % 2 == 1
        password = register(service, identity, "1.6", 1)
        assert password is not None
        port = service.tls_port if secure else service.ocpp_port
        made.append(GoodStation(identity, password, port, tls if secure else None))
    return made


async def attack(service: RunningService, seconds: float) -> dict[str, int]:
    """What was tried, by kind."""
    passwords = {name: await asyncio.to_thread(register, service, name, "1.6", 1) for name in STOLEN}
    asked = {
        "port": service.ocpp_port, "tls_port": service.tls_port, "seconds": seconds,
        "passwords": passwords, "victim": "GOOD-0",
    }  # fmt: skip
    hostile = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.soak.hostile", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    told, _ = await hostile.communicate(json.dumps(asked).encode())
    assert hostile.returncode == 0
    tried: dict[str, int] = json.loads(told)
    return tried


async def until_quiet(service: RunningService) -> dict[str, float]:
    """The metrics, once the last of the attackers' connections has ended."""
    async with asyncio.timeout(30):
        while True:
            counted = await asyncio.to_thread(metrics, service)
            if (counted["voltward_ocpp_handshakes_open"], counted["voltward_ocpp_lines"]) == (0, GOOD):
                return counted
            await asyncio.sleep(0.2)


async def test_good_stations_notice_nothing(service: RunningService, capsys: pytest.CaptureFixture[str]) -> None:
    good = await asyncio.to_thread(stations, service)
    noticed, gone = Noticed(), asyncio.Event()
    living = asyncio.create_task(lives(good, noticed, ANSWERED_WITHIN, gone))
    async with asyncio.timeout(120):
        while noticed.connected < GOOD:
            assert not living.done(), noticed
            await asyncio.sleep(0.2)
    before = memory(service)
    tried = await attack(service, SECONDS)
    counted = await until_quiet(service)
    gone.set()
    await living
    peak = memory(service, "VmHWM")
    with capsys.disabled():
        # A worker of xdist has no standard output of its own.
        print(table(noticed, tried, counted, before, peak), file=sys.stderr)  # noqa: T201
    assert noticed.lost == []
    assert noticed.unanswered == []
    assert len(noticed.waits) >= GOOD * SECONDS / 3
    assert peak - before < MOST_MEMORY
    assert set(tried) == {kind.__name__ for kind in PLAN}
    for family, reasons in REASONS.items():
        for reason in reasons:
            assert counted[f'voltward_ocpp_{family}_total{{reason="{reason}"}}'] > 0, reason


def table(noticed: Noticed, tried: dict[str, int], counted: dict[str, float], before: int, peak: int) -> str:
    """What happened, in some lines."""
    rows = [
        ("good stations", f"{noticed.connected} connected, {len(noticed.lost)} lost"),
        ("heartbeats", f"{len(noticed.waits)} answered, {len(noticed.unanswered)} not"),
        ("an answer took", ", ".join(f"{name} {noticed.quantile(q) * 1000:.0f} ms" for name, q in QUANTILES.items())),
        ("memory", f"{before // 1024} MiB before, {peak // 1024} MiB at most"),
        *((f"tried: {kind}", str(count)) for kind, count in sorted(tried.items())),
        *((name.removeprefix("voltward_ocpp_"), f"{value:g}") for name, value in counted.items() if told(name, value)),
    ]
    wide = max(len(name) for name, _ in rows)
    return "\n" + "\n".join(f"{name:<{wide}}  {value}" for name, value in rows)


def told(name: str, value: float) -> bool:
    return value > 0 and name.startswith(("voltward_ocpp_turned", "voltward_ocpp_dropped", "voltward_ocpp_upgrades"))


QUANTILES = {"p50": 0.5, "p99": 0.99, "max": 1.0}
