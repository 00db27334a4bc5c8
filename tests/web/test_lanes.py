"""Ways back and bootstrap, by API, command line and form."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from csms_bridge.recovery.words import Ask, Loss
from pki.anchors import Anchor
from tests.pki.makers import maker_root
from tests.web.commands import Command
from tests.web.requests import request_pem
from tests.web.test_pages import browser, submit  # noqa: F401 -- a fixture
from web.permissions import Role
from web.service import Service

STATIONS = "/api/v1/stations"


@pytest.fixture
async def station(api: httpx.AsyncClient) -> str:
    """One on profile 3 with a certificate."""
    await api.post(STATIONS, json={"id": "CS-1", "serial": "SN-1", "profile": 3})
    asked = {"csr": request_pem("SN-1"), "profile": "station", "station": "CS-1"}
    assert (await api.post("/api/v1/certificates", json=asked)).status_code == 201
    return "CS-1"


@pytest.fixture
def anchor(service: Service) -> Anchor:
    return service.authority.anchors.add(maker_root().pem, "Volt Motors", "volt", "tests")


async def test_a_recovery_lane_is_opened_and_closed(api: httpx.AsyncClient, station: str) -> None:
    opened = await api.post(f"{STATIONS}/{station}/recovery", json={"valid_for": "2d", "reason": "in a warehouse"})
    assert opened.status_code == 200
    assert opened.json()["recovery_reason"] == "in a warehouse"
    assert opened.json()["recovery_until"] is not None
    closed = await api.post(f"{STATIONS}/{station}/recovery/end", json={"reason": "scrapped"})
    assert closed.json()["recovery_until"] is None
    assert (await api.post(f"{STATIONS}/{station}/recovery/end", json={"reason": "x"})).status_code == 422


LOST = {"loss": "lost", "valid_for": "24h", "reason": "flash memory broken"}


async def test_the_password_that_is_made_for_a_way_back_is_shown_once(api: httpx.AsyncClient, station: str) -> None:
    told = (await api.post(f"{STATIONS}/{station}/recovery/preview", json=LOST)).json()["says"]
    opened = (await api.post(f"{STATIONS}/{station}/recovery", json=LOST)).json()
    assert len(opened["password"]) == 20
    assert opened["recovery"]["says"] == told
    assert (opened["recovery"]["state"], opened["recovery"]["then_walk"]) == ("open", 3)
    found = (await api.get("/api/v1/recoveries", params={"station": station})).json()["items"]
    assert [one["id"] for one in found] == [opened["recovery"]["id"]]
    assert opened["password"] not in (await api.get(f"/api/v1/recoveries/{found[0]['id']}")).text
    certificates = (await api.get(f"{STATIONS}/{station}/certificates")).json()["items"]
    assert [one["state"] for one in certificates] == ["revoked"]
    again = await api.post(f"{STATIONS}/{station}/recovery", json=LOST)
    assert (again.status_code, again.json()["type"]) == (409, "urn:voltward:problem:recovery-not-now")


async def test_another_person_approves_where_that_is_asked_for(
    anonymous: httpx.AsyncClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asked cannot, with whichever token; an auditor may look and do nothing."""
    custom = replace(service.fleet.recoveries._custom, approvals=1)
    monkeypatch.setattr(service.fleet.recoveries, "_custom", custom)
    people = {
        name: {"Authorization": f"Bearer {service.accounts.make_token(name, role, owner)[1].text()}"}
        for name, role, owner in (
            ("anna", Role.OPERATOR, "user:anna"), ("annas-other", Role.OPERATOR, "user:anna"),
            ("bob", Role.OPERATOR, "user:bob"), ("auditor", Role.AUDITOR, "user:eve"),
        )
    }  # fmt: skip
    anna = people["anna"]
    await anonymous.post(STATIONS, json={"id": "CS-1", "serial": "SN-1", "profile": 3}, headers=anna)
    asked = (await anonymous.post(f"{STATIONS}/CS-1/recovery", json=LOST, headers=anna)).json()
    assert (asked["recovery"]["state"], asked["recovery"]["missing"]) == ("waiting", 1)
    path = f"/api/v1/recoveries/{asked['recovery']['id']}/approve"
    for name, status in (("anna", 403), ("annas-other", 403), ("auditor", 403), ("bob", 200), ("bob", 200)):
        assert (await anonymous.post(path, json={}, headers=people[name])).status_code == status, name
    found = (await anonymous.get("/api/v1/recoveries", params={"state": "open"}, headers=people["auditor"])).json()
    assert [one["approvals"][0]["person"] for one in found["items"]] == ["user:bob"]
    refused = await anonymous.post(path.replace("approve", "refuse"), json={"reason": "x"}, headers=people["bob"])
    assert refused.status_code == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"loss": "swapped"}, "new_serial"),
        ({"loss": "lost", "new_serial": "SN-9"}, "new_serial"),
        ({"loss": "lost", "proof": "maker"}, "maker"),
        ({"loss": "lost", "proof": "certificate"}, "proof"),
        ({"loss": "lost", "then_walk": 2}, "then_walk"),
    ],
)
async def test_what_is_wrong_with_a_way_back_is_named(
    api: httpx.AsyncClient, station: str, body: dict[str, str], field: str
) -> None:
    refused = await api.post(f"{STATIONS}/{station}/recovery", json={**LOST, **body})
    assert (refused.status_code, refused.json()["field"]) == (422, field)


@pytest.mark.parametrize(
    "body",
    [{"valid_for": "1y", "reason": "x"}, {"valid_for": "31d", "reason": "x"}, {"valid_for": "1h"}, {"reason": ""}],
)
async def test_a_lane_needs_a_span_and_a_reason(api: httpx.AsyncClient, station: str, body: dict[str, str]) -> None:
    assert (await api.post(f"{STATIONS}/{station}/recovery", json=body)).status_code == 422
    assert (await api.get(f"{STATIONS}/{station}")).json()["recovery_until"] is None


async def test_a_station_without_a_certificate_has_none_to_renew(api: httpx.AsyncClient) -> None:
    await api.post(STATIONS, json={"id": "CS-2", "serial": "SN-2"})
    refused = await api.post(f"{STATIONS}/CS-2/recovery", json={"reason": "x"})
    assert refused.status_code == 422
    assert "never had a certificate of ours" in refused.json()["detail"]
    assert (await api.post(f"{STATIONS}/CS-9/recovery", json={"reason": "x"})).status_code == 404


async def test_a_maker_may_vouch_when_its_root_is_an_anchor(api: httpx.AsyncClient, anchor: Anchor) -> None:
    body = {"id": "CS-1", "serial": "SN-1", "profile": 3}
    refused = await api.post(STATIONS, json={**body, "bootstrap": "Watt Motors"})
    assert (refused.status_code, refused.json()["field"]) == (422, "bootstrap")
    refused = await api.post(f"{STATIONS}/import", json={"stations": [{**body, "bootstrap": "Watt Motors"}]})
    assert (refused.status_code, refused.json()["field"]) == (422, "bootstrap")
    added = await api.post(STATIONS, json={**body, "bootstrap": anchor.vendor})
    assert added.json()["bootstrap"] == "Volt Motors"
    ended = await api.post(f"{STATIONS}/CS-1/bootstrap", json={"vendor": "", "reason": "delivered without"})
    assert ended.json()["bootstrap"] == ""


def test_the_command_line_does_the_same(voltward: Command) -> None:
    voltward("station", "add", "CS-1", "--serial", "SN-1", "--profile", "3")
    refused = voltward("station", "recover", "CS-1", "--reason", "x")
    assert refused.code == 2
    assert "never had a certificate of ours" in refused.err
    assert voltward("station", "recover", "CS-1", "--for", "1h", "--end", "--reason", "x").code == 2
    assert voltward("station", "recover", "CS-1", "--end", "--reason", "x").code == 2
    refused = voltward("station", "bootstrap", "CS-1", "--vendor", "Volt Motors", "--reason", "x")
    assert "no anchor of 'Volt Motors'" in refused.err
    assert voltward("station", "bootstrap", "CS-1", "--reason", "x").code == 2
    shown = voltward("station", "bootstrap", "CS-1", "--off", "--reason", "x", "--json")
    assert shown.json["bootstrap"] == ""


def test_the_command_line_asks_for_other_ways_back(voltward: Command) -> None:
    voltward("station", "add", "CS-1", "--serial", "SN-1", "--profile", "3")
    shown = voltward("station", "recover", "CS-1", "--loss", "swapped", "--new-serial", "SN-9", "--preview",
                     "--reason", "lightning")  # fmt: skip
    assert "The serial number becomes SN-9" in shown.err
    asked = voltward("station", "recover", "CS-1", "--loss", "swapped", "--new-serial", "SN-9", "--reason", "lightning",
                     "--json").json  # fmt: skip
    assert (asked["serial"], len(asked["password"])) == ("SN-9", 20)
    listed = voltward("recovery", "list", "--state", "open", "--json").json["items"]
    assert [one["id"] for one in listed] == [asked["recovery"]["id"]]
    assert voltward("recovery", "show", listed[0]["id"], "--json").json["old_serial"] == "SN-1"
    assert voltward("recovery", "approve", listed[0]["id"]).code == 0  # it is open already
    assert voltward("recovery", "refuse", listed[0]["id"], "--reason", "x").code == 2
    assert voltward("station", "recover", "CS-1", "--end", "--loss", "lost", "--reason", "x").code == 2
    assert voltward("station", "recover", "CS-1", "--end", "--reason", "mistaken").code == 0


async def test_the_page_says_what_it_means_before_anything_is_done(
    browser: httpx.AsyncClient,  # noqa: F811
    service: Service,
    station: str,
) -> None:
    page = f"/stations/{station}/recover"
    assert "What did it lose?" in (await browser.get(page)).text
    told = await browser.get(page, params={"loss": "swapped", "new_serial": "SN-9", "reason": "lightning"})
    assert "The serial number becomes SN-9" in told.text
    assert service.fleet.station(station).serial == "SN-1"
    wrong = await browser.get(page, params={"loss": "swapped", "reason": "lightning"})
    assert (wrong.status_code, "Not like that" in wrong.text) == (422, True)
    fields = {"loss": "swapped", "new_serial": "SN-9", "valid": "24h", "reason": "lightning"}
    refused = await submit(browser, page, f"/stations/{station}/recovery", **fields)
    assert refused.status_code == 422  # the identity was not typed again
    done = await submit(browser, page, f"/stations/{station}/recovery", typed=station, **fields)
    assert "shown once" in done.text
    assert service.fleet.station(station).serial == "SN-9"
    listed = (await browser.get("/recoveries")).text
    assert "SN-1 → SN-9" in listed


async def test_the_page_has_others_approve(
    browser: httpx.AsyncClient,  # noqa: F811
    service: Service,
    station: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service.fleet.recoveries, "_custom", replace(service.fleet.recoveries._custom, approvals=2))
    first = service.fleet.recoveries.ask(Ask(station, Loss.LOST, timedelta(days=1), "broken"), "user:anna").recovery
    page = (await browser.get("/recoveries?state=waiting")).text
    assert "Asks to be let back in" in page
    done = await submit(browser, f"/stations/{station}", f"/recoveries/{first.id}/approve", note="I was there")
    assert done.status_code == 303
    assert service.fleet.recoveries.book.find(first.id).missing == 1
    done = await submit(browser, f"/stations/{station}", f"/recoveries/{first.id}/refuse", reason="no")
    assert service.fleet.recoveries.book.find(first.id).state == "refused"


async def test_the_station_page_opens_and_closes_the_lane(
    browser: httpx.AsyncClient,  # noqa: F811
    service: Service,
    api: httpx.AsyncClient,
    station: str,
    anchor: Anchor,
) -> None:
    page = f"/stations/{station}"
    done = await submit(browser, page, f"{page}/recovery", valid="24h", reason="in a warehouse")
    assert done.status_code == 303
    shown = (await browser.get(page)).text
    assert "A way back is open until" in shown
    assert "in a warehouse" in shown
    done = await submit(browser, page, f"{page}/recovery/end", reason="scrapped")
    assert done.status_code == 303
    assert "A way back is open until" not in (await browser.get(page)).text
    done = await submit(browser, page, f"{page}/bootstrap", vendor=anchor.vendor, reason="ordered so")
    assert done.status_code == 303
    assert service.fleet.station(station).bootstrap == "Volt Motors"
