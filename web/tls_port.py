"""The TLS web port: the same application, over TLS with our own server certificates.

A client certificate is asked for and not demanded, as on the stations' ports: chain and possession of the key are
TLS's, time, revocation and identity are decided by who uses it (ADR 0002, ADR 0014). uvicorn tells the application
nothing about the peer, so the connection's facts are laid beside each request here.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from csms_bridge.tls import server_context
from pki.authority import Authority

_LOG = structlog.get_logger(__name__)
CONNECTION = "voltward.tls"
"""The scope's key for `TlsConnection`. No header or body can set it."""
# TLS 1.3 has suites of its own. People's browsers and EST clients can do better than OCPP's four.
_SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2"
_PATIENCE = 20.0  # seconds from the handshake to the end of the first request's head


@dataclass(frozen=True, slots=True)
class TlsConnection:
    """What TLS knows of a peer: its certificate in DER when it showed one, whose key it has proved to hold.

    `tls_unique` names the connection under TLS 1.2 (RFC 5929 §3); TLS 1.3 has no such value.
    """

    certificate: bytes | None = field(repr=False)
    version: str
    tls_unique: bytes | None = field(repr=False)


def connection_of(scope: Scope) -> TlsConnection | None:
    """The TLS connection that a request came over; None when it came in clear."""
    found = scope.get(CONNECTION)
    return found if isinstance(found, TlsConnection) else None


class TlsContexts:
    """The context of the moment. `front` is for the listening socket; each handshake goes on in the newest.

    A context is never changed after it was made, so that no handshake meets a half-renewed one.
    """

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._made_of: tuple[str, ...] = ()
        self._newest: ssl.SSLContext | None = None

    def renew(self) -> bool:
        """Look at our certificates and at whom we trust; whether there was anything new. Raises SignerUnavailable."""
        credentials = self._authority.server_credentials()
        anchors = self._authority.trust_anchors()
        made_of = (*(credential.chain_pem for credential in credentials), *_fingerprints(anchors))
        if made_of == self._made_of:
            return False
        context = server_context(credentials, anchors)
        context.set_ciphers(_SUITES)
        self._newest, self._made_of = context, made_of
        return True

    def front(self) -> ssl.SSLContext:
        """The context to listen with. Raises RuntimeError before the first `renew`."""
        if self._newest is None:
            raise RuntimeError("there is no context yet")
        self._newest.sni_callback = self._go_on_in_newest
        return self._newest

    def _go_on_in_newest(self, connection: ssl.SSLObject, _name: str | None, _front: ssl.SSLContext) -> None:
        """Called by OpenSSL for each ClientHello, also for one that names no server."""
        if self._newest is not None:
            connection.context = self._newest


class TlsProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with the TLS connection laid into the scope of each request."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """TLS is up."""
        super().connection_made(transport)
        self.app = _with_connection(self.app, _facts_of(transport.get_extra_info("ssl_object")))
        # uvicorn waits for ever for a first request, and this port may stand open to everybody.
        self._patience = self.loop.call_later(_PATIENCE, transport.close)

    def data_received(self, data: bytes) -> None:
        """Octets in clear."""
        super().data_received(data)
        if self.cycle is not None:
            self._be_patient()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self._be_patient()
        super().connection_lost(exc)

    def _be_patient(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def configure(app: FastAPI, contexts: TlsContexts, grace: int) -> uvicorn.Config:
    """uvicorn's configuration for the port; `grace` is how many seconds running requests get at the end."""
    return uvicorn.Config(
        app,
        http=TlsProtocol,
        ssl_context_factory=lambda *_: contexts.front(),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=grace,
        ws="none",
    )


async def keep_renewing(contexts: TlsContexts, seconds: float) -> None:
    """Renew now and then until cancelled; a fault in one round is logged and the next round comes."""
    while True:
        await asyncio.sleep(seconds)
        try:
            if await asyncio.to_thread(contexts.renew):
                _LOG.info("web_certificates_in_use")
        except Exception:
            _LOG.exception("round_failed")


def _facts_of(tls: ssl.SSLObject) -> TlsConnection:
    version = tls.version() or ""
    unique = tls.get_channel_binding("tls-unique") if version == "TLSv1.2" else None
    return TlsConnection(tls.getpeercert(binary_form=True), version, unique)


def _with_connection(app: ASGIApp, connection: TlsConnection) -> ASGIApp:
    async def beside(scope: Scope, receive: Receive, send: Send) -> None:
        async def spelt(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [(_spelt(name), value) for name, value in message.get("headers", ())]
                message = {**message, "headers": headers}
            await send(message)

        await app({**scope, CONNECTION: connection}, receive, spelt)

    return beside


def _spelt(name: bytes) -> bytes:
    """A header's name in HTTP/1.1's usual letters: libest looks for `Content-Type` and overlooks `content-type`."""
    return b"WWW-Authenticate" if name == b"www-authenticate" else name.title()


def _fingerprints(anchors: Sequence[x509.Certificate]) -> list[str]:
    return sorted(anchor.fingerprint(SHA256()).hex() for anchor in anchors)
