"""Looking a station up in the quirk book within somebody else's transaction."""

from collections.abc import Callable

from sqlmodel import Session

from csms_bridge.quirks.quirks import USUAL, Quirks
from csms_bridge.tables import StationRow

QuirksIn = Callable[[Session, StationRow], Quirks]
"""What is odd about a station, by its row."""


def usual(_session: Session, _station: StationRow) -> Quirks:
    """It does what OCPP asks."""
    return USUAL
