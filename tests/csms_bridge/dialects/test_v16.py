"""OCPP 1.6-J with the security extension (OCA white paper ed. 3)."""

import pytest

from csms_bridge import commands as c
from csms_bridge import events as e
from csms_bridge.charging import Phase
from csms_bridge.commands import Answer, Outcome
from csms_bridge.dialects import DIALECTS
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.station_certificates import CertificateKind
from pki.secret_text import Secret
from tests.csms_bridge.dialects.schemas import faults, sample
from tests.csms_bridge.dialects.spoken import CALLS, COMMANDS, HOUSE, OPEN_HOUSE, PASSWORD, PEM, SLOTTED, TLS
from tests.csms_bridge.room import NOON

V16 = OcppVersion.V16
dialect = DIALECTS[V16]


def asked(command: c.Command) -> tuple[str, object]:
    request = dialect.request(command)
    return request.action, request.payload


# requests


@pytest.mark.parametrize("command", COMMANDS[V16], ids=lambda command: type(command).__name__)
def test_every_request_fits_its_schema(command):
    request = dialect.request(command)
    assert faults(V16, request.action, "Request", request.payload) == []


@pytest.mark.parametrize("command", [*SLOTTED, c.WriteSlotVariables(2, "wss://x", TLS)])
def test_1_6_has_no_connection_slots(command):
    with pytest.raises(LookupError, match=type(command).__name__):
        dialect.request(command)


@pytest.mark.parametrize(
    ("command", "action", "payload"),
    [
        (
            c.InstallRoot(PEM),
            "InstallCertificate",
            {"certificateType": "CentralSystemRootCertificate", "certificate": PEM},
        ),
        (c.ListRoots(), "GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"}),
        (c.DeliverCertificate(PEM), "CertificateSigned", {"certificateChain": PEM}),
        (c.DeliverCertificate(PEM, 7), "CertificateSigned", {"certificateChain": PEM}),  # requestId is 2.1's
        (c.NameOperator("Acme", "NL"), "ChangeConfiguration", {"key": "CpoName", "value": "Acme"}),
        (c.RaiseProfile(SecurityProfile.MUTUAL_TLS), "ChangeConfiguration", {"key": "SecurityProfile", "value": "3"}),
        (c.Restart(), "Reset", {"type": "Hard"}),  # TC_083
    ],
)
def test_spells_commands_as_1_6_does(command, action, payload):
    assert asked(command) == (action, payload)


def test_a_certificate_request_is_triggered_without_a_connector():
    """TC_074 checks that connectorId is left out."""
    assert asked(c.TriggerCertificateRequest()) == (
        "ExtendedTriggerMessage",
        {"requestedMessage": "SignChargePointCertificate"},
    )


def test_a_password_is_sent_as_hexadecimal_of_16_to_20_bytes():
    """A00.FR.205, TC_073: 32 to 40 digits."""
    action, payload = asked(c.SetPassword(PASSWORD))
    assert (action, payload["key"]) == ("ChangeConfiguration", "AuthorizationKey")
    assert bytes.fromhex(payload["value"]) == PASSWORD.reveal
    assert 32 <= len(payload["value"]) <= 40


def test_a_binary_password_can_be_set():
    assert asked(c.SetPassword(Secret(bytes(range(240, 256)))))[1]["value"] == "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"


def test_a_command_shows_no_password():
    assert PASSWORD.text() not in repr(c.SetPassword(PASSWORD))


# answers


@pytest.mark.parametrize("command", [c.SetPassword(PASSWORD), c.RaiseProfile(TLS), c.NameOperator("Acme")])
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("Accepted", Outcome.ACCEPTED),
        ("RebootRequired", Outcome.REBOOT_REQUIRED),
        ("NotSupported", Outcome.NOT_SUPPORTED),
        ("Rejected", Outcome.REJECTED),
    ],
)
def test_reads_the_answer_to_a_setting(command, status, outcome):
    assert faults(V16, "ChangeConfiguration", "Response", {"status": status}) == []
    assert dialect.answer(command, {"status": status}) == Answer(outcome, status)


@pytest.mark.parametrize(
    ("command", "status", "outcome"),
    [
        (c.TriggerCertificateRequest(), "Accepted", Outcome.ACCEPTED),
        (c.TriggerCertificateRequest(), "Rejected", Outcome.REJECTED),
        (c.TriggerCertificateRequest(), "NotImplemented", Outcome.NOT_SUPPORTED),
        (c.InstallRoot(PEM), "Accepted", Outcome.ACCEPTED),
        (c.InstallRoot(PEM), "Failed", Outcome.FAILED),
        (c.InstallRoot(PEM), "Rejected", Outcome.REJECTED),
        (c.DeliverCertificate(PEM), "Accepted", Outcome.ACCEPTED),
        (c.DeliverCertificate(PEM), "Rejected", Outcome.REJECTED),
        (c.Restart(), "Accepted", Outcome.ACCEPTED),
        (c.Restart(), "Rejected", Outcome.REJECTED),
    ],
)
def test_reads_the_answer_to_a_message(command, status, outcome):
    assert faults(V16, dialect.request(command).action, "Response", {"status": status}) == []
    assert dialect.answer(command, {"status": status}) == Answer(outcome, status)


def listed(*serials: str) -> dict[str, object]:
    data = [
        {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": serial}
        for serial in serials
    ]
    return {"status": "Accepted", "certificateHashData": data}


def test_reads_the_serial_numbers_of_the_roots():
    payload = listed("0ABC", "5eed")
    assert faults(V16, "GetInstalledCertificateIds", "Response", payload) == []
    answer = dialect.answer(c.ListRoots(), payload)
    assert (answer.outcome, answer.words, answer.facts) == (Outcome.ACCEPTED, "Accepted", {"roots": "0ABC 5eed"})
    assert [(one.kind, one.hash_data.serial_number) for one in answer.certificates] == [
        (CertificateKind.CSMS, "0ABC"),
        (CertificateKind.CSMS, "5eed"),
    ]


@pytest.mark.parametrize("status", ["Accepted", "NotFound"])
def test_an_answer_without_roots_is_an_empty_list(status):
    """M03: NotFound leaves the array out; MicroOcpp says Accepted without data (station-quirks 7)."""
    assert dialect.answer(c.ListRoots(), {"status": status}) == Answer(Outcome.ACCEPTED, status, {"roots": ""})


# events


def test_reads_a_boot_with_both_serial_numbers():
    payload = {
        "chargePointVendor": "Acme",
        "chargePointModel": "Wallbox",
        "firmwareVersion": "1.0",
        "chargePointSerialNumber": "SN-1",
        "chargeBoxSerialNumber": "BOX-1",
    }
    assert dialect.event("BootNotification", payload) == e.Booted("Acme", "Wallbox", "1.0", ("SN-1", "BOX-1"), "")


def test_reads_a_boot_that_says_little():
    payload = {"chargePointVendor": "Acme", "chargePointModel": "Wallbox"}
    assert dialect.event("BootNotification", payload) == e.Booted("Acme", "Wallbox", "", (), "")


@pytest.mark.parametrize(
    ("action", "payload", "event"),
    [
        ("SignCertificate", {"csr": "PEM"}, e.CertificateAsked("PEM", None)),
        (
            "SecurityEventNotification",
            {"type": "FirmwareUpdated", "timestamp": "2026-03-02T12:00:00Z", "techInfo": "1.1"},
            e.SecurityEventTold("FirmwareUpdated", NOON, "1.1"),
        ),
        (
            "SecurityEventNotification",
            {"type": "VendorThing", "timestamp": "never"},
            e.SecurityEventTold("VendorThing", None, ""),
        ),
        ("StartTransaction", {"connectorId": 2}, e.ChargingTold(Phase.BEGAN, "connector 2", None, 2)),
        ("StopTransaction", {"transactionId": 17}, e.ChargingTold(Phase.ENDED, "17")),
        ("Heartbeat", {}, e.Told("Heartbeat")),
        ("StatusNotification", {"connectorId": 1}, e.ConnectorsTold((e.ConnectorStatus(0, 1, ""),))),
    ],
)
def test_reads_what_a_station_tells(action, payload, event):
    assert dialect.event(action, payload) == event


@pytest.mark.parametrize("action", [*CALLS[V16], "SignCertificate"])
@pytest.mark.parametrize("full", [False, True])
def test_every_call_that_fits_its_schema_can_be_read(action, full):
    assert dialect.event(action, sample(V16, action, full=full)) is not None


# responses


@pytest.mark.parametrize("action", CALLS[V16])
@pytest.mark.parametrize("full", [False, True])
def test_every_call_of_a_station_has_an_answer_that_fits(action, full):
    answer = dialect.response(action, sample(V16, action, full=full), HOUSE)
    assert faults(V16, action, "Response", answer) == []


@pytest.mark.parametrize("accepted", [True, False])
def test_a_certificate_request_has_an_answer_that_fits(accepted):
    """A02.FR.11/.12: Accepted or Rejected, never an error."""
    answer = dialect.certificate_response(accepted, "the key is too weak")
    assert faults(V16, "SignCertificate", "Response", answer) == []
    assert answer == {"status": "Accepted" if accepted else "Rejected"}


def test_a_boot_is_accepted_with_the_time_and_the_interval():
    assert dialect.response("BootNotification", {}, HOUSE) == {
        "status": "Accepted",
        "currentTime": "2026-03-02T12:00:00.000Z",
        "interval": 300,
    }


@pytest.mark.parametrize(("house", "status"), [(HOUSE, "Invalid"), (OPEN_HOUSE, "Accepted")])
@pytest.mark.parametrize("action", ["Authorize", "StartTransaction"])
def test_nobody_charges_unless_told_otherwise(action, house, status):
    assert dialect.response(action, {}, house)["idTagInfo"] == {"status": status}


def test_a_transaction_gets_our_number():
    assert dialect.response("StartTransaction", {}, HOUSE)["transactionId"] == 17


@pytest.mark.parametrize("action", ["Reset", "CertificateSigned", "InstallCertificate", "ChangeConfiguration"])
def test_a_message_that_only_we_may_send_has_no_answer_that_fits(action):
    """Such a call is turned down with NotSupported (OCPP-J 1.6 §4.2.3)."""
    assert faults(V16, action, "Response", dialect.response(action, {}, HOUSE)) != []
