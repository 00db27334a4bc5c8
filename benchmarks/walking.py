"""Campaigns at work: a thousand stations from profile 1 to 3, and five thousand certificates replaced."""

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.connecting import environment
from benchmarks.crowd import identity
from benchmarks.figures import Figure
from benchmarks.fleet import make_fleet
from benchmarks.serving import free_ports, new_folder, program
from benchmarks.walkers import walkers
from csms_bridge.station import NewStation, OcppVersion, SecurityProfile
from web.data_folder import open_folder
from web.permissions import Role

LONGEST = 120.0  # seconds for the walks
_VERSIONS = (OcppVersion.V16, OcppVersion.V201, OcppVersion.V21)
_PATIENCE = 1200.0  # seconds
_QUICK = {"VOLTWARD_WALK_SETTLE": "PT0.5S", "VOLTWARD_WALK_GRACE": "PT30S", "VOLTWARD_TICK": "PT0.5S"}
_PACE = {"waves": ["100%"], "growth": 1, "in_flight": 1000, "errors": 100, "success": 0, "site_share": 100}


def measure_walks(count: int = 1000) -> list[Figure]:
    """All of them by one campaign, in one wave: a canary would be waited for as long as all of them."""
    with tempfile.TemporaryDirectory(prefix="vw") as place:
        folder, file = Path(place) / "data", Path(place) / "stations.json"
        web, plain, tls = free_ports(3)
        token = _new_fleet(folder, file, count, plain)
        with program("web.cli", ["serve", "--data", str(folder)], _settings(web, plain, tls), plain), walkers(file):
            api = _Api(web, token)
            api.until_online(count)
            seconds, states = api.carry_out({"kind": "walk", "to": 3}, count)
            on_3 = api.get("overview")["by_profile"]["3"]
    stranded = count - on_3
    what = f"walk 1 to 3 of {count:,} stations by a campaign"
    return [
        Figure(what, seconds, "s", f"< {LONGEST:g} s", seconds < LONGEST and states["done"] == count),
        Figure(f"{what}: not on profile 3 at the end", stranded, "stations", "0", stranded == 0),
    ]


def measure_rotation(count: int = 5000) -> list[Figure]:
    """Every certificate replaced while its station is connected; it is done when it came back with the new one."""
    with tempfile.TemporaryDirectory(prefix="vw") as place:
        folder, keys, file = Path(place) / "data", Path(place) / "keys", Path(place) / "stations.json"
        root = make_fleet(folder, keys, count).read_text(encoding="ascii")
        web, plain, tls = free_ports(3)
        rows = [_row(n, OcppVersion.V201, 3, None, f"wss://localhost:{tls}/ocpp") for n in range(count)]
        for number, row in enumerate(rows):
            row |= {"pem": str(keys / f"{number}.pem"), "roots": [root]}
        file.write_text(json.dumps(rows))
        token = _token(folder)
        with program("web.cli", ["serve", "--data", str(folder)], _settings(web, plain, tls), tls), walkers(file):
            api = _Api(web, token)
            api.until_online(count)
            seconds, states = api.carry_out({"kind": "renewal"}, count)
            api.until_online(count)
    lost = count - states["done"]
    what = f"rotation of {count:,} certificates by a campaign"
    return [
        Figure(what, count / seconds, "/s", "-", True),
        Figure(f"{what}: not renewed", lost, "stations", "0", lost == 0),
    ]


class _Api:
    """The service's API as an administrator."""

    def __init__(self, port: int, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", headers=headers, timeout=120)

    def get(self, path: str) -> Any:
        return self._client.get(path).raise_for_status().json()

    def until_online(self, count: int) -> None:
        end = time.monotonic() + _PATIENCE
        while self.get("overview")["online"] < count:
            if time.monotonic() > end:
                raise RuntimeError("the stations did not all come")
            time.sleep(1)

    def carry_out(self, kind: dict[str, object], count: int) -> tuple[float, dict[str, int]]:
        """Seconds from the start of a campaign over everybody to its end, and where its stations stand."""
        pace = {**_PACE, "in_flight": min(count, 1000)}
        asked = {"name": "bench", **kind, "selection": {"everything": True}, "pace": pace}
        made = self._client.post("campaigns", json=asked).raise_for_status().json()["id"]
        began = time.monotonic()
        self._client.post(f"campaigns/{made}/start", json={}).raise_for_status()
        while (seen := self.get(f"campaigns/{made}"))["state"] == "running":
            if time.monotonic() > began + _PATIENCE:
                raise RuntimeError(f"the campaign does not end: {seen['states']}")
            time.sleep(0.5)
        return time.monotonic() - began, seen["states"]


def _new_fleet(folder: Path, file: Path, count: int, port: int) -> str:
    """A folder with stations of all versions on profile 1, and `file` for those who play them; a token."""
    new_folder(folder)
    versions = [_VERSIONS[number % len(_VERSIONS)] for number in range(count)]
    service = open_folder(folder, os.environ)
    try:
        new = [
            NewStation(identity(number), f"SN-{number}", version, SecurityProfile.BASIC)
            for number, version in enumerate(versions)
        ]
        added = service.fleet.import_stations(new, "bench")
    finally:
        service.close()
    passwords = [one.password.text() if one.password is not None else "" for one in added]
    rows = [_row(n, version, 1, passwords[n], f"ws://localhost:{port}/ocpp") for n, version in enumerate(versions)]
    file.write_text(json.dumps(rows))
    return _token(folder)


def _row(number: int, version: OcppVersion, profile: int, password: str | None, url: str) -> dict[str, Any]:
    return {
        "identity": identity(number), "serial": f"SN-{number}", "url": url, "version": version.value,
        "profile": profile, "password": password, "roots": [],
    }  # fmt: skip


def _token(folder: Path) -> str:
    service = open_folder(folder, os.environ)
    try:
        return service.accounts.make_token("bench", Role.ADMIN, "bench")[1].text()
    finally:
        service.close()


def _settings(web: int, plain: int, tls: int) -> dict[str, str]:
    public = {"VOLTWARD_OCPP_PUBLIC_URL": f"wss://localhost:{plain}/ocpp"}
    return {**environment(web, plain, tls), **_QUICK, **public}
