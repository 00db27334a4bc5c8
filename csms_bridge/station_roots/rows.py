"""Rows about the root certificates on stations."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from pki.store import UtcDateTime


class StationRootRow(SQLModel, table=True):
    """A certificate that a station listed, in its own spelling; `children` is JSON. Gone ones are kept for a while.

    `known_as` and `known_name` say whose it is (empty: nobody knows), `known_by` who certified it across.
    `alarmed` is set when an alarm was raised because nobody knows it.
    """

    __tablename__ = "station_roots"
    __table_args__ = (
        Index("ix_station_roots_station", "station", "gone_at"),
        Index("ix_station_roots_known", "known_as", "known_name", "gone_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    station: str = Field(foreign_key="stations.id", max_length=48)
    kind: str = Field(max_length=16)
    algorithm: str = Field(max_length=16)
    issuer_name_hash: str = Field(max_length=128)
    issuer_key_hash: str = Field(max_length=128)
    serial_number: str = Field(max_length=64)
    children: str = Field(default="[]", sa_type=Text)
    known_as: str = Field(default="", max_length=16)
    known_name: str = ""
    known_by: str = ""
    deviations: str = ""
    alarmed: bool = False
    first_seen: datetime = Field(sa_type=UtcDateTime)
    last_seen: datetime = Field(sa_type=UtcDateTime)
    gone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RootListingRow(SQLModel, table=True):
    """When a station was last asked for its certificates of a kind, when it listed them, and what it said.

    `due_at` is when it shall be asked again, for something was changed.
    """

    __tablename__ = "root_listings"

    station: str = Field(primary_key=True, foreign_key="stations.id", max_length=48)
    kind: str = Field(primary_key=True, max_length=16)
    state: str = Field(max_length=16)
    sentence: str = Field(default="", sa_type=Text)
    asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    listed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)


class RootActRow(SQLModel, table=True):
    """Something done about a station's roots: a list asked for, a root installed or deleted, and what came of it.

    What was installed is remembered here, since some stations cannot list. `name` and `sha256` are those of the
    certificate, `signed_by` of who certified it across, `entry` is what was to be deleted.
    """

    __tablename__ = "root_acts"
    __table_args__ = (
        Index("ix_root_acts_station", "station", "id"),
        Index("ix_root_acts_command", "command"),
        Index("ix_root_acts_name", "name", "station"),
    )

    id: int | None = Field(default=None, primary_key=True)
    station: str = Field(foreign_key="stations.id", max_length=48)
    deed: str = Field(max_length=16)
    kinds: str = ""
    name: str = ""
    sha256: str = Field(default="", max_length=64)
    signed_by: str = ""
    entry: int | None = None
    command: int | None = None
    state: str = Field(max_length=16, index=True)
    sentence: str = Field(default="", sa_type=Text)
    reason: str = ""
    by: str
    at: datetime = Field(sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)


class RecordedRootRow(SQLModel, table=True):
    """A root of somebody else's that an operator knows: it may stand on stations, and is no alarm there."""

    __tablename__ = "recorded_roots"

    sha256: str = Field(primary_key=True, max_length=64)
    name: str = Field(unique=True, max_length=63)
    note: str = ""
    not_after: datetime = Field(sa_type=UtcDateTime)
    added_by: str
    added_at: datetime = Field(sa_type=UtcDateTime)
    der: bytes = Field(sa_type=LargeBinary)
