"""Rows about firmware: orders and signatures, who decides, what is attached, and the transparency log."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

from pki.store import UtcDateTime

_STANDING = text("state NOT IN ('refused', 'revoked')")


class FirmwareRow(SQLModel, table=True):
    """A firmware image's digest, ordered and (once `signature` is there) signed.

    One order of a release and scheme stands; what was refused or revoked stays beside it as history.
    """

    __tablename__ = "firmware"
    __table_args__ = (
        Index(
            "ux_firmware_release", "vendor", "model", "version", "scheme",
            unique=True, sqlite_where=_STANDING, postgresql_where=_STANDING,
        ),
    )  # fmt: skip

    id: str = Field(primary_key=True)
    vendor: str
    model: str
    version: str
    digest: str
    scheme: str
    state: str
    signature: str | None = None  # base64
    signing_serial: str | None = Field(default=None, index=True)
    signing_certificate: str | None = Field(default=None, sa_type=Text)  # PEM
    requested_by: str
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    signed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    origin: str = Field(default="here", max_length=16)
    requested_for: str = ""  # the person behind a token
    release_counter: int | None = None
    minimum_counter: int | None = None
    hardware: str = Field(default="[]", sa_type=Text)  # JSON
    requirements: str = Field(default="[]", sa_type=Text)  # JSON: what the rules asked for at the time of the order
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_reason: str = ""
    names_salt: str = Field(default="", max_length=32)  # of the names' digest in the log
    stamp: bytes | None = Field(default=None, sa_type=LargeBinary)  # RFC 3161 TimeStampResp over the signature, DER
    log_number: int | None = None


class FirmwareLogRow(SQLModel, table=True):
    """One entry of the transparency log, with the tree as it is after it. Never changed, never deleted."""

    __tablename__ = "firmware_log"

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})  # from 0
    firmware_id: str = Field(index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    entry: str = Field(sa_type=Text)  # canonical JSON
    leaf: str  # hex
    frontier: str = Field(sa_type=Text)  # hex, one hash after the other
    head: str = Field(sa_type=Text)  # the signed tree head


class FirmwareRuleRow(SQLModel, table=True):
    """How many people must approve firmware of these vendors and models; patterns with * and ?."""

    __tablename__ = "firmware_rules"

    id: str = Field(primary_key=True)
    vendor: str
    model: str
    approvals: int
    people: str = Field(sa_type=Text)  # JSON; nobody named: everybody who may approve
    passkey: bool = False
    added_by: str
    added_at: datetime = Field(sa_type=UtcDateTime)


class FirmwareVoteRow(SQLModel, table=True):
    """One person's approval of an order. `person` counts, `by` is what the person came with."""

    __tablename__ = "firmware_votes"

    firmware_id: str = Field(primary_key=True, foreign_key="firmware.id")
    person: str = Field(primary_key=True)
    by: str
    note: str
    at: datetime = Field(sa_type=UtcDateTime)
    passkey: str = Field(default="", sa_type=Text)  # JSON: what was signed with it, and the signature


class FirmwareAttachmentRow(SQLModel, table=True):
    """A file that an order binds by its SHA-256: an SBOM, or where the image comes from."""

    __tablename__ = "firmware_attachments"

    firmware_id: str = Field(primary_key=True, foreign_key="firmware.id")
    sha256: str = Field(primary_key=True)
    kind: str = Field(max_length=16)
    name: str
    form: str = Field(max_length=32)
    size: int
    content: bytes = Field(sa_type=LargeBinary)
