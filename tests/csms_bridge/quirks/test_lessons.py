"""What one move of a walk teaches about stations of a kind."""

from dataclasses import replace

import pytest

from csms_bridge.commands import Answer, Outcome
from csms_bridge.quirks.lessons import lessons
from csms_bridge.quirks.quirks import Chain, Quirks, RestartRule, Roots, spell
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.walks.machine import advance, begin
from csms_bridge.walks.operating import cancel, skip
from csms_bridge.walks.plans import plan
from csms_bridge.walks.steps import Answered, Connected, Disconnected, Do, Issued, Pace, StepState, Tick, Unanswered
from tests.csms_bridge.room import NOON, SetClock

_, BASIC, TLS, MUTUAL = SecurityProfile
V16 = OcppVersion.V16
ACCEPTED = Answer(Outcome.ACCEPTED, "Accepted")
REJECTED = Answer(Outcome.REJECTED, "Rejected")
UNKNOWN = Answer(Outcome.NOT_SUPPORTED, "NotImplemented")


class Pupil:
    """A walk that is fed by hand, and all that it taught."""

    def __init__(self, goal=TLS, quirks=None) -> None:
        quirks = quirks or Quirks()
        self.walk = plan(V16, SecurityProfile(goal - 1), goal, quirks)
        self.clock = SetClock()
        facts = {"csms_root": "root", "csms_root_serial": "abc", "quirks": spell(quirks.odd())}
        self.at = begin(self.walk, NOON, facts)
        self.taught = {}

    def see(self, *events):
        for seen in events:
            self.clock.advance(seconds=30)
            after, _ = advance(self.walk, self.at, seen, self.clock.now, Pace())
            self.taught |= lessons(self.walk, self.at, after)
            self.at = after
        return self

    def answer(self, answer, **facts):
        return self.see(Tick(True), Answered(self.at.index, Answer(answer.outcome, answer.words, facts)), Tick(False))

    def until(self, do):
        """Accept everything up to the step that does this."""
        while self.walk.steps[self.at.index].do is not do:
            self.accept()
        return self

    def accept(self):
        match self.walk.steps[self.at.index].do:
            case Do.TRIGGER_CSR:
                self.see(Tick(True), Answered(self.at.index, ACCEPTED), Issued("5e01", "root"))
            case Do.LIST_ROOTS:
                self.answer(ACCEPTED, roots="abc")
            case _:
                self.answer(ACCEPTED)


def test_a_station_that_does_as_ocpp_asks_teaches_nothing():
    pupil = Pupil(MUTUAL).until(Do.RAISE_PROFILE)
    pupil.see(Tick(True), Answered(pupil.at.index, ACCEPTED), Disconnected(), Connected(MUTUAL, "5e01"))
    assert pupil.at.outcome == "done"
    assert pupil.taught == {}


@pytest.mark.parametrize(("usual", "taught"), [(Chain.SUB, Chain.ROOT), (Chain.ROOT, Chain.SUB)])
def test_a_certificate_taken_in_the_other_form_only(usual, taught):
    pupil = Pupil(MUTUAL, Quirks(chain=usual)).until(Do.DELIVER)
    pupil.answer(REJECTED).answer(ACCEPTED)
    assert pupil.taught == {"chain": taught}


def test_a_certificate_whose_answer_was_lost_teaches_nothing():
    pupil = Pupil(MUTUAL).until(Do.DELIVER).answer(REJECTED)
    pupil.see(Tick(True), Unanswered(pupil.at.index))
    assert pupil.taught == {}


@pytest.mark.parametrize(("answer", "facts"), [(ACCEPTED, {"roots": ""}), (UNKNOWN, {})])
def test_a_station_that_lists_no_root(answer, facts):
    assert Pupil().until(Do.LIST_ROOTS).answer(answer, **facts).taught == {"lists_roots": False}


def test_a_station_that_takes_no_second_root():
    assert Pupil().until(Do.INSTALL_RSA_ROOT).answer(REJECTED).taught == {"room_for_roots": 1}


def test_a_station_that_takes_no_root_below_tls():
    refused = Pupil().until(Do.INSTALL_ROOT).answer(REJECTED).answer(REJECTED)
    assert refused.taught == {}  # it may have it already
    assert refused.answer(ACCEPTED, roots="dead").taught == {"roots_from_profile": 2}


def test_a_station_that_refuses_the_root_that_it_has_teaches_nothing():
    refused = Pupil().until(Do.INSTALL_ROOT).answer(REJECTED).answer(REJECTED)
    assert refused.answer(ACCEPTED, roots="abc").taught == {}


def test_a_station_that_had_to_be_restarted():
    pupil = Pupil().until(Do.RESTART).answer(ACCEPTED).see(Disconnected(), Connected(TLS, password="p"))
    assert pupil.taught == {"restart": RestartRule.ALWAYS}


def test_a_restart_for_a_new_address_teaches_nothing():
    """It is restarted for that whatever the station would have done for the profile."""
    pupil = Pupil(quirks=Quirks(url_key="ConnexionUrl")).until(Do.HANG_UP).see(Connected(TLS))
    assert pupil.taught == {}


def test_a_station_that_leaves_before_it_answers():
    pupil = Pupil().until(Do.RAISE_PROFILE)
    pupil.see(Tick(True), Disconnected(), Connected(TLS, password="p"))
    assert pupil.taught == {"drops_first": True}


def test_a_station_that_knows_no_trigger():
    pupil = Pupil(MUTUAL).until(Do.TRIGGER_CSR)
    for _ in range(3):
        pupil.answer(UNKNOWN)
    assert (pupil.at.outcome, pupil.taught) == ("held", {"asks": "by-itself"})


def test_a_station_that_knows_no_profile():
    pupil = Pupil().until(Do.RAISE_PROFILE).answer(Answer(Outcome.NOT_SUPPORTED, "NotSupported"))
    assert (pupil.at.outcome, pupil.taught) == ("held", {"walks_to": 1})


def test_a_station_with_an_rsa_key():
    pupil = Pupil(MUTUAL).until(Do.TRIGGER_CSR)
    pupil.see(Tick(True), Answered(pupil.at.index, ACCEPTED), Issued("5e01", "root-rsa"))
    assert pupil.answer(ACCEPTED).taught == {"roots": Roots.RSA}


def test_what_could_not_be_asked_teaches_nothing_about_the_station():
    ours = Answer(Outcome.FAILED, "nothing, since it could not be asked: there is no root")
    assert Pupil().until(Do.INSTALL_ROOT).answer(ours).taught == {}


def test_what_an_operator_skips_or_cancels_teaches_nothing():
    walk = plan(OcppVersion.V16, SecurityProfile.BASIC, SecurityProfile.TLS_BASIC)
    facts = {"csms_root": "root", "csms_root_serial": "abc", "root_accepted": "yes"}
    at = begin(walk, NOON, facts)
    confirm = next(i for i, step in enumerate(walk.steps) if step.do is Do.LIST_ROOTS)
    sent, _ = advance(walk, at, Tick(True), NOON, Pace())
    assert lessons(walk, sent, cancel(walk, sent, "sold", NOON)) == {}
    skipped, _ = advance(walk, skip(walk, replace(at, index=confirm), confirm, "seen", NOON), Tick(True), NOON, Pace())
    assert skipped.views[confirm].state is StepState.SKIPPED
    assert lessons(walk, replace(at, index=confirm), skipped) == {}
