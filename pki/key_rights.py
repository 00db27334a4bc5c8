"""Whether a key may be certified for whom it is asked: one station, one key, and some keys for nobody."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import BindParameter, bindparam, select, union_all
from sqlmodel import Session, col

from pki.errors import CsrRejected
from pki.plans import Plan
from pki.refusals import Refusal
from pki.tables import AuthorityRequestRow, AuthorityRow, BlockedKeyRow, CertificateRow, RevokedRow, SerialRow

_KEYS: BindParameter[str] = bindparam("keys", expanding=True)
# The request for an authority travels in the open, and is a good request for a certificate of its key.
_OURS = union_all(
    select(col(AuthorityRow.spki_sha256)).where(col(AuthorityRow.spki_sha256).in_(_KEYS)),
    select(col(AuthorityRequestRow.spki_sha256)).where(col(AuthorityRequestRow.spki_sha256).in_(_KEYS)),
)
_BLOCKED = select(col(BlockedKeyRow.spki_sha256)).where(col(BlockedKeyRow.spki_sha256).in_(_KEYS))
_SEEN = (
    select(col(SerialRow.spki_sha256), col(SerialRow.station)).where(col(SerialRow.spki_sha256).in_(_KEYS)).distinct()
)
_COMPROMISED = (
    select(col(CertificateRow.spki_sha256))
    .join(RevokedRow, col(RevokedRow.serial) == col(CertificateRow.serial))
    .where(col(CertificateRow.spki_sha256).in_(_KEYS), col(RevokedRow.reason) == "keyCompromise")
)


def why_not_free(session: Session, plans: Sequence[Plan]) -> list[CsrRejected | None]:
    """For each plan the refusal, or None: a key of an authority, blocked, compromised, or used elsewhere.

    Of two plans with one key in here, the first has it. A key seen at another station was
    copied: this is the alarm that finds cloned stations.
    """
    keys = sorted({plan.spki_sha256 for plan in plans})
    ours, blocked, compromised = (_keys(session, query, keys) for query in (_OURS, _BLOCKED, _COMPROMISED))
    seen: dict[str, set[str | None]] = {}
    for key, station in session.connection().execute(_SEEN, {"keys": keys}):
        seen.setdefault(key, set()).add(station)
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


def _keys(session: Session, query: object, keys: Sequence[str]) -> set[str]:
    parameters: Mapping[str, object] = {"keys": keys}
    return set(session.connection().execute(query, parameters).scalars())  # type: ignore[call-overload]
