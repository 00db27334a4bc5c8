"""Responders' answers, kept in memory for as long as they say that they count; faults for a short while.

Kept under the URL and the question: the URL is the station's choice, so an impostor's answer is nobody else's.
"""

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta

from csms_bridge.errors import StatusUnavailable

LONGEST = timedelta(hours=24)
"""However long an answer says that it counts: a certificate may be revoked meanwhile."""
FAULT_KEPT = timedelta(seconds=30)
ROOM = 16 * 1024 * 1024
"""Octets of answers; the least recently used are forgotten."""
_OVERHEAD = 512  # of one entry


class KeptAnswers:
    """Answers and faults by question."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._used = 0
        self._kept: OrderedDict[Hashable, tuple[bytes | StatusUnavailable, datetime]] = OrderedDict()

    def find(self, question: Hashable, now: datetime) -> bytes | None:
        """An answer that still counts, or None. Raises StatusUnavailable for a fault of a moment ago."""
        kept = self._kept.get(question)
        if kept is None or kept[1] <= now:
            return None
        self._kept.move_to_end(question)
        if isinstance(kept[0], StatusUnavailable):
            raise kept[0]
        return kept[0]

    def keep(self, question: Hashable, answer: bytes, until: datetime, now: datetime) -> None:
        """Keep an answer until then, and a day at most."""
        self._put(question, answer, min(until, now + LONGEST))

    def keep_fault(self, question: Hashable, fault: StatusUnavailable, now: datetime) -> None:
        """Do not ask again at once."""
        self._put(question, fault, now + FAULT_KEPT)

    def _put(self, question: Hashable, answer: bytes | StatusUnavailable, until: datetime) -> None:
        self._drop(question)
        self._kept[question] = (answer, until)
        self._used += _size(answer)
        while self._used > self._room:
            self._drop(next(iter(self._kept)))

    def _drop(self, question: Hashable) -> None:
        kept = self._kept.pop(question, None)
        self._used -= _size(kept[0]) if kept is not None else 0


def _size(answer: bytes | StatusUnavailable) -> int:
    return _OVERHEAD + (len(answer) if isinstance(answer, bytes) else 0)
