"""/api/v1/migrations: stations that change to another OCPP version, and /api/v1/reports/mixed-fleet."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from csms_bridge.migration.mixed_fleet import WORDS, MixedFleet
from csms_bridge.migration.rules import Criteria
from csms_bridge.migration.states import Blocker, MigrationState
from csms_bridge.station import OcppVersion
from web.api.asked import After, Doors, Limit, number_cursor, page
from web.api.shapes import In, Out, Page
from web.auth import Needs
from web.csv_lines import MEDIA_TYPE, csv_lines
from web.permissions import Permission, Principal

router = APIRouter(tags=["migrations"])

COLUMNS = (
    "station", "version", "blocker", "why", "vendor", "model", "firmware", "site", "profile", "online", "last_seen",
)  # fmt: skip


class CriteriaOut(Out):
    """What is asked for, for a station to have come back well."""

    keeps_profile: bool
    accepted: bool
    new_password: bool


class MigrationOut(Out):
    """One station's change of version. `profile` and `firmware` as they were; `reason` is what is missing or wrong."""

    id: int
    station: str
    from_version: str
    to_version: str
    campaign: str
    state: str
    reason: str
    criteria: CriteriaOut
    prepared: str
    profile: int | None
    firmware: str
    until: datetime
    arrived_at: datetime | None
    began_at: datetime
    began_by: str
    why: str
    ended_at: datetime | None


class ExpectIn(In):
    """Which stations, which version, and how long each has to come back well."""

    stations: list[str] = Field(min_length=1, max_length=1000)
    to: OcppVersion
    within: timedelta = Field(default=timedelta(hours=1), gt=timedelta(0), le=timedelta(days=90))
    reason: str = Field(default="", max_length=500)
    keeps_profile: bool = True
    accepted: bool = True
    new_password: bool = True


class WhyIn(In):
    """Why."""

    reason: str = Field(min_length=1, max_length=500)


class OnVersionOut(Out):
    """Stations on a version (null: never seen); by profile, `never` for those never seen on one."""

    version: str | None
    stations: int
    online: int
    by_profile: dict[str, int]


class ModelOnOut(Out):
    """One maker's model, and how many of its stations speak which version."""

    vendor: str
    model: str
    versions: dict[str, int]


class BlockedOut(Out):
    """What keeps stations below the target, and how many."""

    blocker: str
    words: str
    stations: int


class CoexistenceOut(Out):
    """How long older versions will be there, at the pace of the last four weeks; null when there is no pace."""

    movable: int
    staying: int
    per_week: float
    until: datetime | None


class MixedFleetOut(Out):
    """Who is on which version, what keeps the others from the target, and how long both will be there."""

    at: datetime
    target: str
    versions: list[OnVersionOut]
    models: list[ModelOnOut]
    blocked: list[BlockedOut]
    coexistence: CoexistenceOut

    @classmethod
    def made(cls, found: MixedFleet) -> "MixedFleetOut":
        """The wire's shape of a report."""
        return cls(
            at=found.at,
            target=found.target.value,
            versions=[
                OnVersionOut(
                    version=one.version, stations=one.stations, online=one.online,
                    by_profile={"never" if key is None else str(key): n for key, n in one.by_profile.items()},
                )
                for one in found.versions
            ],
            models=[ModelOnOut.of(one) for one in found.models],
            blocked=[
                BlockedOut(blocker=blocker.value, words=WORDS[blocker], stations=number)
                for blocker, number in found.blocked.items()
            ],
            coexistence=CoexistenceOut.of(found.coexistence),
        )  # fmt: skip


class KeptOut(Out):
    """A station, and what keeps it below the target version (null: it is there)."""

    station: str
    blocker: str | None
    version: str | None
    vendor: str
    model: str
    firmware: str
    site: str
    profile: int | None
    online: bool
    last_seen: datetime | None


Target = Annotated[OcppVersion, Query(description="the version that stations shall come to, or a later one")]


@router.get("/migrations")
def list_migrations(
    doors: Doors,
    station: Annotated[str, Query(max_length=48)] = "",
    campaign: Annotated[str, Query(max_length=64)] = "",
    state: MigrationState | None = None,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> Page[MigrationOut]:
    """Changes of version, newest first."""
    before = number_cursor(after)
    found = doors.fleet.migrations.search(
        station=station, campaign=campaign, state=state, before=before, limit=limit + 1
    )
    return page(found, limit, MigrationOut.of, lambda one: one.id)


@router.post("/migrations", status_code=201)
def expect_migrations(
    doors: Doors, body: ExpectIn, caller: Principal = Depends(Needs(Permission.STATIONS_CHANGE))
) -> Page[MigrationOut]:
    """Announce that stations will come back with another version: all of them, or none."""
    criteria = Criteria(body.keeps_profile, body.accepted, body.new_password)
    made = doors.fleet.migrations.expect(
        body.stations, body.to, body.within, caller.name, body.reason, criteria=criteria
    )
    return Page(items=[MigrationOut.of(one) for one in made], next=None)


@router.get("/migrations/{migration}")
def show_migration(
    doors: Doors, migration: int, _caller: Principal = Depends(Needs(Permission.STATIONS_READ))
) -> MigrationOut:
    """One change of version."""
    return MigrationOut.of(doors.fleet.migrations.find(migration))


@router.post("/migrations/{migration}/cancel")
def cancel_migration(
    doors: Doors, migration: int, body: WhyIn, caller: Principal = Depends(Needs(Permission.STATIONS_CHANGE))
) -> MigrationOut:
    """Expect the other version no more."""
    return MigrationOut.of(doors.fleet.migrations.cancel(migration, body.reason, caller.name))


@router.get("/reports/mixed-fleet")
def mixed_fleet(
    doors: Doors,
    target: Target = OcppVersion.V201,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> MixedFleetOut:
    """Who is on which version, what keeps the others, and how long both will be there."""
    return MixedFleetOut.made(doors.fleet.mixed.report(target))


@router.get("/reports/mixed-fleet/stations")
def kept_stations(
    doors: Doors,
    blocker: Blocker,
    target: Target = OcppVersion.V201,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> Page[KeptOut]:
    """The stations below the target version that something keeps there, by name."""
    found = doors.fleet.mixed.stations(target, blocker, after, limit + 1)
    return page(found, limit, KeptOut.of, lambda one: one.station)


@router.get("/reports/mixed-fleet.csv", response_class=StreamingResponse)
def mixed_fleet_csv(
    doors: Doors,
    target: Target = OcppVersion.V201,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> StreamingResponse:
    """Every station, its version, and what keeps it from the target, as CSV (RFC 4180)."""
    return as_csv(doors, target)


def as_csv(doors: Doors, target: OcppVersion) -> StreamingResponse:
    """The whole fleet, line by line; the page offers it too."""
    headers = {"Content-Disposition": f'attachment; filename="mixed-fleet-{target.value}.csv"'}
    return StreamingResponse(csv_lines(COLUMNS, _rows(doors, target)), media_type=MEDIA_TYPE, headers=headers)


def _rows(doors: Doors, target: OcppVersion) -> Iterator[list[object]]:
    for one in doors.fleet.mixed.every(target):
        told = KeptOut.of(one).model_dump(mode="json")
        told["why"] = WORDS[one.blocker] if one.blocker is not None else ""
        yield [told[name] for name in COLUMNS]
