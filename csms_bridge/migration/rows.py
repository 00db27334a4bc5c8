"""Rows about migrations: which version a station is expected to come back with, until when, and what came of it."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from pki.store import UtcDateTime


class MigrationRow(SQLModel, table=True):
    """One station's change of version. `serial`, `profile`, `firmware`: as they were; `criteria` is JSON.

    `campaign` names what it is part of; empty: nothing. `prepared` says what was set at the station beforehand;
    `preparing` is how far that is, as JSON, and `command` the message that is under way for it.
    """

    __tablename__ = "migrations"
    __table_args__ = (
        Index("ix_migrations_station_state", "station", "state"),
        Index("ix_migrations_campaign_state", "campaign", "state"),
    )

    id: int | None = Field(default=None, primary_key=True)
    station: str = Field(foreign_key="stations.id", max_length=48)
    from_version: str = Field(max_length=8)
    to_version: str = Field(max_length=8)
    campaign: str = Field(default="", max_length=64)
    state: str = Field(max_length=16, index=True)
    reason: str = Field(default="", sa_type=Text)
    criteria: str = Field(sa_type=Text)
    prepared: str = Field(default="", sa_type=Text)
    preparing: str = Field(default="", sa_type=Text)
    command: int | None = None
    profile: int | None = None
    firmware: str = ""
    until: datetime = Field(sa_type=UtcDateTime)
    arrived_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    began_at: datetime = Field(sa_type=UtcDateTime)
    began_by: str
    why: str = Field(default="", sa_type=Text)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
