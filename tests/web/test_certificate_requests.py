"""A station that asks too often, in the API, the console and the command line."""

import json
from pathlib import Path

import httpx
import pytest

from csms_bridge.events import CertificateAsked
from csms_bridge.station import SecurityProfile
from tests.web.commands import Command
from tests.web.requests import request_pem
from tests.web.test_api_renewals import station_with_certificate
from tests.web.test_pages import browser, submit  # noqa: F401 -- a fixture
from web.service import Service

REQUESTS = "/api/v1/stations/CS-1/certificate-requests"


@pytest.fixture
def hammering(service: Service) -> Service:
    """The station CS-1, paused."""
    station_with_certificate(service)
    csr = CertificateAsked(request_pem("SN-CS-1"))
    for number in range(60):
        service.fleet.desk.enrolment.ask("CS-1", csr, SecurityProfile.MUTUAL_TLS)
        service.fleet.desk.enrolment.sign_waiting("CS-1") if number < 30 else None
    return service


async def test_a_station_that_never_asked_is_free(api: httpx.AsyncClient, service: Service) -> None:
    station_with_certificate(service)
    found = (await api.get(REQUESTS)).json()
    assert (found["standing"], found["left"], found["since"]) == ("free", 20, None)
    assert (await api.get("/api/v1/stations/CS-9/certificate-requests")).status_code == 404


async def test_a_paused_station_is_told_and_released_with_a_reason(api: httpx.AsyncClient, hammering: Service) -> None:
    found = (await api.get(REQUESTS)).json()
    assert (found["standing"], found["left"]) == ("paused", 0)
    assert found["paused_until"] > found["since"]
    assert (await api.post(f"{REQUESTS}/release", json={"reason": ""})).status_code == 422
    released = (await api.post(f"{REQUESTS}/release", json={"reason": "mended"})).json()
    assert (released["standing"], released["left"], released["paused_until"]) == ("free", 20, None)
    again = await api.post(f"{REQUESTS}/release", json={"reason": "mended"})
    assert (again.status_code, "neither slowed nor paused" in again.text) == (422, True)


async def test_its_page_says_so_and_releases_it(browser: httpx.AsyncClient, hammering: Service) -> None:  # noqa: F811
    page = (await browser.get("/stations/CS-1")).text
    assert "Its certificate requests are paused" in page
    answer = await submit(browser, "/stations/CS-1", "/stations/CS-1/certificate-requests/release", reason="mended")
    assert answer.status_code == 303
    page = (await browser.get("/stations/CS-1")).text
    assert "Its certificate requests are" not in page
    assert "its certificate requests are taken in again — mended" in page


def test_the_command_tells_and_releases(voltward: Command, folder: Path, hammering: Service) -> None:
    hammering.close()
    assert json.loads(voltward("renewal", "requests", "CS-1", "--json").out)["standing"] == "paused"
    assert voltward("renewal", "release", "CS-1", "--reason", "mended", "--json").json["standing"] == "free"
    refused = voltward("renewal", "release", "CS-1", "--reason", "mended")
    assert (refused.code, "neither slowed nor paused" in refused.err) == (2, True)
