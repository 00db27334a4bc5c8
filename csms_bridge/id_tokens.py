"""Who may charge while there is no CSMS that decides: a policy, and a list that the operator keeps.

Tokens are compared without regard to case (OCPP 1.6 §7.28 CiString20Type; 2.x IdTokenType is identifierString or
case-insensitive text). They are people's cards: the audit trail names them, and no log does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func
from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.errors import IdTokenRefused, UnknownIdToken
from csms_bridge.tables import IdTokenRow
from pki.audit import AuditTrail, Entry
from pki.clock import Clock
from pki.store import Store

LONGEST = 255  # idToken of 2.1; 2.0.1 has 36 characters, 1.6 has 20
MOST = 100_000
_AT_ONCE = 500


class Policy(StrEnum):
    """Who may charge."""

    NO = "no"
    YES = "yes"
    LISTED = "listed"


class TokenStatus(StrEnum):
    """What a station is told of a token, in words that all versions have."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"


@dataclass(frozen=True, slots=True)
class IdToken:
    """A token on the list."""

    token: str
    blocked: bool = False
    expires_at: datetime | None = None
    note: str = ""
    changed_by: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """May it charge, and until when may a station remember that."""

    status: TokenStatus
    until: datetime | None = None


NO_LEAVE = Leave(TokenStatus.INVALID)


def leave_of(policy: Policy, listed: IdToken | None, now: datetime) -> Leave:
    """The policy's word on a token; `listed` is its entry, if it has one. A blocked one is blocked whatever else."""
    if listed is not None and listed.blocked and policy is not Policy.NO:
        return Leave(TokenStatus.BLOCKED)
    if policy is not Policy.LISTED:
        return Leave(TokenStatus.ACCEPTED if policy is Policy.YES else TokenStatus.INVALID)
    if listed is None:
        return Leave(TokenStatus.INVALID)
    over = listed.expires_at is not None and listed.expires_at <= now
    return Leave(TokenStatus.EXPIRED if over else TokenStatus.ACCEPTED, listed.expires_at)


class IdTokens:
    """The list, and the policy over it."""

    def __init__(self, store: Store, trail: AuditTrail, policy: Policy, clock: Clock) -> None:
        self._store = store
        self._trail = trail
        self._clock = clock
        self.policy = policy

    def ask(self, text: str) -> Leave:
        """May this token charge?"""
        listed = None
        if self.policy is not Policy.NO and 0 < len(text) <= LONGEST:
            with self._store.reading() as session:
                row = session.get(IdTokenRow, _key(text))
                listed = None if row is None else token_of(row)
        return leave_of(self.policy, listed, self._clock())

    def put(self, tokens: Sequence[IdToken], by: str) -> list[IdToken]:
        """Add tokens, or change those that are there: all or none. Raises IdTokenRefused."""
        now = self._clock()
        for number, token in enumerate(tokens, 1):
            _check(token, number if len(tokens) > 1 else None)
        with self._store.writing() as session:
            rows = [_put(session, token, by, now) for token in tokens]
            if session.exec(select(func.count()).select_from(IdTokenRow)).one() > MOST:
                raise IdTokenRefused("token", f"there would be more than {MOST} tokens")
            entries = [_entry(FleetAct.ID_TOKEN_PUT, row, by) for row in rows]
            self._trail.record_all(session, entries, now)
            return [token_of(row) for row in rows]

    def remove(self, text: str, by: str, reason: str = "") -> None:
        """Take a token off the list. Raises UnknownIdToken."""
        with self._store.writing() as session:
            row = session.get(IdTokenRow, _key(text))
            if row is None:
                raise UnknownIdToken(text)
            session.delete(row)
            self._trail.record_all(session, [_entry(FleetAct.ID_TOKEN_REMOVED, row, by, reason)], self._clock())

    def page(self, *, after: str | None = None, limit: int = 100) -> list[IdToken]:
        """In the order of the alphabet, after the given token."""
        query = select(IdTokenRow).order_by(col(IdTokenRow.key)).limit(limit)
        if after is not None:
            query = query.where(col(IdTokenRow.key) > _key(after))
        with self._store.reading() as session:
            return [token_of(row) for row in session.exec(query)]


def _key(text: str) -> str:
    return text.casefold()


def _check(token: IdToken, row: int | None) -> None:
    text = token.token
    if not 0 < len(text) <= LONGEST or not text.isprintable() or text != text.strip() or len(_key(text)) > LONGEST:
        raise IdTokenRefused("token", f"1 to {LONGEST} printable characters, no blank at its ends, are allowed", row)
    if len(token.note) > 200 or not (token.note or "x").isprintable():
        raise IdTokenRefused("note", "up to 200 printable characters are allowed", row)


def _put(session: Session, token: IdToken, by: str, now: datetime) -> IdTokenRow:
    key = _key(token.token)
    row = session.get(IdTokenRow, key) or IdTokenRow(key=key, token="", changed_by=by, changed_at=now)
    row.token, row.blocked, row.expires_at, row.note = token.token, token.blocked, token.expires_at, token.note
    row.changed_by, row.changed_at = by, now
    session.add(row)
    return row


def _entry(act: FleetAct, row: IdTokenRow, by: str, reason: str = "") -> Entry:
    details = {"blocked": row.blocked, "expires_at": row.expires_at.isoformat() if row.expires_at else None}
    return Entry(act, by, "id-token", row.token, reason, details)


def token_of(row: IdTokenRow) -> IdToken:
    """The domain object of a row."""
    return IdToken(row.token, row.blocked, row.expires_at, row.note, row.changed_by, row.changed_at)
