"""How far a background job has come through a table. Several processes may take turns at one job."""

from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import CursorResult
from sqlmodel import Session, col

from pki.tables import CertificateRow, MarkRow


def read_mark(session: Session, job: str) -> int:
    """The number of the last row that was done; 0 before the first."""
    row = session.get(MarkRow, job)
    return row.position if row else 0


def certificates_by_mark(session: Session, job: str) -> tuple[int, int]:
    """How many certificates a job has done, and how many wait for it."""
    behind = col(CertificateRow.id) <= read_mark(session, job)
    count = select(func.count()).select_from(CertificateRow)
    done = session.execute(count.where(behind)).scalar_one()
    return done, session.execute(count.where(~behind)).scalar_one()


def move_mark(session: Session, job: str, reached: int, position: int) -> bool:
    """Only from where it was: another process may have gone further meanwhile. Whether it moved."""
    at_it = (col(MarkRow.job) == job, col(MarkRow.position) == reached)
    moved: CursorResult[Any] = session.connection().execute(update(MarkRow).where(*at_it).values(position=position))
    if not moved.rowcount and not reached and session.get(MarkRow, job) is None:
        session.connection().execute(insert(MarkRow).values(job=job, position=position))
        return True
    return bool(moved.rowcount)
