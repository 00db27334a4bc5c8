"""Roots on stations through the API, the command line and the console."""

import asyncio
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from csms_bridge.admission import Admitted
from csms_bridge.arrivals import Line
from csms_bridge.hash_data import hash_data, named
from csms_bridge.station import NewStation, OcppVersion, SecurityProfile
from tests.pki.makers import Maker, maker_root
from tests.web.commands import Command
from tests.web.conftest import token
from tests.web.test_pages import browser, submit  # noqa: F401 -- a fixture
from web.permissions import Role
from web.service import Service

ROOTS = "/api/v1/stations/CS-1/roots"
STRANGER = maker_root("A stranger's root")


@pytest.fixture
def station(service: Service) -> Service:
    """CS-1 is connected on profile 2, and lists our root and a stranger's."""
    profile = SecurityProfile.TLS_BASIC
    service.fleet.add_station(NewStation("CS-1", "SN-1", OcppVersion.V201, profile), "operator")
    seen = Admitted(profile, "ocpp2.0.1", None)
    service.fleet.desk.sightings.connected("CS-1", seen, OcppVersion.V201, None, Line("192.0.2.7", "TLSv1.3"))
    listed(service, "CSMSRootCertificate", service.authority.authority("root").der, STRANGER.der)
    return service


def listed(service: Service, kind: str, *certificates: bytes) -> None:
    """The station answers the question for its certificates."""
    service.fleet.roots.list_now("CS-1", (), "operator")
    chains = [{"certificateType": kind, "certificateHashData": spelt(der)} for der in certificates]
    answered(service, {"status": "Accepted", "certificateHashDataChain": chains})


def answered(service: Service, answer: object) -> list[dict[str, object]]:
    orders = service.fleet.desk.orders.claim({"CS-1"})
    for order in orders:
        service.fleet.desk.orders.finish(order, answer)
    return [order.payload for order in orders]


def spelt(der: bytes) -> dict[str, str]:
    told = hash_data(named(der))
    return {
        "hashAlgorithm": told.algorithm,
        "issuerNameHash": told.issuer_name_hash,
        "issuerKeyHash": told.issuer_key_hash,
        "serialNumber": told.serial_number,
    }


async def while_answering(service: Service, answer: object, request: asyncio.Task[httpx.Response]) -> httpx.Response:
    """Play the station while somebody waits for it."""
    while not request.done():
        await asyncio.to_thread(answered, service, answer)
        await asyncio.sleep(0.01)
    return request.result()


def entry_of(shown: dict[str, list[dict[str, object]]], name: str | None) -> object:
    return next(entry["id"] for entry in shown["entries"] if entry["name"] == name)


async def test_what_is_there_and_what_ought_to_be(api: httpx.AsyncClient, station: Service) -> None:
    shown = (await api.get(ROOTS)).json()
    assert [(one["known_as"], one["name"]) for one in shown["entries"]] == [("authority", "root"), (None, None)]
    assert shown["unknown"] == 1
    assert shown["entries"][1]["hash_data"]["serial_number"] == f"{STRANGER.certificate.serial_number:x}"
    presence = {tuple(one["roots"]): one["presence"] for one in shown["expected"]}
    assert presence == {("root",): "listed", ("root-rsa",): "optional"}
    (trust,) = [root for root in (await api.get("/api/v1/roots")).json()["items"] if root["name"] == "root"]
    assert (trust["listed_by"], trust["believed_by"], trust["unknown_at"]) == (1, 0, 0)
    assert (await api.get("/api/v1/stations/CS-9/roots")).status_code == 404


async def test_a_list_is_asked_for_and_waited_for(api: httpx.AsyncClient, station: Service) -> None:
    asking = asyncio.create_task(api.post(f"{ROOTS}/list", json={"kinds": ["csms"]}))
    answer = await while_answering(station, {"status": "NotFound"}, asking)
    (act,) = answer.json()["items"]
    assert (answer.status_code, act["state"], act["kinds"]) == (200, "done", ["csms"])
    assert (await api.get(ROOTS)).json()["entries"] == []


async def test_a_root_is_installed_and_the_answer_told(api: httpx.AsyncClient, station: Service) -> None:
    asking = asyncio.create_task(api.post(ROOTS, json={"kind": "csms", "root": "root-rsa", "reason": "no ECDSA"}))
    answer = await while_answering(station, {"status": "Rejected"}, asking)
    assert (answer.status_code, answer.json()["state"]) == (200, "rejected")
    assert (await api.get(f"{ROOTS}/acts/{answer.json()['id']}")).json() == answer.json()


async def test_nobody_waits_for_one_that_is_away(api: httpx.AsyncClient, station: Service) -> None:
    sightings = station.fleet.desk.sightings
    sightings.disconnected("CS-1", station.fleet.station("CS-1").connected_at)
    answer = await api.post(ROOTS, json={"kind": "csms", "root": "root-rsa"})
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")


async def test_an_entry_is_deleted_in_the_stations_own_words(api: httpx.AsyncClient, station: Service) -> None:
    entry = entry_of((await api.get(ROOTS)).json(), None)
    asking = asyncio.create_task(api.post(f"{ROOTS}/{entry}/delete", json={"reason": "nobody knows it"}))
    sent: list[dict[str, object]] = []
    while not asking.done():
        sent += await asyncio.to_thread(answered, station, {"status": "Accepted"})
        await asyncio.sleep(0.01)
    assert asking.result().json()["state"] == "done"
    assert sent == [{"certificateHashData": spelt(STRANGER.der)}]


async def test_a_deletion_that_does_not_go_out_is_withdrawn(
    api: httpx.AsyncClient, station: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    shortened = station.settings.web.model_copy(update={"command_timeout": station.settings.web.command_timeout * 0})
    object.__setattr__(station.settings, "web", shortened)
    entry = entry_of((await api.get(ROOTS)).json(), None)
    answer = await api.post(f"{ROOTS}/{entry}/delete", json={"reason": "nobody knows it"})
    assert answer.json()["state"] == "unsent"
    assert answered(station, {"status": "Accepted"}) == []


async def test_the_root_in_use_stays(api: httpx.AsyncClient, station: Service) -> None:
    entry = entry_of((await api.get(ROOTS)).json(), "root")
    answer = await api.post(f"{ROOTS}/{entry}/delete", json={"reason": "x", "force": True})
    assert (answer.status_code, answer.json()["code"]) == (409, "in-use")


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "csms"},
        {"kind": "csms", "root": "root", "certificate": "x"},
        {"kind": "csms", "certificate": "x", "signed_by": "root"},
        {"kind": "server", "root": "root"},
        {"kind": "csms", "certificate": "no certificate"},
    ],
)
async def test_what_makes_no_sense_is_refused(api: httpx.AsyncClient, station: Service, body: dict[str, str]) -> None:
    assert (await api.post(ROOTS, json=body)).status_code == 422


async def test_a_strangers_root_is_for_admins(anonymous: httpx.AsyncClient, station: Service) -> None:
    anonymous.headers["Authorization"] = f"Bearer {token(station, Role.OPERATOR)}"
    entry = entry_of((await anonymous.get(ROOTS)).json(), None)
    body = {"kind": "csms", "certificate": STRANGER.pem.decode()}
    assert (await anonymous.post(ROOTS, json=body)).status_code == 403
    forced = {"reason": "x", "force": True}
    assert (await anonymous.post(f"{ROOTS}/{entry}/delete", json=forced)).status_code == 403
    record = {"name": "stranger", "certificate": STRANGER.pem.decode()}
    assert (await anonymous.post("/api/v1/recorded-roots", json=record)).status_code == 403


async def test_recorded_roots(api: httpx.AsyncClient, station: Service) -> None:
    body = {"name": "stranger", "certificate": STRANGER.pem.decode(), "note": "the factory's"}
    made = await api.post("/api/v1/recorded-roots", json=body)
    assert (made.status_code, made.json()["note"]) == (201, "the factory's")
    station.fleet.roots.round()
    assert (await api.get(ROOTS)).json()["unknown"] == 0
    assert [one["name"] for one in (await api.get("/api/v1/recorded-roots")).json()["items"]] == ["stranger"]
    gone = await api.delete("/api/v1/recorded-roots/stranger", params={"reason": "a mistake"})
    assert gone.status_code == 204
    again = await api.delete("/api/v1/recorded-roots/stranger", params={"reason": "twice"})
    assert again.status_code == 404


# --- the console


async def test_the_page_shows_what_is_there_and_what_is_not(browser: httpx.AsyncClient, station: Service) -> None:  # noqa: F811
    page = (await browser.get("/stations/CS-1")).text
    assert "1 of its certificates nobody here knows" in page
    assert "above our ECDSA server certificate" in page
    assert "1 list it" in (await browser.get("/roots")).text
    assert "1 station lists certificates that nobody here knows" in (await browser.get("/roots")).text


async def test_a_root_is_installed_and_one_deleted_from_the_page(browser: httpx.AsyncClient, station: Service) -> None:  # noqa: F811
    path = "/stations/CS-1/roots"
    fields = {"kind": "csms", "root": "root-rsa", "reason": "no ECDSA"}
    asking = asyncio.create_task(submit(browser, "/stations/CS-1", path, **fields))
    answer = await while_answering(station, {"status": "Accepted"}, asking)
    assert (answer.status_code, answer.headers["location"]) == (303, "/stations/CS-1#roots")
    view = station.fleet.roots.view("CS-1")
    assert (view.acts[0].name, view.acts[0].state) == ("root-rsa", "done")
    entry = view.unknown[0].id
    mistyped = await submit(browser, "/stations/CS-1", f"{path}/{entry}/delete", reason="x", typed="CS-2")
    assert mistyped.status_code == 422
    asking = asyncio.create_task(submit(browser, "/stations/CS-1", f"{path}/{entry}/delete", reason="x", typed="CS-1"))
    assert (await while_answering(station, {"status": "Accepted"}, asking)).status_code == 303
    assert station.fleet.roots.view("CS-1").unknown == ()
    page = (await browser.get("/stations/CS-1")).text
    assert "the station has deleted it" in page


async def test_an_empty_form_installs_nothing(browser: httpx.AsyncClient, station: Service) -> None:  # noqa: F811
    assert (await submit(browser, "/stations/CS-1", "/stations/CS-1/roots", kind="csms")).status_code == 422


# --- the command line


def test_the_commands(voltward: Command, tmp_path: Path) -> None:
    voltward("station", "add", "CS-1", "--serial", "SN-1", "--ocpp", "1.6")
    shown = voltward("station", "roots", "CS-1", "--json").json
    assert (shown["entries"], shown["expected"][0]["presence"]) == ([], "unknown")
    asked = voltward("station", "roots", "CS-1", "--refresh")
    assert (asked.code, "queued" in asked.err) == (0, True)
    queued = voltward("station", "install-root", "CS-1", "--root", "root", "--kind", "csms", "--json")
    assert (queued.code, queued.json["state"]) == (0, "queued")
    away = voltward("station", "delete-root", "CS-1", "1", "--reason", "x")
    assert (away.code, "there is no root '1'" in away.err) == (2, True)
    both = voltward("station", "install-root", "CS-1", "--kind", "csms")
    assert (both.code, "--root or --file" in both.err) == (2, True)
    leaf = written(tmp_path, STRANGER.below("Sub CA"))
    refused = voltward("station", "install-root", "CS-1", "--file", str(leaf), "--kind", "csms")
    assert (refused.code, "not by itself" in refused.err) == (2, True)


def test_recording_on_the_command_line(voltward: Command, tmp_path: Path) -> None:
    file = written(tmp_path, STRANGER)
    assert voltward("recorded-root", "add", str(file), "--name", "stranger", "--json").json["name"] == "stranger"
    assert "stranger" in voltward("recorded-root", "list").out
    assert voltward("recorded-root", "remove", "stranger", "--reason", "a mistake").code == 0
    assert voltward("recorded-root", "list", "--json").json["items"] == []


def written(folder: Path, maker: Maker) -> Path:
    file = folder / "root.der"
    file.write_bytes(maker.certificate.public_bytes(Encoding.DER))
    return file
