"""OCSP answers, signed once and given out again: for requests about one certificate and without a nonce.

An answer lives here for the first half of its validity, and no longer than its status. A change in this process drops
it at once. For changes elsewhere the counters in the database are looked at four times a second; between two looks an
answer comes from memory alone.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from pki.ocsp import OcspResponder, StatusAnswer
from pki.ocsp_encoding import Failure, failure
from pki.status_changes import StatusChanges

log = structlog.get_logger()

LOOK_EVERY = timedelta(seconds=0.25)
_LONGEST_KEPT = 512  # octets of a request; one certificate with SHA-512 takes about 190


class OcspCache:
    """A responder with a memory of so many answers (some 2 KiB each), the least used of which are forgotten first."""

    def __init__(self, responder: OcspResponder, changes: StatusChanges, size: int) -> None:
        self._responder = responder
        self._changes = changes
        self._size = size
        self._answers: OrderedDict[bytes, StatusAnswer] = OrderedDict()
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._looked: datetime | None = None
        self._drops = 0  # counts up with every change, so that what was read before it is not kept after it

    def remembered(self, request: bytes, now: datetime) -> StatusAnswer | None:
        """The answer from memory, if it is there and certainly still true. Touches no database and never waits long."""
        if not self._has_looked(now):
            return None
        with self._lock:
            answer = self._answers.get(request)
            if answer is None:
                return None
            self._answers.move_to_end(request)
        return answer if answer.is_fresh(now) else None

    def answer(self, request: bytes, now: datetime) -> StatusAnswer:
        """The answer from memory, or a new one, which is remembered when it may be; never raises."""
        try:
            self._look(now)
        except Exception:
            log.exception("ocsp_failed")
            return StatusAnswer(failure(Failure.TRY_LATER))
        found = self.remembered(request, now)
        if found is not None:
            return found
        drops = self._drops
        made = self._responder.answer(request, now)
        if made.is_fresh(now) and len(request) <= _LONGEST_KEPT:
            self._remember(request, made, drops)
        return made

    def drop_serials(self, serials: Sequence[str]) -> None:
        """Forget what was said about these, or signed by one of these."""
        changed = frozenset(serials)
        self._drop(lambda answer: not changed.isdisjoint(answer.serials))

    def _remember(self, request: bytes, answer: StatusAnswer, drops: int) -> None:
        with self._lock:
            if drops != self._drops:
                return
            self._answers[request] = answer
            while len(self._answers) > self._size:
                self._answers.popitem(last=False)

    def _has_looked(self, now: datetime) -> bool:
        return self._looked is not None and self._looked <= now < self._looked + LOOK_EVERY

    def _look(self, now: datetime) -> None:
        """Without the database nothing is certain: then this raises, and nothing is given out from memory."""
        with self._looking:
            if self._has_looked(now):
                return
            changed = self._changes.look()
            if changed:
                self._drop(lambda answer: not changed.isdisjoint(answer.shards))
            self._looked = now

    def _drop(self, is_stale: Callable[[StatusAnswer], bool]) -> None:
        with self._lock:
            self._drops += 1
            for request in [request for request, answer in self._answers.items() if is_stale(answer)]:
                del self._answers[request]
        self._responder.forget_responders()
