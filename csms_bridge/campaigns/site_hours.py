"""Which sites are closed now, as a condition: thousands of sites have a few kinds of hours between them."""

from datetime import datetime

from sqlalchemy import ColumnElement, exists, tuple_
from sqlmodel import Session, col, select

from csms_bridge.campaigns.rows import SiteRow
from csms_bridge.campaigns.windows import hours_of
from csms_bridge.tables import StationRow


def at_closed_site(session: Session, now: datetime) -> ColumnElement[bool] | None:
    """Whether a station's site is outside its windows now; None when no site is. One without windows never is."""
    kinds = select(SiteRow.time_zone, SiteRow.windows).where(col(SiteRow.windows) != "").distinct()
    found = session.exec(kinds).all()
    closed = [(zone, windows) for zone, windows in found if not hours_of(zone, windows).is_open(now)]
    if not closed:
        return None
    shut = tuple_(col(SiteRow.time_zone), col(SiteRow.windows)).in_(closed)
    return exists().where(col(SiteRow.name) == col(StationRow.site), shut)
