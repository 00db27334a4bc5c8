"""Stations are asked to renew by themselves: who, when, in which order, and how many at a time."""

import threading
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from csms_bridge.acts import FleetAct
from csms_bridge.campaigns.rows import CampaignRow, CampaignTargetRow
from csms_bridge.campaigns.sites import NewSite, Sites
from csms_bridge.errors import RenewalsNotNow
from csms_bridge.renewal.habit import REPEATS, WAITS
from csms_bridge.renewal.rows import RenewalPaceRow
from csms_bridge.renewals import Renewals, RenewalState
from csms_bridge.tables import CertificateAskRow, CommandRow, RenewalAskRow, StationRow
from pki.alarms import AlarmKind, Alarms
from pki.keys import KeyAlgorithm, generate_key
from tests.csms_bridge.renewal.fleet import answer, asked, certify, crowd, desk, join, leave, request, settled
from tests.pki.requests import pem_request

DAY = timedelta(days=1)


def old(room, days=66):
    """So many days ago."""
    return room.clock.now - days * DAY


@pytest.mark.both_databases
def test_a_station_is_asked_when_two_thirds_of_the_life_are_over_and_once(room):
    join(room, "CS-1")
    room.clock.advance(days=58)
    here = settled(desk(room), room)
    assert asked(room) == []
    room.clock.advance(days=6)
    assert (here.round(), asked(room)) == (1, ["CS-1"])
    assert here.round() == 0, "it is being asked"
    assert room.records()[-1].by == "renewal"


def test_the_pace_holds_for_all_together_and_the_rest_comes_later(room):
    here = settled(desk(room, per_minute=2), room)
    for station in ("CS-1", "CS-2", "CS-3"):
        join(room, station, old(room))
    assert here.round() == 2
    assert desk(room, per_minute=2).round() == 0, "another node, the same pace"
    room.clock.advance(minutes=1)
    assert here.round() == 1
    assert sorted(asked(room)) == ["CS-1", "CS-2", "CS-3"]


def test_what_is_on_its_way_leaves_no_room_for_more(room):
    here = settled(desk(room, in_flight=1), room)
    for station in ("CS-1", "CS-2"):
        join(room, station, old(room))
    assert here.round() == 1
    room.clock.advance(minutes=2)
    assert here.round() == 0
    room.clock.advance(minutes=9)
    assert here.round() == 1, "the first came to nothing"


@pytest.mark.both_databases
def test_who_ends_first_is_asked_first(room):
    here = settled(desk(room, in_flight=1), room)
    for station, days in (("CS-1", 66), ("CS-2", 80), ("CS-3", 70)):
        join(room, station, old(room, days))
    for _ in range(3):
        here.round()
        room.clock.advance(minutes=11)
    assert asked(room)[:3] == ["CS-2", "CS-3", "CS-1"]


def test_a_station_that_charges_is_asked_afterwards_and_a_quiet_one_like_any_other(room):
    here = settled(desk(room), room)
    join(room, "CS-1", old(room), quiet=True)
    room.began("CS-1", "t1")
    assert here.round() == 0
    room.ended("CS-1", "t1")
    assert here.round() == 1


def test_a_station_that_is_away_is_asked_when_it_is_back(room):
    """A fleet that comes back at once is asked at the set pace, since nothing was queued for each."""
    here = settled(desk(room), room)
    join(room, "CS-1", old(room))
    leave(room, "CS-1")
    assert here.round() == 0
    certify(room, "CS-1", old(room))
    assert here.round() == 1


@pytest.mark.both_databases
def test_one_that_is_late_is_queued_although_it_is_away(room):
    """It may be there for seconds only."""
    here = settled(desk(room), room)
    join(room, "CS-1", old(room, 76))
    leave(room, "CS-1")
    assert here.round() == 1
    assert room.orders.claim({"CS-1"}) == []
    room.orders.wake("CS-1")
    assert [order.station for order in room.orders.claim({"CS-1"})] == ["CS-1"]


def closed_now(room):
    """A window that is open at another hour of the day."""
    hour = (room.clock.now.hour + 6) % 24
    return f"daily {hour:02}:00-{hour:02}:30"


def test_a_site_is_left_alone_outside_its_windows_unless_it_is_late(room):
    here = settled(desk(room), room)
    Sites(room.store, room.trail, room.clock).put([NewSite("Harbour", windows=closed_now(room))], "user:anna")
    join(room, "CS-1", old(room, 66), site="Harbour")
    join(room, "CS-2", old(room, 76), site="Harbour")
    join(room, "CS-3", old(room, 66))
    here.round()
    assert sorted(asked(room)) == ["CS-2", "CS-3"]


@pytest.mark.both_databases
def test_no_more_of_a_site_at_a_time_than_its_share(room):
    here = settled(desk(room), room)
    Sites(room.store, room.trail, room.clock).put([NewSite("Harbour", max_share=50)], "user:anna")
    for number in range(4):
        join(room, f"CS-{number}", old(room), site="Harbour")
    assert here.round() == 2
    room.clock.advance(minutes=2)
    assert here.round() == 0, "two of four are at work"


def test_a_site_that_is_full_keeps_no_other_waiting(room):
    """Although its stations end first."""
    here = settled(desk(room, in_flight=20), room)
    Sites(room.store, room.trail, room.clock).put([NewSite("Harbour", max_share=1)], "user:anna")
    for number in range(6):
        join(room, f"CS-{number}", old(room, 70), site="Harbour")
    join(room, "CS-7", old(room, 66))
    assert here.round() == 2
    assert sorted(asked(room)) == ["CS-0", "CS-7"]


@pytest.mark.parametrize(("wait", "repeats", "minutes"), [("60", "3", 15), ("10", "2", 2)])
def test_a_station_that_repeats_its_request_by_itself_is_not_asked_meanwhile(signing_room, wait, repeats, minutes):
    """A02.FR.17-19: a trigger would be refused (reference, station-everest)."""
    room = signing_room
    told = lambda stations: {one: {WAITS[0]: wait, REPEATS[0]: repeats} for one in stations}  # noqa: E731
    here = settled(desk(room, told=told), room)
    join(room, "CS-1", old(room))
    request(room, "CS-1")
    assert here.round() == 0
    room.clock.advance(minutes=minutes + 1)
    assert here.round() == 1


@pytest.mark.both_databases
def test_a_station_in_a_campaign_is_left_to_it(room):
    here = settled(desk(room), room)
    join(room, "CS-1", old(room))
    now = room.clock.now
    texts = {"goal": "{}", "selection": "{}", "pace": "{}", "created_by": "x", "kind": "renewal"}
    with room.store.writing() as session:
        session.add(CampaignRow(id="c1", name="c", state="running", created_at=now, updated_at=now, **texts))
        session.flush()
        target = {"work": "", "outcome": "", "reason": "", "tries": 0, "due_at": now, "updated_at": now}
        session.add(CampaignTargetRow(campaign="c1", station="CS-1", state="pending", **target))
    assert here.round() == 0


def test_a_station_that_cannot_be_asked_is_told_why_and_stands_in_nobodys_way(room):
    here = settled(desk(room, in_flight=1), room)
    join(room, "CS-1", old(room, 80))
    join(room, "CS-2", old(room, 70))
    with room.store.writing() as session:
        session.get(StationRow, "CS-1").profile = 2
    assert here.round() == 0
    room.clock.advance(seconds=10)
    assert (here.round(), asked(room)) == (1, ["CS-2"])
    why = "it is on security profile 2 and presents no certificate: walk it to profile 3"
    assert here.states.station("CS-1").reason == why
    assert here.overview().reasons == ((why, 1),)


# --- as the authority and the stations bear it


def measure(room):
    with room.store.reading() as session:
        row = session.get(RenewalPaceRow, "fleet")
        return row.in_flight, row.why


def test_after_a_start_a_few_are_asked_and_then_more(room):
    crowd(room, 60, old(room))
    room.clock.advance(minutes=1)
    here, found = desk(room, per_minute=1000, in_flight=50), []
    for _ in range(4):
        found.append(here.round())
        room.clock.advance(seconds=10)
    assert found == [5, 5, 5, 5]


def test_nobody_is_asked_while_requests_wait_for_a_signer_that_is_away(room):
    here = settled(desk(room), room)
    join(room, "CS-1", old(room))
    alarms = Alarms(room.store, room.trail, room.clock)
    alarms.sound(AlarmKind.CERTIFICATES_WAITING, "stations", "they wait")
    room.clock.advance(seconds=10)
    assert (here.round(), measure(room)) == (0, (0, "the authority's signer is away"))
    alarms.settle(AlarmKind.CERTIFICATES_WAITING, "stations")
    room.clock.advance(seconds=10)
    assert here.round() == 1


def test_fewer_are_asked_while_the_authority_is_slow(signing_room):
    room = signing_room
    here = settled(desk(room, in_flight=40), room)
    join(room, "CS-1")
    request(room, "CS-1")
    room.clock.advance(seconds=30)
    here.round()
    assert measure(room) == (20, "a certificate request has waited 30 s for the authority")


def test_nobody_is_asked_while_a_fleet_comes_back(room):
    here = settled(desk(room), room)
    crowd(room, 200, old(room))
    assert (here.round(), measure(room)) == (0, (0, "many stations are coming back"))
    room.clock.advance(seconds=11)
    assert here.round() > 0


def test_when_most_fail_one_is_asked_at_a_time_and_a_person_is_told(room):
    here = settled(desk(room, per_minute=100, in_flight=30), room)
    crowd(room, 60, old(room))
    room.clock.advance(seconds=11)
    here.round()
    answer(room, "Rejected")
    here.round()
    room.clock.advance(seconds=11)
    assert here.round() <= 1
    assert "failed: one at a time" in measure(room)[1]
    alarms = Alarms(room.store, room.trail, room.clock)
    assert [one.thing for one in alarms.open_of(AlarmKind.RENEWALS_FAILING)] == ["stations"]
    room.clock.advance(hours=2)
    here.round()
    assert alarms.open_of(AlarmKind.RENEWALS_FAILING) == []


# --- stopped by people


def test_renewals_are_paused_and_resumed_by_people_with_a_reason(room):
    here = settled(desk(room), room)
    join(room, "CS-1", old(room))
    found = here.pause("user:anna", "a bad firmware is about")
    assert (found.paused_by, found.paused_reason) == ("user:anna", "a bad firmware is about")
    assert (here.round(), desk(room).round()) == (0, 0)
    with pytest.raises(RenewalsNotNow):
        here.pause("user:anna", "again")
    assert here.resume("user:bert", "it is mended").paused_by == ""
    with pytest.raises(RenewalsNotNow):
        here.resume("user:bert", "again")
    assert here.round() == 1
    with room.store.reading() as session:
        records = room.trail.records(session, kind="fleet", thing="renewals", limit=9)
    assert [(one.act, one.by) for one in records] == [
        (FleetAct.RENEWALS_PAUSED, "user:anna"),
        (FleetAct.RENEWALS_RESUMED, "user:bert"),
    ]


def test_turned_off_nobody_is_asked_and_all_the_rest_is_kept_up(room):
    join(room, "CS-1", old(room))
    here = settled(desk(room, on=False), room)
    assert (asked(room), here.overview().pace.on) == ([], False)
    assert here.states.station("CS-1").serial


# --- whatever the clock does, and whoever asks


def open_asks(room):
    with room.store.reading() as session:
        return {row.station: row for row in session.exec(select(RenewalAskRow))}


steps = st.lists(
    st.tuples(
        st.sampled_from(["round", "other", "ask", "answer", "refuse", "renew", "leave", "back"]),
        st.integers(-3 * 86_400, 3 * 86_400),
    ),
    max_size=12,
)


@pytest.mark.slow
@given(steps)
@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_station_is_asked_twice_at_once_whatever_clocks_and_nodes_do(empty_room, steps):
    """Forward, back, two nodes and a person in between: one command is open at a time for each station."""
    room = empty_room()
    names = ("CS-1", "CS-2", "CS-3")
    for station in names:
        join(room, station, old(room))
    nodes = desk(room, 100, 100), desk(room, 100, 100)
    people = Renewals(room.store, room.trail, room.orders, room.clock)
    for act, seconds in steps:
        room.clock.advance(seconds=seconds)
        match act:
            case "round" | "other":
                nodes[act == "other"].round()
            case "ask":
                people.ask(["CS-2"], "user:anna")
            case "answer" | "refuse":
                answer(room, "Accepted" if act == "answer" else "Rejected")
            case "renew":
                certify(room, "CS-1")
            case "leave":
                leave(room, "CS-3")
            case "back":
                certify(room, "CS-3", old(room))
        assert_one_open_each(room)
    assert_still_working(room, nodes[0])


def assert_one_open_each(room):
    with room.store.reading() as session:
        rows = session.exec(select(CommandRow).where(CommandRow.state.in_(("waiting", "queued")))).all()
    stations = [row.station for row in rows]
    assert len(stations) == len(set(stations)), stations


def assert_still_working(room, node):
    """Wherever the clock has been, a station that is due is asked within the longest pause."""
    room.clock.advance(days=1)
    serial = certify(room, "CS-2", old(room))
    for _ in range(10):
        room.clock.advance(days=1)
        node.round()
        room.clock.advance(seconds=10)
        node.round()
    assert open_asks(room)["CS-2"].asked_at >= room.clock.now - 10 * DAY, serial


def test_two_nodes_at_the_same_moment_ask_each_station_once(room):
    settled(desk(room), room)
    crowd(room, 8, old(room))
    threads = [threading.Thread(target=desk(room).round) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(asked(room)) == [f"CS-{number}" for number in range(8)]


@pytest.mark.both_databases
def test_a_station_that_answered_and_is_renewed_is_asked_no_more(signing_room):
    room = signing_room
    here = settled(desk(room), room)
    join(room, "CS-1", old(room))
    here.round()
    answer(room)
    csr = pem_request(generate_key(KeyAlgorithm.EC_P256), "SN-1")
    assert csr
    request(room, "CS-1")
    (made,) = room.enrolment.sign_waiting("CS-1")
    room.enrolment.taken(made)
    room.clock.advance(seconds=5)
    with room.store.writing() as session:
        session.get(StationRow, "CS-1").newest_used = room.clock.now
    room.connect("CS-1", 3, certificate=made.serial)
    for _ in range(20):
        room.clock.advance(days=1)
        here.round()
    assert asked(room) == ["CS-1"]
    with room.store.reading() as session:
        assert session.get(RenewalAskRow, "CS-1").state == RenewalState.RENEWED
        assert len(session.exec(select(CertificateAskRow)).all()) == 1
