"""SetVariables and GetVariables of OCPP 2.x: the answer as a whole is judged from its entries."""

import pytest

from csms_bridge.commands import Answer, Outcome
from csms_bridge.dialects import variables
from csms_bridge.dialects.variables import Setting, Variable
from csms_bridge.station import OcppVersion
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
    for request in (variables.read([SLOT_URL, PASSWORD]), variables.report(PASSWORD, 7)):
        assert faults(version, request.action, "Request", request.payload) == []
    assert variables.report(PASSWORD, 7).payload["requestId"] == 7


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
    assert answer == Answer(Outcome.REJECTED, "V0: Rejected (ActiveNetworkConf: slot 1 is in use)")
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


def report(**characteristics: object) -> dict[str, object]:
    return {
        "reportData": [
            {"component": {"name": "Other"}, "variable": {"name": "V"}, "variableCharacteristics": {"valuesList": "9"}},
            {"component": {"name": "C"}, "variable": {"name": "V"}, **characteristics},
        ]
    }


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        (report(variableCharacteristics={"valuesList": "1,2"}), "1,2"),
        (report(variableCharacteristics={}), ""),
        (report(variableCharacteristics=None), ""),
        (report(), ""),
        ({"reportData": [7]}, ""),
        ({}, ""),
    ],
)
def test_reads_a_values_list_from_a_report(payload, values):
    assert variables.values_list(payload, Variable("C", "V")) == values


def test_a_variable_of_another_instance_is_another_variable():
    entry = {"component": {"name": "C", "instance": "2"}, "variable": {"name": "V"}}
    payload = {"reportData": [{**entry, "variableCharacteristics": {"valuesList": "1"}}]}
    assert variables.values_list(payload, Variable("C", "V")) == ""
    assert variables.values_list(payload, Variable("C", "V", "2")) == "1"
