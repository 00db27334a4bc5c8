"""Simulated stations dialling a running service, for the length of a block."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from csms_bridge.simulator.config import Fault, StationConfig
from csms_bridge.simulator.station import SimulatedStation
from tests.end_to_end.running_service import RunningService

Version = Literal["1.6", "2.0.1", "2.1"]
SUBPROTOCOL = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1", "2.1": "ocpp2.1"}


def register(service: RunningService, station: str, version: str | None, profile: int = 1, **more: Any) -> str | None:
    """Put a station on record; the password that was made for it."""
    body = {"id": station, "serial": f"SN-{station}", "ocpp_version": version, "profile": profile, **more}
    password: str | None = service.post("stations", body)["password"]
    return password


@asynccontextmanager
async def station(
    service: RunningService, identity: str, version: Version, password: str | None, *faults: Fault, **more: Any
) -> AsyncIterator[SimulatedStation]:
    """A station that dials, serves and dials again."""
    tls = more.get("profile", 1) >= 2
    port = more.pop("port", service.ocpp_port)
    config = StationConfig(
        identity=identity,
        serial=f"SN-{identity}",
        url=f"{'wss' if tls else 'ws'}://localhost:{port}/ocpp",
        version=version,
        password=password.encode() if password else None,
        faults=frozenset(faults),
        back_off=0.2,
        **more,
    )
    simulated = SimulatedStation(config)
    running = asyncio.create_task(simulated.run())
    try:
        yield simulated
    finally:
        await simulated.stop()
        await running


async def walk_until(service: RunningService, walk: str, *states: str, within: float = 90) -> dict[str, Any]:
    """The walk once it is in one of these states."""
    async with asyncio.timeout(within):
        while True:
            seen: dict[str, Any] = await asyncio.to_thread(service.get, f"walks/{walk}")
            if seen["state"] in states:
                return seen
            await asyncio.sleep(0.2)


async def knock(
    service: RunningService,
    identity: str,
    *,
    password: str | bytes | None = None,
    user: str | None = None,
    tls: ssl.SSLContext | None = None,
    port: int | None = None,
    subprotocols: tuple[str, ...] = ("ocpp1.6",),
    headers: dict[str, str] | None = None,
) -> int:
    """The HTTP status of one upgrade request: 101, or why not."""
    sent = dict(headers or {})
    if password is not None:
        raw = password.encode() if isinstance(password, str) else password
        pair = (user if user is not None else identity).encode() + b":" + raw
        sent["Authorization"] = "Basic " + base64.b64encode(pair).decode()
    url = f"{'wss' if tls else 'ws'}://localhost:{port or service.ocpp_port}/ocpp/{identity}"
    try:
        async with connect(url, ssl=tls, additional_headers=sent, subprotocols=list(subprotocols) or None, proxy=None):  # type: ignore[arg-type]
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def trusting(root: str) -> ssl.SSLContext:
    """A client's context that trusts this root alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=root)
    return context
