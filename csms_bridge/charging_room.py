"""How much of the disk one station may take with messages about charging that nobody has fetched.

Such messages are bills, so nothing is dropped for want of room: what does not fit is refused, with an alarm long
before. An honest station fills its room in a year or so; one that was taken over, or gone mad, in an hour, and then
the disk must still be there for all others.

What stands in the database is counted now and then, and what comes meanwhile is added in memory.
"""

import json
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import col, select

from csms_bridge.errors import ChargingFull
from csms_bridge.frames import Json
from csms_bridge.tables import ChargingMessageRow
from csms_bridge.tally import Tally
from pki.alarms import AlarmKind, Alarms, Severity
from pki.clock import Clock
from pki.store import Store

ALARMED_FROM = 0.8
"""Of the room."""
_COUNTED_AGAIN = timedelta(hours=1)
_COUNTED_SOON = timedelta(minutes=1)
"""Once the alarm is due: what was fetched meanwhile makes room."""
_KIND = AlarmKind.CHARGING_FULL


@dataclass(slots=True)
class _Count:
    """What a station has left here, as far as it is known; whether the alarm was told since `at`."""

    octets: int
    at: datetime
    told: bool = False


class ChargingRoom:
    """One for each process. `limit`: octets of one station. Safe to use from several threads."""

    def __init__(self, store: Store, alarms: Alarms, clock: Clock, limit: int, tally: Tally) -> None:
        self._store = store
        self._alarms = alarms
        self._clock = clock
        self._limit = limit
        self._tally = tally
        self._counts: dict[str, _Count] = {}
        self._lock = threading.Lock()

    def take_up(self, station: str, payload: Json) -> None:
        """A message is about to be kept. Raises ChargingFull when there is no room for it."""
        octets = len(json.dumps(payload))
        count = self._count(station)
        with self._lock:
            fits = count.octets + octets <= self._limit
            count.octets += octets if fits else 0
        if not count.told and (not fits or count.octets >= ALARMED_FROM * self._limit):
            count.told = True
            self._sound(station, count)
        if not fits:
            self._tally.charging_refused += 1
            raise ChargingFull(station)

    def _count(self, station: str) -> _Count:
        now = self._clock()
        known = self._counts.get(station)
        if known is not None and now < known.at + (_COUNTED_SOON if known.told else _COUNTED_AGAIN):
            return known
        counted = _Count(self._in_database(station), now)
        if (known is None or known.told) and counted.octets < ALARMED_FROM * self._limit:
            self._alarms.settle(_KIND, station)
        self._counts[station] = counted
        return counted

    def _in_database(self, station: str) -> int:
        kept = (ChargingMessageRow.station == station, col(ChargingMessageRow.handed_over_at).is_(None))
        octets = func.coalesce(func.sum(func.length(ChargingMessageRow.payload)), 0)
        with self._store.reading() as session:
            return int(session.exec(select(octets).where(*kept)).one())

    def _sound(self, station: str, count: _Count) -> None:
        if not self._alarms.is_open(_KIND, station):
            sentence = (
                f"messages about charging of station {station!r} that nobody fetched take {count.octets:,} octets of"
                f" {self._limit:,}; what does not fit is refused."
                " Fetch them with: voltward transactions export --hand-over"
            )
            self._alarms.sound(_KIND, station, sentence, Severity.WARNING)
