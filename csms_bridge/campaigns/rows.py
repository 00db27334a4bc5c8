"""Rows of campaigns, the stations in them, and sites."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from pki.store import UtcDateTime


class SiteRow(SQLModel, table=True):
    """What is known of a site that stations name: its time zone (IANA), when it may be worked on, how much at a time.

    `windows` is as people write it (see campaigns.windows); `max_share` is per cent of its stations.
    """

    __tablename__ = "sites"

    name: str = Field(primary_key=True, max_length=100)
    time_zone: str = Field(max_length=64)
    windows: str = Field(default="", max_length=1000)
    max_share: int = 100
    changed_by: str
    changed_at: datetime = Field(sa_type=UtcDateTime)


class CampaignRow(SQLModel, table=True):
    """A campaign; `goal`, `selection`, `pace` and `sizes` are JSON (see campaigns.words and campaigns.spelling).

    `forgiven` is how many errors of the wave at hand an operator has let pass, `let_pass` the wave whose end.
    `pauses` counts how often it was paused, so that each has its own alarm. `counts` is where its stations stood at its
    end, as JSON: a list of wave, state and number.
    """

    __tablename__ = "campaigns"
    __table_args__ = (Index("ix_campaigns_created", "created_at", "id"),)

    id: str = Field(primary_key=True, max_length=16)
    name: str = Field(max_length=100)
    kind: str = Field(max_length=16)
    goal: str = Field(sa_type=Text)
    selection: str = Field(sa_type=Text)
    pace: str = Field(sa_type=Text)
    sizes: str = Field(default="[]", sa_type=Text)
    state: str = Field(max_length=16, index=True)
    reason: str = Field(default="", sa_type=Text)
    wave: int = 0
    wave_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    total: int = 0
    excluded: int = 0
    forgiven: int = 0
    let_pass: int = 0
    paused_by: str = ""
    pauses: int = 0
    abort_mode: str = Field(default="", max_length=16)
    counts: str = Field(default="", sa_type=Text)
    created_by: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime, index=True)


class CampaignTargetRow(SQLModel, table=True):
    """A station in a campaign. `work` names what does it, `tries` counts how often it was begun.

    `rank`, then `due_at` is the order in which stations are taken: samples of each model before all others, of the most
    frequent ones first (below zero). `outcome` is the last try's.
    """

    __tablename__ = "campaign_targets"
    __table_args__ = (
        Index("ix_campaign_targets_due", "campaign", "state", "rank", "due_at", "station"),
        Index("ix_campaign_targets_wave", "campaign", "wave", "state"),
        Index("ix_campaign_targets_station", "station", "state"),
    )

    campaign: str = Field(primary_key=True, foreign_key="campaigns.id", max_length=16)
    station: str = Field(primary_key=True, foreign_key="stations.id", max_length=48)
    state: str = Field(max_length=16)
    wave: int | None = None
    tries: int = 0
    work: str = Field(default="", max_length=100)
    outcome: str = Field(default="", max_length=16)
    reason: str = Field(default="", sa_type=Text)
    rank: int = 0
    due_at: datetime = Field(sa_type=UtcDateTime)
    not_before: datetime | None = Field(default=None, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
