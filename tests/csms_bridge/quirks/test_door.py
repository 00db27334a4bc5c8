"""The operator's rows in the database, each change with its audit record; what a station is looked up by."""

import pytest

from csms_bridge.errors import QuirkRefused, UnknownQuirk, UnknownStation
from csms_bridge.events import Booted
from csms_bridge.quirks.door import FRESH, StationQuirks
from csms_bridge.quirks.quirks import USUAL, Chain
from csms_bridge.quirks.tables import OwnQuirkRow
from tests.csms_bridge.room import NOON

ROW = {"name": "boxes", "vendor": "Acme", "model": "Box*", "quirks": {"chain": "root"}}
ANNA = "user:anna"


@pytest.fixture
def quirks(room) -> StationQuirks:
    return StationQuirks(room.store, room.trail, room.clock)


def booted(room, station="CS-1", vendor="Acme", model="Box 20", firmware="1.0"):
    room.add(station)
    room.connect(station)
    room.sightings.booted(station, Booted(vendor, model, firmware, (), "PowerUp"))


def test_a_station_is_looked_up_by_what_it_said_in_its_boot_notification(room, quirks):
    booted(room)
    room.add("CS-2")
    quirks.put([ROW], ANNA)
    assert quirks.of_station("CS-1").chain is Chain.ROOT
    assert quirks.of_stations(["CS-1", "CS-2", "nobody"]) == {
        "CS-1": quirks.of("Acme", "Box 20", "1.0"), "CS-2": USUAL, "nobody": USUAL,
    }  # fmt: skip


def test_explains_a_station_by_its_rows(room, quirks):
    booted(room)
    quirks.put([ROW], ANNA)
    found = quirks.explain_station("CS-1")
    assert ([one.name for one in found.rows], found.decided_by) == (["boxes"], {"chain": "boxes"})
    with pytest.raises(UnknownStation):
        quirks.explain_station("nobody")


@pytest.mark.both_databases
def test_rows_are_added_all_or_none(room, quirks):
    with pytest.raises(QuirkRefused, match=r"row 2 \(worse\), quirks\.chain"):
        quirks.put([ROW, {"name": "worse", "quirks": {"chain": "everything"}}], ANNA)
    assert quirks.own_rows() == []
    assert room.acts("boxes") == []


@pytest.mark.both_databases
def test_a_row_of_the_same_name_is_changed(room, quirks):
    quirks.put([ROW], ANNA, "seen on site")
    quirks.put([{**ROW, "quirks": {"chain": "leaf"}}], ANNA)
    (own,) = quirks.own_rows()
    assert (own.row.quirks, own.changed_by, own.changed_at) == ({"chain": Chain.LEAF}, ANNA, NOON)
    assert quirks.of("Acme", "Box 1", "").chain is Chain.LEAF


def test_each_change_has_its_audit_record(room, quirks):
    quirks.put([ROW], ANNA, "seen on site")
    quirks.remove("boxes", ANNA, "wrong")
    with room.store.reading() as session:
        records = room.trail.records(session, kind="quirk", thing="boxes", limit=10)
    assert [(one.act, one.by, one.reason) for one in records] == [
        ("quirk:put", ANNA, "seen on site"), ("quirk:removed", ANNA, "wrong"),
    ]  # fmt: skip
    assert quirks.own_rows() == []
    with pytest.raises(UnknownQuirk):
        quirks.remove("boxes", ANNA)


@pytest.mark.both_databases
def test_another_nodes_change_counts_within_seconds(room, quirks):
    other = StationQuirks(room.store, room.trail, room.clock)
    assert quirks.of("Acme", "Box", "") == USUAL
    other.put([ROW], ANNA)
    assert quirks.of("Acme", "Box", "") == USUAL
    room.clock.advance(seconds=FRESH.total_seconds())
    assert quirks.of("Acme", "Box", "").chain is Chain.ROOT


def test_a_clock_that_was_set_back_keeps_no_old_book(room, quirks):
    other = StationQuirks(room.store, room.trail, room.clock)
    quirks.book()
    other.put([ROW], ANNA)
    room.clock.advance(hours=-1)
    assert quirks.of("Acme", "Box", "").chain is Chain.ROOT


def test_a_row_that_this_program_cannot_read_stops_nobody(room, quirks):
    quirks.put([ROW], ANNA)
    with room.store.writing() as session:
        session.add(OwnQuirkRow(name="old", row='{"name":"old","quirks":{"gone":1}}', changed_by="", changed_at=NOON))
    room.clock.advance(seconds=FRESH.total_seconds())
    assert quirks.of("Acme", "Box", "").chain is Chain.ROOT
    assert [(one.name, one.row is None) for one in quirks.own_rows()] == [("boxes", False), ("old", True)]
    assert "quirks.gone" in quirks.own_rows()[1].fault
