"""Renewing through the API, the console and the command line."""

import httpx
import pytest

from csms_bridge.admission import Admitted
from csms_bridge.arrivals import Line
from csms_bridge.station import NewStation, OcppVersion, SecurityProfile
from pki.authority import Order
from tests.web.requests import request_pem
from tests.web.test_pages import browser, submit  # noqa: F401 -- a fixture
from web.service import Service

RENEW, RENEWALS = "/api/v1/certificates/renew", "/api/v1/certificates/renewals"
MUTUAL = SecurityProfile.MUTUAL_TLS


def station_with_certificate(service: Service, station: str = "CS-1") -> str:
    """A station on profile 3 that is connected; the serial number of its certificate."""
    serial = f"SN-{station}"
    service.fleet.add_station(NewStation(station, serial, OcppVersion.V201, MUTUAL), "operator")
    order = Order(service.authority.read_request(request_pem(serial)), "station", serial, station=station)
    made = service.authority.issue(order, "operator")
    seen = Admitted(MUTUAL, "ocpp2.0.1", made.serial, made.made_at)
    service.fleet.desk.sightings.connected(station, seen, OcppVersion.V201, None, Line("192.0.2.7", "TLSv1.3"))
    return made.serial


async def test_a_certificate_is_renewed_by_asking_its_station(api: httpx.AsyncClient, service: Service) -> None:
    serial = station_with_certificate(service)
    answer = await api.post(RENEW, json={"serials": [serial.upper(), "4d00"]})
    asked, unknown = answer.json()["items"]
    assert (asked["serial"], asked["station"], asked["state"]) == (serial, "CS-1", "sent")
    assert (unknown["serial"], unknown["state"]) == ("4d00", "unable")
    command = (await api.get(f"/api/v1/stations/CS-1/commands/{asked['command']}")).json()
    assert command["payload"] == {"requestedMessage": "SignChargingStationCertificate"}
    (followed,) = (await api.get(RENEWALS, params={"station": "CS-1"})).json()["items"]
    assert (followed["state"], followed["command"]) == ("sent", asked["command"])
    assert [one["station"] for one in (await api.get(RENEWALS)).json()["items"]] == ["CS-1"]


async def test_what_ends_soon_is_renewed_part_by_part(api: httpx.AsyncClient, service: Service) -> None:
    for number in range(3):
        station_with_certificate(service, f"CS-{number}")
    asked = {"expires_within": "13w", "limit": 2}
    first = (await api.post(RENEW, json=asked)).json()
    second = (await api.post(RENEW, json=asked | {"after": first["next"]})).json()
    assert [one["station"] for one in first["items"] + second["items"]] == ["CS-0", "CS-1", "CS-2"]
    assert second["next"] is None
    assert (await api.post(RENEW, json={"expires_within": "30d"})).json()["items"] == []


async def test_our_own_credentials_are_renewed_at_once(api: httpx.AsyncClient, service: Service) -> None:
    service.authority.server_credentials()
    found = (await api.get("/api/v1/reports/expiry")).json()["endings"]
    credentials = {one["name"]: one["serial"] for one in found if one["kind"] == "credential"}
    assert {"server-ec", "firmware", "ocsp-stations"} <= set(credentials)
    answer = await api.post(RENEW, json={"serials": list(credentials.values())})
    assert {one["state"] for one in answer.json()["items"]} == {"renewed"}
    assert not {one["new_serial"] for one in answer.json()["items"]} & set(credentials.values())
    in_use = {credential.serial for credential in service.authority.server_credentials()}
    assert in_use <= {one["new_serial"] for one in answer.json()["items"]}


async def test_an_authority_is_not_renewed_so(api: httpx.AsyncClient, service: Service) -> None:
    root = service.authority.authority("root").serial
    (refused,) = (await api.post(RENEW, json={"serials": [root]})).json()["items"]
    assert (refused["state"], refused["reason"][:31]) == ("unable", "its key is not one of ours: who")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"serials": ["ab"], "station": "CS-1"}, 422),
        ({"station": "none"}, 404),
        ({"expires_within": "soon"}, 422),
        ({"expires_within": "30d", "after": "4d00"}, 404),
        ({"serials": ["ab"], "limit": 0}, 422),
    ],
)
async def test_what_cannot_be_right_is_refused(api: httpx.AsyncClient, body: dict[str, object], status: int) -> None:
    assert (await api.post(RENEW, json=body)).status_code == status


async def test_the_console_asks_and_shows_how_far_it_is(browser: httpx.AsyncClient, service: Service) -> None:  # noqa: F811
    serial = station_with_certificate(service)
    page = f"/certificates/{serial}"
    assert "Ask the station to renew now" in (await browser.get(page)).text
    assert (await submit(browser, page, f"{page}/renew")).headers["location"] == page
    assert '<span class="state sent">sent</span>' in (await browser.get(page)).text
    assert (await submit(browser, "/stations/CS-1", "/stations/CS-1/renew")).status_code == 303
    assert '<span class="state sent">sent</span>' in (await browser.get("/stations/CS-1")).text


async def test_the_console_says_why_it_cannot_ask(browser: httpx.AsyncClient, service: Service) -> None:  # noqa: F811
    service.fleet.add_station(NewStation("CS-2", "SN-2", OcppVersion.V16), "operator")
    refused = await submit(browser, "/stations/CS-2", "/stations/CS-2/renew")
    assert refused.status_code == 422
    assert "it has never connected" in refused.text
