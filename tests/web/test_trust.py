"""The trust map, planned roll-overs and "will it still connect?" over REST, in commands, and as CSV."""

import csv
import io
import json
from datetime import timedelta

import httpx
import pytest

from csms_bridge.admission import Admitted
from csms_bridge.arrivals import Line
from csms_bridge.station import OcppVersion, SecurityProfile
from pki.clock import utc_now
from tests.web.commands import Command
from web.service import Service

API = "/api/v1"
TLS = Line("192.0.2.7", "TLSv1.3", "TLS_AES_128_GCM_SHA256")


def connected(service: Service, *stations: str, profile: SecurityProfile = SecurityProfile.TLS_BASIC) -> None:
    """Stations that have connected over TLS."""
    for name in stations:
        admitted = Admitted(profile, "ocpp2.0.1", None)
        service.fleet.desk.sightings.connected(name, admitted, OcppVersion.V201, None, TLS)


async def registered(api: httpx.AsyncClient, *stations: str) -> None:
    for name in stations:
        made = await api.post(f"{API}/stations", json={"id": name, "serial": f"SN-{name}"})
        assert made.status_code == 201, made.text


async def test_the_map_counts_and_lists(api: httpx.AsyncClient, service: Service) -> None:
    await registered(api, "CS-1", "CS-2")
    roots = {one["name"]: one for one in (await api.get(f"{API}/roots/trust")).json()["items"]}
    assert (roots["root"]["counts"]["unknown"], roots["root"]["whose"]) == (2, "operator")
    first = (await api.get(f"{API}/roots/root/trust", params={"state": "unknown", "limit": 1})).json()
    assert ([one["station"] for one in first["items"]], first["next"]) == (["CS-1"], "CS-1")
    of_one = (await api.get(f"{API}/stations/CS-1/trust")).json()["items"]
    assert {one["root"]: one["state"] for one in of_one}["root"] == "unknown"
    assert (await api.get(f"{API}/roots/nobody/trust", params={"state": "unknown"})).status_code == 404
    assert (await api.get(f"{API}/roots/root/trust", params={"state": "perhaps"})).status_code == 422


async def test_a_planned_roll_over_by_rest(api: httpx.AsyncClient, service: Service) -> None:
    await registered(api, "CS-1")
    connected(service, "CS-1")
    started = await api.post(f"{API}/roots/plans", json={"root": "root"})
    assert (started.status_code, started.json()["next"]) == (201, "install new")
    path = f"{API}/roots/plans/{started.json()['id']}"
    rollover = f"{API}/rollovers/{started.json()['id']}"
    assert (await api.get(rollover)).json()["planned"] is True
    past = await api.post(f"{rollover}/advance", json={"step": "distribute", "note": "past the plan"})
    assert (past.status_code, past.json()["type"]) == (409, "urn:voltward:problem:plan-refused")
    assert (await api.post(f"{path}/advance", json={"step": "install new"})).status_code == 200
    refused = await api.post(f"{path}/advance", json={"step": "all confirmed"})
    assert (refused.status_code, refused.json()["findings"]) == (
        409, ["0 of 1 stations have confirmed the new root, and 100 per cent are asked for"],
    )  # fmt: skip
    unsure = (await api.get(f"{path}/stations", params={"outcome": "unsure"})).json()["items"]
    assert [(one["station"], one["why"]) for one in unsure] == [
        ("CS-1", "whether it holds the root root-2 is not known")
    ]
    out = await api.post(f"{path}/exclusions", json={"stations": ["CS-1"], "reason": "sold"})
    assert (out.json()["exclusions"], out.json()["stay"]) == (1, None)
    assert (await api.get(f"{path}/exclusions")).json()["items"][0]["reason"] == "sold"
    assert (await api.delete(f"{path}/exclusions/CS-1")).json()["exclusions"] == 0
    gates = await api.put(f"{path}/gates", json={"confirmed": 0, "connected": 50, "reason": "a small fleet"})
    assert (gates.json()["gates"], gates.json()["stay"]) == ({"confirmed": 0.0, "connected": 50.0}, None)
    assert (await api.post(f"{path}/pause", json={"reason": "holidays"})).json()["state"] == "paused"
    assert (await api.post(f"{path}/resume")).json()["state"] == "running"
    assert (await api.post(f"{path}/back", json={"reason": "no"})).status_code == 409
    assert (await api.post(f"{path}/abandon", json={"reason": "another time"})).json()["state"] == "abandoned"
    assert [one["state"] for one in (await api.get(f"{API}/roots/plans")).json()["items"]] == ["abandoned"]
    assert (await api.get(f"{API}/roots/plans/nobody")).status_code == 404


CHANGES = [
    ({"change": "server-chain", "root": "root-rsa"}, "safe"),
    ({"change": "server-chain", "root": "root"}, "unsure"),
    ({"change": "root-gone", "root": "root"}, "loses"),
    ({"change": "root-gone", "root": "manufacturer"}, "safe"),
    ({"change": "issuer-changed", "authority": "stations"}, "safe"),
    ({"change": "client-ca-retired", "authority": "stations"}, "safe"),
    ({"change": "tls-hardened"}, "safe"),
    ({"change": "rsa-server-dropped"}, "safe"),
    ({"change": "profile-floor", "profile": "3"}, "loses"),
    ({"change": "profile-floor", "profile": "2"}, "safe"),
    ({}, "safe"),
]


@pytest.mark.parametrize(("asked", "outcome"), CHANGES)
async def test_each_change_is_foreseen(
    api: httpx.AsyncClient, service: Service, asked: dict[str, str], outcome: str
) -> None:
    await registered(api, "CS-1", "CS-never")
    connected(service, "CS-1")
    found = (await api.get(f"{API}/reports/will-it-connect", params={**asked, "outcome": outcome})).json()
    assert found["items"][0]["station"] == "CS-1", found
    assert found["loses"] + found["unsure"] + found["safe"] == 2
    assert sum(one["stations"] for one in found["reasons"]) == 2


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"change": "root-gone"}, 422),
        ({"change": "root-gone", "root": "stations"}, 422),
        ({"change": "root-gone", "root": "nobody"}, 404),
        ({"change": "client-ca-retired"}, 422),
        ({"change": "profile-floor"}, 422),
        ({"change": "everything"}, 422),
        ({"date": "2020-01-01T00:00:00Z"}, 422),
    ],
)
async def test_a_change_that_is_told_badly_is_refused(
    api: httpx.AsyncClient, asked: dict[str, str], status: int
) -> None:
    for report in ("will-it-connect", "will-it-connect.csv"):
        answer = await api.get(f"{API}/reports/{report}", params=asked)
        assert answer.status_code == status, answer.text


async def test_the_whole_fleet_as_csv_without_formulas(api: httpx.AsyncClient, service: Service) -> None:
    """RFC 4180; a spreadsheet takes what begins with = for a formula."""
    await registered(api, "=1+1", "CS-1")
    connected(service, "CS-1")
    date = (utc_now() + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%S")
    asked = {"change": "profile-floor", "profile": "3", "date": date}
    answer = await api.get(f"{API}/reports/will-it-connect.csv", params=asked)
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert answer.headers["content-type"].startswith("text/csv")
    assert [(row["station"], row["outcome"], row["why"]) for row in rows] == [
        ("'=1+1", "unsure", "it has never connected"), ("CS-1", "loses", "it is below profile 3"),
    ]  # fmt: skip


def test_the_commands(voltward: Command, tmp_path: object) -> None:
    added = voltward("station", "add", "CS-1", "--serial", "SN-1")
    assert added.code == 0, added.err
    counted = json.loads(voltward("trust", "map", "--json").out)
    assert {one["name"]: one["counts"]["unknown"] for one in counted["items"]}["root"] == 1
    assert "CS-1" in voltward("trust", "stations", "root", "--state", "unknown").out
    assert "root-rsa" in voltward("trust", "station", "CS-1").out
    checked = voltward("trust", "check", "profile-floor", "--profile", "2", "--csv", f"{tmp_path}/fleet.csv")
    assert "0 would lose us, 1 cannot be told, 0 are safe" in checked.err
    planned = json.loads(voltward("ca", "rollover", "plan", "root", "--json").out)
    plan = planned["id"]
    assert "install new" in voltward("ca", "rollover", "plans").out
    assert voltward("ca", "rollover", "advance", plan).code == 0
    shown = json.loads(voltward("ca", "rollover", "status", plan, "--json").out)
    assert (shown["step"], shown["stations"]) == ("install new", [])
    assert voltward("ca", "rollover", "exclude", plan, "CS-1", "--reason", "sold").code == 0
    assert voltward("ca", "rollover", "include", plan, "CS-1").code == 0
    assert (
        voltward("ca", "rollover", "gates", plan, "--confirmed", "90", "--connected", "90", "--reason", "x").code == 0
    )
    assert voltward("ca", "rollover", "pause", plan, "--reason", "holidays").code == 0
    refused = voltward("ca", "rollover", "advance", plan)
    assert (refused.code, "the plan is paused" in refused.err) == (2, True)
    assert voltward("ca", "rollover", "resume", plan).code == 0
    back = voltward("ca", "rollover", "back", plan, "--reason", "no")
    assert (back.code, "no way back" in back.err) == (2, True)
    assert voltward("ca", "rollover", "abandon", plan, "--note", "another time").code == 0
