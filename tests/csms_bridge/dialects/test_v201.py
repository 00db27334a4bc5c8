"""OCPP 2.0.1 Edition 3 with the errata of 2025-09; what 2.1 shares is tested for both."""

import pytest

from csms_bridge import commands as c
from csms_bridge import events as e
from csms_bridge.charging import Phase
from csms_bridge.commands import Answer, Outcome
from csms_bridge.dialects import DIALECTS
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.station_certificates import CertificateKind, HashData, LeafKind, ListedCertificate
from csms_bridge.variables import Variable
from tests.csms_bridge.dialects.schemas import faults, sample
from tests.csms_bridge.dialects.spoken import CALLS, COMMANDS, HOUSE, OPEN_HOUSE, PASSWORD, PEM, TLS, URL
from tests.csms_bridge.room import NOON

V201, V21 = OcppVersion.V201, OcppVersion.V21
both = pytest.mark.parametrize("version", [V201, V21])
every_command = pytest.mark.parametrize(
    ("version", "command"),
    [(version, command) for version in (V201, V21) for command in COMMANDS[version]],
    ids=lambda value: str(value) if isinstance(value, OcppVersion) else type(value).__name__,
)
every_call = pytest.mark.parametrize(
    ("version", "action"), [(version, action) for version in (V201, V21) for action in CALLS[version]]
)


def asked(version: OcppVersion, command: c.Command) -> tuple[str, dict[str, object]]:
    request = DIALECTS[version].request(command)
    return request.action, request.payload


def setting(component: str, name: str, value: str) -> dict[str, object]:
    return {"component": {"name": component}, "variable": {"name": name}, "attributeValue": value}


# requests


@every_command
def test_every_request_fits_its_schema(version, command):
    action, payload = asked(version, command)
    assert faults(version, action, "Request", payload) == []


@both
def test_2_x_has_no_setting_for_the_profile(version):
    with pytest.raises(LookupError, match="RaiseProfile"):
        DIALECTS[version].request(c.RaiseProfile(TLS))


def test_2_0_1_has_no_variables_for_slots():
    with pytest.raises(LookupError, match="WriteSlotVariables"):
        DIALECTS[V201].request(c.WriteSlotVariables(2, URL, TLS))


@both
@pytest.mark.parametrize(
    ("command", "action", "payload"),
    [
        (c.InstallRoot(PEM), "InstallCertificate", {"certificateType": "CSMSRootCertificate", "certificate": PEM}),
        (c.ListRoots(), "GetInstalledCertificateIds", {"certificateType": ["CSMSRootCertificate"]}),
        (
            c.TriggerCertificateRequest(),
            "TriggerMessage",
            {"requestedMessage": "SignChargingStationCertificate"},
        ),
        (c.Restart(), "Reset", {"type": "OnIdle"}),  # TC_B_20
        (
            c.NameOperator("Acme"),
            "SetVariables",
            {"setVariableData": [setting("SecurityCtrlr", "OrganizationName", "Acme")]},
        ),
        (
            c.NameOperator("Acme", "NL"),
            "SetVariables",
            {
                "setVariableData": [
                    setting("SecurityCtrlr", "OrganizationName", "Acme"),
                    setting("ISO15118Ctrlr", "CountryName", "NL"),
                ]
            },
        ),
        (
            c.PreferSlots((2, 1)),
            "SetVariables",
            {"setVariableData": [setting("OCPPCommCtrlr", "NetworkConfigurationPriority", "2,1")]},
        ),
        (c.ListSlots(7, whole=True), "GetBaseReport", {"requestId": 7, "reportBase": "ConfigurationInventory"}),
    ],
)
def test_spells_commands_as_2_x_does(version, command, action, payload):
    assert asked(version, command) == (action, payload)


@both
def test_a_password_is_sent_as_text(version):
    """Not hexadecimal as in 1.6: passwordString, UTF-8, 16 to 40 characters (A01, TC_A_09)."""
    assert asked(version, c.SetPassword(PASSWORD)) == (
        "SetVariables",
        {"setVariableData": [setting("SecurityCtrlr", "BasicAuthPassword", PASSWORD.text())]},
    )


def test_a_certificate_is_delivered_with_its_type_always():
    """TC_A_11 demands it even where the request left it out."""
    assert asked(V201, c.DeliverCertificate(PEM, 7)) == (
        "CertificateSigned",
        {"certificateChain": PEM, "certificateType": "ChargingStationCertificate"},
    )


@pytest.mark.parametrize("profile", [SecurityProfile.TLS_BASIC, SecurityProfile.MUTUAL_TLS])
def test_writes_a_slot_as_the_certification_test_wants_it(profile):
    """TC_A_19, TC_B_42: OCPP20 is the only name for 2.0.1 in SetNetworkProfile."""
    action, payload = asked(V201, c.WriteSlot(2, URL, profile))
    assert action == "SetNetworkProfile"
    assert payload["configurationSlot"] == 2
    connection = payload["connectionData"]
    assert connection["ocppCsmsUrl"] == URL  # without the identity (reference §2.4)
    assert connection["securityProfile"] == int(profile)
    assert (connection["ocppVersion"], connection["ocppTransport"]) == ("OCPP20", "JSON")
    assert connection["messageTimeout"] > 0


# answers


@both
@pytest.mark.parametrize(
    ("command", "status", "outcome"),
    [
        (c.Restart(), "Accepted", Outcome.ACCEPTED),
        (c.Restart(), "Scheduled", Outcome.ACCEPTED),
        (c.Restart(), "Rejected", Outcome.REJECTED),
        (c.TriggerCertificateRequest(), "NotImplemented", Outcome.NOT_SUPPORTED),  # TC_F_27
        (c.TriggerCertificateRequest(), "Accepted", Outcome.ACCEPTED),
        (c.WriteSlot(2, URL, TLS), "Accepted", Outcome.ACCEPTED),
        (c.WriteSlot(2, URL, TLS), "Failed", Outcome.FAILED),  # TC_B_44
        (c.WriteSlot(2, URL, TLS), "Rejected", Outcome.REJECTED),
        (c.InstallRoot(PEM), "Failed", Outcome.FAILED),  # TC_M_05
        (c.DeliverCertificate(PEM), "Rejected", Outcome.REJECTED),  # TC_A_14
        (c.ListSlots(7), "Accepted", Outcome.ACCEPTED),
        (c.ListSlots(7), "EmptyResultSet", Outcome.REJECTED),
        (c.ListSlots(7, whole=True), "NotSupported", Outcome.REJECTED),
    ],
)
def test_reads_the_answer_to_a_message(version, command, status, outcome):
    action, _ = asked(version, command)
    assert faults(version, action, "Response", {"status": status}) == []
    assert DIALECTS[version].answer(command, {"status": status}) == Answer(outcome, status)


@both
@pytest.mark.parametrize("command", [c.SetPassword(PASSWORD), c.NameOperator("Acme"), c.PreferSlots((2, 1))])
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("Accepted", Outcome.ACCEPTED),  # TC_A_09
        ("Rejected", Outcome.REJECTED),  # TC_A_10
        ("RebootRequired", Outcome.REBOOT_REQUIRED),
        ("UnknownVariable", Outcome.NOT_SUPPORTED),
    ],
)
def test_reads_the_answer_to_a_setting(version, command, status, outcome):
    entry = {"attributeStatus": status, "component": {"name": "C"}, "variable": {"name": "V"}}
    payload = {"setVariableResult": [entry]}
    assert faults(version, "SetVariables", "Response", payload) == []
    assert DIALECTS[version].answer(command, payload).outcome is outcome


def told(**values: str | None) -> dict[str, object]:
    """A GetVariables answer; None: the station does not know the variable."""
    component = {"NetworkConfigurationPriority": "OCPPCommCtrlr", "ActiveNetworkProfile": "OCPPCommCtrlr"}
    entries = []
    for name, value in values.items():
        entry: dict[str, object] = {
            "component": {"name": component.get(name, "ISO15118Ctrlr")},
            "variable": {"name": name},
            "attributeStatus": "UnknownVariable" if value is None else "Accepted",
        }
        entries.append(entry if value is None else {**entry, "attributeValue": value})
    return {"getVariableResult": entries}


@both
@pytest.mark.parametrize(
    ("values", "facts"),
    [
        (
            {"NetworkConfigurationPriority": "1,2", "ActiveNetworkProfile": "1", "CountryName": "DE"},
            {"priority": "1,2", "active": "1", "country": "settled"},
        ),
        (
            {"NetworkConfigurationPriority": "1", "ActiveNetworkProfile": None, "CountryName": ""},
            {"priority": "1", "active": "", "country": "missing"},
        ),
        (
            {"NetworkConfigurationPriority": "1", "ActiveNetworkProfile": "2", "CountryName": None},
            {"priority": "1", "active": "2", "country": "settled"},
        ),
    ],
)
def test_reads_which_slots_are_used(version, values, facts):
    payload = told(**values)
    assert faults(version, "GetVariables", "Response", payload) == []
    assert DIALECTS[version].answer(c.ReadNetwork(), payload) == Answer(Outcome.ACCEPTED, "Accepted", facts)


@both
@pytest.mark.parametrize("priority", [None, ""])
def test_a_station_that_does_not_tell_its_slots_has_not_answered(version, priority):
    answer = DIALECTS[version].answer(c.ReadNetwork(), told(NetworkConfigurationPriority=priority))
    assert answer.outcome is Outcome.REJECTED
    assert "NetworkConfigurationPriority" in answer.words


@both
def test_reads_the_serial_numbers_of_the_roots(version):
    data = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": "0ABC"}
    chain = {"certificateType": "CSMSRootCertificate", "certificateHashData": data}
    payload = {"status": "Accepted", "certificateHashDataChain": [chain, chain]}
    assert faults(version, "GetInstalledCertificateIds", "Response", payload) == []
    answer = DIALECTS[version].answer(c.ListRoots(), payload)
    assert answer.facts == {"roots": "0ABC 0ABC"}
    listed = ListedCertificate(CertificateKind.CSMS, HashData("SHA256", "aa", "bb", "0ABC"))
    assert answer.certificates == (listed, listed)


@both
def test_an_answer_without_roots_is_an_empty_list(version):
    """M03.FR.05: NotFound leaves the array out."""
    payload = {"status": "NotFound", "statusInfo": {"reasonCode": "None"}}
    assert DIALECTS[version].answer(c.ListRoots(), payload) == Answer(
        Outcome.ACCEPTED, "NotFound (None)", {"roots": ""}
    )


# events


@both
def test_reads_a_boot(version):
    station = {"vendorName": "Acme", "model": "Wallbox", "firmwareVersion": "1.0", "serialNumber": "SN-1"}
    payload = {"reason": "PowerUp", "chargingStation": station}
    assert DIALECTS[version].event("BootNotification", payload) == e.Booted(
        "Acme", "Wallbox", "1.0", ("SN-1",), "PowerUp"
    )


@both
def test_reads_a_boot_that_says_little(version):
    payload = {"reason": "Triggered", "chargingStation": {"vendorName": "Acme", "model": "Wallbox"}}
    assert DIALECTS[version].event("BootNotification", payload) == e.Booted("Acme", "Wallbox", "", (), "Triggered")


@both
@pytest.mark.parametrize(
    ("payload", "event"),
    [
        ({"csr": "PEM"}, e.CertificateAsked("PEM")),
        ({"csr": "PEM", "certificateType": "ChargingStationCertificate"}, e.CertificateAsked("PEM")),
        ({"csr": "PEM", "certificateType": "V2GCertificate"}, e.CertificateAsked("PEM", kind=LeafKind.V2G)),
        ({"csr": "PEM", "certificateType": "ChargingStationCertificate", "requestId": 7}, e.CertificateAsked("PEM", 7)),
    ],
)
def test_reads_a_certificate_request(version, payload, event):
    asked = DIALECTS[version].event("SignCertificate", payload)
    assert asked == event
    assert asked.for_station is (payload.get("certificateType") != "V2GCertificate")


@both
@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("Started", e.ChargingTold(Phase.BEGAN, "T1")),
        ("Updated", e.ChargingTold(Phase.WENT_ON, "T1")),
        ("Ended", e.ChargingTold(Phase.ENDED, "T1")),
        ("Paused", e.ChargingTold(Phase.WENT_ON, "T1")),
    ],
)
def test_reads_a_transaction(version, kind, event):
    payload = {"eventType": kind, "transactionInfo": {"transactionId": "T1"}}
    assert DIALECTS[version].event("TransactionEvent", payload) == event


@both
def test_reads_a_security_event(version):
    payload = {"type": "VendorThing", "timestamp": "2026-03-02T12:00:00Z"}
    assert DIALECTS[version].event("SecurityEventNotification", payload) == e.SecurityEventTold("VendorThing", NOON, "")


@both
@pytest.mark.parametrize(
    ("name", "values", "slots"),
    [
        ("NetworkConfigurationPriority", "1,2,3", "1,2,3"),
        ("NetworkConfigurationPriority", "", ""),
        ("FileTransferProtocols", "HTTPS", ""),
    ],
)
@pytest.mark.parametrize("more", [{}, {"tbc": False}, {"tbc": True}])
def test_reads_the_slots_from_a_report(version, name, values, slots, more):
    """B09.FR.06: valuesList of NetworkConfigurationPriority."""
    entry = {
        "component": {"name": "OCPPCommCtrlr"},
        "variable": {"name": name},
        "variableAttribute": [{"value": "1"}],
        "variableCharacteristics": {"dataType": "SequenceList", "supportsMonitoring": False, "valuesList": values},
    }
    payload = {"requestId": 7, "generatedAt": "2026-03-02T12:00:00Z", "seqNo": 3, "reportData": [entry], **more}
    assert faults(version, "NotifyReport", "Request", payload) == []
    told = DIALECTS[version].event("NotifyReport", payload)
    assert told.values_of(Variable("OCPPCommCtrlr", "NetworkConfigurationPriority")) == slots
    assert (told.request_id, told.part, told.more) == (7, 3, more.get("tbc", False))


@every_call
@pytest.mark.parametrize("full", [False, True])
def test_every_call_that_fits_its_schema_can_be_read(version, action, full):
    assert DIALECTS[version].event(action, sample(version, action, full=full)) is not None


# responses


@every_call
@pytest.mark.parametrize("full", [False, True])
def test_every_call_of_a_station_has_an_answer_that_fits(version, action, full):
    answer = DIALECTS[version].response(action, sample(version, action, full=full), HOUSE)
    assert faults(version, action, "Response", answer) == []


@both
@pytest.mark.parametrize(("accepted", "reason"), [(True, ""), (False, "the key is too weak"), (False, "x" * 2000)])
def test_a_certificate_request_has_an_answer_that_fits(version, accepted, reason):
    """A02.FR.11/.12; statusInfo.additionalInfo is 512 characters in 2.0.1."""
    answer = DIALECTS[version].certificate_response(accepted, reason)
    assert faults(version, "SignCertificate", "Response", answer) == []
    assert answer["status"] == ("Accepted" if accepted else "Rejected")


@both
def test_a_boot_is_accepted_with_the_time_and_the_interval(version):
    assert DIALECTS[version].response("BootNotification", {}, HOUSE) == {
        "status": "Accepted",
        "currentTime": "2026-03-02T12:00:00.000Z",
        "interval": 300,
    }


@both
@pytest.mark.parametrize(("house", "status"), [(HOUSE, "Invalid"), (OPEN_HOUSE, "Accepted")])
def test_nobody_charges_unless_told_otherwise(version, house, status):
    dialect = DIALECTS[version]
    assert dialect.response("Authorize", {}, house) == {"idTokenInfo": {"status": status}}
    with_token = dialect.response("TransactionEvent", {"idToken": {"idToken": "x", "type": "Central"}}, house)
    assert with_token == {"idTokenInfo": {"status": status}}


@both
def test_a_transaction_event_without_a_token_gets_no_verdict_on_one(version):
    assert DIALECTS[version].response("TransactionEvent", {}, HOUSE) == {}


@both
@pytest.mark.parametrize("action", ["Reset", "CertificateSigned", "InstallCertificate", "SetVariables"])
def test_a_message_that_only_we_may_send_has_no_answer_that_fits(version, action):
    """Such a call is turned down (session), not answered with a guess."""
    assert faults(version, action, "Response", DIALECTS[version].response(action, {}, HOUSE)) != []
