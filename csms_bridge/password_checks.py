"""Presented passwords held against hashes, so that neither a storm of stations nor an attacker stalls the service.

A password that a person chose has a slow hash: 64 MiB and tens of milliseconds of every core for each try. Those go
through a pool of their own with a bounded queue, and what was verified once is recalled for the life of the process:
a whole fleet that comes back costs one slow hash for each station, once. Nothing of it reaches the disk.

There are two queues, with threads of their own: one for peers at the address that the station came from last, one
for all others. So guesses from elsewhere, from however many addresses, never keep a station from its own place.
"""

import asyncio
import hashlib
import hmac
import secrets
import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from csms_bridge.passwords import is_slow, password_matches
from csms_bridge.station import KnownPassword
from pki.secret_text import Secret

WORKERS = {True: 2, False: 1}
"""Threads for peers at their station's address, and for all others."""
LARGEST = 100_000
"""Passwords that are recalled; the least recently used are forgotten."""
MOST_OF_ONE = 4
"""Tries of one station that may wait in a queue: whoever guesses at one does not fill it for all."""


class ChecksBusy(Exception):
    """So many passwords wait to be checked that one more is not taken."""


class _Check(NamedTuple):
    """One slow check: in which queue, against which hash, and what was presented, as a digest."""

    is_at_home: bool
    stored: str
    digest: bytes


class Recalled:
    """Which password was right, and which wrong, for a slow hash: as keyed digests, bound to that hash.

    Of the wrong ones the last is kept, since a station with a stale password tries it again and again. Safe to use
    from several threads.
    """

    def __init__(self, largest: int = LARGEST) -> None:
        self._key = secrets.token_bytes(32)
        self._largest = largest
        self._verdicts: dict[bool, OrderedDict[str, bytes]] = {True: OrderedDict(), False: OrderedDict()}
        self._lock = threading.Lock()

    def digest(self, station: str, presented: Secret, stored: str) -> bytes:
        """What stands for a presented password here."""
        message = b"\0".join((stored.encode(), station.encode(), presented.reveal))
        return hmac.new(self._key, message, hashlib.sha256).digest()

    def verdict(self, stored: str, digest: bytes) -> bool | None:
        """Whether this password was found right or wrong for this hash; None when it is not known."""
        with self._lock:
            for verdict, known in self._verdicts.items():
                if hmac.compare_digest(known.get(stored, b""), digest):
                    known.move_to_end(stored)
                    return verdict
        return None

    def note(self, stored: str, digest: bytes, verdict: bool) -> None:
        """Remember what was found."""
        with self._lock:
            known = self._verdicts[verdict]
            known[stored] = digest
            known.move_to_end(stored)
            if len(known) > self._largest:
                known.popitem(last=False)


class PasswordChecks:
    """`key`: for the keyed hash of generated passwords. `queue`: slow checks that may be under way or wait in each."""

    def __init__(self, key: bytes, queue: int) -> None:
        self._key = key
        self._queue = queue
        self._recalled = Recalled()
        self._pools = {home: ThreadPoolExecutor(number, "passwords") for home, number in WORKERS.items()}
        self._running: dict[_Check, asyncio.Future[bool]] = {}
        self._waiting: Counter[bool] = Counter()
        self._of_hash: Counter[tuple[bool, str]] = Counter()
        self.slow = 0
        """Slow hashes that were computed since the start."""

    def at_once(
        self, station: str, presented: Secret, known: Sequence[KnownPassword]
    ) -> tuple[str | None, list[KnownPassword]]:
        """The id of the password that was presented, and those that it takes a slow hash to tell. From any thread."""
        unknown: list[KnownPassword] = []
        for one in known:
            verdict = self._quick_verdict(station, presented, one.hash)
            if verdict:
                return one.id, []
            if verdict is None:
                unknown.append(one)
        return None, unknown

    async def find(
        self, station: str, presented: Secret, known: Sequence[KnownPassword], *, is_at_home: bool = False
    ) -> str | None:
        """The id of the password that was presented, or None. Raises ChecksBusy.

        `is_at_home`: it comes from where the station came from last.
        """
        found, unknown = self.at_once(station, presented, known)
        for one in unknown:
            if await self._slowly(station, presented, one.hash, is_at_home=is_at_home):
                return one.id
        return found

    def _quick_verdict(self, station: str, presented: Secret, stored: str) -> bool | None:
        if not is_slow(stored):
            return password_matches(presented, stored, station, self._key)
        return self._recalled.verdict(stored, self._recalled.digest(station, presented, stored))

    async def _slowly(self, station: str, presented: Secret, stored: str, *, is_at_home: bool) -> bool:
        """Two that present the same at the same time share one check; one that goes away does not end it."""
        check = _Check(is_at_home, stored, self._recalled.digest(station, presented, stored))
        running = self._running.get(check) or self._begin(station, presented, check)
        return await asyncio.shield(running)

    def _begin(self, station: str, presented: Secret, check: _Check) -> "asyncio.Future[bool]":
        home, stored = check.is_at_home, check.stored
        if self._waiting[home] >= self._queue or self._of_hash[home, stored] >= MOST_OF_ONE:
            raise ChecksBusy
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._pools[home], password_matches, presented, stored, station, self._key)
        self._running[check] = running
        self._waiting[home] += 1
        self._of_hash[home, stored] += 1
        self.slow += 1
        running.add_done_callback(lambda done: self._ended(check, done))
        return running

    def _ended(self, check: _Check, done: "asyncio.Future[bool]") -> None:
        del self._running[check]
        self._waiting[check.is_at_home] -= 1
        place = (check.is_at_home, check.stored)
        self._of_hash[place] -= 1
        if not self._of_hash[place]:
            del self._of_hash[place]
        if not done.cancelled() and done.exception() is None:
            self._recalled.note(check.stored, check.digest, done.result())


def until_even(elapsed: float, pace: float) -> float:
    """Seconds until `elapsed` is a multiple of `pace`.

    A refusal that took no hash, a keyed one or a slow one comes at such a moment, so that its time does not tell
    whether a station has a password, or which kind.
    """
    return -elapsed % pace
