"""Block N: logs, 2.0.1 and 2.1 (reference §7.5, §7.6), fetched and uploaded; the security log of 1.6 (TC_079)."""

import asyncio
import hashlib
import json
from dataclasses import dataclass

import httpx
import pytest

from tests.conformance.operator import Operator, until
from tests.conformance.tester import Payload, Tester, Version

pytestmark = pytest.mark.end_to_end
both = pytest.mark.parametrize("version", ["2.0.1", "2.1"])
DOOR = {"DiagnosticsLog": "diagnostics", "SecurityLog": "security", "DataCollectorLog": "data-collector"}
CONTENT = b"time,type,info\n"


@dataclass
class Fetch:
    """A log that the operator wants, and what the station was asked for it."""

    operator: Operator
    tester: Tester
    id: int
    request: Payload

    async def tells(self, *statuses: str) -> None:
        for status in statuses:
            told = {"status": status, "requestId": self.request["requestId"]}
            assert await self.tester.say("LogStatusNotification", **told) == {}

    async def uploads(self) -> int:
        """The HTTP status of an upload to the address that came."""
        answer = await asyncio.to_thread(httpx.put, self.request["log"]["remoteLocation"], content=CONTENT)
        return answer.status_code

    async def is_now(self, state: str) -> Payload:
        """The log once it is in this state."""
        place = f"stations/{self.tester.identity}/logs/{self.id}"
        await until(lambda: bool(self.operator.get(place)["state"] == state))
        shown: Payload = await asyncio.to_thread(self.operator.get, place)
        return shown


async def fetches(operator: Operator, tester: Tester, kind: str, status: str = "Accepted") -> Fetch:
    log = await operator.act(f"stations/{tester.identity}/logs", type=DOOR[kind])
    heard = await tester.hear("GetLog")
    assert set(heard.payload) == {"logType", "requestId", "log"}
    assert heard.payload["logType"] == kind
    await heard.answer(status=status, filename="station.log")
    return Fetch(operator, tester, log["id"], heard.payload)


async def upload_case(operator: Operator, case: str, version: Version, kind: str) -> None:
    async with operator.station(f"{case}-{version}", version) as tester:
        fetch = await fetches(operator, tester, kind)
        await fetch.tells("Uploading")
        assert await fetch.uploads() == 201
        await fetch.tells("Uploaded")
        log = await fetch.is_now("received")
        assert (log["sha256"], log["told"]) == (hashlib.sha256(CONTENT).hexdigest(), "Uploaded")


@both
async def test_tc_n_25_csms(operator: Operator, version: Version) -> None:
    """The diagnostics log is fetched: Uploading, the upload, Uploaded."""
    await upload_case(operator, "N-25", version, "DiagnosticsLog")


@both
async def test_tc_n_34_csms(operator: Operator, version: Version) -> None:
    """A log that the station will not hand over is told as such."""
    async with operator.station(f"N-34-{version}", version) as tester:
        fetch = await fetches(operator, tester, "DiagnosticsLog", "Rejected")
        await fetch.is_now("failed")
        await tester.say("Heartbeat")


@both
async def test_tc_n_35_csms(operator: Operator, version: Version) -> None:
    """The security log is fetched and uploaded."""
    await upload_case(operator, "N-35", version, "SecurityLog")


@both
async def test_tc_n_36_csms(operator: Operator, version: Version) -> None:
    """A second request during an upload replaces the first: AcceptedCanceled; the first address is good no more."""
    async with operator.station(f"N-36-{version}", version) as tester:
        first = await fetches(operator, tester, "DiagnosticsLog")
        await first.tells("Uploading")
        second = await fetches(operator, tester, "DiagnosticsLog", "AcceptedCanceled")
        await first.tells("AcceptedCanceled")
        await second.tells("Uploading")
        await first.is_now("replaced")
        assert await first.uploads() == 410
        assert await second.uploads() == 201
        await second.tells("Uploaded")
        await second.is_now("received")


async def test_tc_n_100_csms(operator: Operator) -> None:
    """The data collector's log is fetched and uploaded, which 2.1 alone has."""
    await upload_case(operator, "N-100", "2.1", "DataCollectorLog")


async def credentials_case(operator: Operator, identity: str, scheme: str) -> None:
    location = f"{scheme}://user-of-logs:word-of-logs@logs.example/upload"
    payload = {"logType": "DiagnosticsLog", "requestId": 1, "log": {"remoteLocation": location}}
    async with operator.station(identity, "2.1") as tester:
        sent = await operator.exchange(tester, "GetLog", payload, {"status": "Accepted", "filename": "station.log"})
        assert sent == payload
        for status in ("Uploading", "Uploaded"):
            assert await tester.say("LogStatusNotification", status=status, requestId=1) == {}

        def journalled() -> bool:
            return any(one["action"] == "GetLog" for one in operator.get(f"stations/{identity}/messages")["items"])

        await until(journalled)
    kept = json.dumps([operator.get(f"stations/{identity}/{what}") for what in ("messages", "timeline")])
    assert "word-of-logs" not in kept
    assert "logs.example/upload" in kept


async def test_tc_n_102_csms(operator: Operator) -> None:
    """GetLog to a server elsewhere, with HTTP Basic credentials in the address: sent whole, and kept without them."""
    await credentials_case(operator, "N-102", "http")


async def test_tc_n_102_2_csms(operator: Operator) -> None:
    """The same over HTTPS."""
    await credentials_case(operator, "N-102-2", "https")


async def test_tc_079_csms(operator: Operator) -> None:
    """The security log of a 1.6 station is fetched and uploaded."""
    await upload_case(operator, "079", "1.6", "SecurityLog")
