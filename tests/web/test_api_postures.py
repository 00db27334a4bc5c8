from datetime import timedelta

import httpx
import pytest

from csms_bridge import events as e
from csms_bridge.admission import Admitted
from csms_bridge.arrivals import Line
from csms_bridge.posture.book import Outcome, Result
from csms_bridge.posture.clock_offset import ClockOffset
from csms_bridge.posture.device_model import Source
from csms_bridge.posture.differences import DifferenceKind
from csms_bridge.posture.schedule import Due, Why
from csms_bridge.station import NewStation, OcppVersion, SecurityProfile
from csms_bridge.variables import Characteristics, Reading, Variable, configuration_key
from tests.web.conftest import token
from tests.web.test_pages import browser, submit  # noqa: F401 -- a fixture
from web.pages.postures import KINDS
from web.permissions import Role
from web.service import Service

STATIONS = "/api/v1/stations"
REPORT = "/api/v1/reports/posture"


@pytest.fixture
def told(service: Service) -> str:
    """A 1.6 station that was seen, read and compared: another operator's name, and a clock of its own."""
    return meet(service, "CS-1", Reading(configuration_key("CpoName"), "Other"))


def meet(service: Service, station: str, *readings: Reading) -> str:
    fleet = service.fleet
    fleet.add_station(NewStation(station, f"SN-{station}"), "user:anna")
    admitted = Admitted(SecurityProfile.BASIC, "ocpp1.6", None)
    fleet.desk.sightings.connected(station, admitted, OcppVersion.V16, None, Line("192.0.2.7"))
    fleet.desk.sightings.booted(station, e.Booted("Acme", "One", "1.0", (f"SN-{station}",), "PowerUp"))
    shelf, now = fleet.desk.posture.shelf, fleet.desk.clock()
    shelf.book.begin(station, Due(now, Why.FIRST, whole=True))
    shelf.model.take(station, readings, Source.KEYS)
    shelf.book.end(station, Result(Outcome.WHOLE, whole=True, extension=True))
    shelf.book.note_clocks({station: ClockOffset(timedelta(hours=-3), now)})
    fleet.postures.compare([station])
    return station


async def test_a_posture_shows_its_three_sides(api: httpx.AsyncClient, told: str) -> None:
    posture = (await api.get(f"{STATIONS}/{told}/posture")).json()
    assert (posture["transport"], posture["station"]["id"], posture["address"]) == ("plain", told, "192.0.2.7")
    assert [(one["name"], one["value"]) for one in posture["configured"]] == [("CpoName", "Other")]
    assert posture["wanted"]["profile"] == 1
    assert {one["kind"] for one in posture["differences"]} == {"clock", "operator-name"}
    assert all(one["next_act"] for one in posture["differences"])
    assert (posture["clock"]["offset"], posture["clock"]["words"]) == (-10800.0, "3 h behind")
    assert posture["clock"]["beyond"] is True
    assert posture["reading"]["outcome"] == "whole"
    assert posture["reading"]["under_way"] is False


async def test_asking_for_a_reading_is_written_down_and_told(api: httpx.AsyncClient, told: str) -> None:
    asked = await api.post(f"{STATIONS}/{told}/posture/refresh", json={"everything": True})
    assert (asked.status_code, asked.json()["asked_by"]) == (202, "token:test admin")
    assert (await api.get(f"{STATIONS}/{told}/posture")).json()["reading"]["asked_at"]
    timeline = (await api.get(f"{STATIONS}/{told}/timeline")).json()["items"]
    assert "station:settings-asked" in {entry["what"] for entry in timeline}


async def test_who_only_reads_may_not_have_a_station_asked(
    anonymous: httpx.AsyncClient, service: Service, told: str
) -> None:
    anonymous.headers["Authorization"] = f"Bearer {token(service, Role.AUDITOR)}"
    assert (await anonymous.post(f"{STATIONS}/{told}/posture/refresh", json={})).status_code == 403
    assert (await anonymous.get(f"{STATIONS}/{told}/posture")).status_code == 200


@pytest.mark.parametrize("path", ["posture", "variables"])
async def test_an_unknown_station_is_not_found(api: httpx.AsyncClient, path: str) -> None:
    assert (await api.get(f"{STATIONS}/CS-9/{path}")).status_code == 404
    assert (await api.post(f"{STATIONS}/CS-9/posture/refresh", json={})).status_code == 404


async def test_variables_are_searched_and_paged(api: httpx.AsyncClient, service: Service) -> None:
    kind = Characteristics("integer", "s", 0, 9, "")
    told = [Reading(Variable("C", f"V{n}", evse=1), str(n), writable=True, characteristics=kind) for n in range(5)]
    station = meet(service, "CS-1", *told, Reading(configuration_key("AuthorizationKey"), "00" * 16))
    first = (await api.get(f"{STATIONS}/{station}/variables", params={"limit": 4})).json()
    second = (await api.get(f"{STATIONS}/{station}/variables", params={"limit": 4, "after": first["next"]})).json()
    names = [one["name"] for one in [*first["items"], *second["items"]]]
    assert names == [*(f"C[1].V{number}" for number in range(5)), "AuthorizationKey"]
    assert (second["next"], second["items"][-1]["value"], second["items"][-1]["words"]) == (
        None, None, "a secret, not kept",
    )  # fmt: skip
    (found,) = (await api.get(f"{STATIONS}/{station}/variables", params={"search": "v3"})).json()["items"]
    assert (found["value"], found["mutability"], found["highest"], found["unit"]) == ("3", "ReadWrite", 9.0, "s")
    assert (await api.get(f"{STATIONS}/{station}/variables", params={"after": "x"})).status_code == 422


async def test_the_report_counts_and_pages_stations_that_differ(api: httpx.AsyncClient, service: Service) -> None:
    for number in (1, 2, 3):
        meet(service, f"CS-{number}")
    report = (await api.get(REPORT, params={"limit": 2})).json()
    assert (report["stations"], report["read"], report["differing"], report["by_kind"]) == (3, 3, 3, {"clock": 3})
    assert [one["station"] for one in report["items"]] == ["CS-1", "CS-2"]
    rest = (await api.get(REPORT, params={"kind": "clock", "after": report["next"]})).json()
    assert ([one["station"] for one in rest["items"]], rest["next"]) == (["CS-3"], None)
    assert (await api.get(REPORT, params={"kind": "identity"})).json()["items"] == []
    assert (await api.get(REPORT, params={"kind": "colour"})).status_code == 422


async def test_the_pages_show_it_and_have_it_read(
    browser: httpx.AsyncClient,  # noqa: F811
    service: Service,
) -> None:
    station = meet(service, "CS-1", Reading(configuration_key("CpoName"), "<b>Other</b>"))
    page = (await browser.get(f"/stations/{station}")).text
    assert "&lt;b&gt;Other&lt;/b&gt;" in page
    assert "<b>Other</b>" not in page
    assert "Its clock is 3 h behind" in page
    fleet = (await browser.get("/posture?kind=clock")).text
    assert "Stations that have a wrong clock" in fleet
    assert "Its clock is 3 h behind" in fleet
    assert "operator" not in fleet.partition("Stations that")[2]
    assert "CpoName" in (await browser.get(f"/stations/{station}/variables?search=cpo")).text
    asked = await submit(browser, f"/stations/{station}", f"/stations/{station}/refresh", everything="true")
    assert (asked.status_code, asked.headers["location"]) == (303, f"/stations/{station}#posture")
    assert service.fleet.postures.of(station).reading.asked_by == "user:admin"


def test_every_kind_of_difference_has_words_on_the_page() -> None:
    assert set(KINDS) == set(DifferenceKind)
