"""Unknown stations by API, command line and page."""

import httpx

from csms_bridge.events import Booted
from csms_bridge.station import OcppVersion
from csms_bridge.strangers import Knock
from pki.secret_text import Secret
from tests.web.commands import Command
from tests.web.test_pages import browser, submit  # noqa: F401 -- a fixture
from web.service import Service

UNKNOWN = "/api/v1/stations/unknown"
PASSWORD = "factory-password"


def knock(service: Service, station: str = "CS-9", password: str = PASSWORD) -> None:
    credential = service.fleet.desk.passwords.credential_of(station, Secret.of(password))
    shown = "a password over TLS"
    service.fleet.strangers.knocked(Knock(station, "192.0.2.7", "quarantined", "", shown, credential, OcppVersion.V201))
    service.fleet.strangers.booted(station, Booted("Acme", "Wallbox", "1.0", (f"SN-{station}",), "PowerUp"))
    service.fleet.strangers.flush()


async def test_an_unknown_station_is_listed_and_adopted(api: httpx.AsyncClient, service: Service) -> None:
    knock(service)
    (one,) = (await api.get(UNKNOWN)).json()["items"]
    assert (one["id"], one["serial"], one["has_password"], one["contested"]) == ("CS-9", "SN-CS-9", True, False)
    assert "credential" not in one
    adopted = await api.post(f"{UNKNOWN}/CS-9/adopt", json={"profile": 2})
    assert adopted.status_code == 201
    body = adopted.json()
    assert (body["serial"], body["ocpp_version"], body["floor"]) == ("SN-CS-9", "2.0.1", 2)
    assert len(body["password"]) == 20
    assert (await api.get(UNKNOWN)).json()["items"] == []
    assert (await api.get(f"{UNKNOWN}/CS-9")).status_code == 404


async def test_what_it_told_may_be_corrected_and_its_password_kept(api: httpx.AsyncClient, service: Service) -> None:
    knock(service)
    adopted = await api.post(f"{UNKNOWN}/CS-9/adopt", json={"serial": "SN-77", "keep_password": True})
    assert (adopted.json()["serial"], adopted.json()["password"]) == ("SN-77", None)


async def test_a_contested_password_is_not_kept(api: httpx.AsyncClient, service: Service) -> None:
    knock(service)
    knock(service, password="another-password")
    refused = await api.post(f"{UNKNOWN}/CS-9/adopt", json={"keep_password": True})
    assert (refused.status_code, refused.json()["field"]) == (422, "keep_password")
    assert len((await api.get(UNKNOWN)).json()["items"]) == 1


async def test_one_and_all_are_forgotten(api: httpx.AsyncClient, service: Service) -> None:
    for station in ("CS-7", "CS-8", "CS-9"):
        knock(service, station)
    assert (await api.post(f"{UNKNOWN}/CS-7/forget", json={"reason": "a scanner"})).status_code == 204
    assert (await api.post(f"{UNKNOWN}/CS-7/forget", json={"reason": "again"})).status_code == 404
    forgotten = await api.post(f"{UNKNOWN}/forget", json={"reason": "scanners", "address": "192.0.2.7"})
    assert forgotten.json() == {"forgotten": 2}


async def test_no_station_takes_the_name_of_the_list(api: httpx.AsyncClient) -> None:
    refused = await api.post("/api/v1/stations", json={"id": "unknown", "serial": "S"})
    assert (refused.status_code, refused.json()["field"]) == (422, "id")


def test_the_command_line_does_the_same(voltward: Command, service: Service) -> None:
    knock(service)
    assert "SN-CS-9" in voltward("station", "unknown", "list").out
    adopted = voltward("station", "unknown", "adopt", "CS-9", "--serial", "SN-77", "--keep-password", "--json")
    assert (adopted.json["serial"], adopted.json["password"]) == ("SN-77", None)
    assert voltward("station", "unknown", "adopt", "CS-9").code == 2
    knock(service, "CS-8")
    assert voltward("station", "unknown", "forget").code == 2
    assert voltward("station", "unknown", "forget", "CS-8", "--json").json == {"forgotten": 1}
    assert voltward("station", "unknown", "forget", "--all", "--json").json == {"forgotten": 0}


async def test_the_page_adopts_with_one_click(browser: httpx.AsyncClient, service: Service) -> None:  # noqa: F811
    assert "Nobody unknown has knocked" in (await browser.get("/stations/unknown")).text
    knock(service)
    assert "1 that nobody registered has knocked" in (await browser.get("/stations")).text
    page = (await browser.get("/stations/unknown")).text
    assert 'value="SN-CS-9"' in page
    assert PASSWORD not in page
    done = await submit(browser, "/stations/unknown", "/stations/unknown/CS-9/adopt", serial="SN-CS-9", profile="2")
    assert done.status_code == 200
    assert "This password is shown once" in done.text
    knock(service, "CS-8")
    done = await submit(browser, "/stations/unknown", "/stations/unknown/CS-8/forget")
    assert done.status_code == 303
    assert service.fleet.strangers.count() == 0


async def test_hostile_text_stays_text(browser: httpx.AsyncClient, service: Service) -> None:  # noqa: F811
    service.fleet.strangers.knocked(Knock("CS-9", "192.0.2.7", "quarantined", "", "nothing", None))
    service.fleet.strangers.booted("CS-9", Booted("<script>alert(1)</script>", "M", "", (), ""))
    service.fleet.strangers.flush()
    page = (await browser.get("/stations/unknown")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
