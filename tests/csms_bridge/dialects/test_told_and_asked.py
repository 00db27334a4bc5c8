"""What stations tell of logs, firmware and certificates, and what we answer when they ask."""

from base64 import b64decode
from datetime import timedelta

import pytest

from csms_bridge import events as e
from csms_bridge.answers import (
    Authorization,
    CertificateChainStatus,
    CertificateStanding,
    CertificateStatus,
    ContractVerdict,
    EvCertificate,
    StandingOf,
)
from csms_bridge.dialects import DIALECTS
from csms_bridge.events import FirmwareStatus
from csms_bridge.station import OcppVersion
from csms_bridge.station_certificates import HashData, LeafKind, StatusRequest, StatusSource
from tests.csms_bridge.dialects.schemas import faults, sample
from tests.csms_bridge.room import NOON

V16, V201, V21 = OcppVersion.V16, OcppVersion.V201, OcppVersion.V21
every_version = pytest.mark.parametrize("version", [V16, V201, V21])
both = pytest.mark.parametrize("version", [V201, V21])
DATA = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": "0C"}
HASHES = HashData("SHA256", "aa", "bb", "0C")
OCSP_URL = "http://ocsp.example"


def told(version, action, payload):
    assert faults(version, action, "Request", payload) == []
    return DIALECTS[version].event(action, payload)


@every_version
@pytest.mark.parametrize("status", list(FirmwareStatus))
def test_reads_every_firmware_status(version, status):
    action = "SignedFirmwareStatusNotification" if version is V16 else "FirmwareStatusNotification"
    assert told(version, action, {"status": status.value, "requestId": 7}) == e.FirmwareStatusTold(status, 7)


@every_version
@pytest.mark.parametrize("word", ["InvalidCertificate", "RevokedCertificate", "CertificateVerified"])
def test_a_status_of_old_firmware_is_kept_in_words(version, word):
    event = DIALECTS[version].event("FirmwareStatusNotification", {"status": word})
    assert event == e.FirmwareStatusTold(None, None, word)
    assert event.succeeded is None


def test_an_update_ends_in_one_way_well_and_in_four_badly():
    ended = {status: e.FirmwareStatusTold(status, 7).succeeded for status in FirmwareStatus}
    assert [status.value for status, how in ended.items() if how is True] == ["Installed"]
    assert {status.value for status, how in ended.items() if how is False} == {
        "DownloadFailed", "InstallationFailed", "InstallVerificationFailed", "InvalidSignature",
    }  # fmt: skip


@every_version
@pytest.mark.parametrize(
    ("status", "succeeded"),
    [("Uploading", None), ("Uploaded", True), ("UploadFailure", False), ("PermissionDenied", False), ("Idle", None)],
)
def test_reads_how_far_a_log_is(version, status, succeeded):
    event = told(version, "LogStatusNotification", {"status": status, "requestId": 7})
    assert event == e.LogStatusTold(status, 7)
    assert event.succeeded is succeeded


def test_the_base_versions_diagnostics_are_a_log_too():
    event = told(V16, "DiagnosticsStatusNotification", {"status": "UploadFailed"})
    assert event == e.LogStatusTold("UploadFailure", None)


def test_2_1_says_why():
    info = {"reasonCode": "Full", "additionalInfo": "no room"}
    event = told(V21, "FirmwareStatusNotification", {"status": "DownloadFailed", "requestId": 1, "statusInfo": info})
    assert event == e.FirmwareStatusTold(FirmwareStatus.DOWNLOAD_FAILED, 1, "Full: no room")


@both
def test_reads_how_far_a_publication_is(version):
    payload = {"status": "Published", "requestId": 7, "location": ["https://lc.example/fw"]}
    expected = e.PublishStatusTold("Published", 7, ("https://lc.example/fw",))
    assert told(version, "PublishFirmwareStatusNotification", payload) == expected


@both
def test_reads_whose_status_is_asked(version):
    payload = {"ocspRequestData": {**DATA, "responderURL": OCSP_URL}}
    expected = e.CertificateStatusAsked(StatusRequest(HASHES, (OCSP_URL,)))
    assert told(version, "GetCertificateStatus", payload) == expected


def test_reads_whose_statuses_are_asked():
    one = {"certificateHashData": DATA, "source": "CRL", "urls": ["http://a", "http://b"]}
    payload = {"certificateStatusRequests": [one, {**one, "source": "OCSP"}]}
    assert told(V21, "GetCertificateChainStatus", payload) == e.CertificateChainStatusAsked(
        tuple(
            StatusRequest(HASHES, ("http://a", "http://b"), source) for source in (StatusSource.CRL, StatusSource.OCSP)
        )
    )


@both
@pytest.mark.parametrize(("action", "update"), [("Install", False), ("Update", True)])
def test_reads_a_vehicles_wish_for_a_contract(version, action, update):
    payload = {"iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef", "action": action, "exiRequest": "RVhJ"}
    expected = e.EvCertificateAsked("urn:iso:15118:2:2013:MsgDef", update, "RVhJ")
    assert told(version, "Get15118EVCertificate", payload) == expected


def test_reads_how_many_contracts_are_wanted():
    payload = {
        "iso15118SchemaVersion": "urn:iso:std:iso:15118:-20:CommonMessages",
        "action": "Install",
        "exiRequest": "RVhJ",
        "maximumContractCertificateChains": 3,
        "prioritizedEMAIDs": ["NL-ACM-C1", "NL-ACM-C2"],
    }
    event = told(V21, "Get15118EVCertificate", payload)
    assert (event.chains, event.emaids) == (3, ("NL-ACM-C1", "NL-ACM-C2"))


@both
def test_reads_a_token_with_its_contract(version):
    payload = {
        "idToken": {"idToken": "NL-ACM-C1", "type": "eMAID"},
        "certificate": "PEM",
        "iso15118CertificateHashData": [{**DATA, "responderURL": OCSP_URL}],
    }
    expected = e.AuthorizeAsked("NL-ACM-C1", "eMAID", "PEM", (StatusRequest(HASHES, (OCSP_URL,)),))
    assert told(version, "Authorize", payload) == expected


def test_reads_a_tag():
    assert told(V16, "Authorize", {"idTag": "A1B2"}) == e.AuthorizeAsked("A1B2", "")


def test_reads_which_root_a_certificate_is_wanted_under():
    """2.1 A02.FR.27."""
    payload = {"csr": "PEM", "certificateType": "V2G20Certificate", "hashRootCertificate": DATA, "requestId": 7}
    assert told(V21, "SignCertificate", payload) == e.CertificateAsked("PEM", 7, LeafKind.V2G20, HASHES)


@pytest.mark.parametrize("number", [2**31, -(2**40), True, 1.5, "7", None])
def test_a_number_that_ocpp_does_not_have_is_none(number):
    payload = {"status": "Idle", "requestId": number}
    assert DIALECTS[V201].event("LogStatusNotification", payload) == e.LogStatusTold("Idle", None)


# what we answer


def spelt(version, action, reply):
    payload = DIALECTS[version].spell(reply)
    assert faults(version, action, "Response", payload) == []
    return payload


@both
def test_a_fetched_status_is_accepted_whatever_it_says(version):
    """2.x M06: Accepted says "fetched"."""
    payload = spelt(version, "GetCertificateStatus", CertificateStatus(b"\x30\x03\x0a\x01\x06"))
    assert payload["status"] == "Accepted"
    assert b64decode(payload["ocspResult"]) == b"\x30\x03\x0a\x01\x06"


@both
def test_a_status_that_could_not_be_had_says_why(version):
    payload = spelt(version, "GetCertificateStatus", CertificateStatus(None, "the responder is silent " * 100))
    assert payload["status"] == "Failed"
    assert payload["statusInfo"]["additionalInfo"].startswith("the responder is silent")


def test_each_certificate_gets_its_standing():
    request = StatusRequest(HASHES, ("http://a",), StatusSource.CRL)
    reply = CertificateChainStatus((StandingOf(request, CertificateStanding.REVOKED, NOON + timedelta(hours=1)),))
    assert spelt(V21, "GetCertificateChainStatus", reply)["certificateStatus"] == [
        {"certificateHashData": DATA, "source": "CRL", "status": "Revoked", "nextUpdate": "2026-03-02T13:00:00.000Z"}
    ]


@both
@pytest.mark.parametrize("verdict", [None, *ContractVerdict])
def test_a_token_is_judged_with_its_contract(version, verdict):
    payload = spelt(version, "Authorize", Authorization("Invalid", verdict))
    assert payload["idTokenInfo"] == {"status": "Invalid"}
    assert payload.get("certificateStatus") == verdict


def test_a_tag_is_judged():
    assert spelt(V16, "Authorize", Authorization("Blocked")) == {"idTagInfo": {"status": "Blocked"}}


@both
def test_a_contract_is_passed_on(version):
    assert spelt(version, "Get15118EVCertificate", EvCertificate("RVhJ"))["exiResponse"] == "RVhJ"
    failed = spelt(version, "Get15118EVCertificate", EvCertificate(None, "no pool is configured"))
    assert (failed["status"], failed["exiResponse"]) == ("Failed", "")


def test_2_1_counts_the_contracts_down():
    """TC_M_100."""
    assert spelt(V21, "Get15118EVCertificate", EvCertificate("RVhJ", remaining=2))["remainingContracts"] == 2


@pytest.mark.parametrize(
    ("version", "reply"),
    [
        (V16, CertificateStatus(None)),
        (V16, EvCertificate(None)),
        (V16, CertificateChainStatus(())),
        (V201, CertificateChainStatus(())),
    ],
)
def test_a_version_without_the_question_has_no_answer(version, reply):
    with pytest.raises(LookupError):
        DIALECTS[version].spell(reply)


@both
@pytest.mark.parametrize(
    "action", ["GetCertificateStatus", "Get15118EVCertificate", "Authorize", "NotifyReport", "LogStatusNotification"]
)
def test_every_field_of_a_question_can_be_read(version, action):
    assert not isinstance(told(version, action, sample(version, action, full=True)), e.Told)
