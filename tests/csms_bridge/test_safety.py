"""What a person may not send by hand: what could strand a station or weaken it."""

import pytest

from csms_bridge.safety import objection


@pytest.mark.parametrize(
    "action",
    [
        "SetNetworkProfile",
        "DeleteCertificate",
        "CertificateSigned",
        "InstallCertificate",
        "UpdateFirmware",
        "SignedUpdateFirmware",
    ],
)
def test_objects_to_messages_that_walks_and_signing_send(action):
    assert objection(action, {})


@pytest.mark.parametrize("action", ["Reset", "GetConfiguration", "GetLog", "TriggerMessage", "UnlockConnector"])
def test_has_nothing_against_everyday_messages(action):
    assert objection(action, {"key": ["SecurityProfile"]}) is None


@pytest.mark.parametrize("key", ["SecurityProfile", "AuthorizationKey", "AUTHORIZATIONKEY"])
def test_objects_to_a_1_6_setting_that_guards_the_station(key):
    """1.6 keys are compared without case (OCPP 1.6 §9)."""
    assert key in objection("ChangeConfiguration", {"key": key, "value": "0"})


def test_has_nothing_against_another_1_6_setting():
    assert objection("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}) is None


def variables(*names: str) -> dict[str, object]:
    return {
        "setVariableData": [
            {"component": {"name": "C"}, "variable": {"name": name}, "attributeValue": "1"} for name in names
        ]
    }


@pytest.mark.parametrize(
    "name",
    [
        "BasicAuthPassword",
        "NetworkConfigurationPriority",
        "SecurityProfile",
        "AllowSecurityProfileDowngrade",
        "Identity",
        "OcppCsmsUrl",
        "basicauthpassword",
    ],
)
def test_objects_to_a_2_x_variable_that_guards_the_station_wherever_it_stands(name):
    assert name in objection("SetVariables", variables("HeartbeatInterval", name))


def test_has_nothing_against_other_2_x_variables():
    assert objection("SetVariables", variables("HeartbeatInterval", "WebSocketPingInterval")) is None


@pytest.mark.parametrize("data", [None, "x", [1], [{"variable": "SecurityProfile"}]])
def test_reads_a_payload_of_any_shape(data):
    assert objection("SetVariables", {"setVariableData": data}) is None
