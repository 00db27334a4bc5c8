"""The recovery lane and bootstrap, by API, command line and form."""

import httpx
import pytest

from pki.anchors import Anchor
from tests.pki.makers import maker_root
from tests.web.commands import Command
from tests.web.requests import request_pem
from tests.web.test_pages import browser, submit  # noqa: F401 -- a fixture
from web.service import Service

STATIONS = "/api/v1/stations"


@pytest.fixture
async def station(api: httpx.AsyncClient) -> str:
    """One on profile 3 with a certificate."""
    await api.post(STATIONS, json={"id": "CS-1", "serial": "SN-1", "profile": 3})
    asked = {"csr": request_pem("SN-1"), "profile": "station", "station": "CS-1"}
    assert (await api.post("/api/v1/certificates", json=asked)).status_code == 201
    return "CS-1"


@pytest.fixture
def anchor(service: Service) -> Anchor:
    return service.authority.anchors.add(maker_root().pem, "Volt Motors", "volt", "tests")


async def test_a_recovery_lane_is_opened_and_closed(api: httpx.AsyncClient, station: str) -> None:
    opened = await api.post(f"{STATIONS}/{station}/recovery", json={"valid_for": "2d", "reason": "in a warehouse"})
    assert opened.status_code == 200
    assert opened.json()["recovery_reason"] == "in a warehouse"
    assert opened.json()["recovery_until"] is not None
    closed = await api.post(f"{STATIONS}/{station}/recovery/end", json={"reason": "scrapped"})
    assert closed.json()["recovery_until"] is None
    assert (await api.post(f"{STATIONS}/{station}/recovery/end", json={"reason": "x"})).status_code == 422


@pytest.mark.parametrize(
    "body",
    [{"valid_for": "1y", "reason": "x"}, {"valid_for": "31d", "reason": "x"}, {"valid_for": "1h"}, {"reason": ""}],
)
async def test_a_lane_needs_a_span_and_a_reason(api: httpx.AsyncClient, station: str, body: dict[str, str]) -> None:
    assert (await api.post(f"{STATIONS}/{station}/recovery", json=body)).status_code == 422
    assert (await api.get(f"{STATIONS}/{station}")).json()["recovery_until"] is None


async def test_a_station_without_a_certificate_has_none_to_renew(api: httpx.AsyncClient) -> None:
    await api.post(STATIONS, json={"id": "CS-2", "serial": "SN-2"})
    refused = await api.post(f"{STATIONS}/CS-2/recovery", json={"reason": "x"})
    assert refused.status_code == 422
    assert "never had a certificate of ours" in refused.json()["detail"]
    assert (await api.post(f"{STATIONS}/CS-9/recovery", json={"reason": "x"})).status_code == 404


async def test_a_maker_may_vouch_when_its_root_is_an_anchor(api: httpx.AsyncClient, anchor: Anchor) -> None:
    body = {"id": "CS-1", "serial": "SN-1", "profile": 3}
    refused = await api.post(STATIONS, json={**body, "bootstrap": "Watt Motors"})
    assert (refused.status_code, refused.json()["field"]) == (422, "bootstrap")
    refused = await api.post(f"{STATIONS}/import", json={"stations": [{**body, "bootstrap": "Watt Motors"}]})
    assert (refused.status_code, refused.json()["field"]) == (422, "bootstrap")
    added = await api.post(STATIONS, json={**body, "bootstrap": anchor.vendor})
    assert added.json()["bootstrap"] == "Volt Motors"
    ended = await api.post(f"{STATIONS}/CS-1/bootstrap", json={"vendor": "", "reason": "delivered without"})
    assert ended.json()["bootstrap"] == ""


def test_the_command_line_does_the_same(voltward: Command) -> None:
    voltward("station", "add", "CS-1", "--serial", "SN-1", "--profile", "3")
    refused = voltward("station", "recover", "CS-1", "--reason", "x")
    assert refused.code == 2
    assert "never had a certificate of ours" in refused.err
    assert voltward("station", "recover", "CS-1", "--for", "1h", "--end", "--reason", "x").code == 2
    assert voltward("station", "recover", "CS-1", "--end", "--reason", "x").code == 2
    refused = voltward("station", "bootstrap", "CS-1", "--vendor", "Volt Motors", "--reason", "x")
    assert "no anchor of 'Volt Motors'" in refused.err
    assert voltward("station", "bootstrap", "CS-1", "--reason", "x").code == 2
    shown = voltward("station", "bootstrap", "CS-1", "--off", "--reason", "x", "--json")
    assert shown.json["bootstrap"] == ""


async def test_the_station_page_opens_and_closes_the_lane(
    browser: httpx.AsyncClient,  # noqa: F811
    service: Service,
    api: httpx.AsyncClient,
    station: str,
    anchor: Anchor,
) -> None:
    page = f"/stations/{station}"
    done = await submit(browser, page, f"{page}/recovery", valid="24h", reason="in a warehouse")
    assert done.status_code == 303
    shown = (await browser.get(page)).text
    assert "In the recovery lane until" in shown
    assert "in a warehouse" in shown
    done = await submit(browser, page, f"{page}/recovery/end", reason="scrapped")
    assert done.status_code == 303
    assert "In the recovery lane until" not in (await browser.get(page)).text
    done = await submit(browser, page, f"{page}/bootstrap", vendor=anchor.vendor, reason="ordered so")
    assert done.status_code == 303
    assert service.fleet.station(station).bootstrap == "Volt Motors"
