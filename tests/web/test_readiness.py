"""Readiness over REST and on the command line: one station, the fleet, and a table of it."""

import csv
import io
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from csms_bridge import events as e
from csms_bridge.admission import Admitted
from csms_bridge.arrivals import Line
from csms_bridge.posture.book import Outcome, Result
from csms_bridge.posture.clock_offset import ClockOffset
from csms_bridge.posture.device_model import Source
from csms_bridge.posture.schedule import Due, Why
from csms_bridge.station import NewStation, OcppVersion, SecurityProfile
from csms_bridge.tables import StationRow
from csms_bridge.variables import Reading, configuration_key
from tests.web.commands import Command
from tests.web.conftest import token
from web.api.readiness import COLUMNS
from web.permissions import Role
from web.service import Service

STATIONS = "/api/v1/stations"
REPORT = "/api/v1/reports/readiness"


def meet(service: Service, station: str, site: str = "", extension: bool = True, model: str = "One") -> str:
    """A 1.6 station on profile 1 that came, booted, and told its settings and its clock."""
    fleet = service.fleet
    fleet.add_station(NewStation(station, f"SN-{station}", site=site), "user:anna")
    admitted = Admitted(SecurityProfile.BASIC, "ocpp1.6", None)
    fleet.desk.sightings.connected(station, admitted, OcppVersion.V16, None, Line("192.0.2.7"))
    fleet.desk.sightings.booted(station, e.Booted("Acme", model, "1.0", (f"SN-{station}",), "PowerUp"))
    shelf, now = fleet.desk.posture.shelf, fleet.desk.clock()
    shelf.book.begin(station, Due(now, Why.FIRST, whole=True))
    shelf.model.take(station, [Reading(configuration_key("HeartbeatInterval"), "60")], Source.KEYS)
    shelf.book.end(station, Result(Outcome.WHOLE, whole=True, extension=extension))
    shelf.book.note_clocks({station: ClockOffset(timedelta(), now)})
    return station


@pytest.fixture
def fleet(service: Service) -> Service:
    """One that is blocked, one of whose roots nothing is known, and one that was not assessed; at two sites."""
    meet(service, "CS-1", "Harbour", extension=False)
    meet(service, "CS-2", "Airport", model="=Two")
    service.fleet.readiness.assess_again(["CS-1", "CS-2"])
    meet(service, "CS-3", "Harbour")
    return service


async def test_one_station_is_shown_with_its_reasons_its_path_and_what_to_do(
    api: httpx.AsyncClient, fleet: Service
) -> None:
    found = (await api.get(f"{STATIONS}/CS-2/readiness")).json()
    assert (found["station"], found["to"], found["start"], found["verdict"], found["score"]) == (
        "CS-2", 3, 1, "unsure", 95,
    )  # fmt: skip
    (reason,) = found["reasons"]
    assert (reason["code"], reason["effect"], reason["weight"], reason["blocking"]) == (
        "roots-never-listed", "unknown", 5, False,
    )  # fmt: skip
    assert "M03" in reason["source"]
    assert [step["name"] for step in found["path"]["steps"]][:2] == [
        "install the CSMS root",
        "install the RSA root too",
    ]
    assert found["next"] == ["voltward station readiness CS-2 --read", "voltward walk start CS-2 --to 3"]
    assert found["probe"]["under_way"] is False


async def test_a_blocked_station_has_a_score_of_0(api: httpx.AsyncClient, fleet: Service) -> None:
    found = (await api.get(f"{STATIONS}/CS-1/readiness", params={"to": 2})).json()
    assert (found["to"], found["verdict"], found["score"]) == (2, "blocked", 0)
    assert (found["reasons"][0]["code"], found["reasons"][0]["blocking"]) == ("no-security-extension", True)
    assert found["path"]["goal"] == 2


async def test_reading_is_asked_for_and_can_be_followed(api: httpx.AsyncClient, fleet: Service) -> None:
    asked = await api.post(f"{STATIONS}/CS-2/readiness", params={"to": 2})
    assert (asked.status_code, asked.json()["to"]) == (202, 2)
    probe = (await api.get(f"{STATIONS}/CS-2/readiness")).json()["probe"]
    assert probe["under_way"] is True
    assert (probe["settings"]["state"], probe["roots"]["state"]) == ("waiting", "asked")


async def test_who_may_only_look_may_not_have_it_read(anonymous: httpx.AsyncClient, fleet: Service) -> None:
    anonymous.headers["Authorization"] = f"Bearer {token(fleet, Role.AUDITOR)}"
    assert (await anonymous.get(f"{STATIONS}/CS-2/readiness")).status_code == 200
    assert (await anonymous.post(f"{STATIONS}/CS-2/readiness")).status_code == 403


@pytest.mark.parametrize("to", ["1", "4", "x"])
async def test_a_goal_that_no_walk_leads_to_is_refused(api: httpx.AsyncClient, fleet: Service, to: str) -> None:
    for path in (f"{STATIONS}/CS-2/readiness", REPORT, f"{REPORT}.csv"):
        assert (await api.get(path, params={"to": to})).status_code == 422


async def test_an_unknown_station_is_404(api: httpx.AsyncClient) -> None:
    assert (await api.get(f"{STATIONS}/CS-9/readiness")).status_code == 404
    assert (await api.post(f"{STATIONS}/CS-9/readiness")).status_code == 404


async def test_the_fleet_is_counted_and_listed(api: httpx.AsyncClient, fleet: Service) -> None:
    found = (await api.get(REPORT)).json()
    assert (found["stations"], found["not_assessed"]) == (3, 1)
    assert {verdict: n for verdict, n in found["by_verdict"].items() if n} == {"blocked": 1, "unsure": 1}
    assert {one["code"]: one["stations"] for one in found["by_reason"]} == {
        "no-security-extension": 1, "roots-never-listed": 2,
    }  # fmt: skip
    first = found["items"][0]
    assert (first["station"], first["blocked"], first["score"]) == ("CS-1", True, 0)
    assert first["why"] == ["it has no security extension", "it has never listed its roots"]
    assert (found["items"][2]["verdict"], found["items"][2]["blocked"]) == (None, None)


async def test_the_report_is_paged_and_filtered(api: httpx.AsyncClient, fleet: Service) -> None:
    first = (await api.get(REPORT, params={"limit": 2})).json()
    assert [one["station"] for one in first["items"]] == ["CS-1", "CS-2"]
    rest = (await api.get(REPORT, params={"limit": 2, "after": first["next"]})).json()
    assert ([one["station"] for one in rest["items"]], rest["next"]) == (["CS-3"], None)
    for asked, expected in (
        ({"site": "Harbour"}, ["CS-1", "CS-3"]),
        ({"model": "one"}, ["CS-1", "CS-3"]),
        ({"blocked": "true"}, ["CS-1"]),
        ({"verdict": "unsure"}, ["CS-2"]),
        ({"reason": "no-security-extension"}, ["CS-1"]),
        ({"order": "score"}, ["CS-1", "CS-2"]),
        ({"profile": 3}, []),
    ):
        found = (await api.get(REPORT, params=asked)).json()
        assert [one["station"] for one in found["items"]] == expected, asked


async def test_the_table_holds_every_station_and_no_formula(api: httpx.AsyncClient, fleet: Service) -> None:
    """RFC 4180; a cell that a spreadsheet takes for a formula comes from a station."""
    answer = await api.get(f"{REPORT}.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["station"] for row in rows] == ["CS-1", "CS-2", "CS-3"]
    assert (rows[0]["blocked"], rows[0]["reasons"]) == ("true", "no-security-extension; roots-never-listed")
    assert rows[1]["model"] == "'=Two"
    assert rows[2]["verdict"] == ""


# --- on the command line


def test_a_station_is_shown(voltward: Command, fleet: Service) -> None:
    ran = voltward("station", "readiness", "CS-2")
    assert ran.code == 0, ran.err
    assert "roots-never-listed" in ran.out
    assert "voltward walk start CS-2 --to 3" in ran.out
    assert "raise to profile 3" in ran.out
    assert voltward("station", "readiness", "CS-2", "--to", "2", "--json").json["to"] == 2


def test_a_station_that_is_not_there_is_not_waited_for(voltward: Command, fleet: Service) -> None:
    with fleet.store.writing() as session:
        session.get_one(StationRow, "CS-2").online = False
    ran = voltward("station", "readiness", "CS-2", "--read", "--json")
    assert (ran.code, ran.json["probe"]["under_way"]) == (0, True)
    assert "not read yet" in ran.err


def test_the_fleet_is_shown_and_written(voltward: Command, fleet: Service, tmp_path: Path) -> None:
    file = tmp_path / "fleet.csv"
    ran = voltward("report", "readiness", "--blocked", "--csv", str(file))
    assert ran.code == 0, ran.err
    assert "1 blocked" in ran.err
    assert "CS-1" in ran.out
    assert [row["station"] for row in csv.DictReader(file.read_text().splitlines())] == ["CS-1"]
    assert voltward("report", "readiness", "--json").json["stations"] == 3
