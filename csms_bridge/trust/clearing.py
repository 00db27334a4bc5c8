"""Taking the old root off stations once nothing hangs on it any more: who lists it still, and why each does.

A station is asked only when it is known to do without: it connected under the new root alone, or is not shown the
certificate under it and has connected since. What it needs beside, and that the last root stays, is looked at by the
door to stations' roots, which names the root as the station itself named it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_
from sqlmodel import Session, col, select

from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.door import StationRoots
from csms_bridge.station_roots.entries import OPEN, ActState, Deed
from csms_bridge.station_roots.rows import RootActRow, StationRootRow
from csms_bridge.tables import StationRow
from csms_bridge.trust.query import OURS, over_an_edge, shown_rsa
from csms_bridge.trust.rows import PlanExclusionRow, RootPlanRow, RootSightingRow
from pki.keys import KeyFamily

_EDGE = "an edge ends its TLS: whether that shows a chain under the old root is not known here"
_UNPROVED = "it has not connected since our servers show the new root alone"


@dataclass(frozen=True, slots=True)
class Holding:
    """A station that lists the old root, and why it does still."""

    station: str
    why: str
    vendor: str
    model: str
    site: str
    profile: int | None
    online: bool
    last_seen: datetime | None


@dataclass(frozen=True, slots=True)
class Clearance:
    """How many list the old root, and how many of them are excluded."""

    holding: int
    excluded: int


class Clearing:
    """Over the database, and by the door to stations' roots."""

    def __init__(self, roots: StationRoots) -> None:
        self._roots = roots

    def count(self, session: Session, row: RootPlanRow) -> Clearance:
        """Over the whole fleet."""
        query = select(func.count()).select_from(StationRow).where(_lists_old(row))
        holding, excluded = (
            session.exec(query.where(condition)).one() for condition in (~_excluded(row), _excluded(row))
        )
        return Clearance(holding, excluded)

    def page(
        self, session: Session, row: RootPlanRow, family: KeyFamily, after: str, limit: int
    ) -> list[tuple[StationRow, bool]]:
        """The stations that list it and are not excluded, by name; and whether each is known to do without."""
        query: Any = select(StationRow, does_without(row, family))
        query = query.where(_lists_old(row), ~_excluded(row), col(StationRow.id) > after)
        return [(one, bool(proved)) for one, proved in session.exec(query.order_by(col(StationRow.id)).limit(limit))]

    def to_ask(
        self, session: Session, row: RootPlanRow, family: KeyFamily, reachable: Sequence[Any], limit: int
    ) -> list[str]:
        """Some that may be asked now, and were not since the old root was removed here."""
        asked = select(RootActRow.id).where(*_deletions(row), col(RootActRow.state) != ActState.UNSENT.value)
        query = select(StationRow.id).where(
            *reachable, _lists_old(row), does_without(row, family), ~over_an_edge(), ~asked.exists()
        )
        return list(session.exec(query.order_by(col(StationRow.id)).limit(limit)))

    def ask(self, row: RootPlanRow, station: str) -> None:
        """Have it delete every form of the old root that it lists. Raises RootRefused, UnknownRoot, UnknownStation."""
        for entry in self._entries(row, station):
            self._roots.delete(station, entry, f"plan:{row.id}", f"roll-over of {row.old}")

    def holding(self, row: RootPlanRow, one: StationRow, act: tuple[str, str] | None, proved: bool) -> Holding:
        """With the reason in words. Not within a transaction: it asks the door to the station's roots."""
        return Holding(
            one.id, self._why(row, one, act, proved), one.vendor, one.model, one.site, one.profile, one.online,
            one.last_seen,
        )  # fmt: skip

    def last_acts(self, session: Session, row: RootPlanRow, stations: Sequence[str]) -> dict[str, tuple[str, str]]:
        """State and words of what each was asked last about it."""
        query = select(RootActRow).where(
            col(RootActRow.station).in_(stations), *_deletes(row), col(RootActRow.at) >= row.moved_at
        )
        return {act.station: (act.state, act.sentence) for act in session.exec(query.order_by(col(RootActRow.id)))}

    def _why(self, row: RootPlanRow, one: StationRow, act: tuple[str, str] | None, proved: bool) -> str:
        state, words = act or ("", "")
        if state in OPEN:
            return "it has been asked to delete it"
        if state and state != ActState.UNSENT:
            return words
        if "as told by the edge" in (one.proof or ""):
            return _EDGE
        if not proved:
            return _UNPROVED
        objections = (self._roots.why_not_delete(one.id, entry) for entry in self._entries(row, one.id))
        return next((words for words in objections if words), "its turn comes")

    def _entries(self, row: RootPlanRow, station: str) -> list[int]:
        return [
            entry.id
            for entry in self._roots.view(station).entries
            if entry.kind is CertificateKind.CSMS
            and entry.recognised is not None
            and (entry.recognised.known_as, entry.recognised.name) in [(one, row.old) for one in OURS]
        ]


def does_without(row: RootPlanRow, family: KeyFamily) -> ColumnElement[bool]:
    """It connected under the new root alone, or is not shown the certificate under it and has connected since."""
    sighting, station = RootSightingRow, StationRow
    alone = select(sighting.station).where(
        col(sighting.station) == col(station.id), sighting.root == row.new, col(sighting.alone_at).is_not(None)
    )
    shown = shown_rsa() if family is KeyFamily.RSA else ~shown_rsa()
    concerned = and_(col(station.tls_version).is_not(None), shown)
    return or_(alone.exists(), and_(~concerned, col(station.connected_at) > (row.alone_since or row.moved_at)))


def _lists_old(row: RootPlanRow) -> ColumnElement[bool]:
    root = StationRootRow
    listed = select(root.id).where(
        col(root.station) == col(StationRow.id), root.known_name == row.old, col(root.known_as).in_(OURS),
        root.kind == CertificateKind.CSMS.value, col(root.gone_at).is_(None),
    )  # fmt: skip
    return listed.exists()


def _excluded(row: RootPlanRow) -> ColumnElement[bool]:
    return col(StationRow.id).in_(select(PlanExclusionRow.station).where(PlanExclusionRow.plan == row.id))


def _deletes(row: RootPlanRow) -> tuple[Any, ...]:
    return (RootActRow.name == row.old, RootActRow.deed == Deed.DELETE.value)


def _deletions(row: RootPlanRow) -> tuple[Any, ...]:
    return (col(RootActRow.station) == col(StationRow.id), *_deletes(row), col(RootActRow.at) >= row.moved_at)
