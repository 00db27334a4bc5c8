"""Assessments in the database: one row for each station and goal, so that a fleet is counted without being loaded."""

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from pki.store import UtcDateTime


class ReadinessRow(SQLModel, table=True):
    """What was found of a station and a goal. `reasons` are bits (codes.mask_of), of the `edition` of that list.

    `assessed_at` is the moment before its facts were read: whatever changed since is looked at again.
    """

    __tablename__ = "station_readiness"
    __table_args__ = (
        Index("ix_station_readiness_goal_verdict", "goal", "verdict", "station"),
        Index("ix_station_readiness_goal_score", "goal", "score", "station"),
        Index("ix_station_readiness_counts", "goal", "edition", "verdict", "reasons"),
    )

    station: str = Field(primary_key=True, max_length=48)
    goal: int = Field(primary_key=True)
    verdict: str = Field(max_length=16)
    score: int
    reasons: int = Field(sa_type=BigInteger)
    edition: str = Field(max_length=8)
    assessed_at: datetime = Field(sa_type=UtcDateTime, index=True)
