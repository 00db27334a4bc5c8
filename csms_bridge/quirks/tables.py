"""The operator's rows of the quirk book, and what stations taught."""

from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field, SQLModel

from pki.store import UtcDateTime


class OwnQuirkRow(SQLModel, table=True):
    """A row of the operator's; `row` is JSON as it may come over REST."""

    __tablename__ = "quirk_rows"

    name: str = Field(primary_key=True, max_length=60)
    row: str = Field(sa_type=Text)
    changed_by: str = ""
    changed_at: datetime = Field(sa_type=UtcDateTime)


class LearnedQuirkRow(SQLModel, table=True):
    """What stations of one kind showed of one key; `value` is JSON. `stations`: the latest of them, a JSON list.

    `settled` is empty while it is a proposal, then `accepted` or `dismissed`.
    """

    __tablename__ = "learned_quirks"

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(unique=True, max_length=64)
    vendor: str
    model: str
    firmware: str
    key: str = Field(max_length=40)
    value: str = Field(sa_type=Text)
    times: int
    stations: str = Field(sa_type=Text)
    first_at: datetime = Field(sa_type=UtcDateTime)
    last_at: datetime = Field(sa_type=UtcDateTime, index=True)
    settled: str = Field(default="", max_length=16)
