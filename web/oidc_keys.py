"""Issuers' public keys: fetched once in a while, and again when a token names a key that is not there yet.

The issuer is the operator's word; where its keys lie is the issuer's. Both are called through the same fetcher as
certificate status: no redirects, bounded answers, public addresses unless the operator lists others.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from csms_bridge.errors import StatusUnavailable
from csms_bridge.status.fetcher import Fetcher, Question
from web.errors import IssuerAway
from web.oidc import OidcIssuer, is_safe

log = structlog.get_logger(__name__)
_FRESH = timedelta(hours=1)
_USABLE = timedelta(days=1)  # an issuer that is away for a while stops no build
_PAUSE = timedelta(minutes=1)  # made-up key ids must not make us call the issuer for each
_LIMIT = 256 * 1024
_KINDS: dict[str, type[RSAKey] | type[ECKey]] = {"RSA": RSAKey, "EC": ECKey}


@dataclass(frozen=True, slots=True)
class _Held:
    keys: KeySet
    ids: frozenset[str]
    fetched_at: datetime
    tried_at: datetime


class IssuerKeys:
    """Finds an issuer's keys. Safe to use from several threads; not from one that runs a loop."""

    def __init__(self, fetcher: Callable[[], Fetcher], clock: Callable[[], datetime]) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._lock = Lock()

    def of(self, issuer: OidcIssuer, key_id: str) -> KeySet:
        """The keys, with `key_id` among them if the issuer has it. Raises IssuerAway."""
        with self._lock:
            now, held = self._clock(), self._held.get(issuer.issuer)
            if held is not None and not _is_due(held, key_id, now):
                return held.keys
            try:
                held = asyncio.run(self._fetched(issuer, now))
            except (StatusUnavailable, ValueError, RecursionError) as fault:
                log.warning("issuer_keys_not_fetched", issuer=issuer.issuer, fault=str(fault))
                if held is None or now > held.fetched_at + _USABLE:
                    raise IssuerAway(f"the keys of {issuer.issuer} cannot be had now: {fault}") from None
                held = _Held(held.keys, held.ids, held.fetched_at, now)
            self._held[issuer.issuer] = held
            return held.keys

    async def _fetched(self, issuer: OidcIssuer, now: datetime) -> _Held:
        fetcher = self._fetcher()
        url = issuer.jwks_url or await _discovered(fetcher, issuer.issuer)
        found = json.loads(await fetcher.fetch("oidc", Question(url, _LIMIT)))
        keys = [key for said in _listed(found) if (key := _key(said)) is not None]
        if not keys:
            raise ValueError("it has no keys that can be used")
        return _Held(KeySet([*keys]), frozenset(str(key.kid) for key in keys), now, now)


async def _discovered(fetcher: Fetcher, issuer: str) -> str:
    """Where the keys lie (OpenID Connect Discovery §4). Raises ValueError, StatusUnavailable."""
    url = issuer.rstrip("/") + "/.well-known/openid-configuration"
    said = json.loads(await fetcher.fetch("oidc", Question(url, _LIMIT)))
    if not isinstance(said, dict) or said.get("issuer") != issuer:
        raise ValueError("its configuration is of another issuer")
    found = said.get("jwks_uri")
    if not isinstance(found, str) or not is_safe(found):
        raise ValueError("its configuration names no https address of its keys")
    return found


def _is_due(held: _Held, key_id: str, now: datetime) -> bool:
    wanted = now >= held.fetched_at + _FRESH or key_id not in held.ids
    return wanted and now >= held.tried_at + _PAUSE


def _listed(found: Any) -> list[Any]:
    keys = found.get("keys") if isinstance(found, dict) else None
    return keys if isinstance(keys, list) else []


def _key(said: Any) -> RSAKey | ECKey | None:
    """A key for signatures; None for any other, which is no reason to refuse the rest."""
    if not isinstance(said, Mapping) or said.get("kty") not in _KINDS or said.get("use", "sig") != "sig":
        return None
    if not isinstance(said.get("kid"), str):
        return None
    try:
        return _KINDS[said["kty"]].import_key(dict(said))
    except (JoseError, ValueError, TypeError, KeyError):
        return None
