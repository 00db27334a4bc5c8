"""A firmware signer that a manufacturer's root elsewhere has certified: its rows, and what the root's list does to it.

It is kept as the certificates are that are made here: it is found by its serial number, warned of before it ends, and
its key is certified for nobody else.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select
from sqlmodel import Session, col

from pki.audit import Entry, PkiAct
from pki.authority_requests import AuthorityRequest
from pki.credentials import Credential, credential_of
from pki.errors import ReturnedRefused
from pki.profiles import FIRMWARE
from pki.revocation import Revocable, RevocationReason, mark_revoked
from pki.tables import CertificateRow, CredentialRow, RevokedRow, SerialRow


def known_signer(session: Session, slot: str, certificate: x509.Certificate) -> Credential | None:
    """The signer that was taken in with this certificate before."""
    query = (
        select(CertificateRow, col(CredentialRow.key_name))
        .join(CredentialRow, col(CredentialRow.serial) == col(CertificateRow.serial))
        .where(col(CertificateRow.sha256) == _sha256(certificate), col(CredentialRow.slot) == slot)
    )
    found = session.execute(query).first()
    return credential_of(found[0], slot, found[1]) if found else None


def add_signer(
    session: Session,
    request: AuthorityRequest,
    certificate: x509.Certificate,
    root: str,
    end: datetime,
    by: str,
    now: datetime,
) -> Entry:
    """Write the rows. `end` is that of the certificate or of the root. Raises ReturnedRefused."""
    serial = f"{certificate.serial_number:x}"
    if session.get(SerialRow, serial) is not None:
        raise ReturnedRefused("taken", f"there is another certificate with the serial number {serial} already")
    claim = SerialRow(
        serial=serial, authority=root, profile=FIRMWARE, station=None, spki_sha256=request.spki_sha256,
        requested_by=by, created_at=now,
    )  # fmt: skip
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    row = CertificateRow(
        serial=serial,
        sha256=_sha256(certificate),
        spki_sha256=request.spki_sha256,
        subject=certificate.subject.rfc4514_string(),
        common_name=str(names[0].value) if names else "",
        station=None,
        authority=root,
        profile=FIRMWARE,
        not_before=certificate.not_valid_before_utc,
        not_after=end,
        crl_shard=0,
        created_at=now,
        der=certificate.public_bytes(Encoding.DER),
    )
    credential = CredentialRow(serial=serial, slot=request.name, key_name=request.key_name, not_after=end)
    session.add_all([claim, row, credential])
    session.flush()
    return Entry(PkiAct.CREDENTIAL_RENEWED, by, "credential", request.name, details={"serial": serial, "parent": root})


def obey_list(
    session: Session, authority: str, crl: x509.CertificateRevocationList, by: str, now: datetime
) -> Sequence[str]:
    """Revoke here the signers of ours that stand on an authority's list; the names of those that were not before."""
    query = (
        select(CertificateRow, col(CredentialRow.slot))
        .join(CredentialRow, col(CredentialRow.serial) == col(CertificateRow.serial))
        .outerjoin(RevokedRow, col(RevokedRow.serial) == col(CertificateRow.serial))
        .where(col(CertificateRow.authority) == authority, col(RevokedRow.serial).is_(None))
    )
    revoked = []
    for row, slot in session.execute(query).all():
        entry = crl.get_revoked_certificate_by_serial_number(int(row.serial, 16))
        if entry is not None:
            what = Revocable(row.serial, row.authority, row.crl_shard, row.not_after)
            mark_revoked(session, what, _reason(entry), by, f"on the list of {authority}", now)
            revoked.append(slot)
    return revoked


def _reason(entry: x509.RevokedCertificate) -> RevocationReason:
    try:
        return RevocationReason(entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value)
    except (x509.ExtensionNotFound, ValueError):  # none given, or removeFromCRL, which complete lists do not hold
        return RevocationReason.UNSPECIFIED


def _sha256(certificate: x509.Certificate) -> str:
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
