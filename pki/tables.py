"""The authority's rows. Rows are storage only; the service passes on the domain objects of the other files.

Serial numbers and digests are lower-case hex, DER is bytes, times are aware UTC.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from pki.store import UtcDateTime

# SQLite gives rowids only to INTEGER; PostgreSQL needs BIGINT for a table that grows for years.
BIG_ID = BigInteger().with_variant(Integer, "sqlite")


class AuditRow(SQLModel, table=True):
    """One act, chained to the writer's previous one by `mac`. Never updated, never deleted."""

    __tablename__ = "audit_records"
    __table_args__ = (
        UniqueConstraint("writer", "sequence"),
        Index("ix_audit_records_thing", "kind", "thing", "id"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    writer: str
    sequence: int = Field(sa_type=BigInteger)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    act: str
    kind: str
    thing: str
    reason: str = Field(sa_type=Text)
    details: str = Field(sa_type=Text)  # canonical JSON, exactly as it went into the mac
    mac: str


class AuditHeadRow(SQLModel, table=True):
    """The last record of each writer, so that removing records from the end is noticed too."""

    __tablename__ = "audit_heads"

    writer: str = Field(primary_key=True)
    sequence: int = Field(sa_type=BigInteger)
    mac: str
    seal: str  # MAC over this row itself


class AuthorityRow(SQLModel, table=True):
    """A root or an issuing authority."""

    __tablename__ = "authorities"

    name: str = Field(primary_key=True)
    kind: str
    hierarchy: str
    purpose: str
    parent: str | None
    algorithm: str
    key_name: str
    serial: str = Field(unique=True)
    spki_sha256: str = Field(index=True)
    not_before: datetime = Field(sa_type=UtcDateTime)
    not_after: datetime = Field(sa_type=UtcDateTime)
    crl_shards: int  # fixed at birth: the addresses stand in the certificates
    der: bytes = Field(sa_type=LargeBinary)


class SerialRow(SQLModel, table=True):
    """A serial number, claimed and committed before anything is built with it."""

    __tablename__ = "serials"

    serial: str = Field(primary_key=True)
    authority: str
    profile: str
    station: str | None
    spki_sha256: str = Field(index=True)
    requested_by: str
    created_at: datetime = Field(sa_type=UtcDateTime)


class IntentRow(SQLModel, table=True):
    """What we were about to sign, committed before the key was touched. Append-only but for `settled`."""

    __tablename__ = "intents"

    serial: str = Field(primary_key=True, foreign_key="serials.serial")
    profile: str
    profile_hash: str
    to_be_signed: bytes = Field(sa_type=LargeBinary)
    not_after: datetime = Field(sa_type=UtcDateTime)
    crl_shard: int
    created_at: datetime = Field(sa_type=UtcDateTime)
    settled: str | None = Field(default=None, index=True)  # None while open, then "issued" or "abandoned"


class CertificateRow(SQLModel, table=True):
    """A certificate that was signed, checked and recorded."""

    __tablename__ = "certificates"
    __table_args__ = (
        Index("ix_certificates_station", "station", "not_after"),
        Index("ix_certificates_authority", "authority", "not_after"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    serial: str = Field(unique=True)
    sha256: str = Field(unique=True)
    spki_sha256: str = Field(index=True)
    subject: str
    common_name: str
    station: str | None
    authority: str
    profile: str
    not_before: datetime = Field(sa_type=UtcDateTime)
    not_after: datetime = Field(sa_type=UtcDateTime)
    crl_shard: int
    created_at: datetime = Field(sa_type=UtcDateTime)
    der: bytes = Field(sa_type=LargeBinary)


class RevokedRow(SQLModel, table=True):
    """A revoked or held serial number. Only these have rows, so the cost does not grow with the fleet."""

    __tablename__ = "revoked"
    __table_args__ = (
        Index("ix_revoked_shard", "authority", "shard", "not_after"),
        Index("ix_revoked_recorded_at", "recorded_at"),
    )

    serial: str = Field(primary_key=True)
    authority: str
    shard: int
    not_after: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime = Field(sa_type=UtcDateTime)
    recorded_at: datetime = Field(sa_type=UtcDateTime)
    reason: str
    note: str = Field(sa_type=Text)
    by: str


class CrlRow(SQLModel, table=True):
    """One shard of one authority's revocation list: the current list and its number."""

    __tablename__ = "crls"

    authority: str = Field(primary_key=True)
    shard: int = Field(primary_key=True)
    number: int = 0
    dirty: bool = True
    this_update: datetime | None = Field(default=None, sa_type=UtcDateTime)
    next_update: datetime | None = Field(default=None, sa_type=UtcDateTime)
    der: bytes = Field(default=b"", sa_type=LargeBinary)


class CredentialRow(SQLModel, table=True):
    """A leaf certificate whose key we hold ourselves: TLS servers, OCSP responders, firmware signers."""

    __tablename__ = "credentials"
    __table_args__ = (Index("ix_credentials_slot", "slot", "not_after"),)

    serial: str = Field(primary_key=True)
    slot: str
    key_name: str
    not_after: datetime = Field(sa_type=UtcDateTime)


class FirmwareRow(SQLModel, table=True):
    """A firmware image's digest, ordered and (once `signature` is there) signed."""

    __tablename__ = "firmware"
    __table_args__ = (UniqueConstraint("vendor", "model", "version", "scheme"),)

    id: str = Field(primary_key=True)
    vendor: str
    model: str
    version: str
    digest: str
    scheme: str
    state: str
    signature: str | None = None  # base64
    signing_serial: str | None = None
    signing_certificate: str | None = Field(default=None, sa_type=Text)  # PEM
    requested_by: str
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    signed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
