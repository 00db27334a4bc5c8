"""Passwords held against hashes: one slow hash for a station and a process, and never more at once than may be."""

import asyncio
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from csms_bridge.password_checks import MOST_OF_ONE, WORKERS, ChecksBusy, PasswordChecks, Recalled, until_even
from csms_bridge.passwords import PasswordKind, hash_password
from csms_bridge.station import KnownPassword
from pki.secret_text import Secret
from tests.csms_bridge.room import PASSWORD_KEY

STATIONS = 20


def known(station: str, password: str, kind: PasswordKind = PasswordKind.CHOSEN, id_: str = "1") -> KnownPassword:
    return KnownPassword(id_, hash_password(Secret.of(password), kind, station, PASSWORD_KEY))


@pytest.fixture(autouse=True, scope="module")
def _hash_of_some_milliseconds() -> Iterator[None]:
    """Long beside a turn of the loop, and still a tenth of what is shipped."""
    with pytest.MonkeyPatch.context() as patch:
        hasher = PasswordHasher(time_cost=1, memory_cost=16 * 1024, parallelism=1)
        patch.setattr("csms_bridge.passwords._argon2", hasher)
        yield


@pytest.fixture
def checks() -> PasswordChecks:
    return PasswordChecks(PASSWORD_KEY, queue=200)


@pytest.fixture(scope="module")
def fleet() -> dict[str, KnownPassword]:
    return {f"CS-{number}": known(f"CS-{number}", f"chosen by {number}") for number in range(STATIONS)}


async def come_back(checks: PasswordChecks, fleet: dict[str, KnownPassword]) -> list[str | None]:
    presented = {station: Secret.of(f"chosen by {station[3:]}") for station in fleet}
    return await asyncio.gather(*(checks.find(one, presented[one], [fleet[one]]) for one in fleet))


async def test_a_storm_costs_one_slow_hash_for_a_station_and_the_loop_goes_on(checks, fleet):
    """Counted, not timed: turns of the loop while the hashes are at work in their own threads."""
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    assert await come_back(checks, fleet) == ["1"] * STATIONS
    turning.cancel()
    assert checks.slow == STATIONS
    assert turns > 10 * STATIONS  # on the loop's own thread there would be one turn for each hash
    assert await come_back(checks, fleet) == ["1"] * STATIONS
    assert checks.slow == STATIONS


async def test_no_more_threads_than_the_pool_has_hash_at_once(checks, fleet):
    await come_back(checks, fleet)
    assert {home: len(pool._threads) for home, pool in checks._pools.items()} == {True: 0, False: WORKERS[False]}


async def test_a_full_queue_takes_no_more_and_empties_again(fleet):
    checks = PasswordChecks(PASSWORD_KEY, queue=3)
    results = await asyncio.gather(
        *(checks.find(one, Secret.of(f"chosen by {one[3:]}"), [fleet[one]]) for one in list(fleet)[:8]),
        return_exceptions=True,
    )
    assert results[:3] == ["1"] * 3
    assert all(isinstance(one, ChecksBusy) for one in results[3:])
    assert await checks.find("CS-7", Secret.of("chosen by 7"), [fleet["CS-7"]]) == "1"


async def test_who_guesses_at_one_station_does_not_fill_the_queue(checks, fleet):
    guesses = [checks.find("CS-1", Secret.of(f"guess {number}"), [fleet["CS-1"]]) for number in range(10)]
    results = await asyncio.gather(
        *guesses, checks.find("CS-2", Secret.of("chosen by 2"), [fleet["CS-2"]]), return_exceptions=True
    )
    assert results[:MOST_OF_ONE] == [None] * MOST_OF_ONE
    assert all(isinstance(one, ChecksBusy) for one in results[MOST_OF_ONE:-1])
    assert results[-1] == "1"


async def test_guesses_from_many_addresses_do_not_keep_a_station_from_its_own_place(fleet):
    """Neither those at this station, nor those that fill the queue: the right one from home is not told to wait."""
    checks = PasswordChecks(PASSWORD_KEY, queue=MOST_OF_ONE + 1)
    others = [checks.find("CS-2", Secret.of("guess"), [fleet["CS-2"]])]
    guesses = [checks.find("CS-1", Secret.of(f"guess {number}"), [fleet["CS-1"]]) for number in range(10)]
    home = checks.find("CS-1", Secret.of("chosen by 1"), [fleet["CS-1"]], is_at_home=True)
    away = checks.find("CS-3", Secret.of("chosen by 3"), [fleet["CS-3"]])
    results = await asyncio.gather(*others, *guesses, home, away, return_exceptions=True)
    assert results[-2] == "1"
    assert isinstance(results[-1], ChecksBusy)


async def test_a_station_that_was_let_in_once_is_never_told_to_wait(fleet):
    checks = PasswordChecks(PASSWORD_KEY, queue=1)
    await checks.find("CS-1", Secret.of("chosen by 1"), [fleet["CS-1"]])
    guess = asyncio.create_task(checks.find("CS-1", Secret.of("guess"), [fleet["CS-1"]]))
    await asyncio.sleep(0)
    assert await checks.find("CS-1", Secret.of("chosen by 1"), [fleet["CS-1"]]) == "1"
    await guess


async def test_the_same_wrong_password_again_and_again_costs_one_slow_hash(checks, fleet):
    for _ in range(5):
        assert await checks.find("CS-1", Secret.of("stale password"), [fleet["CS-1"]]) is None
    assert checks.slow == 1


async def test_two_lines_at_once_share_a_check_and_one_that_leaves_does_not_end_it(checks, fleet):
    first, second = (
        asyncio.create_task(checks.find("CS-1", Secret.of("chosen by 1"), [fleet["CS-1"]])) for _ in range(2)
    )
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "1"
    assert checks.slow == 1


async def test_a_generated_password_needs_no_slow_hash(checks, fleet):
    offered = known("CS-1", "a-generated-password", PasswordKind.GENERATED, "2")
    assert await checks.find("CS-1", Secret.of("a-generated-password"), [fleet["CS-1"], offered]) == "2"
    assert checks.slow == 0


def test_what_was_found_is_bound_to_the_hash_and_the_station():
    recalled = Recalled()
    digest = recalled.digest("CS-1", Secret.of("right"), "hash-1")
    recalled.note("hash-1", digest, True)
    assert recalled.verdict("hash-1", digest) is True
    assert recalled.verdict("hash-2", recalled.digest("CS-1", Secret.of("right"), "hash-2")) is None
    assert recalled.verdict("hash-1", recalled.digest("CS-2", Secret.of("right"), "hash-1")) is None
    assert recalled.verdict("hash-1", recalled.digest("CS-1", Secret.of("wrong"), "hash-1")) is None
    assert b"right" not in digest


def test_the_least_recently_used_are_forgotten_and_wrong_ones_push_out_no_right_one():
    recalled = Recalled(largest=2)
    digests = {stored: recalled.digest("CS-1", Secret.of("it"), stored) for stored in "abcdefg"}
    for stored in "ab":
        recalled.note(stored, digests[stored], True)
    for stored in "defg":
        recalled.note(stored, digests[stored], False)
    assert recalled.verdict("a", digests["a"]) is True
    recalled.note("c", digests["c"], True)
    assert recalled.verdict("b", digests["b"]) is None
    assert recalled.verdict("d", digests["d"]) is None
    assert recalled.verdict("g", digests["g"]) is False


@pytest.mark.parametrize(("elapsed", "wait"), [(0.0, 0.0), (0.01, 0.24), (0.25, 0.0), (0.3, 0.2)])
def test_a_refusal_waits_for_the_next_even_moment(elapsed, wait):
    assert until_even(elapsed, 0.25) == pytest.approx(wait)
