"""Block M: roots on the station, 2.0.1 and 2.1 (reference §7.4); and the same of 1.6 (TC_075, TC_076, TC_078)."""

import pytest
from cryptography import x509

from csms_bridge.simulator.certificates import name_certificate
from tests.conformance.operator import Operator
from tests.conformance.tester import Payload, Tester, Version, now

pytestmark = pytest.mark.end_to_end
both = pytest.mark.parametrize("version", ["2.0.1", "2.1"])


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
    payload = {"certificateType": kind, "certificate": pem}
    sent = await operator.exchange(tester, "InstallCertificate", payload, {"status": status})
    assert sent == payload
    root = x509.load_pem_x509_certificate(sent["certificate"].encode())
    assert root.subject == root.issuer, "only a root is installed"
    assert "\r" not in sent["certificate"]


async def lists(operator: Operator, tester: Tester, kinds: list[str] | None, entries: list[Payload]) -> None:
    payload: Payload = {} if kinds is None else {"certificateType": kinds}
    chains = {"certificateHashDataChain": entries} if entries else {}
    answer = {"status": "Accepted" if entries else "NotFound", **chains}
    assert await operator.exchange(tester, "GetInstalledCertificateIds", payload, answer) == payload


async def install_case(operator: Operator, case: str, version: Version, kind: str, status: str = "Accepted") -> None:
    async with operator.station(f"{case}-{version}", version) as tester:
        await installs(operator, tester, kind, operator.service.root_pem(), status)


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
    pem = operator.service.root_pem()
    async with operator.station(f"M-20-{version}", version) as tester:
        for algorithm in ("SHA256", "SHA384", "SHA512"):
            entry = hash_data(pem, algorithm)
            await installs(operator, tester, "CSMSRootCertificate", pem)
            listed = {"certificateType": "CSMSRootCertificate", "certificateHashData": entry}
            await lists(operator, tester, ["CSMSRootCertificate"], [listed])
            payload = {"certificateHashData": entry}
            assert await operator.exchange(tester, "DeleteCertificate", payload, {"status": "Accepted"}) == payload


@both
async def test_tc_m_21_csms(operator: Operator, version: Version) -> None:
    """A deletion that the station fails at is told as such, and the line goes on."""
    payload = {"certificateHashData": hash_data(operator.service.root_pem())}
    async with operator.station(f"M-21-{version}", version) as tester:
        await operator.exchange(tester, "DeleteCertificate", payload, {"status": "Failed"})
        await tester.say("Heartbeat")


# 1.6: one kind a message, and no chains in the answer


async def lists_16(operator: Operator, tester: Tester, kind: str, entries: list[Payload]) -> None:
    payload = {"certificateType": kind}
    answer = {"status": "Accepted", "certificateHashData": entries} if entries else {"status": "NotFound"}
    assert await operator.exchange(tester, "GetInstalledCertificateIds", payload, answer) == payload


async def test_tc_075_1_csms(operator: Operator) -> None:
    """A manufacturer root is installed and listed."""
    pem = operator.service.root_pem()
    async with operator.station("075-1", "1.6") as tester:
        await installs(operator, tester, "ManufacturerRootCertificate", pem)
        await lists_16(operator, tester, "ManufacturerRootCertificate", [hash_data(pem)])


async def test_tc_075_2_csms(operator: Operator) -> None:
    """A CSMS root is installed and listed."""
    pem = operator.service.root_pem()
    async with operator.station("075-2", "1.6") as tester:
        await installs(operator, tester, "CentralSystemRootCertificate", pem)
        await lists_16(operator, tester, "CentralSystemRootCertificate", [hash_data(pem)])


async def test_tc_076_csms(operator: Operator) -> None:
    """A root is installed, listed, deleted by the station's own hash data, and gone, in three algorithms."""
    pem = operator.service.root_pem("root-rsa")
    async with operator.station("076", "1.6") as tester:
        for algorithm in ("SHA256", "SHA384", "SHA512"):
            entry = hash_data(pem, algorithm)
            await installs(operator, tester, "CentralSystemRootCertificate", pem)
            await lists_16(operator, tester, "CentralSystemRootCertificate", [entry])
            payload = {"certificateHashData": entry}
            assert await operator.exchange(tester, "DeleteCertificate", payload, {"status": "Accepted"}) == payload
            await lists_16(operator, tester, "CentralSystemRootCertificate", [])


async def test_tc_078_csms(operator: Operator) -> None:
    """A root that the station rejects, and the security event about it, are taken in."""
    async with operator.station("078", "1.6") as tester:
        await installs(operator, tester, "CentralSystemRootCertificate", operator.service.root_pem(), "Rejected")
        event = {"type": "InvalidCentralSystemCertificate", "timestamp": now()}
        assert await tester.say("SecurityEventNotification", **event) == {}
    events = operator.get("events", station="078")["items"]
    assert len(events) == 1
