"""Stations that are let in as Pending: TC_B_02, B_30 and B_31 (reference §7.2), through the recovery lane.

Their certificates have expired. The operator lets them in to get new ones, which they are asked for at once.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from csms_bridge.simulator.certificates import Credential as Held
from pki.clock import utc_now
from tests.conformance.operator import Credential, Operator
from tests.conformance.test_a_security import KEYS, asks, client, delivered
from tests.conformance.tester import Tester, Version, on_line
from tests.end_to_end.credentials import ENDING, own, showing

pytestmark = pytest.mark.end_to_end
both = pytest.mark.parametrize("version", ["2.0.1", "2.1"])


@pytest.fixture(scope="module")
def ended(operator: Operator) -> dict[str, Held]:
    """A certificate that has ended for each station, made together: they take seconds to end."""
    made: dict[str, Held] = {}
    versions: tuple[Version, ...] = ("2.0.1", "2.1")
    for case in ("B-02", "B-30", "B-31"):
        for version in versions:
            operator.register(f"{case}-{version}", version, profile=3)
            made[f"{case}-{version}"] = own(operator.service, f"{case}-{version}", **ENDING)
    return made


@asynccontextmanager
async def let_in(
    operator: Operator, identity: str, version: Version, held: Held, folder: Path
) -> AsyncIterator[Tester]:
    """On the line with an expired certificate, in the recovery lane."""
    left = held.leaf.not_valid_after_utc - utc_now()
    await asyncio.sleep(max(left.total_seconds() + 0.1, 0))
    await operator.act(f"stations/{identity}/recovery", valid_for="1h", reason="a conformance case")
    context = await asyncio.to_thread(showing, operator.service, held, folder)
    async with on_line(operator.service.tls_port, identity, version, tls=context) as tester:
        yield tester


async def is_asked_to_renew(tester: Tester) -> None:
    heard = await tester.hear("TriggerMessage")
    assert heard.payload == {"requestedMessage": "SignChargingStationCertificate"}
    await heard.answer(status="Accepted")


@both
async def test_tc_b_02_csms(operator: Operator, version: Version, ended: dict[str, Held], tmp_path: Path) -> None:
    """Pending, with the time and an interval; then, with the certificate that it got there, Accepted."""
    identity, key = f"B-02-{version}", KEYS["ecdsa"]()
    async with let_in(operator, identity, version, ended[identity], tmp_path) as tester:
        answer = await tester.boot(status="Pending")
        assert answer["interval"] > 0
        await is_asked_to_renew(tester)
        await asks(tester, key)
        chain = await delivered(operator, tester, key, "Accepted")
    renewed = client(operator, Credential(key, chain, f"{identity}-renewed"), tmp_path)
    async with on_line(operator.service.tls_port, identity, version, tls=renewed) as tester:
        await tester.boot()
        await tester.say("Heartbeat")


@both
async def test_tc_b_30_csms(operator: Operator, version: Version, ended: dict[str, Held], tmp_path: Path) -> None:
    """What a station may not say while it is Pending is answered with SecurityError, before its boot and after."""
    identity = f"B-30-{version}"
    async with let_in(operator, identity, version, ended[identity], tmp_path) as tester:
        assert await tester.refused("Heartbeat") == "SecurityError"
        await tester.boot(status="Pending")
        await is_asked_to_renew(tester)
        status = {"timestamp": "2026-03-02T12:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
        assert await tester.refused("StatusNotification", **status) == "SecurityError"
        assert await tester.refused("Heartbeat") == "SecurityError"


@both
async def test_tc_b_31_csms(operator: Operator, version: Version, ended: dict[str, Held], tmp_path: Path) -> None:
    """BootNotification is triggered while the station is Pending, and answered with Pending again."""
    identity = f"B-31-{version}"
    async with let_in(operator, identity, version, ended[identity], tmp_path) as tester:
        await tester.boot(status="Pending")
        await is_asked_to_renew(tester)
        payload = {"requestedMessage": "BootNotification"}
        assert await operator.exchange(tester, "TriggerMessage", payload, {"status": "Accepted"}) == payload
        await tester.boot("Triggered", status="Pending")
        await is_asked_to_renew(tester)
