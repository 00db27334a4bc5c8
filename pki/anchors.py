"""Authorities of others that are trusted for one use each.

First contact: makers' roots, so that a station can show its factory certificate. Such an anchor makes a TLS handshake
succeed and proves nothing by itself: who comes in is admission's decision, and no certificate under an anchor is an
identity of ours (OCPP 2.0.1 edition 3, A00.FR.801–806).

Contracts: roots of the Plug & Charge world (V2G, mobility operators), in which a contract certificate's chain must end
(C07). Sub-CAs may stand here too, below a root that does: some responders do not send who signed for them. They never
count in a handshake.

Firmware: manufacturers' roots under which the signers of firmware stand that the manufacturer signed already.
"""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import or_, select
from sqlmodel import Session, col

from pki.anchor_file import read_authority, read_root
from pki.anchor_use import AnchorUse
from pki.audit import AuditTrail, PkiAct
from pki.certificates import pem_of
from pki.clock import Clock
from pki.errors import AnchorExists, AnchorRefused, UnknownAnchor
from pki.keys import check_key_strength, spki_sha256
from pki.store import Store, hold_lock
from pki.tables import AnchorRow, AuthorityRow

_NAME = re.compile("[a-z0-9][a-z0-9-]{0,62}")
_MOST = 500  # each is looked at in every handshake with a foreign certificate
KIND = "anchor"


@dataclass(frozen=True, slots=True)
class Anchor:
    """An authority of others, of `vendor`. `sha256` is the certificate's fingerprint in hex, `der` its octets."""

    name: str
    use: AnchorUse
    vendor: str
    subject: str
    sha256: str
    not_before: datetime
    not_after: datetime
    added_by: str
    added_at: datetime
    certificate_pem: str = field(repr=False)
    der: bytes = field(repr=False)


class Anchors:
    """Adds, finds and removes anchors. Safe to use from several threads and processes."""

    def __init__(self, store: Store, trail: AuditTrail, clock: Clock) -> None:
        self._store = store
        self._trail = trail
        self._clock = clock

    def add(self, content: bytes, vendor: str, name: str, by: str, use: AnchorUse = AnchorUse.FIRST_CONTACT) -> Anchor:
        """Trust the root in `content` (PEM or DER) for this use: of this vendor's stations, or of its contracts.

        For contracts it may be a sub-CA too, whose issuer is there already. Raises AnchorRefused, AnchorExists.
        """
        now = self._clock()
        _check_words(name, vendor)
        if use is AnchorUse.CONTRACTS:
            root = read_authority(content, self.certificates(use), now)
        else:
            root = read_root(content, now)
        row = _row_of(root, vendor, name, by, now)
        row.use = use.value
        with self._store.writing() as session:
            hold_lock(session, "anchors")
            _check_is_new(session, row, root)
            session.add(row)
            session.flush()
            details = {
                "use": use.value,
                "sha256": row.sha256,
                "vendor": vendor,
                "subject": root.subject.rfc4514_string(),
            }
            self._trail.record(session, PkiAct.ANCHOR_ADDED, by=by, kind=KIND, thing=name, details=details, now=now)
        return _anchor_of(row)

    def remove(self, name: str, by: str, note: str = "") -> None:
        """Trust it no more; stations that are on line stay so. Raises UnknownAnchor."""
        with self._store.writing() as session:
            row = _named(session, name)
            session.delete(row)
            session.flush()
            details = {"sha256": row.sha256, "vendor": row.vendor}
            self._trail.record(
                session, PkiAct.ANCHOR_REMOVED, by=by, kind=KIND, thing=name, reason=note, details=details,
                now=self._clock(),
            )  # fmt: skip

    def all(self, use: AnchorUse | None = None) -> list[Anchor]:
        """By name; of one use, or of every."""
        query = select(AnchorRow).order_by(col(AnchorRow.name))
        if use is not None:
            query = query.where(col(AnchorRow.use) == use.value)
        with self._store.reading() as session:
            return [_anchor_of(row) for row in session.execute(query).scalars()]

    def certificates(self, use: AnchorUse) -> list[x509.Certificate]:
        """The certificates of the anchors of one use."""
        return [x509.load_der_x509_certificate(anchor.der) for anchor in self.all(use)]

    def find(self, name: str) -> Anchor:
        """Raises UnknownAnchor."""
        with self._store.reading() as session:
            return _anchor_of(_named(session, name))

    def identify(self, der: bytes) -> Anchor | None:
        """The anchor for first contacts that is this certificate, octet by octet; None when it is none."""
        with self._store.reading() as session:
            row = session.get(AnchorRow, hashlib.sha256(der).hexdigest())
            return None if row is None or row.use != AnchorUse.FIRST_CONTACT else _anchor_of(row)


def _check_words(name: str, vendor: str) -> None:
    if not _NAME.fullmatch(name):
        sentence = "the name must be 1 to 63 lower-case letters, digits and hyphens, with no hyphen first"
        raise AnchorRefused("name", sentence)
    if not 0 < len(vendor) <= 64 or vendor != vendor.strip() or not vendor.isprintable():
        raise AnchorRefused("vendor", "the vendor must be 1 to 64 printable characters")


def _check_is_new(session: Session, row: AnchorRow, root: x509.Certificate) -> None:
    same = or_(col(AnchorRow.name) == row.name, col(AnchorRow.sha256) == row.sha256)
    found = session.execute(select(AnchorRow).where(same)).scalars().first()
    if found is not None:
        raise AnchorExists(found.name, is_same_root=found.sha256 == row.sha256)
    fingerprint = spki_sha256(check_key_strength(root.public_key()))
    ours = select(col(AuthorityRow.name)).where(col(AuthorityRow.spki_sha256) == fingerprint)
    if (name := session.execute(ours).scalars().first()) is not None:
        raise AnchorRefused("our-own", f"that is the key of our own authority {name!r}, not a maker's")
    if len(session.execute(select(col(AnchorRow.name))).all()) >= _MOST:
        raise AnchorRefused("too-many", f"there are {_MOST} anchors already", "Remove one that is not needed.")


def _named(session: Session, name: str) -> AnchorRow:
    row: AnchorRow | None = session.execute(select(AnchorRow).where(col(AnchorRow.name) == name)).scalar_one_or_none()
    if row is None:
        raise UnknownAnchor(name)
    return row


def _row_of(root: x509.Certificate, vendor: str, name: str, by: str, now: datetime) -> AnchorRow:
    der = root.public_bytes(Encoding.DER)
    return AnchorRow(
        sha256=hashlib.sha256(der).hexdigest(),
        name=name,
        vendor=vendor,
        not_after=root.not_valid_after_utc,
        added_by=by,
        added_at=now,
        der=der,
    )


def _anchor_of(row: AnchorRow) -> Anchor:
    root = x509.load_der_x509_certificate(row.der)
    return Anchor(
        name=row.name,
        use=AnchorUse(row.use),
        vendor=row.vendor,
        subject=root.subject.rfc4514_string(),
        sha256=row.sha256,
        not_before=root.not_valid_before_utc,
        not_after=row.not_after,
        added_by=row.added_by,
        added_at=row.added_at,
        certificate_pem=pem_of(row.der),
        der=row.der,
    )
