"""The web application put together: API, console pages, publications, and what stands around them."""

import asyncio
from functools import cache
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import HTTPBearer
from fastapi.staticfiles import StaticFiles

from web import (
    chain_publications,
    firmware_downloads,
    firmware_publications,
    health,
    log_uploads,
    problems,
    publications,
)
from web.api import (
    accounts,
    alarms,
    anchors,
    audit,
    authorities,
    authority_keys,
    backup,
    campaigns,
    ceremonies,
    certificate_requests,
    certificates,
    chains,
    crls,
    elsewhere,
    enrolment_codes,
    events,
    firmware,
    firmware_emergencies,
    firmware_images,
    firmware_log,
    firmware_rules,
    firmware_updates,
    firmware_versions,
    id_tokens,
    keys,
    lanes,
    lint,
    logs,
    migrations,
    overview,
    passkeys,
    passwords,
    postures,
    quirks,
    readiness,
    renewals,
    renewing,
    reports,
    rollovers,
    roots,
    sites,
    station_roots,
    stations,
    stream,
    transactions,
    trust,
    unknown,
    walks,
    will_it_connect,
)
from web.body_limit import BodyLimit
from web.est import routes as est
from web.idempotency import IdempotentPosts
from web.ocsp_over_http import RememberedAnswers
from web.pages import STATIC, console
from web.security_headers import SecurityHeaders
from web.service import Service

API_MODULES = (
    overview, reports, will_it_connect, migrations,
    unknown, stations, postures, readiness, station_roots, passwords, logs, lanes, certificate_requests, walks,
    campaigns, sites, quirks, renewing, renewals, certificates, lint,
    enrolment_codes, keys,
    authorities, authority_keys, crls, ceremonies,
    elsewhere, anchors, roots, trust, rollovers, chains, firmware, firmware_log,
    firmware_rules, firmware_updates, passkeys, firmware_images, firmware_emergencies, firmware_versions,
    events, transactions, id_tokens, alarms, audit, backup, accounts, stream,
)  # fmt: skip

# For the OpenAPI document; `web.auth.Needs` is what looks at the token.
_BEARER = HTTPBearer(auto_error=False, description="An API token: voltward token create")
_PROBLEM: dict[str, Any] = {
    "description": "What is wrong and what to do about it (RFC 9457)",
    "content": {problems.MEDIA_TYPE: {"schema": {"type": "object"}}},
}


def make_app(service: Service) -> FastAPI:
    """The ASGI application over an opened data folder."""
    app = _described()
    app.router = _router()
    app.state.service = service
    app.state.stopping = asyncio.Event()  # set by whoever serves the app, so that the live streams end
    console.install(app)
    problems.install(app, console.error_page)
    app.add_middleware(IdempotentPosts, service=service)
    app.add_middleware(
        BodyLimit,
        upload_limit=service.settings.web.upload_limit,
        log_limit=service.settings.bridge.log_upload_limit,
    )
    app.add_middleware(SecurityHeaders)
    app.add_middleware(
        RememberedAnswers,
        authority=service.authority,
        longest_kept=service.settings.pki.publication_max_age,
    )
    return app


def _described() -> FastAPI:
    return FastAPI(
        title="Voltward",
        summary="Security and PKI for fleets of EV charging stations that speak OCPP",
        version="1",
        openapi_url="/api/openapi.json",
        docs_url=None,  # the interactive pages load scripts from elsewhere
        redoc_url=None,
    )


@cache
def _router() -> APIRouter:
    """Every route. None knows a data folder, and FastAPI takes a third of a second for them: once in a process."""
    app = _described()
    app.include_router(_api())
    for module in (
        chain_publications,
        firmware_publications,
        publications,
        est,
        log_uploads,
        health,
        *console.PAGES,
        firmware_downloads,
    ):
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app.router


def _api() -> APIRouter:
    api = APIRouter(prefix="/api/v1", dependencies=[Depends(_BEARER)], responses={"4XX": _PROBLEM})
    for module in API_MODULES:
        api.include_router(module.router)
    return api
