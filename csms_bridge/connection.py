"""One peer's WebSocket, held to its limits in both directions.

`websockets` bounds a frame, inflated or not, and stops reading when frames wait. What it leaves open is closed here:
one read may hold hundreds of compressed frames, pongs are written whether the peer reads or not, and a write that
nobody reads waits for ever.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from websockets.asyncio.server import Server, ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import HeaderLineTooLong, RequestLineTooLong, TooManyHeaders
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import CTRL_OPCODES, Frame
from websockets.http11 import Request, Response
from websockets.protocol import Event
from websockets.server import ServerProtocol
from websockets.typing import Data, Subprotocol

from csms_bridge.admission import SUBPROTOCOLS
from csms_bridge.allowance import Allowance
from csms_bridge.endpoint_settings import EndpointSettings
from csms_bridge.gate import Guest
from csms_bridge.judging import Welcome
from csms_bridge.reception import Reception
from csms_bridge.tally import FLOOD_WORDS, Dropped, Tally, Turned, dropped_by_close

POLICY_VIOLATION = 1008
WAITING_FRAMES = 4
"""Messages read and not yet taken; then reading stops. A station has one call in flight and one answer."""
SLICE = 2048
"""Octets taken in at a time: inflated they are at most some frames of the size limit, whatever one read brought."""
_COMPRESSION = [
    ServerPerMessageDeflateFactory(
        server_no_context_takeover=True,
        client_no_context_takeover=True,
        server_max_window_bits=12,
        client_max_window_bits=12,
    )
]
"""Each message by itself (RFC 7692 §7.1.1): what zlib keeps between two of them is 150 KiB for each station. A message
is bounded after inflation too."""
_SUBPROTOCOLS = [Subprotocol(name) for name in SUBPROTOCOLS]
_NO_HEADERS = Headers()
_ANSWERED = Request("", _NO_HEADERS)
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"  # RFC 6585 §5
)


class StationConnection(ServerConnection):
    """A connection and, once admitted, who it is. `address` is where it comes from, as far as we believe it."""

    def __init__(
        self, settings: EndpointSettings, server: Server, tally: Tally, guest: Guest, address: tuple[str, int]
    ) -> None:
        ping = settings.ping_interval.total_seconds()
        super().__init__(
            _protocol(settings, lambda: self._subprotocol),
            server,
            ping_interval=ping,
            ping_timeout=ping,
            close_timeout=2,
            max_queue=WAITING_FRAMES,
        )
        self.guest = guest
        self.welcome: Welcome | None = None
        self._settings = settings
        self._tally = tally
        self._address = address
        self._unread = bytearray()
        self._head = 0
        self._dropped: Dropped | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._flooding_since: float | None = None
        rate, burst, now = settings.messages_per_second, settings.messages_burst, self.loop.time()
        self._messages, self._controls = Allowance(rate, burst, now), Allowance(rate, burst, now)

    @property
    def remote_address(self) -> Any:
        """Where the peer is: what a named balancer told of it, else the socket's own."""
        return self._address

    @property
    def _subprotocol(self) -> Subprotocol | None:
        return Subprotocol(self.welcome.admitted.subprotocol) if self.welcome else None

    async def greet(self, reception: Reception) -> None:
        """Answer the upgrade request; `welcome` is set when the peer was admitted."""

        async def receive(_: ServerConnection, request: Request) -> Response | None:
            outcome = await reception.receive(self, request)
            if isinstance(outcome, Response):
                return outcome
            self.welcome = outcome
            return None

        await self.handshake(receive, server_header=None)
        self._forget_upgrade()

    def _forget_upgrade(self) -> None:
        """Headers, and what the client certificate says in Python's words, are 6 KiB that nobody asks for again."""
        if self.request is not None:
            self.request = _ANSWERED
        if self.response is not None:
            self.response = Response(self.response.status_code, self.response.reason_phrase, _NO_HEADERS)
        if said := self.transport.get_extra_info("peercert"):
            said.clear()

    @property
    def turned(self) -> Turned | None:
        """Why no answer of admission's came, when there was none."""
        fault = self.protocol.handshake_exc
        if isinstance(fault, HeaderLineTooLong | RequestLineTooLong | TooManyHeaders) or self._is_large_request:
            return Turned.LARGE_REQUEST
        if fault is not None and self.request is None:
            return Turned.BROKEN_REQUEST
        return None if self.response is not None else Turned.LEFT

    @property
    def dropped(self) -> Dropped | None:
        """Why we ended the line; None when the peer did, or when it was an ordinary end."""
        sent = self.protocol.close_sent
        return self._dropped or (dropped_by_close(sent.code, sent.reason) if sent else None)

    # --- taking in

    def data_received(self, data: bytes) -> None:
        """Octets from the peer, taken in bit by bit, and no more while frames wait."""
        self._unread += data
        self._take_in()

    def eof_received(self) -> None:
        """The peer will send no more. What it sent and was not read by now is lost with the line."""
        self._take_in()
        self._unread.clear()
        super().eof_received()

    async def recv(self, decode: bool | None = None) -> Data:  # type: ignore[override]  # overloaded there
        """The next message; who sends too many waits, and who goes on regardless is closed."""
        message: Data = await super().recv(decode)
        self._tally.messages += 1
        wait = self._messages.take(self.loop.time())
        if wait:
            await self._slow_down(wait)
        else:
            self._flooding_since = None
        return message

    async def _slow_down(self, wait: float) -> None:
        """A station that waits for each answer is merely slowed; one whose messages pile up meanwhile floods us."""
        self._tally.slowed += 1
        await asyncio.sleep(wait)
        now = self.loop.time()
        if not self.recv_messages.paused:
            self._flooding_since = None
        elif self._flooding_since is None:
            self._flooding_since = now
        elif now - self._flooding_since > self._settings.flood_patience.total_seconds():
            await self.close(POLICY_VIOLATION, FLOOD_WORDS)

    def process_event(self, event: Event) -> None:
        """A request or a frame. Pings and pongs have an allowance of their own, since nobody waits for them."""
        is_control = isinstance(event, Frame) and event.opcode in CTRL_OPCODES
        if is_control and not self._controls.try_take(self.loop.time()):
            self.drop(Dropped.FLOOD)
        super().process_event(event)

    def _take_in(self) -> None:
        while self._unread and not self.recv_messages.paused and not self._is_large_request:
            piece = bytes(self._unread[:SLICE])
            del self._unread[: len(piece)]
            self._head += 0 if self.request is not None else len(piece)
            if self._is_large_request:
                self._refuse_request()
                return
            super().data_received(piece)
        if self.transport.get_write_buffer_size() > self._settings.unsent_limit:
            self.drop(Dropped.SLOW_READER)

    def _go_on(self) -> None:
        """Frames were taken: what was read and waits comes first, then the transport may read again."""
        self._take_in()
        if not self._unread and not self.recv_messages.paused:
            self.transport.resume_reading()

    @property
    def _is_large_request(self) -> bool:
        return self.request is None and self._head > self._settings.request_limit

    def _refuse_request(self) -> None:
        self._unread.clear()
        self.transport.write(_TOO_LARGE)
        self.transport.close()

    # --- giving out

    def pause_writing(self) -> None:
        """The peer does not read. It gets some time to."""
        super().pause_writing()
        patience = self._settings.reader_patience.total_seconds()
        self._stalled = self.loop.call_later(patience, self.drop, Dropped.SLOW_READER)

    def resume_writing(self) -> None:
        """It read."""
        self._let_be()
        super().resume_writing()

    def drop(self, why: Dropped) -> None:
        """End the line without ceremony: the peer would not read a close frame."""
        self._dropped = self._dropped or why
        self.transport.abort()

    # --- the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake below is over."""
        super().connection_made(transport)
        self.recv_messages.resume = lambda: self.loop.call_soon(self._go_on)

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone."""
        self._let_be()
        self._unread.clear()
        super().connection_lost(exc)

    def _let_be(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


def _protocol(settings: EndpointSettings, chosen: Callable[[], Subprotocol | None]) -> ServerProtocol:
    return ServerProtocol(
        extensions=_COMPRESSION,
        subprotocols=_SUBPROTOCOLS,
        select_subprotocol=lambda _protocol, _offered: chosen(),
        max_size=settings.frame_limit,
    )
