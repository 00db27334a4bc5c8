"""One identity that two places push each other out of: a copied key or password, seen by what it does.

With equal proof the newest line stays, since a station whose old line is dead has to come back. Of a thief with a copy
and the station itself, each then throws the other out, again and again. A station that moves to another network does so
once. In memory: a restart begins to count anew.
"""

from collections import OrderedDict, deque
from datetime import datetime, timedelta

from pki.alarms import AlarmKind, Alarms, Severity
from pki.clock import Clock

WITHIN = timedelta(minutes=10)
OFTEN = 3
"""Take-overs of a live line from another network, in this time."""
LARGEST = 20_000


class TwoPlaces:
    """From any thread."""

    def __init__(self, alarms: Alarms, clock: Clock) -> None:
        self._alarms = alarms
        self._clock = clock
        self._seen: OrderedDict[str, deque[datetime]] = OrderedDict()

    def took_over(self, station: str, before: str, after: str) -> None:
        """A line from `after` has taken the place of a live one from `before`, which is another network."""
        if self._is_often(station, self._clock()):
            sentence = (
                f"{station}: lines from {before} and {after} push each other out; one of them may have a copy of its "
                f"certificate's key or its password"
            )
            self._alarms.sound(AlarmKind.LINE_CONTESTED, station, sentence, Severity.CRITICAL)

    def _is_often(self, station: str, now: datetime) -> bool:
        times = self._seen.pop(station, None) or deque(maxlen=OFTEN)
        times.append(now)
        self._seen[station] = times
        if len(self._seen) > LARGEST:
            self._seen.popitem(last=False)
        return len(times) == OFTEN and now - times[0] <= WITHIN
