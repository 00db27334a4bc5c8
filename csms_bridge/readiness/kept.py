"""What is kept of stations outside their posture: roots, walks, requests, lessons. A query each, for a whole lot."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from json import loads
from typing import Any

import sqlalchemy as sa
from sqlalchemy import func, tuple_
from sqlmodel import Session, col, select

from csms_bridge.certificate_asks import AskState
from csms_bridge.quirks.tables import LearnedQuirkRow
from csms_bridge.readiness.facts import Complaint, LastWalk, Lesson, Refusal, Roots
from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.entries import ActState, Deed, KnownAs, ListingState
from csms_bridge.station_roots.rows import RootActRow, RootListingRow, StationRootRow
from csms_bridge.tables import CertificateAskRow, SecurityEventRow, WalkRow
from csms_bridge.walks.steps import WalkState
from pki.firmware_tables import FirmwareRow
from pki.tables import ChainChoiceRow

Kind = tuple[str, str, str]
"""Vendor, model and firmware, as a station says when it boots."""
_OURS = (KnownAs.AUTHORITY.value, KnownAs.CROSS.value)
_REFUSED = (ActState.REJECTED, ActState.FAILED, ActState.REFUSED)
_COMPLAINTS = ("InvalidCsmsCertificate", "InvalidTLSVersion", "InvalidTLSCipherSuite")


@dataclass(frozen=True, slots=True)
class LastAsk:
    """The newest certificate request: the serial number of the newest certificate, and why nothing came of it."""

    issued: str | None = None
    refused: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A lot of stations; who has nothing of the kind is left out. `lessons` and `revoked` are by kind."""

    roots: Mapping[str, Roots] = field(default_factory=dict)
    walks: Mapping[str, LastWalk] = field(default_factory=dict)
    asks: Mapping[str, LastAsk] = field(default_factory=dict)
    complaints: Mapping[str, Complaint] = field(default_factory=dict)
    lessons: Mapping[Kind, tuple[Lesson, ...]] = field(default_factory=dict)
    revoked: frozenset[Kind] = frozenset()
    wishes: frozenset[str] = frozenset()


def kept_of(
    session: Session, stations: Collection[str], kinds: Collection[Kind], ours: frozenset[str], since: datetime
) -> Kept:
    """All of it; `ours` are the names of our roots, complaints count from `since` on."""
    wishes = select(ChainChoiceRow.station).where(col(ChainChoiceRow.station).in_(stations))
    return Kept(
        _roots(session, stations, ours), _walks(session, stations), _asks(session, stations),
        _complaints(session, stations, since), _lessons(session, kinds), _revoked(session, kinds),
        frozenset(session.exec(wishes)),
    )  # fmt: skip


def _walks(session: Session, stations: Collection[str]) -> dict[str, LastWalk]:
    row = WalkRow
    shown = (col(row.station), col(row.id), col(row.goal), col(row.outcome), col(row.reason))
    query: Any = sa.select(*shown).where(col(row.station).in_(stations))
    oldest_first = query.order_by(col(row.created_at), col(row.id))
    return {
        station: LastWalk(walk, goal, WalkState(outcome), reason)
        for station, walk, goal, outcome, reason in session.execute(oldest_first)
    }


def _asks(session: Session, stations: Collection[str]) -> dict[str, LastAsk]:
    """Of each the newest, and the newest certificate."""
    row = CertificateAskRow
    newest: Any = sa.select(func.max(col(row.id))).where(col(row.station).in_(stations)).group_by(col(row.station))
    last: Any = sa.select(col(row.station), col(row.state), col(row.reason), col(row.updated_at))
    issued: Any = sa.select(col(row.station), col(row.serial))
    certified = issued.where(col(row.id).in_(newest.where(col(row.serial).is_not(None))))
    serials = dict(session.execute(certified).all())
    return {
        station: LastAsk(serials.get(station), _refusal(state, reason, at))
        for station, state, reason, at in session.execute(last.where(col(row.id).in_(newest)))
    }


def _refusal(state: str, reason: str, at: datetime) -> Refusal | None:
    if state not in (AskState.REFUSED, AskState.REJECTED):
        return None
    return Refusal(reason or "it gave no reason", at, by_station=state == AskState.REJECTED)


def _complaints(session: Session, stations: Collection[str], since: datetime) -> dict[str, Complaint]:
    row = SecurityEventRow
    query = select(row.station, row.type, row.last_received_at).where(
        col(row.station).in_(stations), col(row.type).in_(_COMPLAINTS), col(row.last_received_at) > since
    )
    oldest_first = query.order_by(col(row.last_received_at))
    return {station: Complaint(type_, at) for station, type_, at in session.exec(oldest_first)}


def _lessons(session: Session, kinds: Collection[Kind]) -> dict[Kind, tuple[Lesson, ...]]:
    row = LearnedQuirkRow
    named = tuple_(col(row.vendor), col(row.model), col(row.firmware)).in_(list(kinds))
    found: dict[Kind, tuple[Lesson, ...]] = {}
    for one in session.exec(select(row).where(named, row.settled == "").order_by(col(row.times).desc())):
        kind = (one.vendor, one.model, one.firmware)
        found[kind] = (*found.get(kind, ()), Lesson(one.key, loads(one.value), one.times))
    return found


def _revoked(session: Session, kinds: Collection[Kind]) -> frozenset[Kind]:
    """Releases that were revoked here, and that no good order stands for."""
    row = FirmwareRow
    named = tuple_(col(row.vendor), col(row.model), col(row.version)).in_(list(kinds))
    states: dict[Kind, set[str]] = {}
    query = select(row.vendor, row.model, row.version, row.state).where(named)
    for vendor, model, version, state in session.exec(query):
        states.setdefault((vendor, model, version), set()).add(state)
    return frozenset(kind for kind, found in states.items() if "revoked" in found and "signed" not in found)


# --- roots


def _roots(session: Session, stations: Collection[str], ours: frozenset[str]) -> dict[str, Roots]:
    listed, acts = _listed(session, stations), _acts(session, stations, ours)
    listings = select(RootListingRow).where(
        col(RootListingRow.station).in_(stations), RootListingRow.kind == CertificateKind.CSMS.value
    )
    asked = {row.station: row for row in session.exec(listings)}
    return {
        station: _store(listed.get(station, ()), acts.get(station, ()), asked.get(station), ours)
        for station in {*listed, *acts, *asked}
    }


def _store(
    listed: Sequence[StationRootRow], acts: Sequence[RootActRow], asked: RootListingRow | None, ours: frozenset[str]
) -> Roots:
    csms = [row for row in listed if row.kind == CertificateKind.CSMS.value]
    names = {row.known_name for row in csms if row.known_as in _OURS}
    return Roots(
        ours=frozenset(names & ours) | _accepted(acts),
        listing=ListingState(asked.state) if asked is not None else None,
        words=asked.sentence if asked is not None else "",
        listed_at=asked.listed_at if asked is not None else None,
        count=len(listed),
        foreign=any(row.known_as not in _OURS for row in csms),
        refused=_refused(acts),
    )


def _accepted(acts: Sequence[RootActRow]) -> frozenset[str]:
    """What it accepted and did not delete since; `acts`: the oldest first."""
    done = {act.name: act.deed for act in acts if act.state == ActState.DONE}
    return frozenset(name for name, deed in done.items() if deed == Deed.INSTALL)


def _refused(acts: Sequence[RootActRow]) -> Refusal | None:
    """Its last word about a root of ours, when that was a refusal."""
    installs = [act for act in acts if act.deed == Deed.INSTALL and act.state in (ActState.DONE, *_REFUSED)]
    if not installs or installs[-1].state == ActState.DONE:
        return None
    last = installs[-1]
    return Refusal(last.sentence or last.state, last.settled_at or last.at)


def _listed(session: Session, stations: Collection[str]) -> dict[str, list[StationRootRow]]:
    row = StationRootRow
    found: dict[str, list[StationRootRow]] = {}
    for one in session.exec(select(row).where(col(row.station).in_(stations), col(row.gone_at).is_(None))):
        found.setdefault(one.station, []).append(one)
    return found


def _acts(session: Session, stations: Collection[str], ours: frozenset[str]) -> dict[str, list[RootActRow]]:
    row = RootActRow
    query = select(row).where(
        col(row.station).in_(stations), col(row.name).in_(ours), row.kinds == CertificateKind.CSMS.value
    )
    found: dict[str, list[RootActRow]] = {}
    for one in session.exec(query.order_by(col(row.id))):
        found.setdefault(one.station, []).append(one)
    return found
