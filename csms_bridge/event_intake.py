"""Security events from the line into the database: a station is answered when its event is on record (A04.FR.03).

With the answer the station forgets its event (A04.FR.02 has it keep what was not answered), so until then this must
not be the only copy: a process may die at any moment. A station that waits in vain sends its event again, which is
taken for the same one. A database that is busy for long is given up with an error; what came is tried on all the same.
"""

import asyncio

import structlog
from sqlalchemy.exc import SQLAlchemyError

from csms_bridge.events import SecurityEventTold
from csms_bridge.security_events import SecurityEvents

log = structlog.get_logger(__name__)

PATIENCE = 20.0
"""Seconds that an answer waits for the record: less than stations wait for it, so that they hear why there is none."""
MOST_WAITING = 2000
"""Events of all stations that may wait for the database; what comes then is refused at once."""
_AGAIN = (0.5, 2.0, 8.0, 30.0)  # seconds before each new try
_LAST_WORDS = 5.0


class EventNotKept(Exception):
    """The event is not on record, so the station must keep it."""


class EventIntake:
    """Takes events in and sees that they are recorded."""

    def __init__(self, events: SecurityEvents, patience: float = PATIENCE) -> None:
        self._events = events
        self._patience = patience
        self._open: set[asyncio.Task[bool]] = set()

    async def take(self, station: str, told: SecurityEventTold) -> None:
        """Record an event; returns when it is durable. Raises EventNotKept."""
        if len(self._open) >= MOST_WAITING:
            log.error("security_event_refused", station=station, type=told.type, why="too many wait for the database")
            raise EventNotKept
        recording = asyncio.create_task(self._record(station, told))
        self._open.add(recording)
        recording.add_done_callback(self._open.discard)
        done, _ = await asyncio.wait({recording}, timeout=self._patience)
        if not done or not recording.result():
            raise EventNotKept

    async def finish(self) -> None:
        """At the end: give what still waits a moment."""
        if self._open:
            await asyncio.wait(set(self._open), timeout=_LAST_WORDS)
        for late in self._open:
            late.cancel()

    async def _record(self, station: str, told: SecurityEventTold) -> bool:
        for wait in (*_AGAIN, None):
            try:
                await asyncio.to_thread(self._events.record, station, told)
                return True
            except SQLAlchemyError as fault:
                log.warning("security_event_waits", station=station, type=told.type, why=type(fault).__name__)
                if wait is not None:
                    await asyncio.sleep(wait)
        log.error("security_event_refused", station=station, type=told.type, why="the database did not take it")
        return False
