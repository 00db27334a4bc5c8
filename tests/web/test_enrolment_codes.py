"""One-time codes through API, pages and command line."""

import json
import re
from pathlib import Path

import httpx
import pytest

from tests.web.conftest import ENVIRONMENT
from tests.web.test_pages import add_station, browser, form_token, submit  # noqa: F401 -- `browser` is a fixture
from web.cli.main import exit_code_of
from web.service import Service

CODES = "/api/v1/enrolment-codes"
CODE = re.compile(r"([0-9A-HJKMNP-TV-Z]{5}-){3}[0-9A-HJKMNP-TV-Z]{5}")


@pytest.fixture
async def fleet(api: httpx.AsyncClient) -> httpx.AsyncClient:
    for number, site in ((1, "Graz"), (2, "Graz"), (3, "Linz")):
        body = {"id": f"CS-{number}", "serial": f"SN-{number}", "profile": 3, "site": site}
        assert (await api.post("/api/v1/stations", json=body)).status_code == 201
    return api


async def test_a_code_is_shown_once(fleet: httpx.AsyncClient, service: Service) -> None:
    made = await fleet.post(CODES, json={"stations": ["CS-1"], "valid_for": "48h"})
    assert made.status_code == 201
    [code] = made.json()["items"]
    assert CODE.fullmatch(code["code"])
    assert (code["station"], code["state"], code["made_by"]) == ("CS-1", "open", "token:test admin")
    listed = (await fleet.get(CODES)).json()["items"]
    assert listed == [{name: value for name, value in code.items() if name != "code"}]
    with service.store.reading() as session:
        trail = str(service.trail.records(session, kind="station", thing="CS-1", limit=100))
    assert code["code"] not in trail


async def test_codes_are_made_for_a_whole_site(fleet: httpx.AsyncClient) -> None:
    made = (await fleet.post(CODES, json={"site": "Graz"})).json()["items"]
    assert [one["station"] for one in made] == ["CS-1", "CS-2"]
    assert len({one["code"] for one in made}) == 2


async def test_codes_are_listed_by_station_and_in_pages(fleet: httpx.AsyncClient) -> None:
    await fleet.post(CODES, json={"stations": ["CS-1", "CS-2", "CS-3"]})
    of_one = (await fleet.get(CODES, params={"station": "CS-2"})).json()["items"]
    assert [one["station"] for one in of_one] == ["CS-2"]
    first = (await fleet.get(CODES, params={"limit": 2})).json()
    rest = (await fleet.get(CODES, params={"limit": 2, "after": first["next"]})).json()
    assert len({one["id"] for one in first["items"] + rest["items"]}) == 3
    assert rest["next"] is None


async def test_a_code_can_be_withdrawn(fleet: httpx.AsyncClient) -> None:
    [code] = (await fleet.post(CODES, json={"stations": ["CS-1"]})).json()["items"]
    assert (await fleet.delete(f"{CODES}/{code['id']}")).json()["state"] == "withdrawn"
    assert (await fleet.get(CODES, params={"only_open": True})).json()["items"] == []
    missing = await fleet.delete(f"{CODES}/nothing")
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:voltward:problem:unknown-code")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "stations"),
        ({"stations": ["CS-1"], "site": "Graz"}, 422, "stations"),
        ({"site": "Nowhere"}, 422, "site"),
        ({"stations": ["CS-1"], "valid_for": "soon"}, 422, "valid_for"),
        ({"stations": ["CS-1"], "valid_for": "600d"}, 422, "valid_for"),
        ({"stations": ["CS-1", "CS-9"]}, 404, None),
    ],
)
async def test_refuses_what_cannot_be_and_makes_no_code(
    fleet: httpx.AsyncClient, body: dict[str, object], status: int, field: str | None
) -> None:
    refused = await fleet.post(CODES, json=body)
    assert (refused.status_code, refused.json().get("field")) == (status, field)
    assert (await fleet.get(CODES)).json()["items"] == []


async def test_the_stations_page_makes_a_code_and_withdraws_it(browser: httpx.AsyncClient) -> None:  # noqa: F811
    await add_station(browser, "CS-1", "SN-1")
    made = await submit(browser, "/stations/CS-1", "/stations/CS-1/codes", valid="24h")
    code = CODE.search(made.text)
    assert code
    assert "VOLTWARD_WEB_TLS_PORT" in made.text, "EST is off, and whoever holds the code should know"
    page = await browser.get("/stations/CS-1")
    assert code[0] not in page.text
    action = re.search(r'action="(/stations/CS-1/codes/[0-9a-f]+/withdraw)"', page.text)
    assert action
    assert (await browser.post(action[1], data={"form_token": form_token(page)})).status_code == 303
    assert "A code is open" not in (await browser.get("/stations/CS-1")).text


async def test_a_station_that_can_do_nothing_without_a_certificate_is_offered_a_code(
    browser: httpx.AsyncClient,  # noqa: F811
) -> None:
    await add_station(browser, "CS-1", "SN-1")
    await submit(browser, "/stations/new", "/stations/new", id="CS-3", serial="SN-3", profile="3")
    assert "It has no certificate yet" not in (await browser.get("/stations/CS-1")).text
    assert "It has no certificate yet" in (await browser.get("/stations/CS-3")).text


def voltward(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = exit_code_of(list(arguments))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_command_line_makes_lists_and_withdraws(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOLTWARD_PASSPHRASE", ENVIRONMENT["VOLTWARD_PASSPHRASE"])
    here = ("--data", str(folder), "--json")
    csv = tmp_path / "stations.csv"
    csv.write_text('id,serial,profile,site\nCS-1,SN-1,3,"Graz, main"\nCS-2,SN-2,3,Linz\n')
    assert voltward(capsys, "station", "import", str(csv), *here)[0] == 0
    _, said, told = voltward(capsys, "station", "code", "--file", str(csv), "--valid", "2d", *here)
    made = json.loads(said)["items"]
    assert [one["station"] for one in made] == ["CS-1", "CS-2"]
    assert "shown once" in told
    _, said, _ = voltward(capsys, "station", "withdraw-code", made[0]["id"], *here)
    assert "withdrawn" in said
    _, said, _ = voltward(capsys, "station", "codes", "--open", *here)
    assert [one["station"] for one in json.loads(said)["items"]] == ["CS-2"]
    plain = tmp_path / "stations.txt"
    plain.write_text("\ufeffCS-2\n\n CS-1 \n")
    _, said, _ = voltward(capsys, "station", "code", "--file", str(plain), *here)
    assert [one["station"] for one in json.loads(said)["items"]] == ["CS-2", "CS-1"]
    code, _, told = voltward(capsys, "station", "code", "CS-1", "--site", "Linz", *here)
    assert (code, "one of the three" in told) == (2, True)
