"""Who is blocked on the way to a profile, as conditions of the database: for campaigns, which load no station."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, and_, func
from sqlmodel import Session, col

from csms_bridge.readiness.codes import EDITION, MAY_BLOCK, WORDS, Code, Verdict, codes_of
from csms_bridge.readiness.rows import ReadinessRow
from csms_bridge.tables import StationRow


def is_blocked(goal: int) -> ColumnElement[bool]:
    """Whether the station in the same query was found to be blocked; one that was not assessed is not."""
    blocked = (_same(goal), col(ReadinessRow.verdict) == Verdict.BLOCKED.value)
    return sa.exists().where(*blocked).correlate(StationRow)


def blocked_by(session: Session, goal: int, among: Sequence[ColumnElement[bool]]) -> Mapping[Code, int]:
    """What blocks the stations that meet these conditions, and how many of them; the most frequent first."""
    row: Any = sa.select(col(ReadinessRow.reasons), func.count()).join(StationRow, _same(goal))
    blocked = row.where(col(ReadinessRow.verdict) == Verdict.BLOCKED.value, *among)
    counts: dict[Code, int] = {}
    for mask, number in session.execute(blocked.group_by(col(ReadinessRow.reasons))):
        for code in codes_of(mask):
            if code in MAY_BLOCK:
                counts[code] = counts.get(code, 0) + number
    return dict(sorted(counts.items(), key=lambda one: -one[1]))


def told(counts: Mapping[Code, int]) -> Mapping[str, int]:
    """The same in words."""
    return {WORDS[code]: number for code, number in counts.items()}


def _same(goal: int) -> ColumnElement[bool]:
    """The row of the station in the same query."""
    row = ReadinessRow
    return and_(col(row.station) == col(StationRow.id), col(row.goal) == goal, col(row.edition) == EDITION)
