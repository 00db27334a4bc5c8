"""What has to happen every now and then: revocation lists, ended sessions, old idempotency keys."""

import asyncio
from collections.abc import Callable

import structlog

from web.idempotency import forget_old_keys
from web.service import Service

_LOG = structlog.get_logger(__name__)
_SIGNER_ROUND = 2.0  # seconds
_CRL_ROUND = 10.0  # seconds; a revocation must be in its list within 60
_CHECKPOINT_ROUND = 60.0  # seconds; when one is due is a setting
_SWEEP_ROUND = 600.0  # seconds
_WARNING_ROUND = 600.0  # seconds; the narrowest warning is told a day before


async def keep_watch(service: Service) -> None:
    """What every process does, since each finds out for itself whether it can have things signed."""
    await _every(_SIGNER_ROUND, service.authority.watch_signers)


async def keep_house(service: Service) -> None:
    """Run the rounds until cancelled."""
    await asyncio.gather(
        _every(_CRL_ROUND, service.authority.refresh_crls),
        _every(_CHECKPOINT_ROUND, service.authority.keep_checkpoints),
        _every(_SWEEP_ROUND, lambda: sweep(service)),
        _every(_WARNING_ROUND, service.authority.warn_of_endings),
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
