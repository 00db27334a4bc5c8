"""One-time enrolment codes: what a station shows, once, to get its first certificate outside OCPP (ADR 0014).

A code is for one station and one key: the first key whose request is in order binds it. Only a digest is kept. It
may be shown again with the same key, for an answer that was lost, and leads to the same certificate; while that is
made, the code is claimed, so that two requests at once cannot lead to two. The claim runs out by itself, for a
process that died with it.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlmodel import Session, col

from pki.audit import AuditTrail, Entry, PkiAct
from pki.errors import CodeAtWork, CodeRefused, OrderRefused, UnknownCode
from pki.secret_text import Secret
from pki.store import Store, hold_lock
from pki.tables import EnrolmentCodeRow
from pki.typed_codes import new_code, read_code

_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(days=366)
_CLAIM = timedelta(minutes=1)  # longer than a signer takes
_ASK_AGAIN = 2  # seconds


class CodeState(StrEnum):
    """Where a code stands. A bound one was tried with a key and is good for that key only."""

    OPEN = "open"
    BOUND = "bound"
    USED = "used"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class EnrolmentCode:
    """A code without its text. `spki_sha256` is the key that it is bound to, `used_for` the certificate it led to."""

    id: str
    station: str
    state: CodeState
    made_by: str
    made_at: datetime
    expires_at: datetime
    spki_sha256: str | None
    used_at: datetime | None
    used_for: str | None
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code with its text, which is shown this once."""

    code: EnrolmentCode
    text: Secret


class EnrolmentCodes:
    """Makes, finds, claims and withdraws codes. Safe to use from several threads and processes."""

    def __init__(self, store: Store, trail: AuditTrail) -> None:
        self._store = store
        self._trail = trail

    def make(self, stations: Sequence[str], life: timedelta, by: str, now: datetime) -> list[NewCode]:
        """A fresh code for each station; an older one that is still open is withdrawn. Raises OrderRefused."""
        if not _SHORTEST <= life <= _LONGEST:
            raise OrderRefused("valid_for", "a code is good for a minute at least and 366 days at most")
        made = [_new(station, life, by, now) for station in dict.fromkeys(stations)]
        entries = [
            Entry(PkiAct.ENROLMENT_CODE_MADE, by, "station", row.station, details=_details(row)) for row, _ in made
        ]
        with self._store.writing() as session:
            withdraw_open(session, [row.station for row, _ in made], now)
            session.add_all([row for row, _ in made])
            session.flush()
            self._trail.record_all(session, entries, now)
        return [NewCode(code_of(row, now), text) for row, text in made]

    def find(self, typed: str, station: str, now: datetime) -> EnrolmentCode:
        """The code that was typed for this station. Raises CodeRefused.

        Its code is `mistyped`, `unknown`, `other-station`, `withdrawn` or `expired`. Looked up by digest: how long
        that takes says nothing about codes that exist.
        """
        symbols = read_code(typed)
        if symbols is None:
            raise CodeRefused("mistyped", "the enrolment code is mistyped: its check symbol does not fit")
        query = select(EnrolmentCodeRow).where(col(EnrolmentCodeRow.digest) == _digest(symbols))
        with self._store.reading() as session:
            row = session.execute(query).scalar_one_or_none()
        if row is None:
            raise CodeRefused("unknown", "there is no such enrolment code for this station")
        if row.station != station:
            raise CodeRefused("other-station", "the enrolment code is for another station")
        return _standing(row, now)

    def claim(self, code_id: str, spki_sha256: str, now: datetime) -> EnrolmentCode:
        """Bind a code to a key (SHA-256 of its SubjectPublicKeyInfo, hex) and keep others away for a minute.

        A code that was used with this key already is returned as it is. Raises CodeRefused, CodeAtWork, UnknownCode.
        """
        with self._store.writing() as session:
            row = _locked(session, code_id)
            code = _standing(row, now)
            if row.spki_sha256 not in (None, spki_sha256):
                raise CodeRefused("other-key", "the enrolment code was used before with another key")
            if code.state is CodeState.USED:
                return code
            if row.claimed_until is not None and row.claimed_until > now:
                raise CodeAtWork(_ASK_AGAIN)
            row.spki_sha256, row.claimed_until = spki_sha256, now + _CLAIM
            session.add(row)
        return code_of(row, now)

    def let_go(self, code_id: str) -> None:
        """No certificate came of a claim; the code may be tried again with the same key."""
        with self._store.writing() as session:
            row = _locked(session, code_id)
            row.claimed_until = None
            session.add(row)

    def use_up(self, code_id: str, serial: str, by: str, now: datetime) -> None:
        """The claim led to the certificate `serial`."""
        with self._store.writing() as session:
            row = _locked(session, code_id)
            row.used_at, row.used_for, row.claimed_until = now, serial, None
            session.add(row)
            session.flush()
            details = {"code": row.id, "serial": serial}
            self._trail.record(
                session, PkiAct.ENROLMENT_CODE_USED, by=by, kind="station", thing=row.station, details=details, now=now
            )

    def withdraw(self, code_id: str, by: str, now: datetime) -> EnrolmentCode:
        """Make a code good for nothing; one that was used, or withdrawn, stays as it is. Raises UnknownCode."""
        with self._store.writing() as session:
            row = _locked(session, code_id)
            if row.used_at is None and row.withdrawn_at is None:
                row.withdrawn_at = now
                session.add(row)
                session.flush()
                entry = Entry(PkiAct.ENROLMENT_CODE_WITHDRAWN, by, "station", row.station, details={"code": row.id})
                self._trail.record_all(session, [entry], now)
        return code_of(row, now)

    def page(
        self, now: datetime, *, station: str | None, only_open: bool, after: str | None, limit: int
    ) -> list[EnrolmentCode]:
        """The newest first; `after` is the last id of the page before. Raises UnknownCode."""
        order = (col(EnrolmentCodeRow.made_at).desc(), col(EnrolmentCodeRow.id).desc())
        query = select(EnrolmentCodeRow).order_by(*order).limit(limit)
        if station is not None:
            query = query.where(col(EnrolmentCodeRow.station) == station)
        if only_open:
            query = query.where(_is_open(), col(EnrolmentCodeRow.expires_at) > now)
        with self._store.reading() as session:
            if after is not None:
                query = query.where(_older_than(_row(session, after)))
            return [code_of(row, now) for row in session.execute(query).scalars()]


def withdraw_open(session: Session, stations: Sequence[str], now: datetime) -> None:
    """Withdraw what these stations could still use, inside the caller's transaction."""
    theirs = col(EnrolmentCodeRow.station).in_(stations)
    session.execute(update(EnrolmentCodeRow).where(theirs, _is_open()).values(withdrawn_at=now))


def code_of(row: EnrolmentCodeRow, now: datetime) -> EnrolmentCode:
    """The domain object of a row."""
    return EnrolmentCode(
        id=row.id,
        station=row.station,
        state=_state(row, now),
        made_by=row.made_by,
        made_at=row.made_at,
        expires_at=row.expires_at,
        spki_sha256=row.spki_sha256,
        used_at=row.used_at,
        used_for=row.used_for,
        withdrawn_at=row.withdrawn_at,
    )


def _state(row: EnrolmentCodeRow, now: datetime) -> CodeState:
    if row.used_at is not None:
        return CodeState.USED
    if row.withdrawn_at is not None:
        return CodeState.WITHDRAWN
    if now >= row.expires_at:
        return CodeState.EXPIRED
    return CodeState.OPEN if row.spki_sha256 is None else CodeState.BOUND


def _standing(row: EnrolmentCodeRow, now: datetime) -> EnrolmentCode:
    """A used code still stands until it expires, for whoever lost the answer."""
    code = code_of(row, now)
    if code.state is CodeState.WITHDRAWN:
        raise CodeRefused("withdrawn", "the enrolment code was withdrawn")
    if now >= row.expires_at:
        raise CodeRefused("expired", f"the enrolment code was good until {row.expires_at:%Y-%m-%d %H:%M} UTC")
    return code


def _new(station: str, life: timedelta, by: str, now: datetime) -> tuple[EnrolmentCodeRow, Secret]:
    text = new_code()
    digest = _digest(text.replace("-", ""))
    row = EnrolmentCodeRow(
        id=secrets.token_hex(8), digest=digest, station=station, made_by=by, made_at=now, expires_at=now + life
    )
    return row, Secret.of(text)


def _digest(symbols: str) -> str:
    """Plain SHA-256: behind it are 95 random bits, which nobody finds by trying."""
    return sha256(b"enrolment code " + symbols.encode()).hexdigest()


def _details(row: EnrolmentCodeRow) -> dict[str, str]:
    return {"code": row.id, "expires_at": row.expires_at.isoformat()}


def _row(session: Session, code_id: str) -> EnrolmentCodeRow:
    row = session.get(EnrolmentCodeRow, code_id, populate_existing=True)
    if row is None:
        raise UnknownCode(code_id)
    return row


def _locked(session: Session, code_id: str) -> EnrolmentCodeRow:
    hold_lock(session, f"enrolment code:{code_id}")
    return _row(session, code_id)


def _is_open() -> ColumnElement[bool]:
    return and_(col(EnrolmentCodeRow.used_at).is_(None), col(EnrolmentCodeRow.withdrawn_at).is_(None))


def _older_than(last: EnrolmentCodeRow) -> ColumnElement[bool]:
    made_at, code_id = col(EnrolmentCodeRow.made_at), col(EnrolmentCodeRow.id)
    return or_(made_at < last.made_at, and_(made_at == last.made_at, code_id < last.id))
