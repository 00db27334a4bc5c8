"""Which tokens of CI systems are believed (OpenID Connect Core §3.1.3.7), and what they may have signed. Pure.

A build job shows the token that its CI system made for it, so that no secret of ours lies there. Issuer, audience and
patterns for claims are the operator's settings; everything else about the token is checked here.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from ipaddress import ip_address
from typing import Any, Self
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, Field, field_validator

from web.errors import ClaimsRefused, TokenRefused

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384")
"""Signatures with a public key only: with HS256 whoever knows the published key could sign (RFC 8725 §2.1)."""
_SKEW = timedelta(seconds=60)
_LONGEST_TOKEN = 16 * 1024
_LONGEST_LIFE = timedelta(days=1)


class OidcRule(BaseModel):
    """Claims that must fit (patterns with * and ?), and the firmware that such a job may have signed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    claims: dict[str, str] = Field(min_length=1)
    vendor: str = Field(min_length=1, max_length=100)
    model: str = Field(default="*", min_length=1, max_length=100)


class OidcIssuer(BaseModel):
    """An issuer whose tokens are believed, when they are for `audience`. `jwks_url` empty: found by discovery."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(max_length=500)
    audience: str = Field(min_length=1, max_length=500)
    jwks_url: str = Field(default="", max_length=500)
    rules: tuple[OidcRule, ...] = Field(min_length=1)

    @field_validator("issuer", "jwks_url")
    @classmethod
    def _https(cls, value: str) -> str:
        if value and not is_safe(value):
            raise ValueError("must begin with https:// (http only to a loopback address)")
        return value


@dataclass(frozen=True, slots=True)
class Believed:
    """What a good token says: by which rule, and until when it may be used. `jti` names it."""

    issuer: str
    rule: OidcRule
    subject: str
    jti: str
    expires_at: datetime

    @property
    def name(self) -> str:
        """As it stands in the audit trail."""
        return f"oidc:{self.rule.name}"


@dataclass(frozen=True, slots=True)
class Unread:
    """What a token claims to be, before anything of it is believed."""

    text: str
    issuer: str
    key_id: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Raises TokenRefused."""
        if len(text) > _LONGEST_TOKEN or text.count(".") != 2:
            raise TokenRefused("this is not a token that can be read")
        header, payload = (_part(one) for one in text.split(".")[:2])
        if not isinstance(header.get("kid"), str) or not isinstance(payload.get("iss"), str):
            raise TokenRefused("the token names no key (kid) or no issuer (iss)")
        return cls(text, payload["iss"], header["kid"])


def is_safe(url: str) -> bool:
    """Whether nobody on the way can change what is read there."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))


def believe(token: Unread, issuer: OidcIssuer, keys: KeySet, now: datetime) -> Believed:
    """Check signature, times, audience and claims. Raises TokenRefused (401), ClaimsRefused (403)."""
    try:
        claims = jwt.decode(token.text, keys, algorithms=ALGORITHMS).claims
    except (JoseError, ValueError, TypeError, KeyError) as fault:
        raise TokenRefused(f"the token's signature is not good ({type(fault).__name__})") from None
    if claims.get("iss") != issuer.issuer:
        raise TokenRefused("the token is of another issuer")
    _check_audience(claims.get("aud"), issuer.audience)
    expires_at = _check_times(claims, now)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= 200:
        raise TokenRefused("the token has no id (jti), so nobody could tell that it comes twice")
    rule = _rule_for(claims, issuer.rules)
    return Believed(issuer.issuer, rule, str(claims.get("sub", ""))[:200], jti, expires_at)


def _check_audience(audience: object, wanted: str) -> None:
    given = audience if isinstance(audience, list) else [audience]
    if wanted not in given:
        raise TokenRefused(f"the token is for another audience than {wanted!r}")


def _check_times(claims: Mapping[str, Any], now: datetime) -> datetime:
    expires_at = _moment(claims, "exp")
    if expires_at is None:
        raise TokenRefused("the token has no end (exp)")
    if now >= expires_at + _SKEW:
        raise TokenRefused("the token has expired")
    for name in ("nbf", "iat"):
        start = _moment(claims, name)
        if start is not None and start > now + _SKEW:
            raise TokenRefused(f"the token is not valid yet ({name})")
    if expires_at - (_moment(claims, "iat") or now) > _LONGEST_LIFE:
        raise TokenRefused("the token lives longer than a day")
    return expires_at


def _moment(claims: Mapping[str, Any], name: str) -> datetime | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenRefused(f"the token's {name} is not a time")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise TokenRefused(f"the token's {name} is not a time") from None


def _rule_for(claims: Mapping[str, Any], rules: Sequence[OidcRule]) -> OidcRule:
    for rule in rules:
        if all(_fits(claims.get(name), pattern) for name, pattern in rule.claims.items()):
            return rule
    names = sorted({name for rule in rules for name in rule.claims})
    shown = ", ".join(f"{name}={claims.get(name)!r}" for name in names)
    raise ClaimsRefused(f"no rule is for a job with {shown[:500]}")


def _fits(value: object, pattern: str) -> bool:
    text = str(value).lower() if isinstance(value, bool) else value
    return isinstance(text, str) and fnmatchcase(text, pattern)


def _part(text: str) -> Mapping[str, Any]:
    try:
        said = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        raise TokenRefused("this is not a token that can be read") from None
    if not isinstance(said, dict):
        raise TokenRefused("this is not a token that can be read")
    return said


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
