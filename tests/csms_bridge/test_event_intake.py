"""A station that tells an event is answered when the event is on record, and not before (A04.FR.02, A04.FR.03)."""

import asyncio
import threading
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import OperationalError

from csms_bridge import event_intake
from csms_bridge.event_intake import EventIntake, EventNotKept
from csms_bridge.events import SecurityEventTold
from csms_bridge.security_events import EventFilter, SecurityEvents
from pki.alarms import Alarms

TOLD = SecurityEventTold("TamperDetectionActivated", None, "")


@pytest.fixture
def events(room):
    room.add()
    return SecurityEvents(room.store, room.trail, Alarms(room.store, room.trail, room.clock), room.clock)


def kept(events):
    return [one.times for one in events.page(EventFilter(), None, 10)]


@contextmanager
def held_database(room):
    """Somebody holds the write lock meanwhile."""
    held, release = threading.Event(), threading.Event()

    def hold():
        with room.store.writing():
            held.set()
            release.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    try:
        yield
    finally:
        release.set()
        holder.join()


async def test_the_answer_waits_for_the_record(events):
    await EventIntake(events).take("CS-1", TOLD)
    assert kept(events) == [1]


async def test_no_answer_before_the_record_is_durable(room, events):
    """Somebody else holds the one write lock. A process that dies now has answered nobody."""
    intake = EventIntake(events)
    with held_database(room):
        taking = asyncio.create_task(intake.take("CS-1", TOLD))
        await asyncio.sleep(0.05)
        assert not taking.done()
    await taking
    assert kept(events) == [1]


async def test_a_database_that_is_busy_for_long_is_an_error_for_the_station(room, events):
    """It keeps its event and sends it again; here it is recorded all the same, and it stays one event."""
    intake = EventIntake(events, patience=0.01)
    with held_database(room):
        with pytest.raises(EventNotKept):
            await intake.take("CS-1", TOLD)
        assert kept(events) == []
    await intake.finish()
    assert kept(events) == [1]
    await EventIntake(events).take("CS-1", TOLD)
    assert len(kept(events)) == 1


class Refusing:
    """Events whose database refuses so many times."""

    def __init__(self, events: SecurityEvents, times: int) -> None:
        self._events, self.left = events, times

    def record(self, station: str, told: SecurityEventTold) -> object:
        if self.left:
            self.left -= 1
            raise OperationalError("insert", {}, Exception("database is locked"))
        return self._events.record(station, told)


async def test_a_database_that_refuses_is_asked_again(events, monkeypatch):
    monkeypatch.setattr(event_intake, "_AGAIN", (0.0, 0.0))
    await EventIntake(Refusing(events, 2)).take("CS-1", TOLD)  # type: ignore[arg-type]
    assert kept(events) == [1]


async def test_one_that_always_refuses_is_given_up_and_the_station_told(events, monkeypatch):
    monkeypatch.setattr(event_intake, "_AGAIN", (0.0, 0.0))
    refusing = Refusing(events, 9)
    with pytest.raises(EventNotKept):
        await EventIntake(refusing).take("CS-1", TOLD)  # type: ignore[arg-type]
    assert (kept(events), refusing.left) == ([], 6)


async def test_what_waits_in_memory_is_bounded(room, events, monkeypatch):
    monkeypatch.setattr(event_intake, "MOST_WAITING", 0)
    with pytest.raises(EventNotKept):
        await EventIntake(events).take("CS-1", TOLD)
    assert kept(events) == []
