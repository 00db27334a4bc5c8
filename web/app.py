"""The web application put together: API, console pages, publications, and what stands around them."""

import asyncio

from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles

from web import health, problems, publications
from web.api import (
    accounts,
    audit,
    authorities,
    certificates,
    events,
    firmware,
    overview,
    stations,
    stream,
    walks,
)
from web.body_limit import BodyLimit
from web.idempotency import IdempotentPosts
from web.pages import STATIC, console
from web.security_headers import SecurityHeaders
from web.service import Service

API_MODULES = (
    overview, stations, walks, certificates, authorities, firmware, events, audit, accounts, stream,
)  # fmt: skip


def make_app(service: Service) -> FastAPI:
    """The ASGI application over an opened data folder."""
    app = FastAPI(
        title="Voltward",
        summary="Security and PKI for fleets of EV charging stations that speak OCPP",
        version="1",
        openapi_url="/api/openapi.json",
        docs_url=None,  # the interactive pages load scripts from elsewhere
        redoc_url=None,
    )
    app.state.service = service
    app.state.stopping = asyncio.Event()  # set by whoever serves the app, so that the live streams end
    app.include_router(_api())
    app.include_router(publications.router)
    app.include_router(health.router)
    console.install(app)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    problems.install(app, console.error_page)
    app.add_middleware(IdempotentPosts, service=service)
    app.add_middleware(BodyLimit, upload_limit=service.settings.web.upload_limit)
    app.add_middleware(SecurityHeaders)
    return app


def _api() -> APIRouter:
    api = APIRouter(prefix="/api/v1")
    for module in API_MODULES:
        api.include_router(module.router)
    return api
