from datetime import timedelta

import httpx

from pki.forecast import week_name
from tests.pki.stored_certificates import Stored, store_certificates
from web.service import Service

EXPIRY = "/api/v1/reports/expiry"


async def test_the_forecast_counts_stations_by_week(api: httpx.AsyncClient, service: Service) -> None:
    now = service.clock()
    store_certificates(service.store, [Stored("4a01", "CS-1", ends=9), Stored("4a02", "CS-2", ends=9)], now)
    found = (await api.get(EXPIRY, params={"weeks": 4})).json()
    counted = {week["name"]: week["by_authority"] for week in found["weeks"] if week["total"]}
    assert counted == {week_name(now + timedelta(days=9)): {"stations": 2}}
    assert len(found["weeks"]) == 4
    assert {"root", "issuing", "credential"} <= {ending["kind"] for ending in found["endings"]}


async def test_a_forecast_has_bounds(api: httpx.AsyncClient) -> None:
    for weeks in ("0", "105", "x"):
        assert (await api.get(EXPIRY, params={"weeks": weeks})).status_code == 422
