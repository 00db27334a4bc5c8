"""One HTTP exchange with a responder that a station named: resolved once, checked, and called at that very address.

Nothing is followed, nothing is decoded, everything has an end: octets, seconds, exchanges at a time, exchanges of one
station in a minute. Proxies of the environment are not used: they would resolve the name a second time.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import httpx
import structlog

from csms_bridge.errors import StatusUnavailable
from csms_bridge.status.targets import Address, AllowList, Target, parsed, read_target, refused_url
from csms_bridge.throttle import Throttle
from pki.clock import Clock

log = structlog.get_logger(__name__)

AT_ONCE = 32
"""Exchanges of the process at a time; the others wait, within their patience."""
AT_ONCE_FOR_ONE = 8
_RESOLVERS = 4  # threads: a name server that never answers must not take those that the doors need

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses that a host name stands for, as text. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to send: POST when there is a body, else GET. `limit` bounds the answer in octets."""

    url: str
    limit: int
    body: bytes | None = None
    media_type: str = ""


class Fetcher:
    """Asks responders. One instance per process; `patience` is in seconds and covers the name and the answer."""

    def __init__(
        self,
        allowed: AllowList,
        clock: Clock,
        *,
        patience: float,
        per_minute: int,
        resolve: Resolve | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._allowed = allowed
        self._clock = clock
        self._patience = patience
        self._resolve = resolve or _Resolver()
        self._transport = transport
        self._pace = Throttle(per_minute)
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[str, int] = {}

    async def fetch(self, station: str, question: Question) -> bytes:
        """The body of a 200 answer. Raises StatusUnavailable, which says in OCPP's words what went wrong."""
        target = read_target(question.url)
        self._count(station)
        self._under_way[station] = self._under_way.get(station, 0) + 1
        try:
            async with asyncio.timeout(self._patience), self._gate:
                return await self._exchange(target, question)
        except TimeoutError:
            raise StatusUnavailable("Timeout", "the responder did not answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as fault:
            log.info("responder_failed", station=station, host=target.host, fault=type(fault).__name__)
            raise StatusUnavailable("ResponderFailed", "the responder cannot be reached") from None
        finally:
            self._done(station)

    def _count(self, station: str) -> None:
        now = self._clock()
        if self._under_way.get(station, 0) >= AT_ONCE_FOR_ONE or self._pace.must_wait("status", station, now):
            raise StatusUnavailable("RateLimited", "too many certificates were asked about; ask again in a minute")
        self._pace.failed("status", station, now)

    def _done(self, station: str) -> None:
        self._under_way[station] -= 1
        if not self._under_way[station]:
            del self._under_way[station]

    async def _exchange(self, target: Target, question: Question) -> bytes:
        address = await self._address(target)
        headers = {"Host": target.authority, "User-Agent": "voltward", "Accept-Encoding": "identity"}
        if question.body is not None:
            headers["Content-Type"] = question.media_type
        async with (
            self._client() as client,
            client.stream(
                "GET" if question.body is None else "POST",
                target.at(address),
                content=question.body,
                headers=headers,
                extensions={"sni_hostname": target.host},  # the name that TLS asks for, and checks
            ) as answer,
        ):
            return await _body(answer, question.limit)

    async def _address(self, target: Target) -> Address:
        """The first address of the name that may be called."""
        literal = parsed(target.host)
        names = [target.host] if literal else await self._resolve(target.host, target.port)
        found = [address for name in names if (address := parsed(name)) is not None]
        for address in found:
            if self._allowed.permits(target, address):
                return address
        log.warning("responder_refused", host=target.host, addresses=[str(address) for address in found][:4])
        raise refused_url("its address is not allowed" if found else "its host has no address")

    def _client(self) -> httpx.AsyncClient:
        verify = self._trust if self._transport is None else False
        return httpx.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=self._patience, verify=verify, transport=self._transport
        )

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context()


async def _body(answer: httpx.Response, limit: int) -> bytes:
    if answer.status_code != httpx.codes.OK:
        hint = "; redirects are not followed" if answer.is_redirect else ""
        raise StatusUnavailable("ResponderFailed", f"the responder answered {answer.status_code}{hint}")
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise StatusUnavailable("ResponderFailed", "the responder sent an encoded body that was not asked for")
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > limit:
            raise StatusUnavailable("TooLargeElement", f"the responder's answer is longer than {limit} octets")
    return bytes(body)


class _Resolver:
    """The system's resolver, in threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVERS, "responder-names")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        def look_up() -> list[str]:
            return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

        return await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
