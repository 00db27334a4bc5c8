"""The sockets that stations dial: a main port for plain and TLS, told apart by the first byte, and a TLS-only port.

Sockets are accepted here and handed to `websockets`, which gives us the peer's certificate where ASGI servers do
not (ADR 0001). The TLS context is looked up per connection, so a renewed server certificate needs no restart.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass

import structlog
from websockets.asyncio.server import Server, ServerConnection
from websockets.protocol import State

from csms_bridge.allowance import Allowance
from csms_bridge.connection import StationConnection
from csms_bridge.endpoint_settings import EndpointSettings
from csms_bridge.first_octets import TLS_HANDSHAKE, peek, read_source
from csms_bridge.gate import Gate, Guest, Places
from csms_bridge.judging import Welcome
from csms_bridge.named_peers import NamedPeers, address_in
from csms_bridge.proxy_protocol import MalformedProxyHeader, begins_header
from csms_bridge.reception import Reception
from csms_bridge.tally import Tally, Turned
from csms_bridge.tls import TlsPolicy

log = structlog.get_logger(__name__)

BACKLOG = 4096
_UNSENT_IN_KERNEL = 64 * 1024
"""Octets for a peer that does not read; left to itself the kernel gives some megabytes to each."""
_TALK_RATE, _TALK_BURST = 5, 50
"""Log lines about strangers: so many a second, so many at once. All of them are counted."""

Serve = Callable[[StationConnection, Welcome], Awaitable[None]]
Contexts = Callable[[TlsPolicy], ssl.SSLContext]


@dataclass(frozen=True, slots=True)
class Port:
    """A listening port's own rules."""

    tls_only: bool
    policy: TlsPolicy


class Listener:
    """Accepts stations and hands the admitted ones to `serve`. `contexts` gives the TLS context of the moment."""

    def __init__(
        self, settings: EndpointSettings, reception: Reception, contexts: Contexts, serve: Serve, tally: Tally
    ) -> None:
        self._settings = settings
        self._reception = reception
        self._contexts = contexts
        self._serve = serve
        self._tally = tally
        self._gate = Gate(_places(settings), tally)
        self._proxies, self._edges = NamedPeers(settings.ocpp_proxy_peers), NamedPeers(settings.ocpp_edge_peers)
        self._talk = Allowance(_TALK_RATE, _TALK_BURST, 0)
        self._sockets: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._acceptor: _Acceptor | None = None
        self.main_port: int | None = None
        self.tls_port: int | None = None

    async def start(self) -> None:
        """Bind and listen. Raises OSError when a port is taken; then nothing stays bound."""
        settings = self._settings
        self._acceptor = _Acceptor(self._live)
        try:
            self.main_port = self._listen(settings.ocpp_port, Port(False, settings.ocpp_tls_policy))
            self.tls_port = self._listen(settings.ocpp_tls_port, Port(True, settings.tls_port_policy))
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

    def _listen(self, number: int | None, port: Port) -> int | None:
        if number is None:
            return None
        host = self._settings.ocpp_host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, number), family=family, backlog=BACKLOG)
        listening.setblocking(False)
        self._sockets.append(listening)
        self._spawn(self._accept(listening, port))
        return int(listening.getsockname()[1])

    async def _accept(self, listening: socket.socket, port: Port) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                peer, address = await loop.sock_accept(listening)
            except OSError as error:
                log.warning("accept_failed", error=errno.errorcode.get(error.errno or 0, "?"))
                await asyncio.sleep(0.1)  # out of file descriptors: give others the time to end
                continue
            self._meet(peer, (plain(address[0]), address[1]), port)

    def _meet(self, peer: socket.socket, address: tuple[str, int], port: Port) -> None:
        """Give a new peer a place, or hang up on it."""
        guest = self._gate.enter(self._share_of(address[0], balanced=True), asyncio.get_running_loop().time())
        if isinstance(guest, Turned):
            peer.close()
            self._say(guest, address[0])
            return
        opening = self._spawn(self._open(peer, address, port, guest))
        guest.evict = opening.cancel

    def _share_of(self, address: str, *, balanced: bool = False) -> str:
        """Whose places it takes: nobody's, when it speaks for many."""
        speaks_for_others = self._edges.holds(address) or (balanced and self._proxies.holds(address))
        return "" if speaks_for_others else address

    async def _open(self, peer: socket.socket, address: tuple[str, int], port: Port, guest: Guest) -> None:
        """Find out what the peer speaks and hand its socket to `websockets`."""
        handed_over = False
        try:
            peer.setblocking(False)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNSENT_IN_KERNEL)
            begun = await self._begin(peer, address, port, guest)
            handed_over = begun is not None and await self._hand_over(peer, guest, port, *begun)
        finally:
            if not handed_over:
                peer.close()
                self._gate.left(guest)

    async def _begin(
        self, peer: socket.socket, address: tuple[str, int], port: Port, guest: Guest
    ) -> tuple[tuple[str, int], bool] | None:
        """Where the peer is and whether it speaks TLS; None when it is turned away."""
        try:
            async with asyncio.timeout(self._settings.handshake_timeout.total_seconds()):
                if self._proxies.holds(address[0]):
                    source = await read_source(peer)
                    address = (plain(source.address), source.port) if source.address else address
                    if self._gate.rename(guest, self._share_of(address[0])):
                        return None
                head = await peek(peer)
        except (OSError, TimeoutError, MalformedProxyHeader) as error:
            self._turn(_reason_of(error), address[0], error)
            return None
        if reason := _objection(head, port):
            self._turn(reason, address[0])
            return None
        return address, _is_tls(head)

    async def _hand_over(
        self, peer: socket.socket, guest: Guest, port: Port, address: tuple[str, int], tls: bool
    ) -> bool:
        timeout = self._settings.handshake_timeout.total_seconds()
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._connection(guest, address),
                peer,
                ssl=self._contexts(port.policy) if tls else None,
                ssl_handshake_timeout=timeout if tls else None,
                ssl_shutdown_timeout=2 if tls else None,
            )
        except (OSError, TimeoutError) as error:
            # A port scan, a slow peer, an unknown certificate authority: the peer's business, noted for the curious.
            self._turn(_tls_reason_of(error) if tls else Turned.LEFT, address[0], error)
            return False
        return True

    def _connection(self, guest: Guest, address: tuple[str, int]) -> StationConnection:
        if self._acceptor is None:
            raise RuntimeError("the listener has not started")
        return StationConnection(self._settings, self._acceptor, self._tally, guest, address)

    async def _live(self, connection: StationConnection) -> None:
        """A connection from the upgrade to its end; whatever happens, its transport is closed."""
        connection.guest.evict = connection.transport.abort
        try:
            self._count_tls(connection)
            async with asyncio.timeout(self._settings.handshake_timeout.total_seconds()):
                await connection.greet(self._reception)
            if connection.response is not None:
                self._tally.upgrades[connection.response.status_code] += 1
            if connection.protocol.state is State.OPEN and connection.welcome is not None:
                await self._host(connection, connection.welcome)
            elif reason := connection.turned:
                self._turn(reason, connection.remote_address[0])
        except TimeoutError:
            self._turn(Turned.SLOW_UPGRADE, connection.remote_address[0])
        except Exception:
            log.exception("connection_failed")
        finally:
            self._gate.left(connection.guest)
            connection.transport.abort()

    async def _host(self, connection: StationConnection, welcome: Welcome) -> None:
        self._gate.admitted(connection.guest)
        try:
            connection.start_keepalive()
            async with connection:
                await self._serve(connection, welcome)
        finally:
            if reason := connection.dropped:
                self._tally.dropped[reason] += 1
                log.info("line_dropped", station=welcome.identity, reason=reason)

    def _count_tls(self, connection: StationConnection) -> None:
        tls = connection.transport.get_extra_info("ssl_object")
        if tls is not None:
            self._tally.handshakes[(tls.version() or "", (tls.cipher() or ("",))[0])] += 1

    def _turn(self, reason: Turned, address: str, error: BaseException | None = None) -> None:
        self._tally.turned[reason] += 1
        self._say(reason, address, error)

    def _say(self, reason: Turned, address: str, error: BaseException | None = None) -> None:
        if self._talk.try_take(asyncio.get_running_loop().time()):
            log.info("peer_turned_away", reason=reason, address=address, error=str(error or "")[:200])

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


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


def plain(address: str) -> str:
    """An address as people write it, IPv4 as such even on a socket for both."""
    return str(address_in(address) or address)


def _is_tls(head: bytes) -> bool:
    return head[:1] == bytes((TLS_HANDSHAKE,))


def _objection(head: bytes, port: Port) -> Turned | None:
    """What is wrong with the first octets of a connection."""
    if not head:
        return Turned.LEFT
    if begins_header(head):
        return Turned.PROXY_HEADER
    return Turned.NOT_TLS if port.tls_only and not _is_tls(head) else None


def _places(settings: EndpointSettings) -> Places:
    return Places(
        settings.open_handshakes,
        settings.handshakes_per_address,
        settings.connections_per_address,
        patience=settings.handshake_timeout.total_seconds() / 2,
    )


def _reason_of(error: BaseException) -> Turned:
    if isinstance(error, MalformedProxyHeader):
        return Turned.PROXY_HEADER
    return Turned.SLOW_FIRST_BYTE if isinstance(error, TimeoutError) else Turned.LEFT


def _tls_reason_of(error: OSError | TimeoutError) -> Turned:
    """The event loop tells a handshake that took too long by its words only."""
    if isinstance(error, TimeoutError) or "taking longer" in str(error):
        return Turned.SLOW_TLS
    return Turned.TLS_FAILED if isinstance(error, ssl.SSLError) else Turned.LEFT
