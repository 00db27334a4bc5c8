"""A port for whatever watches one process: its own numbers, whichever roles it has, without a database."""

import asyncio

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from web.endpoint_metrics import endpoint_metrics
from web.exposition import MEDIA_TYPE
from web.service import Service


def make_metrics_app(service: Service) -> FastAPI:
    """`/healthz` and this process's part of `/metrics`; nothing else is there."""
    app = FastAPI(openapi_url=None)
    app.state.stopping = asyncio.Event()

    @app.get("/healthz")
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/metrics")
    async def metrics() -> PlainTextResponse:
        text = endpoint_metrics(service.fleet.tally, service.settings.bridge)
        return PlainTextResponse(text, media_type=MEDIA_TYPE)

    return app
