"""What may be said and asked before a station is accepted (OCPP 2.0.1 B01-B03; 1.6 by its errata)."""

import pytest

from csms_bridge.standing import Lane, Standing, is_refusal_while_pending, may_ask, may_say, provoked_by

ACCEPTED, PENDING, REJECTED = Standing
CERTIFICATE_LANES = (Lane.RECOVERY, Lane.BOOTSTRAP)


@pytest.mark.parametrize("standing", Standing)
@pytest.mark.parametrize("lane", [None, *Lane])
def test_a_boot_notification_is_answered_in_every_standing(standing, lane):
    assert may_say(standing, lane, "BootNotification", ())


def test_an_accepted_station_may_say_and_be_asked_everything():
    assert may_say(ACCEPTED, None, "StatusNotification", ())
    assert may_ask(ACCEPTED, None, "Reset")


@pytest.mark.parametrize("lane", [None, *CERTIFICATE_LANES])
def test_a_pending_station_may_say_what_it_was_asked_for_and_nothing_else(lane):
    """B01.FR.10, B02.FR.09."""
    assert not may_say(PENDING, lane, "StatusNotification", ())
    assert may_say(PENDING, lane, "StatusNotification", {"StatusNotification"})
    assert not may_say(PENDING, lane, "Heartbeat", {"StatusNotification"})


@pytest.mark.parametrize(("lane", "passes"), [(None, False), *((lane, True) for lane in CERTIFICATE_LANES)])
def test_a_certificate_request_passes_in_a_lane_that_leads_to_one(lane, passes):
    assert may_say(PENDING, lane, "SignCertificate", ()) is passes
    assert may_ask(PENDING, lane, "CertificateSigned") is passes
    assert may_ask(PENDING, lane, "InstallCertificate") is passes


@pytest.mark.parametrize("action", ["SignCertificate", "Heartbeat", "NotifyReport"])
def test_nothing_else_is_answered_in_quarantine_or_to_a_rejected_station(action):
    """B03.FR.07; quarantine never leads to a certificate."""
    assert not may_say(PENDING, Lane.QUARANTINE, action, {action})
    assert not may_say(REJECTED, None, action, {action})


@pytest.mark.parametrize("action", ["TriggerMessage", "GetVariables", "CertificateSigned", "Reset"])
def test_nothing_is_sent_to_a_rejected_station_or_into_quarantine(action):
    """B03.FR.03."""
    assert not may_ask(REJECTED, None, action)
    assert not may_ask(PENDING, Lane.QUARANTINE, action)


@pytest.mark.parametrize("action", ["GetVariables", "SetVariables", "GetBaseReport", "TriggerMessage"])
def test_a_pending_station_may_be_asked_about_itself(action):
    """B02.FR.01."""
    assert may_ask(PENDING, None, action)


@pytest.mark.parametrize("action", ["RequestStartTransaction", "RequestStopTransaction", "Reset", "UpdateFirmware"])
@pytest.mark.parametrize("lane", [None, *Lane])
def test_a_pending_station_is_asked_to_do_nothing(action, lane):
    """B02.FR.05. In the lane that a walk leads out of, the station was told Accepted, and walks restart stations."""
    assert may_ask(PENDING, lane, action) is (lane is Lane.PASSWORD and action == "Reset")


@pytest.mark.parametrize("lane", Lane)
def test_only_where_a_walk_leads_out_of_the_lane_may_the_station_be_moved_and_complain(lane):
    is_walked = lane is Lane.PASSWORD
    assert may_ask(PENDING, lane, "SetNetworkProfile") is is_walked
    assert may_say(PENDING, lane, "SecurityEventNotification", ()) is is_walked
    assert lane.walks is is_walked
    for action in ("Heartbeat", "StatusNotification", "TransactionEvent", "Authorize", "StartTransaction"):
        assert not may_say(PENDING, lane, action, ())


@pytest.mark.parametrize(
    ("action", "payload", "said"),
    [
        ("TriggerMessage", {"requestedMessage": "StatusNotification"}, {"StatusNotification"}),
        ("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"}, {"SignCertificate"}),
        ("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}, {"SignCertificate"}),
        ("GetBaseReport", {"requestId": 1}, {"NotifyReport"}),
        ("GetVariables", {}, set()),
    ],
)
def test_knows_what_a_call_of_ours_will_bring(action, payload, said):
    assert provoked_by(action, payload) == said


@pytest.mark.parametrize(
    ("words", "is_one"), [("SecurityError: Pending", True), ("SecurityError", True), ("Rejected", False)]
)
def test_knows_a_refusal_because_of_the_standing(words, is_one):
    assert is_refusal_while_pending(words) is is_one


def test_only_quarantine_leads_to_no_certificate():
    assert [lane for lane in Lane if not lane.leads_to_a_certificate] == [Lane.QUARANTINE]
