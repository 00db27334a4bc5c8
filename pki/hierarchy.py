"""The authorities that exist: read from the database, kept in memory, found by name."""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from sqlalchemy import select
from sqlmodel import col

from pki.certificates import AboveLeaf, pem_of
from pki.errors import UnknownAuthority
from pki.keys import KeyAlgorithm, check_key_strength
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


@dataclass(frozen=True, slots=True)
class AuthorityInfo:
    """A root, an issuing authority or a firmware signer, as one may show it."""

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


class Hierarchy:
    """Finds authorities. They are immutable once made, so that what was read may be kept."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._rows: dict[str, AuthorityRow] = {}
        self._issuers: dict[str, Issuer] = {}

    def all(self) -> list[AuthorityInfo]:
        """Every root and issuing authority: the roots first, then by name."""
        self.reload()
        rows = sorted(self._rows.values(), key=lambda row: (row.kind != AuthorityKind.ROOT, row.name))
        return [info_of(row) for row in rows]

    def info(self, name: str) -> AuthorityInfo:
        """Raises UnknownAuthority."""
        return info_of(self._row(name))

    def certificate(self, name: str) -> x509.Certificate:
        """An authority's own certificate. Raises UnknownAuthority."""
        return x509.load_der_x509_certificate(self._row(name).der)

    def issuer(self, name: str) -> Issuer:
        """What signing by this authority needs to know. Raises UnknownAuthority."""
        if name not in self._issuers:
            self._issuers[name] = self._issuer_of(self._row(name))
        return self._issuers[name]

    def above(self, name: str) -> AboveLeaf:
        """What stands above the certificates of this authority. Raises UnknownAuthority."""
        row = self._row(name)
        pems: list[str] = []
        while row.parent is not None:
            pems.append(pem_of(row.der))
            row = self._row(row.parent)
        return AboveLeaf("".join(pems), row.name)

    def reload(self) -> None:
        """Read the authorities again; another process may have made one."""
        with self._lock, self._store.reading() as session:
            rows = session.execute(select(AuthorityRow).order_by(col(AuthorityRow.name))).scalars().all()
            self._rows = {row.name: row for row in rows}

    def _row(self, name: str) -> AuthorityRow:
        if name not in self._rows:
            self.reload()
        try:
            return self._rows[name]
        except KeyError:
            raise UnknownAuthority(name) from None

    def _issuer_of(self, row: AuthorityRow) -> Issuer:
        certificate = x509.load_der_x509_certificate(row.der)
        return Issuer(
            name=row.name,
            subject=certificate.subject,
            public_key=check_key_strength(certificate.public_key()),
            algorithm=KeyAlgorithm(row.algorithm),
            key_name=row.key_name,
            not_before=row.not_before,
            not_after=row.not_after,
            crl_shards=row.crl_shards,
            chain_pem_length=len(self.above(row.name).chain_pem),
        )


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
    )
