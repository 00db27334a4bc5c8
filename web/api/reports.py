"""/api/v1/reports: what one wants to see in one piece."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from pki.forecast import LONGEST, Forecast
from web.api.asked import Doors
from web.api.shapes import Out
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/reports", tags=["reports"])
Weeks = Annotated[int, Query(ge=1, le=LONGEST, description="how many ISO weeks, from this one on")]


class WeekOut(Out):
    """One ISO 8601 week (UTC): how many stations' certificates end in it, and the first moment at which one does."""

    name: str
    begins: datetime
    total: int
    by_authority: dict[str, int]
    first_end: datetime | None


class EndingOut(Out):
    """Something else that ends: a root, an issuing authority, a maker's anchor, a credential of ours, a CRL."""

    kind: str
    name: str
    serial: str
    not_after: datetime
    renews_itself: bool


class ForecastOut(Out):
    """What ends when, as it was at `as_of`; numbers are of certificates in use, by authority."""

    as_of: datetime
    overdue: dict[str, int]
    weeks: list[WeekOut]
    later: dict[str, int]
    endings: list[EndingOut]

    @classmethod
    def made(cls, forecast: Forecast) -> "ForecastOut":
        """The wire's shape of a forecast."""
        return cls(
            as_of=forecast.as_of,
            overdue=dict(forecast.overdue),
            weeks=[WeekOut.of(week) for week in forecast.weeks],
            later=dict(forecast.later),
            endings=[EndingOut.of(ending) for ending in forecast.endings],
        )


@router.get("/expiry")
def forecast_expiry(
    doors: Doors, weeks: Weeks = 26, _caller: Principal = Depends(Needs(Permission.CERTIFICATES_READ))
) -> ForecastOut:
    """How many stations' certificates end in which ISO week, and everything else of ours that ends."""
    return ForecastOut.made(doors.authority.forecast(weeks))
