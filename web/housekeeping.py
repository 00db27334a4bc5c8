"""What has to happen every now and then: revocation lists, ended sessions, old idempotency keys."""

import asyncio
from collections.abc import Callable

import structlog

from web.idempotency import forget_old_keys
from web.service import Service

_LOG = structlog.get_logger(__name__)
_CRL_ROUND = 10.0  # seconds; a revocation must be in its list within 60
_SWEEP_ROUND = 600.0  # seconds


async def keep_house(service: Service) -> None:
    """Run the rounds until cancelled."""
    await asyncio.gather(
        _every(_CRL_ROUND, service.authority.refresh_crls),
        _every(_SWEEP_ROUND, lambda: sweep(service)),
    )


def sweep(service: Service) -> None:
    """Delete what has expired."""
    service.accounts.forget_ended_sessions()
    forget_old_keys(service)


async def _every(seconds: float, work: Callable[[], object]) -> None:
    """A fault in one round is logged, and the next round comes."""
    while True:
        try:
            await asyncio.to_thread(work)
        except Exception:
            _LOG.exception("round_failed")
        await asyncio.sleep(seconds)
