"""Lines of one identity on several nodes that share a database: who keeps the station.

One process knows its own lines (service.py). What it cannot know stands in the station's row: which node took the
station in last, and with how much proof. A newcomer with less is refused in the transaction that would write it down;
with as much, the row is the newcomer's, and the older node finds that and lets its line go.
"""

from collections.abc import Set
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from csms_bridge.admission import Admitted
from csms_bridge.errors import LineOutranked
from csms_bridge.station import SecurityProfile
from csms_bridge.strangers import network_of
from csms_bridge.tables import StationRow

DEAD_AFTER = timedelta(minutes=10)
"""Two heartbeats. A node that died said nothing of its lines: one that is silent for so long bars nobody."""


def check_rank(
    row: StationRow, admitted: Admitted, address: str, node: str, now: datetime, dead_after: timedelta
) -> None:
    """Part of the transaction that takes a station in, with its row locked. Raises LineOutranked.

    What leads through a lane, a thief may have as well: whoever is in it keeps it from whoever comes from elsewhere,
    at whichever node, as long as the line lives. A station that changed its address waits until its old line is found
    dead, which pings see to.
    """
    if not row.online or _is_dead(row, now, dead_after):
        return
    is_another = bool(row.lane) and network_of(address) != network_of(row.address or "")
    if admitted.lane is not None and is_another:
        raise LineOutranked(row.id, row.node)
    if row.node != node and admitted.rank < _rank_on_record(row):
        raise LineOutranked(row.id, row.node)


def taken_elsewhere(session: Session, stations: Set[str], node: str, since: datetime) -> set[str]:
    """Of these stations those that another node has taken in since then."""
    moved = select(StationRow.id).where(
        col(StationRow.updated_at) >= since, col(StationRow.connected_at) >= since, StationRow.node != node
    )
    return {one for one in session.exec(moved) if one in stations}


def _rank_on_record(row: StationRow) -> tuple[bool, SecurityProfile]:
    """As `Admitted.rank`. What came through a lane leaves no profile on record, and bars nobody."""
    if row.lane or row.profile is None:
        return False, SecurityProfile.NONE
    return True, SecurityProfile(row.profile)


def _is_dead(row: StationRow, now: datetime, dead_after: timedelta) -> bool:
    return row.last_seen is None or row.last_seen < now - dead_after
