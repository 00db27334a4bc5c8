"""Roll-overs: an authority hands its post to a successor, step by step (see pki/rollover_steps.py).

Each step is one transaction with its audit record and a record signed by the old and the new authority. A step that
was broken off has not happened; a step that happened is not taken twice, since whoever takes it names it. Keys made
for a successor that never came on record are found and used by the next try.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import Session, col

from pki.audit import JSON, AuditTrail, Entry, PkiAct
from pki.ceremony import Ceremony
from pki.ceremony_records import CeremonyRecord, CeremonyRecords
from pki.certificates import pem_of
from pki.clock import Clock
from pki.errors import PkiError, RolloverRefused
from pki.hierarchy import AuthorityInfo, AuthorityStatus, Custody, Hierarchy
from pki.key_check import check_key
from pki.rollover_facts import facts_of, family_of, leaves_of
from pki.rollover_rows import KIND, authorities, begin_rollover, entry_of, move, revoke_all, row_of
from pki.rollover_steps import (
    ABANDONED,
    STEPS,
    Obstacle,
    RolloverStep,
    StepName,
    moves_of,
    next_step,
    obstacles_to,
    step_called,
)
from pki.store import Store, hold_lock
from pki.successors import check_old, check_successor, successor_file
from pki.tables import ChainChoiceRow, RolloverRow
from pki.vault import Vault


@dataclass(frozen=True, slots=True)
class Rollover:
    """A roll-over from `old` to `new`.

    `step` is what was done last (or `abandoned`), `next` what comes, None at the end; `obstacles` stand against it now.
    `moves` says what each authority is after it.
    """

    id: str
    old: str
    new: str
    step: str
    next: StepName | None
    does: str
    obstacles: tuple[Obstacle, ...]
    moves: Mapping[str, AuthorityStatus]
    may_be_abandoned: bool
    started_by: str
    started_at: datetime
    moved_at: datetime


class Rollovers:
    """Starts, advances and abandons roll-overs. Safe to use from several threads and processes."""

    def __init__(
        self, store: Store, keys: Vault, trail: AuditTrail, hierarchy: Hierarchy, ceremony: Ceremony, clock: Clock
    ) -> None:
        self._store = store
        self._keys = keys
        self._trail = trail
        self._hierarchy = hierarchy
        self._ceremony = ceremony
        self._clock = clock
        self._records = CeremonyRecords(store)

    def all(self) -> list[Rollover]:
        """The newest first."""
        now = self._clock()
        newest_first = select(RolloverRow).order_by(col(RolloverRow.started_at).desc(), col(RolloverRow.id))
        with self._store.reading() as session:
            return [self._told(session, row, now) for row in session.execute(newest_first).scalars().all()]

    def find(self, rollover_id: str) -> Rollover:
        """Raises UnknownRollover."""
        with self._store.reading() as session:
            return self._told(session, row_of(session, rollover_id), self._clock())

    def plan(self, name: str) -> str:
        """The ceremony file (TOML) that `start` holds: to be read before, or to be held where the keys are.

        Raises UnknownAuthority, RolloverRefused.
        """
        return self._drafted(self._hierarchy.info(name))[1]

    def start(self, name: str, by: str, successor: str | None = None) -> Rollover:
        """Take the first step: make the successor, or take the one that a ceremony has prepared.

        Raises UnknownAuthority, RolloverRefused, CeremonyRefused, SignerUnavailable, and what issuing raises.
        """
        now = self._clock()
        self._hierarchy.reload()
        old, rollover_id = self._hierarchy.info(name), secrets.token_hex(6)
        if successor is None:
            new, text = self._drafted(old)

            def along(session: Session, record: CeremonyRecord) -> Sequence[Entry]:
                return [begin_rollover(session, rollover_id, old.name, new, record, by, now)]

            self._ceremony.hold(self._ceremony.read(text), by, now, along=along)
        else:
            check_old(old)
            check_successor(old, self._hierarchy.info(successor))
            with self._store.writing() as session:
                names = (old.name, successor)
                record = self._record(session, rollover_id, names, StepName.PREPARE, {}, by, now)
                entry = begin_rollover(session, rollover_id, *names, record, by, now)
                self._trail.record_all(session, [entry], now)
        self._hierarchy.reload()
        return self.find(rollover_id)

    def advance(self, rollover_id: str, step: StepName, by: str, note: str = "", *, force: bool = False) -> Rollover:
        """Take the next step, which the caller names: one that was taken already is not taken again.

        `force` overrules what may be overruled, and needs a note. Raises UnknownRollover, RolloverRefused,
        SignerUnavailable.
        """
        now, sign = self._clock(), _tried_once(self._signs)
        with self._store.reading() as session:  # keys are tried before anybody has to wait for this transaction
            self._told(session, row_of(session, rollover_id), now, sign)
        with self._store.writing() as session:
            hold_lock(session, KIND)
            row = row_of(session, rollover_id)
            if row.step != step:
                self._take(session, row, _upcoming(row, step), by, now, note, force=force, can_sign=sign)
        self._hierarchy.reload()
        return self.find(rollover_id)

    def step_back(self, rollover_id: str, by: str, note: str) -> Rollover:
        """From *issue from new* to *distribute*: the old one issues again, what the new one issued still counts.

        Raises UnknownRollover, RolloverRefused, SignerUnavailable.
        """
        now = self._clock()
        with self._store.writing() as session:
            hold_lock(session, KIND)
            row = row_of(session, rollover_id)
            if row.step == StepName.DISTRIBUTE:
                return self._told(session, row, now)
            if row.step != StepName.ISSUE_FROM_NEW:
                raise RolloverRefused((f"there is no way back from {row.step!r}",))
            back, rows = STEPS[1], authorities(session)
            move(session, dict.fromkeys(family_of(row.old, rows), back.old))
            move(session, dict.fromkeys(family_of(row.new, rows), back.new))
            row.step, row.moved_at, row.bridged = back.name.value, now, True
            self._note(session, row, PkiAct.ROLLOVER_STEPPED_BACK, "stepped back", {"note": note}, by, note, now)
        self._hierarchy.reload()
        return self.find(rollover_id)

    def bridge(self, rollover_id: str, bridged: bool, by: str, note: str) -> Rollover:
        """Whether our servers' chain goes on to the old root while it retires. Raises UnknownRollover, RolloverRefused.

        Without the bridge only who trusts the new root connects; it can be put back at any time before the old one is
        retired.
        """
        now = self._clock()
        with self._store.writing() as session:
            hold_lock(session, KIND)
            row = row_of(session, rollover_id)
            if row.step != StepName.ISSUE_FROM_NEW:
                raise RolloverRefused((f"at {row.step!r} there is no bridge to the old root",))
            if row.bridged != bridged:
                row.bridged = bridged
                said: Mapping[str, JSON] = {"note": note, "bridged": bridged}
                self._note(session, row, PkiAct.ROLLOVER_BRIDGE, "bridge", said, by, note, now)
        return self.find(rollover_id)

    def _note(
        self, session: Session, row: RolloverRow, act: PkiAct, what: str, content: Mapping[str, JSON], by: str,
        note: str, now: datetime,
    ) -> None:  # fmt: skip
        """The change with its signed record and its audit record."""
        session.add(row)
        record = self._record(session, row.id, (row.old, row.new), what, content, by, now)
        self._trail.record_all(session, [entry_of(act, row, record, by, note, content)], now)

    def abandon(self, rollover_id: str, by: str, note: str) -> Rollover:
        """Give it up, before anything was issued by the successor: what was made for it is revoked and retired.

        Raises UnknownRollover, RolloverRefused, SignerUnavailable.
        """
        now = self._clock()
        with self._store.writing() as session:
            hold_lock(session, KIND)
            row = row_of(session, rollover_id)
            step = step_called(row.step)
            if step is None or not step.may_be_abandoned:
                raise RolloverRefused((f"it cannot be abandoned any more: it is at {row.step!r}",))
            names = family_of(row.new, authorities(session))
            if issued := leaves_of(session, names, now):  # one that was stepped back from has issued
                raise RolloverRefused((f"{issued} good certificates were issued by the successor",))
            move(session, dict.fromkeys(names, AuthorityStatus.RETIRED))
            revoked = revoke_all(session, names, by, now)
            row.step, row.moved_at = ABANDONED, now
            session.add(row)
            content: Mapping[str, JSON] = {"note": note, "revoked": revoked}
            record = self._record(session, row.id, (row.old, row.new), ABANDONED, content, by, now)
            withdrawn = [Entry(PkiAct.CERTIFICATE_REVOKED, by, "certificate", serial, note) for serial in revoked]
            told = entry_of(PkiAct.ROLLOVER_ABANDONED, row, record, by, note)
            self._trail.record_all(session, [*withdrawn, told], now)
        self._hierarchy.reload()
        return self.find(rollover_id)

    def _take(
        self,
        session: Session,
        row: RolloverRow,
        step: RolloverStep,
        by: str,
        now: datetime,
        note: str,
        *,
        force: bool,
        can_sign: Callable[[str], bool],
    ) -> None:
        facts = facts_of(session, row.old, row.new, step, note, can_sign, now)
        found = obstacles_to(step, facts)
        if against := [one.sentence for one in found if not (force and one.may_be_forced)]:
            raise RolloverRefused(tuple(against), _hint(found))
        if found and not note:
            raise RolloverRefused(("say in the note why it is done all the same",))
        moves = moves_of(step, facts)
        move(session, moves)
        if step.name is StepName.RETIRE_OLD:
            session.execute(delete(ChainChoiceRow).where(col(ChainChoiceRow.root) == row.old))
        row.step, row.moved_at = step.name.value, now
        session.add(row)
        content: Mapping[str, JSON] = {
            "note": note,
            "overruled": [one.sentence for one in found],
            "moves": {name: status.value for name, status in moves.items()},
        }
        record = self._record(session, row.id, (row.old, row.new), step.name, content, by, now)
        self._trail.record_all(session, [entry_of(PkiAct.ROLLOVER_ADVANCED, row, record, by, note, content)], now)

    def _told(
        self, session: Session, row: RolloverRow, now: datetime, can_sign: Callable[[str], bool] | None = None
    ) -> Rollover:
        done, upcoming = step_called(row.step), next_step(row.step)
        obstacles: tuple[Obstacle, ...] = ()
        moves: Mapping[str, AuthorityStatus] = {}
        if upcoming is not None:
            # Nobody has written a note yet; that one will be needed is no obstacle that could be removed before.
            facts = facts_of(session, row.old, row.new, upcoming, "to come", can_sign or self._holds, now)
            obstacles, moves = obstacles_to(upcoming, facts), moves_of(upcoming, facts)
        return Rollover(
            id=row.id,
            old=row.old,
            new=row.new,
            step=row.step,
            next=upcoming.name if upcoming else None,
            does=upcoming.does if upcoming else "",
            obstacles=obstacles,
            moves=moves,
            may_be_abandoned=done is not None and done.may_be_abandoned,
            started_by=row.started_by,
            started_at=row.started_at,
            moved_at=row.moved_at,
        )

    def _drafted(self, old: AuthorityInfo) -> tuple[str, str]:
        check_old(old)
        every = self._hierarchy.all()
        return successor_file(old, every)

    def _record(
        self,
        session: Session,
        rollover_id: str,
        names: tuple[str, str],
        step: str,
        content: Mapping[str, JSON],
        by: str,
        now: datetime,
    ) -> CeremonyRecord:
        """The step as evidence, signed by the old and the new authority, as far as their keys are here."""
        old, new = names
        rows = authorities(session)
        here = [rows[name] for name in names if rows[name].custody == Custody.HERE]
        keyed = {row.name: (self._keys.signer(row.key_name), pem_of(row.der)) for row in here}
        said = {"rollover": rollover_id, "old": old, "new": new, "step": step, **content}
        return self._records.add(session, f"Roll-over of {old} to {new}: {step}", said, keyed, by, now)

    def _holds(self, key_name: str) -> bool:
        try:
            return self._keys.holds(key_name)
        except PkiError:
            return False

    def _signs(self, key_name: str) -> bool:
        try:
            check_key(self._keys.signer(key_name))
        except PkiError:
            return False
        return True


def _upcoming(row: RolloverRow, asked: StepName) -> RolloverStep:
    """Raises RolloverRefused when another step comes next."""
    upcoming = next_step(row.step)
    if upcoming is None:
        raise RolloverRefused((f"the roll-over is over: {row.step!r} was the last",))
    if upcoming.name is not asked:
        raise RolloverRefused((f"the next step is {upcoming.name.value!r}, not {asked.value!r}",))
    return upcoming


def _tried_once(sign: Callable[[str], bool]) -> Callable[[str], bool]:
    tried: dict[str, bool] = {}

    def remembered(key_name: str) -> bool:
        if key_name not in tried:
            tried[key_name] = sign(key_name)
        return tried[key_name]

    return remembered


def _hint(found: Sequence[Obstacle]) -> str:
    if all(one.may_be_forced for one in found):
        return "With --force and a note it is done all the same; think of the stations first."
    return ""
