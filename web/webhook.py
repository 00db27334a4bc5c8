"""Alarms told to another program by HTTP POST, signed. At least once: whoever receives them tells repeats by their id.

The signature covers the moment and the body, so that an old message cannot be sent again later (`signature`).
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import structlog

from pki.alarm_telling import AlarmTelling
from pki.alarms import Alarm
from pki.clock import Clock
from pki.secret_text import Secret
from web.api.shapes import AlarmOut
from web.errors import SettingsWrong
from web.settings import WebSettings

_LOG = structlog.get_logger(__name__)
VERSION = 1  # of the body; a change that breaks readers raises it
_SHORTEST_SECRET = 16
_PATIENCE = 10.0  # seconds for one attempt in all, however slowly the other side answers
_AT_ONCE = 50  # alarms in one round


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one attempt ended. `status` is the HTTP status, None when there was no answer; `why` is empty on success."""

    delivered: bool
    status: int | None
    why: str


def webhook_of(settings: WebSettings, clock: Clock) -> "Webhook | None":
    """The webhook that the settings describe; None when they name none. Raises SettingsWrong."""
    if not settings.webhook_url:
        return None
    secret = Secret.of(_secret_text(settings))
    if len(secret.reveal) < _SHORTEST_SECRET:
        raise SettingsWrong("webhook_secret", f"must have at least {_SHORTEST_SECRET} characters")
    return Webhook(settings.webhook_url, secret, settings.node, clock)


def _secret_text(settings: WebSettings) -> str:
    if settings.webhook_secret is not None:
        return settings.webhook_secret.get_secret_value()
    file = settings.webhook_secret_file
    try:
        return file.read_text(encoding="utf-8").strip() if file is not None else ""
    except (OSError, UnicodeDecodeError) as fault:
        raise SettingsWrong("webhook_secret_file", f"cannot read {file}: {type(fault).__name__}") from None


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where alarms go. `node` names this service to the receiver."""

    url: str
    secret: Secret = field(repr=False)
    node: str
    clock: Clock = field(repr=False)

    async def tell(self, alarm: Alarm) -> Delivery:
        """Send an alarm."""
        return await self._post("alarm.raised", id_of(alarm), AlarmOut.of(alarm).model_dump(mode="json"))

    async def test(self) -> Delivery:
        """Send a message that says nothing, to see whether one arrives."""
        return await self._post("test", f"test-{self.clock():%Y%m%dT%H%M%S%fZ}", None)

    async def _post(self, kind: str, message_id: str, alarm: Mapping[str, Any] | None) -> Delivery:
        now = self.clock()
        body = json.dumps(
            {
                "version": VERSION,
                "type": kind,
                "id": message_id,
                "sent_at": _spelt(now),
                "node": self.node,
                "alarm": alarm,
            }
        ).encode()
        stamp = str(int(now.timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "voltward",
            "Idempotency-Key": message_id,
            "Voltward-Timestamp": stamp,
            "Voltward-Signature": signature(self.secret, stamp, body),
        }
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._attempt(body, headers)
        except TimeoutError:
            return Delivery(False, None, f"no answer within {_PATIENCE:.0f} seconds")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as fault:
            return Delivery(False, None, f"{type(fault).__name__}: {fault}"[:300])

    async def _attempt(self, body: bytes, headers: Mapping[str, str]) -> Delivery:
        # Nothing of the answer but its status is read: a body without end costs nothing.
        async with (
            httpx.AsyncClient(follow_redirects=False, timeout=_PATIENCE, trust_env=False) as client,
            client.stream("POST", self.url, content=body, headers=dict(headers)) as answer,
        ):
            if answer.is_success:
                return Delivery(True, answer.status_code, "")
            hint = "; redirects are not followed" if answer.is_redirect else ""
            return Delivery(False, answer.status_code, f"it answered {answer.status_code}{hint}")


def signature(secret: Secret, stamp: str, body: bytes) -> str:
    """`v1=` and HMAC-SHA256, in hex, over the timestamp (Unix seconds in decimal), a full stop and the body."""
    return "v1=" + hmac.new(secret.reveal, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


def id_of(alarm: Alarm) -> str:
    """The same in every attempt for one alarm, and another for each alarm."""
    return f"alarm-{alarm.id}-{alarm.raised_at:%Y%m%dT%H%M%S%fZ}"


async def tell_alarms(webhook: Webhook, telling: AlarmTelling) -> int:
    """Send what is due, one after the other, until one does not arrive; how many arrived."""
    for number in range(_AT_ONCE):
        alarm = await asyncio.to_thread(telling.claim)
        if alarm is None:
            return number
        delivery = await webhook.tell(alarm)
        if not delivery.delivered:
            wait = await asyncio.to_thread(telling.failed, alarm.id)
            again = int(wait.total_seconds())
            _LOG.warning("alarm_not_told", alarm=alarm.id, why=delivery.why, again_in=again)
            return number
        await asyncio.to_thread(telling.arrived, alarm.id)
        _LOG.info("alarm_told", alarm=alarm.id, status=delivery.status)
    return _AT_ONCE


def _spelt(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
