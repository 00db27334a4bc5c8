"""Campaigns of walks know whose walk leads nowhere: they say how many, and leave them out where that is wanted."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from csms_bridge.campaigns.door import NewCampaign
from csms_bridge.campaigns.words import Goal, Kind, TargetState
from csms_bridge.readiness.codes import EDITION, MAY_BLOCK, WORDS, Code, Effect, Verdict, mask_of
from csms_bridge.readiness.rows import ReadinessRow
from tests.csms_bridge.campaigns.fleet_room import ANNA, EVERYTHING, QUICK, WALK_TO_3, FleetRoom
from tests.csms_bridge.readiness.test_assessment import CASES
from tests.csms_bridge.room import NOON, Room

ONLY_READY = replace(WALK_TO_3, only_ready=True)


def judge(fleet: FleetRoom, station: str, *reasons: Code, verdict: Verdict = Verdict.BLOCKED, goal: int = 3) -> None:
    row = ReadinessRow(station=station, goal=goal, verdict=verdict.value, score=0, reasons=mask_of(reasons),
                       edition=EDITION, assessed_at=NOON)  # fmt: skip
    with fleet.room.store.writing() as session:
        session.add(row)


@pytest.fixture
def fleet(room: Room) -> FleetRoom:
    """1 has no extension, 2 a wrong clock, 3 is blocked towards 2 only, 4 was not assessed."""
    fleet = FleetRoom(room)
    fleet.add("CS-1", "CS-2", "CS-3", "CS-4")
    judge(fleet, "CS-1", Code.NO_EXTENSION, Code.NEVER_LISTED)
    judge(fleet, "CS-2", Code.CLOCK, verdict=Verdict.RISKY)
    judge(fleet, "CS-3", Code.STORE_FULL, goal=2)
    return fleet


def test_a_preview_counts_whose_walk_leads_nowhere_and_by_what(fleet: FleetRoom) -> None:
    seen = fleet.campaigns.preview(NewCampaign("x", WALK_TO_3, EVERYTHING, QUICK))
    assert (seen.taken, seen.blocked) == (4, 1)
    assert seen.blocked_by == {"it has no security extension": 1}
    towards_2 = fleet.campaigns.preview(NewCampaign("x", replace(WALK_TO_3, to=2), EVERYTHING, QUICK))
    assert towards_2.blocked_by == {"its certificate store is full": 1}


def test_they_are_left_out_where_that_is_wanted(fleet: FleetRoom) -> None:
    seen = fleet.campaigns.preview(NewCampaign("x", ONLY_READY, EVERYTHING, QUICK))
    assert (seen.taken, seen.blocked) == (3, 0)
    assert seen.excluded == {"a walk of it is known to lead nowhere": 1}
    made = fleet.campaigns.create(NewCampaign("x", ONLY_READY, EVERYTHING, QUICK), ANNA).campaign
    assert made.goal.only_ready
    (out,) = fleet.campaigns.targets(made.id, state=TargetState.EXCLUDED)
    assert (out.station, out.reason) == ("CS-1", "a walk of it is known to lead nowhere")


def test_one_that_is_blocked_since_is_not_begun(fleet: FleetRoom) -> None:
    made = fleet.campaigns.create(NewCampaign("x", ONLY_READY, EVERYTHING, QUICK), ANNA).campaign
    with fleet.room.store.writing() as session:
        session.execute(update(ReadinessRow).where(ReadinessRow.station == "CS-2").values(verdict="blocked"))
    fleet.campaigns.start(made.id, ANNA)
    excluded = fleet.campaigns.targets(made.id, state=TargetState.EXCLUDED)
    assert [target.station for target in excluded] == ["CS-1", "CS-2"]


def test_what_an_older_program_found_blocks_nobody(fleet: FleetRoom) -> None:
    with fleet.room.store.writing() as session:
        session.execute(update(ReadinessRow).values(edition="other"))
    assert fleet.campaigns.preview(NewCampaign("x", WALK_TO_3, EVERYTHING, QUICK)).blocked == 0


def test_other_campaigns_do_not_care(fleet: FleetRoom) -> None:
    seen = fleet.campaigns.preview(NewCampaign("x", Goal(Kind.PASSWORD), EVERYTHING, QUICK))
    assert (seen.blocked, seen.blocked_by) == (0, {})


@pytest.mark.parametrize("code", Code)
def test_what_may_block_is_listed_as_such(code: Code) -> None:
    """A blocked station's other reasons are not told as what blocks it."""
    assert (CASES[code][2] is Effect.BLOCKS) is (code in MAY_BLOCK)
    assert WORDS[code]
