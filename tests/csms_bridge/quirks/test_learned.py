"""Lessons are counted by vendor, model and firmware, and become rows by a person's word only."""

import pytest

from csms_bridge.commands import Answer, Outcome
from csms_bridge.errors import UnknownQuirk
from csms_bridge.events import Booted
from csms_bridge.quirks.door import StationQuirks
from csms_bridge.quirks.learned import LearnedQuirks
from csms_bridge.quirks.quirks import USUAL, Chain
from csms_bridge.quirks.reading import read_row
from csms_bridge.quirks.rows import Origin
from csms_bridge.station import SecurityProfile
from csms_bridge.walks import machine
from csms_bridge.walks.ledger import Ledger
from csms_bridge.walks.steps import Answered, Pace, Tick
from tests.csms_bridge.room import NOON

ANNA = "user:anna"


@pytest.fixture
def quirks(room) -> StationQuirks:
    return StationQuirks(room.store, room.trail, room.clock)


@pytest.fixture
def learned(room, quirks) -> LearnedQuirks:
    return LearnedQuirks(room.store, room.trail, room.clock, quirks)


def booted(room, station="CS-1", vendor="Acme", model="Box", firmware="1.4"):
    room.add(station)
    room.connect(station)
    if vendor:
        room.sightings.booted(station, Booted(vendor, model, firmware, (), "PowerUp"))


def note(room, learned, station="CS-1", **found):
    with room.store.writing() as session:
        learned.note(session, station, found or {"chain": "root"}, room.clock())


@pytest.mark.both_databases
def test_the_same_from_many_stations_of_a_kind_is_one_lesson(room, learned):
    for station in ("CS-1", "CS-2"):
        booted(room, station)
        note(room, learned, station)
    room.clock.advance(hours=1)
    note(room, learned, "CS-1")
    (lesson,) = learned.page()
    assert (lesson.key, lesson.value, lesson.times, lesson.stations) == ("chain", "root", 3, ("CS-2", "CS-1"))
    assert (lesson.first_at, lesson.last_at) == (NOON, room.clock.now)


def test_another_firmware_is_another_kind(room, learned):
    booted(room, "CS-1")
    booted(room, "CS-2", firmware="1.5")
    note(room, learned, "CS-1")
    note(room, learned, "CS-2")
    assert [one.firmware for one in learned.page()] == ["1.5", "1.4"]


def test_a_station_that_never_said_what_it_is_teaches_nothing(room, learned):
    booted(room, vendor="")
    note(room, learned)
    assert learned.page() == []


@pytest.mark.both_databases
def test_a_lesson_changes_nothing_until_it_is_accepted(room, quirks, learned):
    booted(room)
    note(room, learned)
    assert quirks.of_station("CS-1") == USUAL
    own = learned.accept(learned.page()[0].id, ANNA, "looks right")
    assert own.row.quirks == {"chain": Chain.ROOT}
    assert quirks.of_station("CS-1").chain is Chain.ROOT
    assert learned.page() == []
    with room.store.reading() as session:
        (record,) = room.trail.records(session, kind="quirk", thing=own.name, limit=10)
    assert (record.act, record.by, record.reason) == ("quirk:put", ANNA, "looks right")


def test_what_was_settled_is_not_settled_again(room, learned):
    booted(room)
    note(room, learned)
    lesson = learned.page()[0].id
    assert learned.dismiss(lesson, ANNA, "one broken unit").settled == "dismissed"
    note(room, learned)
    assert learned.page() == []
    assert learned.page(every=True)[0].times == 2
    for settle in (learned.accept, learned.dismiss):
        with pytest.raises(UnknownQuirk):
            settle(lesson, ANNA)


@pytest.mark.parametrize(
    ("model", "firmware"),
    [
        ("Box [20]*?", "1.4"),
        ("Box", "R2 (beta)"),
        ("Box", "latest"),
        ("Box", "1.4, build *"),
        ("Box", ""),
        ("Box", ">=2"),
    ],
)
def test_a_lesson_is_about_its_own_kind_whatever_that_calls_itself(room, learned, model, firmware):
    booted(room, model=model, firmware=firmware)
    note(room, learned)
    row = read_row(learned.page()[0].row, Origin.OPERATOR)
    assert row.covers("Acme", model, firmware)
    assert not row.covers("Acme", "Boxes 200", firmware)


def test_stations_cannot_fill_the_database_with_names(room, learned, monkeypatch):
    monkeypatch.setattr("csms_bridge.quirks.learned.MOST", 2)
    for number in range(4):
        booted(room, f"CS-{number}", model=f"Box {number}")
        note(room, learned, f"CS-{number}")
    assert len(learned.page()) == 2


@pytest.mark.both_databases
def test_pages_go_on_where_the_one_before_ended(room, learned):
    booted(room)
    note(room, learned, chain="root", lists_roots=False, restart="always")
    first = learned.page(limit=2)
    rest = learned.page(after=first[-1].id)
    assert [one.key for one in (*first, *rest)] == ["restart", "lists_roots", "chain"]


@pytest.mark.both_databases
def test_a_walk_teaches_in_the_transaction_of_its_step(room, learned):
    booted(room)
    ledger = Ledger(room.store, room.trail, room.clock, learned.from_walk)
    ledger.start("CS-1", SecurityProfile.TLS_BASIC, {"csms_root": "root", "csms_root_serial": "abc"}, ANNA)
    rejected, none = Answer(Outcome.REJECTED, "Rejected"), Answer(Outcome.ACCEPTED, "NotFound", {"roots": ""})
    answers = [Answered(index, answer) for index, answer in enumerate((rejected, rejected, none))]
    for seen in (event for answer in answers for event in (Tick(True), answer)):
        ledger.apply("CS-1", lambda walk, now, seen=seen: machine.advance(walk.walk, walk.at, seen, now, Pace()))
    assert [(one.key, one.value) for one in learned.page()] == [("roots_from_profile", 2)]
