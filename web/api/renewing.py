"""/api/v1/renewals: certificates that renew by themselves: how many stand where, the pace, and stopping it."""

from datetime import datetime
from typing import Self

from fastapi import APIRouter, Depends

from csms_bridge.renewal.door import PaceNow, RenewalOverview
from csms_bridge.renewal.states import DueState
from web.api.asked import After, Doors, Limit, page
from web.api.campaign_shapes import PreviewOut
from web.api.shapes import Out, Page, ReasonIn
from web.auth import Needs
from web.permissions import Permission, Principal
from web.replacing_everything import COMMAND, estimated

router = APIRouter(prefix="/renewals", tags=["renewals"])


class PaceOut(Out):
    """The pace: what is set, and what the authority and the stations bear of it now, with the reason if it is less.

    `on` is false when the service is set never to ask by itself; `paused_by` says who stopped it for now.
    """

    on: bool
    per_minute: int
    most_in_flight: int
    may_be_in_flight: int
    in_flight: int
    asked_in_last_minute: int
    why: str
    paused_by: str
    paused_reason: str
    paused_at: datetime | None


class DueWeekOut(Out):
    """How many renewals come due in an ISO week (UTC); what is due already counts in the first."""

    name: str
    begins: datetime
    stations: int


class FailureOut(Out):
    """Why renewals failed, and of how many stations."""

    reason: str
    stations: int


class RenewalsOut(Out):
    """Renewals of the fleet. `counts` by state: ended, under-way, paused, unused, failed, late, asleep, due, later.

    `slowed` and `paused` stations ask too often. `seconds`: what those that wait take at the set pace, at least.
    """

    as_of: datetime
    counts: dict[str, int]
    reasons: list[FailureOut]
    weeks: list[DueWeekOut]
    pace: PaceOut
    slowed: int
    paused: int
    seconds: int

    @classmethod
    def made(cls, found: RenewalOverview) -> Self:
        """The wire's shape."""
        return cls(
            as_of=found.as_of,
            counts={state.value: number for state, number in found.counts.items()},
            reasons=[FailureOut(reason=reason, stations=number) for reason, number in found.reasons],
            weeks=[DueWeekOut.of(week) for week in found.weeks],
            pace=PaceOut.of(found.pace),
            slowed=found.slowed,
            paused=found.paused,
            seconds=int(found.takes.total_seconds()),
        )


class StationRenewalOut(Out):
    """Where one station's renewal stands. `renewal` is how far the last request to renew is, empty without one.

    `unused` is a newer certificate that it took and does not use.
    """

    station: str
    state: str
    online: bool
    serial: str
    not_after: datetime
    due_at: datetime
    late_at: datetime
    next_at: datetime | None
    tries: int
    renewal: str
    reason: str
    unused: str | None


class EmergencyOut(Out):
    """What replacing every certificate now would do, how long it takes, and the command that does it."""

    preview: PreviewOut
    command: str


@router.get("")
def show_renewals(doors: Doors, _caller: Principal = Depends(Needs(Permission.CERTIFICATES_READ))) -> RenewalsOut:
    """How many stations are due, under way, late, failed, paused or asleep; what comes due; and the pace."""
    return RenewalsOut.made(doors.fleet.renewing.overview())


@router.get("/stations")
def list_stations(
    doors: Doors,
    state: DueState | None = None,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.CERTIFICATES_READ)),
) -> Page[StationRenewalOut]:
    """Stations in a state, or all that are not merely to be renewed later; who ends first comes first."""
    if after is not None:
        doors.fleet.station(after)  # an unknown place is no empty page
    found = doors.fleet.renewing.states.page(state, after, limit + 1)
    return page(found, limit, StationRenewalOut.of, lambda one: one.station)


@router.get("/emergency")
def estimate_emergency(doors: Doors, _caller: Principal = Depends(Needs(Permission.CAMPAIGNS_READ))) -> EmergencyOut:
    """What replacing everything now would do and how long it would take; nothing is kept."""
    return EmergencyOut(preview=PreviewOut.made(estimated(doors)), command=COMMAND)


@router.post("/pause")
def pause_renewals(
    doors: Doors, body: ReasonIn, caller: Principal = Depends(Needs(Permission.CERTIFICATES_RENEW))
) -> PaceOut:
    """Ask nobody by ourselves until it is resumed; what is under way goes on."""
    return _pace(doors.fleet.renewing.pause(caller.name, body.reason))


@router.post("/resume")
def resume_renewals(
    doors: Doors, body: ReasonIn, caller: Principal = Depends(Needs(Permission.CERTIFICATES_RENEW))
) -> PaceOut:
    """Go on asking."""
    return _pace(doors.fleet.renewing.resume(caller.name, body.reason))


def _pace(found: PaceNow) -> PaceOut:
    return PaceOut.of(found)
