from datetime import UTC, datetime, timedelta
from random import Random

from csms_bridge.posture.pacing import ReadingQueue

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def chance(seed: int) -> Random:
    return Random(seed)  # noqa: S311 -- the same order in every run


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def full_queue(count: int, rate: float = 5, seed: int = 1) -> ReadingQueue:
    queue = ReadingQueue(rate, chance(seed))
    queue.take(NOON)
    for number in range(count):
        queue.expect(f"CS-{number:04}", NOON)
    return queue


def test_a_fleet_that_comes_back_is_read_a_few_a_second():
    queue = full_queue(1000)
    assert [len(queue.take(at(second))) for second in range(1, 11)] == [5] * 10


def test_nothing_is_saved_up_beyond_a_second():
    queue = full_queue(1000)
    assert len(queue.take(at(3600))) == 5


def test_everybody_has_a_turn_once_and_in_random_order():
    queue = full_queue(50)
    taken = [station for second in range(1, 20) for station in queue.take(at(second))]
    assert sorted(taken) == [f"CS-{number:04}" for number in range(50)]
    assert taken != sorted(taken)
    assert taken != [station for second in range(1, 20) for station in full_queue(50, seed=2).take(at(second))]


def test_a_slow_rate_takes_one_every_now_and_then():
    queue = full_queue(10, rate=0.125)
    assert [len(queue.take(at(second))) for second in range(1, 21)].count(1) == 2


def test_a_clock_that_jumps_back_gives_nothing_and_breaks_nothing():
    queue = full_queue(0)
    queue.expect("CS-1", at(-100))
    assert queue.take(at(-60)) == []
    assert queue.take(at(-59)) == ["CS-1"]


def test_who_is_due_later_waits():
    queue = ReadingQueue(5, chance(1))
    queue.take(NOON)
    queue.expect("CS-1", at(60))
    assert queue.take(at(59)) == []
    assert queue.take(at(61)) == ["CS-1"]


def test_who_left_is_forgotten():
    queue = full_queue(1)
    queue.arrived("CS-9")
    queue.left("CS-9")
    queue.left("CS-0000")
    assert len(queue) == 0


def test_those_who_are_new_are_looked_at_in_portions():
    queue = ReadingQueue(5, chance(1))
    for number in range(25):
        queue.arrived(f"CS-{number}")
    portions = [queue.unknown(NOON, 10) for _ in range(4)]
    assert [len(portion) for portion in portions] == [10, 10, 5, 0]
    assert len({station for portion in portions for station in portion}) == 25


def test_who_could_not_be_read_is_looked_at_again():
    queue = ReadingQueue(5, chance(1))
    queue.look_again("CS-1", at(600))
    assert queue.unknown(at(599), 10) == []
    assert queue.unknown(at(600), 10) == ["CS-1"]


def test_news_of_a_station_replace_what_was_expected():
    queue = full_queue(1)
    queue.arrived("CS-0000")
    assert queue.take(at(1)) == []
    assert queue.unknown(at(1), 10) == ["CS-0000"]
