"""Readiness in the console: the fleet counted and narrowed, one station with its reasons and its path."""
# ruff: noqa: F811 -- `browser` is a fixture

import csv
import html
import io
import re

import httpx
import pytest

from csms_bridge.station import NewStation, SecurityProfile
from tests.web.test_pages import browser, submit  # noqa: F401
from tests.web.test_readiness import fleet, meet  # noqa: F401
from web.service import Service


async def test_the_fleets_page_counts_and_narrows(browser: httpx.AsyncClient, fleet: Service) -> None:
    page = (await browser.get("/readiness")).text
    assert "1 of 3 stations were not assessed yet" in page
    assert 'href="/readiness?to=3&amp;verdict=blocked"' in page
    assert "it has no security extension" in page
    narrowed = (await browser.get("/readiness", params={"reason": "no-security-extension", "site": ""})).text
    assert "/stations/CS-1/readiness?to=3" in narrowed
    assert "/stations/CS-2/readiness" not in narrowed


@pytest.mark.parametrize("name", ["to", "profile", "verdict", "reason", "order", "after", "vendor"])
async def test_a_question_that_makes_no_sense_is_no_fault(
    browser: httpx.AsyncClient, fleet: Service, name: str
) -> None:
    assert (await browser.get("/readiness", params={name: "x'<script>"})).status_code == 200


async def test_the_pages_join(browser: httpx.AsyncClient, service: Service) -> None:
    for number in range(60):
        service.fleet.add_station(NewStation(f"CS-{number:02}", f"SN-{number}"), "user:anna")
    service.fleet.readiness.round()
    for order in ("station", "score"):
        page = (await browser.get("/readiness", params={"order": order})).text
        (following,) = re.findall(r'href="(/readiness\?[^"]*)" rel="next"', page)
        assert "CS-55" in (await browser.get(html.unescape(following))).text


async def test_the_table_can_be_fetched_by_who_is_signed_in(browser: httpx.AsyncClient, fleet: Service) -> None:
    answer = await browser.get("/readiness/fleet.csv", params={"verdict": "blocked"})
    assert [row["station"] for row in csv.DictReader(io.StringIO(answer.text))] == ["CS-1"]


async def test_a_station_s_page_shows_what_counts_and_links_to_the_rest(
    browser: httpx.AsyncClient, fleet: Service
) -> None:
    page = (await browser.get("/stations/CS-1")).text
    assert "Readiness for profile 3" in page
    assert "A walk to profile 3 is known to lead nowhere now: It has no security extension" in page
    whole = (await browser.get("/stations/CS-2/readiness", params={"to": "2"})).text
    assert "Next safe acts" in whole
    assert "voltward walk start CS-2 --to 2" in whole
    assert "raise to profile 2" in whole
    assert "raise to profile 3" not in whole


async def test_a_station_that_is_there_has_no_panel(browser: httpx.AsyncClient, service: Service) -> None:
    service.fleet.add_station(NewStation("CS-1", "SN-1", profile=SecurityProfile.MUTUAL_TLS), "user:anna")
    assert 'id="readiness"' not in (await browser.get("/stations/CS-1")).text
    assert "It is on profile 3." in (await browser.get("/stations/CS-1/readiness")).text


async def test_it_is_read_at_the_push_of_a_button(browser: httpx.AsyncClient, fleet: Service) -> None:
    answer = await submit(browser, "/stations/CS-2", "/stations/CS-2/readiness", to="3")
    assert answer.headers["location"] == "/stations/CS-2#readiness"
    assert "waiting" in (await browser.get("/stations/CS-2")).text
    assert fleet.fleet.readiness.of("CS-2").probe.is_open


async def test_what_a_station_says_is_text(browser: httpx.AsyncClient, service: Service) -> None:
    meet(service, "CS-1", model="<b>One</b>")
    service.fleet.readiness.round()
    assert "<b>One</b>" not in (await browser.get("/readiness")).text
