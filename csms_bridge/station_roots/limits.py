"""What a station has told of its certificate store, out of its settings."""

from sqlmodel import Session

from csms_bridge.station_roots.rules import Limits
from csms_bridge.tables import StationRow


def limits_of(session: Session, station: StationRow) -> Limits:
    """As far as its settings have been read."""
    return Limits()
