"""Logs of stations through the API, the upload address, the console and the command line."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from csms_bridge.admission import Admitted
from csms_bridge.arrivals import Line
from csms_bridge.commands import Answer, Outcome
from csms_bridge.events import LogStatusTold
from csms_bridge.log_store import LogStore
from csms_bridge.station import NewStation, OcppVersion, SecurityProfile
from tests.web.commands import Command
from tests.web.conftest import BASE_URL
from tests.web.test_pages import browser, submit  # noqa: F401 -- a fixture
from web import log_uploads
from web.app import make_app
from web.service import Service

LOGS = "/api/v1/stations/CS-1/logs"


@pytest.fixture
def station(service: Service) -> Service:
    """A station that is connected."""
    service.fleet.add_station(NewStation("CS-1", "SN-1", OcppVersion.V16), "operator")
    admitted = Admitted(SecurityProfile.BASIC, "ocpp1.6", None)
    service.fleet.desk.sightings.connected("CS-1", admitted, OcppVersion.V16, None, Line("192.0.2.7"))
    return service


def asked(service: Service) -> str:
    """What waits is sent; the path that the station is told to upload to."""
    desk = service.fleet.desk
    (order,) = desk.orders.claim({"CS-1"})
    issued = service.fleet.logs.issue(order)
    assert issued is not None
    service.fleet.logs.answered(order, Answer(Outcome.ACCEPTED, "Accepted", {"filename": "security.log"}))
    desk.orders.finish(order, {"status": "Accepted"})
    return issued[2].text().removeprefix(service.settings.pki.public_url)


async def want(api: httpx.AsyncClient, service: Service, kind: str = "security") -> str:
    answer = await api.post(LOGS, json={"type": kind})
    assert answer.status_code == 201, answer.text
    return asked(service)


def left(service: Service) -> int:
    """Files in the folder of logs."""
    return len(list((service.folder / "logs").iterdir())) if (service.folder / "logs").is_dir() else 0


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("suffix", ["", "/", "/security_logs.csv", "/%2e%2e/%2e%2e/etc/passwd", "/%2e%2e/%00"])
async def test_a_log_is_uploaded_and_downloaded(
    api: httpx.AsyncClient, station: Service, method: str, suffix: str
) -> None:
    """station-quirks 25: stations append what they like, which is never a path of ours."""
    path = await want(api, station)
    request = httpx.Request(method, BASE_URL, content=b"time,type\n")
    request.url = request.url.copy_with(raw_path=f"{path}{suffix}".encode())
    assert (await api.send(request)).status_code == 201
    (log,) = (await api.get(LOGS)).json()["items"]
    assert (log["type"], log["state"], log["size"], log["filename"]) == ("security", "received", 10, "security.log")
    content = await api.get(f"{LOGS}/{log['id']}/content")
    assert content.content == b"time,type\n"
    assert content.headers["content-type"] == "application/octet-stream"
    assert content.headers["x-content-type-options"] == "nosniff"
    assert content.headers["content-disposition"].startswith('attachment; filename="CS-1-security-')
    assert left(station) == 1


async def test_a_form_is_taken_as_well(api: httpx.AsyncClient, station: Service) -> None:
    path = await want(api, station)
    body = {"file": ("../../x", b"a" * 300_000), "second": ("y", b"no")}
    assert (await api.post(path, files=body, data={"note": "hello"})).status_code == 201
    assert (await api.get(f"{LOGS}/1/content")).content == b"a" * 300_000


async def test_a_form_without_a_file_is_refused(api: httpx.AsyncClient, station: Service) -> None:
    path = await want(api, station)
    form = {"Content-Type": "multipart/form-data; boundary=xx"}
    for body in (b'--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--xx--\r\n', b"rubbish", b""):
        assert (await api.post(path, content=body, headers=form)).status_code == 422
    assert (await api.post(path, content=b"", headers={"Content-Type": "multipart/form-data"})).status_code == 422
    assert left(station) == 0


async def test_the_address_is_good_once(api: httpx.AsyncClient, station: Service) -> None:
    path = await want(api, station)
    assert [(await api.put(path, content=b"one")).status_code for _ in range(2)] == [201, 200]
    refused = await api.put(path, content=b"two")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:voltward:problem:upload-differs")
    assert (await api.get(f"{LOGS}/1/content")).content == b"one"
    assert left(station) == 1


async def test_a_repeated_upload_writes_nothing(
    api: httpx.AsyncClient, station: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the address would stay a way to make this disk busy."""
    path = await want(api, station)
    assert (await api.put(path, content=b"one")).status_code == 201
    monkeypatch.delattr(LogStore, "receiving")
    assert (await api.put(path, content=b"one")).status_code == 200
    assert (await api.post(path, files={"file": ("x", b"one")})).status_code == 200
    for other in (b"", b"on", b"two", b"one more", b"x" * 300_000):
        assert (await api.put(path, content=other)).status_code == 409
    assert left(station) == 1


async def test_an_address_that_nobody_gave_out_takes_nothing(anonymous: httpx.AsyncClient, station: Service) -> None:
    for path in ("/logs/x", f"/logs/{'x' * 43}/y", "/logs//x", "/logs/%00"):
        assert (await anonymous.put(path, content=b"x")).status_code in (404, 405)
    assert (await anonymous.get(f"/logs/{'x' * 43}")).status_code == 405
    assert left(station) == 0


@pytest.fixture
async def small(station: Service) -> AsyncIterator[httpx.AsyncClient]:
    """The app of a service that takes small and quick logs only."""
    bridge = station.settings.bridge.model_copy(update={"log_upload_limit": 1024})
    object.__setattr__(station, "settings", station.settings.model_copy(update={"bridge": bridge}))
    station.fleet.logs.files.limit = 1024
    transport = httpx.ASGITransport(make_app(station), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        yield client


@pytest.mark.parametrize("size", [1025, 70_000])
@pytest.mark.parametrize("announced", [True, False])
async def test_a_log_that_is_too_long_leaves_nothing(
    small: httpx.AsyncClient, api: httpx.AsyncClient, station: Service, size: int, announced: bool
) -> None:
    path = await want(api, station)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size):
            yield b"x"

    answer = await small.put(path, content=b"x" * size if announced else pieces())
    assert answer.status_code == 413
    assert left(station) == 0
    assert (await small.put(path, content=b"short")).status_code == 201


async def test_an_upload_that_takes_too_long_is_ended(
    api: httpx.AsyncClient, station: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await want(api, station)

    async def never(*_: object) -> bool:
        raise TimeoutError

    monkeypatch.setattr(log_uploads, "_receive", never)
    assert (await api.put(path, content=b"x")).status_code == 408
    assert left(station) == 0


async def test_one_address_is_uploaded_to_twice_at_a_time_at_most(api: httpx.AsyncClient, station: Service) -> None:
    """A station may begin again before its first line is known to be dead; no more than that."""
    path = await want(api, station)
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"slow"
        await go_on.wait()

    running = [asyncio.create_task(api.put(path, content=slow())) for _ in range(2)]
    while left(station) < 2:  # noqa: ASYNC110 -- the two have begun when their files are there
        await asyncio.sleep(0)
    assert (await api.put(path, content=b"slow")).status_code == 429
    go_on.set()
    assert sorted([(await one).status_code for one in running]) == [200, 201]
    assert left(station) == 1


async def test_what_can_be_asked(api: httpx.AsyncClient, station: Service) -> None:
    assert (await api.post(LOGS, json={"type": "secrets"})).status_code == 422
    assert (await api.post(LOGS, json={"type": "data-collector"})).status_code == 409
    assert (await api.post(LOGS.replace("CS-1", "CS-9"), json={"type": "security"})).status_code == 404
    times = {"oldest": "2026-01-02T00:00:00Z", "latest": "2026-01-01T00:00:00Z"}
    assert (await api.post(LOGS, json={"type": "security", **times})).status_code == 409
    assert (await api.get(f"{LOGS}/7")).status_code == 404
    assert (await api.get(f"{LOGS}/7/content")).status_code == 404


async def test_the_console_asks_follows_and_saves(browser: httpx.AsyncClient, station: Service) -> None:  # noqa: F811
    sent = await submit(browser, "/stations/CS-1", "/stations/CS-1/logs", type="security")
    assert sent.headers["location"] == "/stations/CS-1#logs"
    path = asked(station)
    station.fleet.logs.told("CS-1", LogStatusTold("Uploaded", None))
    assert "but nothing was uploaded here" in (await browser.get("/stations/CS-1")).text
    await browser.put(path, content=b"<script>alert(1)</script>")
    assert 'href="/stations/CS-1/logs/1" download' in (await browser.get("/stations/CS-1")).text
    saved = await browser.get("/stations/CS-1/logs/1")
    assert saved.headers["content-disposition"].startswith("attachment")
    assert saved.content == b"<script>alert(1)</script>"


def test_the_command_line_asks_and_lists(voltward: Command, station: Service, tmp_path: Path) -> None:
    ran = voltward("station", "fetch-log", "CS-1", "--type", "security", "--json")
    assert (ran.code, ran.json["state"]) == (0, "sent")
    waited = voltward("station", "fetch-log", "CS-1", "--wait", "--within", "1")
    assert waited.code == 1
    assert "the log is not here" in waited.err
    assert [one["id"] for one in voltward("station", "logs", "CS-1", "--json").json["items"]] == [2, 1]
    there = tmp_path / "there"
    there.write_text("mine")
    assert voltward("station", "fetch-log", "CS-1", "--out", str(there)).code == 2
    assert there.read_text() == "mine"


def test_uploads_are_no_part_of_the_documented_api(service: Service) -> None:
    app: FastAPI = make_app(service)
    assert not [path for path in app.openapi()["paths"] if path.startswith("/logs")]
