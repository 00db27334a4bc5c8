"""The trust map, a plan with its veto, "will it still connect?" and the versions of the fleet, as pages."""

import html
import re

import httpx
import pytest

from tests.web.test_migrations import on_16
from tests.web.test_pages import form_token, sign_in
from tests.web.test_trust import connected, registered
from web.data_folder import NewFolder
from web.service import Service


@pytest.fixture
async def page(
    anonymous: httpx.AsyncClient, api: httpx.AsyncClient, made: NewFolder, service: Service
) -> httpx.AsyncClient:
    """Signed in, over a fleet of two stations."""
    await registered(api, "CS-1", "CS-2")
    connected(service, "CS-1", "CS-2")
    del anonymous.headers["Authorization"]
    await sign_in(anonymous, "admin", made.password.text())
    return anonymous


async def test_the_map_leads_to_the_stations_of_a_field(page: httpx.AsyncClient) -> None:
    shown = (await page.get("/trust")).text
    assert 'href="/trust?root=root&amp;state=unknown"' in shown
    field = (await page.get("/trust", params={"root": "root", "state": "unknown"})).text
    assert "CS-1" in field
    assert "it has never listed its roots, and has accepted nothing" in field
    assert (await page.get("/trust", params={"root": "nobody", "state": "unknown"})).status_code == 404


async def test_a_plan_is_moved_from_its_page_and_names_its_veto(page: httpx.AsyncClient, service: Service) -> None:
    token = form_token(await page.get("/trust"))
    wrong = await page.post("/trust/plans", data={"form_token": token, "root": "root", "typed": "rood"})
    assert wrong.status_code == 422
    started = await page.post("/trust/plans", data={"form_token": token, "root": "root", "typed": "root"})
    path = started.headers["location"]
    step = {"form_token": token, "step": "install new", "note": "now"}
    assert (await page.post(f"{path}/advance", data=step)).status_code == 303
    shown = (await page.get(path)).text
    assert "0 of 2 stations have confirmed the new root" in shown
    assert "whether it holds the root root-2 is not known" in shown
    out = {"form_token": token, "stations": ["CS-1", "CS-2"], "reason": "new units come"}
    assert (await page.post(f"{path}/exclude", data=out)).status_code == 303
    shown = (await page.get(path)).text
    assert "new units come" in shown
    assert "Nothing stands against" in shown
    counted = {"form_token": token, "stations": "CS-1"}
    assert (await page.post(f"{path}/include", data=counted)).status_code == 303
    assert (await page.post(f"{path}/pause", data={"form_token": token, "reason": "holidays"})).status_code == 303
    assert "paused" in (await page.get(path)).text
    assert (await page.post(f"{path}/dance", data={"form_token": token})).status_code == 422
    assert [plan.state for plan in service.fleet.trust.plans.all()] == ["paused"]


async def test_a_change_is_foreseen_and_an_incomplete_one_is_asked_for(page: httpx.AsyncClient) -> None:
    shown = (await page.get("/trust/check", params={"change": "profile-floor", "profile": "3"})).text
    assert "2 would lose us, 0 cannot be told, 0 are safe" in shown
    assert "it is below profile 3" in shown
    asked = (await page.get("/trust/check", params={"change": "root-gone"})).text
    assert "say which root" in asked
    empty = await page.get("/trust/check", params={"change": "nothing", "date": "", "root": ""})
    assert "2 are safe" in empty.text
    dated = await page.get("/trust/check", params={"change": "nothing", "date": "2099-01-01T00:00"})
    assert "2 are safe" in dated.text


async def test_the_page_hands_the_whole_fleet_out_as_csv(page: httpx.AsyncClient, made: NewFolder) -> None:
    """For who is signed in; the form's own question, and what cannot be asked is said before the first line."""
    shown = (await page.get("/trust/check", params={"change": "profile-floor", "profile": "3"})).text
    address = re.search(r'href="(/trust/check\.csv[^"]+)"', shown)
    assert address is not None
    answer = await page.get(html.unescape(address[1]))
    assert answer.headers["content-type"].startswith("text/csv")
    assert [line.split(",")[:2] for line in answer.text.splitlines()] == [
        ["station", "outcome"], ["CS-1", "loses"], ["CS-2", "loses"],
    ]  # fmt: skip
    assert (await page.get("/trust/check.csv", params={"change": "root-gone"})).status_code == 422
    page.cookies.clear()
    assert (await page.get("/trust/check.csv")).status_code != 200


async def test_the_versions_of_the_fleet(page: httpx.AsyncClient, service: Service) -> None:
    on_16(service, "CS-2")
    shown = (await page.get("/fleet/versions")).text
    assert "2.0.1" in shown
    assert "no station of its model speaks a later version here" in shown
    kept = (await page.get("/fleet/versions", params={"blocker": "no-firmware"})).text
    assert 'href="/stations/CS-2"' in kept
    table = await page.get("/fleet/versions.csv", params={"target": "2.0.1"})
    assert table.headers["content-type"].startswith("text/csv")
    assert [line.split(",")[:3] for line in table.text.splitlines()[1:]] == [
        ["CS-1", "2.0.1", ""], ["CS-2", "1.6", "no-firmware"],
    ]  # fmt: skip
