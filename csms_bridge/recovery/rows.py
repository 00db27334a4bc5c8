"""Rows about ways back."""

from datetime import datetime

from sqlalchemy import Index, Text, text
from sqlmodel import Field, SQLModel

from pki.store import UtcDateTime

_ONE_AT_A_TIME = text("state IN ('waiting', 'open')")


class RecoveryRow(SQLModel, table=True):
    """A way back of one station, asked for and what became of it. `seconds`: how long it is open.

    `asked_for` is the person behind `asked_by`. `revokes` is a JSON list of serial numbers, which `revoked_at` says are
    revoked. `unfinished`: something is still to be done by us, whoever opened or closed it may have died over it.
    """

    __tablename__ = "recoveries"
    __table_args__ = (
        Index(
            "ix_recoveries_one_at_a_time", "station", unique=True, sqlite_where=_ONE_AT_A_TIME,
            postgresql_where=_ONE_AT_A_TIME,
        ),
        Index("ix_recoveries_station_asked", "station", "asked_at"),
        Index("ix_recoveries_asked", "asked_at", "id"),
        Index("ix_recoveries_state", "state", "until"),
        Index("ix_recoveries_unfinished", "unfinished"),
    )  # fmt: skip

    id: str = Field(primary_key=True, max_length=16)
    station: str = Field(foreign_key="stations.id", max_length=48)
    loss: str = Field(max_length=16)
    proof: str = Field(max_length=16)
    state: str = Field(max_length=16)
    reason: str = Field(sa_type=Text)
    maker: str = Field(default="", max_length=100)
    old_serial: str = Field(max_length=64)
    new_serial: str = Field(default="", max_length=64)
    seconds: int
    then_walk: int | None = None
    asked_by: str
    asked_for: str
    asked_at: datetime = Field(sa_type=UtcDateTime)
    approvals: int = 0
    opened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    came_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    came_from: str = ""
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_by: str = ""
    ended_why: str = Field(default="", sa_type=Text)
    revokes: str = Field(default="[]", sa_type=Text)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    walk: str = Field(default="", max_length=16)
    unfinished: bool = False
    says: str = Field(default="[]", sa_type=Text)


class RecoveryVoteRow(SQLModel, table=True):
    """That a person agreed to a way back."""

    __tablename__ = "recovery_votes"

    recovery: str = Field(primary_key=True, foreign_key="recoveries.id", max_length=16)
    station: str = Field(foreign_key="stations.id", index=True, max_length=48)
    person: str = Field(primary_key=True)
    by: str
    note: str = ""
    at: datetime = Field(sa_type=UtcDateTime)
