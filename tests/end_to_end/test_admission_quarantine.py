"""Unknown stations in quarantine, over real sockets: looked at, adopted, and never more than that."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import knock, wire

pytestmark = pytest.mark.end_to_end
BOOT = {
    "reason": "PowerUp",
    "chargingStation": {"model": "Wallbox", "vendorName": "Acme", "serialNumber": "SN-STRAY", "firmwareVersion": "1.2"},
}


@pytest.fixture(scope="module")
def quarantining(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that lets unknown stations in, three of one address."""
    service = RunningService(Path(copytree(template, tmp_path_factory.mktemp("quarantine") / "data")))
    service.extra = {"VOLTWARD_UNKNOWN_STATIONS": "quarantine", "VOLTWARD_UNKNOWN_PER_ADDRESS": "3"}
    service.start()
    yield service
    service.stop()


async def listed(service: RunningService, station: str) -> dict[str, Any]:
    """The unknown station once its BootNotification is written down."""
    end = time.monotonic() + 15
    while True:
        found = (await asyncio.to_thread(service.get, "stations/unknown"))["items"]
        row = next((one for one in found if one["id"] == station), None)
        if row is not None and row["serial"]:
            return dict(row)
        assert time.monotonic() < end, found
        await asyncio.sleep(0.2)


async def test_an_unknown_station_is_looked_at_and_adopted_with_its_password(quarantining: RunningService) -> None:
    """B02.FR.09; nothing but its BootNotification is answered, and its line ends when it is adopted."""
    service, password = quarantining, "factory-password"
    async with wire(service, "STRAY-1", "2.0.1", password=password) as line:
        answer = await line.ask("BootNotification", BOOT)
        assert isinstance(answer, dict)
        assert (answer["status"], answer["interval"]) == ("Pending", 3)
        for action, payload in (("Heartbeat", {}), ("SignCertificate", {"csr": "none"})):
            assert await line.ask(action, payload) == "SecurityError"
        row = await listed(service, "STRAY-1")
        assert (row["state"], row["vendor"], row["serial"]) == ("quarantined", "Acme", "SN-STRAY")
        assert (row["shown"], row["has_password"]) == ("a password over a plain line", True)
        ran = await asyncio.to_thread(
            service.cli, "station", "unknown", "adopt", "STRAY-1", "--keep-password", "--json"
        )
        assert json.loads(ran.stdout)["serial"] == "SN-STRAY", ran.stderr
        with pytest.raises(ConnectionClosed):
            await line.until(lambda _: False)
    async with wire(service, "STRAY-1", "2.0.1", password=password) as line:
        answer = await line.ask("BootNotification", BOOT)
        assert isinstance(answer, dict)
        assert answer["status"] == "Accepted"
    assert await knock(service, "STRAY-1", password="another-password") == 401
    assert await spoken(service, "STRAY-1") == ["BootNotification"] * 2  # what it said in quarantine was not kept


async def spoken(service: RunningService, station: str) -> list[str]:
    """What stands in the journal of a station; written once a second."""
    for _ in range(50):
        messages = (await asyncio.to_thread(service.get, f"stations/{station}/messages"))["items"]
        if len(messages) > 1:
            break
        await asyncio.sleep(0.2)
    return [one["action"] for one in messages]


async def test_one_address_lets_so_many_in_and_no_more(quarantining: RunningService) -> None:
    await asyncio.to_thread(quarantining.post, "stations/unknown/forget", {"reason": "a clean start"})
    statuses = [await knock(quarantining, f"MADE-UP-{number}") for number in range(5)]
    assert statuses == [101, 101, 101, 404, 404]
    assert await knock(quarantining, "MADE-UP-0") == 101
    assert await knock(quarantining, "MADE-UP-0", headers={"Authorization": "Basic !!!"}) == 400
    assert await knock(quarantining, "MADE-UP-0", subprotocols=("soap",)) == 400


async def test_where_unknown_stations_are_refused_they_are_listed(shared_service: RunningService) -> None:
    assert await knock(shared_service, "STRAY-9", password="factory-password") == 404
    end = time.monotonic() + 15
    while True:
        found = (await asyncio.to_thread(shared_service.get, "stations/unknown"))["items"]
        if row := next((one for one in found if one["id"] == "STRAY-9"), None):
            break
        assert time.monotonic() < end
        await asyncio.sleep(0.2)
    assert (row["state"], row["reason"]) == ("refused", "no such station is registered")
