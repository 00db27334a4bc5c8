"""New Basic passwords through the API, the console and the command line."""

import httpx
import pytest

from csms_bridge.admission import Admitted
from csms_bridge.arrivals import Line
from csms_bridge.station import NewStation, OcppVersion, SecurityProfile
from tests.web.commands import Command
from tests.web.test_pages import browser, submit  # noqa: F401 -- a fixture
from web.service import Service

ONE, MANY, ROTATIONS = (
    "/api/v1/stations/CS-1/password/rotate",
    "/api/v1/passwords/rotate",
    "/api/v1/passwords/rotations",
)
BASIC = SecurityProfile.BASIC


@pytest.fixture
def stations(service: Service) -> Service:
    """Two stations at a site, of which one is connected; and one that was never seen."""
    for name in ("CS-1", "CS-2", "CS-3"):
        service.fleet.add_station(NewStation(name, f"SN-{name}", OcppVersion.V201, BASIC, site="Depot"), "operator")
    sightings = service.fleet.desk.sightings
    for name in ("CS-1", "CS-2"):
        at = sightings.connected(name, Admitted(BASIC, "ocpp2.0.1", None), OcppVersion.V201, None, Line("192.0.2.7"))
    sightings.disconnected("CS-2", at)
    return service


async def test_one_station_gets_a_new_password(api: httpx.AsyncClient, stations: Service) -> None:
    rotation = (await api.post(ONE)).json()
    assert (rotation["state"], rotation["asked_by"]) == ("sent", "token:test admin")
    assert (await api.get(ROTATIONS, params={"station": "CS-1"})).json()["items"] == [rotation]
    command = (await api.get(f"/api/v1/stations/CS-1/commands/{rotation['command']}")).json()
    assert (command["action"], command["payload"]) == ("SetVariables", {})
    assert (await api.post(ONE.replace("CS-1", "CS-9"))).status_code == 404


async def test_a_site_gets_new_passwords(api: httpx.AsyncClient, stations: Service) -> None:
    found = (await api.post(MANY, json={"site": "Depot", "restart": True})).json()["items"]
    assert [(one["station"], one["state"]) for one in found] == [
        ("CS-1", "sent"),
        ("CS-2", "queued"),
        ("CS-3", "unable"),
    ]
    assert [one["station"] for one in (await api.get(ROTATIONS, params={"limit": 1})).json()["items"]] == ["CS-1"]


@pytest.mark.parametrize("body", [{}, {"stations": ["CS-1"], "site": "Depot"}, {"stations": ["CS-1"], "password": "x"}])
async def test_what_is_meant_must_be_plain(api: httpx.AsyncClient, stations: Service, body: dict[str, object]) -> None:
    assert (await api.post(MANY, json=body)).status_code == 422


async def test_the_console_has_a_button(browser: httpx.AsyncClient, stations: Service) -> None:  # noqa: F811
    answer = await submit(browser, "/stations/CS-1", "/stations/CS-1/password/rotate", restart="true")
    assert answer.headers["location"] == "/stations/CS-1"
    page = await browser.get("/stations/CS-1")
    assert '<span class="state sent">sent</span>' in page.text
    refused = await submit(browser, "/stations/CS-1", "/stations/CS-3/password/rotate")
    assert refused.status_code == 422
    assert "never connected" in refused.text


def test_the_command_line_rotates_many(voltward: Command, stations: Service) -> None:
    ran = voltward("station", "rotate-password", "CS-1", "CS-3", "--json")
    assert [(one["station"], one["state"]) for one in ran.json["items"]] == [("CS-1", "sent"), ("CS-3", "unable")]
    assert ran.code == 0
    assert voltward("station", "rotate-password", "CS-3").code == 1
    assert voltward("station", "rotate-password").code == 2
    assert voltward("station", "rotate-password", "--site", "Depot").out.count("CS-") == 3
