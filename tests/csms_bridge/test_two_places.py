"""A copy shows itself by what it does: it and the station push each other out."""

from datetime import timedelta

import pytest

from csms_bridge.two_places import OFTEN, WITHIN, TwoPlaces
from pki.alarms import AlarmKind, Alarms

HERE, THERE = "192.0.2.7", "198.51.100.66"


@pytest.fixture
def alarms(room):
    return Alarms(room.store, room.trail, room.clock)


@pytest.fixture
def two_places(room, alarms):
    return TwoPlaces(alarms, room.clock)


def push(two_places, room, times, pause, station="CS-1"):
    for number in range(times):
        places = (HERE, THERE) if number % 2 else (THERE, HERE)
        two_places.took_over(station, *places)
        room.clock.now += pause


def test_two_that_push_each_other_out_are_for_a_person_to_look_at(room, two_places, alarms):
    push(two_places, room, OFTEN - 1, timedelta(minutes=1))
    assert not alarms.is_open(AlarmKind.LINE_CONTESTED, "CS-1")
    push(two_places, room, 1, timedelta(minutes=1))
    (alarm,) = alarms.page()
    assert (alarm.kind, alarm.thing, alarm.severity) == (AlarmKind.LINE_CONTESTED, "CS-1", "critical")
    assert HERE in alarm.sentence
    assert THERE in alarm.sentence


def test_a_station_that_moves_to_another_network_now_and_then_is_left_alone(room, two_places, alarms):
    push(two_places, room, 20, WITHIN / (OFTEN - 1) + timedelta(seconds=1))
    assert alarms.page() == []


def test_each_station_counts_by_itself(room, two_places, alarms):
    for number in range(10):
        push(two_places, room, 1, timedelta(seconds=1), f"CS-{number}")
    assert alarms.page() == []
