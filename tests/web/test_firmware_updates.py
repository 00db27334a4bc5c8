"""Firmware on stations over REST: asked for, followed, given up, and refused in the caller's own terms."""

import hashlib

import httpx
import pytest

from csms_bridge.admission import Admitted
from csms_bridge.arrivals import Line
from csms_bridge.events import Booted, FirmwareStatus, FirmwareStatusTold
from csms_bridge.station import NewStation, OcppVersion, SecurityProfile
from tests.web.conftest import token
from tests.web.test_pages import sign_in, submit
from web.data_folder import NewFolder
from web.permissions import Role
from web.service import Service

AT = "/api/v1/stations/CS-1/firmware"
URL = "https://files.example/Wallbox-2.0.0.bin"


@pytest.fixture
def station(service: Service) -> None:
    service.fleet.add_station(NewStation("CS-1", "SN-1", OcppVersion.V201, SecurityProfile.BASIC), "user:anna")
    sightings = service.fleet.desk.sightings
    admitted = Admitted(SecurityProfile.BASIC, "ocpp2.0.1", None)
    sightings.connected("CS-1", admitted, OcppVersion.V201, None, Line("192.0.2.7"))
    sightings.booted("CS-1", Booted("Acme", "Wallbox", "1.0.0", (), "PowerUp"))


async def firmware(api: httpx.AsyncClient, version: str = "2.0.0") -> str:
    names = {"vendor": "Acme", "model": "Wallbox", "version": version}
    signed = await api.post("/api/v1/firmware", json={**names, "digest": hashlib.sha256(version.encode()).hexdigest()})
    found: str = signed.json()["id"]
    return found


@pytest.mark.usefixtures("station")
async def test_an_update_is_asked_for_followed_and_given_up(api: httpx.AsyncClient, service: Service) -> None:
    asked = await api.post(AT, json={"firmware": await firmware(api), "location": URL, "reason": "the new one"})
    made = asked.json()
    assert asked.status_code == 201
    assert (made["state"], made["before"], made["version"], made["why"]) == ("queued", "1.0.0", "2.0.0", "the new one")
    assert (await api.get(f"{AT}/{made['id']}")).json() == made
    assert (await api.get(AT)).json() == {"items": [made], "next": None}
    found = await api.get("/api/v1/firmware-updates", params={"signing_serial": made["signing_serial"]})
    assert found.json()["items"] == [made]
    ended = (await api.post(f"{AT}/{made['id']}/cancel", json={"reason": "wrong"})).json()
    assert (ended["state"], ended["reason"]) == ("cancelled", "wrong")
    again = await api.post(f"{AT}/{made['id']}/cancel", json={"reason": "wrong"})
    assert (again.status_code, again.json()["code"]) == (409, "over")


@pytest.mark.usefixtures("station")
async def test_what_stands_against_it_is_said(api: httpx.AsyncClient) -> None:
    """Unsigned by policy, an older version, one that it runs, what is not there."""
    unsigned = await api.post(AT, json={"unsigned": True, "version": "2.0.0", "location": URL})
    assert (unsigned.status_code, unsigned.json()["code"]) == (409, "signed-only")
    older = await api.post(AT, json={"firmware": await firmware(api, "0.9"), "location": URL})
    assert (older.status_code, older.json()["code"]) == (409, "downgrade")
    same = await api.post(AT, json={"firmware": await firmware(api, "1.0.0"), "location": URL})
    assert (same.status_code, same.json()["code"]) == (409, "running")
    assert (await api.post(AT, json={"firmware": "nothing", "location": URL})).status_code == 404
    assert (await api.post(AT.replace("CS-1", "CS-9"), json={"firmware": await firmware(api)})).status_code == 404
    assert (await api.get(f"{AT}/77")).status_code == 404
    assert (await api.post(AT, json={"firmwear": "x"})).status_code == 422


@pytest.mark.usefixtures("station")
async def test_a_build_server_signs_and_installs_nothing(anonymous: httpx.AsyncClient, service: Service) -> None:
    anonymous.headers["Authorization"] = f"Bearer {token(service, Role.CI)}"
    made = await anonymous.post(AT, json={"firmware": await firmware(anonymous), "location": URL})
    assert made.status_code == 403


@pytest.mark.usefixtures("station")
async def test_the_stations_page_shows_it_and_gives_it_up(
    anonymous: httpx.AsyncClient, api: httpx.AsyncClient, made: NewFolder, service: Service
) -> None:
    wanted = await firmware(api)
    del anonymous.headers["Authorization"]
    assert (await sign_in(anonymous, made.admin, made.password.text())).status_code == 303
    asked = await submit(anonymous, "/stations/CS-1", "/stations/CS-1/firmware", firmware=wanted, location=URL)
    assert (asked.status_code, asked.headers["location"]) == (303, "/stations/CS-1#firmware")
    update = service.fleet.firmware.page(station="CS-1")[0]
    service.fleet.firmware.told("CS-1", FirmwareStatusTold(FirmwareStatus.DOWNLOADING, update.progress.request_id))
    page = (await anonymous.get("/stations/CS-1")).text
    assert '<span class="state downloading">downloading</span>' in page
    act = f"/stations/CS-1/firmware/{update.id}/cancel"
    assert (await submit(anonymous, "/stations/CS-1", act, reason="wrong")).status_code == 303
    assert "being given up" in (await anonymous.get("/stations/CS-1")).text


@pytest.mark.usefixtures("station")
async def test_a_way_back_is_asked_for_and_agreed_to_by_others(api: httpx.AsyncClient, service: Service) -> None:
    """No downgrade unless two people approve an emergency."""
    old = await firmware(api, "0.9")
    at = f"/api/v1/firmware/{old}/emergencies"
    asked = (await api.post(at, json={"reason": "1.0.0 does not charge"})).json()
    assert (asked["state"], asked["missing"]) == ("asked", 2)
    own = await api.post(f"/api/v1/firmware-emergencies/{asked['id']}/approve")
    assert own.status_code == 409
    for person in ("user:ben", "user:carl"):
        service.fleet.emergencies.approve(asked["id"], person)
    assert (await api.post(AT, json={"firmware": old, "location": URL})).status_code == 201
    listed = (await api.get("/api/v1/firmware-emergencies", params={"firmware": old})).json()["items"]
    assert [(one["state"], one["approvals"]) for one in listed] == [("open", ["user:ben", "user:carl"])]
    closed = await api.post(f"/api/v1/firmware-emergencies/{asked['id']}/withdraw", json={"reason": "mended"})
    assert closed.json()["state"] == "withdrawn"


@pytest.mark.usefixtures("station")
async def test_the_report_tells_who_runs_a_version(api: httpx.AsyncClient) -> None:
    key = await firmware(api, "1.0.0")
    report = (await api.get(f"/api/v1/firmware/{key}/report")).json()
    assert (report["running"], report["updates"]) == (1, {})
    (runner,) = (await api.get(f"/api/v1/firmware/{key}/stations")).json()["items"]
    assert (runner["station"], runner["told"], runner["update"]) == ("CS-1", "1.0.0", None)
    fleet = (await api.get("/api/v1/reports/firmware")).json()
    assert fleet == [
        {"vendor": "Acme", "model": "Wallbox", "version": "1.0.0", "stations": 1, "online": 1, "firmware": key}
    ]
