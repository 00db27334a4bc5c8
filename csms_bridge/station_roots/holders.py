"""How many stations hold which root, counted by the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, func, select

from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.entries import ActState, Deed, KnownAs
from csms_bridge.station_roots.rows import RootActRow, RootListingRow, StationRootRow
from csms_bridge.tables import StationRow
from pki.store import Store

_OURS = (KnownAs.AUTHORITY.value, KnownAs.CROSS.value)


@dataclass(frozen=True, slots=True)
class Holders:
    """Stations that list a root, that accepted it and do not list it, and of which we know neither.

    The last have never listed their CSMS roots; the rest of the fleet lists them, and this one is not among them.
    """

    listed: int
    believed: int
    unknown: int


def count_holders(store: Store, names: Sequence[str]) -> Mapping[str, Holders]:
    """For each of these roots of ours."""
    with store.reading() as session:
        listed, believed, unheard = _listed(session), _believed(session), _never_listed(session)
        told = _believed(session, never_listed=True)
    return {
        name: Holders(listed.get(name, 0), believed.get(name, 0), max(0, unheard - told.get(name, 0))) for name in names
    }


def _listed(session: Session) -> Mapping[str, int]:
    ours = (col(StationRootRow.gone_at).is_(None), col(StationRootRow.known_as).in_(_OURS))
    count = func.count(func.distinct(col(StationRootRow.station)))
    query = select(StationRootRow.known_name, count).where(*ours).group_by(col(StationRootRow.known_name))
    return dict(session.exec(query).all())


def _believed(session: Session, *, never_listed: bool = False) -> Mapping[str, int]:
    lists_it = select(StationRootRow.id).where(
        col(StationRootRow.station) == col(RootActRow.station),
        col(StationRootRow.known_name) == col(RootActRow.name),
        col(StationRootRow.gone_at).is_(None),
    )
    query = select(RootActRow.name, func.count(func.distinct(col(RootActRow.station)))).where(
        RootActRow.deed == Deed.INSTALL.value, RootActRow.state == ActState.DONE.value, ~lists_it.exists()
    )
    if never_listed:
        query = query.where(~_lists(col(RootActRow.station)).exists())
    return dict(session.exec(query.group_by(col(RootActRow.name))).all())


def _never_listed(session: Session) -> int:
    query = select(func.count()).select_from(StationRow).where(~_lists(col(StationRow.id)).exists())
    return session.exec(query).one()


def _lists(station: Any) -> Any:
    """Whether this station (a column) has ever listed its CSMS roots."""
    return select(RootListingRow.station).where(
        RootListingRow.station == station,
        RootListingRow.kind == CertificateKind.CSMS.value,
        col(RootListingRow.listed_at).is_not(None),
    )
