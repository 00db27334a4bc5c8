"""What can wait gives way to many who connect, but not for ever."""

import pytest

from csms_bridge.rush import MANY, PATIENCE, Rush


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def rush(seconds: Seconds) -> Rush:
    return Rush(seconds)


def come(rush: Rush, count: int) -> None:
    for _ in range(count):
        rush.came()


def test_a_few_put_nothing_off(rush):
    come(rush, MANY - 1)
    assert not rush.puts_off("lint")


def test_many_within_a_second_put_off_what_can_wait(rush):
    come(rush, MANY)
    assert rush.puts_off("lint")


def test_many_over_a_longer_time_do_not(rush, seconds):
    for _ in range(5 * MANY):
        seconds.now += 0.1
        rush.came()
    assert not rush.puts_off("lint")


def test_a_second_after_the_last_the_rush_is_over(rush, seconds):
    come(rush, 10 * MANY)
    seconds.now += 1.1
    assert not rush.puts_off("lint")


def test_who_keeps_connecting_does_not_stop_work_for_good(rush, seconds):
    rounds = []
    for _ in range(int(3 * PATIENCE)):
        seconds.now += 1
        come(rush, MANY)
        rounds.append(rush.puts_off("lint"))
    assert rounds.count(False) == 2


def test_each_piece_of_work_has_its_own_patience(rush, seconds):
    come(rush, MANY)
    assert rush.puts_off("lint")
    seconds.now += PATIENCE
    come(rush, MANY)
    assert rush.puts_off("postures")
    assert not rush.puts_off("lint")
