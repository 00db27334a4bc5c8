"""Campaigns and sites in the console: looked at before they are made, begun, paused, and who lags behind."""

import httpx
import pytest

from tests.web.test_campaigns import connect
from tests.web.test_pages import browser, form_token  # noqa: F401 -- `browser` is a fixture
from web.service import Service

ASKED = {"name": "north", "kind": "walk", "to": "3", "tag": "north", "waves": "1, 50%", "site_share": "100"}


@pytest.fixture
async def page(browser: httpx.AsyncClient, service: Service) -> httpx.AsyncClient:  # noqa: F811
    from csms_bridge.station import NewStation, OcppVersion

    for name in ("CS-1", "CS-2", "CS-3"):
        new = NewStation(name, f"SN-{name}", OcppVersion.V16, tags=("north",))
        service.fleet.add_station(new, "user:anna")
    connect(service, "CS-1", "CS-2")
    return browser


async def test_a_campaign_is_looked_at_and_then_made(page: httpx.AsyncClient, service: Service) -> None:
    token = form_token(await page.get("/campaigns/new"))
    looked = await page.post("/campaigns/new", data={**ASKED, "act": "preview", "form_token": token})
    assert "<strong>2</strong> of 3 selected stations" in looked.text
    assert "1: it has never connected" in looked.text
    assert service.fleet.campaigns.page() == []
    made = await page.post("/campaigns/new", data={**ASKED, "act": "create", "form_token": token})
    assert made.status_code == 303
    shown = await page.get(made.headers["location"])
    assert "Dry run" in shown.text
    token = form_token(await page.get(made.headers["location"]))
    await page.post(f"{made.headers['location']}/start", data={"form_token": token})
    service.fleet.campaigns.round()
    running = await page.get(made.headers["location"], params={"state": "running"})
    assert "CS-1" in running.text
    assert "CS-2" not in running.text.partition('id="targets"')[2].partition('id="story"')[0]
    why = {"reason": "wait <b>here</b>", "form_token": token}
    await page.post(f"{made.headers['location']}/pause", data=why)
    assert "wait &lt;b&gt;here&lt;/b&gt;" in (await page.get("/campaigns")).text
    ended = {"reason": "no", "mode": "cancel", "form_token": token}
    assert (await page.post(f"{made.headers['location']}/abort", data=ended)).status_code == 303


@pytest.mark.parametrize(
    ("change", "words"),
    [({"tag": ""}, "say which stations"), ({"to": ""}, "profile 2 or 3"), ({"waves": "many"}, "no size of a wave"),
     ({"in_flight": "x"}, "in_flight"), ({"name": ""}, "name")],
)  # fmt: skip
async def test_a_form_that_makes_no_sense_says_why_and_stays_filled_in(
    page: httpx.AsyncClient, change: dict[str, str], words: str
) -> None:
    token = form_token(await page.get("/campaigns/new"))
    answer = await page.post("/campaigns/new", data={**ASKED, **change, "form_token": token})
    assert answer.status_code == 422
    assert words in answer.text
    assert 'value="100"' in answer.text


async def test_sites_and_where_a_station_stands(page: httpx.AsyncClient, service: Service) -> None:
    token = form_token(await page.get("/sites"))
    wrong = {"name": "Mall", "time_zone": "Berlin", "form_token": token}
    assert "no time zone" in (await page.post("/sites", data=wrong)).text
    right = {**wrong, "time_zone": "Europe/Berlin", "windows": "sat,sun 00:00-24:00", "max_share": "25"}
    assert (await page.post("/sites", data=right)).status_code == 303
    placed = {"site": "Mall", "tags": "a; b", "form_token": token}
    assert (await page.post("/stations/CS-1/place", data=placed)).status_code == 303
    assert service.fleet.station("CS-1").tags == ("a", "b")
    assert "sat,sun 00:00-24:00" in (await page.get("/sites")).text
    gone = {"name": "Mall", "reason": "sold", "form_token": token}
    assert (await page.post("/sites/remove", data=gone)).status_code == 303
    assert "Named by stations, and not on record: Mall" in (await page.get("/sites")).text
