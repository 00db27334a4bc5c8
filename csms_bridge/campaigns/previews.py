"""What a campaign would do, before it does: counted by the database, told page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from csms_bridge.campaigns.book import ORDER
from csms_bridge.campaigns.engine import wave_sizes
from csms_bridge.campaigns.forecasts import Estimate, earliest, estimate
from csms_bridge.campaigns.kinds.kind import CampaignKind
from csms_bridge.campaigns.rows import CampaignRow, CampaignTargetRow, SiteRow
from csms_bridge.campaigns.selecting import Model, Rule, chosen, common_rules, reason
from csms_bridge.campaigns.windows import hours_of
from csms_bridge.campaigns.words import Campaign, Goal, Kind, Pace, Selection, TargetState
from csms_bridge.readiness.blocking import blocked_by, is_blocked, told
from csms_bridge.tables import StationRow
from pki.tables import CertificateRow

_FEW = 200
_ENOUGH = 60
"""Certificates in a minute: less says what was asked of the authority, and not what it can do."""


@dataclass(frozen=True, slots=True)
class Preview:
    """Whom a campaign would take, whom it would leave out and why, in which waves, and how long that takes."""

    selected: int
    taken: int
    offline: int
    excluded: Mapping[str, int]
    waves: tuple[int, ...]
    sites: int
    estimate: Estimate
    blocked: int = 0
    """Of those that it takes, whose walk is known to lead nowhere, and by what."""
    blocked_by: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planned:
    """A station of a campaign that has not begun it: in which wave, and when at the earliest. None: not in sight."""

    station: str
    site: str
    online: bool
    wave: int
    earliest: datetime | None


def rules_of(
    kind: CampaignKind, goal: Goal, pace: Pace, campaign: str, since: datetime, now: datetime, models: Sequence[Model]
) -> list[Rule]:
    """Everything that leaves a station out, the kind's own rules first."""
    first, second, *others = common_rules(campaign, now - pace.offline_for, models)
    return [first, second, *kind.rules(goal, since), *others]


def preview(session: Session, selection: Selection, rules: Sequence[Rule], pace: Pace, goal: Goal) -> Preview:
    """Counts by reason; one query for the fleet, however large."""
    # Over a subquery: PostgreSQL takes no expression with parameters for the same one when rows are grouped by it.
    shown: Any = sa.select(
        reason(rules).label("why"), col(StationRow.online).label("online"), col(StationRow.site).label("site"),
        _leads_nowhere(goal).label("blocked"),
    )  # fmt: skip
    each = shown.where(*chosen(selection)).subquery()
    parts = (each.c.why, each.c.online, each.c.blocked)
    excluded: dict[str, int] = {}
    taken = offline = blocked = 0
    for words, online, leads_nowhere, number in session.execute(sa.select(*parts, func.count()).group_by(*parts)):
        if words:
            excluded[words] = excluded.get(words, 0) + number
        else:
            taken += number
            offline += 0 if online else number
            blocked += number if leads_nowhere else 0
    sites = sa.select(func.count(func.distinct(each.c.site))).where(each.c.why == "")
    return Preview(
        selected=taken + sum(excluded.values()),
        taken=taken,
        offline=offline,
        excluded=excluded,
        waves=wave_sizes(taken, pace),
        sites=session.execute(sites).scalar_one(),
        estimate=estimate_of(session, goal.kind, taken, pace),
        blocked=blocked,
        blocked_by=_blocked_by(session, selection, rules, goal) if blocked else {},
    )


def _leads_nowhere(goal: Goal) -> ColumnElement[bool]:
    """Whether a walk of the station is known to end on hold, or cannot be begun."""
    return is_blocked(goal.to) if goal.kind is Kind.WALK and goal.to is not None else sa.false()


def _blocked_by(session: Session, selection: Selection, rules: Sequence[Rule], goal: Goal) -> Mapping[str, int]:
    return told(blocked_by(session, goal.to or 0, [*chosen(selection), reason(rules) == ""]))


def estimate_of(session: Session, kind: Kind, stations: int, pace: Pace) -> Estimate:
    """From what stations took in earlier campaigns of the kind, and what the authority issued in its best minute."""
    needs_authority = kind in (Kind.RENEWAL, Kind.REKEY, Kind.WALK)
    rate = _best_rate(session) if needs_authority else None
    return estimate(stations, pace.in_flight, usual_time(session, kind), rate)


def usual_time(session: Session, kind: Kind) -> timedelta | None:
    """The median of the last stations that a campaign of the kind was done with; None when there are none."""
    lately = (
        select(CampaignTargetRow.started_at, CampaignTargetRow.ended_at)
        .where(
            CampaignTargetRow.campaign == CampaignRow.id, CampaignRow.kind == kind,
            CampaignTargetRow.state == TargetState.DONE, col(CampaignTargetRow.started_at).is_not(None),
        )
        .order_by(col(CampaignTargetRow.ended_at).desc())
        .limit(_FEW)
    )  # fmt: skip
    took = sorted(ended - began for began, ended in session.exec(lately) if began is not None and ended is not None)
    return took[len(took) // 2] if took else None


def plan(session: Session, campaign: Campaign, after: str | None, limit: int, now: datetime) -> list[Planned]:
    """Those that have not been begun, in their order, from `after` on."""
    usual = usual_time(session, campaign.goal.kind) or estimate(1, 1, None, None).per_station
    query = select(CampaignTargetRow, StationRow, SiteRow).join(
        StationRow, col(StationRow.id) == col(CampaignTargetRow.station)
    )
    query = query.join(SiteRow, col(SiteRow.name) == col(StationRow.site), isouter=True)
    fresh = (
        CampaignTargetRow.campaign == campaign.id,
        CampaignTargetRow.state == TargetState.PENDING,
        col(CampaignTargetRow.wave).is_(None),
    )
    rank = 0
    last = session.get(CampaignTargetRow, (campaign.id, after)) if after else None
    if last is not None:
        before = sa.tuple_(*ORDER) <= (last.rank, last.due_at, last.station)
        rank = session.exec(select(func.count()).where(*fresh, before)).one()
        query = query.where(~before)
    sizes = wave_sizes(campaign.total, campaign.pace)
    done = campaign.total - session.exec(select(func.count()).where(*fresh)).one()
    found = []
    for number, (target, station, site) in enumerate(session.exec(query.where(*fresh).order_by(*ORDER).limit(limit))):
        wave, moment = earliest(done + rank + number, sizes, campaign.pace.in_flight, usual, now)
        moment = max(now, moment - (usual * (done // campaign.pace.in_flight)))
        if site is not None and not campaign.pace.at_any_hour:
            opens = hours_of(site.time_zone, site.windows).next_open(moment)
        else:
            opens = moment
        found.append(Planned(target.station, station.site, station.online, wave, opens))
    return found


def _best_rate(session: Session) -> float | None:
    """Certificates a second in the authority's best minute of late, as far as the last thousands tell; None: none."""
    newest = select(CertificateRow.created_at).order_by(col(CertificateRow.id).desc()).limit(20_000)
    moments = sorted(session.exec(newest))
    if not moments:
        return None
    best, begin = 0, 0
    for end, moment in enumerate(moments):
        while moment - moments[begin] >= timedelta(minutes=1):
            begin += 1
        best = max(best, end - begin + 1)
    return best / 60 if best >= _ENOUGH else None
