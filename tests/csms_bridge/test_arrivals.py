"""Connections written down together: each as if alone, and what there is to do is found in the same queries."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from csms_bridge.admission import Admitted
from csms_bridge.arrivals import Arrived, Business, Incoming, Line
from csms_bridge.commands import Answer, Outcome
from csms_bridge.errors import LineOutranked, UnknownStation
from csms_bridge.events import Booted, CertificateAsked
from csms_bridge.password_rotations import PasswordRotations
from csms_bridge.sightings import Sightings
from csms_bridge.standing import Lane, Standing
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.station_certificates import LeafKind
from pki.keys import KeyAlgorithm, generate_key
from tests.csms_bridge.room import PLAIN_LINE, TLS_LINE
from tests.pki.requests import pem_request

NONE, BASIC, TLS, MUTUAL = SecurityProfile
BOOT = Booted("Acme", "Wallbox", "1.0", ("SN-1",), "PowerUp")


def incoming(station="CS-1", profile=BASIC, *, password=None, lane=None, certificate=None):
    line = PLAIN_LINE if profile is BASIC else TLS_LINE
    return Incoming(station, Admitted(profile, "ocpp1.6", certificate, lane=lane), OcppVersion.V16, password, line)


def arrive(room, *coming):
    return room.sightings.arrivals.note_each(coming)


def business(room, **more):
    """What there is to do for CS-1, as it connects and as it is asked for later: the same."""
    (arrived,) = arrive(room, incoming(**more))
    assert arrived.business == room.sightings.arrivals.business("CS-1")
    return arrived.business


def test_each_of_a_lot_is_on_record_in_its_own_way(room):
    room.add("CS-1")
    room.add("CS-2", profile=BASIC)
    first, unknown, second = arrive(room, incoming("CS-1"), incoming("CS-9"), incoming("CS-2", TLS))
    assert isinstance(unknown, UnknownStation)
    assert first == second == Arrived(room.clock.now, Business())
    one, two = room.registry.station("CS-1"), room.registry.station("CS-2")
    assert (one.online, one.profile, one.floor) == (True, BASIC, BASIC)
    assert (two.online, two.profile, two.floor) == (True, TLS, TLS)
    assert room.records("CS-2")[-1].details["profile"] == TLS


def test_a_lot_costs_no_more_queries_than_one(room):
    names = [f"CS-{number}" for number in range(20)]
    for name in names:
        room.add(name)
    arrive(room, *map(incoming, names))  # what is new of them is on the audit trail
    said = []
    room.clock.advance(seconds=1)
    event.listen(room.store.engine, "before_cursor_execute", lambda *about: said.append(about[2]))
    arrive(room, incoming("CS-1"))
    of_one = len(said)
    room.clock.advance(seconds=1)
    arrive(room, *map(incoming, names))
    assert len(said) == 2 * of_one


def test_one_station_twice_in_a_lot_is_written_down_twice(room):
    """A station that lost its line comes again before the first was taken in."""
    room.add()
    arrive(room, incoming(profile=BASIC), incoming(profile=TLS))
    assert room.registry.station("CS-1").profile is TLS
    assert [one.act for one in room.records()].count("station:seen-on-profile") == 2


def test_of_two_passwords_in_a_lot_each_counts_for_its_own_station(room):
    room.add("CS-1")
    room.add("CS-2")
    offered, _ = room.passwords.offer("CS-1")
    with room.store.reading() as session:
        (only,) = room.passwords.known(session, "CS-2")
    arrive(room, incoming("CS-1", password=offered), incoming("CS-2", password=only.id))
    with room.store.reading() as session:
        assert [one.id for one in room.passwords.known(session, "CS-1")] == [offered]
        assert [one.id for one in room.passwords.known(session, "CS-2")] == [only.id]
    assert "station:password-changed" not in room.acts("CS-2")


def test_who_is_still_on_its_old_password_keeps_the_offer(room):
    """A01: the new one may yet be taken up; what was retired before is forgotten."""
    room.add()
    with room.store.reading() as session:
        (old,) = room.passwords.known(session, "CS-1")
    offered, _ = room.passwords.offer("CS-1")
    arrive(room, incoming(password=old.id))
    with room.store.reading() as session:
        assert [one.id for one in room.passwords.known(session, "CS-1")] == [old.id, offered]


def test_who_comes_through_a_lane_reaches_no_profile(room):
    room.add(profile=BASIC)
    room.open_lane(Lane.BOOTSTRAP)
    arrive(room, incoming(profile=MUTUAL, lane=Lane.BOOTSTRAP))
    station = room.registry.station("CS-1")
    assert (station.lane, station.profile, station.floor) == (Lane.BOOTSTRAP, None, BASIC)


@pytest.mark.parametrize(
    ("before", "after", "displaced"),
    [
        ("192.0.2.7", "192.0.2.7", ""),
        ("192.0.2.7", "198.51.100.66", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::2", ""),
    ],
)
def test_tells_whose_live_line_from_another_network_it_took_the_place_of(room, before, after, displaced):
    room.add()
    first, second, last = (replace(incoming(), line=Line(address)) for address in (before, after, "203.0.113.9"))
    arrive(room, first)
    room.clock.advance(seconds=1)
    (arrived,) = arrive(room, second)
    assert arrived.displaced == displaced
    room.sightings.disconnected("CS-1", arrived.at)
    assert arrive(room, last)[0].displaced == ""


def test_there_is_nothing_to_do_for_most(room):
    room.add()
    assert business(room) == Business()


def test_tells_whether_it_has_booted(room):
    room.add()
    room.sightings.booted("CS-1", BOOT)
    assert business(room) == Business(booted=True)


def test_tells_whether_it_waits_to_be_accepted(room):
    room.add()
    room.sightings.booted("CS-1", BOOT, Standing.PENDING)
    assert business(room) == Business(pending=True)


@pytest.mark.parametrize("held", [False, True])
def test_tells_whether_it_has_a_walk(room, held):
    room.add(profile=BASIC)
    walk = room.ledger.start("CS-1", 2, {}, "user:anna")
    if held:
        room.ledger.hold(walk.id, "wait", "user:anna")
    assert business(room) == Business(walking=True)
    room.ledger.cancel(walk.id, "no", "user:anna")
    assert business(room) == Business()


def test_tells_whether_a_certificate_is_under_way(signing_room):
    room = signing_room
    room.add(profile=TLS)
    csr = pem_request(generate_key(KeyAlgorithm.EC_P256), "SN-1")
    room.enrolment.ask("CS-1", CertificateAsked(csr, None, LeafKind.STATION), TLS)
    assert business(room, profile=TLS).requests
    (delivery,) = room.enrolment.sign_waiting("CS-1")
    assert business(room, profile=TLS).requests
    room.enrolment.sent(delivery)
    assert business(room, profile=TLS).requests
    room.enrolment.taken(delivery)
    assert business(room, profile=TLS) == Business()


def test_tells_whether_commands_are_queued_for_it(room):
    room.add()
    at = room.connect()
    room.sightings.disconnected("CS-1", at)
    rotations = PasswordRotations(room.store, room.trail, room.orders, room.clock)
    rotations.ask(["CS-1"], "user:anna")
    assert business(room) == Business(commands=True)
    room.orders.wake("CS-1")
    assert business(room) == Business()


def test_tells_whether_a_new_password_was_not_seen_yet(room):
    room.add()
    room.connect()
    rotations = PasswordRotations(room.store, room.trail, room.orders, room.clock)
    rotations.ask(["CS-1"], "user:anna")
    (order,) = room.orders.claim({"CS-1"})
    offered, _ = room.passwords.offer("CS-1")
    rotations.offered(order, offered)
    rotations.answered(order, Answer(Outcome.ACCEPTED, "Accepted"))
    assert business(room) == Business(rotation=True)
    rotations.seen("CS-1", offered)
    assert business(room) == Business()


def test_lines_that_end_together_leave_newer_ones_alone(room):
    room.add("CS-1")
    room.add("CS-2")
    old = room.connect("CS-1")
    gone = room.connect("CS-2")
    room.clock.advance(seconds=1)
    room.connect("CS-1")
    lines = [("CS-1", old), ("CS-2", gone), ("CS-9", gone - timedelta(days=1))]
    assert room.sightings.disconnected_each(lines) == [False, True, False]
    assert room.registry.station("CS-1").online
    assert not room.registry.station("CS-2").online


def test_a_line_with_more_proof_at_another_node_bars_one_of_a_lot_and_nobody_else(room):
    room.add("CS-1")
    room.add("CS-2")
    elsewhere = Sightings(room.store, room.trail, room.passwords, room.clock, "other-node")
    elsewhere.arrivals.note_each([incoming("CS-1", MUTUAL, certificate="5eed")])
    outranked, taken = arrive(room, incoming("CS-1", BASIC), incoming("CS-2", BASIC))
    assert isinstance(outranked, LineOutranked)
    assert isinstance(taken, Arrived)
    assert room.registry.station("CS-1").profile is MUTUAL
