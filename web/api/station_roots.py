"""/api/v1/stations/{id}/roots: root certificates on a station; and /api/v1/recorded-roots: roots of others."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, model_validator

from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.door import RootsOnStation
from csms_bridge.station_roots.entries import Entry, RootAct
from web.api.asked import Doors
from web.api.shapes import In, Out, Page
from web.auth import Needs
from web.permissions import Permission, Principal
from web.station_roots import settled

router = APIRouter(tags=["stations"])
_AT_STATION = "/stations/{station_id}/roots"


class HashDataOut(Out):
    """`certificateHashData` in the station's own spelling."""

    algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str


class RootEntryOut(Out):
    """A certificate that the station lists, or did (`gone_at`).

    `known_as` is authority, cross, anchor, recorded, station, or null for one that nobody here knows; `name` is ours,
    `certified_by` of who certified it across. `deviations`: how its hash data differs from what OCPP asks for.
    """

    id: int
    kind: str | None
    hash_data: HashDataOut
    children: list[HashDataOut]
    known_as: str | None
    name: str | None
    certified_by: str | None
    deviations: list[str]
    first_seen: datetime
    last_seen: datetime
    gone_at: datetime | None

    @classmethod
    def made(cls, entry: Entry) -> Self:
        """The wire's shape of an entry."""
        whose = entry.recognised
        return cls(
            id=entry.id,
            kind=entry.kind,
            hash_data=HashDataOut.of(entry.hash_data),
            children=[HashDataOut.of(child) for child in entry.children],
            known_as=whose.known_as if whose else None,
            name=whose.name if whose else None,
            certified_by=(whose.by or None) if whose else None,
            deviations=list(whose.deviations) if whose else [],
            first_seen=entry.first_seen,
            last_seen=entry.last_seen,
            gone_at=entry.gone_at,
        )


class ExpectedRootOut(Out):
    """A root that ought to be there: one of `roots`. Presence: listed, believed, optional, missing or unknown."""

    kind: str
    roots: list[str]
    why: str
    presence: str
    sentence: str


class ListingOut(Out):
    """When the station was asked for a kind, when it listed it, and what it said."""

    kind: str
    state: str
    sentence: str
    asked_at: datetime | None
    listed_at: datetime | None


class LimitsOut(Out):
    """What the station told of its store; null where it told nothing."""

    checks_new_root: bool | None
    capacity: int | None
    entries: int | None


class RootActOut(Out):
    """Something done about a station's roots. State: queued, sent, done, rejected, failed, not-found, refused,
    unknown (no answer came) or unsent."""

    id: int
    station: str
    deed: str
    kinds: list[str]
    name: str
    sha256: str
    signed_by: str
    entry: int | None
    command: int | None
    state: str
    sentence: str
    reason: str
    by: str
    at: datetime
    settled_at: datetime | None


class StationRootsOut(Out):
    """All about one station's roots; `unknown` counts the entries that nobody here knows."""

    station: str
    entries: list[RootEntryOut]
    unknown: int
    expected: list[ExpectedRootOut]
    listings: list[ListingOut]
    limits: LimitsOut
    acts: list[RootActOut]
    gone: list[RootEntryOut]

    @classmethod
    def made(cls, view: RootsOnStation) -> Self:
        """The wire's shape of it."""
        return cls(
            station=view.station,
            entries=[RootEntryOut.made(entry) for entry in view.entries],
            unknown=len(view.unknown),
            expected=[ExpectedRootOut.of(one) for one in view.expected],
            listings=[ListingOut.of(one) for one in view.listings],
            limits=LimitsOut.of(view.limits),
            acts=[RootActOut.of(act) for act in view.acts],
            gone=[RootEntryOut.made(entry) for entry in view.gone],
        )


class ListIn(In):
    """Which kinds the station is to list; none: all that its version knows."""

    kinds: tuple[CertificateKind, ...] = Field(default=(), max_length=10)


class InstallIn(In):
    """What to install for which purpose: a root by our name for it, or a certificate in PEM.

    `signed_by` asks for the form that this authority of ours certified. A PEM that nobody here knows is recorded.
    """

    kind: CertificateKind
    root: str = Field(default="", max_length=100)
    certificate: str = Field(default="", max_length=100_000, description="one self-signed certificate, PEM")
    signed_by: str = Field(default="", max_length=100)
    reason: str = Field(default="", max_length=500)

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if bool(self.root) == bool(self.certificate):
            raise ValueError("root or certificate: one of the two")
        if self.certificate and self.signed_by:
            raise ValueError("signed_by goes with the name of a root")
        return self


class DeleteIn(In):
    """Why; `force` deletes the last manufacturer root and is for admins."""

    reason: str = Field(min_length=1, max_length=500)
    force: bool = False


class RecordedRootOut(Out):
    """A root of somebody else's that is known here, and trusted for nothing."""

    name: str
    sha256: str
    subject: str
    note: str
    not_after: datetime
    added_by: str
    added_at: datetime
    certificate_pem: str


class RecordIn(In):
    """A root certificate in PEM, what we call it, and where it comes from."""

    name: str = Field(min_length=1, max_length=63)
    certificate: str = Field(min_length=1, max_length=100_000, description="one self-signed certificate, PEM")
    note: str = Field(default="", max_length=500)


@router.get(_AT_STATION)
def show_roots(
    doors: Doors, station_id: str, _caller: Principal = Depends(Needs(Permission.STATIONS_READ))
) -> StationRootsOut:
    """What the station lists, what ought to be there, what nobody knows, and what was done."""
    return StationRootsOut.made(doors.fleet.roots.view(station_id))


@router.post(_AT_STATION + "/list", responses={202: {"model": Page[RootActOut]}})
async def list_roots_now(
    doors: Doors,
    station_id: str,
    body: ListIn,
    response: Response,
    caller: Principal = Depends(Needs(Permission.STATIONS_COMMAND)),
) -> Page[RootActOut]:
    """Have the station list its certificates; 202 when its answer is still to come. One that is away is asked later."""
    acts = await run_in_threadpool(doors.fleet.roots.list_now, station_id, body.kinds, caller.name)
    return _page(await settled(doors, acts), response)


@router.post(_AT_STATION, responses={202: {"model": RootActOut}})
async def install_root(
    doors: Doors,
    station_id: str,
    body: InstallIn,
    response: Response,
    caller: Principal = Depends(Needs(Permission.ROOTS_CHANGE)),
) -> RootActOut:
    """Have the station trust a root; 202 when its answer is still to come. A PEM that is new here is for admins."""
    roots = doors.fleet.roots
    if body.certificate and not await run_in_threadpool(roots.is_known, body.certificate):
        caller.require(Permission.ANCHORS_CHANGE)
    act = await run_in_threadpool(
        roots.install, station_id, body.kind, caller.name,
        name=body.root, pem=body.certificate, signed_by=body.signed_by, reason=body.reason,
    )  # fmt: skip
    return _page(await settled(doors, [act]), response).items[0]


@router.post(_AT_STATION + "/{entry}/delete", responses={202: {"model": RootActOut}})
async def delete_root(
    doors: Doors,
    station_id: str,
    entry: int,
    body: DeleteIn,
    response: Response,
    caller: Principal = Depends(Needs(Permission.ROOTS_CHANGE)),
) -> RootActOut:
    """Have the station delete what it listed as this entry. What would strand it is refused."""
    if body.force:
        caller.require(Permission.STATIONS_FORCE)
    act = await run_in_threadpool(
        doors.fleet.roots.delete, station_id, entry, caller.name, body.reason, force=body.force
    )
    return _page(await settled(doors, [act]), response).items[0]


@router.get(_AT_STATION + "/acts/{act}")
def show_root_act(
    doors: Doors, station_id: str, act: int, _caller: Principal = Depends(Needs(Permission.STATIONS_READ))
) -> RootActOut:
    """What came of a list, an installation or a deletion."""
    return RootActOut.of(doors.fleet.roots.act(station_id, act))


@router.get("/recorded-roots")
def list_recorded_roots(
    doors: Doors, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))
) -> Page[RecordedRootOut]:
    """Roots of others that may stand on stations, by name."""
    return Page(items=[RecordedRootOut.of(one) for one in doors.fleet.roots.recorded.all()], next=None)


@router.post("/recorded-roots", status_code=201)
def record_root(
    doors: Doors, body: RecordIn, caller: Principal = Depends(Needs(Permission.ANCHORS_CHANGE))
) -> RecordedRootOut:
    """Say whose root it is that stations list: its alarms end."""
    made = doors.fleet.roots.record(body.certificate.encode(), body.name, body.note, caller.name)
    return RecordedRootOut.of(made)


@router.delete("/recorded-roots/{name}", status_code=204)
def forget_root(
    doors: Doors,
    name: str,
    reason: Annotated[str, Query(min_length=1, max_length=500)],
    caller: Principal = Depends(Needs(Permission.ANCHORS_CHANGE)),
) -> Response:
    """Where stations list it, it is unknown again."""
    doors.fleet.roots.forget_recorded(name, caller.name, reason)
    return Response(status_code=204)


def _page(acts: Sequence[RootAct], response: Response) -> Page[RootActOut]:
    if any(act.is_open for act in acts):
        response.status_code = 202
    return Page(items=[RootActOut.of(act) for act in acts], next=None)
