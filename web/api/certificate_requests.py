"""/api/v1/stations/{id}/certificate-requests: how often a station may ask for a certificate, and letting it again."""

from datetime import datetime
from typing import Self

from fastapi import APIRouter, Depends

from csms_bridge.renewal.allowances import Allowance
from web.api.asked import Doors
from web.api.shapes import Out, ReasonIn
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/stations/{station_id}/certificate-requests", tags=["renewals"])


class CertificateRequestsOut(Out):
    """What a station's certificate requests meet: free, slowed or paused, since when, and how many are `left` now.

    `keys`: over how many keys in a row it asked without taking a certificate. `paused_until`: unless it asks again
    before. Nulls: it never asked.
    """

    station: str
    standing: str
    since: datetime | None
    left: int
    keys: int
    asked_at: datetime | None
    paused_until: datetime | None

    @classmethod
    def made(cls, station: str, allowance: Allowance | None, most: int) -> Self:
        """The wire's shape; of one that never asked as well."""
        if allowance is not None:
            return cls.of(allowance)
        return cls(
            station=station, standing="free", since=None, left=most, keys=0, asked_at=None, paused_until=None
        )  # fmt: skip


@router.get("")
def show_certificate_requests(
    doors: Doors, station_id: str, _caller: Principal = Depends(Needs(Permission.STATIONS_READ))
) -> CertificateRequestsOut:
    """Whether the station's requests are taken in, slowed or paused."""
    station, allowances = doors.fleet.station(station_id).id, doors.fleet.allowances
    return CertificateRequestsOut.made(station, allowances.of(station), allowances.limits.per_hour)


@router.post("/release")
def release_certificate_requests(
    doors: Doors, station_id: str, body: ReasonIn, caller: Principal = Depends(Needs(Permission.CERTIFICATES_RENEW))
) -> CertificateRequestsOut:
    """Take a slowed or paused station's requests in again, at once."""
    return CertificateRequestsOut.of(doors.fleet.allowances.release(station_id, caller.name, body.reason))
