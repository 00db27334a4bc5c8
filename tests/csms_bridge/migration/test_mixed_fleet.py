"""The fleet on several versions: counted by the database, judged by one rule, foreseen without a guess."""

from datetime import timedelta

import pytest

from csms_bridge.migration import mixed_fleet
from csms_bridge.migration.mixed_fleet import MixedFleets, Standing, blocker_of, forecast
from csms_bridge.migration.states import Blocker
from csms_bridge.station import OcppVersion, SecurityProfile
from tests.csms_bridge.migration.test_migrations import NO_PASSWORD, MigrationRoom
from tests.csms_bridge.room import NOON, Room

pytestmark = pytest.mark.both_databases

V16, V201, V21 = OcppVersion
SEEN = Standing.SEEN


@pytest.mark.parametrize(
    ("known", "blocker"),
    [
        (Standing(0), Blocker.NEVER_SEEN),
        (SEEN | Standing.UNDER_WAY | Standing.HELD, Blocker.UNDER_WAY),
        (SEEN | Standing.FAILED | Standing.AWAY, Blocker.FAILED),
        (SEEN | Standing.HELD | Standing.PROFILE_0, Blocker.HELD),
        (SEEN | Standing.PROFILE_0, Blocker.PROFILE_0),
        (SEEN | Standing.AWAY | Standing.HAS_NEWER, Blocker.AWAY),
        (SEEN, Blocker.NO_FIRMWARE),
        (SEEN | Standing.HAS_NEWER, Blocker.NOTHING),
    ],
)
def test_what_keeps_a_station(known: Standing, blocker: Blocker) -> None:
    assert blocker_of(known) is blocker


def test_how_long_both_will_be_there() -> None:
    counts = {Blocker.NOTHING: 30, Blocker.UNDER_WAY: 10, Blocker.NO_FIRMWARE: 5, Blocker.NEVER_SEEN: 2}
    found = forecast(counts, moved=40, now=NOON)
    assert (found.movable, found.staying, found.per_week) == (40, 7, 10)
    assert found.until == NOON + timedelta(weeks=4)
    assert forecast(counts, moved=0, now=NOON).until is None
    assert forecast({Blocker.NO_FIRMWARE: 5}, moved=0, now=NOON).until == NOON


def test_the_fleet_is_counted_and_its_stations_are_named(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    migrating = MigrationRoom(room)
    for name in ("CS-old", "CS-new", "CS-lost"):
        migrating.station(name)
    migrating.station("CS-other", vendor="Other")
    room.add("CS-never", version=None)
    migrating.expect("CS-new", "CS-lost", criteria=NO_PASSWORD)
    migrating.comes_back("CS-new")
    room.clock.advance(hours=2)
    migrating.door.round()
    mixed = MixedFleets(room.store, room.clock)
    found = mixed.report(V201)
    assert {one.version: one.stations for one in found.versions} == {None: 1, "1.6": 3, "2.0.1": 1}
    expected = {"CS-old": Blocker.NOTHING, "CS-lost": Blocker.FAILED, "CS-other": Blocker.NO_FIRMWARE,
                "CS-never": Blocker.NEVER_SEEN}  # fmt: skip
    for name, blocker in expected.items():
        assert found.blocked[blocker] == 1
        assert [one.station for one in mixed.stations(V201, blocker, None, 10)] == [name]
    assert {(one.vendor, tuple(sorted(one.versions.items()))) for one in found.models} == {
        ("Volt", (("1.6", 2), ("2.0.1", 1))), ("Other", (("1.6", 1),)),
    }  # fmt: skip
    assert (found.coexistence.movable, found.coexistence.staying, found.coexistence.per_week) == (2, 2, 0.25)
    assert mixed.report(V21).blocked[Blocker.NO_FIRMWARE] == 3
    monkeypatch.setattr(mixed_fleet, "_PORTION", 2)
    assert {one.station: one.blocker for one in mixed.every(V201)} == {**expected, "CS-new": None}


def test_who_is_long_away_and_who_is_on_profile_0(room: Room) -> None:
    migrating = MigrationRoom(room)
    migrating.station("CS-gone")
    room.sightings.disconnected("CS-gone", migrating.row("CS-gone").connected_at or NOON)
    room.clock.advance(days=31)
    room.add("CS-zero", profile=SecurityProfile.NONE)
    room.connect("CS-zero", SecurityProfile.NONE)
    blocked = MixedFleets(room.store, room.clock).report(V201).blocked
    assert (blocked[Blocker.AWAY], blocked[Blocker.PROFILE_0]) == (1, 1)
