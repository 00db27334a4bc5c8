"""The steps of a walk that are about a certificate."""

import pytest

from csms_bridge.walks.causes import Cause
from csms_bridge.walks.machine import takes_certificate
from csms_bridge.walks.marking import hold
from csms_bridge.walks.steps import (
    Connected,
    Do,
    Issued,
    RequestRefused,
    StepState,
    WalkState,
)
from tests.csms_bridge.room import NOON
from tests.csms_bridge.walks.at_a_step import ACCEPTED, DONE, MUTUAL, REJECTED, SKIPPED, TO_3, At


@pytest.mark.parametrize(
    ("issuer_root", "took", "installs"),
    [
        ("root", {}, False),
        ("root-rsa", {}, True),
        ("root-rsa", {"also_root": "root-rsa"}, False),
        ("root", {"also_root": "root-rsa"}, False),
    ],
)
def test_the_root_above_the_certificate_is_installed_if_it_is_another(issuer_root, took, installs):
    """Than the one, or the two, that the station took on its way to TLS."""
    here = At(TO_3, Do.TRIGGER_CSR, MUTUAL, StepState.WAITING, **took).see(Issued("5e01", issuer_root)).tick()
    assert here.acts[-1] is (Do.INSTALL_ISSUER_ROOT if installs else Do.DELIVER)


@pytest.mark.parametrize("state", [StepState.SENT, StepState.WAITING])
def test_a_certificate_may_be_issued_before_the_trigger_is_answered(state):
    here = At(TO_3, Do.TRIGGER_CSR, MUTUAL, state).see(Issued("5e01", "root"))
    assert (here.do, here.state_of(Do.INSTALL_ISSUER_ROOT)) == (Do.DELIVER, SKIPPED)
    assert here.at.facts["issued"] == "5e01"


def test_a_station_that_sends_no_request_is_held():
    here = At(TO_3, Do.TRIGGER_CSR, MUTUAL, StepState.WAITING).tick(minutes=4, seconds=59)
    assert here.at.outcome is WalkState.RUNNING
    assert here.tick(seconds=1).at.reason == "ask for a certificate request: the station sent no certificate request"


@pytest.mark.parametrize("state", [StepState.SENT, StepState.WAITING])
def test_a_request_that_the_authority_refuses_holds_the_walk(state):
    here = At(TO_3, Do.TRIGGER_CSR, MUTUAL, state).see(RequestRefused("the key is too weak"))
    assert here.at.reason == "the authority refused the station's certificate request: the key is too weak"


def test_a_refused_request_at_another_step_is_not_the_walks_business():
    here = At(TO_3, Do.DELIVER, MUTUAL, StepState.SENT, issued="5e01").see(RequestRefused("weak"))
    assert here.at.outcome is WalkState.RUNNING


@pytest.mark.parametrize("answer", [ACCEPTED, None])
def test_a_certificate_asked_for_again_meanwhile_is_delivered_after_the_first(answer):
    """2.x stations repeat SignCertificate with a new key (CertSigningWaitMinimum): only the newest is any good."""
    here = At(TO_3, Do.DELIVER, MUTUAL, StepState.SENT, issued="5e01", issuer_root="root").see(Issued("5e02", "root"))
    here = here.no_answer() if answer is None else here.answer(answer)
    here.tick(seconds=9)
    assert here.acts == [Do.DELIVER] * 2
    assert here.at.facts["issued"] == "5e01 5e02"
    assert here.answer(ACCEPTED).at.state is StepState.WAITING


def test_a_certificate_asked_for_again_is_delivered_once_though_the_first_was_refused():
    here = At(TO_3, Do.DELIVER, MUTUAL, StepState.SENT, issued="5e01", issuer_root="root").see(Issued("5e02", "root"))
    here.answer(REJECTED).tick().answer(ACCEPTED).tick(seconds=1)
    assert here.acts == [Do.DELIVER, Do.DELIVER_WITH_ROOT]


def test_a_certificate_asked_for_again_after_the_first_was_taken_is_delivered_too():
    here = At(TO_3, Do.DELIVER, MUTUAL, StepState.WAITING, issued="5e01", issuer_root="root")
    assert here.see(Issued("5e02", "root")).tick().acts == [Do.DELIVER] * 2


@pytest.mark.parametrize("state", [StepState.SENT, StepState.WAITING])
def test_the_same_certificate_told_twice_is_delivered_once(state):
    """A station that repeats its request gets the certificate it got before."""
    here = At(TO_3, Do.DELIVER, MUTUAL, state, issued="5e01", issuer_root="root").see(Issued("5e01", "root"))
    here.answer(ACCEPTED).tick(seconds=1)
    assert here.acts == [Do.DELIVER]
    assert here.at.facts["issued"] == "5e01"


def test_a_certificate_seen_in_use_needs_no_answer():
    """Station-quirks 5: SAP's station reconnects before it answers."""
    here = At(TO_3, Do.DELIVER, MUTUAL, StepState.SENT, issued="5e01").see(Connected(MUTUAL, "5e01"))
    assert here.at.views[-2].state is DONE
    assert here.at.outcome is WalkState.DONE


@pytest.mark.parametrize(
    ("do", "takes"),
    [
        (Do.NAME_OPERATOR, False),
        (Do.TRIGGER_CSR, True),
        (Do.INSTALL_ISSUER_ROOT, True),
        (Do.DELIVER, True),
        (Do.RAISE_PROFILE, False),
    ],
)
def test_a_walk_delivers_what_is_issued_while_it_is_about_certificates(do, takes):
    here = At(TO_3, do, MUTUAL, issued="5e01", issuer_root="root")
    assert takes_certificate(here.walk, here.at) is takes
    assert not takes_certificate(here.walk, hold(here.at, "wait", NOON, Cause.SILENT))
