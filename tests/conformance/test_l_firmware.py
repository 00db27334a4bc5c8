"""Block L: firmware, 2.0.1 and 2.1 (reference §7.3); signed firmware of 1.6 (TC_080, TC_081)."""

import hashlib
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from tests.conformance.operator import Operator
from tests.conformance.tester import Payload, Tester, Version, now

pytestmark = pytest.mark.end_to_end
both = pytest.mark.parametrize("version", ["2.0.1", "2.1"])
_numbers = itertools.count(1)
LOCATION = "https://firmware.example/rigid.bin"
GOOD = ("Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting")


def signed(operator: Operator, version: Version, **more: str) -> Payload:
    """What the service tells to send for a firmware that it signed."""
    number = next(_numbers)
    image = f"firmware {number}".encode()
    names = {"vendor": "Tester", "model": "Rigid", "version": f"1.{number}"}
    made = operator.post("firmware", digest=hashlib.sha256(image).hexdigest(), **names)
    payload: Payload = operator.get(f"firmware/{made['id']}/payload", ocpp=version, location=LOCATION, **more)
    certificate = x509.load_pem_x509_certificate(payload["firmware"]["signingCertificate"].encode())
    assert certificate.not_valid_before_utc < datetime.now(UTC) < certificate.not_valid_after_utc
    return payload


def action_of(version: Version) -> tuple[str, str]:
    if version == "1.6":
        return "SignedUpdateFirmware", "SignedFirmwareStatusNotification"
    return "UpdateFirmware", "FirmwareStatusNotification"


async def updates(operator: Operator, tester: Tester, payload: Payload, status: str = "Accepted") -> None:
    action, _ = action_of(tester.version)
    sent = await operator.exchange(tester, action, payload, {"status": status})
    assert sent["firmware"]["location"] == LOCATION
    assert len(sent["firmware"]["signature"]) <= 800
    assert sent["firmware"]["signingCertificate"].startswith("-----BEGIN CERTIFICATE-----\n")


async def tells(tester: Tester, payload: Payload, *statuses: str) -> None:
    _, action = action_of(tester.version)
    for status in statuses:
        assert await tester.say(action, status=status, requestId=payload["requestId"]) == {}


async def event(tester: Tester, kind: str) -> None:
    assert await tester.say("SecurityEventNotification", type=kind, timestamp=now()) == {}


async def ends_well(tester: Tester, payload: Payload) -> None:
    await tells(tester, payload, *GOOD)
    await tester.boot("FirmwareUpdate")
    await event(tester, "FirmwareUpdated")
    await tells(tester, payload, "Installed")


@both
async def test_tc_l_01_csms(operator: Operator, version: Version) -> None:
    """A signed update to its good end, with a boot in the middle; certificate and signature are those on record."""
    payload = signed(operator, version)
    async with operator.station(f"L-01-{version}", version) as tester:
        await updates(operator, tester, payload)
        await ends_well(tester, payload)


@both
async def test_tc_l_02_csms(operator: Operator, version: Version) -> None:
    """An installation for later: InstallScheduled."""
    payload = signed(operator, version)
    later = datetime.now(UTC) + timedelta(minutes=5)
    payload["firmware"]["installDateTime"] = later.isoformat(timespec="seconds").replace("+00:00", "Z")
    async with operator.station(f"L-02-{version}", version) as tester:
        await updates(operator, tester, payload)
        await tells(tester, payload, "Downloading", "Downloaded", "SignatureVerified", "InstallScheduled")
        await tells(tester, payload, "Installing", "InstallRebooting")
        await tester.boot("FirmwareUpdate")
        await tells(tester, payload, "Installed")


@both
async def test_tc_l_03_csms(operator: Operator, version: Version) -> None:
    """A download for later: DownloadScheduled."""
    later = (datetime.now(UTC) + timedelta(minutes=5)).isoformat(timespec="seconds").replace("+00:00", "Z")
    payload = signed(operator, version, retrieve_at=later)
    async with operator.station(f"L-03-{version}", version) as tester:
        await updates(operator, tester, payload)
        await tells(tester, payload, "DownloadScheduled")
        await ends_well(tester, payload)


@both
async def test_tc_l_04_csms(operator: Operator, version: Version) -> None:
    """A station that holds the signing certificate for revoked."""
    async with operator.station(f"L-04-{version}", version) as tester:
        await updates(operator, tester, signed(operator, version), "RevokedCertificate")
        await tester.say("Heartbeat")


@both
async def test_tc_l_05_csms(operator: Operator, version: Version) -> None:
    """A station that takes the signing certificate for invalid, and reports it."""
    async with operator.station(f"L-05-{version}", version) as tester:
        await updates(operator, tester, signed(operator, version), "InvalidCertificate")
        await event(tester, "InvalidFirmwareSigningCertificate")


@both
async def test_tc_l_06_csms(operator: Operator, version: Version) -> None:
    """A signature that does not fit, and the event about it."""
    payload = signed(operator, version)
    async with operator.station(f"L-06-{version}", version) as tester:
        await updates(operator, tester, payload)
        await tells(tester, payload, "Downloading", "Downloaded", "InvalidSignature")
        await event(tester, "InvalidFirmwareSignature")


async def fails_case(operator: Operator, case: str, version: Version, *statuses: str) -> None:
    payload = signed(operator, version)
    async with operator.station(f"{case}-{version}", version) as tester:
        await updates(operator, tester, payload)
        await tells(tester, payload, *statuses)
        await tester.say("Heartbeat")


@both
async def test_tc_l_07_csms(operator: Operator, version: Version) -> None:
    """DownloadFailed."""
    await fails_case(operator, "L-07", version, "Downloading", "DownloadFailed")


@both
async def test_tc_l_08_csms(operator: Operator, version: Version) -> None:
    """InstallVerificationFailed."""
    statuses = ("Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallVerificationFailed")
    await fails_case(operator, "L-08", version, *statuses)


@both
async def test_tc_l_09_csms(operator: Operator, version: Version) -> None:
    """InstallationFailed, after a restart."""
    payload = signed(operator, version)
    async with operator.station(f"L-09-{version}", version) as tester:
        await updates(operator, tester, payload)
        await tells(tester, payload, *GOOD)
        await tester.boot("FirmwareUpdate")
        await tells(tester, payload, "InstallationFailed")


@both
async def test_tc_l_10_csms(operator: Operator, version: Version) -> None:
    """A second request while downloading replaces the first."""
    first, second = signed(operator, version), signed(operator, version)
    async with operator.station(f"L-10-{version}", version) as tester:
        await updates(operator, tester, first)
        await tells(tester, first, "Downloading")
        await updates(operator, tester, second, "AcceptedCanceled")
        await ends_well(tester, second)


@both
async def test_tc_l_11_csms(operator: Operator, version: Version) -> None:
    """A second request is rejected, and the first goes on to its end."""
    first, second = signed(operator, version), signed(operator, version)
    async with operator.station(f"L-11-{version}", version) as tester:
        await updates(operator, tester, first)
        await tells(tester, first, "Downloading")
        await updates(operator, tester, second, "Rejected")
        await ends_well(tester, first)


@both
async def test_tc_l_13_csms(operator: Operator, version: Version) -> None:
    """An update that is asked for during a transaction waits for its end."""
    payload = signed(operator, version)
    async with operator.station(f"L-13-{version}", version) as tester:
        await transaction(tester, "Started", 0)
        await updates(operator, tester, payload)
        await tells(tester, payload, "DownloadScheduled")
        status = {"timestamp": now(), "connectorStatus": "Unavailable", "evseId": 2, "connectorId": 1}
        assert await tester.say("StatusNotification", **status) == {}
        await transaction(tester, "Ended", 1)
        await ends_well(tester, payload)


async def transaction(tester: Tester, kind: str, number: int) -> None:
    info = {"transactionId": f"TX-{tester.identity}"}
    await tester.say(
        "TransactionEvent", eventType=kind, timestamp=now(), triggerReason="Authorized", seqNo=number,
        transactionInfo=info,
    )  # fmt: skip


CHECKSUM = hashlib.md5(b"image", usedforsecurity=False).hexdigest()


async def publish_case(operator: Operator, case: str, version: Version, *statuses: str) -> None:
    number = next(_numbers)
    payload = {"requestId": number, "location": LOCATION, "checksum": CHECKSUM}
    async with operator.station(f"{case}-{version}", version) as tester:
        assert await operator.exchange(tester, "PublishFirmware", payload, {"status": "Accepted"}) == payload
        for status in statuses:
            where = {"location": [LOCATION]} if status == "Published" else {}
            told = {"status": status, "requestId": number, **where}
            assert await tester.say("PublishFirmwareStatusNotification", **told) == {}


@both
async def test_tc_l_17_csms(operator: Operator, version: Version) -> None:
    """A local controller publishes an image."""
    statuses = ("Downloading", "Downloaded", "ChecksumVerified", "Published")
    await publish_case(operator, "L-17", version, *statuses)


@both
async def test_tc_l_19_csms(operator: Operator, version: Version) -> None:
    """A local controller finds another checksum."""
    await publish_case(operator, "L-19", version, "Downloading", "Downloaded", "InvalidChecksum")


@both
async def test_tc_l_20_csms(operator: Operator, version: Version) -> None:
    """A local controller cannot publish."""
    statuses = ("Downloading", "Downloaded", "ChecksumVerified", "PublishFailed")
    await publish_case(operator, "L-20", version, *statuses)


@both
async def test_tc_l_24_csms(operator: Operator, version: Version) -> None:
    """A local controller cannot download."""
    await publish_case(operator, "L-24", version, "Downloading", "DownloadFailed")


async def unpublish_case(operator: Operator, case: str, version: Version, status: str) -> None:
    payload = {"checksum": CHECKSUM}
    async with operator.station(f"{case}-{version}", version) as tester:
        assert await operator.exchange(tester, "UnpublishFirmware", payload, {"status": status}) == payload


@both
async def test_tc_l_21_csms(operator: Operator, version: Version) -> None:
    """An image is taken back: Unpublished."""
    await unpublish_case(operator, "L-21", version, "Unpublished")


@both
async def test_tc_l_22_csms(operator: Operator, version: Version) -> None:
    """There is no such image: NoFirmware."""
    await unpublish_case(operator, "L-22", version, "NoFirmware")


@both
async def test_tc_l_23_csms(operator: Operator, version: Version) -> None:
    """Somebody is downloading it: DownloadOngoing."""
    await unpublish_case(operator, "L-23", version, "DownloadOngoing")


async def test_tc_080_csms(operator: Operator) -> None:
    """A signed update of a 1.6 station to its good end."""
    payload = signed(operator, "1.6")
    async with operator.station("080", "1.6") as tester:
        await updates(operator, tester, payload)
        await tells(tester, payload, *GOOD)
        await tester.boot()
        await event(tester, "FirmwareUpdated")
        await tells(tester, payload, "Installed")


async def test_tc_081_csms(operator: Operator) -> None:
    """A 1.6 station finds the signature wrong, and reports it."""
    payload = signed(operator, "1.6")
    async with operator.station("081", "1.6") as tester:
        await updates(operator, tester, payload)
        await tells(tester, payload, "Downloading", "Downloaded", "InvalidSignature")
        await event(tester, "InvalidFirmwareSignature")
