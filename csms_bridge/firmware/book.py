"""Firmware updates as rows and as values, and what the audit trail is told of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.errors import UnknownUpdate
from csms_bridge.firmware.rows import FirmwareUpdateRow
from csms_bridge.firmware.states import OPEN, Cause, Facts, Progress, UpdateState
from csms_bridge.tables import StationRow
from pki.audit import JSON, Entry

_MARGIN = timedelta(seconds=30)
SOON = timedelta(seconds=5)
"""After this an open update is looked at again, whatever happens."""
OPEN_STATES = tuple(state.value for state in OPEN)
_PLAIN = (
    "version", "before", "request_id", "signed", "since", "reason", "told", "told_at", "verified", "seen",
    "failing_at", "steady_since", "sent_at", "asked", "cancelling",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Update:
    """One update of one station, for people. `progress` says how far it is; `location` is somebody else's server."""

    id: int
    station: str
    firmware: str
    campaign: str
    digest: str
    signing_serial: str
    location: str
    progress: Progress
    why: str
    asked_by: str
    created_at: datetime
    ended_at: datetime | None
    errors_before: int | None
    errors_after: int | None

    @property
    def state(self) -> UpdateState:
        """How far it is."""
        return self.progress.state


def update_of(row: FirmwareUpdateRow) -> Update:
    """The domain object of a row."""
    return Update(
        id=row.id or 0, station=row.station, firmware=row.firmware, campaign=row.campaign, digest=row.digest,
        signing_serial=row.signing_serial, location=row.location, progress=progress_of(row), why=row.why,
        asked_by=row.asked_by, created_at=row.created_at, ended_at=row.ended_at, errors_before=row.errors_before,
        errors_after=row.errors_after,
    )  # fmt: skip


def progress_of(row: FirmwareUpdateRow) -> Progress:
    """How far it is."""
    times = [moment for moment in (row.retrieve_at, row.install_at) if moment is not None]
    retry_for = timedelta(seconds=row.retry_interval or 0) + _MARGIN if row.retries else timedelta()
    return Progress(
        **{name: getattr(row, name) for name in _PLAIN},
        state=UpdateState(row.state),
        cause=Cause(row.cause) if row.cause else None,
        asked_at=row.status_asked_at,
        retry_for=retry_for,
        not_before=max(times, default=None),
    )


def keep(row: FirmwareUpdateRow, progress: Progress, now: datetime) -> None:
    """Write progress into a row of an open transaction."""
    for name in _PLAIN:
        setattr(row, name, _bounded(name, getattr(progress, name)))
    row.state, row.cause = progress.state.value, progress.cause.value if progress.cause else ""
    row.status_asked_at, row.looked_at, row.look_at = progress.asked_at, now, now + SOON
    row.ended_at = None if progress.is_open else row.ended_at or now


def facts_of(station: StationRow) -> Facts:
    """The station as the machine looks at it."""
    return Facts(station.online, station.connected_at, station.last_seen, station.firmware, station.booted_at)


def moved(row: FirmwareUpdateRow, by: str) -> Entry:
    """For the audit trail: where it stands now, in the station's story."""
    details: dict[str, JSON] = {
        "update": row.id, "firmware": row.firmware, "version": row.version, "state": row.state, "cause": row.cause,
        "campaign": row.campaign, "digest": row.digest, "signing_serial": row.signing_serial,
    }  # fmt: skip
    act = FleetAct.FIRMWARE_MOVED if row.state in OPEN_STATES else FleetAct.FIRMWARE_ENDED
    return Entry(act, by, "station", row.station, row.reason, details)


def find_row(session: Session, station: str, update: int) -> FirmwareUpdateRow:
    """An update of a station, held for the transaction. Raises UnknownUpdate."""
    row = session.get(FirmwareUpdateRow, update, populate_existing=True, with_for_update=True)
    if row is None or row.station != station:
        raise UnknownUpdate(update)
    return row


def of_command(session: Session, command: int) -> FirmwareUpdateRow | None:
    """The update that a command asks for."""
    return session.exec(select(FirmwareUpdateRow).where(FirmwareUpdateRow.command == command)).first()


def of_cancel_command(session: Session, command: int) -> FirmwareUpdateRow | None:
    """The update that a command is to end."""
    return session.exec(select(FirmwareUpdateRow).where(FirmwareUpdateRow.cancel_command == command)).first()


def held(session: Session, row: FirmwareUpdateRow | None) -> FirmwareUpdateRow | None:
    """The row as it is now, which nobody else changes until the transaction ends."""
    if row is None:
        return None
    return session.get(FirmwareUpdateRow, row.id, populate_existing=True, with_for_update=True)


def open_of(session: Session, station: str) -> Sequence[FirmwareUpdateRow]:
    """The updates of a station that have no end, the newest first."""
    query = select(FirmwareUpdateRow).where(
        FirmwareUpdateRow.station == station, col(FirmwareUpdateRow.state).in_(OPEN_STATES)
    )
    return session.exec(query.order_by(col(FirmwareUpdateRow.id).desc())).all()


def _bounded(name: str, value: object) -> object:
    """Without NUL characters, which PostgreSQL does not keep, and no longer than anybody reads."""
    longest = {"told": 50, "reason": 1000, "seen": 100}.get(name)
    return value.replace("\0", "\ufffd")[:longest] if longest and isinstance(value, str) else value
