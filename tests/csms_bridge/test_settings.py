"""The settings of the OCPP side refuse what could not work."""

import pytest
from pydantic import ValidationError

from csms_bridge.id_tokens import Policy
from csms_bridge.settings import BridgeSettings


def test_defaults_are_a_working_endpoint():
    settings = BridgeSettings()
    assert (settings.ocpp_port, settings.ocpp_tls_port) == (8887, 8888)
    assert settings.authorize is Policy.NO  # no upstream CSMS: nobody charges unless told otherwise


@pytest.mark.parametrize("ports", [{"ocpp_port": None}, {"ocpp_tls_port": None}])
def test_either_port_may_be_off(ports):
    assert None in {BridgeSettings(**ports).ocpp_port, BridgeSettings(**ports).ocpp_tls_port}


def test_refuses_both_ports_off():
    with pytest.raises(ValidationError, match="stations could not connect"):
        BridgeSettings(ocpp_port=None, ocpp_tls_port=None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ocpp_port", 65536),
        ("ocpp_tls_port", -1),
        ("country", "nl"),
        ("country", "NLD"),
        ("frame_limit", 1024),
        ("unanswered_limit", 0),
        ("failures_per_minute", 0),
        ("heartbeet", 1),
    ],
)
def test_refuses_what_could_not_work(field, value):
    with pytest.raises(ValidationError) as refusal:
        BridgeSettings(**{field: value})
    assert refusal.value.errors()[0]["loc"] == (field,)


def test_port_0_takes_any_free_one():
    assert BridgeSettings(ocpp_port=0).ocpp_port == 0


def test_cannot_be_changed_after_the_start():
    with pytest.raises(ValidationError):
        BridgeSettings().authorize = True


@pytest.mark.parametrize(
    ("spelt", "policy"),
    [
        (True, Policy.YES), (False, Policy.NO), ("true", Policy.YES), ("False", Policy.NO), ("1", Policy.YES),
        ("yes", Policy.YES), ("no", Policy.NO), ("listed", Policy.LISTED), (" LISTED ", Policy.LISTED),
    ],
)  # fmt: skip
def test_the_older_spelling_of_the_policy_still_works(spelt, policy):
    assert BridgeSettings(authorize=spelt).authorize is policy


@pytest.mark.parametrize("spelt", ["perhaps", "", 2, None])
def test_another_policy_is_refused(spelt):
    with pytest.raises(ValidationError):
        BridgeSettings(authorize=spelt)


def test_a_wrong_place_for_responders_is_refused():
    with pytest.raises(ValidationError, match="status_responders"):
        BridgeSettings(status_responders=("http://ocsp.example/",))
