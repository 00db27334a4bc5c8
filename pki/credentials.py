"""Our own leaf keys: TLS servers, OCSP responders, firmware signers. Made here, renewed by themselves.

Each renewal makes a fresh key. The newest certificate of a slot whose key lies on this node is the current one; a
key that is superseded and expired is deleted.
"""

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from cryptography import x509
from sqlalchemy import select
from sqlmodel import Session, col

from pki.audit import AuditTrail, PkiAct
from pki.certificates import AboveLeaf, pem_of
from pki.errors import PkiError, VaultUnavailable
from pki.hierarchy import Hierarchy
from pki.issuance import Issued, Warrant
from pki.issuing_desk import IssuingDesk
from pki.keys import KeyAlgorithm, Signer
from pki.keystore import KeyStore
from pki.orders import lifetime
from pki.plans import Addresses, Plan
from pki.profiles import FIRMWARE, Profile
from pki.secret_text import Secret
from pki.settings import PkiSettings
from pki.store import Store
from pki.tables import CertificateRow, CredentialRow, RevokedRow
from pki.vault import Vault

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a credential: what it is called and what its certificates look like."""

    name: str
    profile: Profile
    authority: str
    algorithm: KeyAlgorithm
    common_name: str
    hostnames: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate and the name of its key."""

    slot: str
    serial: str
    key_name: str
    authority: str
    not_before: datetime
    not_after: datetime
    der: bytes

    def is_worn(self, now: datetime) -> bool:
        """Whether half of its life is over."""
        return now >= self.not_before + (self.not_after - self.not_before) / 2


@dataclass(frozen=True, slots=True)
class ServerCredential:
    """What a TLS server needs: `ssl.SSLContext.load_cert_chain(chain, key_path, key_password.text())`."""

    chain_pem: str
    key_path: Path
    key_password: Secret
    not_after: datetime
    serial: str
    family: str = "ec"


class Credentials:
    """Finds, makes and renews credentials."""

    def __init__(
        self,
        store: Store,
        keys: KeyStore,
        vault: Vault,
        trail: AuditTrail,
        desk: IssuingDesk,
        hierarchy: Hierarchy,
        settings: PkiSettings,
    ) -> None:
        self._store = store
        self._keys = keys
        self._vault = vault
        self._trail = trail
        self._desk = desk
        self._hierarchy = hierarchy
        self._settings = settings
        self._renewing = threading.Lock()

    def current(self, slot: Slot, now: datetime, by: str = "service") -> Credential:
        """A credential that is good for use, renewed when it is missing, worn, revoked or named otherwise.

        When renewing fails and the old one is still valid, the old one. Raises what issuing raises.
        """
        found = self.existing(slot.name)
        if found is not None and not _is_due(found, slot, now):
            return found
        with self._renewing:
            found = self.existing(slot.name)  # another thread may have been faster
            if found is not None and not _is_due(found, slot, now):
                return found
            return self._renew(slot, found, by, now)

    def renew(self, slot: Slot, now: datetime, by: str) -> Credential:
        """A fresh key and certificate for a slot, however good the old one is. Raises what issuing raises."""
        with self._renewing:
            return self._make(slot, by, now)

    def slot_of(self, serial: str) -> str | None:
        """The slot that a certificate is or was for; None when its key is not ours."""
        with self._store.reading() as session:
            row = session.get(CredentialRow, serial)
            return row.slot if row is not None else None

    def existing(self, slot: str) -> Credential | None:
        """The newest credential of this slot that is not revoked and whose key lies here."""
        query = (
            select(CertificateRow, CredentialRow)
            .join(CredentialRow, col(CredentialRow.serial) == col(CertificateRow.serial))
            .outerjoin(RevokedRow, col(RevokedRow.serial) == col(CertificateRow.serial))
            .where(col(CredentialRow.slot) == slot, col(RevokedRow.serial).is_(None))
            .order_by(col(CertificateRow.id).desc())
        )
        with self._store.reading() as session:
            for row, credential in session.execute(query):
                if self._may_be_held(slot, credential.key_name):
                    return credential_of(row, slot, credential.key_name)
        return None

    def last_issuer(self, slot: str) -> str | None:
        """Who certified a key for this slot last, whatever became of it since; None when nobody did."""
        query = (
            select(col(CertificateRow.authority))
            .join(CredentialRow, col(CredentialRow.serial) == col(CertificateRow.serial))
            .where(col(CredentialRow.slot) == slot)
            .order_by(col(CertificateRow.id).desc())
        )
        with self._store.reading() as session:
            return session.execute(query.limit(1)).scalar()

    def signer(self, credential: Credential) -> Signer:
        """The credential's key. Raises SignerUnavailable."""
        return self._home(credential.slot).signer(credential.key_name)

    def for_server(self, credential: Credential, family: str, above: Callable[[str], AboveLeaf]) -> ServerCredential:
        """The credential in the shape that TLS servers take. `above` tells what stands above it."""
        return ServerCredential(
            chain_pem=pem_of(credential.der) + above(credential.authority).chain_pem,
            key_path=self._keys.key_path(credential.key_name),
            key_password=self._keys.key_password(credential.key_name),
            not_after=credential.not_after,
            serial=credential.serial,
            family=family,
        )

    def _renew(self, slot: Slot, old: Credential | None, by: str, now: datetime) -> Credential:
        try:
            return self._make(slot, by, now)
        except PkiError as fault:
            if old is None or now > old.not_after:
                raise
            log.warning("credential_renewal_failed", slot=slot.name, fault=fault.sentence)
            return old

    def _make(self, slot: Slot, by: str, now: datetime) -> Credential:
        key_name = f"{slot.name}-{secrets.token_hex(8)}"
        signer = self._home(slot.name).make_signer(key_name, slot.algorithm)

        def beside(session: Session, rows: Sequence[Issued]) -> None:
            self._add(session, slot, rows[0], key_name, by, now)

        try:
            plan = self._plan(slot, signer, now)
            row = self._desk.issue([Warrant(plan, by)], now, beside)[0]
        except PkiError:
            self._forget(slot.name, key_name)
            raise
        self._delete_expired(slot, row.serial, now)
        return credential_of(row, slot.name, key_name)

    def _plan(self, slot: Slot, signer: Signer, now: datetime) -> Plan:
        issuer = self._hierarchy.issuer(slot.authority)
        start, end = lifetime(slot.profile, issuer, now)
        return Plan(
            profile=slot.profile,
            issuer=issuer,
            common_name=slot.common_name,
            organisation=self._settings.organisation,
            public_key=signer.public_key,
            not_before=start,
            not_after=end,
            addresses=Addresses(self._settings.public_url),
            hostnames=slot.hostnames,
        )

    def _add(self, session: Session, slot: Slot, row: Issued, key_name: str, by: str, now: datetime) -> None:
        session.add(CredentialRow(serial=row.serial, slot=slot.name, key_name=key_name, not_after=row.not_after))
        session.flush()
        self._trail.record(
            session,
            PkiAct.CREDENTIAL_RENEWED,
            by=by,
            kind="credential",
            thing=slot.name,
            details={"serial": row.serial},
            now=now,
        )

    def _delete_expired(self, slot: Slot, current: str, now: datetime) -> None:
        is_over = (
            col(CredentialRow.slot) == slot.name,
            col(CredentialRow.not_after) < now,
            col(CredentialRow.serial) != current,
        )
        with self._store.writing() as session:
            expired = session.execute(select(CredentialRow).where(*is_over)).scalars().all()
            for row in expired:
                session.delete(row)
            session.flush()
            for row in expired:
                self._trail.record(
                    session,
                    PkiAct.CREDENTIAL_KEY_DELETED,
                    by="service",
                    kind="credential",
                    thing=slot.name,
                    details={"serial": row.serial},
                    now=now,
                )
        for row in expired:
            self._forget(slot.name, row.key_name)

    def _home(self, slot: str) -> Vault:
        """A signed firmware is trusted for years, so its keys are kept where the authorities' keys are."""
        return self._vault if slot.startswith(FIRMWARE) else self._keys

    def _may_be_held(self, slot: str, key_name: str) -> bool:
        try:
            return self._home(slot).holds(key_name)
        except VaultUnavailable:  # away, not lost; whoever needs a signature will hear of it
            return True

    def _forget(self, slot: str, key_name: str) -> None:
        try:
            self._home(slot).forget(key_name)
        except PkiError as fault:  # a key too many does no harm
            log.warning("key_not_deleted", key=key_name, fault=fault.sentence)


def _is_due(credential: Credential, slot: Slot, now: datetime) -> bool:
    is_of_another = credential.authority != slot.authority  # which was rolled over
    return is_of_another or credential.is_worn(now) or _hostnames(credential) != slot.hostnames


def _hostnames(credential: Credential) -> tuple[str, ...]:
    extensions = x509.load_der_x509_certificate(credential.der).extensions
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names)


def credential_of(row: CertificateRow | Issued, slot: str, key_name: str) -> Credential:
    """The domain object of rows."""
    return Credential(
        slot=slot,
        serial=row.serial,
        key_name=key_name,
        authority=row.authority,
        not_before=row.not_before,
        not_after=row.not_after,
        der=row.der,
    )
