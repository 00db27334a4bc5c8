"""Alarms stay until they are cleared, and do not multiply."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from pki.alarms import Alarm, AlarmKind, Severity
from pki.authority import Order
from pki.errors import CsrRejected, OrderRefused, UnknownAlarm, UnknownKey
from pki.keys import KeyAlgorithm, generate_key
from tests.pki.conftest import Room

LINT = AlarmKind.LINT_FINDING


def sound(room: Room, thing: str = "ab12", sentence: str = "broken") -> Alarm:
    with capture_logs():
        return room.authority.alarms.sound(LINT, thing, sentence)


def test_the_same_again_counts_up(room: Room) -> None:
    first = sound(room)
    again = sound(room, sentence="still broken")
    assert (again.id, again.times, again.sentence) == (first.id, 2, "still broken")
    assert [alarm.id for alarm in room.authority.alarms.page()] == [first.id]
    assert sound(room, "cd34").id != first.id


def test_it_is_logged_and_told_once(room: Room) -> None:
    told: list[int] = []
    room.authority.alarms.subscribe(lambda _: 1 / 0)
    room.authority.alarms.subscribe(lambda alarm: told.append(alarm.id))
    with capture_logs() as logs:
        first = room.authority.alarms.sound(LINT, "ab12", "broken", Severity.CRITICAL)
        room.authority.alarms.sound(LINT, "ab12", "broken", Severity.CRITICAL)
    assert told == [first.id]
    assert [entry["event"] for entry in logs] == ["alarm", "alarm_listener_failed"]


def test_a_cleared_alarm_is_raised_anew(room: Room) -> None:
    first = sound(room)
    cleared = room.authority.alarms.clear(first.id, "user:ada", "looked at it")
    assert (cleared.cleared_at, cleared.cleared_by) == (room.clock.now, "user:ada")
    assert room.authority.alarms.clear(first.id, "user:bob").cleared_by == "user:ada"
    assert room.acts().count("alarm:cleared") == 1
    assert sound(room).id != first.id
    assert [alarm.id for alarm in room.authority.alarms.page(only_open=False)] == [first.id + 1, first.id]


def test_what_is_right_again_settles_its_alarm(room: Room) -> None:
    sound(room)
    sound(room, "cd34")
    room.authority.alarms.settle(LINT, "ab12")
    room.authority.alarms.settle(LINT, "never raised")
    assert [alarm.thing for alarm in room.authority.alarms.page()] == ["cd34"]


def test_an_unknown_alarm_cannot_be_cleared(room: Room) -> None:
    with pytest.raises(UnknownAlarm):
        room.authority.alarms.clear(99, "user:ada")


def test_a_key_at_two_stations_raises_an_alarm(room: Room) -> None:
    """A00.FR.427 in the field: a cloned station."""
    key = generate_key(KeyAlgorithm.EC_P256)
    room.issue(key, "SN-1", "CS-1")
    with pytest.raises(CsrRejected), capture_logs():
        room.issue(key, "SN-2", "CS-2")
    alarm = room.authority.alarms.page()[0]
    assert (alarm.kind, alarm.severity) == (AlarmKind.KEY_USED_ELSEWHERE, Severity.CRITICAL)
    assert alarm.sentence == "CS-2: the key was seen before at the station 'CS-1'"


def test_a_blocked_key_is_refused_and_raises_an_alarm(room: Room) -> None:
    order: Order = room.order()
    room.authority.block_key(order.request.spki_sha256, "user:ada", "leaked")
    with pytest.raises(CsrRejected) as caught, capture_logs():
        room.authority.issue(order, "station:CS-1")
    assert caught.value.code == "key-blocked"
    assert room.authority.alarms.page()[0].kind is AlarmKind.BLOCKED_KEY
    room.authority.unblock_key(order.request.spki_sha256, "user:ada")
    assert room.authority.issue(order, "station:CS-1")
    assert {"key:blocked", "key:unblocked"} <= set(room.acts())


def test_a_key_is_blocked_by_its_fingerprint_once(room: Room) -> None:
    key = "ab" * 32
    first = room.authority.block_key(key, "user:ada", "leaked")
    assert room.authority.block_key(key, "user:bob", "again") == first
    assert room.authority.blocked_keys() == [first]
    with pytest.raises(OrderRefused):
        room.authority.block_key("no fingerprint", "user:ada")
    room.authority.unblock_key(key, "user:ada")
    with pytest.raises(UnknownKey):
        room.authority.unblock_key(key, "user:ada")


def test_a_warning_is_raised_once_whatever_became_of_it(room: Room) -> None:
    alarms = room.authority.alarms
    with capture_logs() as logs:
        for _ in range(3):
            alarms.sound_once(LINT, "ab12", "two are left")
        alarms.sound_once(LINT, "ab12", "one is left")
        (alarm,) = alarms.open_of(LINT)
        assert (alarm.times, alarm.sentence) == (1, "one is left")
        alarms.clear(alarm.id, "user:ada")
        alarms.sound_once(LINT, "ab12", "one is left")
    assert alarms.open_of(LINT) == []
    assert [entry["event"] for entry in logs] == ["alarm"]


def test_open_alarms_are_counted_by_severity(room: Room) -> None:
    sound(room)
    with capture_logs():
        room.authority.alarms.sound(LINT, "cd34", "broken", Severity.CRITICAL)
    room.authority.alarms.clear(sound(room, "ef56").id, "user:ada")
    assert room.authority.alarms.open_counts() == {Severity.NOTICE: 0, Severity.WARNING: 1, Severity.CRITICAL: 1}


def test_what_moved_since_a_moment_is_told(room: Room) -> None:
    before = room.clock.now
    room.clock.advance(timedelta(seconds=1))
    first = sound(room)
    assert [alarm.id for alarm in room.authority.alarms.changed_since(before, 10)] == [first.id]
    assert room.authority.alarms.changed_since(room.clock.now, 10) == []
    room.clock.advance(timedelta(seconds=1))
    room.authority.alarms.clear(first.id, "user:ada")
    since = room.clock.now - timedelta(seconds=1)
    assert [alarm.cleared_by for alarm in room.authority.alarms.changed_since(since, 10)] == ["user:ada"]


def test_cleared_alarms_are_deleted_after_a_year_and_open_ones_never(room: Room) -> None:
    room.authority.alarms.clear(sound(room).id, "user:ada")
    left = sound(room, "cd34")
    room.clock.advance(timedelta(days=365))
    assert room.authority.prune() == 0
    room.clock.advance(timedelta(seconds=1))
    assert room.authority.prune() == 1
    assert [alarm.id for alarm in room.authority.alarms.page(only_open=False)] == [left.id]
    assert "alarm:cleared" in room.acts()
