"""What each kind asks of stations, whom it leaves out, and what counts as done."""

from dataclasses import replace

import pytest
from sqlmodel import Session, select

from csms_bridge.campaigns.door import Campaigns, NewCampaign
from csms_bridge.campaigns.kinds import every_kind
from csms_bridge.campaigns.words import AbortMode, Goal, Kind, TargetState
from csms_bridge.commands import Answer, Outcome
from csms_bridge.errors import CampaignRefused, UnknownRoot
from csms_bridge.password_rotations import PasswordRotations
from csms_bridge.renewals import Renewals
from csms_bridge.station import SecurityProfile
from csms_bridge.tables import CommandRow, StationRow
from tests.csms_bridge.campaigns.fleet_room import ANNA, EVERYTHING, MUTUAL, QUICK, FleetRoom
from tests.csms_bridge.room import SigningRoom

pytestmark = pytest.mark.both_databases

PENDING, RUNNING, AWAY, DONE, FAILED, HELD, LATE, ABSENT, EXCLUDED, CANCELLED = TargetState
CALM = replace(QUICK, errors=100, success=0)


@pytest.fixture
def fleet(signing_room: SigningRoom) -> FleetRoom:
    """With every kind over a real authority."""
    room = signing_room
    made = FleetRoom(room)
    renewals = Renewals(room.store, room.trail, room.orders, room.clock)
    made.rotations = PasswordRotations(room.store, room.trail, room.orders, room.clock)  # type: ignore[attr-defined]
    kinds = every_kind(
        room.ledger, lambda _model: {}, renewals, made.rotations, room.roots, room.orders, room.trail, room.clock  # type: ignore[attr-defined]
    )  # fmt: skip
    made.campaigns = Campaigns(room.store, room.trail, room.authority.alarms, kinds, room.clock)
    return made


def commands(session: Session) -> list[tuple[str, str, str]]:
    return [(row.station, row.action, row.state) for row in session.exec(select(CommandRow))]


def came_with(fleet: FleetRoom, station: str, certificate: str) -> None:
    """It was seen with a certificate that was made just now."""
    with fleet.room.store.writing() as session:
        row = session.get(StationRow, station)
        assert row is not None
        row.certificate_serial, row.newest_used = certificate, fleet.clock()
        session.add(row)


def test_a_renewal_is_done_when_the_station_came_with_the_new_one(fleet: FleetRoom) -> None:
    fleet.add("CS-1", "CS-2", profile=MUTUAL)
    fleet.add("CS-3")
    campaign = fleet.begin(Goal(Kind.RENEWAL), CALM)
    assert fleet.targets(campaign)[2].reason == "it is not on profile 3 and presents no certificate"
    fleet.round()
    with fleet.room.store.reading() as session:
        assert commands(session) == [(name, "ExtendedTriggerMessage", "waiting") for name in ("CS-1", "CS-2")]
    fleet.clock.advance(minutes=1)
    came_with(fleet, "CS-1", "cd34")
    (order, *_) = fleet.room.orders.claim({"CS-2"})
    fleet.room.orders.finish(order, {"status": "Rejected"})
    fleet.round()
    assert fleet.stands(campaign) == {"CS-1": DONE, "CS-2": FAILED, "CS-3": EXCLUDED}
    assert fleet.targets(campaign)[1].reason == "the station answered Rejected"


def test_what_is_younger_than_the_campaign_is_not_renewed_again(fleet: FleetRoom) -> None:
    fleet.add("CS-1", "CS-2", "CS-3", profile=MUTUAL)
    campaign = fleet.begin(Goal(Kind.RENEWAL), CALM)
    fleet.clock.advance(minutes=1)
    came_with(fleet, "CS-1", "cd34")
    fleet.round()
    assert fleet.stands(campaign)["CS-1"] is DONE
    with fleet.room.store.reading() as session:
        assert {name for name, _, _ in commands(session)} == {"CS-2", "CS-3"}


def test_an_abort_withdraws_what_was_not_sent(fleet: FleetRoom) -> None:
    fleet.add("CS-1", profile=MUTUAL)
    campaign = fleet.begin(Goal(Kind.RENEWAL), CALM)
    fleet.round()
    fleet.campaigns.abort(campaign, AbortMode.CANCEL, "not today", ANNA)
    fleet.round()
    assert fleet.stands(campaign) == {"CS-1": CANCELLED}
    with fleet.room.store.reading() as session:
        assert commands(session) == [("CS-1", "ExtendedTriggerMessage", "failed")]


def test_a_password_is_done_when_the_station_took_it(fleet: FleetRoom) -> None:
    fleet.add("CS-1", "CS-2")
    fleet.add("CS-3", profile=SecurityProfile.NONE)
    campaign = fleet.begin(Goal(Kind.PASSWORD), CALM)
    fleet.round()
    assert fleet.stands(campaign) == {"CS-1": RUNNING, "CS-2": RUNNING, "CS-3": EXCLUDED}
    for order, outcome in zip(
        fleet.room.orders.claim({"CS-1", "CS-2"}), (Outcome.ACCEPTED, Outcome.FAILED), strict=True
    ):
        fleet.rotations.answered(order, Answer(outcome, "it says"))  # type: ignore[attr-defined]
    fleet.round()
    assert fleet.stands(campaign) == {"CS-1": DONE, "CS-2": FAILED, "CS-3": EXCLUDED}


def test_a_root_is_installed_and_its_answer_counts(fleet: FleetRoom) -> None:
    fleet.add("CS-1", "CS-2", profile=SecurityProfile.TLS_BASIC)
    campaign = fleet.begin(Goal(Kind.INSTALL_ROOT, root="root"), CALM)
    fleet.round()
    for order, status in zip(fleet.room.orders.claim({"CS-1", "CS-2"}), ("Accepted", "Rejected"), strict=True):
        assert order.action == "InstallCertificate"
        fleet.room.orders.finish(order, {"status": status})
    fleet.round()
    assert fleet.stands(campaign) == {"CS-1": DONE, "CS-2": FAILED}


def test_who_has_not_listed_its_roots_loses_none(fleet: FleetRoom) -> None:
    fleet.add("CS-1", profile=SecurityProfile.TLS_BASIC)
    seen = fleet.campaigns.preview(NewCampaign("x", Goal(Kind.REMOVE_ROOT, root="root"), EVERYTHING, CALM))
    assert seen.excluded == {"it has not listed its certificates": 1}


def test_a_root_that_nobody_knows_is_refused(fleet: FleetRoom) -> None:
    fleet.add("CS-1")
    with pytest.raises(UnknownRoot):
        fleet.make(Goal(Kind.INSTALL_ROOT, root="somebody's"))
    with pytest.raises(CampaignRefused, match="name the root"):
        fleet.make(Goal(Kind.REMOVE_ROOT))
