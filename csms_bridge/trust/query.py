"""The bits of `facts` as SQL: the fleet counted by its patterns of bits, and the stations of some patterns, by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Subquery, and_, case, func, literal, or_, true
from sqlmodel import Session, col, select

from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.entries import REFUSALS, ActState, Deed, KnownAs
from csms_bridge.station_roots.rows import RootActRow, RootListingRow, StationRootRow
from csms_bridge.tables import StationRow
from csms_bridge.trust.facts import ROOT_SHIFTS, Fact, Facts, RootFact, facts_of
from csms_bridge.trust.hindrances import of_root, of_station
from csms_bridge.trust.odd_kinds import OddKinds
from csms_bridge.trust.rows import PlanExclusionRow, RootSightingRow
from pki.keys import KeyFamily
from pki.tables import CertificateRow

OURS = (KnownAs.AUTHORITY.value, KnownAs.CROSS.value)
_MUTUAL = 3


@dataclass(frozen=True, slots=True)
class RootAsked:
    """A root as the database knows it: by our name for it, whose it is, and for which use stations keep it.

    `vendor`: whose stations leave the factory with it; empty: nobody's. `signed_by`: who has certified it across.
    """

    name: str
    kind: CertificateKind = CertificateKind.CSMS
    known_as: tuple[str, ...] = OURS
    vendor: str = ""
    family: KeyFamily = KeyFamily.EC
    signed_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the bits are about. None of a root's bits is set where it is not asked for.

    `chain`: how many characters the chain of a station's next certificate will have. Without `odd` nothing is asked
    about what might hinder a station.
    """

    roots: tuple[RootAsked | None, ...] = ()
    floor: int = 0
    ends_before: datetime | None = None
    leaving: tuple[str, ...] = ()
    plan: str = ""
    chain: int = 0
    odd: OddKinds | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """A station and its bits, with what a list shows of it."""

    station: str
    facts: Facts
    vendor: str
    model: str
    site: str
    profile: int | None
    online: bool
    last_seen: datetime | None


def count(session: Session, asked: Asked) -> Mapping[Facts, int]:
    """How many stations have which bits."""
    marked = _marked(asked)
    query = select(marked.c.mask, func.count()).group_by(marked.c.mask)
    return {facts_of(int(mask)): number for mask, number in session.exec(query)}


def page(session: Session, asked: Asked, wanted: Sequence[Facts], after: str, limit: int) -> list[Marked]:
    """The stations that have one of these patterns of bits, by name from `after` on."""
    marked = _marked(asked, after)
    row = StationRow
    shown = (col(row.vendor), col(row.model), col(row.site), col(row.profile), col(row.online), col(row.last_seen))
    query = (
        select(marked.c.id, marked.c.mask, *shown)  # type: ignore[call-overload]
        .join(row, col(row.id) == marked.c.id)
        .where(marked.c.mask.in_([facts.mask for facts in wanted]))
        .order_by(marked.c.id)
        .limit(limit)
    )
    return [Marked(station, facts_of(int(mask)), *rest) for station, mask, *rest in session.exec(query)]


def one(session: Session, asked: Asked, station: str) -> Facts | None:
    """The bits of one station; None when there is none."""
    marked = _marked(asked, only=station)
    mask = session.exec(select(marked.c.mask)).first()
    return None if mask is None else facts_of(int(mask))


def over_an_edge() -> ColumnElement[bool]:
    """An edge ended the TLS of the station's last connection (see `sightings.Line.on_record`)."""
    return func.coalesce(col(StationRow.proof), "").contains("as told by the edge")


def shown_rsa() -> ColumnElement[bool]:
    """Its last connection was authenticated by our RSA certificate (RFC 5246 §A.5)."""
    older = and_(col(StationRow.tls_version).is_not(None), col(StationRow.tls_version) <= "TLSv1.2")
    return and_(older, col(StationRow.cipher).is_not(None), ~col(StationRow.cipher).contains("ECDSA"))


def _marked(asked: Asked, after: str = "", only: str = "") -> Subquery:
    """Every station with the number of its bits."""
    bits = _station_bits(asked)
    sources: list[tuple[Any, Any]] = []
    for shift, root in zip(ROOT_SHIFTS, asked.roots, strict=False):
        if root is not None:
            joins, more = _root_bits(root, shift)
            sources += joins
            bits += more + _hindrances(root, shift, asked.odd)
    mask: ColumnElement[int] = literal(0, BigInteger)
    for condition, bit in bits:
        mask = mask + case((condition, literal(int(bit), BigInteger)), else_=literal(0, BigInteger))
    source: Any = select(col(StationRow.id), mask.label("mask"))
    source = source.outerjoin(CertificateRow, col(CertificateRow.serial) == col(StationRow.certificate_serial))
    for joined, on in sources:
        source = source.outerjoin(joined, on)
    where = col(StationRow.id) == only if only else (col(StationRow.id) > after if after else true())
    found: Subquery = source.where(where).subquery()
    return found


_Bits = list[tuple[ColumnElement[bool], int]]


def _station_bits(asked: Asked) -> _Bits:
    row = StationRow
    tls = col(row.tls_version).is_not(None)
    bits: _Bits = [
        (col(row.profile).is_not(None), Fact.SEEN),
        (tls, Fact.TLS),
        (and_(col(row.profile) == _MUTUAL, col(row.certificate_serial).is_not(None)), Fact.MUTUAL),
        (over_an_edge(), Fact.EDGE),
        (shown_rsa(), Fact.RSA_SERVER),
        (and_(shown_rsa(), ~col(row.cipher).contains("DHE")), Fact.STATIC_RSA),
        (col(row.online).is_(True), Fact.ONLINE),
    ]
    if asked.floor:
        bits.append((col(row.profile) < asked.floor, Fact.BELOW_FLOOR))
    if asked.ends_before is not None:
        bits.append((col(CertificateRow.not_after) < asked.ends_before, Fact.ENDS_BEFORE))
    if asked.leaving:
        bits.append((col(CertificateRow.authority).in_(asked.leaving), Fact.ISSUED_BY_LEAVING))
    if asked.plan:
        out = select(PlanExclusionRow.station).where(PlanExclusionRow.plan == asked.plan)
        bits.append((col(row.id).in_(out), Fact.EXCLUDED))
    return bits + list(of_station(asked.chain, asked.floor, asked.odd) if asked.odd is not None else ())


def _hindrances(root: RootAsked, shift: int, odd: OddKinds | None) -> _Bits:
    found = of_root(root.name, root.family, root.signed_by, odd) if odd is not None else []
    return [(condition, int(bit) << shift) for condition, bit in found]


def _root_bits(root: RootAsked, shift: int) -> tuple[list[tuple[Any, Any]], _Bits]:
    """What has to be joined, and the bits of one root."""
    lists, acts, asked_for, seen = _lists(root), _acts(root), _listings(root), _sightings(root)
    station = col(StationRow.id)
    joins = [(one, one.c.station == station) for one in (lists, acts, asked_for, seen)]
    kept = func.coalesce(acts.c.deleted, 0)
    accepted = and_(acts.c.accepted.is_not(None), acts.c.accepted > kept)
    not_deleted_since = or_(acts.c.deleted_at.is_(None), acts.c.deleted_at < seen.c.alone_at)
    since = or_(~func.coalesce(acts.c.accepted > kept, False), asked_for.c.listed_at > acts.c.accepted_at)
    bits: _Bits = [
        (lists.c.station.is_not(None), RootFact.LISTED),
        (accepted, RootFact.ACCEPTED),
        (and_(accepted, acts.c.across == acts.c.accepted), RootFact.ACROSS),
        (acts.c.refused > func.coalesce(acts.c.accepted, 0), RootFact.REFUSED),
        (and_(asked_for.c.listed_at.is_not(None), since), RootFact.LISTED_SINCE),
        (and_(seen.c.alone_at.is_not(None), not_deleted_since), RootFact.SEEN_ALONE),
        (seen.c.among_at.is_not(None), RootFact.SEEN_AMONG),
    ]
    if root.vendor:
        bits.append((func.lower(col(StationRow.vendor)) == root.vendor.lower(), RootFact.PRESET))
    return joins, [(condition, int(bit) << shift) for condition, bit in bits]


def _lists(root: RootAsked) -> Subquery:
    row = StationRootRow
    found = select(row.station).where(
        row.known_name == root.name, row.kind == root.kind.value, col(row.gone_at).is_(None),
        col(row.known_as).in_(root.known_as),
    )  # fmt: skip
    return found.distinct().subquery()


def _acts(root: RootAsked) -> Subquery:
    """The last time that it took this root, refused it, deleted it; acts are numbered in their order."""
    row = RootActRow
    installs, done = col(row.deed) == Deed.INSTALL.value, col(row.state) == ActState.DONE.value
    deletes = and_(col(row.deed) == Deed.DELETE.value, done)
    taken = and_(installs, done)

    def newest(condition: Any, what: Any) -> Any:
        return func.max(case((condition, what)))

    found = select(
        row.station,
        newest(taken, col(row.id)).label("accepted"),
        newest(taken, col(row.settled_at)).label("accepted_at"),
        newest(and_(taken, col(row.signed_by) != ""), col(row.id)).label("across"),
        newest(and_(installs, col(row.state).in_(REFUSALS)), col(row.id)).label("refused"),
        newest(deletes, col(row.id)).label("deleted"),
        newest(deletes, col(row.settled_at)).label("deleted_at"),
    )  # type: ignore[call-overload]
    return found.where(row.name == root.name, row.kinds == root.kind.value).group_by(row.station).subquery()  # type: ignore[no-any-return]


def _listings(root: RootAsked) -> Subquery:
    row = RootListingRow
    return select(row.station, row.listed_at).where(row.kind == root.kind.value).subquery()


def _sightings(root: RootAsked) -> Subquery:
    row = RootSightingRow
    return select(row.station, row.alone_at, row.among_at).where(row.root == root.name).subquery()
