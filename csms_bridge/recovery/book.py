"""Ways back as they stand in the database."""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from sqlmodel import Session, col, select

from csms_bridge.errors import UnknownRecovery, UnknownStation
from csms_bridge.recovery.rows import RecoveryRow, RecoveryVoteRow
from csms_bridge.recovery.words import UNDER_WAY, Approval, Ask, Loss, Proof, Recovery, RecoveryState
from csms_bridge.tables import StationRow
from pki.store import Store


class RecoveryBook:
    """Reads them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, recovery: str) -> Recovery:
        """One. Raises UnknownRecovery."""
        with self._store.reading() as session:
            row = session.get(RecoveryRow, recovery)
            if row is None:
                raise UnknownRecovery(recovery)
            return told(session, [row])[0]

    def page(
        self, *, station: str | None = None, state: RecoveryState | None = None, after: str | None = None,
        limit: int = 100,
    ) -> list[Recovery]:  # fmt: skip
        """The newest first; `after` is the last id of the page before. Raises UnknownRecovery."""
        asked, key = col(RecoveryRow.asked_at), col(RecoveryRow.id)
        query = select(RecoveryRow).order_by(asked.desc(), key.desc()).limit(limit)
        if station is not None:
            query = query.where(RecoveryRow.station == station)
        if state is not None:
            query = query.where(RecoveryRow.state == state)
        if after is not None:
            last = self.find(after)
            query = query.where((asked < last.asked_at) | ((asked == last.asked_at) & (key < after)))
        with self._store.reading() as session:
            return told(session, session.exec(query).all())

    def under_way(self, station: str) -> Recovery | None:
        """The one that waits or is open."""
        with self._store.reading() as session:
            row = row_under_way(session, station)
            return None if row is None else told(session, [row])[0]


def row_under_way(session: Session, station: str) -> RecoveryRow | None:
    """A station has one at most."""
    mine = (col(RecoveryRow.station) == station, col(RecoveryRow.state).in_(UNDER_WAY))
    return session.exec(select(RecoveryRow).where(*mine)).first()


def locked(session: Session, recovery: str) -> tuple[StationRow, RecoveryRow]:
    """The rows of a station and its way back; the station's is locked first, as by whoever connects.

    Raises UnknownRecovery.
    """
    row = session.get(RecoveryRow, recovery)
    if row is None:
        raise UnknownRecovery(recovery)
    station = locked_station(session, row.station)
    session.refresh(row)  # another node may have been at it while we waited
    return station, row


def locked_station(session: Session, station: str) -> StationRow:
    """Raises UnknownStation."""
    row = session.get(StationRow, station, with_for_update=True, populate_existing=True)
    if row is None:
        raise UnknownStation(station)
    return row


def people_of(session: Session, recovery: str) -> list[str]:
    """Who agreed."""
    return list(session.exec(select(RecoveryVoteRow.person).where(RecoveryVoteRow.recovery == recovery)))


def ask_of(row: RecoveryRow) -> Ask:
    """What was asked for."""
    return Ask(
        row.station, Loss(row.loss), timedelta(seconds=row.seconds), row.reason, Proof(row.proof), row.maker,
        row.new_serial, row.then_walk,
    )  # fmt: skip


def told(session: Session, rows: Sequence[RecoveryRow]) -> list[Recovery]:
    """The domain objects of rows."""
    votes: dict[str, list[Approval]] = defaultdict(list)
    query = select(RecoveryVoteRow).where(col(RecoveryVoteRow.recovery).in_([row.id for row in rows]))
    for vote in session.exec(query.order_by(col(RecoveryVoteRow.at), col(RecoveryVoteRow.person))):
        votes[vote.recovery].append(Approval(vote.person, vote.by, vote.note, vote.at))
    return [_recovery_of(row, tuple(votes[row.id])) for row in rows]


def _recovery_of(row: RecoveryRow, approvals: tuple[Approval, ...]) -> Recovery:
    return Recovery(
        id=row.id,
        station=row.station,
        loss=Loss(row.loss),
        proof=Proof(row.proof),
        state=RecoveryState(row.state),
        reason=row.reason,
        maker=row.maker,
        old_serial=row.old_serial,
        new_serial=row.new_serial,
        life=timedelta(seconds=row.seconds),
        then_walk=row.then_walk,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        approvals_wanted=row.approvals,
        approvals=approvals,
        opened_at=row.opened_at,
        until=row.until,
        came_at=row.came_at,
        came_from=row.came_from,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
        ended_why=row.ended_why,
        revoked=tuple(json.loads(row.revokes)) if row.revoked_at is not None else (),
        walk=row.walk,
        says=tuple(json.loads(row.says)),
    )
