from datetime import timedelta

import pytest

from csms_bridge.errors import UnknownStation
from csms_bridge.posture.book import Outcome, PostureBook, Result
from csms_bridge.posture.clock_offset import ClockOffset
from csms_bridge.posture.schedule import Due, Why
from csms_bridge.station import OcppVersion, SecurityProfile
from tests.csms_bridge.room import NOON

FIRST = Due(NOON, Why.FIRST, whole=True)
GOOD = Result(Outcome.WHOLE)


@pytest.fixture
def book(room):
    room.add()
    room.connect()
    return PostureBook(room.store, room.trail, room.clock, "this-node")


def last(book):
    return book.states(["CS-1"])["CS-1"][0]


def test_asking_is_on_the_audit_trail(book, room):
    book.ask("CS-1", True, "user:anna")
    record = room.records()[-1]
    assert (record.act, record.by, record.details) == ("station:settings-asked", "user:anna", {"whole": True})
    with pytest.raises(UnknownStation):
        book.ask("CS-9", True, "user:anna")


def test_only_the_node_that_holds_the_socket_hears_of_it(book, room):
    book.ask("CS-1", False, "user:anna")
    assert book.asked(10) == ["CS-1"]
    assert PostureBook(room.store, room.trail, room.clock, "other-node").asked(10) == []
    room.sightings.forget_connections()
    assert book.asked(10) == []


def test_asking_twice_asks_for_the_larger_reading(book):
    book.ask("CS-1", True, "user:anna")
    book.ask("CS-1", False, "user:bob")
    assert (last(book).asked_whole, last(book).asked_by) == (True, "user:bob")


def test_a_reading_that_begins_answers_who_asked_and_counts_as_failed_until_it_ends(book, room):
    book.ask("CS-1", False, "user:anna")
    book.begin("CS-1", FIRST)
    assert book.asked(10) == []
    assert (last(book).tries, last(book).told_at, book.state("CS-1").is_under_way) == (1, None, True)
    room.clock.advance(seconds=3)
    book.end("CS-1", Result(Outcome.FAILED, "it did not answer"))
    assert (last(book).tries, last(book).told_at, book.state("CS-1").is_under_way) == (1, None, False)
    book.begin("CS-1", FIRST)
    book.end("CS-1", GOOD)
    assert (last(book).tries, last(book).told_at) == (0, room.clock())


def test_an_end_remembers_what_the_station_was_then(book):
    book.begin("CS-1", FIRST)
    book.end("CS-1", GOOD)
    assert (last(book).version, last(book).profile) == (OcppVersion.V16, SecurityProfile.BASIC)


def test_what_a_reading_did_not_find_out_stays_as_it_was_known(book):
    book.begin("CS-1", FIRST)
    book.end("CS-1", Result(Outcome.WHOLE, extension=False, report="parts 2 of 3 never came"))
    book.end("CS-1", GOOD)
    assert (book.state("CS-1").extension, book.state("CS-1").report) == (False, "parts 2 of 3 never came")


def test_a_secret_that_was_told_is_forgiven_by_a_whole_reading_only(book):
    book.begin("CS-1", FIRST)
    book.end("CS-1", Result(Outcome.WHOLE, whole=True, revealed=("AuthorizationKey",)))
    book.end("CS-1", GOOD)
    assert book.state("CS-1").reveals == ("AuthorizationKey",)
    book.end("CS-1", Result(Outcome.WHOLE, whole=True))
    assert book.state("CS-1").reveals == ()


def test_clocks_are_noted_in_bulk_and_strangers_left_out(book):
    found = ClockOffset(timedelta(hours=-3), NOON)
    book.note_clocks({"CS-1": found, "CS-9": found})
    assert book.state("CS-1").clock == found
    assert "CS-9" not in book.states(["CS-9"])


def test_a_station_that_was_removed_meanwhile_leaves_nothing(book, room):
    book.begin("CS-1", FIRST)
    room.registry.remove("CS-1", "user:anna", "sold")
    book.end("CS-1", GOOD)
    book.begin("CS-1", FIRST)
    assert book.states(["CS-1"]) == {}
