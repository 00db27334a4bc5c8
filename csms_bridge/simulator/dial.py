"""One attempt to connect: TCP, TLS, HTTP upgrade. Every failure becomes `DialFailed`."""

from __future__ import annotations

import logging
import ssl

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from csms_bridge.simulator.config import Fault, StationConfig
from csms_bridge.simulator.routes import Route, basic_header

QUIET = logging.Logger("simulated station")
"""A logger that says nothing: `websockets` and `ocpp` would write whole messages, passwords included."""
QUIET.disabled = True

PING_EVERY = 60.0
CLOSE_WITHIN = 1.0
LARGEST_MESSAGE = 256 * 1024


class DialFailed(Exception):
    """No connection. `status` is the HTTP status, None when it never came to HTTP.

    `reached` tells that the other side itself refused, in TLS or HTTP; `bad_server_certificate` that the
    station broke off because it did not trust the server.
    """

    def __init__(
        self, reason: str, *, status: int | None = None, reached: bool, bad_server_certificate: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.reached = reached
        self.bad_server_certificate = bad_server_certificate


async def dial(config: StationConfig, route: Route, context: ssl.SSLContext | None) -> ClientConnection:
    """Open the WebSocket on this way. `context` is None for plain ws. Raises DialFailed."""
    header = basic_header(config, route)
    subprotocol = Subprotocol(f"ocpp{config.version}")
    try:
        socket = await connect(
            route.url,
            subprotocols=[subprotocol],
            additional_headers={"Authorization": header} if header else None,
            ssl=context,
            compression=None,
            user_agent_header=f"{config.vendor}-{config.model}/{config.firmware}",
            proxy=None,
            open_timeout=config.answer_within,
            ping_interval=PING_EVERY,
            close_timeout=CLOSE_WITHIN,
            max_size=LARGEST_MESSAGE,
            logger=QUIET,
        )
    except ssl.SSLCertVerificationError as error:
        raise DialFailed(
            f"server certificate: {error.verify_message}", reached=False, bad_server_certificate=True
        ) from error
    except InvalidStatus as error:
        status = error.response.status_code
        raise DialFailed(f"HTTP {status}", status=status, reached=True) from error
    except (InvalidHandshake, InvalidURI, ssl.SSLError, EOFError, ConnectionResetError) as error:
        raise DialFailed(_short(error), reached=True) from error
    except (OSError, TimeoutError) as error:
        raise DialFailed(_short(error), reached=False) from error
    if socket.subprotocol != subprotocol:
        await socket.close()
        raise DialFailed("no common subprotocol", reached=True)
    return socket


def hang_up(socket: ClientConnection) -> None:
    """Break the connection without a close frame."""
    socket.transport.abort()


async def close(config: StationConfig, socket: ClientConnection) -> None:
    """End the connection, with a close frame unless the station never sends one."""
    if config.has(Fault.ABRUPT_CLOSE):
        hang_up(socket)
    await socket.close()


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
