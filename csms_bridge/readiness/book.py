"""Assessments in the database: written down in lots, counted without being loaded, listed page by page."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import and_, func, or_, tuple_
from sqlmodel import Session, col, select

from csms_bridge.campaigns.selecting import Condition, chosen
from csms_bridge.campaigns.words import Selection
from csms_bridge.posture.rows import PostureRow
from csms_bridge.readiness.assessment import GOALS, Assessment
from csms_bridge.readiness.codes import EDITION, Code, Order, Verdict, codes_of, mask_of
from csms_bridge.readiness.rows import ReadinessRow
from csms_bridge.station import SecurityProfile
from csms_bridge.station_roots.rows import RootActRow
from csms_bridge.tables import CertificateAskRow, StationRow
from pki.store import Store, hold_lock

EVERYBODY = Selection(everything=True)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which stations of a report: those of the selection, with this verdict, this reason, blocked or not."""

    goal: SecurityProfile = SecurityProfile.MUTUAL_TLS
    selection: Selection = EVERYBODY
    verdict: Verdict | None = None
    reason: Code | None = None
    blocked: bool | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A station of a report. `verdict` and `score` are None while it was not assessed."""

    station: str
    verdict: Verdict | None
    score: int | None
    reasons: tuple[Code, ...]
    ocpp_version: str | None
    profile: int | None
    vendor: str
    model: str
    firmware: str
    site: str
    online: bool
    last_seen: datetime | None
    assessed_at: datetime | None


@dataclass(frozen=True, slots=True)
class FleetReadiness:
    """A selection in numbers; `not_assessed` are on record and were not looked at yet."""

    stations: int
    not_assessed: int
    by_verdict: Mapping[Verdict, int]
    by_reason: Mapping[Code, int]


class ReadinessBook:
    """One row for each station and goal."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def note(self, found: Iterable[Assessment], moment: datetime) -> None:
        """Write assessments down whose facts were read from `moment` on; of stations that are gone, nothing."""
        rows = [_row(one, moment) for one in found]
        stations = {row["station"] for row in rows}
        if not rows:
            return
        with self._store.writing() as session:
            hold_lock(session, "readiness")  # two nodes may have looked at the same stations
            there = set(session.exec(select(StationRow.id).where(col(StationRow.id).in_(stations))))
            session.execute(sa.delete(ReadinessRow).where(col(ReadinessRow.station).in_(there)))
            kept = [row for row in rows if row["station"] in there]
            if kept:
                session.execute(sa.insert(ReadinessRow), kept)

    def counts(self, wanted: Wanted) -> FleetReadiness:
        """How many of the selection have which verdict and which reasons, whatever narrows the list besides.

        Two queries, however large the fleet.
        """
        verdicts = dict.fromkeys(Verdict, 0)
        reasons: dict[Code, int] = {}
        with self._store.reading() as session:
            stations = session.execute(
                _of_selection(sa.select(func.count()).select_from(StationRow), wanted)
            ).scalar_one()
            for verdict, mask, number in session.execute(_by_pattern(wanted)):
                if verdict is None:
                    continue
                verdicts[Verdict(verdict)] += number
                for code in codes_of(mask):
                    reasons[code] = reasons.get(code, 0) + number
        named = {code: reasons[code] for code in Code if code in reasons}
        return FleetReadiness(stations, max(stations - sum(verdicts.values()), 0), verdicts, named)

    def page(self, wanted: Wanted, order: Order, after: str | None, limit: int) -> list[Listed]:
        """The stations, from `after` on, which is a station or, by score, `SCORE:STATION`."""
        row, station = ReadinessRow, StationRow
        shown: Any = sa.select(
            col(station.id), col(row.verdict), col(row.score), col(row.reasons), col(station.ocpp_version),
            col(station.profile), col(station.vendor), col(station.model), col(station.firmware), col(station.site),
            col(station.online), col(station.last_seen), col(row.assessed_at),
        )  # fmt: skip
        if order is Order.SCORE:  # along its index: who was not assessed has no place in this order
            query = shown.select_from(row).join(station, _joined(wanted.goal))
        else:
            query = shown.select_from(station).outerjoin(row, _joined(wanted.goal))
        query = query.where(*_conditions(wanted), *_from(order, after)).order_by(*_ORDERS[order]).limit(limit)
        with self._store.reading() as session:
            return [_listed(*found) for found in session.execute(query)]

    def stale(self, since: datetime | None, old: datetime, limit: int) -> list[str]:
        """Stations that were not assessed since they changed, or whose assessment is older than `old`.

        `since` bounds the changes that are looked for; without it every station is looked at.
        """
        with self._store.reading() as session:
            found = _changed(session, since, limit)
            return found if len(found) >= limit else [*found, *_old(session, old, set(found), limit - len(found))]


def cursor_of(order: Order, last: Listed) -> str:
    """What the page after this station begins with."""
    return last.station if order is Order.STATION else f"{last.score or 0}:{last.station}"


_ORDERS: Mapping[Order, tuple[Any, ...]] = {
    Order.STATION: (col(StationRow.id),),
    Order.SCORE: (col(ReadinessRow.score), col(ReadinessRow.station)),
}


def _row(one: Assessment, moment: datetime) -> dict[str, Any]:
    return {
        "station": one.station, "goal": int(one.goal), "verdict": one.verdict.value, "score": one.score,
        "reasons": mask_of(one.codes), "edition": EDITION, "assessed_at": moment,
    }  # fmt: skip


def _joined(goal: SecurityProfile) -> Condition:
    row = ReadinessRow
    return and_(col(row.station) == col(StationRow.id), col(row.goal) == int(goal), col(row.edition) == EDITION)


def _conditions(wanted: Wanted) -> list[Condition]:
    row, found = ReadinessRow, list(chosen(wanted.selection))
    if wanted.verdict is not None:
        found.append(col(row.verdict) == wanted.verdict.value)
    if wanted.reason is not None:
        found.append(col(row.reasons).bitwise_and(mask_of([wanted.reason])) != 0)
    if wanted.blocked is not None:
        blocked = col(row.verdict) == Verdict.BLOCKED.value
        found.append(blocked if wanted.blocked else or_(~blocked, col(row.verdict).is_(None)))
    return found


def _of_selection(query: Any, wanted: Wanted) -> Any:
    """Of all stations of the selection, whatever was found of them."""
    return query.where(*chosen(wanted.selection))


def _by_pattern(wanted: Wanted) -> Any:
    """How many have the same verdict and reasons; without a verdict: not assessed, where stations are looked at.

    Of the whole fleet the index of the assessments tells alone.
    """
    row = ReadinessRow
    pattern = (col(row.verdict), col(row.reasons))
    counted: Any = sa.select(*pattern, func.count())
    if wanted.selection.everything:
        of_goal = counted.where(col(row.goal) == int(wanted.goal), col(row.edition) == EDITION)
    else:
        of_goal = _of_selection(counted.outerjoin_from(StationRow, row, _joined(wanted.goal)), wanted)
    return of_goal.group_by(*pattern)


def _from(order: Order, after: str | None) -> list[Condition]:
    if order is Order.STATION:
        return [] if after is None else [col(StationRow.id) > after]
    if after is None:
        return []
    score, _, station = after.partition(":")
    at = int(score) if score.isascii() and score.isdigit() and len(score) < 4 else 0
    return [tuple_(col(ReadinessRow.score), col(ReadinessRow.station)) > (at, station)]


def _listed(station: str, verdict: str | None, score: int | None, mask: int | None, *rest: Any) -> Listed:
    found = Verdict(verdict) if verdict is not None else None
    return Listed(station, found, score, codes_of(mask or 0), *rest)


_MOMENTS: Sequence[tuple[Any, Any]] = (
    (col(PostureRow.station), col(PostureRow.clock_at)),
    (col(RootActRow.station), col(RootActRow.settled_at)),
    (col(CertificateAskRow.station), col(CertificateAskRow.updated_at)),
)
"""What changes of a station beside its row, and when it did: its clock was heard, its roots listed, a request came."""


def _changed(session: Session, since: datetime | None, limit: int) -> list[str]:
    """Along the indexes of what changed, with a look at each one's assessment: nobody else's is read."""
    station = StationRow
    stale = sa.select(col(station.id)).where(~_assessed_after(col(station.id), col(station.updated_at)))
    if since is None:
        return list(session.execute(stale.limit(limit)).scalars())
    recent = stale.where(col(station.updated_at) >= since).order_by(col(station.updated_at))
    found = dict.fromkeys(session.execute(recent.limit(limit)).scalars())
    for named, moment in _MOMENTS:
        later = sa.select(named).where(moment >= since, ~_assessed_after(named, moment)).limit(limit)
        found |= dict.fromkeys(session.execute(later).scalars())
    return list(found)[:limit]


def _assessed_after(station: Any, moment: Any) -> Condition:
    """By the row of one goal: those of a station are written together."""
    row = ReadinessRow
    same = (col(row.station) == station, col(row.goal) == int(GOALS[0]), col(row.edition) == EDITION)
    return sa.exists(sa.select(1).select_from(row).where(*same, col(row.assessed_at) > moment))


def _old(session: Session, old: datetime, but: Collection[str], limit: int) -> Sequence[str]:
    """The oldest first, along the index of the moments: those of both goals are as old as each other."""
    row = ReadinessRow
    query: Any = sa.select(col(row.station)).where(col(row.assessed_at) < old).order_by(col(row.assessed_at))
    found = dict.fromkeys(session.execute(query.limit(2 * (limit + len(but)))).scalars())
    return [station for station in found if station not in but][:limit]
