"""The quirk book over REST, on the command line, and in the console."""

import json

import httpx
import pytest

from csms_bridge.tables import StationRow
from pki.clock import utc_now
from tests.web.commands import Command
from tests.web.conftest import token
from tests.web.test_pages import browser, form_token
from web.permissions import Role
from web.service import Service

__all__ = ["browser"]

QUIRKS = "/api/v1/quirks"
TOML = '[[row]]\nname = "boxes"\nvendor = "Acme"\n[row.quirks]\nchain = "root"\n'


def teach(service: Service, station: str = "CS-1") -> int:
    """A lesson about the chain that a station takes."""
    now = utc_now()
    with service.store.writing() as session:
        session.add(
            StationRow(
                id=station, serial=f"SN-{station}", floor=1, settled_floor=1, wanted_profile=1, added_at=now,
                updated_at=now, vendor="Acme", model="Box [20]*", firmware="1.4",
            )
        )  # fmt: skip
        session.flush()
        service.fleet.lessons.note(session, station, {"chain": "root"}, now)
    return service.fleet.lessons.page()[0].id


async def test_rows_are_put_listed_explained_and_removed(api: httpx.AsyncClient) -> None:
    put = await api.post(QUIRKS, json={"toml": TOML, "reason": "seen on site"})
    assert (put.status_code, put.json()["items"][0]["quirks"]) == (200, {"chain": "root"})
    listed = (await api.get(QUIRKS)).json()["items"]
    assert (listed[0]["name"], listed[0]["origin"], listed[0]["changed_by"]) == (
        "boxes",
        "operator",
        "token:test admin",
    )
    assert "open-ocpp" in [row["name"] for row in listed]
    explained = (await api.get(f"{QUIRKS}/explain", params={"vendor": "acme", "model": "Box"})).json()
    assert (explained["odd"], explained["decided_by"]) == ({"chain": "root"}, {"chain": "boxes"})
    assert (await api.delete(f"{QUIRKS}/boxes", params={"reason": "wrong"})).status_code == 204
    assert (await api.delete(f"{QUIRKS}/boxes")).status_code == 404
    assert (await api.get(f"{QUIRKS}/explain", params={"vendor": "acme"})).json()["odd"] == {}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "either as toml or as rows"),
        ({"toml": TOML, "rows": [{}]}, "either as toml or as rows"),
        ({"toml": "nonsense"}, "not TOML"),
        ({"rows": [{"name": "boxes", "quirks": {"chain": "every"}}]}, "row 1 (boxes), quirks.chain"),
        ({"rows": [{"name": "open-ocpp-boxes", "like": "nothing"}]}, "no shipped row"),
    ],
)
async def test_a_row_that_cannot_be_right_is_refused_in_words(api: httpx.AsyncClient, body: dict, words: str) -> None:
    refused = await api.post(QUIRKS, json=body)
    assert refused.status_code == 422
    assert words in refused.text


async def test_an_explanation_needs_to_know_of_whom(api: httpx.AsyncClient) -> None:
    assert (await api.get(f"{QUIRKS}/explain")).status_code == 422
    assert (await api.get(f"{QUIRKS}/explain", params={"station": "nobody"})).status_code == 404


async def test_a_lesson_becomes_a_row_by_a_persons_word_only(api: httpx.AsyncClient, service: Service) -> None:
    lesson = teach(service)
    assert (await api.get(f"{QUIRKS}/explain", params={"station": "CS-1"})).json()["odd"] == {}
    proposed = (await api.get(f"{QUIRKS}/lessons")).json()["items"]
    assert [(one["key"], one["value"], one["times"], one["stations"]) for one in proposed] == [
        ("chain", "root", 1, ["CS-1"])
    ]
    accepted = await api.post(f"{QUIRKS}/lessons/{lesson}/accept", json={})
    assert (accepted.status_code, accepted.json()["quirks"]) == (200, {"chain": "root"})
    assert (await api.get(f"{QUIRKS}/explain", params={"station": "CS-1"})).json()["odd"] == {"chain": "root"}
    assert (await api.get(f"{QUIRKS}/lessons")).json()["items"] == []
    assert (await api.post(f"{QUIRKS}/lessons/{lesson}/accept", json={})).status_code == 404


async def test_a_dismissed_lesson_is_proposed_no_more(api: httpx.AsyncClient, service: Service) -> None:
    lesson = teach(service)
    assert (await api.post(f"{QUIRKS}/lessons/{lesson}/dismiss", json={"reason": "one broken unit"})).status_code == 200
    assert (await api.get(f"{QUIRKS}/lessons")).json()["items"] == []
    every = (await api.get(f"{QUIRKS}/lessons", params={"every": True})).json()["items"]
    assert [one["settled"] for one in every] == ["dismissed"]


async def test_an_auditor_reads_and_changes_nothing(api: httpx.AsyncClient, service: Service) -> None:
    auditor = {"Authorization": f"Bearer {token(service, Role.AUDITOR)}"}
    assert (await api.get(QUIRKS, headers=auditor)).status_code == 200
    assert (await api.post(QUIRKS, json={"toml": TOML}, headers=auditor)).status_code == 403
    assert (await api.delete(f"{QUIRKS}/boxes", headers=auditor)).status_code == 403


def test_rows_come_from_a_file_on_the_command_line(voltward: Command, tmp_path) -> None:
    file = tmp_path / "rows.toml"
    file.write_text(TOML)
    added = voltward("quirk", "add", str(file), "--json")
    assert (added.code, added.json["items"][0]["name"]) == (0, "boxes")
    as_json = tmp_path / "row.json"
    as_json.write_text(json.dumps({"name": "more", "vendor": "Acme", "like": "everest"}))
    assert voltward("quirk", "add", str(as_json)).code == 0
    odd = voltward("quirk", "explain", "--vendor", "Acme", "--json").json
    assert odd["decided_by"]["chain"] == "boxes"
    assert odd["decided_by"]["works_while_pending"] == "more"
    assert "boxes" in voltward("quirk", "list").out
    assert voltward("quirk", "remove", "boxes", "--reason", "wrong").code == 0
    gone = voltward("quirk", "remove", "boxes")
    assert (gone.code, "voltward quirk list" in gone.err) == (2, True)


def test_a_wrong_file_is_refused_with_its_row_and_key(voltward: Command, tmp_path) -> None:
    file = tmp_path / "rows.toml"
    file.write_text(TOML.replace('"root"', '"roots"'))
    refused = voltward("quirk", "add", str(file))
    assert refused.code == 2
    assert "row 1 (boxes), quirks.chain: Input should be" in refused.err
    assert "docs/quirks.md" in refused.err


async def test_the_page_shows_the_book_and_takes_rows(browser: httpx.AsyncClient, service: Service) -> None:
    lesson = teach(service)
    page = await browser.get("/quirks", params={"vendor": "Open OCPP", "model": "CP"})
    assert page.status_code == 200
    assert "ConnexionUrl" in page.text
    assert f"/quirks/lessons/{lesson}/accept" in page.text
    for address, fields in (
        ("/quirks", {"toml": TOML}),
        (f"/quirks/lessons/{lesson}/accept", {}),
        ("/quirks/remove", {"name": "boxes"}),
    ):
        sent = await browser.post(address, data={"form_token": form_token(page), **fields})
        assert (address, sent.status_code) == (address, 303)
    assert [own.name for own in service.fleet.quirks.own_rows()] == [f"learned-{lesson}"]
    assert f"learned-{lesson}" in (await browser.get("/quirks")).text


async def test_a_form_of_somebody_elses_changes_nothing(browser: httpx.AsyncClient, service: Service) -> None:
    assert (await browser.post("/quirks", data={"toml": TOML})).status_code == 403
    assert service.fleet.quirks.own_rows() == []
