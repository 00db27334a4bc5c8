"""Where renewals stand, counted and listed by the database; plans that follow what stations present."""

from datetime import timedelta

import pytest
from sqlalchemy import event
from sqlmodel import func, select

from csms_bridge.renewal.habit import REPEATS, WAITS
from csms_bridge.renewal.rows import CertificateAllowanceRow, RenewalPlanRow
from csms_bridge.renewal.states import DueState
from csms_bridge.renewals import Renewals
from csms_bridge.tables import CertificateAskRow, StationRow
from pki.alarms import AlarmKind, Alarms
from pki.tables import CertificateRow, RevokedRow
from tests.csms_bridge.renewal.fleet import LIFE, answer, certify, crowd, desk, join, leave, settled

DAY = timedelta(days=1)


def old(room, days=66):
    return room.clock.now - days * DAY


@pytest.fixture
def watched(room):
    """It looks and counts, and asks nobody."""
    return desk(room, on=False)


def counted(desk):
    desk.round()
    return {state: number for state, number in desk.overview().counts.items() if number}


def test_each_station_stands_in_one_place(room, watched):
    join(room, "CS-0", old(room, 1))
    join(room, "CS-1", old(room, 66))
    join(room, "CS-2", old(room, 66))
    leave(room, "CS-2")
    join(room, "CS-3", old(room, 80))
    join(room, "CS-4", old(room, 91))
    join(room, "CS-5", old(room, 66))
    Renewals(room.store, room.trail, room.orders, room.clock).ask(["CS-5", "CS-0"], "user:anna")
    room.add("CS-6")
    assert counted(watched) == {
        DueState.DUE: 1, DueState.ASLEEP: 1, DueState.LATE: 1, DueState.ENDED: 1, DueState.UNDER_WAY: 2,
    }  # fmt: skip
    pages = {state: [one.station for one in watched.states.page(state, None, 10)] for state in DueState}
    assert pages[DueState.UNDER_WAY] == ["CS-5", "CS-0"]
    assert pages[DueState.ASLEEP] == ["CS-2"]
    assert pages[DueState.LATER] == []
    everything = [one.station for one in watched.states.page(None, None, 10)]
    assert everything == ["CS-4", "CS-3", "CS-1", "CS-2", "CS-5", "CS-0"], "who ends first stands first"
    assert [one.station for one in watched.states.page(None, "CS-1", 2)] == ["CS-2", "CS-5"]


def test_one_that_failed_is_told_with_its_reason_and_counted_by_it(room):
    here = settled(desk(room), room)
    for station in ("CS-1", "CS-2"):
        join(room, station, old(room))
    here.round()
    answer(room, "Rejected")
    here.round()
    assert here.overview().reasons == (("the station answered Rejected", 2),)
    found = here.states.station("CS-1")
    assert (found.state, found.tries, found.reason) == (DueState.FAILED, 1, "the station answered Rejected")
    assert found.next_at == pytest.approx(room.clock.now + DAY, abs=timedelta(minutes=1))


def test_one_that_said_accepted_and_sent_nothing_has_failed_after_an_hour(room):
    here = settled(desk(room), room)
    join(room, "CS-1", old(room))
    here.round()
    answer(room, "Accepted")
    here.round()
    assert here.states.station("CS-1").state is DueState.UNDER_WAY
    room.clock.advance(minutes=61)
    here.round()
    assert here.states.station("CS-1").reason == "the station said Accepted and sent no request"


def test_one_whose_requests_are_paused_is_counted_so_and_not_asked(room):
    here = settled(desk(room), room)
    join(room, "CS-1", old(room))
    now = room.clock.now
    with room.store.writing() as session:
        session.add(
            CertificateAllowanceRow(
                station="CS-1", tokens=0, refusals=0, at=now, since=now, standing="paused", alarmed=True
            )
        )
    assert here.round() == 0
    assert counted(here) == {DueState.PAUSED: 1}


def test_what_comes_due_is_forecast_by_week(room, watched):
    for days in (70, 66, 57, 50, 1):
        join(room, f"CS-{days}", old(room, days))
    watched.round()
    weeks = watched.overview().weeks
    assert [week.stations for week in weeks[:4]] == [3, 1, 0, 0]
    assert (weeks[0].name, sum(week.stations for week in weeks)) == ("2026-W10", 5)


def test_it_says_how_long_those_who_wait_take_at_the_pace_that_is_set(room):
    crowd(room, 25, old(room))
    here = desk(room, per_minute=10, on=False)
    here.round()
    assert here.overview().takes == timedelta(minutes=3)


def test_a_plan_goes_by_what_the_station_presents(room, watched):
    """A certificate that was issued and is never used must not make the one in use be forgotten."""
    first = join(room, "CS-1", old(room, 30))
    certify(room, "CS-1", used=False)
    watched.round()
    assert watched.states.station("CS-1").serial == first
    second = certify(room, "CS-1")
    watched.round()
    assert watched.states.station("CS-1").serial == second


def test_a_station_that_presents_none_of_ours_or_a_revoked_one_has_no_plan(room, watched):
    serial = join(room, "CS-1", old(room))
    join(room, "CS-2", old(room))
    watched.round()
    with room.store.writing() as session:
        one = session.exec(select(CertificateRow).where(CertificateRow.serial == serial)).one()
        session.add(
            RevokedRow(
                serial=serial, authority="stations", shard=0, not_after=one.not_after, revoked_at=room.clock.now,
                recorded_at=room.clock.now, reason="keyCompromise", note="", by="x",
            )
        )  # fmt: skip
        session.get(StationRow, "CS-2").certificate_serial = "abcd"
        session.get(StationRow, "CS-2").updated_at = room.clock.now
    for _ in range(3):  # the whole register is gone through again and again
        watched.round()
    assert counted(watched) == {}


def test_a_fleet_is_counted_and_listed_without_loading_it(room, watched):
    """1,000 stations: the same statements as for one, and no more rows than are shown."""
    crowd(room, 1000, old(room))
    watched.round()
    rows = []
    event.listen(room.store.engine, "after_cursor_execute", lambda *_: rows.append(1))
    watched.overview()
    assert watched.states.page(DueState.DUE, None, 50)[-1].state is DueState.DUE
    assert len(rows) < 40
    with room.store.reading() as session:
        assert session.exec(select(func.count()).select_from(RenewalPlanRow)).one() == 1000


# --- certificates that are never used


def took(room, station, serial):
    """The station said Accepted to this one."""
    now = room.clock.now
    with room.store.writing() as session:
        row = CertificateAskRow(station=station, csr="x", state="taken", serial=serial, asked_at=now, updated_at=now)
        session.add(row)


def unused_alarms(room):
    alarms = Alarms(room.store, room.trail, room.clock)
    return [(one.thing, one.times, one.sentence) for one in alarms.open_of(AlarmKind.CERTIFICATE_UNUSED)]


def test_a_renewed_certificate_that_is_never_used_is_told_until_it_is(room, watched):
    """Accepted is no proof (reference, station-quirks 5)."""
    first = join(room, "CS-1", old(room))
    room.clock.advance(minutes=1)
    second = certify(room, "CS-1", used=False)
    took(room, "CS-1", second)
    watched.round()
    room.clock.advance(hours=23)
    room.connect("CS-1", 3, certificate=first)
    watched.round()
    assert unused_alarms(room) == []
    room.clock.advance(hours=2)
    watched.round()
    watched.round()
    ((thing, times, sentence),) = unused_alarms(room)
    assert (thing, times) == ("CS-1", 1)
    assert f"took certificate {second} and connects with {first}" in sentence
    assert "works until 2026-03-26; after it only the recovery lane" in sentence
    assert (watched.states.station("CS-1").state, watched.states.station("CS-1").unused) == (DueState.UNUSED, second)
    room.connect("CS-1", 3, certificate=second)
    watched.round()
    assert unused_alarms(room) == []


def test_one_that_ends_earlier_than_the_old_one_is_told_as_the_likely_cause(room, watched):
    """EVerest uses the one that ends last (reference, station-everest)."""
    first = join(room, "CS-1", old(room, 20))
    took(room, "CS-1", certify(room, "CS-1", life=LIFE / 3, used=False))
    room.clock.advance(days=2)
    room.connect("CS-1", 3, certificate=first)
    watched.round()
    assert "the new one ends earlier" in unused_alarms(room)[0][2]


def test_one_that_is_away_or_turned_it_down_is_not_told_so(room, watched):
    join(room, "CS-1", old(room))
    leave(room, "CS-1")
    room.clock.advance(minutes=1)
    took(room, "CS-1", certify(room, "CS-1", used=False))
    join(room, "CS-2", old(room))
    certify(room, "CS-2", used=False)
    room.clock.advance(days=3)
    watched.round()
    assert unused_alarms(room) == []


def test_the_old_one_is_asked_for_again_all_the_same(room):
    here = settled(desk(room), room)
    join(room, "CS-1", old(room))
    took(room, "CS-1", certify(room, "CS-1", old(room, 2), used=False))
    room.clock.advance(days=2)
    assert here.round() == 1


def test_how_a_station_repeats_is_told_with_what_is_wrong(room):
    here = desk(room, told=lambda stations: {one: {WAITS[0]: "30", REPEATS[0]: "2"} for one in stations})
    found = here.habit("CS-1")
    assert ([one.seconds for one in found.repeats_after], found.gives_up_after.seconds) == ([30, 90], 210)
    assert found.worries == ()
    room.add("CS-9")
    now = room.clock.now
    with room.store.writing() as session:
        session.add(CertificateAskRow(station="CS-9", csr="x", state="asked", asked_at=now, updated_at=now))
    room.clock.advance(minutes=5)
    assert "gives up after 4 min, and requests wait 5 min" in here.habit("CS-1").worries[0]
