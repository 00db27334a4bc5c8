"""Security events from the line into the database: a station is answered even while that is busy (A04.FR.03).

A station that waits in vain sends its event again, and some give up after two seconds (station-quirks 21). So the
answer waits for the record, but not long; a record that is late is still made, as long as this process lives.
"""

import asyncio

import structlog
from sqlalchemy.exc import SQLAlchemyError

from csms_bridge.events import SecurityEventTold
from csms_bridge.security_events import SecurityEvents

log = structlog.get_logger(__name__)

PATIENCE = 1.0
"""Seconds that an answer waits for the record."""
MOST_WAITING = 2000
"""Events of all stations that may wait for the database; what comes then is answered and only logged."""
_AGAIN = (0.5, 2.0, 8.0, 30.0)  # seconds before each new try
_LAST_WORDS = 5.0


class EventIntake:
    """Takes events in and sees that they are recorded."""

    def __init__(self, events: SecurityEvents, patience: float = PATIENCE) -> None:
        self._events = events
        self._patience = patience
        self._open: set[asyncio.Task[None]] = set()

    async def take(self, station: str, told: SecurityEventTold) -> None:
        """Record an event; returns when that is done, or when the station must not wait longer. Never raises."""
        if len(self._open) >= MOST_WAITING:
            log.error("security_event_lost", station=station, type=told.type, why="too many wait for the database")
            return
        recording = asyncio.create_task(self._record(station, told))
        self._open.add(recording)
        recording.add_done_callback(self._open.discard)
        await asyncio.wait({recording}, timeout=self._patience)

    async def finish(self) -> None:
        """At the end: give what still waits a moment."""
        if self._open:
            await asyncio.wait(set(self._open), timeout=_LAST_WORDS)
        for late in self._open:
            late.cancel()

    async def _record(self, station: str, told: SecurityEventTold) -> None:
        for wait in (*_AGAIN, None):
            try:
                await asyncio.to_thread(self._events.record, station, told)
                return
            except SQLAlchemyError as fault:
                log.warning("security_event_waits", station=station, type=told.type, why=type(fault).__name__)
                if wait is not None:
                    await asyncio.sleep(wait)
        log.error("security_event_lost", station=station, type=told.type, why="the database did not take it")
