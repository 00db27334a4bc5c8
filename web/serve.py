"""The service as one process: stations' endpoint, console and API, and the housekeeping, in one event loop."""

import asyncio
import contextlib
import errno
import fcntl
import signal
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI

from csms_bridge.service import Bridge
from web import loop
from web.acts import ConsoleAct
from web.app import make_app
from web.data_folder import open_folder
from web.errors import AddressRefused, FolderOffline, FolderServed, PortInUse
from web.garbage import collect_seldom
from web.housekeeping import keep_house, keep_watch
from web.logs import set_up_logs
from web.metrics_port import make_metrics_app
from web.node_name import holding
from web.roles import Role
from web.service import Service
from web.tls_port import TlsContexts, configure, keep_renewing

_LOG = structlog.get_logger(__name__)
_GRACE = 3  # seconds that running requests get when the service stops


def serve_folder(folder: Path, roles: frozenset[Role]) -> None:
    """Serve a data folder until SIGTERM or SIGINT. Raises PortInUse, AddressRefused and what `open_folder` raises."""
    service = open_folder(folder, migrating=True)
    try:
        if service.settings.pki.offline:
            raise FolderOffline(f"{folder} keeps keys for a machine without a network")
        set_up_logs(service.settings.web.log_level)
        collect_seldom()
        loop.run(serve(service, roles))
    finally:
        service.close()


async def serve(service: Service, roles: frozenset[Role]) -> None:
    """Serve until a signal comes.

    Raises PortInUse, AddressRefused, FolderServed, NodeServed; then nothing keeps running.
    """
    stop = asyncio.Event()
    with stopping_signals(stop):
        await serve_until(service, roles, stop)


async def serve_until(
    service: Service, roles: frozenset[Role], stop: asyncio.Event, ready: asyncio.Event | None = None
) -> None:
    """Serve until `stop` is set; `ready` is set once everything listens."""
    async with contextlib.AsyncExitStack() as running:
        if roles & {Role.ALL, Role.BRIDGE}:
            running.enter_context(_alone(service))
            await running.enter_async_context(holding(service.store, service.settings.web.node, stop))
        if roles & {Role.ALL, Role.WEB}:
            ports = running.enter_context(_web_ports(service))
        if service.settings.web.metrics_port is not None:
            await running.enter_async_context(_metrics(service, service.settings.web.metrics_port))
        if roles & {Role.ALL, Role.BRIDGE}:
            await running.enter_async_context(_bridge(service))
        await running.enter_async_context(_rounds(keep_watch(service)))
        if roles & {Role.ALL, Role.WORKER}:
            await running.enter_async_context(_rounds(keep_house(service)))
        if roles & {Role.ALL, Role.WEB}:
            await running.enter_async_context(_web(service, *ports))
        _record(service, ConsoleAct.SERVICE_STARTED, roles)
        if ready is not None:
            ready.set()
        await stop.wait()
        _LOG.info("stopping")
        _record(service, ConsoleAct.SERVICE_STOPPED, roles)


class _Uvicorn(uvicorn.Server):
    """uvicorn without its own signal handlers: one place decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def _web_ports(service: Service) -> Iterator[tuple[socket.socket, socket.socket | None]]:
    """The web ports, bound before anything else starts, so that a port in use is found at once."""
    web = service.settings.web
    with contextlib.ExitStack() as bound:
        plain = bound.enter_context(_listening(web.web_host, web.web_port, "VOLTWARD_WEB_PORT"))
        if web.web_tls_port is None:
            yield plain, None
        else:
            yield plain, bound.enter_context(_listening(web.web_tls_host, web.web_tls_port, "VOLTWARD_WEB_TLS_PORT"))


@contextlib.contextmanager
def _listening(host: str, port: int, setting: str) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(2048)
        except OSError as fault:
            raise _unusable(fault, port, setting) from None
        yield listening


@asynccontextmanager
async def _web(service: Service, plain: socket.socket, tls: socket.socket | None) -> AsyncIterator[None]:
    app = make_app(service)
    async with contextlib.AsyncExitStack() as ports:
        await ports.enter_async_context(_answering(app, _config(app), plain))
        if tls is not None:
            await ports.enter_async_context(_tls_port(service, app, tls))
        yield


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
        ws="none",
    )


@asynccontextmanager
async def _metrics(service: Service, port: int) -> AsyncIterator[None]:
    app = make_metrics_app(service)
    with _listening(service.settings.web.metrics_host, port, "VOLTWARD_METRICS_PORT") as listening:
        async with _answering(app, _config(app), listening, "metrics_open"):
            yield


@asynccontextmanager
async def _tls_port(service: Service, app: FastAPI, listening: socket.socket) -> AsyncIterator[None]:
    contexts = TlsContexts(service.authority)
    await asyncio.to_thread(contexts.renew)
    every = service.settings.bridge.renewal_check.total_seconds()
    renewing = asyncio.create_task(keep_renewing(contexts, every))
    try:
        async with _answering(app, configure(app, contexts, _GRACE), listening):
            yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)


@asynccontextmanager
async def _answering(
    app: FastAPI, config: uvicorn.Config, listening: socket.socket, event: str = "console_open"
) -> AsyncIterator[None]:
    server = _Uvicorn(config)
    task = asyncio.create_task(server.serve([listening]))
    host, port = listening.getsockname()[:2]
    _LOG.info(event, url=f"{'https' if config.is_ssl else 'http'}://{host}:{port}")
    try:
        yield
    finally:
        await _stop_web(app, server, task)


async def _stop_web(app: FastAPI, server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    app.state.stopping.set()
    server.should_exit = True
    await task


@contextlib.contextmanager
def _alone(service: Service) -> Iterator[None]:
    """One process serves the stations of a folder: two would take each other's connections for lost.

    The lock goes with the process, however that ends. Raises FolderServed.
    """
    with (service.folder / "serving.lock").open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderServed(f"another process serves {service.folder} already") from None
        yield


@asynccontextmanager
async def _bridge(service: Service) -> AsyncIterator[None]:
    bridge = Bridge(service.fleet, service.authority)
    settings = service.settings.bridge
    try:
        await bridge.start()
    except OSError as fault:
        await bridge.stop()
        port, setting = _culprit(settings.ocpp_port, settings.ocpp_tls_port, settings.ocpp_host)
        raise _unusable(fault, port, setting) from None
    main, tls = bridge.ports
    _LOG.info("stations_welcome", port=main, tls_port=tls)
    try:
        yield
    finally:
        await bridge.stop()


@asynccontextmanager
async def _rounds(rounds: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(rounds)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _culprit(main: int | None, tls: int | None, host: str) -> tuple[int, str]:
    """Which of the two OCPP ports could not be bound."""
    if main and _is_taken(host, main):
        return main, "VOLTWARD_OCPP_PORT"
    return tls or main or 0, "VOLTWARD_OCPP_TLS_PORT" if tls else "VOLTWARD_OCPP_PORT"


def _is_taken(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError:
            return True
    return False


def _unusable(fault: OSError, port: int, setting: str) -> Exception:
    if fault.errno == errno.EADDRINUSE:
        return PortInUse(port, setting)
    if fault.errno == errno.EACCES:
        hint = f"Ports below 1024 need privileges; set {setting} to a higher one."
        return AddressRefused(f"this user may not listen on port {port}", hint)
    return AddressRefused(f"cannot listen on port {port}: {fault.strerror or fault}", "Check the host setting.")


@contextlib.contextmanager
def stopping_signals(stop: asyncio.Event) -> Iterator[None]:
    """While the block lasts, SIGTERM and SIGINT set `stop`."""
    running = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            running.remove_signal_handler(number)


def _record(service: Service, act: ConsoleAct, roles: frozenset[Role]) -> None:
    names = sorted(role.value for role in roles)
    with service.store.writing() as session:
        service.trail.record(
            session,
            act,
            by="service",
            kind="service",
            thing=service.settings.web.node,
            details={"roles": names},
            now=service.clock(),
        )
