"""Block N: logs, 2.0.1 and 2.1 (reference §7.5, §7.6); the security log of 1.6 (TC_079)."""

import itertools

import pytest

from tests.conformance.operator import Operator
from tests.conformance.tester import Payload, Tester, Version

pytestmark = pytest.mark.end_to_end
both = pytest.mark.parametrize("version", ["2.0.1", "2.1"])
_ids = itertools.count(1)


def asked(kind: str, location: str = "https://logs.example/one-time/") -> Payload:
    return {"logType": kind, "requestId": next(_ids), "log": {"remoteLocation": location}}


async def fetches(operator: Operator, tester: Tester, payload: Payload, status: str = "Accepted") -> None:
    sent = await operator.exchange(tester, "GetLog", payload, {"status": status, "filename": "station.log"})
    assert sent == payload


async def tells(tester: Tester, request: Payload, *statuses: str) -> None:
    for status in statuses:
        assert await tester.say("LogStatusNotification", status=status, requestId=request["requestId"]) == {}


async def upload_case(operator: Operator, case: str, version: Version, kind: str) -> None:
    payload = asked(kind)
    async with operator.station(f"{case}-{version}", version) as tester:
        await fetches(operator, tester, payload)
        await tells(tester, payload, "Uploading", "Uploaded")


@both
async def test_tc_n_25_csms(operator: Operator, version: Version) -> None:
    """The diagnostics log is fetched: Uploading, Uploaded."""
    await upload_case(operator, "N-25", version, "DiagnosticsLog")


@both
async def test_tc_n_34_csms(operator: Operator, version: Version) -> None:
    """A log that the station will not hand over is told as such."""
    async with operator.station(f"N-34-{version}", version) as tester:
        await fetches(operator, tester, asked("DiagnosticsLog"), "Rejected")
        await tester.say("Heartbeat")


@both
async def test_tc_n_35_csms(operator: Operator, version: Version) -> None:
    """The security log is fetched."""
    await upload_case(operator, "N-35", version, "SecurityLog")


@both
async def test_tc_n_36_csms(operator: Operator, version: Version) -> None:
    """A second request during an upload replaces the first: AcceptedCanceled."""
    first, second = asked("DiagnosticsLog"), asked("DiagnosticsLog")
    async with operator.station(f"N-36-{version}", version) as tester:
        await fetches(operator, tester, first)
        await tells(tester, first, "Uploading")
        await fetches(operator, tester, second, "AcceptedCanceled")
        await tells(tester, first, "AcceptedCanceled")
        await tells(tester, second, "Uploading", "Uploaded")


async def test_tc_n_100_csms(operator: Operator) -> None:
    """The data collector's log is fetched, which 2.1 alone has."""
    await upload_case(operator, "N-100", "2.1", "DataCollectorLog")


async def test_tc_079_csms(operator: Operator) -> None:
    """The security log of a 1.6 station is fetched."""
    await upload_case(operator, "079", "1.6", "SecurityLog")
