"""The sockets that stations dial: a main port for plain and TLS, told apart by the first byte, and a TLS-only port.

Sockets are accepted here and handed to `websockets`, which gives us the peer's certificate where ASGI servers do
not (ADR 0001). The TLS context is looked up per connection, so a renewed server certificate needs no restart.
"""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable

import structlog
from websockets.asyncio.server import Server, ServerConnection
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from csms_bridge.admission import SUBPROTOCOLS
from csms_bridge.reception import Reception, Welcome
from csms_bridge.settings import BridgeSettings

log = structlog.get_logger(__name__)

TLS_HANDSHAKE = 0x16
"""The first byte of a TLS record of type handshake (RFC 8446 §5.1); an HTTP request begins with a letter."""
BACKLOG = 4096

Serve = Callable[["StationConnection", Welcome], Awaitable[None]]


class StationConnection(ServerConnection):
    """A connection and, once admitted, who it is."""

    welcome: Welcome | None = None

    async def greet(self, reception: Reception) -> None:
        """Answer the upgrade request; `welcome` is set when the peer was admitted."""

        async def receive(_: ServerConnection, request: Request) -> Response | None:
            outcome = await reception.receive(self, request)
            if isinstance(outcome, Response):
                return outcome
            self.welcome = outcome
            return None

        await self.handshake(receive, server_header=None)


class Listener:
    """Accepts stations and hands the admitted ones to `serve`. `context` gives the TLS context of the moment."""

    def __init__(
        self, settings: BridgeSettings, reception: Reception, context: Callable[[], ssl.SSLContext], serve: Serve
    ) -> None:
        self._settings = settings
        self._reception = reception
        self._context = context
        self._serve = serve
        self._sockets: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._acceptor: _Acceptor | None = None
        self.main_port: int | None = None
        self.tls_port: int | None = None

    async def start(self) -> None:
        """Bind and listen. Raises OSError when a port is taken; then nothing stays bound."""
        settings = self._settings
        acceptor = self._acceptor = _Acceptor(self._live)
        try:
            self.main_port = self._listen(acceptor, settings.ocpp_port, tls_only=False)
            self.tls_port = self._listen(acceptor, settings.ocpp_tls_port, tls_only=True)
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop listening and close every line with 1001 (going away)."""
        if self._acceptor is not None:
            self._acceptor.serving = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listening in self._sockets:
            listening.close()
        self._sockets.clear()
        if self._acceptor is not None:
            await self._acceptor.end()

    def _listen(self, acceptor: "_Acceptor", port: int | None, *, tls_only: bool) -> int | None:
        if port is None:
            return None
        host = self._settings.ocpp_host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
        listening.setblocking(False)
        self._sockets.append(listening)
        self._spawn(self._accept(acceptor, listening, tls_only))
        return int(listening.getsockname()[1])

    async def _accept(self, acceptor: "_Acceptor", listening: socket.socket, tls_only: bool) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                peer, _ = await loop.sock_accept(listening)
            except OSError as error:
                log.warning("accept_failed", error=errno.errorcode.get(error.errno or 0, "?"))
                await asyncio.sleep(0.1)  # out of file descriptors: give others the time to end
                continue
            self._spawn(self._open(acceptor, peer, tls_only))

    async def _open(self, acceptor: "_Acceptor", peer: socket.socket, tls_only: bool) -> None:
        """Find out what the peer speaks and hand its socket to `websockets`."""
        timeout = self._settings.handshake_timeout.total_seconds()
        address = _address(peer)
        try:
            peer.setblocking(False)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(timeout):
                tls = await _first_byte(peer) == TLS_HANDSHAKE
            if tls_only and not tls:
                peer.close()
                return
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._connection(acceptor),
                peer,
                ssl=self._context() if tls else None,
                ssl_handshake_timeout=timeout if tls else None,
                ssl_shutdown_timeout=2 if tls else None,
            )
        except (OSError, TimeoutError, ssl.SSLError) as error:
            # A port scan, a slow peer, an unknown certificate authority: the peer's business, noted for the curious.
            log.info("handshake_failed", address=address, error=str(error)[:200])
            peer.close()

    def _connection(self, acceptor: "_Acceptor") -> StationConnection:
        settings = self._settings
        protocol = ServerProtocol(
            extensions=[ServerPerMessageDeflateFactory(server_max_window_bits=12, client_max_window_bits=12)],
            subprotocols=[Subprotocol(name) for name in SUBPROTOCOLS],
            select_subprotocol=lambda _protocol, _offered: _chosen(connection),
            max_size=settings.frame_limit,
        )
        ping = settings.ping_interval.total_seconds()
        connection = StationConnection(protocol, acceptor, ping_interval=ping, ping_timeout=ping, close_timeout=2)
        return connection

    async def _live(self, connection: StationConnection) -> None:
        """A connection from the upgrade to its end; whatever happens, its transport is closed."""
        try:
            async with asyncio.timeout(self._settings.handshake_timeout.total_seconds()):
                await connection.greet(self._reception)
            if connection.protocol.state is State.OPEN and connection.welcome is not None:
                connection.start_keepalive()
                async with connection:
                    await self._serve(connection, connection.welcome)
        except TimeoutError:
            log.info("upgrade_too_slow")
        except Exception:
            log.exception("connection_failed")
        finally:
            connection.transport.abort()

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Acceptor(Server):
    """What a ServerConnection expects of its server, without the listening socket: that is ours."""

    def __init__(self, live: Callable[[StationConnection], Awaitable[None]]) -> None:
        super().__init__(self._no_server, self._handle)
        self._live = live
        self.serving = True

    def is_serving(self) -> bool:
        """Whether new upgrades are answered."""
        return self.serving

    async def end(self) -> None:
        """Close every connection and wait for their handlers."""
        self.serving = False
        closing = [asyncio.create_task(connection.close(1001)) for connection in list(self.all_connections)]
        await asyncio.gather(*closing, *list(self.handler_tasks), return_exceptions=True)

    async def _handle(self, connection: ServerConnection) -> None:
        if not isinstance(connection, StationConnection):
            raise TypeError("only the listener's own connections belong here")
        self.all_connections.add(connection)
        try:
            await self._live(connection)
        finally:
            self.all_connections.discard(connection)
            task = asyncio.current_task()
            if task is not None:
                self.handler_tasks.discard(task)

    @staticmethod
    async def _no_server() -> asyncio.Server:
        raise RuntimeError("sockets are accepted by the listener")


def _chosen(connection: StationConnection) -> Subprotocol | None:
    return Subprotocol(connection.welcome.admitted.subprotocol) if connection.welcome else None


async def _first_byte(peer: socket.socket) -> int | None:
    """The first byte a peer sent, left in the socket; None when it closed without a word."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(peer.fileno(), _resolve, readable)
    try:
        await readable
    finally:
        loop.remove_reader(peer.fileno())
    with contextlib.suppress(BlockingIOError):
        head = peer.recv(1, socket.MSG_PEEK)
        return head[0] if head else None
    return None


def _address(peer: socket.socket) -> str:
    with contextlib.suppress(OSError):
        return str(peer.getpeername()[0])
    return ""


def _resolve(readable: "asyncio.Future[None]") -> None:
    if not readable.done():
        readable.set_result(None)
