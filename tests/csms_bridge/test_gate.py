"""Places at the door: who gets one, who makes room, and that all of them come back."""

import random
from collections.abc import Callable

import pytest

from csms_bridge.gate import Gate, Guest, Places
from csms_bridge.tally import Tally, Turned


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
def gate(tally: Tally) -> Gate:
    return Gate(Places(handshakes=3, handshakes_of_address=2, connections_of_address=4, patience=10), tally)


def enter(gate: Gate, address: str, now: float = 0) -> Guest:
    guest = gate.enter(address, now)
    assert isinstance(guest, Guest)
    return guest


def test_one_address_has_so_many_handshakes(gate: Gate, tally: Tally) -> None:
    for _ in range(2):
        enter(gate, "192.0.2.1")
    assert gate.enter("192.0.2.1", 0) is Turned.HANDSHAKES_OF_ADDRESS
    assert tally.turned[Turned.HANDSHAKES_OF_ADDRESS] == 1
    enter(gate, "192.0.2.2")


def test_whoever_is_admitted_makes_room(gate: Gate, tally: Tally) -> None:
    for _ in range(4):
        gate.admitted(enter(gate, "192.0.2.1"))
    assert (tally.open_handshakes, tally.connections) == (0, 4)
    assert gate.enter("192.0.2.1", 0) is Turned.CONNECTIONS_OF_ADDRESS


def test_newcomers_go_while_the_others_have_their_time(gate: Gate) -> None:
    for number in range(3):
        enter(gate, f"192.0.2.{number}")
    assert gate.enter("192.0.2.9", 9.9) is Turned.HANDSHAKES_FULL


def test_the_oldest_makes_room_when_it_had_its_time(gate: Gate, tally: Tally) -> None:
    ended: list[int] = []
    for number in range(3):
        enter(gate, f"192.0.2.{number}", number).evict = _noting(ended, number)
    enter(gate, "192.0.2.9", 10.5)
    assert ended == [0]
    assert tally.open_handshakes == 3
    assert tally.turned[Turned.MADE_ROOM] == 1


def _noting(ended: list[int], number: int) -> Callable[[], None]:
    return lambda: ended.append(number)


def test_an_admitted_peer_never_makes_room(gate: Gate) -> None:
    ended: list[int] = []
    first = enter(gate, "192.0.2.0")
    first.evict = _noting(ended, 0)
    gate.admitted(first)
    for number in range(1, 5):
        gate.enter(f"192.0.2.{number}", 100)
    gate.enter("192.0.2.9", 1000)
    assert ended == []


def test_a_peer_that_speaks_for_others_has_no_share(gate: Gate) -> None:
    for _ in range(3):
        enter(gate, "")
    assert gate.enter("", 0) is Turned.HANDSHAKES_FULL  # the sum still counts


def test_who_it_speaks_for_takes_a_place_of_its_own(gate: Gate) -> None:
    for _ in range(2):
        guest = enter(gate, "")
        assert gate.rename(guest, "192.0.2.1") is None
        assert guest.address == "192.0.2.1"
    assert gate.rename(enter(gate, ""), "192.0.2.1") is Turned.HANDSHAKES_OF_ADDRESS


def test_to_leave_twice_counts_once(gate: Gate, tally: Tally) -> None:
    guest = enter(gate, "192.0.2.1")
    gate.left(guest)
    gate.left(guest)
    gate.admitted(guest)
    assert (tally.open_handshakes, tally.connections) == (0, 0)


def test_no_place_is_lost_whatever_happens(tally: Tally) -> None:
    gate = Gate(Places(20, 5, 8, patience=3), tally)
    numbers, guests = random.Random(7), list[Guest]()  # noqa: S311 - to be repeated, not to be secret
    for now in range(5000):
        match numbers.randrange(4):
            case 0 | 1:
                guest = gate.enter(numbers.choice(["", "192.0.2.1", "192.0.2.2", "192.0.2.3"]), now / 10)
                guests += [guest] if isinstance(guest, Guest) else []
            case 2 if guests:
                gate.admitted(numbers.choice(guests))
            case 3 if guests:
                gate.left(numbers.choice(guests))
        assert tally.open_handshakes <= 20
    for guest in guests:
        gate.left(guest)
    assert (tally.open_handshakes, tally.connections) == (0, 0)
    assert not gate._all_of
    assert not gate._waiting_of
