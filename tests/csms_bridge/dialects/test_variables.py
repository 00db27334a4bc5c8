"""SetVariables and GetVariables of OCPP 2.x: the answer as a whole is judged from its entries."""

import pytest

from csms_bridge.commands import Answer, Outcome
from csms_bridge.dialects import variables
from csms_bridge.station import OcppVersion
from csms_bridge.variables import Attribute, Characteristics, Reading, Setting, Variable
from tests.csms_bridge.dialects.schemas import faults

SLOT_URL = Variable("NetworkConfiguration", "OcppCsmsUrl", "2")
PASSWORD = Variable("SecurityCtrlr", "BasicAuthPassword")
both_versions = pytest.mark.parametrize("version", [OcppVersion.V201, OcppVersion.V21])


def written(*statuses: str, **more: object) -> dict[str, object]:
    entries = [
        {"attributeStatus": s, "component": {"name": "C"}, "variable": {"name": f"V{i}"}, **more}
        for i, s in enumerate(statuses)
    ]
    return {"setVariableResult": entries}


@both_versions
def test_writes_variables_by_name_and_instance(version):
    request = variables.write([Setting(SLOT_URL, "wss://x"), Setting(PASSWORD, "secret")])
    assert faults(version, request.action, "Request", request.payload) == []
    assert request.payload["setVariableData"] == [
        {
            "component": {"name": "NetworkConfiguration", "instance": "2"},
            "variable": {"name": "OcppCsmsUrl"},
            "attributeValue": "wss://x",
        },
        {
            "component": {"name": "SecurityCtrlr"},
            "variable": {"name": "BasicAuthPassword"},
            "attributeValue": "secret",
        },
    ]


@both_versions
def test_reads_variables_and_reports_by_name(version):
    for request in (variables.read([SLOT_URL, PASSWORD]), variables.report([PASSWORD], 7)):
        assert faults(version, request.action, "Request", request.payload) == []
    assert variables.report([PASSWORD], 7).payload["requestId"] == 7


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        (["Accepted"], Outcome.ACCEPTED),
        (["Accepted", "RebootRequired"], Outcome.REBOOT_REQUIRED),
        (["RebootRequired", "UnknownVariable"], Outcome.NOT_SUPPORTED),
        (["UnknownComponent", "Accepted"], Outcome.NOT_SUPPORTED),
        (["NotSupportedAttributeType"], Outcome.NOT_SUPPORTED),
        (["Accepted", "UnknownVariable", "Rejected"], Outcome.REJECTED),
        (["Accepted", "Splendid"], Outcome.REJECTED),  # a status we do not know is no acceptance
    ],
)
def test_the_worst_entry_decides(statuses, outcome):
    assert variables.read_written(written(*statuses)).outcome is outcome


def test_the_words_of_the_worst_entry_are_kept():
    info = {"reasonCode": "ActiveNetworkConf", "additionalInfo": "slot 1 is in use"}
    answer = variables.read_written(written("Rejected", attributeStatusInfo=info))
    words = "V0: Rejected (ActiveNetworkConf: slot 1 is in use)"
    assert answer == Answer(Outcome.REJECTED, words, readings=(Reading(Variable("C", "V0"), None, words=words),))
    assert variables.read_written(written("Accepted", "Rejected")).words == "V1: Rejected"


@pytest.mark.parametrize(
    "payload", [{}, {"setVariableResult": []}, {"setVariableResult": "x"}, {"setVariableResult": [7]}]
)
def test_an_empty_answer_is_no_acceptance(payload):
    assert variables.read_written(payload) == Answer(Outcome.REJECTED, "an empty answer")


def test_reads_the_values_that_were_accepted():
    def entry(variable: Variable, status: str, **value: str) -> dict[str, object]:
        component = {"name": variable.component} | ({"instance": variable.instance} if variable.instance else {})
        return {"attributeStatus": status, "component": component, "variable": {"name": variable.name}, **value}

    payload = {
        "getVariableResult": [
            entry(SLOT_URL, "Accepted", attributeValue="wss://x"),
            entry(PASSWORD, "Rejected", attributeValue="secret"),
            entry(Variable("A", "B"), "Accepted"),
            7,
        ]
    }
    assert variables.read_values(payload) == {SLOT_URL: "wss://x", Variable("A", "B"): ""}


@pytest.mark.parametrize("payload", [{}, {"getVariableResult": None}, {"getVariableResult": [{}]}])
def test_reads_no_values_where_there_are_none(payload):
    assert variables.read_values(payload) == {}


def report(*attributes: object, **more: object) -> dict[str, object]:
    entry = {"component": {"name": "C"}, "variable": {"name": "V"}, "variableAttribute": list(attributes), **more}
    return {"reportData": [entry]}


NUMBER = {"dataType": "integer", "supportsMonitoring": False, "unit": "s", "minLimit": 0, "maxLimit": 40.5}


@pytest.mark.parametrize(
    ("payload", "readings"),
    [
        (report({"value": "7"}), [Reading(Variable("C", "V"), "7", writable=True, readable=True)]),
        (
            report({"value": "7", "mutability": "ReadOnly", "type": "Target"}),
            [Reading(Variable("C", "V"), "7", Attribute.TARGET, writable=False, readable=True)],
        ),
        (
            report({"mutability": "WriteOnly"}, variableCharacteristics=NUMBER),
            [
                Reading(
                    Variable("C", "V"),
                    None,
                    writable=True,
                    readable=False,
                    characteristics=Characteristics("integer", "s", 0.0, 40.5),
                )
            ],
        ),
        ({"reportData": [7]}, []),
        ({}, []),
    ],
)
def test_reads_a_report(payload, readings):
    assert list(variables.read_report(payload)) == readings


def test_reads_both_values_of_a_variable():
    told = variables.read_report(report({"type": "Actual", "value": "1"}, {"type": "MaxSet", "value": "9"}))
    assert [(one.attribute, one.value) for one in told] == [(Attribute.ACTUAL, "1"), (Attribute.MAX_SET, "9")]


@both_versions
def test_a_variable_is_found_by_every_part_of_its_name(version):
    full = Variable("Connector", "Available", "left", "now", evse=2, connector=1)
    request = variables.read([full])
    assert faults(version, request.action, "Request", request.payload) == []
    [address] = request.payload["getVariableData"]
    assert variables.variable_of(address) == full
    assert variables.variable_of({"component": {"name": "Connector"}, "variable": {"name": "Available"}}) != full


@both_versions
def test_asks_for_a_whole_component(version):
    request = variables.report([Variable("SecurityCtrlr", "")], 7)
    assert faults(version, request.action, "Request", request.payload) == []
    assert request.payload["componentVariable"] == [{"component": {"name": "SecurityCtrlr"}}]


@pytest.mark.parametrize("ask", [variables.write, variables.read, lambda none: variables.report(none, 7)])
def test_nothing_cannot_be_asked_for(ask):
    with pytest.raises(LookupError):
        ask([])


def test_tells_what_was_read_and_what_was_not():
    payload = {
        "getVariableResult": [
            {
                "attributeStatus": "Accepted",
                "attributeValue": "3",
                "component": {"name": "C"},
                "variable": {"name": "V"},
            },
            {"attributeStatus": "UnknownVariable", "component": {"name": "C"}, "variable": {"name": "W"}},
        ]
    }
    assert variables.read_read(payload).readings == (
        Reading(Variable("C", "V"), "3"),
        Reading(Variable("C", "W"), None, words="W: UnknownVariable"),
    )


def test_tells_which_settings_were_not_taken():
    answer = variables.read_written(written("Accepted", "Rejected", "RebootRequired"))
    assert [one.variable.name for one in answer.readings] == ["V1", "V2"]


@both_versions
def test_writes_another_value_than_the_actual_one(version):
    request = variables.write([Setting(PASSWORD, "x", Attribute.TARGET), Setting(PASSWORD, "y")])
    assert faults(version, request.action, "Request", request.payload) == []
    assert [entry.get("attributeType") for entry in request.payload["setVariableData"]] == ["Target", None]
