"""Which alarm is told next: each at least once, by one process at a time, later and later when nobody takes it."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from pki.alarm_telling import LEASE, AlarmTelling, wait_after
from pki.alarms import AlarmKind
from pki.store import Store
from tests.pki.conftest import Room


@pytest.fixture
def telling(room: Room) -> AlarmTelling:
    with capture_logs():
        for thing in ("first", "second"):
            room.authority.alarms.sound(AlarmKind.LINT_FINDING, thing, "broken")
    return AlarmTelling(room.store, room.clock)


def claimed(telling: AlarmTelling) -> str | None:
    alarm = telling.claim()
    return alarm.thing if alarm else None


def test_what_arrived_is_not_told_again(room: Room, telling: AlarmTelling) -> None:
    alarm = telling.claim()
    assert alarm is not None
    telling.arrived(alarm.id)
    room.clock.advance(timedelta(days=1))
    assert claimed(telling) == "second"


def test_an_alarm_that_repeats_is_told_once(room: Room, telling: AlarmTelling) -> None:
    alarm = telling.claim()
    assert alarm is not None
    telling.arrived(alarm.id)
    room.authority.alarms.sound(AlarmKind.LINT_FINDING, "first", "broken again")
    assert claimed(telling) == "second"


def test_two_processes_never_get_the_same(room: Room, telling: AlarmTelling) -> None:
    other = Store(str(room.store.engine.url))
    assert [claimed(telling), claimed(AlarmTelling(other, room.clock)), claimed(telling)] == ["first", "second", None]
    other.close()


def test_one_whose_process_died_is_told_by_another(room: Room, telling: AlarmTelling) -> None:
    assert claimed(telling) == "first"
    room.clock.advance(LEASE - timedelta(seconds=1))
    assert claimed(telling) == "second"
    room.clock.advance(timedelta(seconds=1))
    assert claimed(telling) == "first"


def test_it_is_tried_again_later_and_later(room: Room, telling: AlarmTelling) -> None:
    waits = []
    for _ in range(12):
        alarm = telling.claim()
        assert alarm is not None
        assert alarm.thing == "first"
        room.authority.alarms.clear(alarm.id + 1, "user:ada")  # so that the second does not come in between
        waits.append(telling.failed(alarm.id))
        assert telling.claim() is None
        room.clock.advance(waits[-1])
    assert [wait.total_seconds() for wait in waits[:4]] == [5, 10, 20, 40]
    assert waits[-1] == timedelta(hours=1)
    assert wait_after(10_000) == timedelta(hours=1)


def test_what_was_cleared_meanwhile_is_not_told(room: Room, telling: AlarmTelling) -> None:
    for alarm in room.authority.alarms.page():
        room.authority.alarms.clear(alarm.id, "user:ada")
    assert telling.claim() is None
