"""/healthz, /readyz and /metrics: for whatever watches over the service."""

from collections.abc import Mapping
from datetime import timedelta

from fastapi import APIRouter, Depends, Response
from fastapi.responses import PlainTextResponse
from sqlalchemy.exc import DBAPIError

from csms_bridge.station import Overview
from pki.alarms import Severity
from pki.forecast import Forecast
from web.api.asked import Doors
from web.auth import open_to_anyone
from web.endpoint_metrics import endpoint_metrics
from web.exposition import MEDIA_TYPE, gauge
from web.schema import SchemaState, schema_state

_OLD_ENOUGH = timedelta(minutes=10)  # for a forecast: whoever scrapes every few seconds must not have it made each time
router = APIRouter(tags=["health"], dependencies=[Depends(open_to_anyone)])


@router.get("/healthz")
def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/readyz")
def ready(doors: Doors, response: Response) -> dict[str, str]:
    """The database answers and has our schema; 503 otherwise."""
    try:
        state = schema_state(doors.store)
    except DBAPIError:
        response.status_code = 503
        return {"status": "not ready", "reason": "the database does not answer"}
    if state is not SchemaState.CURRENT:
        response.status_code = 503
        return {"status": "not ready", "reason": f"the database's schema is {state}"}
    return {"status": "ready"}


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(doors: Doors) -> PlainTextResponse:
    """The fleet in numbers, in the Prometheus text format 0.0.4; without a database, this process's endpoint alone."""
    authority, fleet = doors.authority, doors.fleet
    endpoint = endpoint_metrics(fleet.tally, doors.settings.bridge)
    try:
        shared = fleet_metrics(fleet.overview(), authority.alarms.open_counts(), authority.forecast(13, _OLD_ENOUGH))
        shared += campaign_metrics(*fleet.campaigns.figures())
    except DBAPIError:
        shared = ""
    answers = gauge("voltward_database_up", "Whether the database answers.", [({}, int(bool(shared)))])
    return PlainTextResponse(shared + answers + endpoint, media_type=MEDIA_TYPE)


def fleet_metrics(overview: Overview, alarms: Mapping[Severity, int], forecast: Forecast) -> str:
    """What all processes on one database have in common."""
    weeks = (1, 2, 4, 8, 13)
    ending = [({"weeks": str(number)}, sum(week.total for week in forecast.weeks[:number])) for number in weeks]
    ends = [({"kind": one.kind, "name": one.name}, int(one.not_after.timestamp())) for one in forecast.endings]
    by_profile = [
        ({"profile": "none" if profile is None else str(int(profile))}, count)
        for profile, count in overview.by_profile.items()
    ]
    return "".join(
        (
            gauge("voltward_stations", "Registered stations.", [({}, overview.total)]),
            gauge("voltward_stations_online", "Stations connected now.", [({}, overview.online)]),
            gauge("voltward_stations_held", "Stations on hold.", [({}, overview.held)]),
            gauge("voltward_stations_by_profile", "Stations by observed security profile.", by_profile),
            gauge("voltward_walks_running", "Walks under way.", [({}, overview.walks_running)]),
            gauge("voltward_alarms_open", "Open alarms.", [({"severity": one}, n) for one, n in alarms.items()]),
            gauge("voltward_certificates_ending", "Stations whose certificate ends in the first ISO weeks.", ending),
            gauge(
                "voltward_certificates_overdue",
                "Stations whose certificate ended in the last 30 days.",
                [({}, sum(forecast.overdue.values()))],
            ),
            gauge("voltward_end_timestamp_seconds", "When a root, an authority or a credential of ours ends.", ends),
        )
    )


def campaign_metrics(campaigns: Mapping[str, int], stations: Mapping[str, int]) -> str:
    """Campaigns by state, and the stations of those that are active."""
    by_state = [({"state": str(state)}, number) for state, number in campaigns.items()]
    standing = [({"state": str(state)}, number) for state, number in stations.items()]
    return gauge("voltward_campaigns", "Campaigns by state.", by_state) + gauge(
        "voltward_campaign_stations", "Stations of active campaigns by where they stand.", standing
    )
