"""What has to happen every now and then: revocation lists, ended sessions, old idempotency keys."""

import asyncio
from collections.abc import Callable

import structlog

from pki.alarm_telling import AlarmTelling
from web.idempotency import forget_old_keys
from web.service import Service
from web.webhook import tell_alarms

_LOG = structlog.get_logger(__name__)
_SIGNER_ROUND = 2.0  # seconds
_CRL_ROUND = 10.0  # seconds; a revocation must be in its list within 60
_LINT_ROUND = 10.0  # seconds; each takes the linter half a second at most
_KEYS_ROUND = 10.0  # seconds; each takes half a second at most
_FIRMWARE_ROUND = 10.0  # seconds
_CHECKPOINT_ROUND = 60.0  # seconds; when one is due is a setting
_SWEEP_ROUND = 600.0  # seconds
_PRUNING_ROUND = 10.0  # seconds; a busy fleet fills the journal as fast as a round may delete
_TELLING_ROUND = 2.0  # seconds
_RENEWAL_ROUND = 10.0  # seconds; the pace is counted by the minute
_RECOVERY_ROUND = 1.0  # seconds; what is over must not stay open
_CAMPAIGN_ROUND = 1.0  # seconds; an idle campaign costs a look every other second
_READINESS_ROUND = 10.0  # seconds; who changed is assessed again
_WARNING_ROUND = 600.0  # seconds; the narrowest warning is told a day before


async def keep_watch(service: Service) -> None:
    """What every process does: each finds out whether it can have things signed, and tidies its own disk."""
    await asyncio.gather(
        _every(_SIGNER_ROUND, service.authority.watch_signers),
        _every(_SWEEP_ROUND, service.fleet.logs.sweep),
        _every(_SWEEP_ROUND, lambda: service.fleet.images.sweep(service.settings.bridge.firmware_upload_life)),
    )


async def keep_house(service: Service) -> None:
    """Run the rounds until cancelled."""
    await asyncio.gather(
        _every(_CRL_ROUND, service.authority.refresh_crls),
        _every(_LINT_ROUND, lambda: in_peace(service, "lint", service.authority.relint)),
        _every(_KEYS_ROUND, lambda: in_peace(service, "keys", service.authority.key_review.round)),
        _every(_FIRMWARE_ROUND, service.authority.keep_firmware),
        _every(_CHECKPOINT_ROUND, service.authority.keep_checkpoints),
        _every(_SWEEP_ROUND, lambda: sweep(service)),
        _every(_WARNING_ROUND, service.authority.warn_of_endings),
        _every(_PRUNING_ROUND, lambda: in_peace(service, "pruning", service.fleet.prune)),
        _every(_RENEWAL_ROUND, service.fleet.renew_due),
        _every(_RECOVERY_ROUND, service.fleet.recoveries.round),
        _every(_CAMPAIGN_ROUND, service.fleet.campaigns.round),
        _every(_READINESS_ROUND, lambda: in_peace(service, "readiness", service.fleet.readiness.round)),
        _tell_alarms(service),
    )


async def _tell_alarms(service: Service) -> None:
    """Alarms to the webhook, if there is one; in the loop, since it waits for somebody else's answer."""
    if service.webhook is None:
        return
    telling = AlarmTelling(service.store, service.clock)
    while True:
        try:
            await tell_alarms(service.webhook, telling)
        except Exception:
            _LOG.exception("round_failed")
        await asyncio.sleep(_TELLING_ROUND)


def in_peace(service: Service, name: str, work: Callable[[], object]) -> None:
    """Do a round of work that can wait, unless many stations are connecting to this process."""
    if not service.fleet.rush.puts_off(name):
        work()


def sweep(service: Service) -> None:
    """Delete what has expired."""
    service.accounts.forget_ended_sessions()
    forget_old_keys(service)
    service.oidc.forget_ended()
    service.fleet.links.forget_over()
    service.passkeys.forget_ended()
    service.authority.prune()


async def _every(seconds: float, work: Callable[[], object]) -> None:
    """A fault in one round is logged, and the next round comes."""
    while True:
        try:
            await asyncio.to_thread(work)
        except Exception:
            _LOG.exception("round_failed")
        await asyncio.sleep(seconds)
