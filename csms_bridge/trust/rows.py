"""Rows about trust: what our servers showed, who connected under it, and roots that are being rolled over."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from pki.store import UtcDateTime


class ServerChainRow(SQLModel, table=True):
    """The roots in which the chain of a node's server certificate of one key family ended, from `since` to `until`.

    `roots` is sorted and separated by commas. `since` is when no handshake from before can be under way any more.
    """

    __tablename__ = "server_chains"
    __table_args__ = (Index("ix_server_chains_node_until", "node", "until"),)

    id: int | None = Field(default=None, primary_key=True)
    node: str = Field(max_length=63)
    family: str = Field(max_length=8)
    roots: str
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RootSightingRow(SQLModel, table=True):
    """A station connected over TLS while our server's chain ended in this root: alone, or in another one as well."""

    __tablename__ = "root_sightings"
    __table_args__ = (Index("ix_root_sightings_root", "root", "station"),)

    station: str = Field(primary_key=True, foreign_key="stations.id", max_length=48)
    root: str = Field(primary_key=True)
    alone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    among_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RootPlanRow(SQLModel, table=True):
    """The plan of a root's roll-over; it has the roll-over's id. `step` was done last, `intent` is being done.

    `gates` is JSON. `alone_since` is when our servers began to show the new root alone.
    """

    __tablename__ = "root_plans"

    id: str = Field(primary_key=True, max_length=16)
    old: str
    new: str
    step: str = Field(max_length=24)
    intent: str = Field(default="", max_length=24)
    intent_by: str = ""
    forced: bool = False
    note: str = Field(default="", sa_type=Text)
    state: str = Field(max_length=16, index=True)
    reason: str = Field(default="", sa_type=Text)
    gates: str = Field(sa_type=Text)
    alone_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    started_by: str
    started_at: datetime = Field(sa_type=UtcDateTime)
    moved_at: datetime = Field(sa_type=UtcDateTime)


class PlanExclusionRow(SQLModel, table=True):
    """A station that a plan goes on without: it is known that it will drop, or somebody sees to it by hand."""

    __tablename__ = "root_plan_exclusions"

    plan: str = Field(primary_key=True, foreign_key="root_plans.id", max_length=16)
    station: str = Field(primary_key=True, foreign_key="stations.id", max_length=48)
    reason: str = Field(sa_type=Text)
    by: str
    at: datetime = Field(sa_type=UtcDateTime)
