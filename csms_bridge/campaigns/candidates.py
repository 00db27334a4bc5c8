"""Whom a campaign may begin now: stations that are there and free, at sites that are open and have room."""

from collections.abc import Iterator

from sqlmodel import col, func, select

from csms_bridge.campaigns.book import ORDER
from csms_bridge.campaigns.engine import Candidate, SiteNow
from csms_bridge.campaigns.rows import CampaignRow, CampaignTargetRow, SiteRow
from csms_bridge.campaigns.selecting import Condition, reason
from csms_bridge.campaigns.site_hours import at_closed_site
from csms_bridge.campaigns.sites import count_stations
from csms_bridge.campaigns.turn import Turn
from csms_bridge.campaigns.windows import Hours, hours_of
from csms_bridge.campaigns.words import ACTIVE, Pace, TargetState
from csms_bridge.charging_book import busy
from csms_bridge.tables import StationRow

AT_ONCE = 100
"""Stations that are begun in one transaction: the write lock is free again after some milliseconds."""
_LOOKED_AT = 3 * AT_ONCE


def _fresh(turn: Turn) -> tuple[Condition, ...]:
    """Those that were never begun, are connected, and are not left out."""
    return (
        col(CampaignTargetRow.campaign) == turn.row.id,
        col(CampaignTargetRow.state) == TargetState.PENDING,
        col(CampaignTargetRow.wave).is_(None),
        col(StationRow.id) == col(CampaignTargetRow.station),
        col(StationRow.online).is_(True),
        reason(turn.rules) == "",
    )


def _again(turn: Turn) -> tuple[Condition, ...]:
    return (
        col(CampaignTargetRow.campaign) == turn.row.id,
        col(CampaignTargetRow.state) == TargetState.PENDING,
        col(CampaignTargetRow.wave).is_not(None),
        col(CampaignTargetRow.not_before) <= turn.now,
        col(StationRow.id) == col(CampaignTargetRow.station),
        col(StationRow.online).is_(True),
        col(StationRow.quiet).is_(False),
        col(StationRow.lane) == "",
    )


def anybody_there(turn: Turn) -> bool:
    """Whether any that was never begun is connected, whatever the hour."""
    return turn.session.exec(select(CampaignTargetRow.station).where(*_fresh(turn)).limit(1)).first() is not None


def candidates(turn: Turn, pace: Pace) -> list[Candidate]:
    """Those to be tried again first; more than one turn can begin, since sites have shares."""
    found: list[Candidate] = []
    for conditions in (_again(turn), _fresh(turn)):
        query = (
            select(StationRow.id, StationRow.site, CampaignTargetRow.wave, CampaignTargetRow.not_before)
            .where(*conditions, ~busy(), *_site_conditions(turn, pace))
            .order_by(*ORDER)
            .limit(_LOOKED_AT)
        )
        found += [
            Candidate(station, site, wave=wave, not_before=not_before)
            for station, site, wave, not_before in turn.session.exec(query)
        ]
    return found


def _site_conditions(turn: Turn, pace: Pace) -> Iterator[Condition]:
    """Only stations of sites that are open and have room; those that have neither rows nor stations at work have."""
    full = [name for name, site in sites_now(turn, _working_sites(turn)).items() if not site.room(pace)]
    if full:
        yield col(StationRow.site).not_in(full)
    closed = None if pace.at_any_hour else at_closed_site(turn.session, turn.now)
    if closed is not None:
        yield ~closed


def _running_at(turn: Turn) -> dict[str, int]:
    """How many stations of each site any campaign works on now."""
    active = select(CampaignRow.id).where(col(CampaignRow.state).in_(ACTIVE))
    query = select(StationRow.site, func.count()).where(
        col(CampaignTargetRow.campaign).in_(active),
        col(CampaignTargetRow.state) == TargetState.RUNNING,
        col(CampaignTargetRow.station) == col(StationRow.id),
    )
    return dict(turn.session.exec(query.group_by(col(StationRow.site))).all())


def _working_sites(turn: Turn) -> set[str]:
    return {site for site in _running_at(turn) if site}


def sites_now(turn: Turn, names: set[str]) -> dict[str, SiteNow]:
    """These sites as they are now."""
    if not names:
        return {}
    rows = {row.name: row for row in turn.session.exec(select(SiteRow).where(col(SiteRow.name).in_(names)))}
    stations, running = count_stations(turn.session, names), _running_at(turn)
    found = {}
    for name in names:
        row = rows.get(name)
        hours = hours_of(row.time_zone, row.windows) if row is not None else Hours()
        share = row.max_share if row is not None else 100
        found[name] = SiteNow(hours, stations.get(name, 0), running.get(name, 0), share)
    return found
