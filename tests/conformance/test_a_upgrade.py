"""The upgrade of the security profile: TC_A_19 of 2.0.1 and 2.1, TC_083 of 1.6, walked as an operator would."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conformance.operator import Credential, Operator, until
from tests.conformance.test_a_security import KEYS, asks, delivered
from tests.conformance.test_m_certificates import hash_data
from tests.conformance.tester import Heard, Payload, Tester, Version, now, on_line
from tests.conformance.tls import trusting
from tests.end_to_end.stations import knock

pytestmark = pytest.mark.end_to_end
PRIORITY = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}


@dataclass
class Upgrade:
    """One station on its way from profile 1 to 2, or from 2 to 3."""

    operator: Operator
    identity: str
    version: Version
    password: str

    @asynccontextmanager
    async def connected(self, *, over_tls: bool) -> AsyncIterator[Tester]:
        service = self.operator.service
        context = self.trusted() if over_tls else None
        port = service.ocpp_port
        async with on_line(port, self.identity, self.version, password=self.password, tls=context) as tester:
            yield tester

    def trusted(self) -> ssl.SSLContext:
        return trusting(self.operator.service.root_pem("root"), self.operator.service.root_pem("root-rsa"))

    async def old_way_is_closed(self) -> None:
        offered = (f"ocpp{self.version}",)
        status = await knock(self.operator.service, self.identity, password=self.password, subprotocols=offered)
        assert status in (401, 403), status


def upgrade_of(operator: Operator, identity: str, version: Version, profile: int = 1) -> Upgrade:
    password = operator.register(identity, version, profile)
    assert password is not None
    return Upgrade(operator, identity, version, password)


async def takes_roots(tester: Tester, kind: str, listed: str) -> None:
    """Both roots, and the list that proves it."""
    held = []
    for _ in range(2):
        heard = await tester.hear("InstallCertificate")
        assert heard.payload["certificateType"] == kind
        held.append(hash_data(heard.payload["certificate"]))
        await heard.answer(status="Accepted")
    heard = await tester.hear("GetInstalledCertificateIds")
    entries = held if tester.version == "1.6" else [{"certificateType": kind, "certificateHashData": h} for h in held]
    await heard.answer(status="Accepted", **{listed: entries})


async def takes_password(tester: Tester) -> str:
    """The last step: the old password went over the network in clear."""
    if tester.version == "1.6":
        heard = await tester.hear("ChangeConfiguration")
        assert heard.payload["key"] == "AuthorizationKey"
        await heard.answer(status="Accepted")
        return bytes.fromhex(heard.payload["value"]).decode()
    heard = await tester.hear("SetVariables")
    [entry] = heard.payload["setVariableData"]
    assert entry["variable"]["name"] == "BasicAuthPassword"
    await accept_settings(heard)
    password: str = entry["attributeValue"]
    return password


async def accept_settings(heard: Heard) -> None:
    results = [
        {"component": entry["component"], "variable": entry["variable"], "attributeStatus": "Accepted"}
        for entry in heard.payload["setVariableData"]
    ]
    await heard.answer(setVariableResult=results)


async def finish(upgrade: Upgrade, walk: str) -> None:
    """The new profile; the old one refused; the new password; the new profile again."""
    async with upgrade.connected(over_tls=True) as tester:
        await tester.boot()
        password = await takes_password(tester)
    await upgrade.old_way_is_closed()
    upgrade.password = password
    async with upgrade.connected(over_tls=True) as tester:
        await tester.boot()
        async with asyncio.timeout(20):
            while True:
                seen = await asyncio.to_thread(upgrade.operator.get, f"walks/{walk}")
                if seen["state"] != "running":
                    break
                await asyncio.sleep(0.1)
    assert seen["state"] == "done", seen
    await upgrade.old_way_is_closed()


async def test_tc_083_csms(operator: Operator) -> None:
    """From 1 to 2: roots, the setting, Reset, the new profile; the old one is refused, the new one stays good."""
    upgrade = upgrade_of(operator, "083", "1.6")
    async with upgrade.connected(over_tls=False) as tester:
        await tester.boot()
        walk = (await operator.act("walks", station="083", to=2))["id"]
        await takes_roots(tester, "CentralSystemRootCertificate", "certificateHashData")
        heard = await tester.hear("ChangeConfiguration")
        assert heard.payload == {"key": "SecurityProfile", "value": "2"}
        await heard.answer(status="Accepted")
        heard = await tester.hear("Reset")
        assert heard.payload == {"type": "Hard"}
        await heard.answer(status="Accepted")
    await finish(upgrade, walk)


async def reports_slots(tester: Tester) -> None:
    heard = await tester.hear("GetReport")
    assert heard.payload["componentVariable"] == [PRIORITY]
    await heard.answer(status="Accepted")
    characteristics = {"dataType": "SequenceList", "supportsMonitoring": False, "valuesList": "1,2"}
    entry = {**PRIORITY, "variableAttribute": [{"value": "1"}], "variableCharacteristics": characteristics}
    number = heard.payload["requestId"]
    await tester.say("NotifyReport", requestId=number, generatedAt=now(), seqNo=0, reportData=[entry])


async def reads_network(tester: Tester) -> None:
    heard = await tester.hear("GetVariables")
    values = {"NetworkConfigurationPriority": "1", "ActiveNetworkProfile": "1"}
    results = []
    for entry in heard.payload["getVariableData"]:
        value = values.get(entry["variable"]["name"])
        known = {"attributeStatus": "Accepted", "attributeValue": value}
        results.append({**entry, **(known if value else {"attributeStatus": "UnknownVariable"})})
    await heard.answer(getVariableResult=results)


async def takes_slot(tester: Tester, profile: int) -> None:
    """2.0.1 by SetNetworkProfile; 2.1 by the slot's variables, VPN and APN set to none."""
    if tester.version == "2.1":
        heard = await tester.hear("SetVariables")
        written: Payload = {e["variable"]["name"]: e["attributeValue"] for e in heard.payload["setVariableData"]}
        assert {e["component"]["instance"] for e in heard.payload["setVariableData"]} == {"2"}
        assert (written["SecurityProfile"], written["VpnEnabled"], written["ApnEnabled"]) == (
            str(profile),
            "false",
            "false",
        )
        await accept_settings(heard)
        return
    heard = await tester.hear("SetNetworkProfile")
    assert heard.payload["configurationSlot"] == 2
    connection = heard.payload["connectionData"]
    assert connection.pop("ocppCsmsUrl").startswith("wss://")
    assert connection.pop("messageTimeout") > 0
    assert connection == {
        "ocppInterface": "Wired0",
        "ocppTransport": "JSON",
        "ocppVersion": "OCPP20",
        "securityProfile": profile,
    }
    await heard.answer(status="Accepted")


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_tc_a_19_csms(operator: Operator, version: Version) -> None:
    """From 1 to 2: roots, slot, priority, Reset, the new profile; the old one is refused, the new one stays good."""
    upgrade = upgrade_of(operator, f"A-19-{version}", version)
    async with upgrade.connected(over_tls=False) as tester:
        await tester.boot()
        walk = (await operator.act("walks", station=upgrade.identity, to=2))["id"]
        await reports_slots(tester)
        await reads_network(tester)
        await takes_roots(tester, "CSMSRootCertificate", "certificateHashDataChain")
        await switches(tester, profile=2)
    await finish(upgrade, walk)


async def switches(tester: Tester, profile: int) -> None:
    """The slot, the priority, Reset."""
    await takes_slot(tester, profile)
    heard = await tester.hear("SetVariables")
    [entry] = heard.payload["setVariableData"]
    assert (entry["variable"]["name"], entry["attributeValue"]) == ("NetworkConfigurationPriority", "2,1")
    await accept_settings(heard)
    heard = await tester.hear("Reset")
    assert heard.payload == {"type": "OnIdle"}
    await heard.answer(status="Accepted")


async def takes_certificate(operator: Operator, tester: Tester) -> Credential:
    """A02 before the profile is raised: the operator's name, the trigger, the request, the certificate."""
    if tester.version == "1.6":
        heard = await tester.hear("ChangeConfiguration")
        assert heard.payload["key"] == "CpoName"
        await heard.answer(status="Accepted")
        heard = await tester.hear("ExtendedTriggerMessage")
    else:
        heard = await tester.hear("SetVariables")
        assert [entry["variable"]["name"] for entry in heard.payload["setVariableData"]] == ["OrganizationName"]
        await accept_settings(heard)
        heard = await tester.hear("TriggerMessage")
    await heard.answer(status="Accepted")
    key = KEYS["ecdsa"]()
    await asks(tester, key)
    return Credential(key, await delivered(operator, tester, key, "Accepted"), f"{tester.identity}-upgrade")


async def arrives_on_3(upgrade: Upgrade, walk: str, credential: Credential, folder: Path) -> None:
    """The new profile; the old one, with the password over TLS, refused; the new profile again."""
    service, context = upgrade.operator.service, credential.shown_in(upgrade.trusted(), folder)
    for _ in range(2):
        async with on_line(service.ocpp_port, upgrade.identity, upgrade.version, tls=context) as tester:
            await tester.boot()
            await until(lambda: bool(upgrade.operator.get(f"walks/{walk}")["state"] == "done"))
        offered = (f"ocpp{upgrade.version}",)
        old = await knock(
            service, upgrade.identity, password=upgrade.password, tls=upgrade.trusted(), subprotocols=offered
        )
        assert old in (401, 403), old


async def test_tc_083_from_2_csms(operator: Operator, tmp_path: Path) -> None:
    """From 2 to 3: the certificate, the setting, Reset, the new profile; the old one is refused, the new stays good."""
    upgrade = upgrade_of(operator, "083-3", "1.6", profile=2)
    async with upgrade.connected(over_tls=True) as tester:
        await tester.boot()
        walk = (await operator.act("walks", station=upgrade.identity, to=3))["id"]
        credential = await takes_certificate(operator, tester)
        heard = await tester.hear("ChangeConfiguration")
        assert heard.payload == {"key": "SecurityProfile", "value": "3"}
        await heard.answer(status="Accepted")
        heard = await tester.hear("Reset")
        assert heard.payload == {"type": "Hard"}
        await heard.answer(status="Accepted")
    await arrives_on_3(upgrade, walk, credential, tmp_path)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_tc_a_19_from_2_csms(operator: Operator, version: Version, tmp_path: Path) -> None:
    """From 2 to 3: the certificate, slot, priority, Reset, the new profile; the old one is refused, the new is good."""
    upgrade = upgrade_of(operator, f"A-19-3-{version}", version, profile=2)
    async with upgrade.connected(over_tls=True) as tester:
        await tester.boot()
        walk = (await operator.act("walks", station=upgrade.identity, to=3))["id"]
        await reports_slots(tester)
        await reads_network(tester)
        credential = await takes_certificate(operator, tester)
        await switches(tester, profile=3)
    await arrives_on_3(upgrade, walk, credential, tmp_path)
