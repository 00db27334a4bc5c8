"""The signed record of a ceremony: what was made, by whom, when, signed by the keys that signed the certificates.

A record is a canonical JSON text that carries the certificates themselves. Each signature is the plain X.509 kind over
the UTF-8 octets of that text, so `openssl dgst -verify` checks it too. The text begins with a brace, a certificate's
to-be-signed part with 0x30: no record can ever be taken for a certificate.
"""

import hashlib
import json
import secrets
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select
from sqlmodel import Session, col

from pki.errors import CsrRejected, RecordRefused, UnknownCeremony
from pki.foreign_certificates import UNREADABLE
from pki.keys import Signer, check_key_strength, verify_signature
from pki.store import Store
from pki.tables import CeremonyRow

LONGEST = 4 * 1024 * 1024  # characters; a hundred RSA-4096 certificates are a twentieth of it


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature below a record; base64."""

    authority: str
    signature: str


@dataclass(frozen=True, slots=True)
class CeremonyRecord:
    """What is on record of one ceremony. `statement` is the JSON text exactly as it was signed."""

    id: str
    title: str
    statement: str
    signatures: tuple[Signature, ...]
    held_by: str
    held_at: datetime


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who signed a record: the certificate in the record whose key made a good signature."""

    authority: str
    subject: str
    sha256: str  # of the certificate, hex


class CeremonyRecords:
    """Writes and reads records."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[CeremonyRecord]:
        """The newest first."""
        query = select(CeremonyRow).order_by(col(CeremonyRow.held_at).desc(), col(CeremonyRow.id))
        with self._store.reading() as session:
            return [_record_of(row) for row in session.execute(query).scalars()]

    def find(self, record_id: str) -> CeremonyRecord:
        """Raises UnknownCeremony."""
        with self._store.reading() as session:
            row = session.get(CeremonyRow, record_id)
        if row is None:
            raise UnknownCeremony(record_id)
        return _record_of(row)

    def add(
        self,
        session: Session,
        title: str,
        content: Mapping[str, Any],
        signers: Mapping[str, tuple[Signer, str]],
        by: str,
        now: datetime,
    ) -> CeremonyRecord:
        """Sign and store a record in the caller's transaction.

        `signers` names the authorities that sign, each with its key and its certificate in PEM. `content` is what
        the record says besides its own frame; it must be JSON. Raises SignerUnavailable.
        """
        record_id = secrets.token_hex(8)
        frame = {"id": record_id, "title": title, "held_by": by, "held_at": now.isoformat(timespec="seconds")}
        certificates = {name: pem for name, (_, pem) in signers.items()}
        statement = canonical({**content, **frame, "record": "voltward ceremony 1", "signers": certificates})
        octets = statement.encode()
        made = [Signature(name, b64encode(key.sign(octets)).decode()) for name, (key, _) in signers.items()]
        record = CeremonyRecord(record_id, title, statement, tuple(made), by, now)
        session.add(_row_of(record))
        session.flush()
        return record


def check_record(statement: str, signatures: Sequence[Signature]) -> list[Signatory]:
    """Who signed; every signer that the record names must have.

    It tells nothing of whether these signers are to be trusted: compare the fingerprints with what you know.
    Raises RecordRefused.
    """
    if len(statement) > LONGEST or len(signatures) > 200:
        raise RecordRefused("the record is too long")
    certificates = _signers_of(statement)
    made = {one.authority: one for one in signatures}
    if missing := sorted(set(certificates) - set(made)):
        raise RecordRefused(f"the signature of {missing[0]!r} is missing")
    return [_signatory(name, pem, made[name], statement) for name, pem in certificates.items()]


def canonical(value: object) -> str:
    """One text per value: sorted keys, no blanks, pure ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _signers_of(statement: str) -> dict[str, str]:
    try:
        content = json.loads(statement)
        kind, signers = content["record"], content["signers"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RecordRefused("this is not the record of a ceremony") from None
    if kind != "voltward ceremony 1" or not isinstance(signers, dict) or not signers:
        raise RecordRefused("this is not the record of a ceremony")
    if len(signers) > 200 or not all(isinstance(pem, str) for pem in signers.values()):
        raise RecordRefused("the record names no signers that can be read")
    return signers


def _signatory(name: str, pem: str, signature: Signature, statement: str) -> Signatory:
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        key = check_key_strength(certificate.public_key())
        octets = b64decode(signature.signature, validate=True)
        is_good = verify_signature(key, octets, statement.encode("utf-8", "surrogatepass"))
    except (*UNREADABLE, NotBase64, CsrRejected, KeyError):
        raise RecordRefused(f"the certificate or the signature of {name!r} cannot be read") from None
    if not is_good:
        raise RecordRefused(f"the signature of {name!r} does not fit: the record was changed")
    fingerprint = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
    return Signatory(name, certificate.subject.rfc4514_string(), fingerprint)


def _row_of(record: CeremonyRecord) -> CeremonyRow:
    signatures = [{"authority": one.authority, "signature": one.signature} for one in record.signatures]
    return CeremonyRow(
        id=record.id,
        title=record.title,
        record=record.statement,
        signature=canonical(signatures),
        held_by=record.held_by,
        held_at=record.held_at,
    )


def _record_of(row: CeremonyRow) -> CeremonyRecord:
    signatures = tuple(Signature(**one) for one in json.loads(row.signature))
    return CeremonyRecord(row.id, row.title, row.record, signatures, row.held_by, row.held_at)
