"""The demo's one process: the service, the simulated stations, and the show."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from rich.console import Console

from csms_bridge.simulator.crowd import run_crowd
from web import loop
from web.demo.cast import Part, cast
from web.demo.show import Row, Screen, Screens, look
from web.demo.stage import Stage, begin_walks, factory_settings, open_stage, put_on_record
from web.logs import set_up_logs
from web.roles import Role
from web.serve import serve_until, stopping_signals

REFRESH = 0.5
LOG = "demo.log"


def play(folder: Path, stations: int, *, until_done: bool) -> bool:
    """Run the demo until Ctrl-C, or until every walk is over. Tells whether every walk came to an end.

    Raises what `open_stage` raises, PortInUse and AddressRefused.
    """
    console = Console(stderr=False)
    doing = "going on in" if folder.exists() else "making keys, certificates and a database in"
    console.print(f"{doing} {folder} …", highlight=False, soft_wrap=True, markup=False)
    stage = open_stage(folder)
    try:
        with (folder / LOG).open("a", encoding="utf-8") as log:
            set_up_logs("info", log)
            return loop.run(_play(stage, cast(stations), console, until_done))
    finally:
        stage.service.close()


async def _play(stage: Stage, parts: tuple[Part, ...], console: Console, until_done: bool) -> bool:
    stop, ready = asyncio.Event(), asyncio.Event()
    with stopping_signals(stop):
        serving = asyncio.create_task(serve_until(stage.service, frozenset({Role.ALL}), stop, ready))
        started = asyncio.create_task(ready.wait())
        await asyncio.wait({serving, started}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            started.cancel()
            await serving
        await asyncio.to_thread(put_on_record, stage.service, parts, stage.memories)
        await asyncio.to_thread(begin_walks, stage.service, parts)
        _introduce(stage, console)
        async with _stations(stage, parts):
            over = await _watch(stage, parts, console, stop, until_done)
        stop.set()
        await serving
    return over


def _introduce(stage: Stage, console: Console) -> None:
    settings, login = stage.service.settings, stage.login
    console.print(
        f"\nconsole   http://{settings.web.web_host}:{settings.web.web_port}/   "
        f"user {login.user}   password {login.password}\n"
        f"stations  ws://localhost:{_main_port(stage)}/ocpp/ID, plain and TLS on one port\n",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )


@contextlib.asynccontextmanager
async def _stations(stage: Stage, parts: tuple[Part, ...]) -> AsyncIterator[None]:
    """The simulated stations, for as long as the block lasts."""
    configs = [factory_settings(part, stage, _main_port(stage)) for part in parts]
    crowd = asyncio.create_task(run_crowd(configs))
    try:
        yield
    finally:
        crowd.cancel()
        await asyncio.gather(crowd, return_exceptions=True)


async def _watch(
    stage: Stage, parts: tuple[Part, ...], console: Console, stop: asyncio.Event, until_done: bool
) -> bool:
    names = [part.id for part in parts]
    foot = "Ctrl-C stops; run it again and it goes on from here."
    rows: list[Row] = []
    with Screens(console, foot) as screen:
        while not stop.is_set():
            rows = await _look(stage, names, screen)
            if until_done and all(row.over for row in rows):
                break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), REFRESH)
    return all(row.over for row in rows)


async def _look(stage: Stage, names: list[str], screen: Screen) -> list[Row]:
    rows = await asyncio.to_thread(look, stage.service, names)
    screen(rows)
    return rows


def _main_port(stage: Stage) -> int:
    bridge = stage.service.settings.bridge
    return bridge.ocpp_port or bridge.ocpp_tls_port or 0
