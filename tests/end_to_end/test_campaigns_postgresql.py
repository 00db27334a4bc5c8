"""Campaigns over PostgreSQL: two processes take turns at the same time, and everybody is begun once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlmodel import SQLModel

from csms_bridge.campaigns.door import NewCampaign
from csms_bridge.campaigns.sites import NewSite
from csms_bridge.campaigns.words import AbortMode, CampaignState, Goal, Kind, Selection, TargetState
from pki.store import Store
from tests.csms_bridge.campaigns.fleet_room import ANNA, EVERYTHING, MUTUAL, QUICK, WALK_TO_3, FleetRoom, days
from tests.csms_bridge.room import Room, SetClock
from tests.end_to_end.postgres import needs_postgresql, running_postgres

pytestmark = [pytest.mark.end_to_end, needs_postgresql]
STATIONS = [f"CS-{number:02}" for number in range(20)]


@pytest.fixture(scope="module")
def fleet() -> Iterator[FleetRoom]:
    with running_postgres() as server:
        store = Store(server.new_database("campaigns").replace("postgresql://", "postgresql+psycopg://"))
        SQLModel.metadata.create_all(store.engine)
        yield FleetRoom(Room(store, SetClock()))
        store.close()


def test_two_processes_at_the_same_time_begin_everybody_once(fleet: FleetRoom) -> None:
    fleet.campaigns.sites.put([NewSite("Mall", "Europe/Berlin", "daily 00:00-24:00", 50)], ANNA)
    fleet.add(*STATIONS, site="Mall", tags=("north",))
    fleet.add("CS-99", profile=MUTUAL)
    seen = fleet.campaigns.preview(NewCampaign("x", WALK_TO_3, EVERYTHING, QUICK))
    assert (seen.taken, seen.excluded) == (20, {"it is there already": 1})
    campaign = fleet.begin(selection=Selection(tag="north"))
    processes = [fleet.campaigns, fleet.process()]
    with ThreadPoolExecutor(2) as threads:
        for _ in range(20):
            fleet.clock.advance(minutes=1)
            list(threads.map(lambda process: process.round(), processes))
            running = fleet.in_state(campaign, TargetState.RUNNING)
            assert len(running) <= 10  # half of the site
            for station in running:
                fleet.walk_ends(station)
    assert fleet.campaigns.campaign(campaign).campaign.state is CampaignState.DONE
    assert set(fleet.stands(campaign).values()) == {TargetState.DONE}
    assert sorted(station for station, _ in fleet.walks()) == STATIONS


def test_renewals_are_given_up_and_aborted_all_the_same(fleet: FleetRoom) -> None:
    goal, one = Goal(Kind.RENEWAL), Selection(stations=("CS-99",))
    first = fleet.begin(goal, replace(QUICK, until=days(1)), one)
    fleet.round()
    assert fleet.stands(first) == {"CS-99": TargetState.RUNNING}
    assert fleet.campaigns.plan(first) == []
    fleet.campaigns.abort(first, AbortMode.CANCEL, "wrong", ANNA)
    fleet.round()
    assert fleet.stands(first) == {"CS-99": TargetState.CANCELLED}
    fleet.round()
    second = fleet.begin(goal, replace(QUICK, until=days(1)), one)
    fleet.room.sightings.disconnected("CS-99", fleet.clock())
    fleet.round(days=2)
    assert fleet.campaigns.campaign(second).campaign.state in (CampaignState.DONE, CampaignState.RUNNING)
