"""Walks that move at the same time: one transaction, one after the other of one station, and nothing for a tick."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from csms_bridge.commands import Answer, Outcome
from csms_bridge.station import SecurityProfile
from csms_bridge.walk_moves import AT_ONCE, SHUT_LOOK, WalkMoves
from csms_bridge.walks.steps import Answered, Connected, Do, Pace, StepState, Tick, WalkState
from tests.csms_bridge.room import Room

FACTS = {"csms_root": "root", "csms_root_serial": "abc"}
PACE = Pace()
READY = Tick(ready=True)
SHUT = {"CS-2"}
"""Where a maintenance window is over."""


@pytest.fixture
def moves(room: Room) -> WalkMoves:
    for number in (1, 2, 3):
        room.add(f"CS-{number}")
    for number in (1, 2):
        room.ledger.start(f"CS-{number}", 2, FACTS, "user:anna")
    return WalkMoves(room.ledger, room.charging, lambda stations: set(stations) & SHUT, PACE, room.clock)


def commits(room: Room) -> list[Any]:
    """Grows with each write transaction."""
    found: list[Any] = []
    event.listen(
        room.store.engine, "begin", lambda c: c.get_execution_options().get("voltward_writing") and found.append(c)
    )
    return found


def accepted(index: int) -> Answered:
    return Answered(index, Answer(Outcome.ACCEPTED, "Accepted"))


def steps(room: Room, station: str = "CS-1") -> list[StepState]:
    walk = room.ledger.current(station)
    assert walk is not None
    return [step.state for step in walk.steps]


async def test_those_who_move_at_once_share_a_transaction(room, moves):
    began = commits(room)
    first, second, third = await asyncio.gather(*(moves.ask(f"CS-{n}", READY) for n in (1, 2, 3)))
    assert (first[1], second[1], third) == ([Do.INSTALL_ROOT], [Do.INSTALL_ROOT], None)
    assert len(began) == 1


async def test_a_tick_that_moves_nothing_writes_nothing(room, moves):
    await moves.ask("CS-1", READY)
    began = commits(room)
    under_way, acts = await moves.ask("CS-1", READY)
    assert (under_way.at.state, list(acts), began) == (StepState.SENT, [], [])


async def test_what_comes_next_is_stored_with_the_answer(room, moves):
    await moves.ask("CS-1", READY)
    await moves.ask("CS-1", accepted(0), Connected(SecurityProfile.BASIC), READY)
    assert steps(room)[:3] == [StepState.DONE, StepState.SENT, StepState.PENDING]
    told = [record.details for record in room.records() if record.act == "walk:step"]
    assert [(one["step"], one["state"]) for one in told] == [
        ("install the CSMS root", "sent"),
        ("install the CSMS root", "waiting"),
        ("install the CSMS root", "done"),
        ("install the RSA root too", "sent"),
    ]


async def test_a_station_that_charges_is_asked_for_nothing(room, moves):
    room.began("CS-1", "t1")
    (_, charging), (_, free) = await asyncio.gather(moves.ask("CS-1", READY), moves.ask("CS-2", READY))
    assert (list(charging), free) == ([], [Do.INSTALL_ROOT])
    room.ended("CS-1", "t1")
    assert (await moves.ask("CS-1", READY))[1] == [Do.INSTALL_ROOT]


async def test_at_a_closed_site_a_walk_waits_before_the_station_is_moved(room, moves):
    """CS-2's window is over: its roots are installed, its profile is not raised."""
    for station in ("CS-1", "CS-2"):
        for index in (0, 1):
            await moves.ask(station, READY)
            await moves.ask(station, accepted(index), Connected(SecurityProfile.BASIC))
        await moves.ask(station, READY)
        await moves.ask(station, Answered(2, Answer(Outcome.ACCEPTED, "Accepted", {"roots": "abc"})))
    open_acts, shut_acts = [(await moves.ask(station, READY))[1] for station in ("CS-1", "CS-2")]
    assert (open_acts, shut_acts) == ([Do.RAISE_PROFILE], [])
    waiting = room.ledger.current("CS-2").steps[3]
    assert (waiting.state, waiting.note) == (StepState.PENDING, "waits for the next maintenance window of its site")
    began = commits(room)
    await moves.ask("CS-2", READY)
    assert (began, moves.due({"CS-2"})[0]) == ([], [])
    room.clock.advance(seconds=SHUT_LOOK.total_seconds())
    assert moves.due({"CS-2"})[0] == ["CS-2"]
    SHUT.clear()
    try:
        assert (await moves.ask("CS-2", READY))[1] == [Do.RAISE_PROFILE]
    finally:
        SHUT.add("CS-2")


async def test_a_look_moves_nothing(room, moves):
    began = commits(room)
    under_way, acts = await moves.ask("CS-1")
    assert (under_way.at.index, list(acts), await moves.ask("CS-3"), began) == (0, [], None, [])


async def test_what_is_said_after_its_end_moves_it_no_more(room, moves):
    await moves.ask("CS-1", Connected(SecurityProfile.TLS_BASIC))
    room.ledger.learn("CS-1", password="7")
    under_way, acts = await moves.ask("CS-1", Connected(SecurityProfile.TLS_BASIC, None, "7"), READY)
    assert (under_way.at.outcome, list(acts)) == (WalkState.DONE, [])
    assert room.acts().count("walk:done") == 1


def test_time_passes_for_those_who_are_away(room, moves):
    asyncio.run(moves.ask("CS-1", READY))
    room.clock.advance(seconds=PACE.silence.total_seconds())
    moves.let_time_pass([f"CS-{number}" for number in range(3 * AT_ONCE)])
    assert steps(room)[0] is not StepState.SENT


def test_a_walk_is_told_that_we_were_away(room, moves):
    moves.tell_we_were_away()
    assert room.ledger.under_way("CS-1").at.facts["away"] == "yes"


# whom a tick looks at


def test_a_walk_that_time_cannot_move_is_not_read_again(room, moves):
    both = {"CS-1", "CS-2"}
    assert moves.due(both) == (["CS-1", "CS-2"], [])
    asyncio.run(moves.ask("CS-1", READY))
    assert moves.due(both) == (["CS-2"], [])
    room.clock.advance(seconds=PACE.silence.total_seconds())
    assert moves.due(both) == (["CS-1", "CS-2"], [])


def test_one_that_is_ready_to_be_asked_is_looked_at_each_time(room, moves):
    asyncio.run(moves.ask("CS-1", Tick(ready=False)))
    assert moves.due({"CS-1"}) == (["CS-1"], ["CS-2"])
    moves.let_time_pass(["CS-1", "CS-2"])
    assert moves.due(set()) == ([], [])
    room.clock.advance(seconds=PACE.asleep.total_seconds())
    assert moves.due(set()) == ([], ["CS-1", "CS-2"])


def test_what_somebody_else_did_to_a_walk_is_looked_at(room, moves):
    moves.let_time_pass(["CS-1", "CS-2"])
    room.clock.advance(seconds=1)
    walk = room.ledger.current("CS-1").id
    room.ledger.hold(walk, "works on site", "user:anna")
    assert moves.due(set()) == ([], [])
    room.clock.advance(seconds=1)
    room.ledger.resume(walk, "user:anna")
    assert moves.due(set()) == ([], ["CS-1"])


def test_the_walk_after_it_is_looked_at(room, moves):
    moves.let_time_pass(["CS-1"])
    room.ledger.cancel(room.ledger.current("CS-1").id, "another unit comes", "user:anna")
    assert moves.due(set()) == ([], ["CS-2"])
    room.clock.advance(seconds=timedelta(hours=1).total_seconds())
    room.ledger.start("CS-1", 2, FACTS, "user:anna")
    assert "CS-1" in moves.due(set())[1]
