"""The rows of what renews by itself."""

from datetime import datetime

from sqlalchemy import Index
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
