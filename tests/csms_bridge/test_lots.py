"""Many ask, one answers all; what is wrong with one stops nobody else."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from csms_bridge.lots import Lots


class Carrier:
    """Notes the lots; doubles numbers, and cannot do odd ones when told so."""

    def __init__(self) -> None:
        self.lots: list[list[int]] = []
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.poison: int | None = None

    def __call__(self, lot: Sequence[int]) -> Sequence[int | Exception]:
        assert self.goes_on.wait(10)
        self.lots.append(list(lot))
        if self.poison in lot:
            raise KeyError(self.poison)
        return [2 * one if one >= 0 else ValueError(one) for one in lot]


async def ask_all(lots: Lots[int, int], numbers: Sequence[int]) -> list[int | BaseException]:
    return await asyncio.gather(*map(lots.ask, numbers), return_exceptions=True)


def test_those_who_ask_at_once_are_one_lot() -> None:
    carrier = Carrier()
    assert asyncio.run(ask_all(Lots(carrier), [1, 2, 3])) == [2, 4, 6]
    assert carrier.lots == [[1, 2, 3]]


def test_those_who_come_meanwhile_are_the_next_lot() -> None:
    carrier = Carrier()
    lots: Lots[int, int] = Lots(carrier)

    async def come_late() -> list[int | BaseException]:
        carrier.goes_on.clear()
        first = asyncio.ensure_future(lots.ask(1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # the first lot has been taken to its thread
        later = asyncio.ensure_future(ask_all(lots, [2, 3]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        carrier.goes_on.set()
        return [await first, *await later]

    assert asyncio.run(come_late()) == [2, 4, 6]
    assert carrier.lots == [[1], [2, 3]]


def test_an_exception_among_the_answers_is_one_callers() -> None:
    good, bad, also_good = asyncio.run(ask_all(Lots(Carrier()), [1, -1, 3]))
    assert (good, also_good) == (2, 6)
    assert isinstance(bad, ValueError)


def test_one_that_cannot_be_done_stops_nobody_else() -> None:
    carrier = Carrier()
    carrier.poison = 2
    good, bad, also_good = asyncio.run(ask_all(Lots(carrier), [1, 2, 3]))
    assert (good, also_good) == (2, 6)
    assert isinstance(bad, KeyError)
    assert carrier.lots == [[1, 2, 3], [1], [2], [3]]


def test_who_has_gone_is_not_waited_for() -> None:
    lots: Lots[int, int] = Lots(Carrier())

    async def go() -> int:
        gone = asyncio.ensure_future(lots.ask(1))
        await asyncio.sleep(0)
        gone.cancel()
        return await lots.ask(2)

    assert asyncio.run(go()) == 4


def test_lots_outlive_a_loop() -> None:
    lots: Lots[int, int] = Lots(Carrier())
    assert asyncio.run(lots.ask(1)) == 2
    assert asyncio.run(lots.ask(2)) == 4


@pytest.mark.parametrize("count", [256, 257, 1000])
def test_a_lot_has_a_bound(count: int) -> None:
    carrier = Carrier()
    assert asyncio.run(ask_all(Lots(carrier), range(count))) == [2 * one for one in range(count)]
    assert max(map(len, carrier.lots)) <= 256
