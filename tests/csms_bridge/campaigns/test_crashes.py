"""A process that dies before or after any of its commits: nobody is begun twice, and nobody is forgotten."""

import pytest
from sqlmodel import select

from csms_bridge.campaigns.door import Campaigns
from csms_bridge.campaigns.rows import CampaignTargetRow
from csms_bridge.campaigns.words import CampaignState, TargetState
from csms_bridge.tables import CommandRow, WalkRow
from tests.csms_bridge.campaigns.fleet_room import FleetRoom, Killed

STATIONS = [f"CS-{number}" for number in range(5)]
COMMITS = 7
"""More than the campaign below takes, so that the last cases are those in which nobody dies."""


def check(fleet: FleetRoom) -> None:
    """What is begun is marked, and what is marked is begun; once each."""
    with fleet.room.store.reading() as session:
        walks = {walk.id: walk.station for walk in session.exec(select(WalkRow))}
        targets = session.exec(select(CampaignTargetRow)).all()
        assert session.exec(select(CommandRow)).all() == []
    marked = {target.work: target.station for target in targets if target.work}
    assert marked == walks
    assert len(set(walks.values())) == len(walks)


def carry_on(fleet: FleetRoom, campaign: str, campaigns: Campaigns) -> None:
    for _ in range(8):
        fleet.round(campaigns)
        check(fleet)
        for station in fleet.in_state(campaign, TargetState.RUNNING):
            fleet.walk_ends(station)


@pytest.mark.parametrize("where", ["dies_before", "dies_after"])
@pytest.mark.parametrize("commit", range(1, COMMITS + 1))
def test_it_goes_on_exactly_where_it_was(fleet: FleetRoom, where: str, commit: int) -> None:
    fleet.add(*STATIONS)
    campaign = fleet.begin()
    fleet.store.commits = 0
    setattr(fleet.store, where, commit)
    try:
        carry_on(fleet, campaign, fleet.campaigns)
    except Killed:
        setattr(fleet.store, where, None)
        check(fleet)
        carry_on(fleet, campaign, fleet.process())
    check(fleet)
    assert fleet.campaigns.campaign(campaign).campaign.state is CampaignState.DONE
    assert set(fleet.stands(campaign).values()) == {TargetState.DONE}
    assert len(fleet.walks()) == len(STATIONS)


def test_two_processes_take_turns_and_begin_everybody_once(fleet: FleetRoom) -> None:
    fleet.add(*STATIONS)
    campaign = fleet.begin()
    others = [fleet.campaigns, fleet.process()]
    for number in range(10):
        fleet.round(others[number % 2])
        others[(number + 1) % 2].round()
        check(fleet)
        for station in fleet.in_state(campaign, TargetState.RUNNING):
            fleet.walk_ends(station)
    assert set(fleet.stands(campaign).values()) == {TargetState.DONE}
