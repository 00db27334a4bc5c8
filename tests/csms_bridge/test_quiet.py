import pytest

from csms_bridge.errors import UnknownStation
from csms_bridge.quiet import QuietMode


@pytest.fixture
def quiet(room):
    return QuietMode(room.store, room.trail, room.clock)


def test_a_station_is_talked_to_unless_told_otherwise(room, quiet):
    room.add()
    assert not quiet.is_on("CS-1")
    assert not room.registry.station("CS-1").quiet


def test_a_station_can_be_quiet_from_its_registration_on(room, quiet):
    room.add(quiet=True)
    assert quiet.is_on("CS-1")
    assert room.records()[0].details["quiet"] is True


def test_turning_it_leaves_a_record_with_who_and_why(room, quiet):
    room.add()
    quiet.turn("CS-1", True, "user:anna", "certification")
    quiet.turn("CS-1", False, "user:bob", "done")
    made, talked = room.records()[1:]
    assert (made.act, made.by, made.reason) == ("station:made-quiet", "user:anna", "certification")
    assert (talked.act, talked.by, talked.reason) == ("station:talked-to-again", "user:bob", "done")


def test_what_is_so_already_leaves_no_record(room, quiet):
    room.add()
    quiet.turn("CS-1", False, "user:anna", "to be sure")
    assert room.acts() == ["station:added"]


def test_live_pages_hear_of_it(room, quiet):
    room.add()
    before = room.clock()
    room.clock.advance(seconds=1)
    quiet.turn("CS-1", True, "user:anna", "certification")
    assert [station.quiet for station in room.registry.changed_since(before, 10)] == [True]


def test_a_station_that_is_not_on_record_cannot_be_turned_and_is_sent_nothing(quiet):
    with pytest.raises(UnknownStation):
        quiet.turn("CS-9", True, "user:anna", "why not")
    assert quiet.is_on("CS-9")
