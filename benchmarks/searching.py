"""How long a page takes that looks for certificates among a million, through the whole application."""

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.figures import Figure
from benchmarks.serving import new_folder
from benchmarks.synthetic import fill
from web.app import make_app
from web.data_folder import open_folder
from web.permissions import Role
from web.service import Service

_GOAL = 0.150  # seconds, DESIGN §5
_TIMES = 40
_SEARCHES = (
    {},
    {"serial": "4a"},
    {"common_name": "synthetic-77*"},
    {"station": "synthetic-4711"},
    {"state": "good", "authority": "stations"},
    {"state": "revoked"},
    {"state": "expired"},
    {"profile": "server"},
    {"expires_within": "100d", "in_use": "true"},
    {"in_use": "true", "state": "held"},
)


def measure(size: int = 1_000_000) -> list[Figure]:
    """The slowest kind of search, by the 95th percentile of each, and the forecast."""
    with tempfile.TemporaryDirectory() as temporary:
        service = open_folder(new_folder(Path(temporary) / "data"), os.environ)
        try:
            fill(service.store, size, service.clock())
            longest = asyncio.run(_measure(service))
        finally:
            service.close()
    return [
        Figure(f"{what}, {size:,} certificates, p95", longest[what], "s", f"< {_GOAL:g} s", longest[what] < _GOAL)
        for what in longest
    ]


async def _measure(service: Service) -> dict[str, float]:
    token = service.accounts.make_token("bench", Role.ADMIN, "bench")[1].text()
    transport = httpx.ASGITransport(make_app(service))
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://bench", headers=headers, timeout=60) as client:
        searches = [await _p95(client, "certificates", search | {"limit": "50"}) for search in _SEARCHES]
        forecast = await _p95(client, "reports/expiry", {})
    return {"search (slowest kind)": max(searches), "expiry forecast": forecast}


async def _p95(client: httpx.AsyncClient, path: str, query: dict[str, str]) -> float:
    taken = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        (await client.get(f"/api/v1/{path}", params=query)).raise_for_status()
        taken.append(time.perf_counter() - began)
    return statistics.quantiles(taken, n=20)[18]
