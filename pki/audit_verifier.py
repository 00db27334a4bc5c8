"""Verifying the whole trail: every chain, every checkpoint, and the checkpoint file, in one pass and bounded memory.

The chains tell edits, removals and reordering. The checkpoints tell what chains cannot tell of themselves: that a
writer was taken away with its head, that the trail was emptied, that the database is an earlier state of itself. What
was found is said as it was found: an old database that holds together looks the same whether a backup was restored or
an intruder put a copy in place.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography import x509
from sqlalchemy import select
from sqlmodel import Session, col

from pki.audit import heads_of, writers_of
from pki.audit_chain import MOST_FINDINGS, ChainKey, ChainWalk, Damage, Finding
from pki.checkpoint import Abandoned, Checkpoint, Head, NoCheckpoint, signature_fault
from pki.checkpoint_file import CheckpointFile
from pki.checkpoint_sides import CheckpointSides
from pki.checkpoints import checkpoint_of_row
from pki.tables import CheckpointRow

StampCheck = Callable[[Checkpoint], str | None]
"""What is wrong with a checkpoint's time stamp; None when all is well."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying found. `notes` are worth knowing and no damage."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    records: int
    checkpoints: int
    stamps: int

    @property
    def whole(self) -> bool:
        """Whether everything is as it was written."""
        return not self.findings

    def joined(self, more: Sequence[Finding]) -> "Verdict":
        """The same with findings from elsewhere behind its own."""
        return replace(self, findings=(*self.findings, *more)[:MOST_FINDINGS])


def verify_trail(
    session: Session,
    key: ChainKey,
    roots: tuple[x509.Certificate, ...],
    file: CheckpointFile | None,
    stamp_fault: StampCheck | None = None,
) -> Verdict:
    """Verify everything within this one view of the database."""
    return _Verification(session, key, roots, file, stamp_fault).run()


@dataclass
class _Range:
    """Checkpoints that only one side has: the first, the last, and how the chains differ from them."""

    first: Checkpoint
    last: Checkpoint
    differences: list[Finding] = field(default_factory=list)


class _Verification:
    """One run."""

    def __init__(
        self,
        session: Session,
        key: ChainKey,
        roots: tuple[x509.Certificate, ...],
        file: CheckpointFile | None,
        stamp_fault: StampCheck | None,
    ) -> None:
        self._session = session
        self._roots = roots
        self._file = file
        self._stamp_fault = stamp_fault
        self._heads = heads_of(session)
        writers = writers_of(session) | set(self._heads)
        self._walks = {writer: ChainWalk(key, session, writer) for writer in sorted(writers)}
        self._findings: list[Finding] = []
        self._notes: list[str] = []
        self._told: set[str] = set()  # writers whose chain was found to differ from a checkpoint
        self._last: Checkpoint | None = None
        self._only_filed: _Range | None = None
        self._only_stored: _Range | None = None
        self._checkpoints = self._stamps = 0
        self._sides = CheckpointSides(session, roots, file, self._tell)

    def run(self) -> Verdict:
        """Checkpoint by checkpoint, each chain followed as far as it says; then on to the ends."""
        abandoned = self._abandoned()
        for number, row, line in self._sides.pairs():
            if row is None and any(one.first <= number <= one.last for one in abandoned):
                self._pass_abandoned(line, abandoned)
            else:
                self._check(number, row, line)
        for writer, walk in self._walks.items():
            walk.to()
            walk.check_head(self._heads.get(writer))
        broken = [finding for walk in self._walks.values() for finding in walk.findings]
        self._conclude(is_unbroken=not broken)
        return Verdict(
            findings=tuple((broken + self._findings)[:MOST_FINDINGS]),
            notes=tuple(self._notes),
            records=sum(walk.walked for walk in self._walks.values()),
            checkpoints=self._checkpoints,
            stamps=self._stamps,
        )

    # --- one checkpoint

    def _check(self, number: int, row: Checkpoint | None, line: Checkpoint | None) -> None:
        checkpoint = row or line
        assert checkpoint is not None  # noqa: S101 -- for the type checker
        self._checkpoints += 1
        if row is not None and line is not None and row.statement != line.statement:
            sentence = f"checkpoint {number} is another one in the file than in the database, and both are signed"
            self._tell(Damage.CHECKPOINT_ALTERED, "", number, sentence)
        self._check_link(checkpoint)
        self._check_stamp(checkpoint)
        differences = self._differences(checkpoint)
        if row is None:
            self._only_filed = _extended(self._only_filed, checkpoint, differences)
        else:
            self._end_of_only_filed()
            self._findings += differences
        if line is None and self._file is not None:
            self._only_stored = _extended(self._only_stored, checkpoint, [])
        elif line is not None:
            self._end_of_only_stored()

    def _check_link(self, checkpoint: Checkpoint) -> None:
        last, self._last = self._last, checkpoint
        expected = 1 + (last.number if last else 0)
        if checkpoint.abandons is not None and checkpoint.abandons.first == expected:
            expected = checkpoint.abandons.last + 1
        if checkpoint.number > expected:
            gone = _span("checkpoint", expected, checkpoint.number - 1)
            sentence = f"{gone} missing" if self._file is None else f"{gone} neither in the database nor in the file"
            self._tell(Damage.CHECKPOINT_REMOVED, "", expected, sentence)
        elif checkpoint.previous != (last.sha256 if last else ""):
            number = checkpoint.number
            sentence = f"checkpoint {number} follows another checkpoint {number - 1} than the one here"
            self._tell(Damage.CHECKPOINT_REMOVED, "", number, sentence)

    def _check_stamp(self, checkpoint: Checkpoint) -> None:
        if checkpoint.stamp is None or self._stamp_fault is None:
            return
        self._stamps += 1
        fault = self._stamp_fault(checkpoint)
        if fault is not None:
            sentence = f"the time stamp of checkpoint {checkpoint.number} is not good: {fault}"
            self._tell(Damage.STAMP_WRONG, "", checkpoint.number, sentence)

    def _differences(self, checkpoint: Checkpoint) -> list[Finding]:
        """How the chains differ from what the checkpoint saw; each writer is told of once."""
        found = []
        for head in checkpoint.heads:
            difference = self._difference(head, checkpoint) if head.writer not in self._told else None
            if difference is not None:
                self._told.add(head.writer)
                found.append(difference)
        return found

    def _difference(self, head: Head, checkpoint: Checkpoint) -> Finding | None:
        seen = f"checkpoint {checkpoint.number} of {_when(checkpoint.made_at)}"
        walk = self._walks.get(head.writer)
        if walk is None or (walk.to(head.sequence).sequence == 0 and walk.is_at_end):
            sentence = f"all {head.sequence} records that {seen} saw are gone"
            return Finding(Damage.WRITER_REMOVED, head.writer, 1, sentence)
        place = walk.place
        if place.sequence < head.sequence and walk.is_at_end:
            gone = _span("record", place.sequence + 1, head.sequence)
            sentence = f"the chain ends at record {place.sequence}; {gone} gone, and {seen} saw them"
            return Finding(Damage.END_REMOVED, head.writer, place.sequence + 1, sentence)
        if place.sequence == head.sequence and (place.mac, place.sha256) != (head.mac, head.sha256):
            sentence = f"up to record {head.sequence} the chain is another one than {seen} saw"
            return Finding(Damage.REPLACED, head.writer, head.sequence, sentence)
        return None  # a gap in the middle is told by the walk

    # --- what only one side has

    def _end_of_only_filed(self) -> None:
        """The database goes on after checkpoints that only the file has: their rows were taken out."""
        if self._only_filed is not None:
            one, self._only_filed = self._only_filed, None
            sentence = f"{_span('checkpoint', one.first.number, one.last.number)} in the file and not in the database"
            self._tell(Damage.CHECKPOINT_REMOVED, "", one.first.number, sentence)
            self._findings += one.differences

    def _end_of_only_stored(self) -> None:
        if self._only_stored is not None:
            one, self._only_stored = self._only_stored, None
            sentence = f"{_span('checkpoint', one.first.number, one.last.number)} in the database and not in the file"
            self._tell(Damage.CHECKPOINT_REMOVED, "", one.first.number, sentence)

    def _conclude(self, *, is_unbroken: bool) -> None:
        """What it means that one side goes on where the other ends."""
        if self._only_filed is not None:
            self._conclude_filed(self._only_filed, is_unbroken=is_unbroken)
        if (older := self._only_stored) is not None and self._file is not None:
            ends = f"ends before checkpoint {older.first.number}" if self._file.exists() else "is not there"
            sentence = (
                f"the checkpoint file {ends}, the database goes on to checkpoint {older.last.number} of "
                f"{_when(older.last.made_at)}: it is an older copy, its end was cut off, or the service stopped "
                "before it wrote there (then the running service completes it)"
            )
            self._tell(Damage.FILE_OLDER, "", older.first.number, sentence)

    def _conclude_filed(self, ahead: _Range, *, is_unbroken: bool) -> None:
        goes_on = f"the file goes on to checkpoint {ahead.last.number} of {_when(ahead.last.made_at)}"
        if not self._walks:
            sentence = f"the trail is empty, and the checkpoint file tells of {ahead.last.records} records: {goes_on}"
            self._tell(Damage.EMPTIED, "", 1, sentence)
        elif not ahead.differences:
            sentence = (
                f"{_span('checkpoint', ahead.first.number, ahead.last.number)} in the file and not in the database"
            )
            self._tell(Damage.CHECKPOINT_REMOVED, "", ahead.first.number, f"{sentence}, and their records are here")
        else:
            self._tell(Damage.SET_BACK, "", ahead.first.number, self._set_back(ahead, goes_on, is_unbroken=is_unbroken))
            self._findings += ahead.differences

    def _set_back(self, ahead: _Range, goes_on: str, *, is_unbroken: bool) -> str:
        stored = self._sides.last_stored
        known = f"its last checkpoint is {stored}" if stored else "it has no checkpoint"
        before = f"before checkpoint {ahead.first.number} of {_when(ahead.first.made_at)}"
        if is_unbroken:
            meaning = (
                f"What is here holds together: it is the trail as it was {before}, as after restoring a backup of "
                "then; an old copy put in place by an intruder looks the same"
            )
        else:
            meaning = "What is here does not hold together either, so this is no restored backup alone"
        return f"the database is older than the checkpoint file: {known}, {goes_on}. {meaning}"

    # --- what somebody has accepted

    def _abandoned(self) -> list[Abandoned]:
        """The checkpoints that later, signed ones go on without. There are as many as there were restored backups."""
        query = select(CheckpointRow).where(col(CheckpointRow.statement).like('{"abandons":%'))
        found = []
        for row in self._session.execute(query).scalars():
            try:
                checkpoint = checkpoint_of_row(row)
            except NoCheckpoint:
                continue  # told when its turn comes
            if checkpoint.abandons is not None and signature_fault(checkpoint, self._roots) is None:
                found.append(checkpoint.abandons)
                gone = _span("checkpoint", checkpoint.abandons.first, checkpoint.abandons.last)
                self._notes.append(
                    f"the database was set back once: {gone} given up, as checkpoint {checkpoint.number} of "
                    f"{_when(checkpoint.made_at)} says"
                )
        return found

    def _pass_abandoned(self, line: Checkpoint | None, abandoned: list[Abandoned]) -> None:
        for one in abandoned:
            if line is not None and line.number == one.last and line.sha256 != one.sha256:
                sentence = f"checkpoint {line.number} in the file is not the one that was given up"
                self._tell(Damage.CHECKPOINT_ALTERED, "", line.number, sentence)

    def _tell(self, damage: Damage, writer: str, sequence: int, sentence: str) -> None:
        if len(self._findings) < MOST_FINDINGS:
            self._findings.append(Finding(damage, writer, sequence, sentence))


def _extended(so_far: _Range | None, checkpoint: Checkpoint, differences: list[Finding]) -> _Range:
    if so_far is None:
        return _Range(checkpoint, checkpoint, differences)
    so_far.last = checkpoint
    so_far.differences += differences
    return so_far


def _span(noun: str, first: int, last: int) -> str:
    return f"{noun} {first} is" if first == last else f"{noun}s {first} to {last} are"


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
