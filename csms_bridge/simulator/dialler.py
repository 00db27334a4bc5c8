"""Attempt after attempt: which way, with which certificate, and what follows from success and failure."""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection

from csms_bridge.simulator.arrival import arrived, discard_newest, gave_up, presented
from csms_bridge.simulator.certificates import certificate_to_pem
from csms_bridge.simulator.config import Fault, StationConfig
from csms_bridge.simulator.dial import DialFailed, dial
from csms_bridge.simulator.events import (
    CertificateDiscarded,
    Connected,
    FellBack,
    ProfileChanged,
    Refused,
    StationEvent,
)
from csms_bridge.simulator.memory import Memory
from csms_bridge.simulator.routes import Rota, Route, plan
from csms_bridge.simulator.slots import MUTUAL_TLS, TLS_PROFILE
from csms_bridge.simulator.tls import own_context, shared_context

DOUBLINGS = 5
"""Redial waits double this often (RetryBackOffRepeatTimes) and stay there."""


@dataclass(frozen=True)
class Arrival:
    """An open connection, and what observers are to hear of it."""

    socket: ClientConnection
    events: list[StationEvent]


class Dialler:
    """Connects a station; keeps count of what failed.

    `emit` tells observers, `report` queues a security event (kind, detail).
    """

    def __init__(
        self,
        config: StationConfig,
        memory: Memory,
        emit: Callable[[StationEvent], None],
        report: Callable[[str, str], None],
    ) -> None:
        self._config = config
        self._memory = memory
        self._emit = emit
        self._report = report
        self._rota: Rota | None = None
        self._failures = 0
        self._certificate_failures = 0
        self._distrust_reported = False
        self._own_context: tuple[tuple[object, ...], ssl.SSLContext] | None = None
        self.client_serial: str | None = None
        """Serial number of the certificate presented last, lower-case hex; None when none was."""

    def start_over(self) -> None:
        """Forget which way was being tried: the memory has changed."""
        self._rota = None

    @property
    def wait(self) -> float:
        """Seconds before the next attempt: growing with the failures, with a random part (reference §1.7)."""
        doublings = min(max(self._failures - 1, 0), DOUBLINGS)
        spread: float = random.uniform(1.0, 1.2)  # noqa: S311 - no secret
        return self._config.back_off * float(2**doublings) * spread

    async def attempt(self, *, booting: bool) -> Arrival | None:
        """Dial once; None when it did not work."""
        if self._rota is None:
            self._rota = plan(self._config, self._memory, booting=booting)
        rota, route = self._rota, self._rota.route
        try:
            socket = await dial(self._config, route, self._context(route))
        except DialFailed as failure:
            self._note_failure(rota, route, failure)
            return None
        return Arrival(socket, self._note_success(route))

    def _context(self, route: Route) -> ssl.SSLContext | None:
        """Choose roots and certificate for a way; under fall-back a higher profile trusts nobody."""
        self.client_serial = None
        if route.url.startswith("ws://"):
            return None
        config = self._config
        # Under url-key TLS may come before its profile: then the station does not look into its store (open-ocpp).
        early = route.profile < TLS_PROFILE
        doomed = early or (config.has(Fault.FALL_BACK) and route.profile > self._memory.profile)
        roots = () if doomed else tuple(certificate_to_pem(root) for root in self._memory.csms_roots)
        rsa_only = config.has(Fault.RSA_ONLY_TLS)
        check = doomed or not config.has(Fault.NO_SERVER_CHECK)
        credential = presented(config, self._memory) if route.profile == MUTUAL_TLS else None
        if credential is None:
            return shared_context(roots, rsa_only=rsa_only, check=check)
        self.client_serial = credential.serial
        key = (roots, credential.serial)
        if self._own_context is None or self._own_context[0] != key:
            self._own_context = key, own_context(roots, credential, rsa_only=rsa_only, check=check)
        return self._own_context[1]

    def _note_failure(self, rota: Rota, route: Route, failure: DialFailed) -> None:
        identity = self._config.identity
        self._failures += 1
        self._emit(Refused(identity, route.profile, failure.status, failure.reason))
        if failure.bad_server_certificate and not self._distrust_reported:
            self._distrust_reported = True
            self._report("InvalidCsmsCertificate", failure.reason)
        if route.profile == MUTUAL_TLS and failure.reached and self._certificate_given_up():
            return
        following = rota.failed(self._config.fall_back_after)
        if following is None:
            return
        if following.profile < route.profile:
            self._emit(FellBack(identity, route.profile, following.profile))
        if self._memory.raising_to is not None:
            gave_up(self._memory)
            self.start_over()

    def _certificate_given_up(self) -> bool:
        """Return to the old certificate when the renewed one is refused again and again (2.1 A02.FR.28, .29)."""
        self._certificate_failures += 1
        if self._certificate_failures < self._config.fall_back_after:
            return False
        self._certificate_failures = 0
        loser = discard_newest(self._config, self._memory)
        if loser is None:
            return False
        self._emit(CertificateDiscarded(self._config.identity, loser.serial))
        self._report("DiscardedRenewedClientCertificate", loser.serial)
        return True

    def _note_success(self, route: Route) -> list[StationEvent]:
        """Settle on the way that worked; gives what is to be told once the connection is in place."""
        identity, before = self._config.identity, self._memory.profile
        self._failures = self._certificate_failures = 0
        self._distrust_reported = False
        arrived(self._config, self._memory, route)
        self.start_over()
        connected = Connected(identity, route.profile, route.url, self.client_serial)
        changed = [ProfileChanged(identity, before, route.profile)] if route.profile != before else []
        return [connected, *changed]
