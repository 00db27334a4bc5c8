"""Campaigns and sites over REST and in commands: their shapes, what is refused, and what a file of places does."""

import csv
import io
from pathlib import Path
from typing import Any

import httpx
import pytest

from csms_bridge.admission import Admitted
from csms_bridge.posture.book import Outcome, Result
from csms_bridge.posture.device_model import Source
from csms_bridge.posture.schedule import Due, Why
from csms_bridge.sightings import Line
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.variables import Reading, configuration_key
from tests.web.commands import Command
from web.permissions import Role
from web.service import Service

CAMPAIGNS = "/api/v1/campaigns"
WALK: dict[str, Any] = {"name": "north", "kind": "walk", "to": 3, "selection": {"everything": True}}


def connect(service: Service, *stations: str) -> None:
    """As if they were connected on profile 1."""
    admitted = Admitted(SecurityProfile.BASIC, "ocpp1.6", None)
    for station in stations:
        service.fleet.desk.sightings.connected(station, admitted, OcppVersion.V16, None, Line("192.0.2.7"))


@pytest.fixture
async def fleet(api: httpx.AsyncClient, service: Service) -> httpx.AsyncClient:
    rows = [{"id": f"CS-{n}", "serial": f"S{n}", "ocpp_version": "1.6", "site": "Mall"} for n in (1, 2, 3)]
    await api.post("/api/v1/stations/import", json={"stations": rows})
    connect(service, "CS-1", "CS-2")
    return api


async def test_a_campaign_is_made_with_its_preview_and_begun_paused_resumed_aborted(
    fleet: httpx.AsyncClient, service: Service
) -> None:
    answer = await fleet.post(CAMPAIGNS, json={**WALK, "pace": {"waves": ["1"], "site_share": 100}})
    made = answer.json()
    assert (answer.status_code, made["state"], made["preview"]["taken"]) == (201, "ready", 2)
    assert made["preview"]["excluded"] == {"it has never connected": 1}
    assert made["preview"]["waves"] == [1, 1]
    assert (await fleet.get(f"{CAMPAIGNS}/{made['id']}/plan")).json()["items"][1]["wave"] == 2
    assert (await fleet.post(f"{CAMPAIGNS}/{made['id']}/start")).json()["state"] == "running"
    service.fleet.campaigns.round()
    running = (await fleet.get(f"{CAMPAIGNS}/{made['id']}/targets", params={"state": "running"})).json()["items"]
    assert [one["station"] for one in running] == ["CS-1"]
    assert (await fleet.get(f"/api/v1/walks/{running[0]['work']}")).json()["station"] == "CS-1"
    paused = (await fleet.post(f"{CAMPAIGNS}/{made['id']}/pause", json={"reason": "works on site"})).json()
    assert (paused["state"], paused["reason"]) == ("paused", "works on site")
    assert (await fleet.post(f"{CAMPAIGNS}/{made['id']}/resume", json={})).json()["state"] == "running"
    aborting = await fleet.post(f"{CAMPAIGNS}/{made['id']}/abort", json={"reason": "wrong", "mode": "cancel"})
    assert aborting.json()["state"] == "aborting"
    service.fleet.campaigns.round()
    ended = (await fleet.get(f"{CAMPAIGNS}/{made['id']}")).json()
    assert (ended["state"], ended["states"]["cancelled"]) == ("aborted", 2)
    events = (await fleet.get(f"{CAMPAIGNS}/{made['id']}/events")).json()["items"]
    assert events[0]["act"] == "campaign:ended"
    assert [one["id"] for one in (await fleet.get(CAMPAIGNS)).json()["items"]] == [made["id"]]
    shown = (await fleet.get("/metrics")).text
    assert 'voltward_campaigns{state="aborted"} 1' in shown


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"selection": {}}, "selection"),
        ({"to": 1}, "to"),
        ({"pace": {"waves": ["5 %"]}}, "waves"),
        ({"pace": {"target_within": "1 day"}}, "target_within"),
        ({"pace": {"retries": ["done=1@1h"]}}, "retries"),
        ({"pace": {"in_flight": 0}}, "in_flight"),
        ({"selection": {"expires_before": "soon"}}, "expires_before"),
        ({"kind": "install-root", "to": None}, "root"),
        ({"name": "\t"}, "name"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_its_name(
    fleet: httpx.AsyncClient, change: dict[str, Any], field: str
) -> None:
    answer = await fleet.post(CAMPAIGNS, json=WALK | change)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_what_cannot_be_now_is_a_conflict_and_what_is_not_there_is_not_found(fleet: httpx.AsyncClient) -> None:
    made = (await fleet.post(CAMPAIGNS, json=WALK)).json()["id"]
    assert (await fleet.post(f"{CAMPAIGNS}/{made}/pause", json={"reason": "x"})).status_code == 409
    assert (await fleet.get(f"{CAMPAIGNS}/c0")).status_code == 404
    assert (await fleet.get(CAMPAIGNS, params={"after": "c0"})).status_code == 404


async def test_an_auditor_looks_and_changes_nothing(fleet: httpx.AsyncClient, service: Service) -> None:
    made = (await fleet.post(CAMPAIGNS, json=WALK)).json()["id"]
    text = service.accounts.make_token("auditor", Role.AUDITOR, "operator")[1].text()
    fleet.headers["Authorization"] = f"Bearer {text}"
    assert (await fleet.get(f"{CAMPAIGNS}/{made}")).status_code == 200
    assert (await fleet.post(f"{CAMPAIGNS}/{made}/start")).status_code == 403


async def test_sites_are_written_down_all_or_none(api: httpx.AsyncClient) -> None:
    good = {"name": "Mall", "time_zone": "Europe/Berlin", "windows": "MON-fri 22:00-05:00", "max_share": 30}
    refused = await api.put("/api/v1/sites", json={"sites": [good, {"name": "Depot", "windows": "at night"}]})
    assert (refused.status_code, refused.json()["field"], refused.json()["row"]) == (422, "windows", 2)
    assert (await api.get("/api/v1/sites")).json()["items"] == []
    (site,) = (await api.put("/api/v1/sites", json={"sites": [good]})).json()["items"]
    assert site["windows"] == "mon,tue,wed,thu,fri 22:00-05:00"
    assert (await api.post("/api/v1/sites/Mall/remove", json={"reason": "sold"})).status_code == 204
    assert (await api.get("/api/v1/sites/Mall")).status_code == 404


def test_a_campaign_on_the_command_line(voltward: Command, service: Service) -> None:
    voltward("station", "add", "CS-1", "--serial", "S1", "--ocpp", "1.6")
    connect(service, "CS-1")
    seen = voltward("campaign", "preview", "--kind", "walk", "--to", "3", "--everything", "--json")
    assert (seen.code, seen.json["taken"]) == (0, 1)
    made = voltward("campaign", "create", "--kind", "walk", "--to", "3", "--station", "CS-1", "--retry", "held=1@1h",
                    "--waves", "1,50%", "--now", "--json")  # fmt: skip
    assert made.code == 0
    assert made.json["pace"]["waves"] == ["1", "50%"]
    assert (made.json["pace"]["retries"], made.json["pace"]["at_any_hour"]) == (["held=1@1h"], True)
    started = voltward("campaign", "start", made.json["id"])
    assert "running" in started.out
    assert made.json["id"] in voltward("campaign", "list").out
    assert "CS-1" in voltward("campaign", "targets", made.json["id"]).out
    assert "CS-1" in voltward("campaign", "plan", made.json["id"]).out
    paused = voltward("campaign", "pause", made.json["id"], "--reason", "wait", "--json")
    assert paused.json["state"] == "paused"
    waited = voltward("campaign", "show", made.json["id"], "--wait")
    assert (waited.code, "it is paused: wait" in waited.err) == (1, True)
    refused = voltward("campaign", "create", "--kind", "walk", "--to", "3")
    assert (refused.code, "say which stations" in refused.err) == (2, True)


def test_replacing_everything_is_estimated_beforehand(voltward: Command, service: Service) -> None:
    voltward("station", "add", "CS-1", "--serial", "S1", "--ocpp", "1.6", "--profile", "3")
    admitted = Admitted(SecurityProfile.MUTUAL_TLS, "ocpp1.6", "ab12")
    line = Line("192.0.2.7", "TLSv1.3", "TLS_AES_128_GCM_SHA256")
    service.fleet.desk.sightings.connected("CS-1", admitted, OcppVersion.V16, None, line)
    made = voltward("campaign", "create", "--kind", "renewal", "--everything", "--now", "--json")
    assert made.json["preview"]["taken"] == 1
    assert made.json["preview"]["estimate"] == {
        "stations": 1, "seconds": 120.0, "seconds_per_station": 120.0, "issued_per_second": None,
        "limited_by": "the pace",
    }  # fmt: skip


def test_where_stations_stand_goes_out_and_comes_in_as_a_table(voltward: Command, tmp_path: Path) -> None:
    for name in ("CS-1", "CS-2", "=1+1"):
        voltward("station", "add", name, "--serial", f"S{name}")
    assert voltward("station", "place", "CS-1", "--site", "Mall", "--tag", "a", "--tag", "b").code == 0
    table = tmp_path / "stations.csv"
    table.write_text("id,site,tags\nCS-2,Depot,b;c\nCS-1,Mall,\n'=1+1,Mall,x\n")
    assert voltward("station", "place", "--from", str(table)).code == 0
    rows = list(csv.DictReader(io.StringIO(voltward("station", "export").out)))
    assert [(row["id"], row["site"], row["tags"]) for row in rows] == [
        ("'=1+1", "Mall", "x"), ("CS-1", "Mall", ""), ("CS-2", "Depot", "b;c"),
    ]  # fmt: skip
    table.write_text(voltward("station", "export").out)
    assert voltward("station", "place", "--from", str(table)).code == 0
    table.write_text("id,site\nCS-1,Depot\nnobody,Mall\n")
    assert voltward("station", "place", "--from", str(table)).code == 2
    assert voltward("station", "show", "CS-1", "--json").json["site"] == "Mall"


def test_sites_go_out_and_come_in_as_a_table(voltward: Command, tmp_path: Path) -> None:
    assert voltward("site", "set", "Mall", "--time-zone", "Europe/Berlin", "--windows", "sat 01:00-02:00").code == 0
    out = voltward("site", "export").out
    assert out.splitlines() == ["name,time_zone,windows,max_share", "Mall,Europe/Berlin,sat 01:00-02:00,100"]
    table = tmp_path / "sites.csv"
    table.write_text(out + "Depot,UTC,,25\n")
    assert voltward("site", "import", str(table), "--json").json["items"][1]["max_share"] == 25
    table.write_text("name,hours\nMall,never\n")
    assert voltward("site", "import", str(table)).code == 2
    assert voltward("site", "remove", "Mall", "--reason", "sold").code == 0
    assert voltward("site", "show", "Mall").code == 2


async def test_a_walk_that_leads_nowhere_is_told_before_and_may_be_left_out(
    fleet: httpx.AsyncClient, service: Service
) -> None:
    shelf, now = service.fleet.desk.posture.shelf, service.fleet.desk.clock()
    shelf.book.begin("CS-1", Due(now, Why.FIRST, whole=True))
    shelf.model.take("CS-1", [Reading(configuration_key("HeartbeatInterval"), "60")], Source.KEYS)
    shelf.book.end("CS-1", Result(Outcome.WHOLE, extension=False))
    service.fleet.readiness.assess_again(["CS-1", "CS-2"])
    seen = (await fleet.post(f"{CAMPAIGNS}/preview", json=WALK)).json()
    assert (seen["taken"], seen["blocked"], seen["blocked_by"]) == (2, 1, {"it has no security extension": 1})
    narrowed = (await fleet.post(f"{CAMPAIGNS}/preview", json={**WALK, "only_ready": True})).json()
    assert (narrowed["taken"], narrowed["blocked"]) == (1, 0)
    assert narrowed["excluded"]["a walk of it is known to lead nowhere"] == 1
    made = (await fleet.post(CAMPAIGNS, json={**WALK, "only_ready": True})).json()
    assert (await fleet.get(f"{CAMPAIGNS}/{made['id']}")).json()["only_ready"] is True
