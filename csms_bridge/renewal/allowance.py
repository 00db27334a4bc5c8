"""How many certificate requests of one station are taken in: a bucket that fills up by the hour. Pure.

A station whose certificate does not come, or does not suit it, goes on asking; some do so without a pause. Each request
that is taken in costs a signature and leaves a certificate behind. So a station is first *slowed*: what its bucket
does not hold is answered Rejected. One that goes on all the same is *paused*: nothing of it is read until it was quiet
for a while, or a person releases it.

Rejected, and not Accepted: A02.FR.12 has it for what cannot be processed, and only Accepted starts the station's own
waiting and repeating (2.0.1 A02.FR.17-19). One that was told Accepted and never gets a CertificateSigned repeats, and
some refuse every trigger meanwhile (reference, station-everest); one that was told Rejected is free at once.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

_HOUR = timedelta(hours=1)
GIVEN_BACK = 0.75
"""Of a request that came to something: a station that takes each certificate and asks again has an end as well."""
MANY_KEYS = 10
"""Requests in a row, each over another key: more than a station's own repetitions bring (A02.FR.18)."""
_NOTED = 12
"""While a station is paused, its last request is noted so often in a quiet time: it shall cost next to nothing."""


class Standing(StrEnum):
    """What becomes of a station's certificate requests."""

    FREE = "free"
    SLOWED = "slowed"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Limits:
    """`per_hour` at once, and as many in an hour. A pause ends by itself after `quiet` without a request."""

    per_hour: int
    quiet: timedelta

    @property
    def strikes(self) -> int:
        """Requests beyond the bucket that are borne before the station is paused."""
        return self.per_hour


@dataclass(frozen=True, slots=True)
class Account:
    """One station's bucket as it stood at `at`, and how it behaves, `since` when.

    `tokens` are for what is signed, `refusals` for rows about what is refused: rubbish keeps no good request out.
    `key` is the SHA-256 of the key that it asked for last, `keys` how often that changed since it took a certificate.
    """

    tokens: float
    refusals: float
    at: datetime
    since: datetime
    standing: Standing = Standing.FREE
    strikes: int = 0
    key: str = ""
    keys: int = 0


def fresh(limits: Limits, now: datetime) -> Account:
    """One who has not asked of late."""
    return Account(limits.per_hour, limits.per_hour, now, now)


def refilled(account: Account, limits: Limits, now: datetime) -> Account:
    """The account now. A clock that was set back fills nothing, and holds nothing up either."""
    more = max(timedelta(0), now - account.at) / _HOUR * limits.per_hour
    tokens = min(limits.per_hour, account.tokens + more)
    found = replace(account, tokens=tokens, refusals=min(limits.per_hour, account.refusals + more), at=now)
    if found.standing is Standing.SLOWED and tokens >= limits.per_hour:
        return replace(found, standing=Standing.FREE, since=now, strikes=0)
    return found


def asked(account: Account, limits: Limits, key: str, now: datetime) -> tuple[Account, bool]:
    """The station asks for a certificate over `key` that could be made; whether it is taken in."""
    found = refilled(account, limits, now)
    if found.key != key:
        found = replace(found, key=key, keys=found.keys + 1)
    if found.standing is Standing.PAUSED:
        return found, False
    if found.tokens >= 1:
        return replace(found, tokens=found.tokens - 1), True
    strikes = found.strikes + 1
    standing = Standing.PAUSED if strikes >= limits.strikes else Standing.SLOWED
    since = found.since if standing is found.standing else now
    return replace(found, standing=standing, since=since, strikes=strikes), False


def refused(account: Account, limits: Limits, now: datetime) -> tuple[Account, bool]:
    """It asked for what it cannot get; whether a row may say so."""
    found = refilled(account, limits, now)
    if found.refusals < 1:
        return found, False
    return replace(found, refusals=found.refusals - 1), True


def taken(account: Account, limits: Limits, now: datetime) -> Account:
    """It took a certificate: its keys are good, and most of the token comes back. A pause does not end by that."""
    found = refilled(account, limits, now)
    back = min(limits.per_hour, found.tokens + GIVEN_BACK)
    if found.standing is Standing.SLOWED and back >= 1:
        found = replace(found, standing=Standing.FREE, since=now, strikes=0)
    return replace(found, tokens=back, keys=0)


def is_over(account: Account, limits: Limits, now: datetime) -> bool:
    """Whether a pause ends by itself: `at` is about when the station asked last."""
    return account.standing is Standing.PAUSED and now - account.at >= limits.quiet


def is_worth_noting(account: Account, limits: Limits, now: datetime) -> bool:
    """Whether that a paused station asked again is to be written down; a clock set back counts as well."""
    return not timedelta(0) <= now - account.at < limits.quiet / _NOTED
