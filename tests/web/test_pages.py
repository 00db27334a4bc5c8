import html
import re
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text, update
from structlog.testing import capture_logs

from csms_bridge.tables import StationRow
from pki.alarms import AlarmKind
from pki.authority import Order
from pki.forecast import week_name
from tests.pki.stored_certificates import Stored, store_certificates
from tests.web.conftest import BASE_URL
from tests.web.requests import request_pem
from web.app import make_app
from web.data_folder import NewFolder
from web.pages.overview import ladder
from web.pages.sign_in import safe_path
from web.permissions import Role
from web.service import Service


def form_token(page: httpx.Response) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', page.text)
    assert found, page.text
    return found[1]


async def sign_in(client: httpx.AsyncClient, user: str, password: str, **more: str) -> httpx.Response:
    token = form_token(await client.get("/login"))
    return await client.post("/login", data={"user": user, "password": password, "form_token": token, **more})


@pytest.fixture
async def browser(anonymous: httpx.AsyncClient, made: NewFolder) -> httpx.AsyncClient:
    """A browser in which the first admin is signed in."""
    assert (await sign_in(anonymous, made.admin, made.password.text())).status_code == 303
    return anonymous


async def submit(browser: httpx.AsyncClient, page: str, action: str, **fields: str) -> httpx.Response:
    token = form_token(await browser.get(page))
    return await browser.post(action, data={"form_token": token, **fields})


async def add_station(browser: httpx.AsyncClient, station: str, serial: str, **more: str) -> httpx.Response:
    return await submit(browser, "/stations/new", "/stations/new", id=station, serial=serial, profile="1", **more)


async def test_signing_in_opens_a_guarded_session(anonymous: httpx.AsyncClient, made: NewFolder) -> None:
    answer = await sign_in(anonymous, "admin", made.password.text(), next="/stations?search=x")
    assert (answer.status_code, answer.headers["location"]) == (303, "/stations?search=x")
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("voltward_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert (await anonymous.get("/")).status_code == 200


async def test_a_wrong_password_is_refused_and_then_must_wait(anonymous: httpx.AsyncClient) -> None:
    for _ in range(5):
        wrong = await sign_in(anonymous, "admin", "wrong")
        assert wrong.status_code == 401
    assert "the user name or the password is wrong" in wrong.text
    assert (await sign_in(anonymous, "admin", "wrong")).status_code == 429


async def test_signing_in_needs_our_own_form(anonymous: httpx.AsyncClient, made: NewFolder) -> None:
    forged = {"user": "admin", "password": made.password.text(), "form_token": "0" * 64}
    assert (await anonymous.post("/login", data=forged)).status_code == 403
    await anonymous.get("/login")
    assert (await anonymous.post("/login", data=forged)).status_code == 403


async def test_signing_out_ends_the_session(browser: httpx.AsyncClient) -> None:
    cookie = browser.cookies["voltward_session"]
    assert (await submit(browser, "/", "/logout")).headers["location"] == "/login"
    browser.cookies.set("voltward_session", cookie)
    assert (await browser.get("/")).headers["location"] == "/login"


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "https://evil.example", "x", "/a\nb"])
def test_signing_in_leads_nowhere_else(path: str) -> None:
    assert safe_path(path) == "/"


@pytest.mark.parametrize(
    "path", ["/", "/stations", "/stations?search=x&profile=3&standing=held", "/stations?profile=9", "/stations/new",
             "/walks", "/walks?state=running", "/certificates", "/certificates?state=good", "/certificates/forecast",
             "/audit?kind=station", "/audit/checkpoints", "/audit/checkpoints?verify=1"],
)  # fmt: skip
async def test_every_page_is_whole(browser: httpx.AsyncClient, path: str) -> None:
    page = await browser.get(path)
    assert page.status_code == 200
    assert page.text.count("<h1") == 1
    assert "<script>" not in page.text
    assert "style=" not in page.text
    assert not re.search(r'(src|href)="https?:', page.text)


async def test_forms_that_are_not_ours_change_nothing(browser: httpx.AsyncClient) -> None:
    await add_station(browser, "CS-1", "SN-1")
    forged = {"form_token": "0" * 64, "reason": "x", "typed": "CS-1", "to": "3"}
    for action in (
        "/stations/new",
        "/stations/CS-1/walk",
        "/stations/CS-1/remove",
        "/stations/CS-1/permit",
        "/stations/CS-1/walk-down",
        "/stations/CS-1/quiet",
        "/logout",
    ):
        assert (await browser.post(action, data=forged)).status_code == 403, action
        assert (await browser.post(action, data={**forged, "form_token": ""})).status_code == 403, action
    assert (await browser.get("/stations/CS-1")).status_code == 200


async def test_a_form_of_another_session_is_not_ours(browser: httpx.AsyncClient, service: Service) -> None:
    _, password = service.accounts.add_user("ada", Role.ADMIN, "operator")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(make_app(service)), base_url=BASE_URL) as other:
        await sign_in(other, "ada", password.text())
        stolen = form_token(await other.get("/stations/new"))
    data = {"form_token": stolen, "id": "CS-1", "serial": "SN-1"}
    assert (await browser.post("/stations/new", data=data)).status_code == 403


async def test_a_new_station_shows_its_password_once(browser: httpx.AsyncClient) -> None:
    added = await add_station(browser, "CS-1", "SN-1")
    password = re.search(r'class="secret">([^<]+)<', added.text)
    assert password
    assert "ws://csms.example.org:8887/ocpp/CS-1" in added.text
    station = await browser.get("/stations/CS-1")
    assert password[1] not in station.text
    assert "SN-1" in station.text
    assert "Wait for its first connection" in station.text


async def test_a_wrong_station_keeps_what_was_typed(browser: httpx.AsyncClient) -> None:
    refused = await add_station(browser, "CS/1", "SN-1", site="Depot <7>")
    assert refused.status_code == 422
    assert 'value="SN-1"' in refused.text
    assert "Depot &lt;7&gt;" in refused.text
    assert (await add_station(browser, "CS-1", "SN-1", ocpp_version="9")).status_code == 422


async def test_what_a_station_says_is_text_never_markup(browser: httpx.AsyncClient, service: Service) -> None:
    await add_station(browser, "CS-1", "<script>alert(1)</script>")
    for path in ("/stations", "/stations/CS-1", "/stations?search=%3Cscript%3E"):
        assert "<script>alert" not in (await browser.get(path)).text


async def test_a_walk_is_started_held_resumed_and_cancelled(browser: httpx.AsyncClient, service: Service) -> None:
    await add_station(browser, "CS-1", "SN-1", ocpp_version="1.6")
    started = await submit(browser, "/stations/CS-1", "/stations/CS-1/walk", to="3")
    assert started.headers["location"] == "/stations/CS-1"
    walk = service.fleet.walks()[0]
    page = await browser.get(f"/walks/{walk.id}")
    assert all(step.name in page.text for step in walk.steps)
    held = await submit(browser, "/walks", f"/walks/{walk.id}/hold", reason="site visit")
    assert held.status_code == 303
    assert "site visit" in (await browser.get("/")).text
    await submit(browser, "/walks", f"/walks/{walk.id}/resume")
    await submit(browser, "/walks", f"/walks/{walk.id}/cancel", reason="sold")
    assert service.fleet.walk(walk.id).state == "cancelled"
    assert (await submit(browser, "/walks", f"/walks/{walk.id}/cancel", reason="")).status_code == 422


@pytest.mark.parametrize(("version", "is_offered"), [("2.1", True), ("2.0.1", True), ("1.6", False)])
async def test_the_way_down_is_walked_when_the_name_is_typed_and_a_reason_given(
    browser: httpx.AsyncClient, service: Service, version: str, is_offered: bool
) -> None:
    """2.x A05.FR.08; OCPP 1.6 knows no way down (A00.FR.005)."""
    await add_station(browser, "CS-1", "SN-1", ocpp_version=version)
    with service.store.writing() as session:
        session.execute(update(StationRow).values(profile=3, floor=3, settled_floor=3))
    page, action = "/stations/CS-1", "/stations/CS-1/walk-down"
    assert ("Walk it down" in (await browser.get(page)).text) is is_offered
    assert (await submit(browser, page, action, typed="CS-2", reason="broken slot")).status_code == 422
    assert (await submit(browser, page, action, typed="CS-1", reason="")).status_code == 422
    assert service.fleet.walks() == []
    done = await submit(browser, page, action, typed="CS-1", reason="broken slot")
    assert done.status_code == (303 if is_offered else 409)
    assert [(int(walk.from_profile), int(walk.to_profile)) for walk in service.fleet.walks()] == [(3, 2)] * is_offered
    assert ("Walk it down" in (await browser.get(page)).text) is False


async def test_removing_asks_for_the_name_and_a_reason(browser: httpx.AsyncClient) -> None:
    await add_station(browser, "CS-1", "SN-1")
    page = action = "/stations/CS-1/remove"
    wrong = await submit(browser, page, action, typed="CS-2", reason="scrapped")
    assert (wrong.status_code, "Nothing was changed" in wrong.text) == (422, True)
    assert (await submit(browser, page, action, typed="CS-1", reason="")).status_code == 422
    assert (await submit(browser, page, action, typed="CS-1", reason="scrapped")).status_code == 303
    assert (await browser.get("/stations/CS-1")).status_code == 404


async def test_revoking_asks_for_the_name_and_a_reason(browser: httpx.AsyncClient, service: Service) -> None:
    request = service.authority.read_request(request_pem("SN-1"))
    serial = service.authority.issue(Order(request, "station", "SN-1", station="CS-1"), "operator").serial
    page, action = f"/certificates/{serial}", f"/certificates/{serial}/revoke"
    asked = {"reason": "certificateHold", "note": "lost laptop"}
    assert (await submit(browser, page, action, typed="SN-2", **asked)).status_code == 422
    assert service.authority.certificate(serial).state == "good"
    assert (await submit(browser, page, action, typed="SN-1", **asked)).status_code == 303
    assert service.authority.certificate(serial).state == "held"
    await submit(browser, page, f"/certificates/{serial}/release")
    assert service.authority.certificate(serial).state == "good"


async def test_an_auditor_sees_everything_and_is_offered_nothing(
    anonymous: httpx.AsyncClient, service: Service
) -> None:
    _, password = service.accounts.add_user("eve", Role.AUDITOR, "operator")
    await sign_in(anonymous, "eve", password.text())
    for path in ("/", "/stations", "/walks", "/certificates", "/audit", "/audit/checkpoints"):
        page = await anonymous.get(path)
        assert page.status_code == 200
        assert re.findall(r'method="post" action="([^"]+)"', page.text) == ["/logout"]
    denied = await submit(anonymous, "/", "/stations/new", id="CS-1", serial="SN-1")
    assert (denied.status_code, "does not have the permission" in denied.text) == (403, True)


async def test_pages_that_are_not_there_are_pages(browser: httpx.AsyncClient) -> None:
    for path in ("/nothing", "/stations/none", "/walks/none", "/certificates/00"):
        missing = await browser.get(path)
        assert (missing.status_code, missing.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_the_ladder_counts_by_ocpps_own_numbers(service: Service) -> None:
    rungs = ladder(service.fleet.overview())
    assert [rung.name for rung in rungs] == ["0", "1", "2", "3"]
    assert {rung.share for rung in rungs} == {0.0}


async def test_static_files_are_our_own(anonymous: httpx.AsyncClient) -> None:
    for name, kind in (("voltward.css", "text/css"), ("voltward.js", "text/javascript"), ("voltward.svg", "image/svg")):
        answer = await anonymous.get(f"/static/{name}")
        assert answer.headers["content-type"].startswith(kind)
        assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")


async def test_an_alarm_is_cleared_and_a_key_blocked_in_the_console(
    browser: httpx.AsyncClient, service: Service
) -> None:
    alarm = service.authority.alarms.sound(AlarmKind.LINT_FINDING, "ab12", "<b>broken</b>")
    page = await browser.get("/alarms")
    assert "&lt;b&gt;broken" in page.text
    cleared = await submit(browser, "/alarms", f"/alarms/{alarm.id}/clear", note="seen")
    assert (cleared.status_code, cleared.headers["location"]) == (303, "/alarms")
    assert "Nothing to look at" in (await browser.get("/alarms")).text
    assert "cleared" in (await browser.get("/alarms?every=1")).text
    key = "ab" * 32
    assert (await submit(browser, "/alarms", f"/alarms/keys/{key}/block", note="leaked")).status_code == 303
    assert key in (await browser.get("/alarms")).text
    assert (await submit(browser, "/alarms", f"/alarms/keys/{key}/unblock")).status_code == 303
    assert service.authority.blocked_keys() == []


async def test_certificates_are_searched_with_a_plain_form(browser: httpx.AsyncClient, service: Service) -> None:
    await add_station(browser, "CS-1", "SN-1")
    order = Order(service.authority.read_request(request_pem("SN-1")), "station", "SN-1", station="CS-1")
    serial = service.authority.issue(order, "user:admin").serial
    form = {"serial": serial[:8], "common_name": "", "station": "", "state": "", "expires_within": "52w", "week": ""}
    assert f'href="/certificates/{serial}"' in (await browser.get("/certificates", params=form)).text
    nothing = await browser.get("/certificates", params=form | {"expires_within": "3d"})
    assert "No certificate matches." in nothing.text
    wrong = await browser.get("/certificates", params=form | {"serial": "<b>"})
    assert wrong.status_code == 422
    assert "a serial number is 1 to 40 hexadecimal digits" in wrong.text
    assert 'value="&lt;b&gt;"' in wrong.text


async def test_a_long_search_goes_on_with_the_same_words(browser: httpx.AsyncClient, service: Service) -> None:
    many = [Stored(f"4d{n:04x}", f"CS-{n}", ends=20, name="SN-X") for n in range(60)]
    store_certificates(service.store, many, service.clock())
    first = await browser.get("/certificates", params={"common_name": "SN-X", "in_use": "true"})
    following = re.search(r'href="(/certificates\?[^"]+)" rel="next"', first.text)
    assert following
    second = await browser.get(html.unescape(following[1]))
    assert second.text.count('href="/certificates/4d') == 10
    assert 'value="SN-X"' in second.text


async def test_the_forecast_leads_to_the_certificates_of_a_week(browser: httpx.AsyncClient, service: Service) -> None:
    now = service.clock()
    stored = [Stored("4a01", "CS-1", ends=9), Stored("4a02", "CS-1", ends=30), Stored("4a03", "CS-2", ends=-2)]
    store_certificates(service.store, stored, now)
    page = await browser.get("/certificates/forecast")
    week = week_name(now + timedelta(days=30))
    link = re.search(rf'href="(/certificates\?week={week}[^"]*)">1</a>', page.text)
    assert link
    assert 'href="/certificates/4a02"' in (await browser.get(html.unescape(link[1]))).text
    assert "<strong>1</strong> station has a certificate that ended" in page.text


async def test_the_navigation_counts_open_alarms(browser: httpx.AsyncClient, service: Service) -> None:
    assert 'class="badge"' not in (await browser.get("/audit")).text
    with capture_logs():
        service.authority.alarms.sound(AlarmKind.CERTIFICATES_ENDING, "2026-W50 14d", "two end")
    assert 'class="badge">1<span class="hidden"> open</span>' in (await browser.get("/audit")).text
    assert 'href="/certificates?week=2026-W50&amp;in_use=true"' in (await browser.get("/alarms")).text


async def test_checkpoints_are_signed_and_the_trail_is_verified_on_a_page(
    browser: httpx.AsyncClient, service: Service
) -> None:
    assert (await submit(browser, "/audit/checkpoints", "/audit/checkpoints")).status_code == 303
    digest = service.authority.checkpoints.page()[0].sha256
    page = (await browser.get("/audit/checkpoints?verify=1")).text
    assert digest in page
    assert 'class="state done">whole' in page
    with service.store.writing() as session:
        session.execute(text("DROP TRIGGER audit_records_not_changed"))
        session.execute(text("UPDATE audit_records SET reason = 'other' WHERE sequence = 2"))
    assert "record 2 is not what was written" in (await browser.get("/audit/checkpoints?verify=1")).text
    refused = await submit(browser, "/audit/checkpoints", "/audit/checkpoints/after-restore", reason="why not")
    assert (refused.status_code, "nothing to accept" in refused.text) == (409, True)


async def test_a_station_is_made_quiet_on_its_page(browser: httpx.AsyncClient) -> None:
    await add_station(browser, "CS-1", "SN-1")
    await add_station(browser, "CS-2", "SN-2", quiet="true")
    assert "Talk to it again" in (await browser.get("/stations/CS-2")).text
    asked = await submit(browser, "/stations/CS-1", "/stations/CS-1/quiet", quiet="true", reason="certification")
    assert asked.status_code == 303
    page = (await browser.get("/stations/CS-1")).text
    assert '<span class="state off">quiet</span>' in page
    assert "made quiet: it is sent nothing unasked — certification" in page
    await submit(browser, "/stations/CS-1", "/stations/CS-1/quiet", quiet="false", reason="done")
    assert '<span class="state off">quiet</span>' not in (await browser.get("/stations/CS-1")).text
