"""Every route names its permission, and refuses whoever does not hold it: generated from the route table."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from tests.web.conftest import token
from web.app import API_MODULES, make_app
from web.auth import Needs, open_to_anyone
from web.pages import (
    alarms,
    audit,
    certificates,
    crls,
    enrolment_codes,
    firmware,
    lanes,
    overview,
    revoking,
    sign_in,
    stations,
    unknown,
    walks,
)
from web.pages.visitor import Seen, Submitted
from web.permissions import ALLOWED, Permission, Role
from web.service import Service

PAGES = (
    overview,
    unknown,
    stations,
    lanes,
    enrolment_codes,
    walks,
    revoking,
    certificates,
    crls,
    alarms,
    audit,
    firmware,
)


def routes(*modules: object) -> Iterator[APIRoute]:
    for module in modules:
        yield from (route for route in module.router.routes if isinstance(route, APIRoute))  # type: ignore[attr-defined]


def dependencies(dependant: Dependant) -> Iterator[object]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from dependencies(inner)


def permission_of(route: APIRoute, *kinds: type) -> Permission:
    found = [call for call in dependencies(route.dependant) if isinstance(call, kinds)]
    assert len(found) == 1, f"{route.path} names {len(found)} permissions"
    permission: Permission = found[0].permission  # type: ignore[attr-defined]
    return permission


def api_calls() -> list[tuple[str, str, Permission]]:
    return [
        (method, filled("/api/v1" + route.path), permission_of(route, Needs))
        for route in routes(*API_MODULES)
        for method in sorted(route.methods)
    ]


def filled(path: str) -> str:
    return path.replace("{", "").replace("}", "").replace("command_id", "1")


def lowest(permission: Permission) -> Role | None:
    """A role without the permission."""
    return next((role for role in Role if permission not in ALLOWED[role]), None)


@pytest.mark.parametrize(("method", "path", "permission"), api_calls())
async def test_api_denies_without_permission(
    anonymous: httpx.AsyncClient, service: Service, method: str, path: str, permission: Permission
) -> None:
    nobody = await anonymous.request(method, path, json={})
    assert nobody.status_code == 401
    assert nobody.headers["www-authenticate"].startswith("Bearer")
    assert nobody.headers["content-type"] == "application/problem+json"
    role = lowest(permission)
    if role is None:
        return
    denied = await anonymous.request(method, path, json={}, headers={"Authorization": f"Bearer {token(service, role)}"})
    assert (denied.status_code, denied.json()["type"]) == (403, "urn:voltward:problem:not-allowed")


@pytest.mark.parametrize("route", [*routes(*PAGES)], ids=lambda route: f"{route.methods} {route.path}")
def test_every_page_names_its_permission(route: APIRoute) -> None:
    kind = Submitted if "POST" in route.methods else Seen
    assert permission_of(route, kind)


@pytest.mark.parametrize("route", [*routes(*PAGES)], ids=lambda route: f"{route.methods} {route.path}")
async def test_every_page_sends_strangers_to_the_sign_in(anonymous: httpx.AsyncClient, route: APIRoute) -> None:
    for method in route.methods:
        answer = await anonymous.request(method, filled(route.path))
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login")


def test_only_a_few_routes_are_open_and_say_so(service: Service) -> None:
    app = make_app(service)
    assert {path for path in paths(app) if not path.startswith(("/api/v1/", "/static"))} >= {"/healthz", "/login"}
    for route in routes(sign_in):
        assert open_to_anyone in set(dependencies(route.dependant))


def paths(app: FastAPI) -> set[str]:
    return set(app.openapi()["paths"]) | {route.path for route in routes(sign_in)}


def test_the_contract_has_its_routes(service: Service) -> None:
    described = set(make_app(service).openapi()["paths"])
    for path in (
        "/api/v1/stations",
        "/api/v1/stations/{station_id}/posture",
        "/api/v1/stations/{station_id}/messages",
        "/api/v1/stations/{station_id}/certificates",
        "/api/v1/stations/{station_id}/commands",
        "/api/v1/walks",
        "/api/v1/certificates",
        "/api/v1/certificates/{serial}/revoke",
        "/api/v1/authorities",
        "/api/v1/roots",
        "/api/v1/firmware",
        "/api/v1/firmware/{firmware_id}/payload",
        "/api/v1/firmware/{firmware_id}/approve",
        "/api/v1/events",
        "/api/v1/audit",
        "/api/v1/users",
        "/api/v1/tokens",
        "/api/v1/stream",
        "/pki/{authority}.cer",
        "/pki/{authority}.pem",
        "/pki/crl/{authority}/{shard}.crl",
        "/pki/ocsp",
        "/healthz",
        "/readyz",
        "/metrics",
    ):
        assert path in described
