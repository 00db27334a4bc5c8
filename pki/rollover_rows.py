"""Roll-overs in the database: what a step writes, inside the transaction of whoever takes it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlmodel import Session, col

from pki.audit import JSON, Entry, PkiAct
from pki.ceremony_records import CeremonyRecord
from pki.errors import RolloverRefused, UnknownRollover
from pki.hierarchy import AuthorityKind, AuthorityStatus
from pki.revocation import Revocable, RevocationReason, mark_revoked
from pki.rollover_facts import family_of
from pki.rollover_steps import StepName, next_step
from pki.store import hold_lock
from pki.tables import AuthorityRow, CertificateRow, CrossCertificateRow, RevokedRow, RolloverRow

KIND = "rollover"


def row_of(session: Session, rollover_id: str) -> RolloverRow:
    row = session.get(RolloverRow, rollover_id, populate_existing=True)
    if row is None:
        raise UnknownRollover(rollover_id)
    return row


def authorities(session: Session) -> dict[str, AuthorityRow]:
    return {row.name: row for row in session.execute(select(AuthorityRow)).scalars()}


def begin_rollover(
    session: Session, rollover_id: str, old: str, new: str, record: CeremonyRecord, by: str, now: datetime
) -> Entry:
    """The roll-over's row, in the transaction of its first step. Raises RolloverRefused."""
    hold_lock(session, KIND)
    rows = authorities(session)
    involved = {old, new, *family_of(old, rows), rows[old].parent}
    for row in session.execute(select(RolloverRow)).scalars():
        if next_step(row.step) is not None and involved & {row.old, row.new, *family_of(row.old, rows)}:
            raise RolloverRefused((f"the roll-over {row.id} of {row.old!r} to {row.new!r} is under way",))
    row = RolloverRow(
        id=rollover_id,
        old=old,
        new=new,
        step=StepName.PREPARE.value,
        started_by=by,
        started_at=now,
        moved_at=now,
    )
    session.add(row)
    session.flush()
    return entry_of(PkiAct.ROLLOVER_STARTED, row, record, by)


def move(session: Session, moves: Mapping[str, AuthorityStatus]) -> None:
    for name, status in moves.items():
        row = session.get_one(AuthorityRow, name, populate_existing=True)
        row.status = status.value
        session.add(row)
    session.flush()


def revoke_all(session: Session, names: Sequence[str], by: str, now: datetime) -> list[str]:
    """Every certificate of these authorities by another one, and every cross-certificate by them."""
    cross = select(col(CrossCertificateRow.serial)).where(
        or_(col(CrossCertificateRow.authority).in_(names), col(CrossCertificateRow.issuer).in_(names))
    )
    own = select(col(AuthorityRow.serial)).where(
        col(AuthorityRow.name).in_(names), col(AuthorityRow.kind) != AuthorityKind.ROOT.value
    )
    open_ones = (
        select(CertificateRow)
        .outerjoin(RevokedRow, col(RevokedRow.serial) == col(CertificateRow.serial))
        .where(or_(col(CertificateRow.serial).in_(cross), col(CertificateRow.serial).in_(own)))
        .where(col(RevokedRow.serial).is_(None))
        .order_by(col(CertificateRow.id))
    )
    rows = session.execute(open_ones).scalars().all()
    for row in rows:
        what = Revocable(row.serial, row.authority, row.crl_shard, row.not_after)
        mark_revoked(session, what, RevocationReason.CESSATION_OF_OPERATION, by, "roll-over abandoned", now)
    return [row.serial for row in rows]


def entry_of(
    act: PkiAct,
    row: RolloverRow,
    record: CeremonyRecord,
    by: str,
    note: str = "",
    more: Mapping[str, JSON] | None = None,
) -> Entry:
    details: dict[str, JSON] = {"rollover": row.id, "new": row.new, "step": row.step, "record": record.id}
    return Entry(act, by, "authority", row.old, note, details | dict(more or {}))
