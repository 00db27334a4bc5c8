"""What happens by itself: whom the service asks, when, and what it finds lying about."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from csms_bridge.events import Booted
from csms_bridge.orders import Ending, Orders
from csms_bridge.quiet import QuietMode
from csms_bridge.sealed_payloads import PayloadSeal
from csms_bridge.station_roots.door import StationRoots
from csms_bridge.station_roots.entries import ActState
from csms_bridge.station_roots.rounds import PACE
from csms_bridge.tables import CommandRow, TransactionRow
from tests.csms_bridge.room import SigningRoom
from tests.csms_bridge.station_roots.holder import BY, CSMS, Holder, name_of

BOOT = Booted("Voltward", "Simulated", "1.0.0", (), "PowerUp")


def settled(room: SigningRoom, station: str = "CS-1") -> Holder:
    """A station that has booted and has been there for a while."""
    holder = Holder(room, station)
    room.sightings.booted(station, BOOT)
    room.clock.advance(seconds=31)
    return holder


def charge(room: SigningRoom) -> None:
    """Somebody charges at it."""
    with room.store.writing() as session:
        session.add(TransactionRow(station="CS-1", name="t1", began_at=room.clock.now))


def asked(holder: Holder) -> int:
    holder.room.roots.round()
    return len(holder.answer())


def test_one_of_whom_nothing_is_known_is_asked_once(signing_room: SigningRoom) -> None:
    holder = settled(signing_room)
    assert asked(holder) == 1
    assert asked(holder) == 0
    signing_room.clock.advance(days=29)
    assert asked(holder) == 0
    signing_room.clock.advance(days=2)
    assert asked(holder) == 1


def test_what_a_walk_listed_is_not_the_whole(signing_room: SigningRoom) -> None:
    holder = settled(signing_room)
    holder.list(CSMS)
    assert asked(holder) == 1


@pytest.mark.parametrize(
    "hinder",
    [
        lambda room: QuietMode(room.store, room.trail, room.clock).turn("CS-1", True, BY, "a certification"),
        lambda room: room.ledger.start("CS-1", 3, room.walk_acts.first_facts(), BY),
        charge,
        lambda room: room.sightings.disconnected("CS-1", room.clock.now - timedelta(seconds=31)),
        lambda room: room.connect("CS-1"),
    ],
    ids=["quiet", "walking", "charging", "away", "just come"],
)
def test_nobody_is_asked_who_has_other_things_to_do(
    signing_room: SigningRoom, hinder: Callable[[SigningRoom], object]
) -> None:
    holder = settled(signing_room)
    hinder(signing_room)
    assert asked(holder) == 0


def test_one_that_has_not_booted_is_not_asked(signing_room: SigningRoom) -> None:
    holder = Holder(signing_room)
    signing_room.clock.advance(seconds=31)
    assert asked(holder) == 0


def test_a_fleet_that_comes_back_is_not_asked_all_at_once(signing_room: SigningRoom) -> None:
    holders = [Holder(signing_room, f"CS-{number}") for number in range(PACE + 3)]
    for holder in holders:
        signing_room.sightings.booted(holder.station, BOOT)
    signing_room.clock.advance(seconds=31)
    counts = []
    for _ in range(3):
        signing_room.roots.round()
        counts.append(sum(len(holder.answer()) for holder in holders))
    assert counts == [PACE, 3, 0]


def test_another_nodes_stations_are_left_to_it(signing_room: SigningRoom) -> None:
    settled(signing_room)
    room = signing_room
    other = StationRoots(
        room.store, room.trail, room.authority, room.orders, room.settings, room.clock, "another-node"
    )  # fmt: skip
    other.round()
    assert not room.orders.any_waiting()


def test_after_a_change_it_lists_again_when_it_has_settled(signing_room: SigningRoom) -> None:
    holder = settled(signing_room)
    holder.list()
    signing_room.roots.install("CS-1", CSMS, BY, name="root")
    holder.answer({"status": "Accepted"})
    assert asked(holder) == 0
    signing_room.clock.advance(seconds=6)
    assert asked(holder) == 1
    assert asked(holder) == 0


def test_an_answer_that_came_when_the_process_died_is_taken_in(signing_room: SigningRoom) -> None:
    holder = settled(signing_room)
    act = signing_room.roots.install("CS-1", CSMS, BY, name="root")
    with signing_room.store.writing() as session:
        command = session.get(CommandRow, act.command)
        command.state, command.answer = "answered", '{"status": "Accepted"}'
        session.add(command)
    signing_room.clock.advance(minutes=3)
    signing_room.roots.round()
    assert holder.room.roots.act("CS-1", act.id).state is ActState.DONE


def test_what_another_process_could_not_send_has_not_happened(signing_room: SigningRoom) -> None:
    """The round reads from the database what this process did not hear itself."""
    holder = settled(signing_room)
    act = signing_room.roots.install("CS-1", CSMS, BY, name="root")
    elsewhere = Orders(signing_room.store, signing_room.trail, signing_room.clock, PayloadSeal(bytes(32)))
    (order,) = elsewhere.claim({"CS-1"})
    elsewhere.finish(order, None, "it is not sent to a station that is pending now", Ending.UNSENT)
    signing_room.clock.advance(minutes=3)
    signing_room.roots.round()
    assert holder.room.roots.act("CS-1", act.id).state is ActState.UNSENT


def test_what_went_down_with_a_process_is_unknown_and_then_found_out(signing_room: SigningRoom) -> None:
    holder = settled(signing_room)
    act = signing_room.roots.install("CS-1", CSMS, BY, name="root")
    signing_room.orders.claim({"CS-1"})
    signing_room.clock.advance(minutes=11)
    holder.hold(CSMS, name_of(holder.root("root")))
    signing_room.roots.round()
    assert signing_room.roots.act("CS-1", act.id).state is ActState.UNKNOWN
    holder.answer()
    signing_room.roots.round()
    holder.answer()
    assert signing_room.roots.act("CS-1", act.id).state is ActState.DONE


def test_a_deletion_that_never_went_out_is_withdrawn(signing_room: SigningRoom) -> None:
    holder = settled(signing_room)
    holder.hold(CSMS, name_of(holder.root("root")), name_of(holder.root("root"), serial_number="77"))
    holder.list()
    (strange,) = signing_room.roots.view("CS-1").unknown
    act = signing_room.roots.delete("CS-1", strange.id, BY, "nobody knows it")
    signing_room.clock.advance(minutes=3)
    signing_room.roots.round()
    assert signing_room.roots.act("CS-1", act.id).state is ActState.UNSENT
    assert all(order.action != "DeleteCertificate" for order in signing_room.orders.claim({"CS-1"}))


def test_an_answer_is_taken_in_once(signing_room: SigningRoom) -> None:
    holder = settled(signing_room)
    act = signing_room.roots.install("CS-1", CSMS, BY, name="root")
    (order,) = holder.answer({"status": "Accepted"})
    signing_room.orders.finish(order, {"status": "Rejected"}, ending=Ending.ANSWERED)
    assert signing_room.roots.act("CS-1", act.id).state is ActState.DONE


def test_one_that_is_not_accepted_is_asked_later(signing_room: SigningRoom) -> None:
    """B02.FR.01, B03.FR.03."""
    holder = settled(signing_room)
    signing_room.roots.round(["CS-1"])
    assert holder.answer() == []
    assert asked(holder) == 1


def test_what_was_not_sent_has_not_happened(signing_room: SigningRoom) -> None:
    holder = settled(signing_room)
    act = signing_room.roots.install("CS-1", CSMS, BY, name="root")
    holder.answer({}, error="it is not sent to a station that is pending now", ending=Ending.UNSENT)
    assert signing_room.roots.act("CS-1", act.id).state is ActState.UNSENT
    signing_room.clock.advance(minutes=1)
    assert [order.payload for order in holder.room.orders.claim({"CS-1"})] == []
