"""Rows of firmware updates."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from pki.store import UtcDateTime

_IS_OPEN = text("state NOT IN ('done', 'failed', 'cancelled', 'replaced')")


class FirmwareUpdateRow(SQLModel, table=True):
    """One update of one station (see states.Progress for what the columns of the same names mean).

    `firmware` is the signed order, empty for an unsigned image. `location` is an address of somebody else's server,
    empty for an image that is published here; one with a password in it is whole in `sealed` only. `replaces` is the
    update that it is to take the place of, `root_act` the installation of the manufacturer root that goes first.
    `look_at`: when time may change something next.
    """

    __tablename__ = "firmware_updates"
    __table_args__ = (
        Index("ix_firmware_updates_station_id", "station", "id"),
        Index("ix_firmware_updates_open", "look_at", sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
        Index("ix_firmware_updates_campaign_state", "campaign", "state"),
    )

    id: int | None = Field(default=None, primary_key=True)
    station: str = Field(max_length=48)
    firmware: str = Field(default="", max_length=32, index=True)
    campaign: str = Field(default="", max_length=16)
    version: str = Field(max_length=100)
    digest: str = Field(default="", max_length=64)
    signing_serial: str = Field(default="", max_length=64, index=True)
    location: str = Field(default="", sa_type=Text)
    sealed: str | None = Field(default=None, sa_type=Text)
    command: int = Field(index=True)
    replaces: int | None = None
    root_act: int | None = None
    emergency: int | None = None
    retries: int | None = None
    retry_interval: int | None = None  # s
    retrieve_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    install_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    why: str = Field(default="", sa_type=Text)
    asked_by: str
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    look_at: datetime = Field(sa_type=UtcDateTime)
    looked_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    errors_before: int | None = None
    errors_after: int | None = None

    before: str = ""
    request_id: int
    signed: bool
    state: str = Field(max_length=24, index=True)
    since: datetime = Field(sa_type=UtcDateTime)
    cause: str = Field(default="", max_length=32)
    reason: str = Field(default="", sa_type=Text)
    told: str = Field(default="", max_length=50)
    told_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    verified: bool = False
    seen: str = ""
    failing_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    steady_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    status_asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    asked: int = 0
    cancelling: bool = False
    cancel_command: int | None = Field(default=None, index=True)


class FirmwareImageRow(SQLModel, table=True):
    """An image that is here whole, by the SHA-256 of what is in it. `store` is where; a folder is `node`'s."""

    __tablename__ = "firmware_images"

    digest: str = Field(primary_key=True, max_length=64)
    size: int = Field(sa_type=BigInteger)
    store: str
    node: str = Field(max_length=63)
    kept_by: str
    kept_at: datetime = Field(sa_type=UtcDateTime)


class FirmwareLinkRow(SQLModel, table=True):
    """The address of an image for one update: the digest of its secret, how long it is good, and what went out."""

    __tablename__ = "firmware_links"

    token_sha256: str = Field(primary_key=True, max_length=64)
    update: int = Field(index=True)
    station: str = Field(max_length=48, index=True)
    firmware: str = Field(max_length=32)
    digest: str = Field(max_length=64)
    name: str = Field(max_length=100)
    once: bool
    made_at: datetime = Field(sa_type=UtcDateTime, index=True)
    good_until: datetime = Field(sa_type=UtcDateTime)
    octets: int = Field(default=0, sa_type=BigInteger)
    first_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    fetched_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FirmwareEmergencyRow(SQLModel, table=True):
    """A way back to an older release, asked for by somebody and good until a moment once two others agreed."""

    __tablename__ = "firmware_emergencies"

    id: int | None = Field(default=None, primary_key=True)
    firmware: str = Field(max_length=32, index=True)
    vendor: str
    model: str
    version: str
    reason: str = Field(sa_type=Text)
    asked_by: str
    asked_for: str
    asked_at: datetime = Field(sa_type=UtcDateTime)
    until: datetime = Field(sa_type=UtcDateTime, index=True)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FirmwareEmergencyVoteRow(SQLModel, table=True):
    """That a person agreed to a way back. `by` is what the person came with."""

    __tablename__ = "firmware_emergency_votes"

    emergency: int = Field(primary_key=True, foreign_key="firmware_emergencies.id")
    person: str = Field(primary_key=True)
    by: str
    at: datetime = Field(sa_type=UtcDateTime)
