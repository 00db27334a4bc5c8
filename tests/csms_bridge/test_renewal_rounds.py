"""Stations are asked to renew by themselves: who, when, and how many at a time."""

from datetime import timedelta

import pytest

from csms_bridge.events import CertificateAsked
from csms_bridge.renewal_rounds import RenewalRounds
from csms_bridge.renewal_schedule import Pace
from csms_bridge.renewals import Renewals
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.tables import StationRow
from pki.keys import KeyAlgorithm, generate_key
from tests.csms_bridge.room import SigningRoom
from tests.pki.requests import pem_request

MUTUAL = SecurityProfile.MUTUAL_TLS
DAY = timedelta(days=1)


@pytest.fixture
def here(signing_room: SigningRoom):
    return signing_room


def rounds(room: SigningRoom, per_minute: int = 10, in_flight: int = 10) -> RenewalRounds:
    renewals = Renewals(room.store, room.trail, room.orders, room.clock)
    pace = Pace(per_minute, in_flight)
    return RenewalRounds(room.store, room.trail, room.authority, room.orders, renewals, pace, room.clock)


def with_certificate(room: SigningRoom, station: str) -> None:
    room.add(station, profile=MUTUAL, version=OcppVersion.V201)
    csr = pem_request(generate_key(KeyAlgorithm.EC_P256), f"SN-{station[3:]}")
    room.enrolment.ask(station, CertificateAsked(csr), MUTUAL)
    (made,) = room.enrolment.sign_waiting(station)
    room.connect(station, MUTUAL, certificate=made.serial, version=OcppVersion.V201)


def asked(room: SigningRoom) -> set[str]:
    return {order.station for order in room.orders.claim({"CS-1", "CS-2", "CS-3"})}


def test_a_station_is_asked_when_two_thirds_of_the_life_are_over_and_once(here):
    with_certificate(here, "CS-1")
    here.clock.advance(days=58)
    assert rounds(here).round() == 0
    here.clock.advance(days=6)
    assert (rounds(here).round(), asked(here)) == (1, {"CS-1"})
    assert rounds(here).round() == 0, "it was asked today"
    assert here.records()[-1].by == "renewal"


def test_the_pace_holds_for_all_together_and_the_rest_comes_later(here):
    for station in ("CS-1", "CS-2", "CS-3"):
        with_certificate(here, station)
    here.clock.advance(days=64)
    slow = rounds(here, per_minute=2)
    assert slow.round() == 2
    assert slow.round() == 0
    here.clock.advance(minutes=1)
    assert slow.round() == 1
    assert asked(here) == {"CS-1", "CS-2", "CS-3"}


def test_what_is_on_its_way_leaves_no_room_for_more(here):
    for station in ("CS-1", "CS-2"):
        with_certificate(here, station)
    here.clock.advance(days=64)
    assert rounds(here, in_flight=1).round() == 1
    here.clock.advance(minutes=2)
    assert rounds(here, in_flight=1).round() == 0


def test_a_station_that_charges_is_asked_afterwards_and_a_quiet_one_like_any_other(here):
    with_certificate(here, "CS-1")
    here.clock.advance(days=64)
    here.began("CS-1", "t1")
    assert rounds(here).round() == 0
    here.ended("CS-1", "t1")
    assert rounds(here).round() == 1


def test_a_station_that_is_away_is_asked_when_it_is_back(here):
    with_certificate(here, "CS-1")
    here.clock.advance(days=64)
    with here.store.reading() as session:
        since = session.get(StationRow, "CS-1").connected_at
    here.sightings.disconnected("CS-1", since)
    assert rounds(here).round() == 1
    assert asked(here) == set()
    here.orders.wake("CS-1")
    assert asked(here) == {"CS-1"}
