"""One certificate for one asking, also when two processes are asked at the same moment.

Whoever asks once more because an answer was lost gets what was made. Between two processes only the database can tell
that the other one is at it, so it is asked in the transaction that claims the serial number, under the key's lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from pki.errors import MadeAlready, RequestAtWork
from pki.plans import Plan
from pki.tables import IntentRow, RevokedRow, SerialRow

AT_WORK = timedelta(minutes=1)
"""How long a claim without an outcome counts as under way; longer than signing takes, unless a process died of it."""
_ASK_AGAIN = 2  # seconds


@dataclass(frozen=True, slots=True)
class Once:
    """Not again what was asked for since a moment. `but` is a serial number that is not meant: what is renewed."""

    since: datetime
    but: str = ""


def why_not_again(
    session: Session, asked: Sequence[tuple[Plan, Once | None]], now: datetime
) -> list[MadeAlready | RequestAtWork | None]:
    """For each plan, what stands in its way; of two in here for one station and key the first goes ahead.

    The caller holds the locks of the keys.
    """
    claimed: set[tuple[str | None, str]] = set()
    answers: list[MadeAlready | RequestAtWork | None] = []
    for plan, once in asked:
        answer = None
        if once is not None:
            which = plan.station, plan.spki_sha256
            answer = RequestAtWork(_ASK_AGAIN) if which in claimed else _before(session, plan, once, now)
            claimed.add(which)
        answers.append(answer)
    return answers


def _before(session: Session, plan: Plan, once: Once, now: datetime) -> MadeAlready | RequestAtWork | None:
    same = (
        col(SerialRow.spki_sha256) == plan.spki_sha256,
        col(SerialRow.station) == plan.station,
        col(SerialRow.authority) == plan.issuer.name,  # else it is to be replaced
        col(SerialRow.created_at) >= once.since,
        col(SerialRow.serial) != once.but,
    )
    query = (
        select(col(SerialRow.serial), col(SerialRow.created_at), col(IntentRow.settled))
        .outerjoin(IntentRow, col(IntentRow.serial) == col(SerialRow.serial))
        .outerjoin(RevokedRow, col(RevokedRow.serial) == col(SerialRow.serial))
        .where(*same, col(RevokedRow.serial).is_(None))
    )
    found = session.execute(query).all()
    for row in found:
        if row.settled == "issued":
            return MadeAlready(row.serial)
    is_under_way = any(row.settled is None and row.created_at > now - AT_WORK for row in found)
    return RequestAtWork(_ASK_AGAIN) if is_under_way else None
