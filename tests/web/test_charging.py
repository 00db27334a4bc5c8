"""Transactions, messages for a CSMS, and tokens that may charge: REST, command line and pages."""

import json
from pathlib import Path

import httpx
import pytest

from csms_bridge.charging_book import Told
from csms_bridge.dialects import DIALECTS
from csms_bridge.station import NewStation, OcppVersion
from tests.web.commands import Command
from tests.web.conftest import token
from tests.web.test_pages import browser, form_token  # noqa: F401 -- `browser` is a fixture
from web.permissions import Role
from web.service import Service

API = "/api/v1"
V16 = OcppVersion.V16


def tell(service: Service, action: str, payload: dict[str, object]) -> int:
    event = DIALECTS[V16].event(action, payload)
    return service.fleet.charging.take(Told("CS-1", V16, action, payload, event))  # type: ignore[arg-type]


def charge(service: Service) -> int:
    """One session of a station: a start and a stop."""
    service.fleet.add_station(NewStation("CS-1", "SN-1"), "user:anna")
    start: dict[str, object] = {
        "connectorId": 1,
        "idTag": "04<A1>",
        "meterStart": 0,
        "timestamp": "2026-03-02T12:00:00Z",
    }
    number = tell(service, "StartTransaction", start)
    stop: dict[str, object] = {"transactionId": number, "meterStop": 9, "timestamp": "2026-03-02T13:00:00Z"}
    tell(service, "StopTransaction", stop)
    return number


async def test_transactions_and_their_messages(api: httpx.AsyncClient, service: Service) -> None:
    number = charge(service)
    [transaction] = (await api.get(f"{API}/transactions")).json()["items"]
    assert (transaction["id"], transaction["station"], transaction["token"]) == (number, "CS-1", "04<A1>")
    assert (await api.get(f"{API}/transactions", params={"open": True})).json()["items"] == []
    first = (await api.get(f"{API}/transactions/messages", params={"limit": 1})).json()
    assert first["items"][0]["payload"]["meterStart"] == 0
    second = (await api.get(f"{API}/transactions/messages", params={"after": first["next"]})).json()
    assert [one["action"] for one in second["items"]] == ["StopTransaction"]
    assert second["next"] is None


async def test_messages_are_handed_over(api: httpx.AsyncClient, service: Service) -> None:
    charge(service)
    ids = [one["id"] for one in (await api.get(f"{API}/transactions/messages")).json()["items"]]
    for expected in (2, 0):
        noted = await api.post(f"{API}/transactions/handed-over", json={"messages": ids})
        assert noted.json() == {"handed_over": expected}
    assert (await api.get(f"{API}/transactions/messages", params={"kept_here": True})).json()["items"] == []
    assert len((await api.get(f"{API}/transactions/messages")).json()["items"]) == 2


@pytest.mark.parametrize("body", [{"messages": []}, {"messages": [0]}, {"messages": [2**63]}, {}])
async def test_a_hand_over_of_nothing_is_refused(api: httpx.AsyncClient, body: dict[str, object]) -> None:
    assert (await api.post(f"{API}/transactions/handed-over", json=body)).status_code == 422


@pytest.mark.parametrize("query", [{"since": "2026-03-01T00:00:00"}, {"since": "yesterday"}, {"after": "x"}])
async def test_a_query_that_cannot_be_is_refused(api: httpx.AsyncClient, query: dict[str, str]) -> None:
    assert (await api.get(f"{API}/transactions/messages", params=query)).status_code == 422


async def test_an_auditor_reads_and_hands_nothing_over(api: httpx.AsyncClient, service: Service) -> None:
    auditor = {"Authorization": f"Bearer {token(service, Role.AUDITOR)}"}
    assert (await api.get(f"{API}/transactions", headers=auditor)).status_code == 200
    refused = await api.post(f"{API}/transactions/handed-over", json={"messages": [1]}, headers=auditor)
    assert refused.status_code == 403
    refused = await api.post(f"{API}/id-tokens", json={"tokens": [{"token": "04A1"}]}, headers=auditor)
    assert refused.status_code == 403


async def test_tokens_are_listed_and_removed(api: httpx.AsyncClient) -> None:
    tokens = [
        {"token": "04A1/x", "note": "Anna"},
        {"token": "04A2", "blocked": True, "expires_at": "2030-01-01T00:00:00Z"},
    ]
    put = await api.post(f"{API}/id-tokens", json={"tokens": tokens})
    assert [one["token"] for one in put.json()["items"]] == ["04A1/x", "04A2"]
    listed = (await api.get(f"{API}/id-tokens")).json()["items"]
    assert [(one["token"], one["blocked"], one["expires_at"]) for one in listed] == [
        ("04A1/x", False, None),
        ("04A2", True, "2030-01-01T00:00:00Z"),
    ]
    assert (await api.delete(f"{API}/id-tokens/04a1%2Fx", params={"reason": "left"})).status_code == 204
    assert (await api.delete(f"{API}/id-tokens/04a1%2Fx")).status_code == 404


@pytest.mark.parametrize(
    "entry",
    [
        {"token": ""},
        {"token": " x"},
        {"token": "x", "expires_at": "soon"},
        {"token": "x", "note": "\n"},
        {"token": "x\0"},
    ],
)
async def test_a_token_that_cannot_be_is_refused(api: httpx.AsyncClient, entry: dict[str, str]) -> None:
    refused = await api.post(f"{API}/id-tokens", json={"tokens": [{"token": "good"}, entry]})
    assert refused.status_code == 422
    assert (await api.get(f"{API}/id-tokens")).json()["items"] == []


def test_the_command_line_exports_and_hands_over(voltward: Command, service: Service) -> None:
    charge(service)
    listed = voltward("transactions", "list", "--json").json
    assert [one["station"] for one in listed["items"]] == ["CS-1"]
    lines = voltward("transactions", "export").out.splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["StartTransaction", "StopTransaction"]
    assert voltward("transactions", "export", "--hand-over").out.splitlines() == lines
    again = voltward("transactions", "export", "--hand-over")
    assert (again.out, again.err) == ("", "0 messages, handed over\n")
    assert voltward("transactions", "export", "--since", "2999-01-01T00:00:00Z").out == ""
    assert voltward("transactions", "export", "--since", "yesterday").code != 0


def test_the_command_line_keeps_the_list(voltward: Command, tmp_path: Path) -> None:
    assert voltward("id-token", "add", "04A1", "--note", "Anna", "--expires", "2030-01-01T00:00:00Z").code == 0
    file = tmp_path / "tokens.csv"
    file.write_text("token,blocked,note\n04A2,yes,lost\n04A3,,\n")
    assert voltward("id-token", "import", str(file)).code == 0
    listed = voltward("id-token", "list", "--json").json["items"]
    assert [(one["token"], one["blocked"], one["note"]) for one in listed] == [
        ("04A1", False, "Anna"),
        ("04A2", True, "lost"),
        ("04A3", False, ""),
    ]
    assert voltward("id-token", "remove", "04a1", "--reason", "left").code == 0
    refused = voltward("id-token", "remove", "04a1")
    assert (refused.code, refused.err.splitlines()[0]) == (2, "error: the token '04a1' is not listed")


@pytest.mark.parametrize(
    "text", ["", "token\n", "name\nx\n", "token,extra\nx,y\n", "token,blocked\nx,perhaps\n", "token\n\xe9\n"]
)
def test_a_file_that_is_no_list_changes_nothing(voltward: Command, tmp_path: Path, text: str) -> None:
    file = tmp_path / "tokens.csv"
    file.write_bytes(text.encode("latin-1"))
    assert voltward("id-token", "import", str(file)).code != 0
    assert voltward("id-token", "list", "--json").json["items"] == []


async def test_the_pages_show_charging_and_keep_the_list(
    browser: httpx.AsyncClient,  # noqa: F811 -- the fixture
    service: Service,
) -> None:
    assert "No station has told of one" in (await browser.get("/charging")).text
    charge(service)
    shown = (await browser.get("/charging")).text
    assert "04&lt;A1&gt;" in shown
    assert "2 messages since" in shown
    assert "No station has told of one" in (await browser.get("/charging", params={"station": "CS-2"})).text

    async def submit(address: str, **fields: str) -> httpx.Response:
        given = form_token(await browser.get("/charging/id-tokens"))
        return await browser.post(address, data={"form_token": given, **fields})

    assert (await submit("/charging/id-tokens", token="04<A1>", note="Anna")).status_code == 303
    page = (await browser.get("/charging/id-tokens")).text
    assert "04&lt;A1&gt;" in page
    assert "The policy is <b>no</b>" in page
    assert (await submit("/charging/id-tokens/remove", token="04<a1>")).status_code == 303
    assert "04&lt;A1&gt;" not in (await browser.get("/charging/id-tokens")).text
