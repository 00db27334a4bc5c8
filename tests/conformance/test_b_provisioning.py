"""Block B and its neighbours of block F, 2.0.1 and 2.1 (reference §7.2, §7.6); their like in 1.6."""

import itertools

import pytest

from tests.conformance.operator import Operator
from tests.conformance.tester import Payload, Tester, Version, now, on_line
from tests.end_to_end.stations import knock

pytestmark = pytest.mark.end_to_end
both = pytest.mark.parametrize("version", ["2.0.1", "2.1"])
_ids = itertools.count(1)


@both
async def test_tc_b_01_csms(operator: Operator, version: Version) -> None:
    """A cold boot is accepted, with the time and an interval; status and heartbeat follow."""
    identity = f"B-01-{version}"
    async with operator.station(identity, version) as tester:
        answer = await tester.boot()
        assert answer["interval"] > 0
        status = {"timestamp": now(), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
        assert await tester.say("StatusNotification", **status) == {}
        assert (await tester.say("Heartbeat"))["currentTime"].endswith("Z")


async def test_tc_001_csms(operator: Operator) -> None:
    """A cold boot is accepted, with the time and an interval; status and heartbeat follow."""
    async with operator.station("001", "1.6") as tester:
        assert (await tester.boot())["interval"] > 0
        status = {"connectorId": 0, "errorCode": "NoError", "status": "Available"}
        assert await tester.say("StatusNotification", **status) == {}
        assert (await tester.say("Heartbeat"))["currentTime"].endswith("Z")


# variables


def variable(component: str, name: str) -> Payload:
    return {"component": {"name": component}, "variable": {"name": name}}


TIMEOUT = variable("OCPPCommCtrlr", "OfflineThreshold")
INTERVAL = variable("OCPPCommCtrlr", "HeartbeatInterval")


async def reads(operator: Operator, tester: Tester, *wanted: Payload) -> None:
    payload = {"getVariableData": list(wanted)}
    result = [{**one, "attributeStatus": "Accepted", "attributeValue": "300"} for one in wanted]
    assert await operator.exchange(tester, "GetVariables", payload, {"getVariableResult": result}) == payload


async def writes(operator: Operator, tester: Tester, *wanted: Payload, status: str = "Accepted") -> None:
    payload = {"setVariableData": [{**one, "attributeValue": "123"} for one in wanted]}
    result = [{**one, "attributeStatus": status} for one in wanted]
    assert await operator.exchange(tester, "SetVariables", payload, {"setVariableResult": result}) == payload


@both
async def test_tc_b_06_csms(operator: Operator, version: Version) -> None:
    """One variable is read."""
    async with operator.station(f"B-06-{version}", version) as tester:
        await reads(operator, tester, TIMEOUT)


@both
async def test_tc_b_07_csms(operator: Operator, version: Version) -> None:
    """Several variables are read by one message."""
    async with operator.station(f"B-07-{version}", version) as tester:
        await reads(operator, tester, TIMEOUT, INTERVAL)


@both
async def test_tc_b_09_csms(operator: Operator, version: Version) -> None:
    """One variable is set."""
    async with operator.station(f"B-09-{version}", version) as tester:
        await writes(operator, tester, TIMEOUT)


@both
async def test_tc_b_10_csms(operator: Operator, version: Version) -> None:
    """Several variables are set by one message."""
    async with operator.station(f"B-10-{version}", version) as tester:
        await writes(operator, tester, TIMEOUT, INTERVAL)


async def report_case(operator: Operator, case: str, version: Version, base: str) -> None:
    number = next(_ids)
    payload = {"requestId": number, "reportBase": base}
    entry = {**TIMEOUT, "variableAttribute": [{"value": "300"}]}
    async with operator.station(f"{case}-{version}", version) as tester:
        assert await operator.exchange(tester, "GetBaseReport", payload, {"status": "Accepted"}) == payload
        for part, more in enumerate((True, False)):
            told = {"requestId": number, "generatedAt": now(), "seqNo": part, "tbc": more, "reportData": [entry]}
            assert await tester.say("NotifyReport", **told) == {}


@both
async def test_tc_b_12_csms(operator: Operator, version: Version) -> None:
    """A report of the configuration, in two parts."""
    await report_case(operator, "B-12", version, "ConfigurationInventory")


@both
async def test_tc_b_13_csms(operator: Operator, version: Version) -> None:
    """A report of everything, in two parts."""
    await report_case(operator, "B-13", version, "FullInventory")


@both
async def test_tc_b_14_csms(operator: Operator, version: Version) -> None:
    """A summary, in two parts."""
    await report_case(operator, "B-14", version, "SummaryInventory")


# restarts


async def reset_case(operator: Operator, identity: str, version: Version, kind: str, status: str = "Accepted") -> None:
    password = operator.register(identity, version)
    port = operator.service.ocpp_port
    async with on_line(port, identity, version, password=password) as tester:
        await tester.boot()
        assert await operator.exchange(tester, "Reset", {"type": kind}, {"status": status}) == {"type": kind}
    async with on_line(port, identity, version, password=password) as tester:
        await tester.boot("RemoteReset")


@both
async def test_tc_b_20_csms(operator: Operator, version: Version) -> None:
    """A restart when idle; the station boots again."""
    await reset_case(operator, f"B-20-{version}", version, "OnIdle")


@both
async def test_tc_b_21_csms(operator: Operator, version: Version) -> None:
    """A restart when idle, for later: Scheduled; the station boots again."""
    await reset_case(operator, f"B-21-{version}", version, "OnIdle", "Scheduled")


@both
async def test_tc_b_22_csms(operator: Operator, version: Version) -> None:
    """A restart at once; the station boots again."""
    await reset_case(operator, f"B-22-{version}", version, "Immediate")


async def test_tc_013_csms(operator: Operator) -> None:
    """A hard reset; the station boots again."""
    await reset_case(operator, "013", "1.6", "Hard")


async def test_tc_014_csms(operator: Operator) -> None:
    """A soft reset; the station boots again."""
    await reset_case(operator, "014", "1.6", "Soft")


# connection slots


def slot(version: Version, **more: str) -> Payload:
    connection = {
        "messageTimeout": 30,
        "ocppCsmsUrl": "wss://csms.example:8887/ocpp",
        "ocppInterface": "Wired0",
        "ocppTransport": "JSON",
        "securityProfile": 2,
        **({"ocppVersion": "OCPP20"} if version == "2.0.1" else {}),
        **more,
    }
    return {"configurationSlot": 2, "connectionData": connection}


async def slot_case(operator: Operator, case: str, version: Version, status: str, **more: str) -> None:
    payload = slot(version, **more)
    async with operator.station(case, version) as tester:
        assert await operator.exchange(tester, "SetNetworkProfile", payload, {"status": status}) == payload


@both
async def test_tc_b_42_csms(operator: Operator, version: Version) -> None:
    """A connection slot is written."""
    await slot_case(operator, f"B-42-{version}", version, "Accepted")


@both
async def test_tc_b_44_csms(operator: Operator, version: Version) -> None:
    """A connection slot that the station fails to write is told as such."""
    await slot_case(operator, f"B-44-{version}", version, "Failed")


async def test_tc_b_100_csms(operator: Operator) -> None:
    """A connection slot with an identity and a password of its own, which is kept out of every record."""
    secret = "a-password-of-the-slot"
    await slot_case(operator, "B-100", "2.1", "Accepted", identity="CS-OTHER", basicAuthPassword=secret)
    told = str(operator.get("stations/B-100/messages")) + str(operator.get("audit", limit=500))
    assert "SetNetworkProfile" in told
    assert secret not in told


@both
async def test_tc_b_58_csms(operator: Operator, version: Version) -> None:
    """A subprotocol that nobody knows: no upgrade; beside one that we know, that one."""
    identity = f"B-58-{version}"
    password = operator.register(identity, version)
    offered = ("ocpp0.1", f"ocpp{version}")
    assert await knock(operator.service, identity, password=password, subprotocols=offered[:1]) == 400
    assert await knock(operator.service, identity, password=password, subprotocols=offered) == 101


# triggers


async def trigger_case(operator: Operator, tester: Tester, wanted: str, told: Payload) -> None:
    payload = {"requestedMessage": wanted}
    assert await operator.exchange(tester, "TriggerMessage", payload, {"status": "Accepted"}) == payload
    assert await tester.say(wanted, **told) == {}


@both
async def test_tc_f_15_csms(operator: Operator, version: Version) -> None:
    """LogStatusNotification is triggered while nothing goes on: Idle, without a request's id."""
    async with operator.station(f"F-15-{version}", version) as tester:
        await trigger_case(operator, tester, "LogStatusNotification", {"status": "Idle"})


@both
async def test_tc_f_18_csms(operator: Operator, version: Version) -> None:
    """FirmwareStatusNotification is triggered while nothing goes on: Idle, without a request's id."""
    async with operator.station(f"F-18-{version}", version) as tester:
        await trigger_case(operator, tester, "FirmwareStatusNotification", {"status": "Idle"})


@both
async def test_tc_f_27_csms(operator: Operator, version: Version) -> None:
    """A message that the station cannot send: NotImplemented."""
    payload = {"requestedMessage": "SignCombinedCertificate"}
    async with operator.station(f"F-27-{version}", version) as tester:
        await operator.exchange(tester, "TriggerMessage", payload, {"status": "NotImplemented"})
        await tester.say("Heartbeat")


async def test_tc_054_csms(operator: Operator) -> None:
    """Each message of the base version is triggered, and comes."""
    messages: dict[str, Payload] = {
        "Heartbeat": {},
        "StatusNotification": {"connectorId": 1, "errorCode": "NoError", "status": "Available"},
        "DiagnosticsStatusNotification": {"status": "Idle"},
        "FirmwareStatusNotification": {"status": "Idle"},
    }
    async with operator.station("054", "1.6") as tester:
        for wanted, told in messages.items():
            payload = {"requestedMessage": wanted}
            await operator.exchange(tester, "TriggerMessage", payload, {"status": "Accepted"})
            await tester.say(wanted, **told)


async def test_tc_055_csms(operator: Operator) -> None:
    """A trigger that the station rejects is told as such."""
    async with operator.station("055", "1.6") as tester:
        await operator.exchange(tester, "TriggerMessage", {"requestedMessage": "MeterValues"}, {"status": "Rejected"})


# 1.6: keys, files of the base version, data transfer


async def test_tc_019_1_csms(operator: Operator) -> None:
    """All configuration keys are read."""
    answer = {"configurationKey": [{"key": "CpoName", "readonly": False, "value": "Test Operator"}]}
    async with operator.station("019-1", "1.6") as tester:
        assert await operator.exchange(tester, "GetConfiguration", {}, answer) == {}


async def test_tc_019_2_csms(operator: Operator) -> None:
    """One configuration key is read, and one that the station does not know."""
    payload = {"key": ["SupportedFeatureProfiles", "SecurityProfile"]}
    known = {"key": "SupportedFeatureProfiles", "readonly": True, "value": "Core"}
    answer = {"configurationKey": [known], "unknownKey": ["SecurityProfile"]}
    async with operator.station("019-2", "1.6") as tester:
        assert await operator.exchange(tester, "GetConfiguration", payload, answer) == payload


async def key_case(operator: Operator, identity: str, status: str) -> None:
    payload = {"key": "MeterValueSampleInterval", "value": "60"}
    async with operator.station(identity, "1.6") as tester:
        assert await operator.exchange(tester, "ChangeConfiguration", payload, {"status": status}) == payload


async def test_tc_021_csms(operator: Operator) -> None:
    """A configuration key is changed."""
    await key_case(operator, "021", "Accepted")


async def test_tc_040_1_csms(operator: Operator) -> None:
    """A configuration key that the station does not know: NotSupported."""
    await key_case(operator, "040-1", "NotSupported")


async def test_tc_040_2_csms(operator: Operator) -> None:
    """A configuration key whose value the station does not take: Rejected."""
    await key_case(operator, "040-2", "Rejected")


async def update_case(operator: Operator, identity: str, *statuses: str) -> None:
    payload = {"location": "https://firmware.example/rigid.bin", "retrieveDate": now()}
    async with operator.station(identity, "1.6") as tester:
        assert await operator.exchange(tester, "UpdateFirmware", payload, {}) == payload
        for status in statuses:
            assert await tester.say("FirmwareStatusNotification", status=status) == {}


async def test_tc_044_1_csms(operator: Operator) -> None:
    """An unsigned update to its good end."""
    await update_case(operator, "044-1", "Downloading", "Downloaded", "Installing", "Installed")


async def test_tc_044_2_csms(operator: Operator) -> None:
    """An unsigned update whose download fails."""
    await update_case(operator, "044-2", "Downloading", "DownloadFailed")


async def test_tc_044_3_csms(operator: Operator) -> None:
    """An unsigned update whose installation fails."""
    await update_case(operator, "044-3", "Downloading", "Downloaded", "Installing", "InstallationFailed")


async def diagnostics_case(operator: Operator, identity: str, *statuses: str) -> None:
    payload = {"location": "https://logs.example/one-time/"}
    async with operator.station(identity, "1.6") as tester:
        answer = {"fileName": "diagnostics.zip"}
        assert await operator.exchange(tester, "GetDiagnostics", payload, answer) == payload
        for status in statuses:
            assert await tester.say("DiagnosticsStatusNotification", status=status) == {}


async def test_tc_045_1_csms(operator: Operator) -> None:
    """Diagnostics are fetched."""
    await diagnostics_case(operator, "045-1", "Uploading", "Uploaded")


async def test_tc_045_2_csms(operator: Operator) -> None:
    """Diagnostics whose upload fails."""
    await diagnostics_case(operator, "045-2", "Uploading", "UploadFailed")


async def test_tc_064_csms(operator: Operator) -> None:
    """A DataTransfer of a maker that we do not know: UnknownVendorId."""
    async with operator.station("064", "1.6") as tester:
        assert await tester.say("DataTransfer", vendorId="com.example") == {"status": "UnknownVendorId"}
