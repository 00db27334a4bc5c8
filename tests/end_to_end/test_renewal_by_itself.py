"""Renewal by itself over real mTLS: a station at two thirds comes back with a new one, one that hammers is paused."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from csms_bridge.simulator.certificates import Credential
from csms_bridge.simulator.keys import make_csr, new_key
from csms_bridge.simulator.station import SimulatedStation
from tests.end_to_end.credentials import own
from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import Version, register, station

pytestmark = pytest.mark.end_to_end
AT_FOUR_FIFTHS = {"validity": timedelta(hours=12), "VOLTWARD_STATION_BACKDATE": "P2D"}
"""Of two and a half days two are over: due, and not late."""


async def until(look: Callable[[], Any], within: float = 60) -> Any:
    """What `look` finds, as soon as it finds anything."""
    async with asyncio.timeout(within):
        while True:
            if found := await asyncio.to_thread(look):
                return found
            await asyncio.sleep(0.3)


async def on_profile_3(service: RunningService, identity: str, **settings: Any) -> Credential:
    await asyncio.to_thread(register, service, identity, None, profile=3)
    return await asyncio.to_thread(lambda: own(service, identity, **settings))


def simulated(service: RunningService, identity: str, version: Version, credential: Credential) -> Any:
    """On profile 3; it looks at its own certificate much later than we do."""
    more = {"credential": credential, "roots": (service.root_pem(),), "renewal_check": 3600.0}
    return station(service, identity, version, None, profile=3, **more)


async def renewed(service: RunningService, version: Version) -> None:
    """A station of this version is seen with a new certificate, for which nobody but the service asked."""
    identity = f"THIRDS-{version}"
    credential = await on_profile_3(service, identity, **AT_FOUR_FIFTHS)
    requests = f"stations/{identity}/certificate-requests"
    async with simulated(service, identity, version, credential) as one:
        await until(lambda: one.client_serial != credential.serial and one.client_serial)
        found = await until(
            lambda: (stands := service.get(requests)["renewal"]) and stands["state"] == "later" and stands
        )
    assert found["serial"] == one.client_serial
    (renewal,) = service.get("certificates/renewals", station=identity)["items"]
    assert (renewal["state"], renewal["asked_by"], renewal["new_serial"]) == ("renewed", "renewal", found["serial"])


async def test_stations_that_are_due_renew_by_themselves(shared_service: RunningService) -> None:
    """A02, with each version's trigger: within two rounds they are back with the new one, and not due any more."""
    await asyncio.gather(*(renewed(shared_service, version) for version in ("1.6", "2.0.1", "2.1")))


async def test_a_station_that_hammers_is_slowed_paused_and_released(shared_service: RunningService) -> None:
    service, identity = shared_service, "HAMMER"
    credential = await on_profile_3(service, identity)
    requests = f"stations/{identity}/certificate-requests"

    async def hammer(one: SimulatedStation, times: int) -> list[str]:
        csrs = [make_csr(one.config, "Test Operator", new_key("ec")) for _ in range(times)]
        return [(await one.call("SignCertificate", {"csr": csr}))["status"] for csr in csrs]

    async with simulated(service, identity, "2.0.1", credential) as one:
        await until(lambda: service.get(f"stations/{identity}")["online"])
        answers = await hammer(one, 25)
        assert answers[:20] == ["Accepted"] * 20
        assert answers[-1] == "Rejected"
        assert service.get(requests)["standing"] == "slowed"
        assert await hammer(one, 20) == ["Rejected"] * 20
        assert service.get(requests)["standing"] == "paused"
        kinds = {alarm["kind"] for alarm in service.get("alarms")["items"] if alarm["thing"] == identity}
        assert kinds >= {"certificate-requests", "certificate-keys"}
        made = len(service.get("certificates", station=identity, limit=200)["items"])
        await hammer(one, 20)
        assert len(service.get("certificates", station=identity, limit=200)["items"]) == made <= 21
        ran = await asyncio.to_thread(
            service.cli, "renewal", "release", identity, "--reason", "its firmware was mended", "--json"
        )
        assert json.loads(ran.stdout)["standing"] == "free"
        assert await hammer(one, 1) == ["Accepted"]
