"""Rows of the posture: what stations told of their settings, when, and what does not fit."""

from datetime import datetime

from sqlalchemy import Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from pki.store import UtcDateTime

NOWHERE = -1
"""Of an EVSE or a connector that a variable does not have: NULLs would not be equal to each other."""


class VariableRow(SQLModel, table=True):
    """One value of one setting as a station told it last; `value` is null where it told none or it is a secret.

    A 1.6 configuration key has no component. `words` are the station's own, or ours for what is not kept.
    """

    __tablename__ = "station_variables"
    __table_args__ = (
        UniqueConstraint(
            "station", "component", "name", "instance", "variable_instance", "evse", "connector", "attribute",
            name="uq_station_variables",
        ),
    )  # fmt: skip

    id: int | None = Field(default=None, primary_key=True)
    station: str = Field(max_length=48)
    component: str = Field(max_length=50)
    name: str = Field(max_length=50)
    instance: str = Field(default="", max_length=50)
    variable_instance: str = Field(default="", max_length=50)
    evse: int = NOWHERE
    connector: int = NOWHERE
    attribute: str = Field(max_length=8)
    value: str | None = Field(default=None, sa_type=Text)
    words: str = ""
    mutability: str = Field(default="", max_length=9)
    data_type: str = Field(default="", max_length=20)
    unit: str = Field(default="", max_length=16)
    lowest: float | None = None
    highest: float | None = None
    choices: str = Field(default="", sa_type=Text)
    source: str = Field(max_length=8)
    read_at: datetime = Field(sa_type=UtcDateTime)


class PostureRow(SQLModel, table=True):
    """What is known of a station's settings as a whole, and of its clock.

    `began_at` without a later `ended_at` is a reading under way, or one that never came to its end; `told_at` is the
    end of the last that brought something. `asked_at` is set while somebody
    waits for one. `clock_offset`: seconds by which its clock is ahead.
    """

    __tablename__ = "station_postures"

    station: str = Field(primary_key=True, max_length=48)
    asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    asked_by: str = ""
    asked_whole: bool = False
    began_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    told_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    tries: int = 0
    why: str = ""
    outcome: str = Field(default="", max_length=8)
    words: str = Field(default="", sa_type=Text)
    firmware: str = ""
    ocpp_version: str | None = Field(default=None, max_length=8)
    profile: int | None = None
    extension: bool | None = None
    report: str = ""
    report_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reveals: str = ""
    clock_offset: float | None = None
    clock_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)


class DifferenceRow(SQLModel, table=True):
    """Something about a station that does not fit, since when; one row for each kind."""

    __tablename__ = "station_differences"

    station: str = Field(primary_key=True, max_length=48)
    kind: str = Field(primary_key=True, max_length=24, index=True)
    sentence: str = Field(sa_type=Text)
    next_act: str = Field(sa_type=Text)
    since: datetime = Field(sa_type=UtcDateTime)


POSTURE_ROWS = (VariableRow, PostureRow, DifferenceRow)
"""What is forgotten with a station."""
