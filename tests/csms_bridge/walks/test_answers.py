"""What answers, refusals and silence mean for the step at hand."""

from dataclasses import replace

import pytest

from csms_bridge.quirks.quirks import USUAL
from csms_bridge.walks.plans import root
from csms_bridge.walks.steps import (
    Complained,
    Connected,
    Disconnected,
    Do,
    StepState,
    WalkState,
)
from tests.csms_bridge.walks.at_a_step import (
    ACCEPTED,
    BASIC,
    DONE,
    FAILED,
    HELD,
    MUTUAL,
    NOT_SUPPORTED,
    REBOOT,
    REFUSALS,
    REJECTED,
    SKIPPED,
    SLOTS_2,
    TLS,
    TO_3,
    TO_TLS,
    V21,
    V201,
    At,
)
from tests.csms_bridge.walks.journey import FACTS, PACE

# --- root


@pytest.mark.parametrize("listed", ["abc", "0abc", "00ABC", "dead ABC beef"])
def test_a_listed_root_is_proof_however_it_is_spelt(listed):
    """Reference §4.4: case and leading zeros differ between stations."""
    here = At(TO_TLS, Do.LIST_ROOTS, TLS, StepState.SENT).answer(ACCEPTED, roots=listed)
    assert here.do is Do.RAISE_PROFILE


@pytest.mark.parametrize("accepted", [{}, {"root_accepted": "yes"}])
def test_a_station_that_lists_other_roots_only_is_held(accepted):
    here = At(TO_TLS, Do.LIST_ROOTS, TLS, StepState.SENT, **accepted).answer(ACCEPTED, roots="dead beef")
    assert here.at.outcome is WalkState.HELD
    assert "does not hold our root" in here.at.reason


def test_an_empty_list_counts_as_held_when_the_root_was_accepted():
    """Station-quirks 7."""
    here = At(TO_TLS, Do.LIST_ROOTS, TLS, StepState.SENT, root_accepted="yes").answer(ACCEPTED, roots="")
    assert here.do is Do.RAISE_PROFILE


def test_an_empty_list_after_a_lost_answer_is_no_proof():
    """That it took the other root says nothing of ours."""
    here = At(TO_TLS, Do.INSTALL_ROOT, TLS, StepState.SENT).no_answer().tick().answer(ACCEPTED).tick(seconds=9)
    assert here.do is Do.LIST_ROOTS
    assert here.answer(ACCEPTED, roots="").at.outcome is WalkState.HELD


def test_a_station_that_cannot_list_is_believed_when_it_accepted_the_root():
    sent = At(TO_TLS, Do.LIST_ROOTS, TLS, StepState.SENT, root_accepted="yes").answer(NOT_SUPPORTED)
    assert (sent.do, sent.state_of(Do.LIST_ROOTS)) == (Do.RAISE_PROFILE, SKIPPED)
    assert At(TO_TLS, Do.LIST_ROOTS, TLS, StepState.SENT).answer(NOT_SUPPORTED).at.outcome is WalkState.HELD


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_station_that_refuses_the_rsa_root_walks_on(refusal):
    """It holds one root only; whether that is enough shows when it meets our server certificate."""
    here = At(TO_TLS, Do.INSTALL_RSA_ROOT, TLS, StepState.SENT, root_accepted="yes").answer(refusal, "no room")
    assert (here.do, here.state_of(Do.INSTALL_RSA_ROOT)) == (Do.LIST_ROOTS, SKIPPED)
    assert "also_root" not in here.at.facts


def test_a_second_root_counts_as_held_when_it_was_accepted():
    lost = At(TO_TLS, Do.INSTALL_RSA_ROOT, TLS, StepState.SENT).no_answer()
    assert (lost.do, lost.at.facts.get("also_root")) == (Do.LIST_ROOTS, None)
    taken = At(TO_TLS, Do.INSTALL_RSA_ROOT, TLS, StepState.WAITING)
    assert taken.at.facts["also_root"] == "root-rsa"


# --- refusals


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refused_root_does_no_harm_where_the_station_has_it_already(refusal):
    """M05: some refuse what they hold. The list is the proof, not the answer."""
    here = At(TO_TLS, Do.INSTALL_ROOT, TLS).tick().answer(refusal, "Rejected").tick().answer(refusal).tick()
    assert here.do is Do.LIST_ROOTS
    here.answer(ACCEPTED, roots=FACTS["csms_root_serial"])
    assert (here.state_of(Do.LIST_ROOTS), here.at.outcome) == (DONE, WalkState.RUNNING)


@pytest.mark.parametrize("answer", [(ACCEPTED, "NotFound"), (NOT_SUPPORTED, "NotImplemented"), (FAILED, "x")])
def test_a_refused_root_that_no_list_shows_holds_the_walk(answer):
    here = At(TO_TLS, Do.INSTALL_ROOT, TLS).tick().answer(REJECTED, "Rejected").tick().answer(REJECTED).tick()
    assert here.answer(*answer).at.outcome is WalkState.HELD


def test_a_refused_root_holds_the_walk_of_a_station_that_lists_none():
    lists_none = replace(USUAL, lists_roots=False)
    (install, *_) = (step for step in root(TLS, lists_none) if step.do is Do.INSTALL_ROOT)
    assert install.tolerate == frozenset()


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_holds_the_walk_with_the_stations_words(refusal):
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, StepState.SENT).answer(refusal, "Rejected (no root)")
    assert (here.at.outcome, here.at.state) == (WalkState.HELD, HELD)
    assert here.at.reason == "raise to profile 2: the station answered Rejected (no root)"


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_tolerated_refusal_skips_the_step(refusal):
    """Not every station knows the operator's name setting."""
    here = At(TO_3, Do.NAME_OPERATOR, MUTUAL, StepState.SENT).answer(refusal, "no such key")
    assert (here.do, here.state_of(Do.NAME_OPERATOR)) == (Do.TRIGGER_CSR, SKIPPED)


def test_what_the_station_complained_of_is_part_of_the_reason():
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, StepState.SENT)
    here.see(Complained("InvalidCsmsCertificate: unknown CA")).answer(REJECTED, "Rejected")
    assert here.at.reason.endswith("answered Rejected; it reported InvalidCsmsCertificate: unknown CA")


def test_an_old_complaint_is_no_part_of_a_later_reason():
    here = At(TO_TLS, Do.INSTALL_ROOT, TLS, StepState.SENT).see(Complained("InvalidCsmsCertificate"))
    here.answer(ACCEPTED).tick(seconds=9).answer(REJECTED).tick().answer(REJECTED, "Rejected")
    assert here.at.reason == "confirm the root: the station answered Rejected"


def test_a_certificate_request_is_asked_for_three_times_with_patience():
    """A station that still waits for an earlier certificate refuses for a while."""
    here = At(TO_3, Do.TRIGGER_CSR, MUTUAL, StepState.SENT)
    for _ in range(2):
        here.answer(REJECTED)
        here.tick(seconds=PACE.retry.total_seconds() - 1)
        assert here.at.state is StepState.PENDING
        here.tick(seconds=1)
        assert here.at.state is StepState.SENT
    assert here.answer(REJECTED).at.outcome is WalkState.HELD
    assert here.acts == [Do.TRIGGER_CSR] * 3


def test_a_certificate_refused_without_its_root_is_delivered_with_it():
    """Station-quirks 4: open-ocpp takes leaf, sub-CAs and root only."""
    here = At(TO_3, Do.DELIVER, MUTUAL, StepState.SENT, issued="5e01", issuer_root="root").answer(REJECTED)
    assert here.tick().acts == [Do.DELIVER, Do.DELIVER_WITH_ROOT]
    assert here.answer(ACCEPTED).at.state is StepState.WAITING


def test_a_certificate_refused_with_its_root_too_holds_the_walk():
    here = At(TO_3, Do.DELIVER, MUTUAL, StepState.SENT, issued="5e01", issuer_root="root")
    assert here.answer(REJECTED).tick().answer(REJECTED).at.outcome is WalkState.HELD


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_2_1_station_without_slot_variables_gets_set_network_profile(refusal):
    here = At((V21, BASIC, TLS), Do.WRITE_SLOT_VARIABLES, TLS, StepState.SENT, **SLOTS_2).answer(refusal)
    here.tick().answer(ACCEPTED)
    assert here.acts == [Do.WRITE_SLOT_VARIABLES, Do.WRITE_SLOT]
    assert here.do is Do.PREFER_SLOT


def test_the_alternative_of_one_step_is_not_taken_for_the_next():
    here = At((V21, BASIC, TLS), Do.LIST_SLOTS, TLS, StepState.SENT).answer(REJECTED).tick().answer(REJECTED)
    assert here.do is Do.READ_NETWORK
    assert "alternative" not in here.at.facts


# --- silence


def test_a_lost_answer_is_asked_for_again_three_times():
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS)
    for _ in range(2):
        here.tick(seconds=60).no_answer()
        assert here.at.state is StepState.PENDING
    here.tick(seconds=60).no_answer()
    assert here.acts == [Do.RAISE_PROFILE] * 3
    assert here.at.reason == "raise to profile 2: no answer came, 3 times"


@pytest.mark.parametrize(
    ("way", "do", "leg"),
    [
        (TO_TLS, Do.INSTALL_ROOT, TLS),  # the list will tell
        (TO_TLS, Do.INSTALL_RSA_ROOT, TLS),  # it can be done without
        (TO_TLS, Do.RESTART, TLS),  # a second restart would harm
        (TO_3, Do.DELIVER, MUTUAL),  # some reconnect before they answer (station-quirks 5)
        ((V201, BASIC, TLS), Do.LIST_SLOTS, TLS),
    ],
)
def test_a_lost_answer_that_a_later_step_finds_out_is_left_alone(way, do, leg):
    here = At(way, do, leg, StepState.SENT, issued="5e01", issuer_root="root").no_answer()
    here.tick(seconds=60)
    assert here.acts.count(do) == 1
    assert here.do is not do
    assert here.at.outcome is WalkState.RUNNING


def test_silence_after_a_crash_counts_as_a_lost_answer():
    """Nobody is left who could say Unanswered."""
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, StepState.SENT)
    here.tick(seconds=PACE.silence.total_seconds() - 1)
    assert here.at.state is StepState.SENT
    here.tick(seconds=1).tick(seconds=PACE.settle.total_seconds())
    assert here.acts == [Do.RAISE_PROFILE] * 2


def test_an_answer_cannot_come_over_a_line_that_is_gone():
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, StepState.SENT).see(Connected(BASIC))
    assert here.at.state is StepState.PENDING


# --- restart


def test_a_1_6_station_that_stayed_is_restarted():
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, StepState.WAITING).tick(seconds=9)
    assert here.acts == [Do.RAISE_PROFILE, Do.RESTART]


@pytest.mark.parametrize("gone", [(Disconnected(),), (Connected(BASIC),), (Disconnected(), Connected(BASIC))])
def test_a_1_6_station_that_dropped_the_line_is_not_restarted(gone):
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, StepState.WAITING).see(*gone).tick(seconds=9)
    assert here.acts == [Do.RAISE_PROFILE]
    assert here.state_of(Do.RESTART) is SKIPPED


def test_a_station_that_said_it_must_be_restarted_is_restarted_though_it_dropped_the_line():
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, StepState.SENT).answer(REBOOT)
    here.see(Disconnected(), Connected(BASIC)).tick(seconds=9)
    assert here.acts == [Do.RAISE_PROFILE, Do.RESTART]


def test_a_line_dropped_in_an_earlier_step_does_not_spare_the_restart():
    here = At(TO_TLS, Do.INSTALL_ROOT, TLS, StepState.WAITING).see(Disconnected(), Connected(BASIC))
    here.tick().answer(REJECTED).tick().answer(ACCEPTED, roots="abc").tick().answer(ACCEPTED).tick(seconds=9)
    assert here.acts == [Do.INSTALL_ROOT, Do.INSTALL_RSA_ROOT, Do.LIST_ROOTS, Do.RAISE_PROFILE, Do.RESTART]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_1_6_station_that_will_not_restart_may_still_come(refusal):
    here = At(TO_TLS, Do.RESTART, TLS, StepState.SENT).answer(refusal)
    assert here.do is Do.WAIT


def test_a_2_x_station_that_will_not_restart_is_held():
    """Without a restart the new slot is never used (B10)."""
    here = At((V201, BASIC, TLS), Do.RESTART, TLS, StepState.SENT).answer(REJECTED)
    assert here.at.outcome is WalkState.HELD
