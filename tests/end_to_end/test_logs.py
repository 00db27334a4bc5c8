"""`voltward station fetch-log` against real stations: asked over OCPP, uploaded over HTTP, written to a file."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import Version, register, station
from tests.end_to_end.test_password_rotation import online
from tests.end_to_end.test_rollover import until

pytestmark = pytest.mark.end_to_end


def asked(service: RunningService, identity: str) -> str:
    """What the console shows of the requests for a log."""
    sent = [one for one in service.get(f"stations/{identity}/messages")["items"] if one["action"] == "GetLog"]
    return json.dumps(sent, ensure_ascii=False)


@pytest.mark.parametrize("version", ["1.6", "2.1"])
async def test_a_station_uploads_its_security_log(
    shared_service: RunningService, tmp_path: Path, version: Version
) -> None:
    """TC_N_35, TC_079. The simulated station appends a name of its own to the address."""
    service, identity, out = shared_service, f"LOG-{version}", tmp_path / "security.log"
    password = await asyncio.to_thread(register, service, identity, version)
    async with station(service, identity, version, password):
        await online(service, identity)
        fetch = ("station", "fetch-log", identity, "--out", str(out), "--within", "40", "--json")
        ran = await asyncio.to_thread(service.cli, *fetch)
    assert ran.returncode == 0, ran.stderr
    log = json.loads(ran.stdout)
    assert (log["state"], log["size"]) == ("received", len(out.read_bytes()))
    assert out.read_text().startswith("time,type,info\n")
    await until(lambda: asked(service, identity), lambda sent: "/logs/•••" in sent)  # messages are noted in lots
