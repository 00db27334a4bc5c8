"""What the three dialects share."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from csms_bridge.commands import Answer, Outcome
from csms_bridge.dialects import DIALECTS
from csms_bridge.dialects.fields import text_of
from csms_bridge.dialects.wire import (
    ACCEPT_OR_REJECT,
    Fault,
    Standing,
    WireFault,
    read_time,
    reason_of,
    rfc3339,
    status_answer,
)
from csms_bridge.frames import read_frame
from csms_bridge.station import OcppVersion

V16, V201, V21 = OcppVersion
all_dialects = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: str(dialect.version))


def fault_of(check, action, payload) -> Fault:
    with pytest.raises(WireFault) as refusal:
        check(action, payload)
    return refusal.value.fault


def test_remarks_on_what_is_taken_although_it_breaks_its_schema():
    dialect = DIALECTS[V21]
    assert dialect.remark_on_answer("Reset", {"status": "Accepted"}) == ""
    assert dialect.remark_on_answer("Reset", {"status": "Perhaps"}) == "the answer breaks its schema: status: enum"
    assert dialect.remark_on_answer("NoSuch", {}) == "the answer breaks its schema: OCPP 2.1 has no NoSuch"


def test_remarks_on_what_was_told_without_a_question():
    stream = {"id": 1, "pending": 0, "basetime": "2026-03-02T12:00:00Z", "data": [{"t": 0, "v": "1"}]}
    remark = DIALECTS[V21].remark_on_send
    assert remark("NotifyPeriodicEventStream", stream) == ""
    assert remark("NotifyPeriodicEventStream", {**stream, "id": "one"}) == "it breaks its schema: id: type"
    assert remark("BootNotification", {}) == "it breaks its schema: OCPP 2.1 has no BootNotification"


def test_there_is_a_dialect_for_every_version():
    assert {version: dialect.version for version, dialect in DIALECTS.items()} == {v: v for v in OcppVersion}


@all_dialects
def test_lets_a_call_through_that_fits(dialect):
    dialect.check_call("Heartbeat", {})
    dialect.check_answer("Heartbeat", {"currentTime": "2026-03-02T12:00:00Z"})


@pytest.mark.parametrize(
    ("version", "action", "payload", "fault"),
    [
        (V16, "StatusNotification", {}, Fault.OCCURRENCE),
        (V16, "BootNotification", {"chargePointVendor": "a", "chargePointModel": 7}, Fault.TYPE),
        (V16, "Authorize", {"idTag": "a" * 21}, Fault.CONSTRAINT),
        (V16, "DiagnosticsStatusNotification", {"status": "Fine"}, Fault.CONSTRAINT),
        (V16, "Heartbeat", {"more": 1}, Fault.FORMAT),
        (V201, "SecurityEventNotification", {"type": "x"}, Fault.OCCURRENCE),
        (V201, "NotifyEvent", {"generatedAt": "x", "seqNo": 0, "eventData": []}, Fault.OCCURRENCE),
        (V21, "SignCertificate", {"csr": 7}, Fault.TYPE),
    ],
)
def test_names_the_kind_of_fault(version, action, payload, fault):
    """OCPP-J 1.6 §4.2.3, 2.0.1 Part 4 §4.3: each has an error code of its own."""
    assert fault_of(DIALECTS[version].check_call, action, payload) is fault


def test_says_where_the_fault_is_and_not_what_the_value_was():
    """The value may be a secret."""
    with pytest.raises(WireFault) as refusal:
        DIALECTS[V201].check_call("SignCertificate", {"csr": 7, "certificateType": "s3cr3t"})
    assert refusal.value.sentence in ("csr: type", "certificateType: enum")


@all_dialects
@pytest.mark.parametrize(
    "action",
    [
        "CustomOperation",  # MicroOcpp (station-quirks 23)
        "heartbeat",
        "",
        "x" * 51,
        "../../../etc/passwd",
        "Heart beat",
        "HeartbeatResponse",  # the name of a schema's file, and no action
        "HeartbeatRequest",
        "Hèartbeat",
    ],
)
def test_knows_no_other_action(dialect, action):
    assert not dialect.knows(action)
    assert fault_of(dialect.check_call, action, {}) is Fault.NOT_IMPLEMENTED
    assert fault_of(dialect.check_answer, action, {}) is Fault.NOT_IMPLEMENTED


@pytest.mark.parametrize(
    ("version", "action", "known"),
    [
        (V16, "ExtendedTriggerMessage", True),
        (V201, "ExtendedTriggerMessage", False),
        (V16, "TransactionEvent", False),
        (V201, "TransactionEvent", True),
        (V201, "VatNumberValidation", False),
        (V21, "VatNumberValidation", True),
    ],
)
def test_knows_the_actions_of_its_version_only(version, action, known):
    assert DIALECTS[version].knows(action) is known


@all_dialects
def test_every_fault_has_an_error_code(dialect):
    assert set(dialect.error_codes) == set(Fault)


def test_error_codes_are_spelt_as_the_version_spells_them():
    """OCPP-J 1.6 §4.2.3 writes Occurence and Formation; 2.0.1 Part 4 §4.3 corrects both."""
    assert DIALECTS[V16].error_codes[Fault.OCCURRENCE] == "OccurenceConstraintViolation"
    assert DIALECTS[V16].error_codes[Fault.FORMAT] == "FormationViolation"
    for version in (V201, V21):
        assert DIALECTS[version].error_codes[Fault.OCCURRENCE] == "OccurrenceConstraintViolation"
        assert DIALECTS[version].error_codes[Fault.FORMAT] == "FormatViolation"


@pytest.mark.parametrize(
    ("message", "in_16", "in_201", "in_21"),
    [
        ("no JSON", "FormationViolation", "RpcFrameworkError", "RpcFrameworkError"),
        ("{}", "FormationViolation", "RpcFrameworkError", "RpcFrameworkError"),
        ('[2,7,"Heartbeat",{}]', "FormationViolation", "RpcFrameworkError", "RpcFrameworkError"),
        ('[2,"1"]', "FormationViolation", "RpcFrameworkError", "RpcFrameworkError"),
        ('[2,"1","Heartbeat",[]]', "FormationViolation", "FormatViolation", "FormatViolation"),
        ('[7,"1","Heartbeat",{}]', None, "MessageTypeNotSupported", "MessageTypeNotSupported"),
        ('["2","1","Heartbeat",{}]', None, "MessageTypeNotSupported", "MessageTypeNotSupported"),
        ('[6,"1","NotifyPeriodicEventStream",{}]', None, "MessageTypeNotSupported", None),
        ('[5,"1","FormatViolation","",{}]', None, "MessageTypeNotSupported", None),
        ("[6]", None, "MessageTypeNotSupported", None),
        ('[3,"1"]', None, None, None),
        ('[4,"1",7]', None, None, None),
    ],
)
def test_each_version_complains_of_a_broken_frame_in_its_own_way(message, in_16, in_201, in_21):
    """OCPP-J 1.6 §4.1.3: an unknown type is ignored. 2.x Part 4 §4.3 has a code for it, and one for broken frames."""
    frame = read_frame(message)
    told = {version: dialect.complaint(frame) for version, dialect in DIALECTS.items()}
    assert told == {V16: in_16, V201: in_201, V21: in_21}


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [
        (
            V16,
            "BootNotification",
            {"chargePointVendor": "a" * 21, "chargePointModel": "b", "firmwareVersion": "c" * 60},
        ),
        (V16, "SignedFirmwareStatusNotification", {"status": "CertificateVerified", "requestId": 7}),
        (V16, "SignCertificate", {"csr": "x" * 5501}),
        (
            V16,
            "StatusNotification",
            {"connectorId": 1, "errorCode": "NoError", "status": "Available", "info": "x" * 51},
        ),
        (V201, "BootNotification", {"reason": "Whim", "chargingStation": {"model": "m" * 21, "vendorName": "v"}}),
        (V201, "SecurityEventNotification", {"type": "T" * 51, "timestamp": "now", "techInfo": "x" * 300}),
        (V21, "FirmwareStatusNotification", {"status": "RevokedCertificate"}),
    ],
)
def test_lets_through_what_stations_of_the_field_get_wrong(version, action, payload):
    DIALECTS[version].check_call(action, payload)
    assert fault_of(DIALECTS[version].check_request, action, payload) is Fault.CONSTRAINT


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [
        (V16, "GetInstalledCertificateIds", {"status": "NotFound", "certificateHashData": []}),
        (V16, "GetConfiguration", {"configurationKey": [{"key": "K", "readonly": True, "value": "v" * 501}]}),
        (V201, "GetInstalledCertificateIds", {"status": "NotFound", "certificateHashDataChain": []}),
        (
            V201,
            "InstallCertificate",
            {"status": "Rejected", "statusInfo": {"reasonCode": "a whole sentence of theirs"}},
        ),
    ],
)
def test_lets_through_such_answers_too(version, action, payload):
    DIALECTS[version].check_answer(action, payload)
    assert isinstance(fault_of(DIALECTS[version].check_response, action, payload), Fault)


@pytest.mark.parametrize(
    ("version", "action", "payload", "fault"),
    [
        (V16, "BootNotification", {"chargePointVendor": "a"}, Fault.OCCURRENCE),
        (V16, "BootNotification", {"chargePointVendor": "a", "chargePointModel": "b", "colour": "red"}, Fault.FORMAT),
        (V201, "SignCertificate", {"csr": "x", "certificateType": "Splendid"}, Fault.CONSTRAINT),
        (V201, "SecurityEventNotification", {"type": 7, "timestamp": "now"}, Fault.TYPE),
    ],
)
def test_lets_nothing_else_through(version, action, payload, fault):
    assert fault_of(DIALECTS[version].check_call, action, payload) is fault


@pytest.mark.parametrize("when", ["tomorrow", "2026-03-02", "2026-03-02 12:00:00Z", "2026-03-02T12:00:00"])
def test_what_we_send_has_whole_dates(when):
    """RFC 3339; a station that asks less may send what it likes, one that asks more would refuse it."""
    payload = {"requestId": 7, "firmware": {"location": "https://x", "retrieveDateTime": when}}
    assert fault_of(DIALECTS[V201].check_request, "UpdateFirmware", payload) is Fault.CONSTRAINT
    payload["firmware"]["retrieveDateTime"] = "2026-03-02T12:00:00.5+01:00"
    DIALECTS[V201].check_request("UpdateFirmware", payload)


def test_a_contract_is_no_longer_than_the_specification_has_it():
    """The `ocpp` package lets 7500 characters through in 2.0.1."""
    answer = {"status": "Accepted", "exiResponse": "x" * 5600}
    DIALECTS[V201].check_response("Get15118EVCertificate", answer)
    too_long = {**answer, "exiResponse": "x" * 5601}
    assert fault_of(DIALECTS[V201].check_response, "Get15118EVCertificate", too_long) is Fault.CONSTRAINT
    DIALECTS[V21].check_response("Get15118EVCertificate", {**too_long, "exiResponse": "x" * 17000})


def test_a_station_of_the_first_edition_is_recognised():
    """station-quirks 27: it wants `cert`, hexadecimal DER, where later editions have certificateChain."""
    words = DIALECTS[V16].error("OccurenceConstraintViolation", "required property 'cert' is missing").words
    assert "first edition" in words
    assert "first edition" not in DIALECTS[V16].error("FormationViolation", "certificateChain is unknown").words


@all_dialects
@pytest.mark.parametrize(
    ("code", "description", "answer"),
    [
        ("NotImplemented", "", Answer(Outcome.NOT_SUPPORTED, "NotImplemented")),
        ("NotSupported", "no such thing", Answer(Outcome.NOT_SUPPORTED, "NotSupported: no such thing")),
        ("FormationViolation", "", Answer(Outcome.REJECTED, "FormationViolation")),  # station-quirks 24
        ("InternalError", "oops", Answer(Outcome.REJECTED, "InternalError: oops")),
    ],
)
def test_a_call_error_is_an_answer_too(dialect, code, description, answer):
    assert dialect.error(code, description) == answer


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        ({"status": "Accepted"}, Answer(Outcome.ACCEPTED, "Accepted")),
        ({"status": "Rejected"}, Answer(Outcome.REJECTED, "Rejected")),
        ({"status": "Failed"}, Answer(Outcome.FAILED, "Failed")),
        ({"status": "Perhaps"}, Answer(Outcome.REJECTED, "Perhaps")),
        ({}, Answer(Outcome.REJECTED, "")),
        (
            {"status": "Rejected", "statusInfo": {"reasonCode": "NoSecurityDowngrade", "additionalInfo": "was 2"}},
            Answer(Outcome.REJECTED, "Rejected (NoSecurityDowngrade: was 2)"),
        ),
    ],
)
def test_reads_a_status_with_its_reason(payload, answer):
    assert status_answer(payload, ACCEPT_OR_REJECT) == answer


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (None, ""),
        ("x", ""),
        ({}, ""),
        ({"reasonCode": "A"}, "A"),
        ({"additionalInfo": "b"}, "b"),
        ({"reasonCode": "A", "additionalInfo": "b"}, "A: b"),
    ],
)
def test_reads_a_status_info_of_any_shape(info, words):
    assert reason_of(info) == words


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-02T12:00:00Z", datetime(2026, 3, 2, 12, tzinfo=UTC)),
        ("2026-03-02T12:00:00.5Z", datetime(2026, 3, 2, 12, 0, 0, 500_000, tzinfo=UTC)),  # station-quirks 28
        ("2026-03-02T12:00:00.123456789Z", datetime(2026, 3, 2, 12, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-03-02T14:00:00+02:00", datetime(2026, 3, 2, 12, tzinfo=UTC)),
        ("2026-03-02T12:00:00", datetime(2026, 3, 2, 12, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_reads_the_times_that_stations_send(text, moment):
    assert read_time(text) == moment
    assert read_time(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["", "yesterday", None, 7, [], "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_cannot_be_read_is_none(text):
    """The last one is a clock that was never set, east of Greenwich."""
    assert read_time(text) is None


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 3, 2, 12, tzinfo=UTC), "2026-03-02T12:00:00.000Z"),
        (datetime(2026, 3, 2, 12, 0, 0, 123_999, tzinfo=UTC), "2026-03-02T12:00:00.123Z"),
        (datetime(2026, 3, 2, 14, tzinfo=timezone(timedelta(hours=2))), "2026-03-02T12:00:00.000Z"),
    ],
)
def test_writes_times_in_utc_with_milliseconds(moment, text):
    assert rfc3339(moment) == text


def test_takes_the_first_field_that_holds_text():
    assert text_of({"a": 7, "b": "x", "c": "y"}, "a", "b", "c") == "x"
    assert text_of({"a": None}, "a", "b") == ""


def test_standing_answers_cannot_be_spoilt_by_who_gets_them():
    standing = Standing({"A": {"status": "Accepted"}})
    standing("A")["status"] = "Rejected"
    assert standing("A") == {"status": "Accepted"}
    assert standing("B") == {}
