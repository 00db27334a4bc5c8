"""Which root one station's chain shall end in, and the chains that follow from it.

Nobody's wish is the plain chain: up to the root of the issuing authority's own parent. A wish that no good
certificates lead to any more is left alone, and the station gets the plain chain until they do again.
"""

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from pki.audit import AuditTrail, Entry, PkiAct
from pki.certificates import AboveLeaf, pem_of
from pki.chains import Link, find_way
from pki.clock import Clock
from pki.errors import NoChain, OrderRefused
from pki.hierarchy import AuthorityInfo, AuthorityKind, AuthorityStatus, Hierarchy, HierarchyName
from pki.keys import KeyAlgorithm, KeyFamily
from pki.profiles import STATION, profiles_of
from pki.settings import PkiSettings
from pki.store import Store
from pki.tables import AuthorityRow, ChainChoiceRow, CrossCertificateRow, RevokedRow, RolloverRow

_GONE = (AuthorityStatus.PENDING, AuthorityStatus.RETIRED)
_KEPT = 1.0  # seconds, as the hierarchy is
# Octets of a station's certificate: its names and addresses, and its key (P-521, RSA-2048). The lint counts exactly.
_REST = 600
_STATION_KEY = {KeyFamily.EC: 158, KeyFamily.RSA: 294}
_SIGNATURE = {KeyAlgorithm.EC_P256: 72, KeyAlgorithm.EC_P384: 104}


@dataclass(frozen=True, slots=True)
class ChainChoice:
    """One station's wish. `root` is the name of the root that its chain shall end in."""

    station: str
    root: str
    chosen_by: str
    chosen_at: datetime


@dataclass(frozen=True, slots=True)
class ChainWay:
    """What a station's chain above its own certificate would be, were it issued by `authority` now.

    `through` names the authorities whose certificates stand in it, `length` counts its characters (PEM). `sentence`
    says why it does not end where it shall; empty when it does.
    """

    authority: str
    root: str
    through: tuple[str, ...]
    length: int
    sentence: str = ""


class ChainChoices:
    """Keeps the wishes and builds the chains. Safe to use from several threads and processes."""

    def __init__(
        self, store: Store, trail: AuditTrail, hierarchy: Hierarchy, settings: PkiSettings, clock: Clock
    ) -> None:
        self._store = store
        self._trail = trail
        self._hierarchy = hierarchy
        self._clock = clock
        station = profiles_of(settings)[STATION]
        self._post, self._limit = station.post, station.chain_limit or 0
        self._lock = threading.Lock()
        self._seen = _Snapshot((), has_wishes=False, unbridged=frozenset(), read_at=-math.inf)

    def choose(self, station: str, root: str, by: str) -> ChainChoice:
        """From now on the station's chain ends in `root`. Raises UnknownAuthority, OrderRefused, NoChain."""
        self._check_root(self._hierarchy.info(root))
        self._check_reachable(root)
        now = self._clock()
        with self._store.writing() as session:
            row = session.get(ChainChoiceRow, station) or ChainChoiceRow(
                station=station, root=root, chosen_by=by, chosen_at=now
            )
            row.root, row.chosen_by, row.chosen_at = root, by, now
            session.add(row)
            session.flush()
            self._trail.record_all(session, [_entry(PkiAct.CHAIN_CHOSEN, by, station, root)], now)
        self._reload()
        return _choice(row)

    def release(self, station: str, by: str) -> None:
        """Back to the plain chain; nothing happens when there is no wish."""
        now = self._clock()
        with self._store.writing() as session:
            row = session.get(ChainChoiceRow, station)
            if row is not None:
                session.delete(row)
                self._trail.record_all(session, [_entry(PkiAct.CHAIN_RELEASED, by, station, row.root)], now)

    def of(self, station: str) -> ChainChoice | None:
        """The station's wish; None when it has none."""
        with self._store.reading() as session:
            row = session.get(ChainChoiceRow, station)
            return None if row is None else _choice(row)

    def counts(self) -> Mapping[str, int]:
        """How many stations chose each root."""
        query = select(col(ChainChoiceRow.root), func.count()).group_by(col(ChainChoiceRow.root))
        with self._store.reading() as session:
            return dict(session.execute(query).all())

    def stations_of(self, root: str, after: str | None = None, limit: int = 100) -> list[ChainChoice]:
        """Who chose this root, by name; `after` is the last station of the page before."""
        query = select(ChainChoiceRow).where(
            col(ChainChoiceRow.root) == root, col(ChainChoiceRow.station) > (after or "")
        )
        with self._store.reading() as session:
            return [
                _choice(row)
                for row in session.execute(query.order_by(col(ChainChoiceRow.station)).limit(limit)).scalars()
            ]

    def above(self, authority: str, station: str | None = None) -> AboveLeaf:
        """What stands above a certificate of this authority in the chain that the station gets.

        Raises UnknownAuthority.
        """
        plain = self._hierarchy.above(authority)
        if station is None or not self._current().has_wishes:
            return plain
        wish = self.of(station)
        if wish is None or wish.root == plain.root:
            return plain
        try:
            return self.ending_in(authority, wish.root)
        except NoChain:
            return plain

    def wished_length(self, authority: str, station: str | None) -> int | None:
        """Characters above the certificate of a station with a wish; None where the chain is the plain one."""
        if station is None or not self._current().has_wishes:
            return None
        return len(self.above(authority, station).chain_pem)

    def ending_in(self, authority: str, root: str) -> AboveLeaf:
        """What stands above this authority's certificates in a chain that ends in `root`. Raises NoChain."""
        way = find_way(authority, root, self._current().links, self._clock())
        return AboveLeaf("".join(pem_of(link.der) for link in way), root)

    def for_servers(self, authority: str) -> AboveLeaf:
        """The same for our own servers, which cannot ask who connects before they show their chain.

        While a root retires, the chain goes on to it through the cross-certificate, unless the roll-over has taken
        that bridge away; who trusts the new root stops there. Raises UnknownAuthority.
        """
        plain, family = self._hierarchy.above(authority), self._hierarchy.info(authority).algorithm.family
        retiring = [info for info in self._hierarchy.all() if info.status is AuthorityStatus.RETIRING]
        alone = self._current().unbridged
        roots = [
            info
            for info in retiring
            if info.kind is AuthorityKind.ROOT and info.algorithm.family is family and info.name not in alone
        ]
        for info in sorted(roots, key=lambda info: info.not_before):
            try:
                longer = self.ending_in(authority, info.name)
            except NoChain:
                continue
            if plain.chain_pem in longer.chain_pem:  # else who trusts the new root alone would find no way
                return longer
        return plain

    @property
    def post(self) -> str:
        """The job of the authorities that issue for stations."""
        return self._post

    def usual_length(self, authority: str) -> int:
        """About how many characters a station's plain chain has below the root, if this authority issues it.

        Raises UnknownAuthority.
        """
        leaf = leaf_length(self._hierarchy.info(authority).algorithm)
        return leaf + len(self._hierarchy.above(authority).chain_pem)

    def ways(self, station: str) -> list[ChainWay]:
        """For each authority that issues for stations now, what the station would get."""
        wish = self.of(station)
        return [self._way(info.name, wish.root if wish else None) for info in self._issuing()]

    def _way(self, authority: str, wish: str | None) -> ChainWay:
        plain, sentence = self._hierarchy.above(authority), ""
        if wish is not None:
            try:
                way = find_way(authority, wish, self._current().links, self._clock())
            except NoChain as none:
                sentence = none.sentence
            else:
                length = sum(len(pem_of(link.der)) for link in way)
                return ChainWay(authority, wish, tuple(link.subject for link in way), length)
        return ChainWay(authority, plain.root, self._lineage(authority), len(plain.chain_pem), sentence)

    def _lineage(self, name: str) -> tuple[str, ...]:
        """The authority and those above it, without the root."""
        info, names = self._hierarchy.info(name), []
        while info.parent is not None:
            names.append(info.name)
            info = self._hierarchy.info(info.parent)
        return tuple(names)

    def _issuing(self) -> list[AuthorityInfo]:
        found = self._hierarchy.all()
        return [info for info in found if info.post == self._post and info.status is AuthorityStatus.ACTIVE]

    def roots(self) -> list[AuthorityInfo]:
        """The operator's roots that may be chosen."""
        operators = [info for info in self._hierarchy.all() if info.hierarchy is HierarchyName.OPERATOR]
        return [info for info in operators if info.kind is AuthorityKind.ROOT and info.status not in _GONE]

    def _check_root(self, root: AuthorityInfo) -> None:
        if root.kind is not AuthorityKind.ROOT or root.hierarchy is not HierarchyName.OPERATOR:
            raise OrderRefused("root", f"{root.name!r} is not a root of the operator's hierarchy")
        if root.status in _GONE:
            raise OrderRefused("root", f"the root {root.name!r} is {root.status}")

    def _check_reachable(self, root: str) -> None:
        """From one at least of the authorities that issue for stations, by a chain that stations can take (A02)."""
        self._reload()
        fault: NoChain | None = None
        for info in self._issuing():
            try:
                length = len(self.ending_in(info.name, root).chain_pem) + leaf_length(info.algorithm)
            except NoChain as none:
                fault = fault or none
                continue
            if length <= self._limit:
                return
            sentence = f"a chain from {info.name!r} to {root!r} would have about {length} characters"
            fault = NoChain(info.name, root, f"{sentence}, more than the {self._limit} that stations must take")
        raise fault or NoChain(self._post, root)

    def _current(self) -> "_Snapshot":
        if self._is_old():
            with self._lock:
                if self._is_old():  # of a crowd that finds it old at once, the first reads for all
                    self._read()
        return self._seen

    def _is_old(self) -> bool:
        return time.monotonic() - self._seen.read_at > _KEPT

    def _reload(self) -> None:
        with self._lock:
            self._read()

    def _read(self) -> None:
        with self._store.reading() as session:
            has_wishes = session.execute(select(col(ChainChoiceRow.station)).limit(1)).first() is not None
            away = session.execute(select(col(RolloverRow.old)).where(col(RolloverRow.bridged).is_(False)))
            unbridged = frozenset(away.scalars())
            self._seen = _Snapshot(tuple(read_links(session)), has_wishes, unbridged, time.monotonic())


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Another process may certify, revoke and choose; what was read is looked at for a second."""

    links: tuple[Link, ...]
    has_wishes: bool
    unbridged: frozenset[str]
    read_at: float


def forget_choice(session: Session, station: str) -> None:
    """Drop the wish of a station that is no more, in the transaction that removes it."""
    session.execute(delete(ChainChoiceRow).where(col(ChainChoiceRow.station) == station))


def read_links(session: Session) -> list[Link]:
    """Every certificate of an authority by another one."""
    revoked = col(RevokedRow.serial)
    own = select(AuthorityRow, revoked).outerjoin(RevokedRow, revoked == col(AuthorityRow.serial))
    cross = select(CrossCertificateRow, revoked).outerjoin(RevokedRow, revoked == col(CrossCertificateRow.serial))
    links = [
        _link(row.name, row.parent, row.der, is_cross=False, is_revoked=serial is not None)
        for row, serial in session.execute(own.where(col(AuthorityRow.parent).is_not(None)))
        if row.status != AuthorityStatus.PENDING
    ]
    return links + [
        _link(row.authority, row.issuer, row.der, is_cross=True, is_revoked=serial is not None)
        for row, serial in session.execute(cross)
    ]


def _link(subject: str, issuer: str, der: bytes, *, is_cross: bool, is_revoked: bool) -> Link:
    certificate = x509.load_der_x509_certificate(der)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    return Link(
        subject=subject,
        issuer=issuer,
        serial=f"{certificate.serial_number:x}",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        path_length=constraints.path_length,
        is_cross=is_cross,
        is_revoked=is_revoked,
        der=der,
    )


def leaf_length(issuer: KeyAlgorithm) -> int:
    """About how many characters of PEM a station's own certificate has."""
    signature = _SIGNATURE.get(issuer) or int(issuer.value.removeprefix("rsa-")) // 8
    octets = _REST + _STATION_KEY[issuer.family] + signature
    return octets * 4 // 3 * 65 // 64 + len("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")


def _choice(row: ChainChoiceRow) -> ChainChoice:
    return ChainChoice(row.station, row.root, row.chosen_by, row.chosen_at)


def _entry(act: PkiAct, by: str, station: str, root: str) -> Entry:
    return Entry(act, by, "station", station, details={"root": root})
