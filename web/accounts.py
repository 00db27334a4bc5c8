"""Users, their sessions, and API tokens. Synchronous, like the two doors."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select
from sqlmodel import Session, col

from pki.audit import AuditTrail
from pki.clock import Clock, utc_now
from pki.secret_text import Secret
from pki.store import Store
from web.acts import ConsoleAct
from web.errors import NotSignedIn, RequestRefused, UnknownToken, UnknownUser, UserExists
from web.permissions import Principal, Role
from web.tables import SessionRow, TokenRow, UserRow

_USER_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_TOKEN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@/ -]{0,63}")
TOKEN_PREFIX = "vw_"  # noqa: S105 -- lets secret scanners and people recognise one
SHORTEST_PASSWORD = 12
_LAST_USED_STEP = timedelta(minutes=1)  # a busy token must not turn every reading request into a write
_HASHER = PasswordHasher()  # argon2id with the RFC 9106 low-memory parameters


@dataclass(frozen=True, slots=True)
class User:
    """A person who may sign in."""

    name: str
    role: Role
    created_at: datetime
    last_sign_in: datetime | None
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Token:
    """An API token, without its text."""

    id: str
    name: str
    role: Role
    created_by: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class Accounts:
    """Who may come in. Passwords and token texts go out once, when they are made."""

    def __init__(self, store: Store, trail: AuditTrail, session_lifetime: timedelta, clock: Clock = utc_now) -> None:
        self._store = store
        self._trail = trail
        self._lifetime = session_lifetime
        self._clock = clock

    def add_user(self, name: str, role: Role, by: str, password: Secret | None = None) -> tuple[User, Secret]:
        """A new user and the password, made here when none is given. Raises RequestRefused, UserExists."""
        if not _USER_NAME.fullmatch(name):
            raise RequestRefused("name", "a user's name is 1 to 64 of a-z 0-9 . _ @ - and begins with a-z 0-9")
        password = password or _new_password()
        hashed = _hash(password)
        now = self._clock()
        row = UserRow(name=name, password_hash=hashed, role=role.value, created_at=now)
        with self._store.writing() as session:
            if session.get(UserRow, name) is not None:
                raise UserExists(name)
            session.add(row)
            details = {"role": role.value}
            self._trail.record(session, ConsoleAct.USER_ADDED, by=by, kind="user", thing=name, details=details, now=now)
        return _user(row), password

    def users(self) -> list[User]:
        """Everybody, by name."""
        with self._store.reading() as session:
            return [_user(row) for row in session.execute(select(UserRow).order_by(UserRow.name)).scalars()]

    def disable_user(self, name: str, by: str, reason: str) -> User:
        """Bar a user for good and end the sessions. Raises UnknownUser, RequestRefused for the last admin."""
        now = self._clock()
        with self._store.writing() as session:
            row = _known_user(session, name)
            _keep_one_admin(session, row)
            row.disabled_at = row.disabled_at or now
            session.add(row)
            session.execute(delete(SessionRow).where(col(SessionRow.user) == name))
            self._trail.record(
                session, ConsoleAct.USER_DISABLED, by=by, kind="user", thing=name, reason=reason, now=now
            )
        return _user(row)

    def set_password(self, name: str, by: str, password: Secret | None = None) -> tuple[User, Secret]:
        """Change a password, to a made one when none is given, and end the user's sessions.

        Raises UnknownUser, RequestRefused.
        """
        password = password or _new_password()
        hashed = _hash(password)
        now = self._clock()
        with self._store.writing() as session:
            row = _known_user(session, name)
            row.password_hash = hashed
            session.add(row)
            session.execute(delete(SessionRow).where(col(SessionRow.user) == name))
            self._trail.record(session, ConsoleAct.PASSWORD_CHANGED, by=by, kind="user", thing=name, now=now)
        return _user(row), password

    def sign_in(self, name: str, password: Secret, address: str) -> Secret:
        """The token of a new session. Raises NotSignedIn; it does not say which half was wrong."""
        self.check_password(name, password, address)
        return self._open_session(name, address)

    def check_password(self, name: str, password: Secret, address: str) -> None:
        """That this is the person: also asked of those who are signed in, before what lasts. Raises NotSignedIn."""
        with self._store.reading() as session:
            row = session.get(UserRow, name)
        # An unknown name costs as much as a wrong password, so that names cannot be told apart by time.
        right = _matches(row.password_hash if row else _decoy_hash(), password)
        if row is None or not right or row.disabled_at is not None:
            self._note_failure(name if row else "", address)
            raise NotSignedIn("the user name or the password is wrong", "")

    def sign_out(self, token: Secret) -> None:
        """End a session; one that is no session (any more) is no fault."""
        with self._store.writing() as session:
            row = session.get(SessionRow, _digest(token))
            if row is not None:
                session.delete(row)
                self._trail.record(
                    session,
                    ConsoleAct.SIGNED_OUT,
                    by=f"user:{row.user}",
                    kind="user",
                    thing=row.user,
                    now=self._clock(),
                )

    def of_session(self, token: Secret) -> Principal:
        """Who holds this session. Raises NotSignedIn when it has ended."""
        with self._store.reading() as session:
            row = session.get(SessionRow, _digest(token))
            user = session.get(UserRow, row.user) if row and row.expires_at > self._clock() else None
        if user is None or user.disabled_at is not None:
            raise NotSignedIn("the session has ended", "Sign in again.")
        return Principal(f"user:{user.name}", Role(user.role))

    def make_token(self, name: str, role: Role, by: str, owner: str = "") -> tuple[Token, Secret]:
        """A new API token and its text; `owner` is the person who answers for it. Raises RequestRefused."""
        if not _TOKEN_NAME.fullmatch(name):
            raise RequestRefused("name", "a token's name is 1 to 64 letters, digits, blanks and . _ @ / -")
        text = Secret.of(TOKEN_PREFIX + secrets.token_urlsafe(32))
        now = self._clock()
        row = TokenRow(
            id=secrets.token_hex(6),
            token_sha256=_digest(text),
            name=name,
            role=role.value,
            created_by=by,
            owner=owner or by,
            created_at=now,
        )
        details = {"name": name, "role": role.value}
        with self._store.writing() as session:
            session.add(row)
            self._trail.record(
                session, ConsoleAct.TOKEN_MADE, by=by, kind="token", thing=row.id, details=details, now=now
            )
        return _token(row), text

    def tokens(self) -> list[Token]:
        """All tokens, newest first; revoked ones stay on the list."""
        newest_first = select(TokenRow).order_by(col(TokenRow.created_at).desc(), TokenRow.id)
        with self._store.reading() as session:
            return [_token(row) for row in session.execute(newest_first).scalars()]

    def revoke_token(self, token_id: str, by: str, reason: str) -> Token:
        """Make a token worthless, at once and for good. Raises UnknownToken."""
        now = self._clock()
        with self._store.writing() as session:
            row = session.get(TokenRow, token_id)
            if row is None:
                raise UnknownToken(token_id)
            if row.revoked_at is None:
                row.revoked_at = now
                session.add(row)
                self._trail.record(
                    session,
                    ConsoleAct.TOKEN_REVOKED,
                    by=by,
                    kind="token",
                    thing=token_id,
                    reason=reason,
                    now=now,
                )
        return _token(row)

    def of_token(self, text: Secret) -> Principal:
        """Who holds this token. Raises NotSignedIn for an unknown or revoked one."""
        now = self._clock()
        wanted = select(TokenRow).where(col(TokenRow.token_sha256) == _digest(text))
        with self._store.reading() as session:
            row = session.execute(wanted).scalar_one_or_none()
        if row is None or row.revoked_at is not None:
            raise NotSignedIn("this token is not valid (any more)")
        if row.last_used_at is None or now - row.last_used_at > _LAST_USED_STEP:
            self._note_use(row.id, now)
        return Principal(f"token:{row.name}", Role(row.role), row.owner or row.created_by)

    def forget_ended_sessions(self) -> None:
        """Delete sessions that have expired."""
        with self._store.writing() as session:
            session.execute(delete(SessionRow).where(col(SessionRow.expires_at) <= self._clock()))

    def _open_session(self, name: str, address: str) -> Secret:
        token = Secret.of(secrets.token_urlsafe(32))
        now = self._clock()
        expires_at = now + self._lifetime
        with self._store.writing() as session:
            row = _known_user(session, name)
            row.last_sign_in = now
            session.add(row)
            session.add(SessionRow(token_sha256=_digest(token), user=name, created_at=now, expires_at=expires_at))
            self._trail.record(
                session,
                ConsoleAct.SIGNED_IN,
                by=f"user:{name}",
                kind="user",
                thing=name,
                details={"address": address},
                now=now,
            )
        return token

    def _note_failure(self, name: str, address: str) -> None:
        """A name that is no user's is not written down: people type passwords into the wrong field."""
        with self._store.writing() as session:
            self._trail.record(
                session,
                ConsoleAct.SIGN_IN_FAILED,
                by="nobody",
                kind="user",
                thing=name,
                details={"address": address},
                now=self._clock(),
            )

    def _note_use(self, token_id: str, now: datetime) -> None:
        with self._store.writing() as session:
            row = session.get(TokenRow, token_id)
            if row is not None:
                row.last_used_at = now
                session.add(row)


# Each hash takes 64 MiB: people who try passwords must not be able to take all the memory.
_HASHING = BoundedSemaphore(2)


def _new_password() -> Secret:
    return Secret.of(secrets.token_urlsafe(18))


def _hash(password: Secret) -> str:
    if len(password.reveal) < SHORTEST_PASSWORD:
        raise RequestRefused("password", f"a password needs at least {SHORTEST_PASSWORD} characters")
    with _HASHING:
        return _HASHER.hash(password.reveal)


def _matches(hashed: str, password: Secret) -> bool:
    try:
        with _HASHING:
            return _HASHER.verify(hashed, password.reveal)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _decoy_hash() -> str:
    return _HASHER.hash(secrets.token_bytes(16))


def _digest(token: Secret) -> str:
    """Tokens are 256 random bits, so one plain hash is enough; passwords are not, see `_hash`."""
    return sha256(token.reveal).hexdigest()


def _known_user(session: Session, name: str) -> UserRow:
    row = session.get(UserRow, name)
    if row is None:
        raise UnknownUser(name)
    return row


def _keep_one_admin(session: Session, leaving: UserRow) -> None:
    admins: Sequence[UserRow] = (
        session.execute(
            select(UserRow).where(col(UserRow.role) == Role.ADMIN.value, col(UserRow.disabled_at).is_(None))
        )
        .scalars()
        .all()
    )
    if [admin.name for admin in admins] == [leaving.name]:
        raise RequestRefused("name", f"{leaving.name!r} is the last admin", "Add another admin first.")


def _user(row: UserRow) -> User:
    return User(row.name, Role(row.role), row.created_at, row.last_sign_in, row.disabled_at)


def _token(row: TokenRow) -> Token:
    return Token(row.id, row.name, Role(row.role), row.created_by, row.created_at, row.last_used_at, row.revoked_at)
