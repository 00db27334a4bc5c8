"""What time, stations and other processes did to updates: looked for in the database, round after round."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, update
from sqlmodel import Session, col, or_, select

from csms_bridge.firmware.book import OPEN_STATES
from csms_bridge.firmware.rows import FirmwareUpdateRow
from csms_bridge.firmware.states import UNPROVED, UpdateState
from csms_bridge.station_roots.entries import OPEN as ROOT_OPEN
from csms_bridge.station_roots.rows import RootActRow
from csms_bridge.tables import CommandRow, StationRow

DEAD_AFTER = timedelta(minutes=1)
_WATCHED_FOR = timedelta(days=30)
"""How long after a failure without proof the version that a station reports may still set it right."""


def due(session: Session, now: datetime, limit: int) -> Sequence[tuple[FirmwareUpdateRow, StationRow]]:
    """Open updates whose time has come or whose station was seen since, and failures that a version may set right."""
    row, station = FirmwareUpdateRow, StationRow
    booted_since = col(station.booted_at) > col(row.looked_at)
    is_open = col(row.state).in_(OPEN_STATES)
    unproved = and_(
        col(row.state) == UpdateState.FAILED.value,
        col(row.cause).in_([cause.value for cause in UNPROVED]),
        col(row.ended_at) > now - _WATCHED_FOR,
        booted_since,
    )
    news = or_(col(row.look_at) <= now, booted_since, col(station.connected_at) > col(row.looked_at))
    query = select(row, station).where(
        station.id == row.station, col(row.sent_at).is_not(None), or_(is_open & news, unproved)
    )
    return session.exec(query.order_by(col(row.look_at)).limit(limit)).all()


def nothing_new(session: Session, updates: Sequence[int], now: datetime, again: datetime) -> None:
    """They were looked at, and stand where they stood."""
    session.execute(
        update(FirmwareUpdateRow).where(col(FirmwareUpdateRow.id).in_(updates)).values(looked_at=now, look_at=again)
    )


def unsent(session: Session, now: datetime, limit: int) -> Sequence[tuple[int, str]]:
    """Updates whose request is to be put in the queue, with what came before it.

    Their root's installation has ended; or the process that was to send it died before anything went out.
    """
    row, queued = FirmwareUpdateRow, col(FirmwareUpdateRow.state) == UpdateState.QUEUED.value
    after_root = select(row.id, RootActRow.sentence).where(
        queued, col(row.root_act) == col(RootActRow.id), row.command == 0,
        col(RootActRow.state).not_in([state.value for state in ROOT_OPEN]),
    )  # fmt: skip
    dead = select(row.id, CommandRow.error).where(
        queued, col(row.command) == col(CommandRow.id), or_(CommandRow.state == "failed", _is_dead(now))
    )
    found = [*session.exec(after_root.limit(limit)), *session.exec(dead.limit(limit))]
    return [(number or 0, sentence) for number, sentence in found]


def _is_dead(now: datetime) -> ColumnElement[bool]:
    """Claimed, and nothing went out since: its process died. Should it live, it finds that the update is another's."""
    return and_(col(CommandRow.state) == "sent", col(CommandRow.updated_at) < now - DEAD_AFTER)


def is_newest(session: Session, row: FirmwareUpdateRow) -> bool:
    """Whether no update of the station came after it: what it runs now says nothing of older failures."""
    newer = select(FirmwareUpdateRow.id).where(
        FirmwareUpdateRow.station == row.station, col(FirmwareUpdateRow.id) > row.id
    )
    return session.exec(newer.limit(1)).first() is None
