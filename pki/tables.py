"""The authority's rows. Rows are storage only; the service passes on the domain objects of the other files.

Serial numbers and digests are lower-case hex, DER is bytes, times are aware UTC.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, Text, UniqueConstraint, true
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
    post: str = Field(default="", index=True)  # its job, e.g. `stations`, shared by the EC and the RSA one
    status: str = "active"  # prepared, active (one per post and kind of key issues), retiring, retired
    custody: str = "here"  # `here`, or `elsewhere` for a key on another machine


class AuthorityRequestRow(SQLModel, table=True):
    """An issuing authority whose key is here and whose certificate another authority is to sign."""

    __tablename__ = "authority_requests"

    name: str = Field(primary_key=True)
    post: str
    hierarchy: str
    algorithm: str
    key_name: str
    spki_sha256: str = Field(index=True)
    csr: bytes = Field(sa_type=LargeBinary)
    requested_by: str
    requested_at: datetime = Field(sa_type=UtcDateTime)


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
        # With the serial number, so that whether a newer one took the place is seen without reading certificates.
        Index("ix_certificates_station", "station", "id", "serial"),
        Index("ix_certificates_authority", "authority", "not_after"),
        Index("ix_certificates_authority_id", "authority", "id"),
        Index("ix_certificates_profile_id", "profile", "id"),
        Index("ix_certificates_not_after", "not_after", "id", "station", "serial"),
        # PostgreSQL finds beginnings of names by its index only when that compares octets.
        Index("ix_certificates_common_name", "common_name", postgresql_ops={"common_name": "text_pattern_ops"}),
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
        Index("ix_revoked_recorded_at", "recorded_at", "serial"),  # many are revoked in one moment
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
    """One revocation list of one authority: the current one, and the last number that was given out."""

    __tablename__ = "crls"

    authority: str = Field(primary_key=True)
    shard: int = Field(primary_key=True)  # -1 is the full list
    number: int = Field(default=0, sa_type=BigInteger)  # given out before signing, so perhaps never published
    listed: int = Field(default=0, sa_type=BigInteger)  # the number of the list in `der`
    seen: int = Field(default=-1, sa_type=BigInteger)  # how many changes of status it has seen
    entries: int = 0
    this_update: datetime | None = Field(default=None, sa_type=UtcDateTime)
    next_update: datetime | None = Field(default=None, sa_type=UtcDateTime)
    der: bytes = Field(default=b"", sa_type=LargeBinary)


class StatusChangesRow(SQLModel, table=True):
    """How often a status in this shard has changed. Apart from `crls`, else each revocation would rewrite a list."""

    __tablename__ = "status_changes"

    authority: str = Field(primary_key=True)
    shard: int = Field(primary_key=True)  # -1 counts for the whole authority
    changes: int = Field(default=0, sa_type=BigInteger)


class CredentialRow(SQLModel, table=True):
    """A leaf certificate whose key we hold ourselves: TLS servers, OCSP responders, firmware signers."""

    __tablename__ = "credentials"
    __table_args__ = (Index("ix_credentials_slot", "slot", "not_after"),)

    serial: str = Field(primary_key=True)
    slot: str
    key_name: str
    not_after: datetime = Field(sa_type=UtcDateTime)


class CrossCertificateRow(SQLModel, table=True):
    """A certificate for an authority's key, signed by an authority other than its parent (RFC 5280 §3.2)."""

    __tablename__ = "cross_certificates"

    serial: str = Field(primary_key=True)
    authority: str = Field(index=True)  # whose key is certified
    issuer: str  # who certifies it
    not_after: datetime = Field(sa_type=UtcDateTime)
    der: bytes = Field(sa_type=LargeBinary)


class AnchorRow(SQLModel, table=True):
    """Somebody else's authority that we trust for one use: first contacts of a maker's stations, or contracts."""

    __tablename__ = "anchors"

    sha256: str = Field(primary_key=True)
    name: str = Field(unique=True)
    use: str = Field(default="first-contact", max_length=16)
    vendor: str
    not_after: datetime = Field(sa_type=UtcDateTime)
    added_by: str
    added_at: datetime = Field(sa_type=UtcDateTime)
    der: bytes = Field(sa_type=LargeBinary)


class CeremonyRow(SQLModel, table=True):
    """The signed record of a key ceremony or of one step of a roll-over."""

    __tablename__ = "ceremonies"

    id: str = Field(primary_key=True)
    title: str
    record: str = Field(sa_type=Text)  # canonical JSON, exactly as it was signed
    signature: str  # base64
    held_by: str
    held_at: datetime = Field(sa_type=UtcDateTime)


class RolloverRow(SQLModel, table=True):
    """An authority on its way to a successor, and how far it is.

    `bridged`: while the old root retires, our servers' chain goes on to it, for who knows no other.
    """

    __tablename__ = "rollovers"

    id: str = Field(primary_key=True)
    old: str = Field(index=True)
    new: str
    step: str
    started_by: str
    started_at: datetime = Field(sa_type=UtcDateTime)
    moved_at: datetime = Field(sa_type=UtcDateTime)
    bridged: bool = Field(default=True, sa_column_kwargs={"server_default": true()})


class ChainChoiceRow(SQLModel, table=True):
    """Which root one station's chain shall end in; stations without a row get the chain without cross-certificates."""

    __tablename__ = "chain_choices"

    station: str = Field(primary_key=True)
    root: str
    chosen_by: str
    chosen_at: datetime = Field(sa_type=UtcDateTime)


class BlockedKeyRow(SQLModel, table=True):
    """A public key that is never certified again."""

    __tablename__ = "blocked_keys"

    spki_sha256: str = Field(primary_key=True)
    note: str = Field(sa_type=Text)
    blocked_by: str
    blocked_at: datetime = Field(sa_type=UtcDateTime)


class ShapeRow(SQLModel, table=True):
    """A shape of certificate (profile, issuer, kind of key) that the full linter has passed."""

    __tablename__ = "linted_shapes"

    fingerprint: str = Field(primary_key=True)
    profile: str
    authority: str
    linter: str  # name and version
    linted_at: datetime = Field(sa_type=UtcDateTime)


class MarkRow(SQLModel, table=True):
    """How far a background job has come."""

    __tablename__ = "marks"

    job: str = Field(primary_key=True)
    position: int = Field(sa_type=BigInteger)


class RsaProductRow(SQLModel, table=True):
    """The product of the moduli of up to 64 certified RSA keys, to find primes that a new key shares with them."""

    __tablename__ = "rsa_products"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    count: int
    serials: str = Field(sa_type=Text)  # of the certificates, with blanks between
    product: bytes = Field(sa_type=LargeBinary)  # big-endian


class AlarmRow(SQLModel, table=True):
    """Something that a person should look at. One open alarm per kind and thing."""

    __tablename__ = "alarms"
    __table_args__ = (Index("ix_alarms_thing", "kind", "thing", "cleared_at"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    kind: str
    severity: str
    thing: str
    sentence: str = Field(sa_type=Text)
    raised_at: datetime = Field(sa_type=UtcDateTime)
    repeated_at: datetime = Field(sa_type=UtcDateTime)
    times: int = 1
    cleared_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    cleared_by: str | None = None
    told_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # when the webhook took it
    tell_after: datetime | None = Field(default=None, sa_type=UtcDateTime)  # not tried before this moment
    tell_tries: int = 0


class CheckpointRow(SQLModel, table=True):
    """The heads of all audit chains at one moment, signed."""

    __tablename__ = "audit_checkpoints"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_ID)
    made_at: datetime = Field(sa_type=UtcDateTime)
    statement: str = Field(sa_type=Text)  # canonical JSON, exactly as it was signed
    signature: str  # base64
    certificate: str = Field(sa_type=Text)  # PEM of the key that signed
    stamp: bytes | None = Field(default=None, sa_type=LargeBinary)  # RFC 3161 TimeStampResp, DER


class EnrolmentCodeRow(SQLModel, table=True):
    """A one-time code with which a station (or a factory line) may enrol over EST. Only its digest is kept."""

    __tablename__ = "enrolment_codes"

    id: str = Field(primary_key=True)
    digest: str = Field(unique=True)
    station: str = Field(index=True)
    made_by: str
    made_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    spki_sha256: str | None = None  # the first key it came with; it is good for no other
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    used_for: str | None = None  # the serial number that it led to
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)  # while one request is carried out
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
