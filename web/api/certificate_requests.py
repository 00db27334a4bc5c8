"""/api/v1/stations/{id}/certificate-requests: how often a station asks by itself, may ask, and letting it again."""

from datetime import datetime
from typing import Self

from fastapi import APIRouter, Depends

from csms_bridge.renewal.door import RequestHabit
from web.api.asked import Doors
from web.api.renewing import StationRenewalOut
from web.api.shapes import Out, ReasonIn
from web.auth import Needs
from web.permissions import Permission, Principal
from web.service import Service

router = APIRouter(prefix="/stations/{station_id}/certificate-requests", tags=["renewals"])


class HabitOut(Out):
    """How it repeats a request by itself (2.0.1 A02.FR.17-19), by what it told; nulls: it told nothing.

    `repeats_after` and `gives_up_after` are seconds from its first request. `worries` are for people.
    """

    wait: float | None
    repeats: int | None
    repeats_after: list[float]
    gives_up_after: float | None
    worries: list[str]

    @classmethod
    def made(cls, found: RequestHabit) -> Self:
        """The wire's shape."""
        habit, end = found.habit, found.gives_up_after
        return cls(
            wait=habit.wait.total_seconds() if habit.wait is not None else None,
            repeats=habit.repeats,
            repeats_after=[one.total_seconds() for one in found.repeats_after],
            gives_up_after=end.total_seconds() if end is not None else None,
            worries=list(found.worries),
        )


class CertificateRequestsOut(Out):
    """What a station's certificate requests meet: free, slowed or paused, since when, and how many are `left` now.

    `keys`: over how many keys in a row it asked without taking a certificate. `paused_until`: unless it asks again
    before. Nulls: it never asked. `renewal`: where its renewal stands, null without a certificate of ours.
    """

    station: str
    standing: str
    since: datetime | None
    left: int
    keys: int
    asked_at: datetime | None
    paused_until: datetime | None
    habit: HabitOut
    renewal: StationRenewalOut | None


@router.get("")
def show_certificate_requests(
    doors: Doors, station_id: str, _caller: Principal = Depends(Needs(Permission.STATIONS_READ))
) -> CertificateRequestsOut:
    """Whether the station's requests are taken in, slowed or paused, and how it repeats them by itself."""
    return _shown(doors, doors.fleet.station(station_id).id)


@router.post("/release")
def release_certificate_requests(
    doors: Doors, station_id: str, body: ReasonIn, caller: Principal = Depends(Needs(Permission.CERTIFICATES_RENEW))
) -> CertificateRequestsOut:
    """Take a slowed or paused station's requests in again, at once."""
    doors.fleet.allowances.release(station_id, caller.name, body.reason)
    return _shown(doors, station_id)


def _shown(doors: Service, station: str) -> CertificateRequestsOut:
    renewing, found = doors.fleet.renewing, doors.fleet.allowances.of(station)
    stands = renewing.states.station(station)
    return CertificateRequestsOut(
        station=station,
        standing=found.standing if found else "free",
        since=found.since if found else None,
        left=found.left if found else doors.fleet.allowances.limits.per_hour,
        keys=found.keys if found else 0,
        asked_at=found.asked_at if found else None,
        paused_until=found.paused_until if found else None,
        habit=HabitOut.made(renewing.habit(station)),
        renewal=None if stands is None else StationRenewalOut.of(stands),
    )
