"""Every OCPP message with its secrets taken out, and when each station was last heard of.

Kept in memory and written in bulk every second: unlike the audit trail it may lose its last second in a crash.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from csms_bridge.frames import Call, CallError, CallResult, CallResultError, Frame, Malformed, Send
from csms_bridge.redaction import redact
from csms_bridge.station import JournalEntry
from csms_bridge.tables import MessageRow
from pki.clock import Clock
from pki.many_rows import ManyRows
from pki.store import Store

IN, OUT = "in", "out"
LONGEST_PAYLOAD = 20_000
_MESSAGES = ManyRows(MessageRow, "station", "at", "direction", "kind", "action", "payload", "error")


class Journal:
    """Collects entries; `flush` writes them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._pending: list[dict[str, Any]] = []
        self._heard: dict[str, datetime] = {}

    def note(self, station: str, direction: str, frame: Frame, action: str = "", *, remark: str = "") -> None:
        """Take one frame; `action` names the call that an answer belongs to, `remark` says what is wrong with it."""
        now = self._clock()
        if direction == IN:
            self._heard[station] = now
        self._pending.append(row_of(station, direction, frame, action, now, remark))

    def take_heard(self) -> dict[str, datetime]:
        """Stations heard of since the last time this was asked."""
        heard, self._heard = self._heard, {}
        return heard

    def flush(self) -> None:
        """Write what was collected, in one transaction."""
        rows, self._pending = self._pending, []
        if not rows:
            return
        with self._store.writing() as session:
            _MESSAGES.add(session, rows)

    def read(self, station: str, before: int | None, limit: int) -> list[JournalEntry]:
        """A station's messages, newest first."""
        query = select(MessageRow).where(MessageRow.station == station)
        if before is not None:
            query = query.where(col(MessageRow.id) < before)
        with self._store.reading() as session:
            rows: Sequence[MessageRow] = session.exec(query.order_by(col(MessageRow.id).desc()).limit(limit)).all()
            return [entry_of(row) for row in rows]


def row_of(station: str, direction: str, frame: Frame, action: str, now: datetime, remark: str = "") -> dict[str, Any]:
    """The columns of a frame's row, without its secrets."""
    payload: object = None
    error = remark
    match frame:
        case Call():
            kind, action, payload = "call", frame.action, frame.payload
        case CallResult():
            kind, payload = "result", frame.payload
        case CallError():
            kind, payload, error = "error", frame.details, f"{frame.code}: {frame.description}"
        case Send():
            kind, action, payload = "send", frame.action, frame.payload
        case CallResultError():
            kind, payload, error = (
                "refusal",
                frame.details,
                f"the answer was not taken: {frame.code}: {frame.description}",
            )
        case Malformed():
            kind, error = "broken", frame.why
    return {
        "station": station, "at": now, "direction": direction, "kind": kind, "action": _storable(action[:50]),
        "payload": _payload_text(payload), "error": _storable(error[:300]),
    }  # fmt: skip


def _payload_text(payload: object) -> str:
    try:
        text = json.dumps(redact(payload), ensure_ascii=False)
    except RecursionError:
        return json.dumps("nested too deeply to keep")
    return text if len(text) <= LONGEST_PAYLOAD else json.dumps(f"{len(text)} characters, too long to keep")


def _storable(text: str) -> str:
    """Without NUL characters, which PostgreSQL refuses: one such row would lose the whole second's messages."""
    return text.replace("\0", "\ufffd")


def entry_of(row: MessageRow) -> JournalEntry:
    """The domain object of a row."""
    return JournalEntry(
        row.id or 0, row.station, row.at, row.direction, row.kind, row.action, json.loads(row.payload), row.error
    )


class NoJournal(Journal):
    """Keeps nothing: for lines of stations that nobody registered, since anybody can open those."""

    def __init__(self) -> None:
        """Without a database."""

    def note(self, station: str, direction: str, frame: Frame, action: str = "", *, remark: str = "") -> None:
        """Let it go."""
