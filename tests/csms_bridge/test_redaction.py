"""No secret of a message is kept or shown (A01.FR.09: the CSMS does not log the password)."""

import json

import pytest

from csms_bridge.redaction import HIDDEN, redact

SECRET = "s3cr3t-5ecret"


def variable(name: str, **value: object) -> dict[str, object]:
    return {"component": {"name": "SecurityCtrlr"}, "variable": {"name": name}, **value}


SECRETS = {
    "1.6 ChangeConfiguration": {"key": "AuthorizationKey", "value": SECRET},
    "1.6 vendor password": {"key": "VendorFtpPassword", "value": SECRET},
    "1.6 GetConfiguration answer (station-quirks 18)": {
        "configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": SECRET}]
    },
    "2.x SetVariables": {"setVariableData": [variable("BasicAuthPassword", attributeValue=SECRET)]},
    "2.x GetVariables answer": {
        "getVariableResult": [variable("BasicAuthPassword", attributeStatus="Accepted", attributeValue=SECRET)]
    },
    "2.x NotifyReport": {
        "reportData": [variable("BasicAuthPassword", variableAttribute=[{"type": "Actual", "value": SECRET}])]
    },
    "2.x NotifyReport of an odd shape": {"reportData": [variable("BasicAuthPassword", variableAttribute=[SECRET])]},
    "2.x NotifyEvent": {"eventData": [variable("BasicAuthPassword", actualValue=SECRET)]},
    "2.x SetNetworkProfile": {"connectionData": {"basicAuthPassword": SECRET}},
    "2.x APN": {"connectionData": {"apn": {"apnPassword": SECRET, "simPin": 1234}}},
    "2.x VPN": {"connectionData": {"vpn": {"server": "v", "user": "u", "password": SECRET, "key": SECRET}}},
    "URL with a password": {"remoteLocation": f"ftp://logs:{SECRET}@files.example/x"},
    "URL with an @ in its password": {"location": f"ftp://logs:p@{SECRET}@files.example/x"},
    "URL inside a sentence": {"techInfo": f"cannot reach https://logs:{SECRET}@files.example"},
    "in a list": [[{"password": SECRET}]],
}


@pytest.mark.parametrize("payload", SECRETS.values(), ids=SECRETS)
def test_hides_secrets_wherever_they_stand(payload):
    hidden = json.dumps(redact(payload), ensure_ascii=False)
    assert SECRET not in hidden
    assert HIDDEN in hidden


def test_keeps_the_rest_of_a_message_with_a_secret():
    url = f"ftp://logs:{SECRET}@files.example/x?a=b@c"
    assert redact({"key": "AuthorizationKey", "value": SECRET}) == {"key": "AuthorizationKey", "value": HIDDEN}
    assert redact({"url": url}) == {"url": f"ftp://{HIDDEN}@files.example/x?a=b@c"}
    entry = variable("BasicAuthPassword", variableAttribute=[{"type": "Actual", "value": SECRET}])
    assert redact(entry) == variable("BasicAuthPassword", variableAttribute=[{"type": "Actual", "value": HIDDEN}])


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"key": "HeartbeatInterval", "value": "60"},
        {"key": ["AuthorizationKey", "SecurityProfile"]},  # GetConfiguration asks for them by name
        {"configurationKey": [{"key": "SecurityProfile", "readonly": False, "value": "2"}]},
        {"setVariableData": [variable("OrganizationName", attributeValue="Acme")]},
        {"reportData": [variable("OrganizationName", variableAttribute=[{"value": "Acme"}])]},
        {"csr": "-----BEGIN CERTIFICATE REQUEST-----", "certificateType": "ChargingStationCertificate"},
        {"url": "https://files.example/a@b", "mail": "ops@example.com"},
        {"securityProfile": 2, "meterStart": 0, "sampled": [1.5, None, True]},
    ],
)
def test_leaves_everything_else_as_it_was(payload):
    assert redact(payload) == payload


def test_never_changes_the_message_itself():
    payload = {"connectionData": {"basicAuthPassword": SECRET}}
    redact(payload)
    assert payload == {"connectionData": {"basicAuthPassword": SECRET}}
