"""Changes of version and the mixed fleet over REST and in commands."""

import csv
import io
import json
from pathlib import Path

import httpx

from csms_bridge import events as e
from csms_bridge.admission import Admitted
from csms_bridge.station import OcppVersion, SecurityProfile
from tests.web.commands import Command
from tests.web.test_trust import TLS, registered
from web.service import Service

API = "/api/v1"


def on_16(service: Service, name: str) -> None:
    """A station of 1.6 that has connected and booted."""
    admitted = Admitted(SecurityProfile.TLS_BASIC, "ocpp1.6", None)
    service.fleet.desk.sightings.connected(name, admitted, OcppVersion.V16, None, TLS)
    boot = e.Booted("Volt", "AC22", "1.0", (f"SN-{name}",), "PowerUp")
    service.fleet.desk.sightings.booted(name, boot)


async def test_a_migration_by_rest(api: httpx.AsyncClient, service: Service) -> None:
    await registered(api, "CS-1", "CS-never")
    on_16(service, "CS-1")
    asked = {"stations": ["CS-1"], "to": "2.0.1", "within": 3600, "reason": "a new firmware"}
    refused = await api.post(f"{API}/migrations", json={**asked, "stations": ["CS-1", "CS-never"]})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:voltward:problem:migration-refused")
    made = await api.post(f"{API}/migrations", json=asked)
    assert made.status_code == 201, made.text
    (one,) = made.json()["items"]
    assert (one["state"], one["from_version"], one["why"]) == ("expected", "1.6", "a new firmware")
    assert (await api.get(f"{API}/migrations/{one['id']}")).json() == one
    listed = await api.get(f"{API}/migrations", params={"state": "expected", "station": "CS-1"})
    assert listed.json()["items"] == [one]
    ended = await api.post(f"{API}/migrations/{one['id']}/cancel", json={"reason": "not today"})
    assert ended.json()["state"] == "cancelled"
    assert (await api.get(f"{API}/migrations/99")).status_code == 404
    assert (await api.post(f"{API}/migrations", json={**asked, "to": "1.5"})).status_code == 422


async def test_the_mixed_fleet_by_rest(api: httpx.AsyncClient, service: Service) -> None:
    await registered(api, "CS-1", "CS-never")
    on_16(service, "CS-1")
    found = (await api.get(f"{API}/reports/mixed-fleet", params={"target": "2.1"})).json()
    assert {one["version"]: one["stations"] for one in found["versions"]} == {None: 1, "1.6": 1}
    assert {one["blocker"]: one["stations"] for one in found["blocked"] if one["stations"]} == {
        "no-firmware": 1, "never-seen": 1,
    }  # fmt: skip
    assert (found["coexistence"]["staying"], found["coexistence"]["until"] is not None) == (2, True)
    kept = await api.get(f"{API}/reports/mixed-fleet/stations", params={"blocker": "no-firmware"})
    assert [(one["station"], one["firmware"]) for one in kept.json()["items"]] == [("CS-1", "1.0")]
    answer = await api.get(f"{API}/reports/mixed-fleet.csv", params={"target": "1.6"})
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [(row["station"], row["version"], row["blocker"], row["why"]) for row in rows] == [
        ("CS-1", "1.6", "", ""), ("CS-never", "", "never-seen", "it has never connected"),
    ]  # fmt: skip


def test_the_commands(voltward: Command, tmp_path: Path) -> None:
    assert voltward("station", "add", "CS-1", "--serial", "SN-1").code == 0
    refused = voltward("migration", "expect", "CS-1", "--to", "2.0.1", "--reason", "x")
    assert (refused.code, "never connected" in refused.err) == (2, True)
    assert json.loads(voltward("migration", "list", "--json").out)["items"] == []
    assert voltward("migration", "show", "7").code == 2
    assert "it has never connected" in voltward("migration", "fleet").out
    assert voltward("migration", "fleet", "--csv", f"{tmp_path}/fleet.csv").code == 0
    assert "CS-1,,never-seen,it has never connected" in (tmp_path / "fleet.csv").read_text()
    kept = json.loads(voltward("migration", "fleet", "--blocker", "never-seen", "--json").out)
    assert [one["station"] for one in kept["items"]] == ["CS-1"]
