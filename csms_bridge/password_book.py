"""The Basic passwords that are good for each station, and how one is changed without locking a station out (A01).

A new password's hash is stored before the password is sent. Until the station has accepted it or used it, it is
good beside the old one; then every other is refused (A01.FR.03). The password itself is kept nowhere.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, delete, update
from sqlmodel import Session, SQLModel, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.password_checks import PasswordChecks
from csms_bridge.passwords import LENGTH, PasswordKind, hash_password, new_password, password_matches
from csms_bridge.station import LONGEST_PASSWORD, SHORTEST_PASSWORD, KnownPassword
from csms_bridge.tables import PasswordRow
from pki.audit import AuditTrail
from pki.clock import Clock
from pki.secret_text import Secret
from pki.store import Store

CURRENT, OFFERED, RETIRED = "current", "offered", "retired"
RECOVERY = "recovery"
"""Made for a way back, and good while that is open."""
_ASIDE = "aside-"
"""In front of a state: refused while a way back is open, and as before when the station did not come by it."""
_PASSWORDS = SQLModel.metadata.tables[str(PasswordRow.__tablename__)]
_COLUMNS = (_PASSWORDS.c.id, _PASSWORDS.c.station, _PASSWORDS.c.hash, _PASSWORDS.c.state)


@dataclass(frozen=True, slots=True)
class PasswordsOf:
    """One station's: those that are good now, and those that it has accepted a new one for and not used it yet.

    `recovery`: what was made for a way back, which is good while that is open and not otherwise.
    """

    good: list[KnownPassword]
    retired: list[KnownPassword]
    recovery: list[KnownPassword] = field(default_factory=list)


class PasswordBook:
    """Passwords in the database. `key`: 32 bytes for the keyed hash of generated ones; `queue`: see PasswordChecks."""

    def __init__(self, store: Store, trail: AuditTrail, key: bytes, clock: Clock, queue: int = 200) -> None:
        self._store = store
        self._trail = trail
        self._key = key
        self._clock = clock
        self.checks = PasswordChecks(key, queue)

    def known(self, session: Session, station: str) -> list[KnownPassword]:
        """Every password that is good for the station now."""
        return self.of_each(session, [station])[station].good

    def retired(self, station: str) -> list[KnownPassword]:
        """Passwords that the station has accepted a new one for, and has not used it yet."""
        with self._store.reading() as session:
            return self.of_each(session, [station])[station].retired

    def of_each(self, session: Session, stations: Collection[str]) -> dict[str, "PasswordsOf"]:
        """What is kept for each of these stations."""
        found = {station: PasswordsOf([], []) for station in stations}
        rows = session.connection().execute(select(*_COLUMNS).where(_PASSWORDS.c.station.in_(found)))
        for number, station, stored, state in rows:
            of_it = found[station]
            kept = {RETIRED: of_it.retired, RECOVERY: of_it.recovery, CURRENT: of_it.good, OFFERED: of_it.good}
            if state in kept:
                kept[state].append(KnownPassword(str(number), stored))
        return found

    def matching(self, station: str, presented: Secret, known: list[KnownPassword]) -> str | None:
        """The id of the known password that was presented, or None. May take a while: argon2."""
        matches = (one.id for one in known if password_matches(presented, one.hash, station, self._key))
        return next(matches, None)

    def begin_with(self, session: Session, station: str, password: Secret | None, now: datetime) -> Secret | None:
        """Give a new station its first password; returns it when it was made here."""
        chosen = password is not None
        secret = password or new_password()
        kind = PasswordKind.CHOSEN if chosen else PasswordKind.GENERATED
        session.add(self._row(station, secret, kind, CURRENT, now))
        return None if chosen else secret

    def credential_of(self, station: str, presented: Secret) -> str | None:
        """The keyed hash of what an unknown station showed, so that it may be kept later; None when none can be."""
        if not SHORTEST_PASSWORD <= len(presented.reveal) <= LONGEST_PASSWORD:
            return None
        return hash_password(presented, PasswordKind.GENERATED, station, self._key)

    def begin_with_credential(self, session: Session, station: str, credential: str, now: datetime) -> None:
        """Give a new station the password that it showed when it was unknown."""
        session.add(PasswordRow(station=station, hash=credential, kind=PasswordKind.CHOSEN, state=CURRENT, made_at=now))

    def offer(self, station: str, length: int | None = None) -> tuple[str, Secret]:
        """A new password and its id, stored before it is sent. Earlier offers stay good: one may have arrived."""
        now, password = self._clock(), new_password(length or LENGTH)
        with self._store.writing() as session:
            row = self._row(station, password, PasswordKind.GENERATED, OFFERED, now)
            session.add(row)
            session.flush()
            self._act(session, FleetAct.PASSWORD_OFFERED, station, "service", now)
            return str(row.id), password

    def accepted(self, station: str, password: str) -> None:
        """The station took the offered password: every other is refused from now on (A01.FR.03)."""
        now = self._clock()
        with self._store.writing() as session:
            row = session.get(PasswordRow, int(password))
            if row is None or row.state != OFFERED:
                return
            others = update(PasswordRow).where(col(PasswordRow.station) == station, col(PasswordRow.id) != row.id)
            session.execute(others.values(state=RETIRED))
            row.state = CURRENT
            session.add(row)
            self._act(session, FleetAct.PASSWORD_CHANGED, station, f"station:{station}", now)

    def refused(self, station: str, password: str) -> None:
        """The station did not take it: the old one stays (A01.FR.04)."""
        now = self._clock()
        with self._store.writing() as session:
            mine = (col(PasswordRow.id) == int(password), col(PasswordRow.state) == OFFERED)
            session.execute(delete(PasswordRow).where(*mine))
            self._act(session, FleetAct.PASSWORD_KEPT, station, f"station:{station}", now)

    def usual(self, session: Session, passwords: Collection[str]) -> set[str]:
        """Those of these passwords that are their station's only one: nothing comes of their being used."""
        if not passwords:
            return set()
        used, other = _PASSWORDS.alias("used"), _PASSWORDS.alias("other")
        others = select(other.c.id).where(other.c.station == used.c.station, other.c.id != used.c.id)
        numbers = used.c.id.in_([int(one) for one in passwords])
        query = select(used.c.id).where(numbers, used.c.state == CURRENT, ~others.exists())
        return {str(number) for number in session.connection().execute(query).scalars()}

    def confirm(self, session: Session, station: str, password: str, now: datetime) -> None:
        """This password was used: it becomes the only one, and what was retired for it is forgotten."""
        row = session.get(PasswordRow, int(password))
        others = (col(PasswordRow.station) == station, col(PasswordRow.id) != int(password))
        if row is None or (row.state == CURRENT and not session.exec(select(PasswordRow.id).where(*others)).first()):
            return
        if row.state == CURRENT:
            # The station still uses its old password while a new one is on offer: that offer may yet be taken up.
            session.execute(delete(PasswordRow).where(*others, col(PasswordRow.state) == RETIRED))
            return
        session.execute(delete(PasswordRow).where(*others))
        row.state = CURRENT
        session.add(row)
        self._act(session, FleetAct.PASSWORD_CHANGED, station, f"station:{station}", now)

    def replace(self, station: str, password: Secret | None, by: str, reason: str) -> Secret | None:
        """An operator sets what the station has, or has one made; every other is forgotten. Returns one made here."""
        now = self._clock()
        with self._store.writing() as session:
            session.execute(delete(PasswordRow).where(col(PasswordRow.station) == station))
            made = self.begin_with(session, station, password, now)
            self._trail.record(
                session, FleetAct.PASSWORD_SET, by=by, kind="station", thing=station, reason=reason, now=now
            )
            return made

    # --- for a way back

    def make_for_recovery(self, session: Session, station: str, now: datetime) -> Secret:
        """A password that is good for nothing until the station's way back is open."""
        password = new_password()
        session.add(self._row(station, password, PasswordKind.GENERATED, RECOVERY, now))
        return password

    def set_aside(self, session: Session, station: str) -> None:
        """Refuse all but the recovery's from now on; they may be good again."""
        mine = (col(PasswordRow.station) == station, col(PasswordRow.state).in_((CURRENT, OFFERED, RETIRED)))
        for row in session.exec(select(PasswordRow).where(*mine)):
            row.state = _ASIDE + row.state
            session.add(row)

    def put_back(self, session: Session, station: str) -> None:
        """The station did not come by its way back: what was set aside is as before, the recovery's is gone."""
        self._forget(session, station, col(PasswordRow.state) == RECOVERY)
        mine = (col(PasswordRow.station) == station, col(PasswordRow.state).startswith(_ASIDE))
        for row in session.exec(select(PasswordRow).where(*mine)):
            row.state = row.state.removeprefix(_ASIDE)
            session.add(row)

    def forget_set_aside(self, session: Session, station: str) -> None:
        """The old ones are another device's."""
        self._forget(session, station, col(PasswordRow.state).startswith(_ASIDE))

    def is_set_aside(self, session: Session, password: str) -> bool:
        """Whether this one is refused now, while a way back is open."""
        row = session.get(PasswordRow, int(password))
        return row is not None and row.state.startswith(_ASIDE)

    def is_for_recovery(self, session: Session, password: str) -> bool:
        """Whether this is the one that was made for a way back."""
        row = session.get(PasswordRow, int(password))
        return row is not None and row.state == RECOVERY

    def keep_recovery(self, session: Session, station: str, now: datetime) -> None:
        """The station is back. What was made for its recovery, if anything, is in it: from now on its only one."""
        made = (col(PasswordRow.station) == station, col(PasswordRow.state) == RECOVERY)
        row = session.exec(select(PasswordRow).where(*made)).first()
        self._forget(session, station, col(PasswordRow.state).startswith(_ASIDE))
        if row is not None:
            self._forget(session, station, col(PasswordRow.id) != row.id)
            row.state = CURRENT
            session.add(row)
            self._act(session, FleetAct.PASSWORD_CHANGED, station, f"station:{station}", now)

    def _forget(self, session: Session, station: str, condition: ColumnElement[bool]) -> None:
        session.execute(delete(PasswordRow).where(col(PasswordRow.station) == station, condition))

    def _row(self, station: str, password: Secret, kind: PasswordKind, state: str, now: datetime) -> PasswordRow:
        hashed = hash_password(password, kind, station, self._key)
        return PasswordRow(station=station, hash=hashed, kind=kind, state=state, made_at=now)

    def _act(self, session: Session, act: FleetAct, station: str, by: str, now: datetime) -> None:
        self._trail.record(session, act, by=by, kind="station", thing=station, now=now)
