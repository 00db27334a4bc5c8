"""Bootstrap anchors through the API and the command line."""

import httpx
import pytest

from tests.pki.makers import Maker, maker_root
from tests.web.conftest import token
from web.permissions import Role
from web.service import Service

ANCHORS = "/api/v1/anchors"


@pytest.fixture(scope="module")
def maker() -> Maker:
    return maker_root()


def body(maker: Maker, **changes: str) -> dict[str, str]:
    return {"name": "volt", "vendor": "Volt Motors", "certificate": maker.pem.decode(), **changes}


async def test_an_anchor_is_added_shown_and_removed(api: httpx.AsyncClient, maker: Maker) -> None:
    added = await api.post(ANCHORS, json=body(maker))
    assert added.status_code == 201
    assert (await api.get(f"{ANCHORS}/volt")).json() == added.json()
    assert [one["name"] for one in (await api.get(ANCHORS)).json()["items"]] == ["volt"]
    assert (await api.post(ANCHORS, json=body(maker))).status_code == 409
    assert (await api.delete(f"{ANCHORS}/volt", params={"note": "sold"})).status_code == 204
    assert (await api.delete(f"{ANCHORS}/volt")).status_code == 404
    assert (await api.get(f"{ANCHORS}/volt")).status_code == 404


async def test_a_refusal_says_which_rule(api: httpx.AsyncClient) -> None:
    refused = await api.post(ANCHORS, json=body(maker_root(is_authority=False)))
    assert (refused.status_code, refused.json()["code"]) == (422, "no-authority")
    refused = await api.post(ANCHORS, json=body(maker_root(), certificate="nonsense"))
    assert (refused.status_code, refused.json()["code"]) == (422, "unreadable")


async def test_who_runs_the_fleet_does_not_change_what_it_trusts(
    api: httpx.AsyncClient, service: Service, maker: Maker
) -> None:
    operator = {"Authorization": f"Bearer {token(service, Role.OPERATOR)}"}
    assert (await api.post(ANCHORS, json=body(maker), headers=operator)).status_code == 403
    assert (await api.get(ANCHORS, headers=operator)).status_code == 200
