from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import pytest

from csms_bridge import events as e
from csms_bridge.posture.book import Outcome, PostureBook, Result
from csms_bridge.posture.clock_offset import ClockWatch, Stamp
from csms_bridge.posture.device_model import DeviceModel
from csms_bridge.posture.differences import DifferenceKind
from csms_bridge.posture.pacing import ReadingQueue
from csms_bridge.posture.postures import Postures
from csms_bridge.posture.rounds import ReadingRounds
from csms_bridge.posture.schedule import Due, Why
from csms_bridge.quiet import QuietMode

MINUTE = timedelta(minutes=1)
CHANCE = Random(1)  # noqa: S311 -- the same order in every run


@dataclass
class Line:
    """A line that reads at once, and well."""

    station: str
    book: PostureBook
    rounds: ReadingRounds
    is_at_rest: bool = True
    is_accepted: bool = True
    read: list[Why] = field(default_factory=list)

    def read_settings(self, due: Due) -> None:
        self.read.append(due.why)
        self.book.begin(self.station, due)
        self.book.end(self.station, Result(Outcome.WHOLE))
        self.rounds.arrived(self.station)


class Fleet:
    """Stations, their lines, and the rounds, with a clock that goes only when told."""

    def __init__(self, room, *, unasked=True, rate=5.0):
        self.room = room
        self.book = PostureBook(room.store, room.trail, room.clock, "this-node")
        self.clocks = ClockWatch()
        self.postures = Postures(
            room.store, self.book, DeviceModel(room.store, room.clock, 5000, 10**6), room.authority, room.clock,
            organisation="Acme Charging", tolerance=timedelta(minutes=5), age=timedelta(days=7),
        )  # fmt: skip
        self.rounds = ReadingRounds(
            self.postures, self.book, self.clocks, ReadingQueue(rate, CHANCE), room.clock,
            unasked=unasked, pause=MINUTE,
        )  # fmt: skip
        self.lines = {}

    def meet(self, station="CS-1", **more):
        self.room.add(station, **more)
        self.room.connect(station)
        self.room.sightings.booted(station, e.Booted("Acme", "One", "1.0", (), "PowerUp"))
        self.lines[station] = Line(station, self.book, self.rounds)
        self.rounds.arrived(station)
        return self.lines[station]

    async def pass_time(self, seconds, every=1, **more):
        for _ in range(0, seconds, every):
            self.room.clock.advance(seconds=every)
            await self.rounds.round(self.lines, **more)


@pytest.fixture
def fleet(signing_room):
    return Fleet(signing_room)


async def test_a_station_has_its_peace_first_and_is_read_once(fleet):
    line = fleet.meet()
    await fleet.pass_time(59)
    assert line.read == []
    await fleet.pass_time(10)
    assert line.read == [Why.FIRST]
    await fleet.pass_time(120)
    assert line.read == [Why.FIRST]


async def test_settings_that_are_old_are_read_again(fleet):
    line = fleet.meet()
    await fleet.pass_time(65)
    fleet.room.clock.advance(days=7)
    await fleet.pass_time(2)
    assert line.read == [Why.FIRST, Why.OLD]


async def test_a_fleet_that_comes_back_is_read_a_few_a_second(fleet):
    lines = [fleet.meet(f"CS-{number}") for number in range(40)]
    await fleet.pass_time(63)
    assert 5 <= sum(len(line.read) for line in lines) <= 20
    await fleet.pass_time(10)
    assert [len(line.read) for line in lines] == [1] * 40


async def test_a_quiet_station_is_read_when_somebody_asks_and_not_before(fleet):
    line = fleet.meet(quiet=True)
    await fleet.pass_time(1300, every=20)
    assert line.read == []
    fleet.postures.ask("CS-1", False, "user:anna")
    await fleet.pass_time(1)
    assert line.read == [Why.ASKED]
    await fleet.pass_time(1300, every=20)
    assert line.read == [Why.ASKED]


async def test_a_station_that_is_made_quiet_while_it_waits_is_not_read(fleet):
    line = fleet.meet()
    await fleet.pass_time(30)
    QuietMode(fleet.room.store, fleet.room.trail, fleet.room.clock).turn("CS-1", True, "user:anna", "certification")
    await fleet.pass_time(60)
    assert line.read == []


async def test_a_station_that_charged_is_read_later(fleet):
    line = fleet.meet()
    fleet.room.began("CS-1", "t")
    await fleet.pass_time(120)
    assert line.read == []
    fleet.room.ended("CS-1", "t")
    await fleet.pass_time(700)
    assert line.read == [Why.FIRST]


async def test_a_pending_station_is_read_once_it_is_accepted_even_when_somebody_asks(fleet):
    """B02.FR.01: before that it is asked only what its acceptance needs."""
    line = fleet.meet()
    line.is_accepted = line.is_at_rest = False
    fleet.postures.ask("CS-1", False, "user:anna")
    await fleet.pass_time(5)
    assert line.read == []
    line.is_accepted = True
    await fleet.pass_time(1)
    assert line.read == [Why.ASKED]


async def test_a_line_that_is_busy_is_asked_later(fleet):
    line = fleet.meet()
    line.is_at_rest = False
    await fleet.pass_time(100)
    assert line.read == []
    line.is_at_rest = True
    await fleet.pass_time(65)
    assert line.read == [Why.FIRST]


async def test_a_station_that_left_is_not_read(fleet):
    line = fleet.meet()
    await fleet.pass_time(30)
    fleet.rounds.left("CS-1")
    del fleet.lines["CS-1"]
    await fleet.pass_time(60)
    assert line.read == []


async def test_nothing_is_sent_unasked_when_the_setting_says_so(signing_room):
    fleet = Fleet(signing_room, unasked=False)
    line = fleet.meet()
    await fleet.pass_time(70)
    assert line.read == []
    fleet.postures.ask("CS-1", False, "user:anna")
    await fleet.pass_time(1)
    assert line.read == [Why.ASKED]


async def test_a_clock_that_is_off_is_written_down_and_differs(fleet):
    fleet.meet()
    now = fleet.room.clock()
    fleet.clocks.heard("CS-1", Stamp(now - timedelta(hours=3), may_wait=False), now)
    await fleet.pass_time(2)
    (differing,) = fleet.postures.differing()
    assert [difference.kind for difference, _ in differing.differences] == [DifferenceKind.CLOCK]


async def test_while_a_fleet_comes_back_only_those_are_read_whom_somebody_asks_for(fleet):
    unasked, asked = fleet.meet("CS-1"), fleet.meet("CS-2")
    fleet.postures.ask("CS-2", False, "user:anna")
    await fleet.pass_time(90, only_asked=True)
    assert (unasked.read, asked.read) == ([], [Why.ASKED])
    await fleet.pass_time(65)
    assert unasked.read == [Why.FIRST]
