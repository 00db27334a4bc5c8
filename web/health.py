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
    """The fleet in numbers, in the Prometheus text format 0.0.4."""
    authority = doors.authority
    text = exposition(doors.fleet.overview(), authority.alarms.open_counts(), authority.forecast(13, _OLD_ENOUGH))
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def exposition(overview: Overview, alarms: Mapping[Severity, int], forecast: Forecast) -> str:
    """Gauges with their help lines."""
    by_severity = [(f'{{severity="{severity}"}}', count) for severity, count in alarms.items()]
    ending = [
        (f'{{weeks="{number}"}}', sum(week.total for week in forecast.weeks[:number])) for number in (1, 2, 4, 8, 13)
    ]
    ends = [
        (f'{{kind="{one.kind}",name="{_escaped(one.name)}"}}', int(one.not_after.timestamp()))
        for one in forecast.endings
    ]
    by_profile = [
        (f'{{profile="{"none" if profile is None else int(profile)}"}}', count)
        for profile, count in overview.by_profile.items()
    ]
    return "".join(
        (
            _gauge("voltward_stations", "Registered stations.", [("", overview.total)]),
            _gauge("voltward_stations_online", "Stations connected now.", [("", overview.online)]),
            _gauge("voltward_stations_held", "Stations on hold.", [("", overview.held)]),
            _gauge("voltward_stations_by_profile", "Stations by observed security profile.", by_profile),
            _gauge("voltward_walks_running", "Walks under way.", [("", overview.walks_running)]),
            _gauge("voltward_alarms_open", "Open alarms.", by_severity),
            _gauge("voltward_certificates_ending", "Stations whose certificate ends in the first ISO weeks.", ending),
            _gauge(
                "voltward_certificates_overdue",
                "Stations whose certificate ended in the last 30 days.",
                [("", sum(forecast.overdue.values()))],
            ),
            _gauge("voltward_end_timestamp_seconds", "When a root, an authority or a credential of ours ends.", ends),
        )
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _gauge(name: str, meaning: str, samples: list[tuple[str, int]]) -> str:
    lines = [f"# HELP {name} {meaning}", f"# TYPE {name} gauge"]
    lines += [f"{name}{labels} {value}" for labels, value in samples]
    return "\n".join(lines) + "\n"
