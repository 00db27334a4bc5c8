import re
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from tests.web.conftest import token
from web.api import stations
from web.permissions import Role
from web.service import Service

STATIONS = "/api/v1/stations"
RFC3339_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


async def add(api: httpx.AsyncClient, station: str, **more: object) -> httpx.Response:
    return await api.post(STATIONS, json={"id": station, "serial": f"SN-{station}", **more})


async def test_a_station_has_the_shape_of_the_contract(api: httpx.AsyncClient) -> None:
    added = await add(api, "CS-1", ocpp_version="2.0.1")
    assert added.status_code == 201
    assert len(added.json()["password"]) >= 16
    station = (await api.get(f"{STATIONS}/CS-1")).json()
    wanted = {"id", "serial", "ocpp_version", "profile", "wanted_profile", "online", "hold", "last_seen"}
    assert wanted <= set(station)
    assert "password" not in station
    assert (station["profile"], station["online"], station["hold"]) == (None, False, None)
    assert RFC3339_UTC.fullmatch(station["updated_at"])


async def test_a_password_that_was_given_is_not_told_again(api: httpx.AsyncClient) -> None:
    added = await add(api, "CS-1", password="a-good-password")
    assert added.json()["password"] is None


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"id": "", "serial": "S"}, 422, "id"),
        ({"id": "CS/1", "serial": "S"}, 422, "id"),
        ({"id": "CS-1", "serial": ""}, 422, "serial"),
        ({"id": "CS-1", "serial": "S", "profile": 7}, 422, "profile"),
        ({"id": "CS-1", "serial": "S", "profile": 0, "ocpp_version": "2.1"}, 422, "profile"),
        ({"id": "CS-1", "serial": "S", "password": "short"}, 422, "password"),
        ({"id": "CS-1", "serial": "S", "colour": "red"}, 422, "colour"),
    ],
)
async def test_refuses_a_wrong_station_and_names_the_field(
    api: httpx.AsyncClient, body: dict[str, object], status: int, field: str
) -> None:
    refused = await api.post(STATIONS, json=body)
    problem = refused.json()
    assert refused.status_code == problem["status"] == status
    assert refused.headers["content-type"] == "application/problem+json"
    assert field in (problem.get("field"), *(error["field"] for error in problem.get("errors", [])))
    assert (await api.get(STATIONS)).json() == {"items": [], "next": None}


async def test_a_refusal_does_not_repeat_the_password(api: httpx.AsyncClient) -> None:
    refused = await add(api, "CS-1", password=["not", "text-but-secret"])
    assert "text-but-secret" not in refused.text


async def test_identity_and_serial_number_are_taken_once(api: httpx.AsyncClient) -> None:
    await add(api, "CS-1")
    assert (await add(api, "CS-1")).status_code == 409
    twin = await api.post(STATIONS, json={"id": "CS-2", "serial": "SN-CS-1"})
    assert (twin.status_code, twin.json()["field"]) == (409, "serial")


async def test_an_import_takes_all_or_nothing_and_names_the_row(api: httpx.AsyncClient) -> None:
    rows = [{"id": "CS-1", "serial": "A"}, {"id": "CS-2", "serial": "B", "password": "short"}]
    refused = await api.post(f"{STATIONS}/import", json={"stations": rows})
    assert (refused.status_code, refused.json()["row"]) == (422, 2)
    assert (await api.get(STATIONS)).json()["items"] == []
    rows[1]["password"] = "long enough now"
    added = await api.post(f"{STATIONS}/import", json={"stations": rows})
    assert [bool(one["password"]) for one in added.json()["items"]] == [True, False]


async def test_pages_follow_each_other(api: httpx.AsyncClient) -> None:
    rows = [{"id": f"CS-{number}", "serial": f"S{number}"} for number in range(5)]
    await api.post(f"{STATIONS}/import", json={"stations": rows})
    seen, after = [], None
    while True:
        page = (await api.get(STATIONS, params={"limit": 2} | ({"after": after} if after else {}))).json()
        seen += [station["id"] for station in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == [f"CS-{number}" for number in range(5)]
    assert (await api.get(STATIONS, params={"limit": 0})).status_code == 422


async def test_unknown_stations_are_not_found_anywhere(api: httpx.AsyncClient) -> None:
    for path in ("", "/posture", "/messages", "/certificates", "/timeline", "/commands/1"):
        answer = await api.get(f"{STATIONS}/none{path}")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:voltward:problem:unknown-station"), path


async def test_posture_messages_and_timeline_of_a_new_station(api: httpx.AsyncClient) -> None:
    await add(api, "CS-1")
    posture = (await api.get(f"{STATIONS}/CS-1/posture")).json()
    assert (posture["station"]["id"], posture["transport"], posture["admissions"]) == ("CS-1", None, [])
    assert (await api.get(f"{STATIONS}/CS-1/messages")).json() == {"items": [], "next": None}
    timeline = (await api.get(f"{STATIONS}/CS-1/timeline")).json()["items"]
    assert [entry["what"] for entry in timeline] == ["station:added"]


async def test_a_cursor_that_is_none_is_refused(api: httpx.AsyncClient) -> None:
    await add(api, "CS-1")
    refused = await api.get(f"{STATIONS}/CS-1/messages", params={"after": "x"})
    assert (refused.status_code, refused.json()["field"]) == (422, "after")


async def test_removing_needs_a_reason(api: httpx.AsyncClient) -> None:
    await add(api, "CS-1")
    assert (await api.post(f"{STATIONS}/CS-1/remove", json={})).status_code == 422
    assert (await api.post(f"{STATIONS}/CS-1/remove", json={"reason": "scrapped"})).status_code == 204
    assert (await api.get(f"{STATIONS}/CS-1")).status_code == 404


async def test_only_three_may_go_back_to_two(api: httpx.AsyncClient) -> None:
    await add(api, "CS-1")
    refused = await api.post(f"{STATIONS}/CS-1/permit", json={"profile": 2, "reason": "repair"})
    assert refused.status_code == 422


async def test_a_command_for_a_station_that_is_away_is_refused(api: httpx.AsyncClient) -> None:
    await add(api, "CS-1", ocpp_version="1.6")
    refused = await api.post(f"{STATIONS}/CS-1/commands", json={"action": "Reset", "payload": {"type": "Soft"}})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:voltward:problem:command-refused")


def connected(service: Service, station: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the fleet take a registered station for a connected one; nothing holds its socket."""
    seen = replace(service.fleet.station(station), online=True)
    monkeypatch.setattr(service.fleet._registry, "station", lambda _: seen)


async def test_a_command_that_is_not_sent_in_time_is_withdrawn(
    api: httpx.AsyncClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(api, "CS-1", ocpp_version="1.6")
    connected(service, "CS-1", monkeypatch)
    monkeypatch.setattr(stations, "_POLL", 0)
    short = service.settings.web.model_copy(update={"command_timeout": timedelta(0)})
    service = replace(service, settings=service.settings.model_copy(update={"web": short}))
    waiting = service.fleet.order_command("CS-1", "ClearCache", {}, "operator")
    given_up = await stations._await_answer(service, waiting)
    assert (given_up.state, given_up.error) == ("failed", "it was not sent in time and is withdrawn")
    assert service.fleet._orders.claim({"CS-1"}) == []


async def test_a_command_that_was_sent_is_left_to_its_end(
    api: httpx.AsyncClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(api, "CS-1", ocpp_version="1.6")
    connected(service, "CS-1", monkeypatch)
    order = service.fleet.order_command("CS-1", "ClearCache", {}, "operator")
    service.fleet._orders.claim({"CS-1"})
    assert service.fleet.withdraw_command(order.id).state == "sent"


async def test_a_command_is_found_under_its_own_station_only(
    api: httpx.AsyncClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(api, "CS-1", ocpp_version="1.6")
    await add(api, "CS-2", ocpp_version="1.6")
    with monkeypatch.context() as while_connected:
        connected(service, "CS-1", while_connected)
        order = service.fleet.order_command("CS-1", "ClearCache", {}, "operator")
    assert (await api.get(f"{STATIONS}/CS-1/commands/{order.id}")).json()["id"] == order.id
    other = await api.get(f"{STATIONS}/CS-2/commands/{order.id}")
    assert (other.status_code, other.json()["type"]) == (404, "urn:voltward:problem:unknown-command")


async def test_force_is_for_admins(anonymous: httpx.AsyncClient, service: Service) -> None:
    anonymous.headers["Authorization"] = f"Bearer {token(service, Role.OPERATOR)}"
    await add(anonymous, "CS-1")
    command = {"action": "Reset", "payload": {}, "force": True}
    denied = await anonymous.post(f"{STATIONS}/CS-1/commands", json=command)
    assert (denied.status_code, denied.json()["type"]) == (403, "urn:voltward:problem:not-allowed")


async def test_the_overview_counts(api: httpx.AsyncClient) -> None:
    await add(api, "CS-1")
    overview = (await api.get("/api/v1/overview")).json()
    assert overview["total"] == 1
    assert overview["by_profile"] == {"never seen": 1, "0": 0, "1": 0, "2": 0, "3": 0}


async def test_a_station_is_made_quiet_and_talked_to_again(api: httpx.AsyncClient) -> None:
    assert (await add(api, "CS-1")).json()["quiet"] is False
    assert (await add(api, "CS-2", quiet=True)).json()["quiet"] is True
    asked = {"quiet": True, "reason": "certification"}
    assert (await api.post(f"{STATIONS}/CS-1/quiet", json=asked)).json()["quiet"] is True
    assert (await api.get(f"{STATIONS}/CS-1")).json()["quiet"] is True
    told = (await api.get(f"{STATIONS}/CS-1/timeline")).json()["items"][0]
    assert (told["what"], told["by"]) == ("station:made-quiet", "token:test admin")
    assert told["text"].endswith("certification")
    back = await api.post(f"{STATIONS}/CS-1/quiet", json={"quiet": False, "reason": "done"})
    assert back.json()["quiet"] is False


@pytest.mark.parametrize("body", [{"quiet": True}, {"reason": "why"}, {"quiet": True, "reason": ""}])
async def test_making_a_station_quiet_needs_a_reason(api: httpx.AsyncClient, body: dict[str, object]) -> None:
    await add(api, "CS-1")
    assert (await api.post(f"{STATIONS}/CS-1/quiet", json=body)).status_code == 422
    assert (await api.get(f"{STATIONS}/CS-1")).json()["quiet"] is False
