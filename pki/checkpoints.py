"""Making checkpoints: signed with a certificate of our own, kept in the database and copied to a file outside it.

A checkpoint is made over records whose MACs hold, and only while the database is not older than the file: else it
would put a signature under what somebody edited or set back.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlmodel import Session, col

from pki.alarms import AlarmKind, Alarms, Severity
from pki.audit import JSON, AuditTrail, PkiAct, heads_of
from pki.audit_chain import ChainWalk, Finding, Place
from pki.certificates import pem_of
from pki.checkpoint import Abandoned, Checkpoint, Head, NoCheckpoint, checkpoint_of, state
from pki.checkpoint_file import CheckpointFile
from pki.credentials import Credential, Credentials, Slot
from pki.errors import NothingToAccept, PkiError, PostVacant, TrailDamaged, TrailSetBack
from pki.store import Store, hold_lock
from pki.tables import CheckpointRow

log = structlog.get_logger()

_PAGE = 200
_THING = "audit trail"


@dataclass(frozen=True, slots=True)
class Notary:
    """How checkpoints are signed: the credentials, the slot of the day, what stands above its certificate (PEM)."""

    credentials: Credentials
    slot: Callable[[], Slot]
    above: Callable[[Credential], str]

    def sign(self, credential: Credential, statement: str) -> tuple[bytes, str]:
        """The signature (DER), and the certificates in PEM. Raises SignerUnavailable."""
        signature = self.credentials.signer(credential).sign(statement.encode())
        return signature, pem_of(credential.der) + self.above(credential)


class Checkpoints:
    """Makes, lists and copies checkpoints. Safe to use from several threads and processes."""

    def __init__(
        self, store: Store, trail: AuditTrail, notary: Notary, alarms: Alarms, file: CheckpointFile | None
    ) -> None:
        self._store = store
        self._trail = trail
        self._notary = notary
        self._alarms = alarms
        self.file = file

    def make(self, now: datetime) -> Checkpoint | None:
        """A checkpoint of this moment; None when nothing was recorded since the last one.

        Raises TrailDamaged, TrailSetBack, SignerUnavailable, OSError (the file; the checkpoint is made then).
        """
        ahead = (
            self._last_in_file()
        )  # read first: what another process copies there meanwhile is in the database before
        with self._store.reading() as session:
            last = last_checkpoint(session)
            known = {(head.writer, head.sequence, head.mac) for head in last.heads} if last else set()
            is_new = _sealed_places(session) != known
        _refuse_set_back(last, ahead)
        made = self._sign(last, now) if is_new else None
        self.copy_to_file()
        return made

    def accept_set_back(self, reason: str, by: str, now: datetime) -> Checkpoint:
        """Go on from a database that was set back: a checkpoint that names those it goes on without.

        Raises NothingToAccept when the file is not ahead, and what `make` raises.
        """
        credential = self._notary.credentials.current(self._notary.slot(), now)
        ahead = self._last_in_file()
        with self._store.writing() as session:
            last = last_checkpoint(session)
            number = last.number if last else 0
            if ahead is None or ahead.number <= number:
                raise NothingToAccept
            abandons = Abandoned(number + 1, ahead.number, ahead.sha256)
            details: dict[str, JSON] = {"first": abandons.first, "last": abandons.last, "sha256": abandons.sha256}
            self._trail.record(
                session,
                PkiAct.SET_BACK_ACCEPTED,
                by=by,
                kind="audit",
                thing=_THING,
                reason=reason,
                details=details,
                now=now,
            )
            made = self._add(session, last, self._heads(session, last), abandons, credential, now)
        self.copy_to_file()
        if made is None:
            raise TrailSetBack("another process made a checkpoint meanwhile", "Try again.")
        return made

    def keep(self, now: datetime, every: timedelta) -> None:
        """To be called every now and then: makes a checkpoint when it is time. What goes wrong raises an alarm."""
        try:
            with self._store.reading() as session:
                last = last_checkpoint(session)
            if last is None or now >= last.made_at + every:
                self.make(now)
            else:
                self.copy_to_file()
        except PostVacant:
            return  # a folder without authorities, or an offline one, has nobody who could certify the key
        except (PkiError, OSError) as fault:
            sentence = fault.sentence if isinstance(fault, PkiError) else f"cannot write the checkpoint file: {fault}"
            self._alarms.sound(AlarmKind.AUDIT_CHECKPOINT, _THING, sentence, Severity.CRITICAL)
        else:
            self._alarms.settle(AlarmKind.AUDIT_CHECKPOINT, _THING)

    def copy_to_file(self) -> None:
        """Append what the file does not have yet. Raises OSError."""
        if self.file is None:
            return
        ahead = self.file.last()
        after = ahead.number if ahead else 0
        while True:
            with self._store.reading() as session:
                found = list(checkpoints_after(session, after, _PAGE))
            self.file.append(found)
            if len(found) < _PAGE:
                return
            after = found[-1].number

    def page(self, *, after: int | None = None, limit: int = 100) -> list[Checkpoint]:
        """The newest first; `after` is the last number of the page before."""
        query = select(CheckpointRow).order_by(col(CheckpointRow.id).desc()).limit(limit)
        if after is not None:
            query = query.where(col(CheckpointRow.id) < after)
        with self._store.reading() as session:
            return list(_readable(session.execute(query).scalars().all()))

    def _sign(self, last: Checkpoint | None, now: datetime) -> Checkpoint | None:
        # A renewed certificate is on the trail as well, so that comes first. Following the chains may take a while: the
        # database is not held meanwhile.
        credential = self._notary.credentials.current(self._notary.slot(), now)
        with self._store.reading() as session:
            heads = self._heads(session, last)
        with self._store.writing() as session:
            return self._add(session, last, heads, None, credential, now)

    def _heads(self, session: Session, last: Checkpoint | None) -> tuple[Head, ...]:
        """Where all chains are now, followed from the last checkpoint on. Raises TrailDamaged."""
        starts = {head.writer: Place(head.sequence, head.mac, head.sha256) for head in last.heads} if last else {}
        sealed = heads_of(session)
        heads: list[Head] = []
        findings: list[Finding] = []
        for writer in sorted(set(sealed) | set(starts)):
            walk = ChainWalk(self._trail.key, session, writer, starts.get(writer, Place()))
            place = walk.to()
            walk.check_head(sealed.get(writer))
            findings += walk.findings
            heads.append(Head(writer, place.sequence, place.mac, place.sha256))
        if findings:
            raise TrailDamaged(f"{findings[0].writer}: {findings[0].sentence}", len(findings))
        return tuple(heads)

    def _last_in_file(self) -> Checkpoint | None:
        return self.file.last() if self.file is not None else None

    def _add(
        self,
        session: Session,
        last: Checkpoint | None,
        heads: Sequence[Head],
        abandons: Abandoned | None,
        credential: Credential,
        now: datetime,
    ) -> Checkpoint | None:
        """None when another process was faster."""
        hold_lock(session, "audit checkpoints")
        newest = last_checkpoint(session)
        if (newest.number if newest else 0) != (last.number if last else 0):
            return None
        number = 1 + (abandons.last if abandons else last.number if last else 0)
        statement = state(number, now, last.sha256 if last else "", heads, abandons)
        signature, certificate = self._notary.sign(credential, statement)
        text = b64encode(signature).decode()
        row = CheckpointRow(id=number, made_at=now, statement=statement, signature=text, certificate=certificate)
        session.add(row)
        session.flush()
        return checkpoint_of(statement, text, certificate)


def _refuse_set_back(last: Checkpoint | None, ahead: Checkpoint | None) -> None:
    if ahead is not None and ahead.number > (last.number if last else 0):
        ours = f"its last checkpoint is {last.number}" if last else "it has no checkpoint"
        raise TrailSetBack(f"the database is older than the checkpoint file: {ours}, the file's is {ahead.number}")


def last_checkpoint(session: Session) -> Checkpoint | None:
    """The newest one. One that cannot be read is passed over here; verifying tells of it."""
    query = select(CheckpointRow).order_by(col(CheckpointRow.id).desc()).limit(10)
    return next(_readable(session.execute(query).scalars().all()), None)


def checkpoints_after(session: Session, number: int, limit: int) -> Iterator[Checkpoint]:
    """Those with a higher number, in order."""
    query = select(CheckpointRow).where(col(CheckpointRow.id) > number).order_by(col(CheckpointRow.id)).limit(limit)
    return _readable(session.execute(query).scalars().all())


def checkpoint_of_row(row: CheckpointRow) -> Checkpoint:
    """The value of a row. Raises NoCheckpoint."""
    return checkpoint_of(row.statement, row.signature, row.certificate, row.stamp)


def _sealed_places(session: Session) -> set[tuple[str, int, str]]:
    return {(head.writer, head.sequence, head.mac) for head in heads_of(session).values()}


def _readable(rows: Sequence[CheckpointRow]) -> Iterator[Checkpoint]:
    for row in rows:
        try:
            yield checkpoint_of_row(row)
        except NoCheckpoint as fault:
            log.error("checkpoint_unreadable", number=row.id, fault=str(fault))
