"""Campaigns in the database: whom they take, how they go on wave by wave, and what people can do about them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from csms_bridge.campaigns.door import NewCampaign
from csms_bridge.campaigns.kinds.walk import WalkKind
from csms_bridge.campaigns.retention import CampaignRetention
from csms_bridge.campaigns.sites import NewSite
from csms_bridge.campaigns.words import (
    AbortMode,
    CampaignState,
    Goal,
    Kind,
    OutcomeKind,
    Pace,
    Retry,
    Selection,
    Size,
    TargetState,
)
from csms_bridge.errors import CampaignNotNow, CampaignRefused, UnknownCampaign
from csms_bridge.walks.steps import WalkState
from pki.alarms import AlarmKind
from tests.csms_bridge.campaigns.fleet_room import ANNA, EVERYTHING, FACTS, MUTUAL, QUICK, WALK_TO_3, FleetRoom, days

PENDING, RUNNING, AWAY, DONE, FAILED, HELD, LATE, ABSENT, EXCLUDED, CANCELLED = TargetState
SIX = [f"CS-{number}" for number in range(6)]


# --- whom


@pytest.mark.both_databases
def test_the_preview_counts_who_is_left_out_and_why(fleet: FleetRoom) -> None:
    fleet.add("CS-1", "CS-2", "CS-3")
    fleet.add("CS-4", profile=MUTUAL)
    fleet.add("CS-5", quiet=True)
    fleet.add("CS-6", online=False)
    fleet.room.add("CS-7")
    fleet.room.ledger.start("CS-3", 2, {}, ANNA)
    seen = fleet.campaigns.preview(NewCampaign("x", WALK_TO_3, EVERYTHING, QUICK))
    assert (seen.selected, seen.taken, seen.offline, seen.waves) == (7, 3, 1, (2, 1))
    assert seen.excluded == {
        "it is there already": 1,
        "it is quiet: nothing is sent to it unasked": 1,
        "a walk of it is under way": 1,
        "it has never connected": 1,
    }
    assert fleet.campaigns.page() == []


def test_one_that_has_been_offline_for_long_is_left_out(fleet: FleetRoom) -> None:
    fleet.add("CS-1", online=False)
    fleet.clock.advance(days=31)
    fleet.add("CS-2")
    seen = fleet.campaigns.preview(NewCampaign("x", WALK_TO_3, EVERYTHING, QUICK))
    assert (seen.taken, seen.excluded) == (1, {"it has been offline for long": 1})


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(site="Mall"), ["CS-1"]),
        (Selection(tag="depot"), ["CS-1", "CS-2"]),
        (Selection(tag="dep"), []),
        (Selection(tag="%"), []),
        (Selection(profile=1), ["CS-1", "CS-2", "CS-3"]),
        (Selection(stations=("CS-3", "CS-9")), ["CS-3"]),
        (Selection(tag="depot", site="Harbour"), ["CS-2"]),
        (Selection(vendor="acme"), []),
    ],
)
def test_stations_are_chosen_by_query(fleet: FleetRoom, selection: Selection, taken: list[str]) -> None:
    fleet.add("CS-1", site="Mall", tags=("depot", "north"))
    fleet.add("CS-2", site="Harbour", tags=('a "depot" of ours', "depot"))
    fleet.add("CS-3", tags=("depots",))
    if not taken:
        with pytest.raises(CampaignRefused, match="no station is like that"):
            fleet.make(selection=selection)
        return
    assert [target.station for target in fleet.targets(fleet.make(selection=selection))] == taken


def test_a_selection_says_whom_or_everything_and_never_both() -> None:
    with pytest.raises(CampaignRefused, match="one of the two"):
        Selection()
    with pytest.raises(CampaignRefused, match="one of the two"):
        Selection(site="Mall", everything=True)


def test_a_station_is_one_campaigns_at_a_time(fleet: FleetRoom) -> None:
    fleet.add("CS-1", "CS-2")
    first, second = fleet.make(selection=Selection(stations=("CS-1",))), fleet.make()
    fleet.campaigns.start(first, ANNA)
    fleet.campaigns.start(second, ANNA)
    assert fleet.stands(second) == {"CS-1": EXCLUDED, "CS-2": PENDING}
    assert fleet.targets(second)[0].reason == "another campaign has it"
    fleet.round()
    assert fleet.walks() == [("CS-1", "running"), ("CS-2", "running")]


def test_a_walk_leads_to_2_or_3(fleet: FleetRoom) -> None:
    with pytest.raises(CampaignRefused, match="profile 2 or 3"):
        fleet.make(Goal(Kind.WALK, to=1))


# --- wave by wave


@pytest.mark.both_databases
def test_it_goes_on_wave_by_wave_until_all_are_there(fleet: FleetRoom) -> None:
    fleet.add(*SIX, "CS-6")
    campaign = fleet.begin()
    assert fleet.campaigns.campaign(campaign).campaign.sizes == (2, 4, 1)
    waves = []
    for _ in range(3):
        fleet.round()
        begun = fleet.in_state(campaign, RUNNING)
        waves.append(begun)
        assert fleet.round() == 0
        for station in begun:
            fleet.walk_ends(station)
        fleet.round()
    assert [len(wave) for wave in waves] == [2, 4, 1]
    view = fleet.campaigns.campaign(campaign)
    assert (view.campaign.state, view.progress.states[DONE]) == (CampaignState.DONE, 7)
    assert fleet.acts(campaign) == [
        "campaign:created", "campaign:started", "campaign:wave-begun", "campaign:wave-begun", "campaign:ended",
    ]  # fmt: skip
    assert [state for _, state in fleet.walks()] == ["done"] * 7


def test_too_many_errors_pause_it_with_an_alarm_and_resume_lets_them_pass(fleet: FleetRoom) -> None:
    fleet.add(*SIX)
    campaign = fleet.begin(pace=replace(QUICK, errors=10))
    fleet.round()
    fleet.walk_ends("CS-0", WalkState.HELD, "it fell back")
    fleet.round()
    paused = fleet.campaigns.campaign(campaign).campaign
    assert paused.state is CampaignState.PAUSED
    assert paused.reason == "wave 1: 1 of 2 stations failed, are on hold or late; more than 10 % are not borne"
    (alarm,) = fleet.alarms.open_of(AlarmKind.CAMPAIGN_PAUSED)
    assert paused.reason in alarm.sentence
    fleet.walk_ends("CS-1")
    assert fleet.round() == 0
    assert fleet.stands(campaign)["CS-1"] is DONE  # what is under way is followed all the same
    fleet.campaigns.resume(campaign, ANNA)
    assert fleet.alarms.open_of(AlarmKind.CAMPAIGN_PAUSED) == []
    assert fleet.round() == 4
    assert fleet.targets(campaign)[0].reason == "it fell back"


def test_a_campaign_that_stays_paused_ends_with_its_time_and_so_does_its_alarm(fleet: FleetRoom) -> None:
    fleet.add(*SIX)
    campaign = fleet.begin(pace=replace(QUICK, errors=10, until=days(3)))
    fleet.round()
    fleet.walk_ends("CS-0", WalkState.HELD, "it fell back")
    fleet.walk_ends("CS-1")
    fleet.round()
    fleet.round()
    assert len(fleet.alarms.open_of(AlarmKind.CAMPAIGN_PAUSED)) == 1
    fleet.round(days=3)
    fleet.round()
    assert fleet.campaigns.campaign(campaign).campaign.state is CampaignState.DONE
    assert len(fleet.in_state(campaign, ABSENT)) == 4
    assert fleet.alarms.open_of(AlarmKind.CAMPAIGN_PAUSED) == []


def test_one_on_hold_that_arrives_after_all_is_done(fleet: FleetRoom) -> None:
    fleet.add("CS-1", "CS-2")
    campaign = fleet.begin(pace=replace(QUICK, errors=100))
    fleet.round()
    fleet.walk_ends("CS-1", WalkState.HELD, "it is asleep")
    fleet.round()
    assert fleet.stands(campaign)["CS-1"] is HELD
    fleet.room.ledger.resume(fleet.targets(campaign)[0].work, "service")
    fleet.walk_ends("CS-1")
    fleet.round()
    assert fleet.stands(campaign)["CS-1"] is DONE


def test_a_walk_on_hold_is_resumed_as_often_as_the_policy_says(fleet: FleetRoom) -> None:
    fleet.add("CS-1")
    retry = {OutcomeKind.HELD: Retry(1, timedelta(hours=1))}
    campaign = fleet.begin(pace=replace(QUICK, errors=100, retries=retry))
    fleet.round()
    fleet.walk_ends("CS-1", WalkState.HELD, "it fell back")
    fleet.round()
    (target,) = fleet.targets(campaign)
    assert (target.state, target.tries, target.reason) == (PENDING, 1, "it fell back")
    assert fleet.round(minutes=30) == 0
    assert fleet.round(minutes=31) == 1
    assert fleet.walks() == [("CS-1", "running")]  # the same walk
    fleet.walk_ends("CS-1", WalkState.HELD, "it fell back again")
    fleet.round()
    assert fleet.stands(campaign) == {"CS-1": HELD}
    fleet.round()
    assert fleet.campaigns.campaign(campaign).campaign.state is CampaignState.DONE


def test_one_that_was_cancelled_by_somebody_has_failed_and_is_walked_anew(fleet: FleetRoom) -> None:
    fleet.add("CS-1")
    retry = {OutcomeKind.FAILED: Retry(1, timedelta(0))}
    campaign = fleet.begin(pace=replace(QUICK, errors=100, retries=retry))
    fleet.round()
    fleet.room.ledger.cancel(fleet.targets(campaign)[0].work, "a new unit comes", ANNA)
    assert fleet.round() == 1
    assert fleet.walks() == [("CS-1", "cancelled"), ("CS-1", "running")]


def test_one_that_takes_too_long_is_late(fleet: FleetRoom) -> None:
    fleet.add("CS-1", "CS-2")
    campaign = fleet.begin(pace=replace(QUICK, errors=100, target_within=timedelta(hours=2)))
    fleet.round()
    fleet.round(hours=2)
    assert fleet.stands(campaign) == {"CS-1": LATE, "CS-2": LATE}
    assert fleet.targets(campaign)[0].reason == "it came to no end within 2:00:00"


def test_nobody_is_begun_who_charges_or_is_away(fleet: FleetRoom) -> None:
    fleet.add("CS-1", "CS-2")
    fleet.add("CS-3", online=False)
    fleet.room.began("CS-1", "t1")
    campaign = fleet.begin()
    fleet.round()
    assert fleet.stands(campaign) == {"CS-1": PENDING, "CS-2": RUNNING, "CS-3": PENDING}
    assert fleet.targets(campaign)[2].reason == "it is offline; it is taken in when it is back"
    fleet.room.ended("CS-1", "t1")
    fleet.round()
    assert fleet.stands(campaign)["CS-1"] is RUNNING


def test_the_absent_are_taken_in_when_they_are_back(fleet: FleetRoom) -> None:
    fleet.add("CS-1", "CS-2", "CS-3")
    fleet.add("CS-0", online=False)
    campaign = fleet.begin()
    for _ in range(4):
        fleet.round()
        for station in fleet.in_state(campaign, RUNNING):
            fleet.walk_ends(station)
    fleet.round(hours=2)
    assert fleet.in_state(campaign, PENDING) == ["CS-0"]
    fleet.room.connect("CS-0")
    fleet.round()
    assert fleet.stands(campaign)["CS-0"] is RUNNING


def test_who_is_not_there_until_the_end_is_told_as_absent(fleet: FleetRoom) -> None:
    fleet.add("CS-1")
    fleet.add("CS-2", online=False)
    campaign = fleet.begin(pace=replace(QUICK, until=days(3)))
    fleet.round()
    fleet.walk_ends("CS-1")
    fleet.round()
    fleet.room.sightings.disconnected("CS-1", fleet.clock())
    fleet.round(days=3)
    assert fleet.stands(campaign) == {"CS-1": DONE, "CS-2": ABSENT}
    assert fleet.targets(campaign)[1].reason == "it was not there until the campaign ended"
    assert fleet.campaigns.campaign(campaign).campaign.state is CampaignState.DONE
    assert "campaign:gave-up" in fleet.acts(campaign)


def test_one_that_goes_away_in_the_middle_does_not_hold_its_wave_up(fleet: FleetRoom) -> None:
    fleet.add("CS-1", "CS-2", "CS-3")
    campaign = fleet.begin()
    fleet.round()
    fleet.walk_ends("CS-1")
    at = fleet.clock()
    with fleet.room.store.writing() as session:
        from csms_bridge.tables import StationRow

        row = session.get(StationRow, "CS-2")
        assert row is not None
        row.online, row.last_seen = False, at
        session.add(row)
    fleet.round()
    assert fleet.stands(campaign) == {"CS-1": DONE, "CS-2": RUNNING, "CS-3": PENDING}
    fleet.round(hours=1)
    assert fleet.stands(campaign) == {"CS-1": DONE, "CS-2": AWAY, "CS-3": RUNNING}
    fleet.room.connect("CS-2")
    fleet.round()
    assert fleet.stands(campaign)["CS-2"] is RUNNING
    assert fleet.targets(campaign)[1].tries == 1


def test_one_that_gets_there_by_itself_is_not_begun(fleet: FleetRoom) -> None:
    fleet.add("CS-1", "CS-2", "CS-3")
    campaign = fleet.begin()
    fleet.round()
    with fleet.room.store.writing() as session:
        from csms_bridge.tables import StationRow

        row = session.get(StationRow, "CS-3")
        assert row is not None
        row.profile = 3
        session.add(row)
    fleet.walk_ends("CS-1")
    fleet.walk_ends("CS-2")
    fleet.round()
    assert fleet.stands(campaign)["CS-3"] is DONE
    assert len(fleet.walks()) == 2


def test_the_canary_has_one_of_each_model_the_most_frequent_first(fleet: FleetRoom) -> None:
    """Five of the same model would prove nothing for the others."""
    fleet.add(*SIX, "CS-9")
    for station in ("CS-3", "CS-4"):
        fleet.is_a(station, "Two")
    fleet.is_a("CS-9", "Rare")
    campaign = fleet.make(pace=replace(QUICK, waves=(Size(2), Size(3))))
    assert [(one.station, one.wave) for one in fleet.campaigns.plan(campaign)] == [
        ("CS-0", 1), ("CS-3", 1), ("CS-9", 2), ("CS-1", 2), ("CS-2", 2), ("CS-4", 3), ("CS-5", 3),
    ]  # fmt: skip
    assert [one.station for one in fleet.campaigns.plan(campaign, after="CS-9", limit=2)] == ["CS-1", "CS-2"]
    fleet.campaigns.start(campaign, ANNA)
    fleet.round()
    assert fleet.in_state(campaign, RUNNING) == ["CS-0", "CS-3"]


def test_a_sample_is_one_that_is_there_and_can_be_begun(fleet: FleetRoom) -> None:
    fleet.add("CS-1", online=False)
    fleet.add("CS-2", profile=MUTUAL)
    fleet.add("CS-3", "CS-4")
    for station in ("CS-1", "CS-2", "CS-3", "CS-4"):
        fleet.is_a(station, "One")
    assert fleet.campaigns.plan(fleet.make())[0].station == "CS-3"


# --- how it is told, and how long


def test_of_one_that_has_ended_nothing_is_counted_again(fleet: FleetRoom) -> None:
    fleet.add("CS-1", "CS-2")
    campaign = fleet.begin()
    fleet.round()
    fleet.walk_ends("CS-1")
    fleet.walk_ends("CS-2")
    fleet.round(hours=1)
    before = fleet.campaigns.campaign(campaign)
    assert (before.campaign.state, before.progress.states[DONE], round(before.rate, 1)) == (CampaignState.DONE, 2, 2.0)
    asked: list[str] = []
    event.listen(fleet.room.store.engine, "before_cursor_execute", lambda _c, _k, text, *_: asked.append(text))
    assert [one.progress for one in fleet.campaigns.page()] == [before.progress]
    assert not [text for text in asked if "campaign_targets" in text]
    assert before.progress.waves[0].states == {DONE: 2}


def test_old_campaigns_are_forgotten(fleet: FleetRoom) -> None:
    fleet.add("CS-1", "CS-2", "CS-3")
    ended = fleet.begin(selection=Selection(stations=("CS-1",)))
    running = fleet.begin(selection=Selection(stations=("CS-2",)), pace=replace(QUICK, until=days(300)))
    never_begun = fleet.make(selection=Selection(stations=("CS-3",)))
    fleet.round()
    fleet.walk_ends("CS-1")
    fleet.round()
    retention = CampaignRetention(fleet.room.store, days(200), fleet.clock)
    assert retention.round() == 0
    fleet.clock.advance(days=201)
    assert [retention.round() for _ in range(3)] == [2, 2, 0]
    assert [one.campaign.id for one in fleet.campaigns.page()] == [running]
    for gone in (ended, never_begun):
        with pytest.raises(UnknownCampaign):
            fleet.campaigns.campaign(gone)
    with fleet.room.store.reading() as session:
        assert fleet.room.trail.records(session, kind="campaign", thing=ended)


# --- sites


def test_outside_its_window_no_station_of_a_site_is_begun(fleet: FleetRoom) -> None:
    fleet.campaigns.sites.put([NewSite("Mall", "Europe/Berlin", "daily 22:00-05:00")], ANNA)
    fleet.add("CS-1", site="Mall")
    fleet.add("CS-2", site="Harbour")
    campaign = fleet.begin()
    fleet.round()
    assert fleet.stands(campaign) == {"CS-1": PENDING, "CS-2": RUNNING}
    fleet.round(hours=9)  # 21:01 UTC is 22:01 there
    assert fleet.stands(campaign)["CS-1"] is RUNNING


def test_a_walk_that_it_began_waits_for_the_next_window_before_the_station_is_moved(fleet: FleetRoom) -> None:
    fleet.campaigns.sites.put([NewSite("Mall", "UTC", "daily 12:00-14:00")], ANNA)
    fleet.add("CS-1", "CS-2", "CS-3", site="Mall")
    fleet.add("CS-4", site="Harbour")
    fleet.begin(selection=Selection(stations=("CS-1", "CS-4")))
    fleet.begin(pace=replace(QUICK, at_any_hour=True), selection=Selection(stations=("CS-2",)))
    fleet.round()
    fleet.room.ledger.start("CS-3", 2, FACTS, ANNA)  # by hand: whoever does that says when
    everybody = ("CS-1", "CS-2", "CS-3", "CS-4")
    assert fleet.campaigns.shut_among(everybody) == set()
    fleet.clock.advance(hours=2)
    assert fleet.campaigns.shut_among(everybody) == {"CS-1"}
    fleet.clock.advance(hours=22)
    assert fleet.campaigns.shut_among(everybody) == set()


def test_who_waits_for_the_next_window_is_not_late(fleet: FleetRoom) -> None:
    fleet.campaigns.sites.put([NewSite("Mall", "UTC", "daily 12:00-14:00")], ANNA)
    fleet.add("CS-1", site="Mall")
    campaign = fleet.begin(pace=replace(QUICK, errors=100, target_within=timedelta(hours=3)))
    fleet.round()
    fleet.round(hours=24.5)
    assert fleet.stands(campaign) == {"CS-1": RUNNING}
    fleet.round(hours=1)
    assert fleet.stands(campaign) == {"CS-1": LATE}


def test_at_any_hour_is_said_and_written_down(fleet: FleetRoom) -> None:
    fleet.campaigns.sites.put([NewSite("Mall", "Europe/Berlin", "daily 22:00-05:00")], ANNA)
    fleet.add("CS-1", site="Mall")
    campaign = fleet.begin(pace=replace(QUICK, at_any_hour=True))
    fleet.round()
    assert fleet.stands(campaign) == {"CS-1": RUNNING}
    started = next(record for record in fleet.history(campaign) if record.act == "campaign:started")
    assert started.details["at_any_hour"] is True


@pytest.mark.both_databases
def test_no_more_than_its_share_of_a_site_is_worked_on_by_all_campaigns_together(fleet: FleetRoom) -> None:
    fleet.campaigns.sites.put([NewSite("Mall", max_share=34)], ANNA)
    fleet.add(*SIX, site="Mall")
    first = fleet.begin(selection=Selection(stations=("CS-0", "CS-1", "CS-2")))
    second = fleet.begin(selection=Selection(stations=("CS-3", "CS-4", "CS-5")))
    for _ in range(3):
        fleet.round()
    running = [*fleet.in_state(first, RUNNING), *fleet.in_state(second, RUNNING)]
    assert len(running) == 2


# --- people


def test_a_paused_campaign_begins_nothing_and_an_aborted_one_comes_to_its_end(fleet: FleetRoom) -> None:
    fleet.add(*SIX)
    campaign = fleet.begin()
    fleet.round()
    fleet.campaigns.pause(campaign, "works on site", ANNA)
    for station in ("CS-0", "CS-1"):
        fleet.walk_ends(station)
    assert fleet.round() == 0
    fleet.campaigns.resume(campaign, ANNA)
    assert fleet.round() == 4
    fleet.campaigns.abort(campaign, AbortMode.FINISH, "wrong root", ANNA)
    fleet.round()
    assert fleet.campaigns.campaign(campaign).campaign.state is CampaignState.ABORTING
    for station in fleet.in_state(campaign, RUNNING):
        fleet.walk_ends(station)
    fleet.round()
    ended = fleet.campaigns.campaign(campaign).campaign
    assert (ended.state, ended.reason) == (CampaignState.ABORTED, "wrong root")


def test_an_abort_cancels_what_is_under_way_when_it_is_told_to(fleet: FleetRoom) -> None:
    fleet.add(*SIX)
    campaign = fleet.begin()
    fleet.round()
    fleet.campaigns.abort(campaign, AbortMode.CANCEL, "wrong root", ANNA)
    fleet.round()
    fleet.round()
    assert set(fleet.stands(campaign).values()) == {CANCELLED}
    assert [state for _, state in fleet.walks()] == ["cancelled", "cancelled"]
    assert fleet.campaigns.campaign(campaign).campaign.state is CampaignState.ABORTED


def test_a_walk_that_is_being_undone_is_waited_for(fleet: FleetRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs on until the way back is proved."""
    monkeypatch.setattr(WalkKind, "cancel", lambda *_: False)
    fleet.add("CS-1", "CS-2")
    campaign = fleet.begin()
    fleet.round()
    fleet.campaigns.abort(campaign, AbortMode.CANCEL, "wrong root", ANNA)
    fleet.round()
    fleet.walk_ends("CS-1", WalkState.CANCELLED, "wrong root")
    fleet.walk_ends("CS-2")  # it was seen on its goal all the same
    fleet.round()
    assert fleet.stands(campaign) == {"CS-1": CANCELLED, "CS-2": DONE}
    fleet.round()
    assert fleet.campaigns.campaign(campaign).campaign.state is CampaignState.ABORTED


def test_what_cannot_be_done_now_is_refused(fleet: FleetRoom) -> None:
    fleet.add("CS-1")
    campaign = fleet.make()
    for act in (lambda: fleet.campaigns.pause(campaign, "x", ANNA), lambda: fleet.campaigns.resume(campaign, ANNA)):
        with pytest.raises(CampaignNotNow, match="is ready"):
            act()
    fleet.campaigns.start(campaign, ANNA)
    with pytest.raises(CampaignNotNow, match="cannot be started"):
        fleet.campaigns.start(campaign, ANNA)
    with pytest.raises(UnknownCampaign):
        fleet.campaigns.start("c0", ANNA)


def brought_to(fleet: FleetRoom, state: CampaignState) -> str:
    """A campaign of two stations in this state; its id."""
    fleet.add("CS-1", "CS-2")
    campaign = fleet.make()
    if state is CampaignState.READY:
        return campaign
    fleet.campaigns.start(campaign, ANNA)
    fleet.round()
    if state is CampaignState.PAUSED:
        fleet.campaigns.pause(campaign, "lunch", ANNA)
    if state in (CampaignState.ABORTING, CampaignState.ABORTED):
        fleet.campaigns.abort(campaign, AbortMode.FINISH, "wrong root", ANNA)
    if state in (CampaignState.DONE, CampaignState.ABORTED):
        fleet.walk_ends("CS-1")
        fleet.walk_ends("CS-2")
        fleet.round()
    assert fleet.campaigns.campaign(campaign).campaign.state is state
    return campaign


ACTS = {
    "start": lambda campaigns, campaign: campaigns.start(campaign, ANNA),
    "pause": lambda campaigns, campaign: campaigns.pause(campaign, "lunch", ANNA),
    "resume": lambda campaigns, campaign: campaigns.resume(campaign, ANNA),
    "abort and finish": lambda campaigns, campaign: campaigns.abort(campaign, AbortMode.FINISH, "x", ANNA),
    "abort and cancel": lambda campaigns, campaign: campaigns.abort(campaign, AbortMode.CANCEL, "x", ANNA),
}
LEADS_TO = {
    ("start", CampaignState.READY): CampaignState.RUNNING,
    ("pause", CampaignState.RUNNING): CampaignState.PAUSED,
    ("resume", CampaignState.PAUSED): CampaignState.RUNNING,
    **{
        (act, state): CampaignState.ABORTING
        for act in ("abort and finish", "abort and cancel")
        for state in (CampaignState.READY, CampaignState.RUNNING, CampaignState.PAUSED)
    },
}


@pytest.mark.parametrize("state", CampaignState)
@pytest.mark.parametrize("act", ACTS)
def test_what_can_be_done_in_which_state(fleet: FleetRoom, state: CampaignState, act: str) -> None:
    """What cannot be leaves no trace; and whatever is done, the campaign comes to an end, with nobody begun twice."""
    campaign = brought_to(fleet, state)
    before = fleet.history(campaign)
    if expected := LEADS_TO.get((act, state)):
        ACTS[act](fleet.campaigns, campaign)
        assert len(fleet.history(campaign)) == len(before) + 1
    else:
        with pytest.raises(CampaignNotNow, match=f"is {state}: it cannot be"):
            ACTS[act](fleet.campaigns, campaign)
        assert fleet.history(campaign) == before
    assert fleet.campaigns.campaign(campaign).campaign.state is (expected or state)
    if fleet.campaigns.campaign(campaign).campaign.state is CampaignState.PAUSED:
        fleet.campaigns.resume(campaign, ANNA)
    if state is CampaignState.READY and not expected:
        fleet.campaigns.start(campaign, ANNA)
    for _ in range(3):
        fleet.round()
        for station in fleet.in_state(campaign, RUNNING):
            fleet.walk_ends(station)
    assert fleet.campaigns.campaign(campaign).campaign.state in (CampaignState.DONE, CampaignState.ABORTED)
    assert len(fleet.walks()) <= 2


def test_one_with_nobody_left_cannot_be_started(fleet: FleetRoom) -> None:
    fleet.add("CS-1", profile=MUTUAL)
    campaign = fleet.make()
    with pytest.raises(CampaignNotNow, match="none of its stations"):
        fleet.campaigns.start(campaign, ANNA)


def test_the_dry_run_tells_who_comes_when_at_the_earliest(fleet: FleetRoom) -> None:
    fleet.campaigns.sites.put([NewSite("Mall", "UTC", "daily 22:00-23:00")], ANNA)
    fleet.add("CS-0", site="Mall")
    fleet.add("CS-1", "CS-2", "CS-3")
    campaign = fleet.make(pace=Pace(waves=(Size(2),), growth=1, in_flight=1))
    now = fleet.clock()
    first = fleet.campaigns.plan(campaign, limit=3)
    rest = fleet.campaigns.plan(campaign, after=first[-1].station, limit=3)
    assert [(one.station, one.wave) for one in (*first, *rest)] == [("CS-0", 1), ("CS-1", 1), ("CS-2", 2), ("CS-3", 2)]
    moments = [one.earliest for one in (*first, *rest)]
    minutes = [int((moment - now).total_seconds()) // 60 for moment in moments if moment is not None]
    assert minutes == [600, 2, 4, 6]


@pytest.mark.both_databases
def test_removing_a_station_takes_it_out_of_its_campaigns(fleet: FleetRoom) -> None:
    fleet.add("CS-1", "CS-2")
    campaign = fleet.begin()
    fleet.room.registry.remove("CS-2", ANNA, "sold")
    fleet.round()
    assert fleet.stands(campaign) == {"CS-1": RUNNING}
