"""Stations that hammer SignCertificate: what it costs, who is told, and how it ends."""

from datetime import timedelta

import pytest
from sqlmodel import func, select

from csms_bridge.acts import FleetAct
from csms_bridge.certificate_asks import Ask
from csms_bridge.enrolment import Enrolment
from csms_bridge.errors import StationRefused, UnknownStation
from csms_bridge.events import CertificateAsked
from csms_bridge.renewal.allowance import MANY_KEYS, Limits, Standing
from csms_bridge.renewal.allowances import Allowances
from csms_bridge.renewal.rows import CertificateAllowanceRow
from csms_bridge.renewals import Renewals, RenewalState
from csms_bridge.station import SecurityProfile
from csms_bridge.tables import CertificateAskRow
from pki.alarms import AlarmKind
from pki.keys import KeyAlgorithm, generate_key
from pki.tables import AlarmRow, AuditRow, CertificateRow
from tests.pki.requests import pem_request

TLS, MUTUAL = SecurityProfile.TLS_BASIC, SecurityProfile.MUTUAL_TLS
LIMITS = Limits(per_hour=3, quiet=timedelta(hours=1))
KEYS = [pem_request(generate_key(KeyAlgorithm.EC_P256), "SN-1") for _ in range(MANY_KEYS + 2)]


@pytest.fixture
def room(signing_room):
    signing_room.add("CS-1", "SN-1", TLS)
    return signing_room


def allowances_of(room):
    return Allowances(room.store, room.trail, room.authority.alarms, room.clock, LIMITS)


@pytest.fixture
def allowances(room):
    return allowances_of(room)


@pytest.fixture
def enrolment(room, allowances):
    return Enrolment(room.store, room.trail, room.authority, room.clock, allowances=allowances)


def ask(enrolment, csr=KEYS[0], station="CS-1"):
    return enrolment.ask(station, CertificateAsked(csr), TLS).accepted


def hammer(room, enrolment, times, csrs=KEYS):
    answers = []
    for number in range(times):
        answers.append(ask(enrolment, csrs[number % len(csrs)]))
        enrolment.sign_waiting("CS-1")
        room.clock.advance(seconds=1)
    return answers


def alarms(room, kind=AlarmKind.CERTIFICATE_REQUESTS):
    return [(one.thing, one.times) for one in room.authority.alarms.open_of(kind)]


def count(room, table):
    with room.store.reading() as session:
        return session.exec(select(func.count()).select_from(table)).one()


TABLES = (CertificateRow, CertificateAskRow, CertificateAllowanceRow, AlarmRow, AuditRow)


def sizes(room):
    return {table.__tablename__: count(room, table) for table in TABLES}


def test_a_station_that_hammers_is_slowed_and_then_paused_with_an_alarm(room, enrolment, allowances):
    assert hammer(room, enrolment, 4) == [True] * 3 + [False]
    assert (allowances.of("CS-1").standing, alarms(room)) == (Standing.SLOWED, [])
    assert not any(hammer(room, enrolment, 2))
    assert (allowances.of("CS-1").standing, alarms(room)) == (Standing.PAUSED, [("CS-1", 1)])
    slowed, paused = FleetAct.REQUESTS_SLOWED, FleetAct.REQUESTS_PAUSED
    assert [act for act in room.acts() if act in (slowed, paused)] == [slowed, paused]


def test_hammering_costs_so_much_and_then_nothing(room, enrolment):
    """Ten times as many requests: not one certificate, row, alarm or record more."""
    hammer(room, enrolment, 20)
    after = sizes(room)
    assert not any(hammer(room, enrolment, 200))
    assert sizes(room) == after
    assert (after["certificates"] - _OURS(room), after["certificate_asks"]) == (3, 3)
    assert after["certificate_allowances"] == 1


def _OURS(room):  # noqa: N802 -- a number that the room was born with
    with room.store.reading() as session:
        return session.exec(select(func.count()).where(CertificateRow.station.is_(None))).one()


def test_a_day_of_hammering_is_bounded_and_writes_a_few_times_in_an_hour(room, enrolment):
    hammer(room, enrolment, 10)
    before, writes = sizes(room), set()
    for _ in range(24 * 60):
        ask(enrolment)
        room.clock.advance(minutes=1)
        with room.store.reading() as session:
            writes.add(session.get(CertificateAllowanceRow, "CS-1").at)
    assert sizes(room) == before
    assert len(writes) <= 24 * 12


def test_the_same_request_while_it_waits_costs_nothing(room, enrolment):
    """A02.FR.17: it repeats what it asked for."""
    assert all(ask(enrolment) for _ in range(50))
    assert count(room, CertificateAskRow) == 1


def test_a_paused_station_is_not_even_read(room, enrolment, monkeypatch):
    hammer(room, enrolment, 10)
    monkeypatch.setattr(room.authority, "read_request", lambda _: pytest.fail("it was read"))
    assert not ask(enrolment)
    receipt = enrolment.ask("CS-1", CertificateAsked("rubbish"), TLS)
    assert "paused" in receipt.reason


def test_others_are_served_in_the_same_lot(room, enrolment):
    room.add("CS-2", "SN-2", TLS)
    hammer(room, enrolment, 10)
    other = pem_request(generate_key(KeyAlgorithm.EC_P256), "SN-2")
    asks = [Ask("CS-1", CertificateAsked(KEYS[0]), TLS), Ask("CS-2", CertificateAsked(other), TLS)]
    asks.append(Ask("CS-9", CertificateAsked(other), TLS))
    assert [one.accepted for one in enrolment.ask_each(asks)] == [False, True, False]


def test_a_restart_changes_nothing(room, enrolment):
    hammer(room, enrolment, 4)
    again = Enrolment(room.store, room.trail, room.authority, room.clock, allowances=allowances_of(room))
    assert hammer(room, again, 2) == [False] * 2
    assert alarms(room) == [("CS-1", 1)]


def test_a_quiet_time_ends_the_pause_and_its_alarm(room, enrolment, allowances):
    hammer(room, enrolment, 10)
    room.clock.advance(minutes=59)
    assert allowances.round() == 0
    room.clock.advance(minutes=2)
    assert allowances.round() == 1
    assert (alarms(room), room.acts()[-1]) == ([], FleetAct.REQUESTS_RELEASED)
    assert ask(enrolment)


def test_one_that_asks_after_a_quiet_time_is_listened_to_though_no_round_came(room, enrolment, allowances):
    hammer(room, enrolment, 10)
    room.clock.advance(minutes=61)
    assert ask(enrolment)
    assert (allowances.of("CS-1").standing, alarms(room)) == (Standing.FREE, [])


def test_one_that_goes_on_asking_is_not_released(room, enrolment, allowances):
    hammer(room, enrolment, 10)
    for _ in range(30):
        room.clock.advance(minutes=7)
        assert not ask(enrolment)
        assert allowances.round() == 0


def test_a_clock_that_was_far_ahead_pauses_nobody_for_years(room, enrolment, allowances):
    room.clock.advance(days=2000)
    hammer(room, enrolment, 10)
    room.clock.advance(days=-2000)
    allowances.round()
    room.clock.advance(minutes=61)
    assert allowances.round() == 1


def test_a_person_releases_it_with_a_reason(room, enrolment, allowances):
    hammer(room, enrolment, 10)
    found = allowances.release("CS-1", "user:anna", "its firmware was mended")
    assert (found.standing, found.left, alarms(room)) == (Standing.FREE, 3, [])
    record = next(one for one in room.records() if one.act == FleetAct.REQUESTS_RELEASED)
    assert (record.by, record.reason) == ("user:anna", "its firmware was mended")
    assert ask(enrolment)


def test_only_what_is_held_can_be_released(room, allowances):
    with pytest.raises(StationRefused):
        allowances.release("CS-1", "user:anna", "why not")
    with pytest.raises(UnknownStation):
        allowances.release("CS-9", "user:anna", "why not")


def test_an_alarm_that_a_dead_process_owes_is_raised_by_the_next_round(room, enrolment, allowances, monkeypatch):
    monkeypatch.setattr(allowances, "tell", lambda _: None)
    hammer(room, enrolment, 10)
    assert alarms(room) == []
    allowances_of(room).round()
    allowances_of(room).round()
    assert alarms(room) == [("CS-1", 1)]


def test_another_key_each_time_is_an_alarm_of_its_own_and_a_good_one_ends_it(room, allowances, enrolment):
    """A02.FR.18 allows a new key for each repetition; so many without a certificate mean that it loses them."""
    for csr in KEYS[:MANY_KEYS]:
        assert ask(enrolment, csr)
        room.clock.advance(minutes=21)
    assert alarms(room, AlarmKind.CERTIFICATE_KEYS) == [("CS-1", 1)]
    assert alarms(room) == []
    enrolment.taken(enrolment.sign_waiting("CS-1")[-1])
    assert alarms(room, AlarmKind.CERTIFICATE_KEYS) == []


def test_rubbish_leaves_so_many_rows_and_keeps_no_good_request_out(room, enrolment):
    for number in range(50):
        assert not enrolment.ask("CS-1", CertificateAsked(f"rubbish {number}"), TLS).accepted
    assert count(room, CertificateAskRow) == 3
    assert ask(enrolment)


def test_slowed_and_paused_stations_are_counted_and_listed(room, enrolment, allowances):
    hammer(room, enrolment, 4)
    assert (allowances.count(Standing.SLOWED), allowances.count(Standing.PAUSED)) == (1, 0)
    hammer(room, enrolment, 4)
    assert [one.station for one in allowances.page(Standing.PAUSED, None, 10)] == ["CS-1"]
    assert allowances.page(Standing.PAUSED, "CS-1", 10) == []


@pytest.mark.parametrize(
    ("by", "state", "released"),
    [
        ("user:anna", RenewalState.QUEUED, True),
        ("renewal", RenewalState.UNABLE, False),
        ("campaign:c1", RenewalState.UNABLE, False),
    ],
)
def test_a_paused_station_is_asked_to_renew_by_people_only(room, enrolment, allowances, by, state, released):
    since = room.connect("CS-1", MUTUAL, certificate="ab12")
    room.sightings.disconnected("CS-1", since)
    hammer(room, enrolment, 10)
    (renewal,) = Renewals(room.store, room.trail, room.orders, room.clock, allowances=allowances).ask(["CS-1"], by)
    assert renewal.state is state
    assert (allowances.of("CS-1").standing is Standing.FREE) is released
