"""What one station may leave here that nobody fetches: an alarm in time, then no more, and room once it is fetched."""

import json

import pytest

from csms_bridge.charging import Phase
from csms_bridge.charging_book import ChargingBook, Told
from csms_bridge.charging_room import ChargingRoom
from csms_bridge.errors import ChargingFull
from csms_bridge.events import ChargingTold
from csms_bridge.station import OcppVersion
from csms_bridge.tally import Tally
from pki.alarms import AlarmKind, Alarms

PAYLOAD = {"connectorId": 1, "meterValue": "x" * 60}
SIZE = len(json.dumps(PAYLOAD))
FULL = AlarmKind.CHARGING_FULL


@pytest.fixture
def tally():
    return Tally()


@pytest.fixture
def alarms(room):
    return Alarms(room.store, room.trail, room.clock)


def new_book(room, alarms, tally):
    """As a process has it that just started; there is room for ten messages and a bit."""
    return ChargingBook(
        room.store, room.trail, room.clock, ChargingRoom(room.store, alarms, room.clock, SIZE * 10 + 30, tally)
    )


@pytest.fixture
def book(room, alarms, tally):
    room.add("CS-1")
    room.add("CS-2")
    return new_book(room, alarms, tally)


def told(number, station="CS-1"):
    payload = {**PAYLOAD, "connectorId": number}
    event = ChargingTold(Phase.WENT_ON, "")
    return Told(station, OcppVersion.V16, "MeterValues", payload, event)


def fill(book, numbers):
    for number in numbers:
        book.take(told(number))


def test_what_does_not_fit_is_refused_and_counted(book, tally):
    fill(book, range(10))
    with pytest.raises(ChargingFull):
        book.take(told(10))
    assert tally.charging_refused == 1
    assert len(book.messages()) == 10
    book.take(told(1, "CS-2"))


def test_a_restart_gives_no_new_room(room, book, alarms, tally):
    fill(book, range(10))
    with pytest.raises(ChargingFull):
        new_book(room, alarms, tally).take(told(10))


def test_the_alarm_stands_before_the_room_is_full_and_until_somebody_fetches(room, book, alarms):
    fill(book, range(7))
    room.clock.advance(hours=1)
    fill(book, [7])
    assert not alarms.is_open(FULL, "CS-1")
    room.clock.advance(hours=1)
    fill(book, [8])
    (alarm,) = alarms.open_of(FULL)
    assert (alarm.thing, alarm.times) == ("CS-1", 1)
    room.clock.advance(minutes=1)
    fill(book, [9])
    assert alarms.open_of(FULL)[0].times == 1
    book.hand_over([message.id for message in book.messages()], "user:anna")
    room.clock.advance(minutes=1)
    fill(book, range(10, 15))
    assert not alarms.is_open(FULL, "CS-1")


def test_a_fast_one_is_noticed_without_waiting_for_the_next_count(room, book, alarms):
    """It fills its room within the hour; the first message that is refused has an alarm beside it."""
    fill(book, range(10))
    with pytest.raises(ChargingFull):
        book.take(told(10))
    assert alarms.is_open(FULL, "CS-1")
