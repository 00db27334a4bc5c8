"""The engine of a walk. First whole journeys, then the rules one by one.

Journeys are watched by a witness (see journey.py): no harmful step twice without need, no floor before the station
was seen, no end without, no hold without a reason; and a station that finds no way in is an error at once.
"""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csms_bridge.commands import Answer, Outcome
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.walks.machine import (
    MANY_RETURNS,
    OPERATOR,
    advance,
    begin,
    choose_slot,
    hold,
    resume,
    slot_numbers,
    takes_certificate,
)
from csms_bridge.walks.plans import plan
from csms_bridge.walks.steps import (
    Answered,
    Complained,
    Connected,
    Disconnected,
    Do,
    Issued,
    Progress,
    RequestRefused,
    Seen,
    SlotsTold,
    StepState,
    Tick,
    Unanswered,
    Until,
    WalkState,
    WeWereAway,
)
from tests.csms_bridge.room import NOON
from tests.csms_bridge.walks.journey import FACTS, PACE, PLANS, SECOND, Journey
from tests.csms_bridge.walks.model_station import Manners

NONE, BASIC, TLS, MUTUAL = SecurityProfile
V16, V201, V21 = OcppVersion
DONE, SKIPPED, HELD = StepState.DONE, StepState.SKIPPED, StepState.HELD
ACCEPTED, REBOOT, REJECTED = Outcome.ACCEPTED, Outcome.REBOOT_REQUIRED, Outcome.REJECTED
NOT_SUPPORTED, FAILED = Outcome.NOT_SUPPORTED, Outcome.FAILED
LONGEST = [(V16, NONE, MUTUAL), (V201, BASIC, MUTUAL), (V21, BASIC, MUTUAL)]
"""One walk of each version that has every leg in it."""
MESSAGES = [do for do in Do if do not in (Do.WAIT, Do.BAR_BELOW)]
REFUSALS = (REJECTED, NOT_SUPPORTED, FAILED)

all_plans = pytest.mark.parametrize("way", PLANS, ids=lambda way: f"{way[0]}-{way[1]:d}-{way[2]:d}")
longest_plans = pytest.mark.parametrize("way", LONGEST, ids=lambda way: str(way[0]))


def arrived(journey: Journey, goal: SecurityProfile) -> bool:
    """Whether the station is where it should be, barred from below, and its walk knows."""
    at_goal = journey.station.profile is goal and journey.floor is goal
    return journey.at.outcome is WalkState.DONE and at_goal


def with_an_operators_help(journey: Journey, resumes: int) -> Journey:
    """Resume a held walk, so many times at most."""
    for _ in range(resumes):
        if journey.at.outcome is WalkState.HELD:
            journey.resume().run()
    return journey


# --- whole journeys


@all_plans
def test_every_walk_leads_to_its_goal(way):
    assert arrived(Journey(*way, stored=True).run(), way[2])


@all_plans
@pytest.mark.parametrize("drops", [True, False])
@pytest.mark.parametrize("reboots", [True, False])
def test_every_walk_leads_to_its_goal_with_stations_that_restart_or_must_be_restarted(way, drops, reboots):
    """Station-quirks 17: Accepted and reconnect, RebootRequired, or Accepted and nothing."""
    journey = Journey(*way, Manners(drops=drops, reboots=reboots)).run()
    assert arrived(journey, way[2])
    stays = way[0] is V16 and (reboots or not drops)
    assert (journey.station.restarts > 0) is (stays or way[0] is not V16)


@all_plans
def test_every_walk_leads_to_its_goal_with_an_rsa_station(way):
    """Its certificate comes from the other hierarchy, whose root it gets with ours, or else when it needs it."""
    journey = Journey(*way, issuer_root="root-rsa").run()
    assert arrived(journey, way[2])
    assert journey.station.holds_rsa_root is (way[1] < TLS <= way[2])
    assert journey.station.holds_issuer_root is (way[1] is TLS)


@all_plans
@pytest.mark.parametrize("issuer_root", ["root", "root-rsa"])
def test_every_walk_leads_to_its_goal_with_a_station_that_refuses_the_rsa_root_beside_ours(way, issuer_root):
    """It holds no second root, or wants none: that of its certificate is asked for again when it is needed."""
    journey = Journey(*way, Manners(refuses={Do.INSTALL_RSA_ROOT: [REJECTED]}), issuer_root=issuer_root).run()
    assert arrived(journey, way[2])
    assert (Do.INSTALL_ISSUER_ROOT in journey.acts) is (way[2] is MUTUAL and issuer_root == "root-rsa")


@all_plans
def test_every_walk_leads_to_its_goal_with_a_station_that_lists_no_root(way):
    """Station-quirks 7: the acceptance is what there is."""
    assert arrived(Journey(*way, Manners(hides_roots=True)).run(), way[2])


@pytest.mark.parametrize("version", [V201, V21])
def test_a_station_that_keeps_its_old_slot_is_walked_up_twice(version):
    """Then the slot for profile 3 is in the priority list: 2.1 takes it out first (B09.FR.20)."""
    journey = Journey(version, BASIC, MUTUAL, Manners(keeps_slots=True, tells_slots=False)).run()
    assert arrived(journey, MUTUAL)
    assert (Do.FREE_SLOT in journey.acts) is (version is V21)


@all_plans
def test_the_password_used_in_clear_is_good_for_nothing_after_a_walk_to_tls(way):
    journey = Journey(*way).run()
    if way[1] < TLS <= way[2]:
        assert journey.good_passwords == {f"p{journey.offers}"}
        assert journey.station.password == f"p{journey.offers}"


@all_plans
def test_a_reconnect_at_any_second_changes_nothing_in_the_end(way):
    """In particular not that the password is changed: seen in the first leg, one is no proof in the second."""
    length = (Journey(*way).run().now - NOON) // SECOND
    for second in range(2, length + 2, 2):
        journey = Journey(*way)
        journey.later(second, journey.leave)
        assert arrived(journey.run(), way[2])
        assert journey.station.password in (None, "old", f"p{journey.offers}")
        if way[1] < TLS <= way[2]:
            changed_on_tls = journey.acts.index(Do.SET_PASSWORD, journey.acts.index(Do.LIST_ROOTS))
            assert changed_on_tls > journey.acts.index(Do.INSTALL_ROOT)


@longest_plans
@pytest.mark.parametrize("do", MESSAGES)
def test_a_lost_answer_is_unknown_and_not_failure(way, do):
    """The station did what it was asked, and its answer got lost: nobody has to help."""
    assert arrived(Journey(*way, Manners(mute={do})).run(), way[2])


@longest_plans
@pytest.mark.parametrize("do", MESSAGES)
def test_a_lost_message_leads_to_the_goal_or_to_a_hold_that_one_resume_ends(way, do):
    journey = with_an_operators_help(Journey(*way, Manners(deaf={do})).run(), resumes=1)
    assert arrived(journey, way[2])


@all_plans
@pytest.mark.parametrize("refusal", REFUSALS)
def test_one_refusal_leads_to_the_goal_or_to_a_hold_that_one_resume_ends(way, refusal):
    for do in dict.fromkeys(step.do for step in plan(*way).steps):
        journey = with_an_operators_help(Journey(*way, Manners(refuses={do: [refusal]})).run(), resumes=1)
        assert arrived(journey, way[2])


@longest_plans
@pytest.mark.parametrize("do", [step for step in MESSAGES if step not in (Do.NAME_OPERATOR, Do.LIST_SLOTS)])
def test_a_station_that_refuses_for_ever_is_held_and_never_stranded(way, do):
    """What can be done without, or in another way, is no reason to hold."""
    journey = Journey(*way, Manners(refuses={do: [REJECTED] * 99})).run()
    done_without = {
        Do.INSTALL_RSA_ROOT,
        Do.LIST_ALL,
        Do.FREE_SLOT,
        Do.INSTALL_ISSUER_ROOT,  # not needed here
        Do.DELIVER,
        Do.DELIVER_WITH_ROOT,
        Do.WRITE_SLOT_VARIABLES,
    }
    if way[0] is V16:
        done_without |= {Do.RESTART}
    asked = do in journey.acts
    assert arrived(journey, way[2]) if do in done_without or not asked else journey.at.outcome is WalkState.HELD


@all_plans
def test_a_station_that_falls_back_is_held_reachable_and_walks_on_when_resumed(way):
    """1.6 A05.FR.08, 2.x B10.FR.07."""
    journey = Journey(*way, Manners(falls_back=1)).run()
    assert journey.at.outcome is WalkState.HELD
    assert journey.at.reason == f"it fell back: seen again on profile {way[1]:d} when {way[1] + 1} was expected"
    assert journey.station.profile is way[1]
    assert journey.floor is way[1]
    assert journey.connected_at is not None
    assert arrived(with_an_operators_help(journey, resumes=1), way[2])


# --- crashes


def crashed_at_act(way, number: int, *, sent: bool) -> Journey:
    """Our process dies when the n-th act is stored: before the message went out, or before its answer came."""
    journey = Journey(*way)
    left = itertools.count(number, -1)

    def before_act(do: Do) -> bool:
        if next(left) != 0:
            return True
        if sent:
            journey.send(do)
        journey.crash()
        return False

    journey.before_act = before_act
    return journey.run()


@all_plans
@pytest.mark.parametrize("sent", [False, True], ids=["before-sending", "after-sending"])
def test_a_crash_at_any_message_strands_nobody(way, sent):
    """Progress is stored before anything is sent, so a crash leaves a step sent whose answer is unknown.

    And nobody has to help: when a step turns out not to have been done, its leg is walked again.
    """
    acts = [do for do in Journey(*way).run().acts if do is not Do.BAR_BELOW]
    for number in range(len(acts)):
        assert arrived(crashed_at_act(way, number, sent=sent), way[2]), acts[number]


@longest_plans
def test_a_crash_at_any_second_strands_nobody(way):
    length = (Journey(*way).run().now - NOON) // SECOND
    for second in range(1, length + 1):
        journey = Journey(*way)
        journey.later(second, journey.crash)
        assert arrived(journey.run(), way[2]), second


# --- events late, twice and out of order

delays = st.sampled_from([0, 0, 0, 0, 1, 3, 20, 100])
tellings = st.lists(st.lists(delays, min_size=1, max_size=2), min_size=1, max_size=15)
manners = st.builds(Manners, drops=st.booleans(), reboots=st.booleans(), keeps_slots=st.booleans())


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLANS), manners, st.sampled_from(["root", "root-rsa"]), tellings)
def test_events_late_twice_and_out_of_order_break_no_rule(way, manners, issuer_root, tellings):
    """The witness watches. At the end an operator's word, and honest events, lead to the goal."""
    turn = itertools.cycle(tellings)

    def mangle(_: Seen) -> list[timedelta]:
        return [delay * SECOND for delay in next(turn)]

    journey = Journey(*way, replace(manners), mangle=mangle, issuer_root=issuer_root).run()
    journey.be_honest()
    assert arrived(with_an_operators_help(journey, resumes=6), way[2])


@all_plans
@pytest.mark.parametrize("late", [1, 20])
def test_every_event_twice_and_late_leads_to_the_goal(way, late):
    journey = Journey(*way, mangle=lambda _: [late * SECOND, late * SECOND]).run()
    assert arrived(with_an_operators_help(journey, resumes=1), way[2])


troubles = st.fixed_dictionaries(
    {
        "deaf": st.sets(st.sampled_from(MESSAGES), max_size=3),
        "mute": st.sets(st.sampled_from(MESSAGES), max_size=3),
        "refuses": st.dictionaries(
            st.sampled_from(MESSAGES), st.lists(st.sampled_from(REFUSALS), min_size=1, max_size=3), max_size=3
        ),
        "falls_back": st.integers(0, 2),
        "drops": st.booleans(),
        "reboots": st.booleans(),
        "hides_roots": st.booleans(),
        "tells_slots": st.booleans(),
    }
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLANS), troubles, st.lists(st.integers(1, 90), max_size=2))
def test_no_mixture_of_troubles_strands_a_station_or_a_walk(way, troubles, crashes):
    """Messages lost, answers lost, refusals, fall-backs and crashes; patience leads to the goal all the same."""
    copied = {name: value.copy() if hasattr(value, "copy") else value for name, value in troubles.items()}
    copied["refuses"] = {do: list(refusals) for do, refusals in troubles["refuses"].items()}
    journey = Journey(*way, Manners(**copied))
    for second in crashes:
        journey.later(second, journey.crash)
    assert arrived(with_an_operators_help(journey.run(), resumes=15), way[2])


# --- the rules one by one


class At:
    """A walk that stands at one step, and what comes of events there."""

    def __init__(self, way, do: Do, leg: SecurityProfile, state: StepState = StepState.PENDING, **facts: str) -> None:
        self.walk = plan(*way)
        self.now = NOON
        index = next(i for i, step in enumerate(self.walk.steps) if step.leg is leg and step.do is do)
        started = begin(self.walk, NOON, {**FACTS, **facts})
        views = tuple(replace(v, state=DONE) if i < index else v for i, v in enumerate(started.views))
        self.at: Progress = replace(started, views=views, index=index)
        self.acts: list[Do] = []
        if state is not StepState.PENDING:
            self.tick()
        if state is StepState.WAITING:
            self.answer(ACCEPTED)
        assert self.at.state is state

    def see(self, *events: Seen) -> "At":
        for event in events:
            self.at, acts = advance(self.walk, self.at, event, self.now, PACE)
            self.acts += acts
        return self

    def tick(self, ready: bool = True, **span: float) -> "At":
        self.now += timedelta(**span)
        return self.see(Tick(ready))

    def answer(self, outcome: Outcome, words: str = "", **facts: str) -> "At":
        return self.see(Answered(self.at.index, Answer(outcome, words, facts)))

    def no_answer(self) -> "At":
        return self.see(Unanswered(self.at.index))

    @property
    def do(self) -> Do:
        return self.walk.steps[self.at.index].do

    def state_of(self, do: Do) -> StepState:
        """Of the last step before the current one, or the current one, that does this."""
        index = next(i for i in range(self.at.index, -1, -1) if self.walk.steps[i].do is do)
        return self.at.views[index].state


TO_TLS, TO_3 = (V16, BASIC, TLS), (V16, TLS, MUTUAL)
SLOTS_2 = {"priority": "1", "active": "1", "slot": "2", "used": "1"}


def test_a_walk_begins_with_nothing_done():
    at = begin(plan(*TO_TLS), NOON, FACTS)
    assert {view.state for view in at.views} == {StepState.PENDING}
    assert (at.index, at.outcome, at.facts, at.moved) == (0, WalkState.RUNNING, FACTS, NOON)


def test_nothing_is_sent_to_a_station_that_is_not_ready():
    """Not connected, not booted, or charging."""
    here = At(TO_TLS, Do.INSTALL_ROOT, TLS).tick(ready=False, hours=5)
    assert here.acts == []
    assert here.tick().acts == [Do.INSTALL_ROOT]


@pytest.mark.parametrize("event", [Connected(BASIC), Disconnected(), SlotsTold("1"), Complained("x")])
def test_nothing_is_sent_on_anything_but_a_tick(event):
    assert At(TO_TLS, Do.INSTALL_ROOT, TLS).see(event).acts == []


def test_one_message_at_a_time():
    assert At(TO_TLS, Do.LIST_ROOTS, TLS, root_accepted="yes").tick().tick().tick().acts == [Do.LIST_ROOTS]


def test_after_an_accepting_answer_nothing_is_sent_while_it_settles():
    """Station-quirks 13: the station drops the line about a second later, and a CALL in that second is lost."""
    here = At(TO_TLS, Do.INSTALL_ROOT, TLS, StepState.WAITING)
    here.tick(seconds=PACE.settle.total_seconds() - 0.1)
    assert here.acts == [Do.INSTALL_ROOT]
    assert here.tick(seconds=0.1).acts == [Do.INSTALL_ROOT, Do.INSTALL_RSA_ROOT]


def test_settling_is_over_at_once_when_the_station_has_been_away_and_is_back():
    here = At(TO_TLS, Do.INSTALL_ROOT, TLS, StepState.WAITING).see(Disconnected(), Connected(BASIC))
    assert here.do is Do.INSTALL_RSA_ROOT


@pytest.mark.parametrize("do", [Do.INSTALL_ROOT, Do.RAISE_PROFILE, Do.SET_PASSWORD])
def test_accepted_is_no_proof(do):
    """A05.FR.07: only a connection ends a leg."""
    here = At(TO_TLS, do, TLS, root_accepted="yes").tick().answer(ACCEPTED)
    assert here.at.outcome is WalkState.RUNNING
    assert here.state_of(do) is StepState.WAITING


@pytest.mark.parametrize("index", [0, 2, 4, 8])
def test_an_answer_to_another_step_is_nothing(index):
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, StepState.SENT)
    assert here.at.index == 3
    before = here.at
    assert here.see(Answered(index, Answer(ACCEPTED)), Unanswered(index)).at == before


@pytest.mark.parametrize("state", [StepState.PENDING, StepState.WAITING])
def test_an_answer_to_a_step_that_was_not_sent_is_nothing(state):
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, state)
    before = here.at
    assert here.answer(REJECTED).no_answer().at == before


# ROOT


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


# REFUSALS


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


# SILENCE


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


# RESTART


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


# SLOTS


@pytest.mark.parametrize(
    ("priority", "active", "slots", "chosen"),
    [
        ("1", "", "", (2, 1)),
        ("2", "", "", (1, 2)),
        ("1,2", "2", "", (1, 2)),  # what is in use counts, not what comes first
        ("1,2", "0", "", (2, 1)),  # 0 means: none of them
        ("5", "5", "4,5,6", (4, 5)),
        ("4", "4", "4,5,6", (5, 4)),
        ("1", "1", "1", (2, 1)),
        (" 3 , 1", "", "", (1, 3)),
        ("", "", "", (2, 1)),
        ("x", "y", "z", (2, 1)),
        ("²", "²", "², 7", (7, 1)),
    ],
)
def test_the_slot_in_use_is_never_written(priority, active, slots, chosen):
    """B09.FR.06, .05: another one of those the station has; without its list, 1 to 3."""
    assert choose_slot(priority, active, slots) == chosen


@given(st.text("0123456789, ²x"), st.text("0123456789"), st.text("0123456789, "))
def test_there_is_always_a_slot_to_write(priority, active, slots):
    slot, used = choose_slot(priority, active, slots)
    assert slot != used
    assert slot > 0
    assert used > 0


def test_slot_numbers_are_the_positive_ones():
    assert slot_numbers("2, 1,0,-3,x,,07,³") == [2, 1, 7]


@pytest.mark.parametrize(("priority", "freed"), [("1", False), ("1,2", True), ("2,1", True)])
def test_2_1_takes_a_listed_slot_out_of_use_before_writing_it(priority, freed):
    """2.1 B09.FR.20/.21."""
    here = At((V21, BASIC, TLS), Do.FREE_SLOT, TLS, **{**SLOTS_2, "priority": priority}).tick()
    assert here.acts == [Do.FREE_SLOT if freed else Do.WRITE_SLOT_VARIABLES]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_slot_that_cannot_be_taken_out_of_use_is_written_all_the_same(refusal):
    facts = {**SLOTS_2, "priority": "1,2"}
    here = At((V21, BASIC, TLS), Do.FREE_SLOT, TLS, StepState.SENT, **facts).answer(refusal).tick()
    assert here.acts == [Do.FREE_SLOT, Do.WRITE_SLOT_VARIABLES]


def test_what_the_station_told_of_its_slots_is_used():
    here = At((V201, BASIC, TLS), Do.LIST_SLOTS, TLS, StepState.SENT).answer(ACCEPTED)
    here.see(SlotsTold("4,5")).tick().answer(ACCEPTED, priority="4", active="4", country="settled")
    assert (here.at.facts["slot"], here.at.facts["used"]) == ("5", "4")


def test_the_slots_may_be_told_before_the_answer():
    """Station-quirks 22: a CALL may come before the CALLRESULT."""
    here = At((V201, BASIC, TLS), Do.LIST_SLOTS, TLS, StepState.SENT).see(SlotsTold("4,5"))
    assert here.do is Do.READ_NETWORK
    assert here.answer(ACCEPTED).at.facts["slots"] == "4,5"


def test_a_station_that_does_not_tell_its_slots_is_walked_without():
    here = At((V201, BASIC, TLS), Do.LIST_SLOTS, TLS, StepState.WAITING).tick(seconds=19)
    assert here.do is Do.LIST_SLOTS
    here.tick(seconds=1)
    assert (here.do, here.state_of(Do.LIST_SLOTS)) == (Do.READ_NETWORK, SKIPPED)


def test_each_leg_reads_the_slots_anew():
    """After the first leg another slot is in use."""
    journey = Journey(V201, BASIC, MUTUAL).run()
    assert journey.acts.count(Do.READ_NETWORK) == 2
    assert (journey.at.facts["slot"], journey.at.facts["used"]) == ("1", "2")


# CERTIFICATES


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
    assert not takes_certificate(here.walk, hold(here.at, "wait", NOON))


# BEING SEEN


@pytest.mark.parametrize(
    ("way", "leg", "seen", "fits"),
    [
        ((V16, NONE, BASIC), BASIC, Connected(NONE), False),
        ((V16, NONE, BASIC), BASIC, Connected(BASIC, password="p1"), True),
        ((V16, NONE, BASIC), BASIC, Connected(TLS, password="p1"), True),
        (TO_TLS, TLS, Connected(BASIC), False),
        (TO_TLS, TLS, Connected(TLS), True),
        (TO_TLS, TLS, Connected(MUTUAL, "feed"), True),
        (TO_3, MUTUAL, Connected(TLS), False),
        (TO_3, MUTUAL, Connected(MUTUAL, "feed"), False),  # an old certificate proves nothing about the new one
        (TO_3, MUTUAL, Connected(MUTUAL, "5e01"), True),
        (TO_3, MUTUAL, Connected(MUTUAL, "5e02"), True),
    ],
)
def test_a_leg_ends_when_the_station_is_seen_with_what_it_was_given(way, leg, seen, fits):
    here = At(way, Do.WAIT, leg, issued="5e01 5e02").tick().see(seen)
    assert (here.state_of(Do.WAIT) is DONE) is fits
    assert (Do.BAR_BELOW in here.acts) is fits


@pytest.mark.parametrize(
    ("way", "seen", "note"),
    [
        (TO_TLS, Connected(TLS), "seen on profile 2"),
        (TO_3, Connected(MUTUAL, "5e01"), "seen on profile 3 with certificate 5e01"),
    ],
)
def test_the_step_says_how_the_station_was_seen(way, seen, note):
    here = At(way, Do.WAIT, way[2], issued="5e01").tick()
    index = here.at.index
    assert here.see(seen).at.views[index].note == note


@pytest.mark.parametrize("way", [TO_TLS, TO_3, (V201, BASIC, TLS), (V21, BASIC, TLS)])
def test_what_is_seen_is_stronger_than_any_answer(way):
    """At whichever step the walk stands: the steps before the one that waited for it are over."""
    for step in plan(*way).steps:
        if step.until is Until.SEEN:
            return
        here = At(way, step.do, way[2], issued="5e01", **SLOTS_2).see(Connected(way[2], "5e01"))
        assert here.acts == [Do.BAR_BELOW]
        assert {view.state for view in here.at.views[: here.at.index]} <= {DONE, SKIPPED}


def test_a_station_that_came_back_on_its_old_profile_has_some_time_left():
    here = At(TO_TLS, Do.WAIT, TLS).tick().see(Connected(BASIC))
    assert here.tick(seconds=PACE.grace.total_seconds() - 1).at.outcome is WalkState.RUNNING
    here.tick(seconds=1)
    assert here.at.reason == "it fell back: seen again on profile 1 when 2 was expected"


def test_a_station_that_is_away_again_has_not_fallen_back():
    here = At(TO_TLS, Do.WAIT, TLS).tick().see(Connected(BASIC)).tick(seconds=10).see(Disconnected())
    assert here.tick(minutes=30).at.outcome is WalkState.RUNNING
    here.see(Connected(BASIC)).tick(seconds=14)
    assert here.at.outcome is WalkState.RUNNING


@pytest.mark.parametrize("away", [(), (WeWereAway(),)], ids=["fell-back", "knocked-on-a-closed-door"])
def test_many_returns_on_the_old_profile_are_a_fall_back_though_none_stayed(away):
    """A station that drops every line before the grace is over would be waited for to no end."""
    here = At(TO_TLS, Do.WAIT, TLS).tick()
    for _ in range(MANY_RETURNS - 1):
        here.see(Connected(BASIC), Disconnected()).tick(ready=False, seconds=2)
        assert (here.do, here.at.outcome) == (Do.WAIT, WalkState.RUNNING)
    here.see(*away, Connected(BASIC)).tick(ready=False)
    if away:
        assert (here.do, here.at.outcome) == (Do.INSTALL_ROOT, WalkState.RUNNING)
    else:
        assert here.at.reason == "it fell back: seen again on profile 1 when 2 was expected"


def test_returns_before_the_last_message_are_no_fall_back():
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, StepState.SENT).see(*[Connected(BASIC)] * MANY_RETURNS)
    here.tick(seconds=9).answer(ACCEPTED).see(Disconnected(), Connected(BASIC)).tick(seconds=1)
    assert (here.do, here.at.outcome) == (Do.WAIT, WalkState.RUNNING)


def after_our_absence() -> At:
    """The station was sent to TLS, found nobody there, and came back on its old profile to stay."""
    here = At(TO_TLS, Do.WAIT, TLS).tick().see(WeWereAway(), Connected(BASIC))
    return here.tick(ready=False, seconds=PACE.grace.total_seconds())


def walk_to_the_wait(here: At) -> At:
    """The leg from its first step up to the wait, with a station that takes everything."""
    while here.do is not Do.WAIT:
        here.tick(seconds=9)
        if here.at.state is StepState.SENT:
            here.answer(ACCEPTED, roots="abc")
    return here


def test_a_station_that_fell_back_while_we_were_away_walks_the_leg_again():
    """It knocked on a closed door (1.6 A05.FR.08): that is no reason to wait for an operator."""
    here = after_our_absence()
    assert (here.at.outcome, here.at.reason) == (WalkState.RUNNING, "")
    assert {view.state for view in here.at.views} == {StepState.PENDING}
    assert here.acts == []
    assert here.tick().acts == [Do.INSTALL_ROOT]


def test_a_refusal_after_our_absence_walks_the_leg_again_too():
    """What was sent before it may have gone down with us: a certificate, say, that profile 3 needs."""
    here = At(TO_3, Do.RAISE_PROFILE, MUTUAL, issued="5e01").see(WeWereAway()).tick().answer(REJECTED)
    assert (here.do, here.at.outcome, here.at.reason) == (Do.NAME_OPERATOR, WalkState.RUNNING, "")
    assert here.at.facts == {**FACTS, "issued": "5e01"}


def test_an_operators_hold_after_our_absence_is_a_hold():
    here = At(TO_TLS, Do.WAIT, TLS).tick().see(WeWereAway())
    here.at = hold(here.at, "maintenance", here.now, by=OPERATOR)
    assert here.tick(hours=2).at.outcome is WalkState.HELD


def test_a_fall_back_in_the_leg_walked_again_is_held():
    """No absence of ours explains it any more."""
    here = walk_to_the_wait(after_our_absence()).see(Connected(BASIC))
    here.tick(seconds=PACE.grace.total_seconds())
    assert here.at.reason == "it fell back: seen again on profile 1 when 2 was expected"
    assert here.acts.count(Do.RAISE_PROFILE) == 1


def test_a_leg_walked_again_is_walked_once_more_when_we_were_away_again():
    here = walk_to_the_wait(after_our_absence()).see(WeWereAway(), Connected(BASIC))
    here.tick(ready=False, seconds=PACE.grace.total_seconds())
    assert (here.do, here.at.outcome) == (Do.INSTALL_ROOT, WalkState.RUNNING)


def test_a_leg_walked_again_ends_like_any_other():
    here = walk_to_the_wait(after_our_absence()).see(Connected(TLS))
    assert (here.acts[-1], here.do) == (Do.BAR_BELOW, Do.SET_PASSWORD)


def test_our_absence_in_one_leg_is_no_excuse_in_the_next():
    here = At((V16, BASIC, MUTUAL), Do.WAIT, TLS).tick().see(WeWereAway(), Connected(TLS))
    assert here.acts == [Do.BAR_BELOW]
    assert "away" not in here.at.facts


@pytest.mark.parametrize(
    ("way", "do", "wait"),
    [(TO_TLS, Do.WAIT, timedelta(hours=1)), (TO_3, Do.TRIGGER_CSR, timedelta(minutes=5))],
)
def test_time_goes_by_for_a_station_that_is_not_there(way, do, wait):
    here = At(way, do, way[2], StepState.PENDING if do is Do.WAIT else StepState.WAITING).tick(ready=False)
    here.tick(ready=False, seconds=wait.total_seconds() - 1)
    assert (here.do, here.at.state) == (do, StepState.WAITING)
    assert here.tick(ready=False, seconds=1).at.outcome is WalkState.HELD


def test_settling_is_over_in_time_though_the_station_is_not_there():
    """Only the next message waits for it."""
    here = At(TO_TLS, Do.INSTALL_ROOT, TLS, StepState.WAITING).tick(ready=False, seconds=9)
    assert (here.do, here.at.state) == (Do.INSTALL_RSA_ROOT, StepState.PENDING)
    assert here.acts == [Do.INSTALL_ROOT]


def test_a_station_that_stays_away_is_held_in_the_end():
    here = At(TO_TLS, Do.WAIT, TLS).tick().see(Disconnected()).tick(minutes=59)
    assert here.at.outcome is WalkState.RUNNING
    here.tick(minutes=1)
    assert "may be asleep" in here.at.reason


def test_a_password_counts_when_it_was_offered_in_this_leg():
    here = At(TO_TLS, Do.SET_PASSWORD, TLS, StepState.SENT, password="p2").see(Connected(TLS, password="p1"))
    assert here.at.outcome is WalkState.RUNNING
    assert here.see(Connected(TLS, password="p2")).at.outcome is WalkState.DONE


def test_the_password_of_an_earlier_leg_proves_nothing():
    """0 to 2: the first leg's password crossed the network in clear, and is in use until it is changed."""
    here = At((V16, NONE, TLS), Do.WAIT, BASIC, password="p1").tick().see(Connected(BASIC, password="p1"))
    assert here.at.facts.get("password") is None
    here = At((V16, NONE, TLS), Do.WAIT, TLS).tick().see(Connected(TLS, password="p1"))
    assert here.see(Connected(TLS, password="p1")).do is Do.SET_PASSWORD


def test_a_station_without_a_password_is_not_taken_for_one_with_the_new():
    here = At(TO_TLS, Do.SET_PASSWORD, TLS).see(Connected(TLS))
    assert here.at.outcome is WalkState.RUNNING


# HOLD AND RESUME


def test_a_held_walk_does_nothing():
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, StepState.SENT).answer(REJECTED)
    before = here.at
    here.tick(hours=9).answer(ACCEPTED).no_answer().see(Disconnected(), Issued("5e01", "root"), SlotsTold("1"))
    assert here.at == before
    assert here.acts == [Do.RAISE_PROFILE]


@pytest.mark.parametrize("do", [Do.INSTALL_ROOT, Do.RAISE_PROFILE, Do.WAIT])
def test_a_late_arrival_takes_a_walk_off_hold(do):
    """Wherever it was held: the leg's end was seen after all."""
    here = At(TO_TLS, do, TLS)
    here.at = hold(here.at, "no answer came", here.now)
    here.see(Connected(TLS))
    assert (here.at.outcome, here.at.reason) == (WalkState.RUNNING, "")
    assert here.acts == [Do.BAR_BELOW]
    assert here.do is Do.SET_PASSWORD


def test_a_late_use_of_the_new_password_takes_a_walk_off_hold():
    here = At(TO_TLS, Do.SET_PASSWORD, TLS, StepState.SENT, password="p1").answer(ACCEPTED).tick(seconds=9)
    here.no_answer().tick(minutes=20)
    assert here.at.reason == "see the new password: the station has not used its new password yet"
    assert here.see(Connected(TLS, password="p1")).at.outcome is WalkState.DONE


def test_a_connection_that_is_not_the_legs_end_leaves_a_walk_on_hold():
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, StepState.SENT).answer(REJECTED).see(Connected(BASIC))
    assert here.at.outcome is WalkState.HELD


def test_a_walk_that_an_operator_holds_stays_on_hold():
    here = At(TO_TLS, Do.WAIT, TLS).tick()
    here.at = hold(here.at, "maintenance", here.now, by=OPERATOR)
    here.see(Connected(TLS))
    assert (here.at.outcome, here.at.reason) == (WalkState.HELD, "maintenance")
    assert here.acts == []


def test_a_station_that_arrived_while_an_operator_held_its_walk_is_not_asked_again():
    """It would refuse the profile it is on (1.6 A05.FR.01)."""
    here = At(TO_TLS, Do.WAIT, TLS).tick()
    here.at = hold(here.at, "maintenance", here.now, by=OPERATOR)
    here.see(Connected(TLS))
    here.at = resume(here.walk, here.at, here.now)
    assert here.tick().acts == [Do.BAR_BELOW, Do.SET_PASSWORD]


def test_a_station_that_was_there_and_left_again_on_hold_is_asked_again():
    here = At(TO_TLS, Do.WAIT, TLS).tick()
    here.at = hold(here.at, "maintenance", here.now, by=OPERATOR)
    here.see(Connected(TLS), Disconnected(), Connected(BASIC))
    here.at = resume(here.walk, here.at, here.now)
    assert here.tick().acts == [Do.INSTALL_ROOT]


def test_what_came_in_an_earlier_hold_is_forgotten():
    here = At(TO_3, Do.WAIT, MUTUAL, issued="5e01").tick()
    here.at = hold(here.at, "maintenance", here.now, by=OPERATOR)
    here.see(Connected(MUTUAL, "5e01"))
    here.at = hold(replace(here.at, outcome=WalkState.RUNNING), "again", here.now, by=OPERATOR)
    here.at = resume(here.walk, here.at, here.now)
    assert here.do is Do.NAME_OPERATOR


@pytest.mark.parametrize("way", [TO_TLS, (V201, BASIC, TLS), (V21, BASIC, TLS)])
def test_a_resumed_leg_is_walked_again_from_its_first_step(way):
    for step in plan(*way).steps:
        here = At(way, step.do, TLS, **SLOTS_2)
        here.at = resume(here.walk, hold(here.at, "wait", here.now), here.now)
        assert (here.at.index, here.at.outcome, here.at.reason) == (0, WalkState.RUNNING, "")
        assert {view.state for view in here.at.views} == {StepState.PENDING}
        if step.until is Until.SEEN:
            return


def test_a_leg_whose_end_was_seen_is_resumed_behind_it():
    here = At((V16, BASIC, MUTUAL), Do.SET_PASSWORD, TLS, StepState.SENT).answer(REJECTED)
    here.at = resume(here.walk, here.at, here.now)
    assert here.tick().acts == [Do.SET_PASSWORD, Do.BAR_BELOW, Do.SET_PASSWORD]
    assert here.state_of(Do.WAIT) is DONE


def test_a_resumed_walk_leaves_earlier_legs_alone():
    here = At((V16, BASIC, MUTUAL), Do.DELIVER, MUTUAL, issued="5e01", issuer_root="root")
    here.at = resume(here.walk, hold(here.at, "wait", here.now), here.now)
    assert here.do is Do.NAME_OPERATOR
    assert {view.state for view in here.at.views[: here.at.index]} == {DONE}


def test_a_resumed_walk_has_its_patience_back_and_no_old_troubles():
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, StepState.SENT).see(Complained("x"), Disconnected()).answer(REJECTED)
    here.now += timedelta(days=1)
    here.at = resume(here.walk, here.at, here.now)
    assert (here.at.tries, here.at.moved) == (0, here.now)
    assert here.at.facts == FACTS


def test_a_hold_has_its_reason_on_the_step_too():
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS)
    here.at = hold(here.at, "maintenance", NOON, by=OPERATOR)
    assert (here.at.views[here.at.index].state, here.at.views[here.at.index].note) == (HELD, "maintenance")


@pytest.mark.parametrize("outcome", [WalkState.DONE, WalkState.CANCELLED])
@pytest.mark.parametrize("event", [Tick(True), Connected(TLS), Connected(BASIC), Answered(0, Answer(ACCEPTED))])
def test_what_is_over_stays_over(outcome, event):
    here = At(TO_TLS, Do.WAIT, TLS)
    here.at = over = replace(here.at, outcome=outcome)
    assert here.see(event).at == over
    assert here.acts == []
