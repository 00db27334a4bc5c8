"""Campaigns at work: a thousand stations from profile 1 to 3, and five thousand certificates replaced."""

import json
import os
import tempfile
import time
from contextlib import ExitStack
from functools import partial
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
    """All of them by one campaign, in one wave: a canary would be waited for as long as all of them.

    Then once more, with the service killed (SIGKILL) when half of them have moved, and started again.
    """
    return [*_walked(count, killed=False), *_walked(count, killed=True)]


def _walked(count: int, *, killed: bool) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="vw") as place:
        folder, file = Path(place) / "data", Path(place) / "stations.json"
        web, plain, tls = free_ports(3)
        api = _Api(web, _new_fleet(folder, file, count, plain))
        serve = partial(program, "web.cli", ["serve", "--data", str(folder)], _settings(web, plain, tls), plain)
        with walkers(file), ExitStack() as running:
            service = running.enter_context(serve())
            api.until_online(count)
            campaign, began = api.begin({"kind": "walk", "to": 3}, count), time.monotonic()
            if killed:
                api.until_moved(count // 2)
                service.kill()
                running.close()
                running.enter_context(serve())
            states = api.until_ended(campaign)
            seconds, on_3 = time.monotonic() - began, api.get("overview")["by_profile"]["3"]
    stranded = count - on_3
    what = f"walk 1 to 3 of {count:,} stations by a campaign" + (", with kill -9 in the middle" if killed else "")
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
            campaign, began = api.begin({"kind": "renewal"}, count), time.monotonic()
            states = api.until_ended(campaign)
            seconds = time.monotonic() - began
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

    def until_moved(self, count: int) -> None:
        """Until so many have left profile 1."""
        while sum(self.get("overview")["by_profile"][profile] for profile in ("2", "3")) < count:
            time.sleep(0.5)

    def begin(self, kind: dict[str, object], count: int) -> str:
        """A campaign over everybody, which runs; its id."""
        pace = {**_PACE, "in_flight": min(count, 1000)}
        asked = {"name": "bench", **kind, "selection": {"everything": True}, "pace": pace}
        made = str(self._client.post("campaigns", json=asked).raise_for_status().json()["id"])
        self._client.post(f"campaigns/{made}/start", json={}).raise_for_status()
        return made

    def until_ended(self, campaign: str) -> dict[str, int]:
        """Where its stations stand at its end."""
        end = time.monotonic() + _PATIENCE
        while (seen := self.get(f"campaigns/{campaign}"))["state"] == "running":
            if time.monotonic() > end:
                raise RuntimeError(f"the campaign does not end: {seen['states']}")
            time.sleep(0.5)
        states: dict[str, int] = seen["states"]
        return states


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
