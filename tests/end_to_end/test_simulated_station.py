"""Simulated stations over real sockets and real TLS, against a small CSMS that shares no code with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from csms_bridge.simulator.config import Fault, OcppVersion, StationConfig
from csms_bridge.simulator.crowd import run_crowd
from csms_bridge.simulator.events import (
    Booted,
    CertificateDiscarded,
    CertificateInstalled,
    Disconnected,
    FellBack,
    Refused,
    StationEvent,
)
from csms_bridge.simulator.station import SimulatedStation
from tests.csms_bridge.simulator.small_csms import CommandError, SmallCsms, Visit
from tests.csms_bridge.simulator.throwaway_authority import ThrowawayAuthority, new_root, pem

pytestmark = pytest.mark.end_to_end

PASSWORD = b"sixteen-or-more!"
VERSIONS: tuple[OcppVersion, ...] = ("1.6", "2.0.1", "2.1")


@pytest.fixture(scope="module")
def authority() -> ThrowawayAuthority:
    return ThrowawayAuthority()


@pytest.fixture
async def csms(authority: ThrowawayAuthority, tmp_path: Path) -> AsyncIterator[SmallCsms]:
    async with SmallCsms(authority, tmp_path) as small:
        yield small


@asynccontextmanager
async def running(csms: SmallCsms, *faults: Fault, **changes: Any) -> AsyncIterator[SimulatedStation]:
    scheme = "wss" if changes.get("profile", 1) >= 2 else "ws"
    values: dict[str, Any] = {
        "identity": "CS-001",
        "serial": "SN-001",
        "url": csms.url(scheme),
        "password": PASSWORD,
        "organisation": "Example CPO",
        "faults": frozenset(faults),
        "back_off": 0.02,
    }
    station = SimulatedStation(StationConfig(**{**values, **changes}))
    task = asyncio.create_task(station.run())
    try:
        yield station
    finally:
        await station.stop()
        await task


def seen(station: SimulatedStation, kind: type) -> bool:
    return any(isinstance(event, kind) for event in station.history)


def statuses(answer: dict[str, Any]) -> list[str]:
    return [result["attributeStatus"] for result in answer["setVariableResult"]]


def place(component: str, name: str, instance: str | None = None) -> dict[str, Any]:
    named = {"name": component, **({"instance": instance} if instance else {})}
    return {"component": named, "variable": {"name": name}}


def variable(component: str, name: str, value: str, instance: str | None = None) -> dict[str, Any]:
    return {**place(component, name, instance), "attributeValue": value}


def priority(order: str) -> dict[str, Any]:
    return {"setVariableData": [variable("OCPPCommCtrlr", "NetworkConfigurationPriority", order)]}


def connection_data(csms: SmallCsms, profile: int) -> dict[str, Any]:
    return {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": csms.url("wss" if profile >= 2 else "ws"),
        "messageTimeout": 30,
        "securityProfile": profile,
        "ocppInterface": "Wired0",
    }


async def install_root(csms: SmallCsms, version: str) -> None:
    kind = "CentralSystemRootCertificate" if version == "1.6" else "CSMSRootCertificate"
    answer = await csms.ask("InstallCertificate", {"certificateType": kind, "certificate": csms.authority.root_pem})
    assert answer == {"status": "Accepted"}


async def change(csms: SmallCsms, key: str, value: str) -> str:
    answer = await csms.ask("ChangeConfiguration", {"key": key, "value": value})
    return str(answer["status"])


async def raise_16(csms: SmallCsms, profile: int) -> None:
    assert await change(csms, "SecurityProfile", str(profile)) == "Accepted"


async def raise_201(csms: SmallCsms, profile: int) -> None:
    slot, other = (2, 1) if profile == 2 else (1, 2)
    data = connection_data(csms, profile)
    answer = await csms.ask("SetNetworkProfile", {"configurationSlot": slot, "connectionData": data})
    assert answer == {"status": "Accepted"}
    assert statuses(await csms.ask("SetVariables", priority(f"{slot},{other}"))) == ["Accepted"]
    assert await csms.ask("Reset", {"type": "OnIdle"}) == {"status": "Accepted"}


async def raise_21(csms: SmallCsms, profile: int) -> None:
    answer = await csms.ask("GetVariables", {"getVariableData": [place("OCPPCommCtrlr", "ActiveNetworkProfile")]})
    active = answer["getVariableResult"][0]["attributeValue"]
    slot, other = ("2", "1") if active == "1" else ("1", "2")
    wanted = {
        "OcppCsmsUrl": csms.url("wss"),
        "OcppInterface": "Wired0",
        "OcppTransport": "JSON",
        "MessageTimeout": "30",
        "SecurityProfile": str(profile),
        "VpnEnabled": "false",
        "ApnEnabled": "false",
    }
    entries = [variable("NetworkConfiguration", name, value, slot) for name, value in wanted.items()]
    assert set(statuses(await csms.ask("SetVariables", {"setVariableData": entries}))) == {"Accepted"}
    assert statuses(await csms.ask("SetVariables", priority(f"{slot},{other}"))) == ["Accepted"]
    assert await csms.ask("Reset", {"type": "OnIdle"}) == {"status": "Accepted"}


RAISE = {"1.6": raise_16, "2.0.1": raise_201, "2.1": raise_21}
TRIGGER = {
    "1.6": ("ExtendedTriggerMessage", "SignChargePointCertificate"),
    "2.0.1": ("TriggerMessage", "SignChargingStationCertificate"),
    "2.1": ("TriggerMessage", "SignChargingStationCertificate"),
}


async def trigger_certificate(csms: SmallCsms, version: str) -> str:
    action, wanted = TRIGGER[version]
    answer = await csms.ask(action, {"requestedMessage": wanted})
    return str(answer["status"])


@pytest.mark.parametrize("version", VERSIONS)
async def test_connects_with_basic_and_greets(csms: SmallCsms, version: Any) -> None:
    async with running(csms, version=version) as station:
        await station.until(lambda it: it.registered)
        await csms.until(lambda: "SecurityEventNotification" in csms.actions())
        assert csms.visits[0] == Visit("CS-001", 1, "CS-001", PASSWORD, None, None)
        assert csms.actions()[:2] == ["BootNotification", "StatusNotification"]
        assert csms.payloads("SecurityEventNotification")[0]["type"] == "StartupOfTheDevice"


async def test_profile_0_sends_no_credentials(csms: SmallCsms) -> None:
    async with running(csms, profile=0, password=None) as station:
        await station.until(lambda it: it.registered)
        assert csms.visits[0].user is None


async def test_pending_station_asks_again(csms: SmallCsms) -> None:
    csms.boot_answers = ["Pending", "Accepted"]
    async with running(csms, version="2.0.1") as station:
        await station.until(lambda it: it.registered)
        assert csms.actions().count("BootNotification") == 2


async def test_pending_station_does_no_certificate_work(csms: SmallCsms) -> None:
    csms.boot_answers = ["Pending"] * 100
    async with running(csms, version="2.0.1", back_off=60.0):
        await csms.until(lambda: "BootNotification" in csms.actions())
        with pytest.raises(CommandError, match="SecurityError"):
            await install_root(csms, "2.0.1")


async def test_checks_the_server_against_its_roots(csms: SmallCsms) -> None:
    async with running(csms, profile=2, roots=(csms.authority.root_pem,)) as station:
        await station.until(lambda it: it.registered)
        assert csms.visits[0].profile == 2
        assert csms.visits[0].tls_version == "TLSv1.3"


async def test_refuses_a_server_under_a_wrong_root(csms: SmallCsms) -> None:
    wrong = pem(new_root("Somebody else's root").certificate)
    async with running(csms, profile=2, roots=(wrong,)) as station:
        await station.until(lambda it: seen(it, Refused))
        refusal = next(event for event in station.history if isinstance(event, Refused))
        assert refusal.status is None
        assert "certificate" in refusal.reason
        assert not csms.visits


async def test_reports_the_bad_server_certificate_once_it_is_back(csms: SmallCsms) -> None:
    async with running(csms, Fault.FALL_BACK) as station:
        await station.until(lambda it: it.registered)
        await install_root(csms, "1.6")
        await raise_16(csms, 2)
        await csms.until(
            lambda: (
                "InvalidCentralSystemCertificate"
                in [event["type"] for event in csms.payloads("SecurityEventNotification")]
            )
        )


async def test_rsa_only_station_speaks_tls_1_2(authority: ThrowawayAuthority, tmp_path: Path) -> None:
    async with SmallCsms(authority, tmp_path, rsa_key=True) as csms:
        roots = (authority.root_pem,)
        async with running(csms, Fault.RSA_ONLY_TLS, profile=2, roots=roots, key_kind="rsa") as station:
            await station.until(lambda it: it.registered)
            assert csms.visits[0].tls_version == "TLSv1.2"


@pytest.mark.parametrize("version", VERSIONS)
async def test_is_walked_from_1_to_3(csms: SmallCsms, version: Any) -> None:
    async with running(csms, version=version) as station:
        await station.until(lambda it: it.registered)
        await install_root(csms, version)
        await RAISE[version](csms, 2)
        await station.until(lambda it: it.connected and it.profile == 2)
        await csms.until(lambda: csms.visits[-1].profile == 2)
        assert csms.visits[-1].password == PASSWORD
        await station.until(lambda it: it.registered)

        assert await trigger_certificate(csms, version) == "Accepted"
        await station.until(lambda it: seen(it, CertificateInstalled))
        await RAISE[version](csms, 3)
        await station.until(lambda it: it.connected and it.profile == 3)
        last = csms.visits[-1]
        assert (last.profile, last.user) == (3, None)
        assert last.client_serial == station.client_serial

        first_serial = station.client_serial
        await station.until(lambda it: it.registered)
        assert await trigger_certificate(csms, version) == "Accepted"
        await station.until(lambda it: it.connected and it.client_serial != first_serial)
        await csms.until(lambda: csms.visits[-1].client_serial == station.client_serial)


async def test_falls_back_when_the_new_profile_does_not_work_16(csms: SmallCsms) -> None:
    async with running(csms, Fault.FALL_BACK) as station:
        await station.until(lambda it: it.registered)
        await install_root(csms, "1.6")
        await raise_16(csms, 2)
        await station.until(lambda it: seen(it, FellBack) and it.connected)
        assert station.profile == 1
        answer = await csms.ask("GetConfiguration", {"key": ["SecurityProfile"]})
        assert answer["configurationKey"][0]["value"] == "1"


async def test_falls_back_to_the_next_slot_and_greets_there_2x(csms: SmallCsms) -> None:
    async with running(csms, Fault.FALL_BACK, version="2.0.1") as station:
        await station.until(lambda it: it.registered)
        await install_root(csms, "2.0.1")
        await raise_201(csms, 2)
        await station.until(lambda it: seen(it, FellBack) and it.connected)
        assert station.profile == 1
        await csms.until(lambda: csms.payloads("BootNotification")[-1]["reason"] == "RemoteReset")


async def test_upgrade_refused_at_http_falls_back(csms: SmallCsms) -> None:
    csms.admits = lambda visit: HTTPStatus.UNAUTHORIZED if visit.profile == 2 else None
    async with running(csms) as station:
        await station.until(lambda it: it.registered)
        await install_root(csms, "1.6")
        await raise_16(csms, 2)
        await station.until(lambda it: seen(it, FellBack) and it.connected)
        assert [event.status for event in station.history if isinstance(event, Refused)] == [401] * 3


async def test_returns_to_the_old_certificate_when_the_new_one_is_refused(csms: SmallCsms) -> None:
    async with running(csms, version="2.1") as station:
        await station.until(lambda it: it.registered)
        await install_root(csms, "2.1")
        await trigger_certificate(csms, "2.1")
        await station.until(lambda it: seen(it, CertificateInstalled))
        await raise_21(csms, 3)
        await station.until(lambda it: it.registered and it.profile == 3)
        old = station.client_serial
        csms.admits = lambda visit: HTTPStatus.UNAUTHORIZED if visit.client_serial != old else None
        await trigger_certificate(csms, "2.1")
        await station.until(lambda it: seen(it, CertificateDiscarded) and it.connected)
        assert station.client_serial == old


async def test_reconnect_sends_no_boot_notification_but_reset_does(csms: SmallCsms) -> None:
    async with running(csms) as station:
        await station.until(lambda it: it.registered)
        await csms.drop()
        await csms.until(lambda: len(csms.visits) == 2)
        await station.until(lambda it: it.connected)
        assert csms.actions().count("BootNotification") == 1
        assert await csms.ask("Reset", {"type": "Hard"}) == {"status": "Accepted"}
        await csms.until(lambda: csms.actions().count("BootNotification") == 2)


async def test_comes_back_with_the_new_authorization_key(csms: SmallCsms) -> None:
    new = bytes(range(0xE0, 0xF4))
    async with running(csms) as station:
        await station.until(lambda it: it.registered)
        assert await change(csms, "AuthorizationKey", new.hex()) == "Accepted"
        await csms.until(lambda: csms.visits[-1].password == new)


async def test_literal_hex_password_is_the_text(csms: SmallCsms) -> None:
    async with running(csms, Fault.LITERAL_HEX_PASSWORD) as station:
        await station.until(lambda it: it.connected)
        assert csms.visits[0].password == PASSWORD.hex().encode()


async def test_comes_back_with_the_new_basic_auth_password(csms: SmallCsms) -> None:
    async with running(csms, version="2.0.1") as station:
        await station.until(lambda it: it.registered)
        entry = variable("SecurityCtrlr", "BasicAuthPassword", "pässwörd with: all")
        assert statuses(await csms.ask("SetVariables", {"setVariableData": [entry]})) == ["Accepted"]
        await csms.until(lambda: csms.visits[-1].password == "pässwörd with: all".encode())


async def test_drop_answer_acts_and_comes_back(csms: SmallCsms) -> None:
    async with running(csms, Fault.DROP_ANSWER) as station:
        await station.until(lambda it: it.registered)
        with pytest.raises(TimeoutError):
            await csms.ask("ChangeConfiguration", {"key": "CpoName", "value": "Another"}, within=0.3)
        await station.until(lambda it: it.connected)
        answer = await csms.ask("GetConfiguration", {"key": ["CpoName"]})
        assert answer["configurationKey"][0]["value"] == "Another"
        assert await change(csms, "CpoName", "Third") == "Accepted"


async def test_needs_reboot_waits_for_the_reset(csms: SmallCsms) -> None:
    async with running(csms, Fault.NEEDS_REBOOT) as station:
        await station.until(lambda it: it.registered)
        await install_root(csms, "1.6")
        assert await change(csms, "SecurityProfile", "2") == "RebootRequired"
        assert station.profile == 1
        await csms.ask("Reset", {"type": "Hard"})
        await station.until(lambda it: it.connected and it.profile == 2)


async def test_reset_on_idle_waits_for_the_transaction(csms: SmallCsms) -> None:
    async with running(csms, version="2.0.1") as station:
        await station.until(lambda it: it.registered)
        await station.start_transaction()
        assert await csms.ask("Reset", {"type": "OnIdle"}) == {"status": "Scheduled"}
        assert csms.actions().count("BootNotification") == 1
        await station.stop_transaction()
        await csms.until(lambda: csms.actions().count("BootNotification") == 2)


async def test_second_run_continues_where_it_was(csms: SmallCsms, tmp_path: Path) -> None:
    async with running(csms, state_dir=tmp_path) as station:
        await station.until(lambda it: it.registered)
        await install_root(csms, "1.6")
        await raise_16(csms, 2)
        await station.until(lambda it: it.connected and it.profile == 2)
    async with running(csms, state_dir=tmp_path) as again:
        await again.until(lambda it: it.connected)
        assert again.profile == 2
        assert csms.visits[-1].profile == 2


async def test_base_report_lists_the_slots(csms: SmallCsms) -> None:
    async with running(csms, version="2.1") as station:
        await station.until(lambda it: it.registered)
        await csms.ask("GetBaseReport", {"requestId": 5, "reportBase": "FullInventory"})
        await csms.until(lambda: any(not part.get("tbc", False) for part in csms.payloads("NotifyReport")))
        rows = [row for part in csms.payloads("NotifyReport") for row in part["reportData"]]
        order = next(row for row in rows if row["variable"]["name"] == "NetworkConfigurationPriority")
        assert order["variableCharacteristics"]["valuesList"] == "1,2"
        assert not any(
            "value" in row["variableAttribute"][0] for row in rows if row["variable"]["name"] == "BasicAuthPassword"
        )


async def test_no_answer_acts_and_stays(csms: SmallCsms) -> None:
    async with running(csms, Fault.NO_ANSWER) as station:
        await station.until(lambda it: it.registered)
        with pytest.raises(TimeoutError):
            await csms.ask("ChangeConfiguration", {"key": "CpoName", "value": "Another"}, within=0.2)
        answer = await csms.ask("GetConfiguration", {"key": ["CpoName"]})
        assert answer["configurationKey"][0]["value"] == "Another"
        assert len(csms.visits) == 1


async def lose(csms: SmallCsms, action: str, payload: dict[str, Any]) -> None:
    """Send a command whose answer is dropped, and wait until the station is back."""
    before = len(csms.visits)
    with pytest.raises(TimeoutError):
        await csms.ask(action, payload, within=0.1)
    await csms.until(lambda: len(csms.visits) > before)


async def test_is_raised_though_the_first_answer_of_each_kind_is_lost(csms: SmallCsms) -> None:
    root = {"certificateType": "CentralSystemRootCertificate", "certificate": csms.authority.root_pem}
    async with running(csms, Fault.DROP_ANSWER) as station:
        await station.until(lambda it: it.registered)
        await lose(csms, "InstallCertificate", root)
        await lose(csms, "ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})
        before = len(csms.visits)
        await trigger_certificate(csms, "1.6")
        await csms.until(lambda: len(csms.visits) > before)
        assert seen(station, CertificateInstalled)
        await lose(csms, "ChangeConfiguration", {"key": "SecurityProfile", "value": "3"})
        await station.until(lambda it: it.connected and it.profile == 3)


async def test_foreign_certificate_does_not_get_in(csms: SmallCsms) -> None:
    roots = (csms.authority.root_pem,)
    async with running(csms, Fault.FOREIGN_CERTIFICATE, profile=3, roots=roots) as station:
        await station.until(lambda it: seen(it, Refused) or seen(it, Disconnected))
        assert not csms.visits


async def test_abrupt_close_sends_no_close_frame(csms: SmallCsms) -> None:
    async with running(csms, Fault.ABRUPT_CLOSE) as station:
        await station.until(lambda it: it.registered)
        await csms.ask("Reset", {"type": "Hard"})
        await station.until(lambda it: seen(it, Disconnected))
        (ended,) = [event for event in station.history if isinstance(event, Disconnected)]
        assert ended.code == 1006


async def test_malformed_and_unknown_messages_do_not_end_the_connection(csms: SmallCsms) -> None:
    async with running(csms, version="2.1") as station:
        await station.until(lambda it: it.registered)
        with pytest.raises(CommandError, match="NotImplemented"):
            await csms.ask("NoSuchAction", {})
        with pytest.raises(CommandError, match="NotImplemented"):
            await csms.ask("ClearCache", {})
        with pytest.raises(CommandError, match="OccurrenceConstraintViolation"):
            await csms.ask("Reset", {})
        await csms.send("this is no OCPP")
        assert await csms.ask("TriggerMessage", {"requestedMessage": "Heartbeat"}) == {"status": "Accepted"}
        assert len(csms.visits) == 1


async def test_unreachable_csms_is_tried_without_end() -> None:
    config = StationConfig(
        identity="CS-001", serial="SN-001", url="ws://127.0.0.1:1/ocpp", password=PASSWORD, back_off=0.001
    )
    station = SimulatedStation(config)
    task = asyncio.create_task(station.run())
    await station.until(lambda it: len(it.history) >= 5)
    await station.stop()
    await task
    assert {type(event) for event in station.history} == {Refused}


async def test_crowd_ends_on_cancel(csms: SmallCsms) -> None:
    greeted: set[str] = set()
    configs = [
        StationConfig(
            identity=f"CS-{number}",
            serial=f"SN-{number}",
            url=csms.url(),
            version=VERSIONS[number % 3],
            password=PASSWORD,
        )
        for number in range(30)
    ]
    everybody = asyncio.Event()

    def note(event: StationEvent) -> None:
        if isinstance(event, Booted):
            greeted.add(event.identity)
        if len(greeted) == len(configs):
            everybody.set()

    crowd = asyncio.create_task(run_crowd(configs, on_event=note, ramp_per_second=1000))
    await asyncio.wait_for(everybody.wait(), 10)
    crowd.cancel()
    with pytest.raises(asyncio.CancelledError):
        await crowd
