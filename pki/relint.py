"""Everything that was issued is linted in full afterwards, in the background; a finding raises an alarm."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import CursorResult
from sqlmodel import col

from pki.alarms import AlarmKind, Alarms, Severity
from pki.full_lint import full_lint
from pki.store import Store
from pki.tables import CertificateRow, MarkRow

_JOB = "relint"


@dataclass(frozen=True, slots=True)
class RelintProgress:
    """How many certificates were linted in full after they were issued, and how many wait for it."""

    done: int
    waiting: int


class Relint:
    """Goes through the certificates in the order of their making. Several processes may take turns."""

    def __init__(self, store: Store, alarms: Alarms) -> None:
        self._store = store
        self._alarms = alarms

    def round(self, most: int) -> int:
        """Lint up to `most` certificates; how many it were.

        The mark moves last: killed in between, a round is repeated, and the alarms count up instead of doubling.
        """
        reached = self._mark()
        query = select(CertificateRow).where(col(CertificateRow.id) > reached).order_by(col(CertificateRow.id))
        with self._store.reading() as session:
            rows = session.execute(query.limit(most)).scalars().all()
        for row in rows:
            if findings := full_lint(row.der):
                # One alarm for a kind of certificate: what is wrong with one is mostly wrong with all of them.
                thing = f"{row.profile} by {row.authority}"
                sentence = f"the certificate {row.serial}: {'; '.join(findings)}"
                self._alarms.sound(AlarmKind.LINT_FINDING, thing, sentence, Severity.CRITICAL)
        if rows:
            self._move_mark(reached, rows[-1].id or 0)
        return len(rows)

    def progress(self) -> RelintProgress:
        """Counts by the number of the last certificate that was linted."""
        reached = self._mark()
        behind = col(CertificateRow.id) <= reached
        count = select(func.count()).select_from(CertificateRow)
        with self._store.reading() as session:
            done = session.execute(count.where(behind)).scalar_one()
            waiting = session.execute(count.where(~behind)).scalar_one()
        return RelintProgress(done, waiting)

    def _mark(self) -> int:
        with self._store.reading() as session:
            row = session.get(MarkRow, _JOB)
            return row.position if row else 0

    def _move_mark(self, reached: int, position: int) -> None:
        """Only from where it was: another process may have gone further meanwhile."""
        at_it = (col(MarkRow.job) == _JOB, col(MarkRow.position) == reached)
        with self._store.writing() as session:
            moved: CursorResult[Any] = session.connection().execute(
                update(MarkRow).where(*at_it).values(position=position)
            )
            if not moved.rowcount and session.get(MarkRow, _JOB) is None:
                session.connection().execute(insert(MarkRow).values(job=_JOB, position=position))
