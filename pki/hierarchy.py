"""The authorities that exist: read from the database, kept in memory, found by name."""

import math
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select
from sqlmodel import col

from pki.certificates import AboveLeaf, pem_of
from pki.errors import OrderRefused, PostVacant, UnknownAuthority
from pki.keys import KeyAlgorithm, KeyFamily, PublicKey, check_key_strength
from pki.plans import Issuer
from pki.store import Store
from pki.tables import AuthorityRow


class AuthorityKind(StrEnum):
    """What an authority's key is for: roots and issuing authorities sign certificates, signers sign firmware."""

    ROOT = "root"
    ISSUING = "issuing"
    SIGNER = "signer"


class HierarchyName(StrEnum):
    """The two trees, kept apart (A00.FR.601–604): the operator's, and the maker's for firmware."""

    OPERATOR = "operator"
    MANUFACTURER = "manufacturer"


class AuthorityStatus(StrEnum):
    """How far an authority is in its life. Only an active one issues what is new."""

    PENDING = "pending"
    """Its request waits for a certificate that another authority signs."""
    PREPARED = "prepared"
    ACTIVE = "active"
    RETIRING = "retiring"
    """What it issued still counts; a successor issues what is new."""
    RETIRED = "retired"


class Custody(StrEnum):
    """Where an authority's key is: here (in whatever keeps our keys), or with somebody else or on another machine."""

    HERE = "here"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class AuthorityInfo:
    """A root, an issuing authority or a firmware signer, as one may show it. `post` is the job that it fills."""

    name: str
    kind: AuthorityKind
    hierarchy: HierarchyName
    purpose: str
    subject: str
    algorithm: KeyAlgorithm
    not_before: datetime
    not_after: datetime
    certificate_pem: str = field(repr=False)
    parent: str | None
    serial: str
    der: bytes = field(repr=False)
    crl_shards: int = 0
    post: str = ""
    status: AuthorityStatus = AuthorityStatus.ACTIVE
    custody: Custody = Custody.HERE


class Hierarchy:
    """Finds authorities. What was read is kept for a second, since another process may make or move one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._seen = _Snapshot({}, -math.inf)

    def all(self) -> list[AuthorityInfo]:
        """Every root and issuing authority: the roots first, then by name."""
        self.reload()
        rows = sorted(self._seen.rows.values(), key=lambda row: (row.kind != AuthorityKind.ROOT, row.name))
        return [info_of(row) for row in rows]

    def info(self, name: str) -> AuthorityInfo:
        """Raises UnknownAuthority."""
        return info_of(self._row(name))

    def certificate(self, name: str) -> x509.Certificate:
        """An authority's own certificate. Raises UnknownAuthority."""
        return x509.load_der_x509_certificate(self._row(name).der)

    def issuer(self, name: str) -> Issuer:
        """What signing by this authority needs to know, whatever its status. Raises UnknownAuthority."""
        self._row(name)
        return self._seen.issuer(name)

    def issuer_for(self, post: str, family: KeyFamily, key: PublicKey | None = None) -> Issuer:
        """The active authority of this family that fills the post, for new certificates.

        Of several it is the one whose own key is as strong as `key`, else the one with the smallest certificates,
        of these the newest. Raises PostVacant.
        """
        wanted = KeyAlgorithm.EC_P384 if _is_strong_ec(key) else None
        found = self._filling(post, family, wanted)
        if found is None:
            self.reload()
            found = self._filling(post, family, wanted)
        if found is None:
            raise PostVacant(post, family.value)
        return self._seen.issuer(found)

    def issuer_named(self, name: str, post: str) -> Issuer:
        """An active authority by name, when it fills this post. Raises UnknownAuthority, OrderRefused."""
        row = self._row(name)
        if row.post != post:
            raise OrderRefused("authority", f"the authority {name!r} does not issue for {post!r}")
        if not _issues(row):
            raise OrderRefused("authority", f"the authority {name!r} issues nothing new (it is {row.status})")
        return self._seen.issuer(name)

    def root_of(self, name: str) -> AuthorityInfo:
        """The root above an authority. Raises UnknownAuthority."""
        row = self._row(name)
        while row.parent is not None:
            row = self._row(row.parent)
        return info_of(row)

    def above(self, name: str) -> AboveLeaf:
        """What stands above the certificates of this authority. Raises UnknownAuthority."""
        self._row(name)
        return self._seen.above(name)

    def reload(self) -> None:
        """Read the authorities again, at once: to be called after a change of them was committed."""
        with self._lock:
            self._read()

    def _read(self) -> None:
        with self._store.reading() as session:
            rows = session.execute(select(AuthorityRow).order_by(col(AuthorityRow.name))).scalars().all()
            self._seen = _Snapshot({row.name: row for row in rows}, time.monotonic(), self._seen)

    def _current(self) -> "_Snapshot":
        if self._is_old():
            with self._lock:
                if self._is_old():  # of a crowd that finds it old at once, the first reads for all
                    self._read()
        return self._seen

    def _is_old(self) -> bool:
        return time.monotonic() - self._seen.read_at > _KEPT

    def _row(self, name: str) -> AuthorityRow:
        if name not in self._current().rows:
            self.reload()
        try:
            return self._seen.rows[name]
        except KeyError:
            raise UnknownAuthority(name) from None

    def _filling(self, post: str, family: KeyFamily, wanted: KeyAlgorithm | None) -> str | None:
        return self._current().filling(post, family, wanted)


class _Snapshot:
    """The authorities at one moment. Issuers stay the same objects while their chain does: they are keys of caches."""

    def __init__(self, rows: dict[str, AuthorityRow], read_at: float, before: "_Snapshot | None" = None) -> None:
        self.rows = rows
        self.read_at = read_at
        self.issuers: dict[str, Issuer] = {}
        self._above: dict[str, AboveLeaf] = {}
        self._chosen: dict[tuple[str, KeyFamily, KeyAlgorithm | None], str | None] = {}
        if before is not None:
            kept = before.issuers.items()
            self.issuers = {name: one for name, one in kept if before.chain(name) == self.chain(name)}

    def chain(self, name: str) -> list[bytes]:
        """An authority's certificate and those above it; empty when there is none of this name."""
        ders: list[bytes] = []
        row = self.rows.get(name)
        while row is not None:
            ders.append(row.der)
            row = self.rows.get(row.parent) if row.parent else None
        return ders

    def above(self, name: str) -> AboveLeaf:
        if name not in self._above:
            row, pems = self.rows[name], []
            while row.parent is not None:
                pems.append(pem_of(row.der))
                row = self.rows[row.parent]
            self._above[name] = AboveLeaf("".join(pems), row.name)
        return self._above[name]

    def issuer(self, name: str) -> Issuer:
        if name not in self.issuers:
            # Two threads may both get here; both must go on with the same object.
            self.issuers.setdefault(name, self._issuer_of(self.rows[name]))
        return self.issuers[name]

    def filling(self, post: str, family: KeyFamily, wanted: KeyAlgorithm | None) -> str | None:
        asked = (post, family, wanted)
        if asked not in self._chosen:
            rows = [row for row in self.rows.values() if row.post == post and _issues(row)]
            fit = [row for row in rows if KeyAlgorithm(row.algorithm).family is family]
            best = min(fit, key=lambda row: _preference(row, wanted), default=None)
            self._chosen[asked] = best.name if best is not None else None
        return self._chosen[asked]

    def _issuer_of(self, row: AuthorityRow) -> Issuer:
        certificate = x509.load_der_x509_certificate(row.der)
        chain = self.chain(row.name)
        return Issuer(
            name=row.name,
            subject=certificate.subject,
            public_key=check_key_strength(certificate.public_key()),
            algorithm=KeyAlgorithm(row.algorithm),
            key_name=row.key_name,
            not_before=row.not_before,
            not_after=row.not_after,
            crl_shards=row.crl_shards,
            chain_pem_length=sum(len(pem_of(der)) for der in chain[:-1]),
        )


_KEPT = 1.0  # seconds
_SMALLEST_FIRST = list(KeyAlgorithm)


def _issues(row: AuthorityRow) -> bool:
    return row.status == AuthorityStatus.ACTIVE and row.custody == Custody.HERE


def _preference(row: AuthorityRow, wanted: KeyAlgorithm | None) -> tuple[bool, int, float]:
    algorithm = KeyAlgorithm(row.algorithm)
    return wanted is not algorithm, _SMALLEST_FIRST.index(algorithm), -row.not_before.timestamp()


def _is_strong_ec(key: PublicKey | None) -> bool:
    return isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= 384


def info_of(row: AuthorityRow) -> AuthorityInfo:
    """The domain object of a row."""
    return AuthorityInfo(
        name=row.name,
        kind=AuthorityKind(row.kind),
        hierarchy=HierarchyName(row.hierarchy),
        purpose=row.purpose,
        subject=x509.load_der_x509_certificate(row.der).subject.rfc4514_string(),
        algorithm=KeyAlgorithm(row.algorithm),
        not_before=row.not_before,
        not_after=row.not_after,
        certificate_pem=pem_of(row.der),
        parent=row.parent,
        serial=row.serial,
        der=row.der,
        crl_shards=row.crl_shards,
        post=row.post,
        status=AuthorityStatus(row.status),
        custody=Custody(row.custody),
    )
