"""Whether a key may be certified for whom it is asked: one station, one key, and some keys for nobody."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import BindParameter, Select, String, bindparam, cast, literal, null, select, union_all
from sqlmodel import Session, col

from pki.errors import CsrRejected
from pki.plans import Plan
from pki.refusals import Refusal
from pki.tables import AuthorityRequestRow, AuthorityRow, BlockedKeyRow, CertificateRow, RevokedRow, SerialRow

_KEYS: BindParameter[str] = bindparam("keys", expanding=True)


class _Where(StrEnum):
    """What is on record of a key."""

    OURS = "ours"
    BLOCKED = "blocked"
    COMPROMISED = "compromised"
    SEEN = "seen"


def _keys_of(where: _Where, key: Any, station: Any = None) -> Select[Any]:
    station = cast(null(), String) if station is None else station
    return select(literal(where.value).label("found"), col(key).label("key"), station.label("station")).where(
        col(key).in_(_KEYS)
    )


_SAME = col(RevokedRow.serial) == col(CertificateRow.serial)
# One statement: what is asked of every key, of one or of hundreds at once.
_FOUND = union_all(
    # The request for an authority travels in the open, and is a good request for a certificate of its key.
    _keys_of(_Where.OURS, AuthorityRow.spki_sha256),
    _keys_of(_Where.OURS, AuthorityRequestRow.spki_sha256),
    _keys_of(_Where.BLOCKED, BlockedKeyRow.spki_sha256),
    _keys_of(_Where.COMPROMISED, CertificateRow.spki_sha256)
    .join(RevokedRow, _SAME)
    .where(col(RevokedRow.reason) == "keyCompromise"),
    _keys_of(_Where.SEEN, SerialRow.spki_sha256, col(SerialRow.station)).distinct(),
)


def why_not_free(session: Session, plans: Sequence[Plan]) -> list[CsrRejected | None]:
    """For each plan the refusal, or None: a key of an authority, blocked, compromised, or used elsewhere.

    Of two plans with one key in here, the first has it. A key seen at another station was
    copied: this is the alarm that finds cloned stations.
    """
    keys = sorted({plan.spki_sha256 for plan in plans})
    found: dict[str, set[str]] = {where: set() for where in _Where}
    seen: dict[str, set[str | None]] = {}
    for where, key, station in session.connection().execute(_FOUND, {"keys": keys}):
        found[where].add(key)
        if where == _Where.SEEN:
            seen.setdefault(key, set()).add(station)
    ours, blocked, compromised = (found[where] for where in (_Where.OURS, _Where.BLOCKED, _Where.COMPROMISED))
    return [_refusal(plan, ours, blocked, compromised, seen) for plan in plans]


def _refusal(
    plan: Plan,
    ours: Iterable[str],
    blocked: Iterable[str],
    compromised: Iterable[str],
    seen: dict[str, set[str | None]],
) -> CsrRejected | None:
    key = plan.spki_sha256
    if key in ours and not plan.profile.is_cross:
        return Refusal.KEY_OF_AN_AUTHORITY.because()
    if key in blocked:
        return Refusal.KEY_BLOCKED.because()
    if key in compromised:
        return Refusal.KEY_COMPROMISED.because()
    return _seen_elsewhere(plan, seen)


def _seen_elsewhere(plan: Plan, seen: dict[str, set[str | None]]) -> CsrRejected | None:
    places = seen.setdefault(plan.spki_sha256, set())
    others = places - {plan.station}
    if not others:
        places.add(plan.station)
        return None
    named = sorted(place for place in others if place)
    where = f"at the station {named[0]!r}" if named else "in a certificate that is no station's"
    return Refusal.KEY_USED_ELSEWHERE.because(f"the key was seen before {where}")
