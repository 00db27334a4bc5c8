"""/api/v1/certificates/renew and …/renewals: have certificates renewed, and see how far that is."""

from datetime import datetime
from typing import Self

from fastapi import APIRouter, Depends
from pydantic import Field

from csms_bridge.renewals import Renewal
from web.api.asked import After, Doors, Limit, page
from web.api.shapes import In, Out, Page
from web.auth import Needs
from web.certificate_queries import CertificateQuery, hex_of
from web.errors import RequestRefused
from web.permissions import Permission, Principal
from web.renewing import Renewed, renew_ending, renew_serials

# Named before `certificates/{serial}`, which would take them for serial numbers.
router = APIRouter(prefix="/certificates", tags=["certificates"])


class RenewIn(In):
    """What to renew: certificates by serial number, what a station uses, or what ends soon; one of the three.

    The last goes by the end, the soonest first, `limit` at a time; `after` is the `next` of the answer before.
    """

    serials: tuple[str, ...] = Field(default=(), max_length=1000)
    station: str | None = None
    expires_within: str | None = Field(default=None, max_length=20, description="48h, 30d, 4w")
    limit: int = Field(default=1000, ge=1, le=1000)
    after: str | None = Field(default=None, max_length=100)


class RenewalOut(Out):
    """How far a renewal is: queued, sent, accepted, issued, renewed, failed or unable, and why.

    `serial` is the certificate that is to be renewed (null when the station was named), `new_serial` the new one.
    """

    serial: str | None
    common_name: str
    station: str | None
    state: str
    reason: str
    command: int | None
    new_serial: str | None
    asked_at: datetime | None
    asked_by: str

    @classmethod
    def made(cls, renewal: Renewal, serial: str | None = None, common_name: str = "") -> Self:
        """The wire's shape of a renewal."""
        return cls(
            serial=serial,
            common_name=common_name,
            station=renewal.station or None,
            state=renewal.state,
            reason=renewal.reason,
            command=renewal.command,
            new_serial=renewal.serial,
            asked_at=renewal.asked_at,
            asked_by=renewal.asked_by,
        )

    @classmethod
    def of_renewed(cls, renewed: Renewed) -> Self:
        """The same with the old certificate."""
        return cls.made(renewed.renewal, renewed.serial, renewed.common_name)


@router.post("/renew")
def renew_certificates(
    doors: Doors, body: RenewIn, caller: Principal = Depends(Needs(Permission.CERTIFICATES_RENEW))
) -> Page[RenewalOut]:
    """Ask stations to renew now, also those that are away; make our own credentials anew at once."""
    if sum((bool(body.serials), body.station is not None, body.expires_within is not None)) != 1:
        raise RequestRefused("serials", "name serial numbers, or a station, or expires_within: one of the three")
    if body.station is not None:
        station = doors.fleet.station(body.station).id
        renewals = doors.fleet.ask_for_renewal([station], caller.name)
        return Page(items=[RenewalOut.made(renewal) for renewal in renewals], next=None)
    if body.expires_within is not None:
        wanted = CertificateQuery(expires_within=body.expires_within).meaning(doors.clock())
        renewed, following = renew_ending(doors, wanted, caller.name, body.after, body.limit)
        return Page(items=[RenewalOut.of_renewed(one) for one in renewed], next=following)
    renewed = renew_serials(doors, [hex_of(serial) for serial in body.serials], caller.name)
    return Page(items=[RenewalOut.of_renewed(one) for one in renewed], next=None)


@router.get("/renewals")
def list_renewals(
    doors: Doors,
    station: str | None = None,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.CERTIFICATES_READ)),
) -> Page[RenewalOut]:
    """How far the last renewal of each station is, by station."""
    if station is not None:
        found = doors.fleet.renewals(stations=[doors.fleet.station(station).id])
        return Page(items=[RenewalOut.made(renewal) for renewal in found], next=None)
    found = doors.fleet.renewals(after=after, limit=limit + 1)
    return page(found, limit, RenewalOut.made, lambda renewal: renewal.station)
