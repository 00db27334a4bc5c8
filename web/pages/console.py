"""The console put together."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from web.auth import FormGuard
from web.firmware_downloads import is_download
from web.pages import (
    account,
    alarms,
    audit,
    authorities,
    campaigns,
    certificates,
    chains,
    charging,
    crls,
    enrolment_codes,
    events,
    firmware,
    firmware_rules,
    lanes,
    logs,
    overview,
    postures,
    quirks,
    readiness,
    renewals,
    revoking,
    roots,
    sign_in,
    sites,
    station_firmware,
    station_roots,
    stations,
    trust,
    unknown,
    walks,
)
from web.pages.rendering import render
from web.pages.throttle import SignInThrottle
from web.pages.visitor import SignInFirst, Visitor, visitor_of

PAGES = (
    sign_in, overview, postures, unknown, stations, station_roots, lanes, chains, enrolment_codes, walks, campaigns,
    sites, quirks, renewals, revoking, certificates, crls, authorities, roots, trust, firmware, account, charging,
    alarms, events, logs, station_firmware, audit, readiness,


    sites, quirks, revoking, certificates, crls, authorities, roots, trust, firmware, account, charging, alarms, events,
    logs, station_firmware, firmware_rules, audit,
)  # fmt: skip

_NOT_PAGES = ("/api/", "/pki/", "/logs/", "/.well-known/", "/static/", "/healthz", "/readyz", "/metrics")


def install(app: FastAPI) -> None:
    """Add what the pages need to the app."""
    app.state.form_guard = FormGuard(app.state.service.keys.secret("forms"))
    app.state.sign_in_throttle = SignInThrottle()

    @app.exception_handler(SignInFirst)
    async def _detour(_request: Request, detour: SignInFirst) -> Response:
        return RedirectResponse(detour.address, status_code=303)


def error_page(request: Request, problem: Mapping[str, Any]) -> Response | None:
    """A problem as a page, when it was a page that was asked for."""
    wants_json = request.headers.get("accept") == "application/json"  # a page's script asks, no person
    if wants_json or request.url.path.startswith(_NOT_PAGES) or is_download(request.url.path):
        return None
    return render("error.html", _visitor(request), problem["status"], problem=problem)


def _visitor(request: Request) -> Visitor | None:
    try:
        return visitor_of(request)
    except SignInFirst:
        return None
