"""The rows of what renews by itself."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from pki.store import UtcDateTime


class CertificateAllowanceRow(SQLModel, table=True):
    """How many certificate requests a station has left (`allowance.Account`); one row for each that ever asked.

    `alarmed` and `keys_alarmed`: a person was told of this pause, and of so many keys.
    """

    __tablename__ = "certificate_allowances"
    __table_args__ = (Index("ix_certificate_allowances_standing", "standing", "station"),)

    station: str = Field(primary_key=True, max_length=48)
    tokens: float
    refusals: float
    at: datetime = Field(sa_type=UtcDateTime)
    standing: str = Field(max_length=16)
    since: datetime = Field(sa_type=UtcDateTime)
    strikes: int = 0
    key: str = Field(default="", max_length=64)
    keys: int = 0
    alarmed: bool = False
    keys_alarmed: bool = False


class RenewalPlanRow(SQLModel, table=True):
    """When the certificate that a station was seen with is renewed; kept up with what stations present.

    `tries` are those for this certificate, `next_at` when it may be tried again, `why` what stood against the last.
    `unused` is a newer certificate that the station took and does not use.
    """

    __tablename__ = "renewal_plans"
    __table_args__ = (
        Index("ix_renewal_plans_due", "due_at", "station"),
        Index("ix_renewal_plans_end", "not_after", "station"),
    )

    station: str = Field(primary_key=True, max_length=48)
    serial: str
    not_before: datetime = Field(sa_type=UtcDateTime)
    not_after: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    late_at: datetime = Field(sa_type=UtcDateTime)
    next_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    tries: int = 0
    why: str = Field(default="", sa_type=Text)
    unused: str | None = Field(default=None, index=True)
    unused_since: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RenewalPaceRow(SQLModel, table=True):
    """The fleet's one pace, which all nodes share; `measured_at` is when `in_flight` was looked at last.

    `paused_by` is who stopped all renewals by themselves; empty while they go on.
    """

    __tablename__ = "renewal_pace"

    id: str = Field(primary_key=True, max_length=16)
    in_flight: int
    why: str = Field(default="", sa_type=Text)
    alarming: bool = False
    measured_at: datetime = Field(sa_type=UtcDateTime)
    paused_by: str = ""
    paused_reason: str = Field(default="", sa_type=Text)
    paused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
