"""Certificates that nobody knows: alarms that come once and end."""

import pytest

from csms_bridge.station_roots.entries import KnownAs
from csms_bridge.station_roots.inventory import rows_of
from pki.alarms import AlarmKind
from tests.csms_bridge.room import NOON, SigningRoom
from tests.csms_bridge.station_roots.holder import BY, CSMS, MANUFACTURER, Holder, name_of
from tests.csms_bridge.station_roots.issued import own_certificate
from tests.pki.makers import maker_root

STRANGER = maker_root("A stranger's root", start=NOON)


@pytest.fixture
def holder(signing_room: SigningRoom) -> Holder:
    return Holder(signing_room)


def unknown_alarms(room: SigningRoom) -> list[str]:
    return [alarm.thing for alarm in room.authority.alarms.open_of(AlarmKind.UNKNOWN_ROOT)]


def test_an_unknown_root_is_an_alarm_once_until_it_is_gone(holder: Holder) -> None:
    room = holder.room
    holder.hold(CSMS, name_of(holder.root("root")), name_of(STRANGER.der))
    for _ in range(3):
        holder.list()
    (thing,) = unknown_alarms(room)
    assert thing.startswith("CS-1 csms ")
    (alarm,) = room.authority.alarms.open_of(AlarmKind.UNKNOWN_ROOT)
    assert alarm.times == 1
    assert room.roots.view("CS-1").unknown[0].hash_data == name_of(STRANGER.der)
    assert "station:unknown-root" in room.acts()
    holder.held.pop()
    holder.list()
    assert unknown_alarms(room) == []
    holder.hold(CSMS, name_of(STRANGER.der))
    holder.list()
    assert len(unknown_alarms(room)) == 1


def test_a_forgery_of_our_root_is_unknown(holder: Holder) -> None:
    """Name and serial number are copied; the key cannot be."""
    forged = name_of(holder.root("root"), issuer_key_hash=name_of(STRANGER.der).issuer_key_hash)
    holder.hold(CSMS, forged)
    holder.list()
    assert len(unknown_alarms(holder.room)) == 1


def test_recording_a_root_ends_its_alarm_and_forgetting_it_raises_it_again(holder: Holder) -> None:
    room = holder.room
    holder.hold(MANUFACTURER, name_of(STRANGER.der))
    holder.list()
    room.roots.round()
    assert len(unknown_alarms(room)) == 1
    room.roots.record(STRANGER.pem, "stranger", "seen at the factory", BY)
    room.roots.round()
    assert unknown_alarms(room) == []
    (entry,) = room.roots.view("CS-1").entries
    assert (entry.recognised.known_as, entry.recognised.name) == (KnownAs.RECORDED, "stranger")
    room.roots.forget_recorded("stranger", BY, "a mistake")
    room.roots.round()
    assert len(unknown_alarms(room)) == 1


def test_a_makers_anchor_is_known(holder: Holder) -> None:
    holder.room.authority.anchors.add(STRANGER.pem, "Volt Motors", "volt", BY)
    holder.hold(MANUFACTURER, name_of(STRANGER.der))
    holder.list()
    (entry,) = holder.room.roots.view("CS-1").entries
    assert (entry.recognised.known_as, entry.recognised.name) == (KnownAs.ANCHOR, "volt")
    assert unknown_alarms(holder.room) == []


def test_a_bundle_of_strangers_is_one_alarm(holder: Holder) -> None:
    told = [name_of(STRANGER.der, serial_number=f"{number:x}") for number in range(1, 40)]
    holder.hold(CSMS, *told)
    holder.list()
    things = unknown_alarms(holder.room)
    assert "CS-1 many" in things
    assert len(things) <= 11
    holder.held.clear()
    holder.list()
    assert unknown_alarms(holder.room) == []


def test_who_lists_other_roots_every_time_does_not_fill_the_database(holder: Holder) -> None:
    for batch in range(5):
        holder.held.clear()
        holder.hold(CSMS, *(name_of(STRANGER.der, serial_number=f"{batch:x}{number:03x}") for number in range(60)))
        holder.list()
    with holder.room.store.reading() as session:
        assert len(rows_of(session, "CS-1", gone=True)) <= 60 + 100


def test_the_stations_own_certificate_among_its_roots_is_told_apart(holder: Holder) -> None:
    leaf, issuer = own_certificate(holder.room, "CS-1")
    holder.hold(CSMS, name_of(leaf.der, issuer))
    holder.list()
    (entry,) = holder.room.roots.view("CS-1").entries
    assert (entry.recognised.known_as, entry.recognised.name) == (KnownAs.STATION, leaf.serial)
