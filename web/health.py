"""/healthz, /readyz and /metrics: for whatever watches over the service."""

from fastapi import APIRouter, Depends, Response
from fastapi.responses import PlainTextResponse
from sqlalchemy.exc import DBAPIError

from csms_bridge.station import Overview
from web.api.asked import Doors
from web.auth import open_to_anyone
from web.schema import SchemaState, schema_state

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
    text = exposition(doors.fleet.overview())
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def exposition(overview: Overview) -> str:
    """Gauges with their help lines."""
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
        )
    )


def _gauge(name: str, meaning: str, samples: list[tuple[str, int]]) -> str:
    lines = [f"# HELP {name} {meaning}", f"# TYPE {name} gauge"]
    lines += [f"{name}{labels} {value}" for labels, value in samples]
    return "\n".join(lines) + "\n"
