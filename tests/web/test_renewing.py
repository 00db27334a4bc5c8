"""Renewal by itself in the API, the console and the command line."""

import json
import shlex
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from csms_bridge.posture.device_model import DeviceModel, Source
from csms_bridge.renewal.habit import REPEATS, WAITS
from csms_bridge.renewal.rows import RenewalPlanRow
from csms_bridge.variables import Reading
from tests.web.commands import Command
from tests.web.test_api_renewals import station_with_certificate
from tests.web.test_pages import browser, submit  # noqa: F401 -- a fixture
from web.replacing_everything import COMMAND
from web.service import Service

RENEWALS = "/api/v1/renewals"


def make_due(service: Service, station: str, late: bool = False) -> None:
    """The station's certificate counts as old enough."""
    service.fleet.renew_due()
    with service.store.writing() as session:
        row = session.exec(select(RenewalPlanRow).where(RenewalPlanRow.station == station)).one()
        row.due_at -= timedelta(days=80)
        row.late_at -= timedelta(days=80) if late else timedelta(0)
        session.add(row)


@pytest.fixture
def due(service: Service) -> Service:
    """CS-1 is due; CS-2 is not."""
    for station in ("CS-1", "CS-2"):
        station_with_certificate(service, station)
    make_due(service, "CS-1")
    return service


async def test_they_are_counted_listed_and_forecast(api: httpx.AsyncClient, due: Service) -> None:
    found = (await api.get(RENEWALS)).json()
    assert {state: number for state, number in found["counts"].items() if number} == {"due": 1, "later": 1}
    assert (found["weeks"][0]["stations"], len(found["weeks"]), found["seconds"]) == (1, 13, 60)
    assert (found["pace"]["per_minute"], found["pace"]["most_in_flight"], found["pace"]["on"]) == (60, 200, True)
    (one,) = (await api.get(f"{RENEWALS}/stations")).json()["items"]
    assert (one["station"], one["state"], one["tries"], one["renewal"]) == ("CS-1", "due", 0, "")
    (other,) = (await api.get(f"{RENEWALS}/stations", params={"state": "later"})).json()["items"]
    assert other["station"] == "CS-2"
    assert (await api.get(f"{RENEWALS}/stations", params={"after": "CS-1"})).json()["items"] == []
    assert (await api.get(f"{RENEWALS}/stations", params={"state": "nonsense"})).status_code == 422
    assert (await api.get(f"{RENEWALS}/stations", params={"after": "CS-9"})).status_code == 404


async def test_a_round_asks_and_the_numbers_say_so(api: httpx.AsyncClient, due: Service) -> None:
    due.fleet.renew_due()
    found = (await api.get(RENEWALS)).json()
    assert (found["counts"]["under-way"], found["pace"]["in_flight"]) == (1, 1)
    (one,) = (await api.get(f"{RENEWALS}/stations", params={"state": "under-way"})).json()["items"]
    assert (one["renewal"], one["tries"]) == ("sent", 1)
    moved = due.fleet.renewals_moved(due.clock() - timedelta(minutes=1))
    assert [renewal.station for renewal, _ in moved] == ["CS-1"], "the live stream tells it"


async def test_people_stop_it_with_a_reason_and_let_it_go_on(api: httpx.AsyncClient, due: Service) -> None:
    assert (await api.post(f"{RENEWALS}/pause", json={})).status_code == 422
    paused = (await api.post(f"{RENEWALS}/pause", json={"reason": "a bad firmware"})).json()
    assert (paused["paused_by"], paused["paused_reason"]) == ("token:test admin", "a bad firmware")
    assert due.fleet.renew_due() == 0
    assert (await api.post(f"{RENEWALS}/pause", json={"reason": "again"})).status_code == 409
    assert (await api.post(f"{RENEWALS}/resume", json={"reason": "mended"})).json()["paused_by"] == ""


async def test_replacing_everything_is_estimated_beforehand(api: httpx.AsyncClient, due: Service) -> None:
    found = (await api.get(f"{RENEWALS}/emergency")).json()
    assert (found["preview"]["taken"], found["preview"]["estimate"]["seconds"]) == (2, 120)
    assert found["command"] == COMMAND
    asked = {"kind": "renewal", "name": "all", "selection": {"everything": True}}
    assert (await api.post("/api/v1/campaigns/preview", json=asked)).json()["taken"] == 2


async def test_the_page_shows_numbers_pace_forecast_and_stations(browser: httpx.AsyncClient, due: Service) -> None:  # noqa: F811
    page = (await browser.get("/renewals")).text
    for words in ("What comes due", "0 of 20", "/renewals?state=late", ">CS-1<", "Pause renewals"):
        assert words in page
    assert ">CS-2<" not in page
    assert ">CS-2<" in (await browser.get("/renewals?state=later")).text
    assert (await submit(browser, "/renewals", "/renewals/pause", reason="a bad firmware")).status_code == 303
    page = (await browser.get("/renewals")).text
    assert "a bad firmware" in page
    assert "Resume renewals" in page
    assert (await submit(browser, "/renewals", "/renewals/resume", reason="mended")).status_code == 303


async def test_the_emergency_leads_from_the_estimate_to_the_campaign(
    browser: httpx.AsyncClient,  # noqa: F811
    due: Service,
) -> None:
    page = (await browser.get("/renewals/emergency")).text
    assert "<strong>2</strong> of 2 stations" in page
    form = {"kind": "renewal", "everything": "true", "at_any_hour": "true", "name": "Replace everything"}
    form |= {"in_flight": "500", "waves": "50,20%", "offline_for": "400d", "act": "preview"}
    preview = await submit(browser, "/renewals/emergency", "/campaigns/new", **form)
    assert preview.status_code == 200, preview.text
    assert "<strong>2</strong> of 2 selected stations" in preview.text
    for name, value in form.items():
        assert name == "act" or f'name="{name}" value="{value}"' in page


async def test_a_station_page_says_how_it_repeats_and_what_is_wrong_with_that(
    browser: httpx.AsyncClient,  # noqa: F811
    api: httpx.AsyncClient,
    due: Service,
) -> None:
    readings = [Reading(WAITS[0], "1"), Reading(REPEATS[0], "2")]
    DeviceModel(due.store, due.clock, 5000, 1_000_000).take("CS-1", readings, Source.VALUES)
    page = (await browser.get("/stations/CS-1")).text
    assert "By itself it asks again after 1 s, 3 s, and gives up after 7 s" in page
    assert "it asks again after 1 s already" in page
    assert 'Renewal by itself: <span class="state ">due</span>' in page
    found = (await api.get("/api/v1/stations/CS-1/certificate-requests")).json()
    assert (found["habit"]["repeats_after"], found["renewal"]["state"]) == ([1, 3], "due")
    assert len(found["habit"]["worries"]) == 1


def test_the_commands_show_list_estimate_pause_and_resume(voltward: Command, folder: Path, due: Service) -> None:
    due.close()
    assert voltward("renewal", "show", "--json").json["counts"]["due"] == 1
    assert "due" in voltward("renewal", "show").out
    assert [one["station"] for one in voltward("renewal", "list", "--state", "due", "--json").json["items"]] == ["CS-1"]
    assert COMMAND in voltward("renewal", "estimate").err
    assert voltward("renewal", "pause", "--reason", "why not", "--json").json["paused_reason"] == "why not"
    assert voltward("renewal", "pause", "--reason", "why not").code != 0
    assert json.loads(voltward("renewal", "resume", "--reason", "so", "--json").out)["paused_by"] == ""
    assert "standing" in voltward("renewal", "requests", "CS-1").out


def test_the_command_for_an_emergency_is_one_that_is_understood(voltward: Command, due: Service) -> None:
    due.close()
    words = [word for word in shlex.split(COMMAND)[1:] if word not in ("--start", "--wait")]
    made = voltward(*words, "--json").json
    assert (made["state"], made["preview"]["taken"]) == ("ready", 2)
