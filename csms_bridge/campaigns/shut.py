"""At which stations a walk that a campaign began has to wait, since the maintenance window of their site is over."""

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, col, select

from csms_bridge.campaigns.rows import CampaignRow, CampaignTargetRow, SiteRow
from csms_bridge.campaigns.spelling import pace_of
from csms_bridge.campaigns.windows import hours_of
from csms_bridge.tables import StationRow, WalkRow
from csms_bridge.walks.steps import WalkState


def shut_among(session: Session, stations: Collection[str], now: datetime) -> set[str]:
    """Those of these stations. Whoever walks a station by hand says when, and so does a campaign at any hour."""
    query = select(StationRow.id, SiteRow.time_zone, SiteRow.windows, CampaignRow.pace).where(
        col(StationRow.id).in_(stations),
        col(WalkRow.station) == col(StationRow.id),
        WalkRow.outcome == WalkState.RUNNING,
        col(CampaignTargetRow.station) == col(StationRow.id),
        col(CampaignTargetRow.work) == col(WalkRow.id),
        col(CampaignTargetRow.campaign) == col(CampaignRow.id),
        col(SiteRow.name) == col(StationRow.site),
        col(SiteRow.windows) != "",
    )
    return {
        station
        for station, zone, windows, pace in session.exec(query)
        if not hours_of(zone, windows).is_open(now) and not pace_of(pace).at_any_hour
    }
