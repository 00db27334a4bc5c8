"""Everything that was issued is linted in full afterwards, in the background; a finding raises an alarm."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import col

from pki.alarms import AlarmKind, Alarms, Severity
from pki.full_lint import full_lint
from pki.marks import certificates_by_mark, move_mark, read_mark
from pki.store import Store
from pki.tables import CertificateRow

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
        with self._store.reading() as session:
            reached = read_mark(session, _JOB)
            query = select(CertificateRow).where(col(CertificateRow.id) > reached).order_by(col(CertificateRow.id))
            rows = session.execute(query.limit(most)).scalars().all()
        for row in rows:
            if findings := full_lint(row.der):
                # One alarm for a kind of certificate: what is wrong with one is mostly wrong with all of them.
                thing = f"{row.profile} by {row.authority}"
                sentence = f"the certificate {row.serial}: {'; '.join(findings)}"
                self._alarms.sound(AlarmKind.LINT_FINDING, thing, sentence, Severity.CRITICAL)
        if rows:
            with self._store.writing() as session:
                move_mark(session, _JOB, reached, rows[-1].id or 0)
        return len(rows)

    def progress(self) -> RelintProgress:
        """Counts by the number of the last certificate that was linted."""
        with self._store.reading() as session:
            return RelintProgress(*certificates_by_mark(session, _JOB))
