"""Block M: roots on the station, 2.0.1 and 2.1 (reference §7.4); and the same of 1.6 (TC_075, TC_076, TC_078)."""

import asyncio

import pytest
from cryptography import x509

from csms_bridge.simulator.certificates import name_certificate
from tests.conformance.operator import Operator
from tests.conformance.tester import Payload, Tester, Version, now
from tests.pki.makers import maker_root

pytestmark = pytest.mark.end_to_end
both = pytest.mark.parametrize("version", ["2.0.1", "2.1"])
STRANGER = maker_root("A root of somebody else's").pem.decode()
DOOR = {
    "CSMSRootCertificate": "csms",
    "CentralSystemRootCertificate": "csms",
    "ManufacturerRootCertificate": "manufacturer",
    "V2GRootCertificate": "v2g",
    "MORootCertificate": "mo",
    "V2GCertificateChain": "v2g-chain",
}
"""OCPP's words for the kinds of roots, and those of our API."""
BECAME = {"Accepted": "done", "Rejected": "rejected", "Failed": "failed"}


def hash_data(pem: str, algorithm: str = "SHA256") -> Payload:
    """A root as a station names it, by the simulator's own reckoning."""
    root = x509.load_pem_x509_certificate(pem.encode())
    name = name_certificate(root, root, algorithm)
    return {
        "hashAlgorithm": name.algorithm,
        "issuerNameHash": name.issuer_name_hash,
        "issuerKeyHash": name.issuer_key_hash,
        "serialNumber": name.serial,
    }


async def installs(operator: Operator, tester: Tester, kind: str, pem: str, status: str = "Accepted") -> None:
    """The operator has a root installed; the station answers so."""
    body = {"kind": DOOR[kind], "certificate": pem}
    ordered = asyncio.create_task(operator.act(f"stations/{tester.identity}/roots", **body))
    heard = await tester.hear("InstallCertificate")
    assert set(heard.payload) == {"certificateType", "certificate"}
    assert heard.payload["certificateType"] == kind
    root = x509.load_pem_x509_certificate(heard.payload["certificate"].encode())
    assert root == x509.load_pem_x509_certificate(pem.encode())
    assert root.subject == root.issuer, "only a root is installed"
    assert "\r" not in heard.payload["certificate"]
    await heard.answer(status=status)
    assert (await ordered)["state"] == BECAME[status]


async def lists(operator: Operator, tester: Tester, kinds: list[str] | None, entries: list[Payload]) -> None:
    """The operator has these kinds listed (None: all); what the station listed is what is then on record."""
    payload: Payload = {} if kinds is None else {"certificateType": kinds}
    chains = {"certificateHashDataChain": entries} if entries else {}
    answer = {"status": "Accepted" if entries else "NotFound", **chains}
    await listed(operator, tester, kinds or [], payload, answer)
    told = [(DOOR[one["certificateType"]], one["certificateHashData"]) for one in entries]
    shown = operator.get(f"stations/{tester.identity}/roots")["entries"]
    assert sorted(map(str, told)) == sorted(str((one["kind"], wire(one["hash_data"]))) for one in shown)
    children = [child for one in entries for child in one.get("childCertificateHashData", [])]
    assert children == [wire(child) for one in shown for child in one["children"]]


async def listed(operator: Operator, tester: Tester, kinds: list[str], payload: Payload, answer: Payload) -> None:
    names = [DOOR[kind] for kind in kinds]
    ordered = asyncio.create_task(operator.act(f"stations/{tester.identity}/roots/list", kinds=names))
    heard = await tester.hear("GetInstalledCertificateIds")
    assert heard.payload == payload
    await heard.answer(**answer)
    [act] = (await ordered)["items"]
    assert act["state"] == "done", act


def wire(shown: Payload) -> Payload:
    """Hash data as OCPP spells it."""
    return {
        "hashAlgorithm": shown["algorithm"],
        "issuerNameHash": shown["issuer_name_hash"],
        "issuerKeyHash": shown["issuer_key_hash"],
        "serialNumber": shown["serial_number"],
    }


async def deletes(operator: Operator, tester: Tester, told: Payload, status: str = "Accepted") -> None:
    """The operator has a root deleted that the station listed so; the station gets its own hash data back."""
    place = f"stations/{tester.identity}/roots"
    [entry] = [one for one in operator.get(place)["entries"] if wire(one["hash_data"]) == told]
    ordered = asyncio.create_task(operator.act(f"{place}/{entry['id']}/delete", reason="nobody needs it"))
    heard = await tester.hear("DeleteCertificate")
    assert heard.payload == {"certificateHashData": told}
    await heard.answer(status=status)
    assert (await ordered)["state"] == BECAME[status]


async def install_case(operator: Operator, case: str, version: Version, kind: str, status: str = "Accepted") -> None:
    pem = operator.service.root_pem() if kind == "CSMSRootCertificate" else STRANGER
    async with operator.station(f"{case}-{version}", version) as tester:
        await installs(operator, tester, kind, pem, status)


@both
async def test_tc_m_01_csms(operator: Operator, version: Version) -> None:
    """A CSMS root is installed."""
    await install_case(operator, "M-01", version, "CSMSRootCertificate")


@both
async def test_tc_m_02_csms(operator: Operator, version: Version) -> None:
    """A manufacturer root is installed."""
    await install_case(operator, "M-02", version, "ManufacturerRootCertificate")


@both
async def test_tc_m_03_csms(operator: Operator, version: Version) -> None:
    """A V2G root is installed."""
    await install_case(operator, "M-03", version, "V2GRootCertificate")


@both
async def test_tc_m_04_csms(operator: Operator, version: Version) -> None:
    """An MO root is installed."""
    await install_case(operator, "M-04", version, "MORootCertificate")


@both
async def test_tc_m_05_csms(operator: Operator, version: Version) -> None:
    """A root that the station fails to install is told as such, and the line goes on."""
    async with operator.station(f"M-05-{version}", version) as tester:
        await installs(operator, tester, "CSMSRootCertificate", operator.service.root_pem(), "Failed")
        await tester.say("Heartbeat")


async def list_case(operator: Operator, case: str, version: Version, kinds: list[str] | None, *told: str) -> None:
    entry = hash_data(operator.service.root_pem())
    async with operator.station(f"{case}-{version}", version) as tester:
        entries = [{"certificateType": kind, "certificateHashData": entry} for kind in told]
        await lists(operator, tester, kinds, entries)


@both
async def test_tc_m_12_csms(operator: Operator, version: Version) -> None:
    """CSMS roots are listed with hash data in each of the three algorithms."""
    pem = operator.service.root_pem()
    async with operator.station(f"M-12-{version}", version) as tester:
        for algorithm in ("SHA256", "SHA384", "SHA512"):
            entry = {"certificateType": "CSMSRootCertificate", "certificateHashData": hash_data(pem, algorithm)}
            await lists(operator, tester, ["CSMSRootCertificate"], [entry])


@both
async def test_tc_m_13_csms(operator: Operator, version: Version) -> None:
    """Manufacturer roots are listed."""
    kind = "ManufacturerRootCertificate"
    await list_case(operator, "M-13", version, [kind], kind)


@both
async def test_tc_m_14_csms(operator: Operator, version: Version) -> None:
    """V2G roots are listed."""
    await list_case(operator, "M-14", version, ["V2GRootCertificate"], "V2GRootCertificate")


@both
async def test_tc_m_15_csms(operator: Operator, version: Version) -> None:
    """A V2G chain is listed with its sub-CAs as children."""
    entry = hash_data(operator.service.root_pem())
    chain = {
        "certificateType": "V2GCertificateChain",
        "certificateHashData": entry,
        "childCertificateHashData": [entry, entry],
    }
    async with operator.station(f"M-15-{version}", version) as tester:
        await lists(operator, tester, ["V2GCertificateChain"], [chain])


@both
async def test_tc_m_16_csms(operator: Operator, version: Version) -> None:
    """MO roots are listed."""
    await list_case(operator, "M-16", version, ["MORootCertificate"], "MORootCertificate")


@both
async def test_tc_m_17_csms(operator: Operator, version: Version) -> None:
    """Two kinds are listed by one request."""
    kinds = ["CSMSRootCertificate", "ManufacturerRootCertificate"]
    await list_case(operator, "M-17", version, kinds, *kinds)


@both
async def test_tc_m_18_csms(operator: Operator, version: Version) -> None:
    """Everything is listed when no kind is named; the field is left out then."""
    await list_case(operator, "M-18", version, None, "CSMSRootCertificate", "MORootCertificate")


@both
async def test_tc_m_19_csms(operator: Operator, version: Version) -> None:
    """NotFound without a list is an empty list."""
    await list_case(operator, "M-19", version, ["ManufacturerRootCertificate"])


@both
async def test_tc_m_20_csms(operator: Operator, version: Version) -> None:
    """A root is installed, listed and deleted by the hash data that the station listed, in three algorithms."""
    kind = "CSMSRootCertificate"
    kept = {"certificateType": kind, "certificateHashData": hash_data(operator.service.root_pem())}
    async with operator.station(f"M-20-{version}", version) as tester:
        for algorithm in ("SHA256", "SHA384", "SHA512"):
            entry = hash_data(STRANGER, algorithm)
            await installs(operator, tester, kind, STRANGER)
            await lists(operator, tester, [kind], [kept, {"certificateType": kind, "certificateHashData": entry}])
            await deletes(operator, tester, entry)


@both
async def test_tc_m_21_csms(operator: Operator, version: Version) -> None:
    """A deletion that the station fails at is told as such, and the line goes on."""
    kind, held = "CSMSRootCertificate", (operator.service.root_pem(), STRANGER)
    async with operator.station(f"M-21-{version}", version) as tester:
        entries = [{"certificateType": kind, "certificateHashData": hash_data(pem)} for pem in held]
        await lists(operator, tester, [kind], entries)
        await deletes(operator, tester, hash_data(STRANGER), "Failed")
        await tester.say("Heartbeat")


# 1.6: one kind a message, and no chains in the answer


async def lists_16(operator: Operator, tester: Tester, kind: str, entries: list[Payload]) -> None:
    answer = {"status": "Accepted", "certificateHashData": entries} if entries else {"status": "NotFound"}
    await listed(operator, tester, [kind], {"certificateType": kind}, answer)
    shown = operator.get(f"stations/{tester.identity}/roots")["entries"]
    assert [wire(one["hash_data"]) for one in shown] == entries


async def test_tc_075_1_csms(operator: Operator) -> None:
    """A manufacturer root is installed and listed."""
    async with operator.station("075-1", "1.6") as tester:
        await installs(operator, tester, "ManufacturerRootCertificate", STRANGER)
        await lists_16(operator, tester, "ManufacturerRootCertificate", [hash_data(STRANGER)])


async def test_tc_075_2_csms(operator: Operator) -> None:
    """A CSMS root is installed and listed."""
    pem = operator.service.root_pem()
    async with operator.station("075-2", "1.6") as tester:
        await installs(operator, tester, "CentralSystemRootCertificate", pem)
        await lists_16(operator, tester, "CentralSystemRootCertificate", [hash_data(pem)])


async def test_tc_076_csms(operator: Operator) -> None:
    """A root is installed, listed, deleted by the station's own hash data, and gone, in three algorithms."""
    kept = hash_data(operator.service.root_pem())
    async with operator.station("076", "1.6") as tester:
        for algorithm in ("SHA256", "SHA384", "SHA512"):
            entry = hash_data(STRANGER, algorithm)
            await installs(operator, tester, "CentralSystemRootCertificate", STRANGER)
            await lists_16(operator, tester, "CentralSystemRootCertificate", [kept, entry])
            await deletes(operator, tester, entry)
            await lists_16(operator, tester, "CentralSystemRootCertificate", [kept])


async def test_tc_078_csms(operator: Operator) -> None:
    """A root that the station rejects, and the security event about it, are taken in."""
    async with operator.station("078", "1.6") as tester:
        await installs(operator, tester, "CentralSystemRootCertificate", operator.service.root_pem(), "Rejected")
        event = {"type": "InvalidCentralSystemCertificate", "timestamp": now()}
        assert await tester.say("SecurityEventNotification", **event) == {}
    events = operator.get("events", station="078")["items"]
    assert len(events) == 1
