import httpx
import pytest

from pki.secret_text import Secret
from tests.web.conftest import token
from web.errors import NotSignedIn
from web.permissions import Role
from web.service import Service


async def test_a_token_works_and_its_text_is_shown_once(api: httpx.AsyncClient) -> None:
    made = (await api.post("/api/v1/tokens", json={"name": "build", "role": "ci"})).json()
    assert made["token"].startswith("vw_")
    assert made["token"] not in (await api.get("/api/v1/tokens")).text
    ci = {"Authorization": f"Bearer {made['token']}"}
    assert (await api.get("/api/v1/firmware", headers=ci)).status_code == 200
    assert (await api.get("/api/v1/stations", headers=ci)).status_code == 403
    revoked = await api.post(f"/api/v1/tokens/{made['id']}/revoke", json={"reason": "leaked"})
    assert revoked.json()["revoked_at"].endswith("Z")
    assert (await api.get("/api/v1/firmware", headers=ci)).status_code == 401


async def test_a_user_is_added_and_disabled(api: httpx.AsyncClient) -> None:
    added = (await api.post("/api/v1/users", json={"name": "ada", "role": "auditor"})).json()
    assert len(added["password"]) >= 12
    assert [user["name"] for user in (await api.get("/api/v1/users")).json()["items"]] == ["ada", "admin"]
    assert (await api.post("/api/v1/users", json={"name": "ada", "role": "auditor"})).status_code == 409
    disabled = await api.post("/api/v1/users/ada/disable", json={"reason": "left"})
    assert disabled.json()["disabled_at"].endswith("Z")
    last = await api.post("/api/v1/users/admin/disable", json={"reason": "oops"})
    assert (last.status_code, last.json()["field"]) == (422, "name")


async def test_a_password_that_was_chosen_is_not_told_again(api: httpx.AsyncClient) -> None:
    added = await api.post("/api/v1/users", json={"name": "ada", "role": "auditor", "password": "chosen by herself"})
    assert (added.status_code, added.json()["password"]) == (201, None)
    changed = await api.post("/api/v1/users/ada/password", json={"password": "chosen once more"})
    assert (changed.status_code, changed.json()["password"]) == (200, None)


async def test_a_new_password_ends_the_sessions_and_stands_in_the_trail(
    api: httpx.AsyncClient, service: Service
) -> None:
    _, old = service.accounts.add_user("ada", Role.AUDITOR, "operator")
    session = service.accounts.sign_in("ada", old, "")
    made = (await api.post("/api/v1/users/ada/password", json={})).json()["password"]
    for ended in (lambda: service.accounts.of_session(session), lambda: service.accounts.sign_in("ada", old, "")):
        with pytest.raises(NotSignedIn):
            ended()
    assert service.accounts.sign_in("ada", Secret.of(made), "")
    records = (await api.get("/api/v1/audit", params={"kind": "user", "thing": "ada"})).json()["items"]
    assert ("token:test admin", "user:password-changed") in [(record["by"], record["act"]) for record in records]
    assert (await api.post("/api/v1/users/none/password", json={})).status_code == 404


async def test_refuses_roles_that_are_none(api: httpx.AsyncClient) -> None:
    assert (await api.post("/api/v1/tokens", json={"name": "x", "role": "king"})).status_code == 422


async def test_the_trail_names_who_acted_and_is_whole(api: httpx.AsyncClient, service: Service) -> None:
    await api.post("/api/v1/stations", json={"id": "CS-1", "serial": "SN-1"})
    records = (await api.get("/api/v1/audit", params={"kind": "station", "thing": "CS-1"})).json()["items"]
    assert [(record["by"], record["act"]) for record in records] == [("token:test admin", "station:added")]
    verdict = (await api.get("/api/v1/audit/verify")).json()
    assert (verdict["whole"], verdict["findings"]) == (True, [])
    assert (await api.get("/api/v1/events")).json() == {"items": [], "next": None}


async def test_the_trail_reads_both_ways(api: httpx.AsyncClient) -> None:
    newest = (await api.get("/api/v1/audit", params={"limit": 3})).json()
    assert [r["id"] for r in newest["items"]] == sorted((r["id"] for r in newest["items"]), reverse=True)
    older = (await api.get("/api/v1/audit", params={"limit": 3, "after": newest["next"]})).json()
    assert older["items"][0]["id"] < newest["items"][-1]["id"]
    oldest = (await api.get("/api/v1/audit", params={"limit": 3, "order": "oldest"})).json()
    assert [record["sequence"] for record in oldest["items"]] == [1, 2, 3]


async def test_a_session_cookie_reads_but_never_changes(anonymous: httpx.AsyncClient, service: Service) -> None:
    _, password = service.accounts.add_user("ada", Role.ADMIN, "operator")
    session = service.accounts.sign_in("ada", password, "")
    anonymous.cookies.set("voltward_session", session.text())
    assert (await anonymous.get("/api/v1/stations")).status_code == 200
    body = {"id": "CS-1", "serial": "SN-1"}
    assert (await anonymous.post("/api/v1/stations", json=body)).status_code == 401


async def test_garbage_in_the_authorization_header_is_no_token(anonymous: httpx.AsyncClient, service: Service) -> None:
    for value in ("Bearer", "Bearer ", "Basic YTpi", "Bearer vw_wrong", "Bearer \xff", token(service, Role.ADMIN)):
        answer = await anonymous.get("/api/v1/stations", headers={"Authorization": value.encode("latin-1")})
        assert answer.status_code == 401
