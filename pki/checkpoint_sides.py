"""The checkpoints of the database and those of the file beside it, side by side in the order of their numbers."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from cryptography import x509
from sqlalchemy import select
from sqlmodel import Session, col

from pki.audit_chain import Damage
from pki.checkpoint import Checkpoint, NoCheckpoint, signature_fault
from pki.checkpoint_file import CheckpointFile, FileLine
from pki.checkpoints import checkpoint_of_row
from pki.tables import CheckpointRow

_PAGE = 200

Tell: TypeAlias = Callable[[Damage, str, int, str], None]


class CheckpointSides:
    """Reads both sides in bounded memory. What is not signed as it should be is told and left out."""

    def __init__(
        self, session: Session, roots: tuple[x509.Certificate, ...], file: CheckpointFile | None, tell: Tell
    ) -> None:
        self._session = session
        self._roots = roots
        self._file = file
        self._tell = tell
        self.last_stored = 0

    def pairs(self) -> Iterator[tuple[int, Checkpoint | None, Checkpoint | None]]:
        """Each number with what the database and what the file has; one of them at least is there."""
        rows, lines = self._rows(), self._lines()
        row, line = next(rows, None), next(lines, None)
        while row is not None or line is not None:
            if line is None or (row is not None and row.number < line.number):
                assert row is not None  # noqa: S101 -- for the type checker: one of the two is there
                yield row.number, row, None
                row = next(rows, None)
            elif row is None or line.number < row.number:
                yield line.number, None, line
                line = next(lines, None)
            else:
                yield row.number, row, line
                row, line = next(rows, None), next(lines, None)

    def _rows(self) -> Iterator[Checkpoint]:
        after = 0
        while True:
            query = select(CheckpointRow).where(col(CheckpointRow.id) > after).order_by(col(CheckpointRow.id))
            rows = self._session.execute(query.limit(_PAGE)).scalars().all()
            for row in rows:
                if (found := self._signed_row(row)) is not None:
                    yield found
            if len(rows) < _PAGE:
                return
            after = rows[-1].id or 0
            self._session.expunge_all()

    def _signed_row(self, row: CheckpointRow) -> Checkpoint | None:
        number = row.id or 0
        try:
            found = checkpoint_of_row(row)
            fault = signature_fault(found, self._roots)
            if found.number != number:
                fault = f"it says that it is checkpoint {found.number}"
        except NoCheckpoint as unreadable:
            found, fault = None, str(unreadable)
        self.last_stored = max(self.last_stored, number)
        if fault is not None:
            sentence = f"checkpoint {number} in the database was altered: {fault}"
            self._tell(Damage.CHECKPOINT_ALTERED, "", number, sentence)
            return None
        return found

    def _lines(self) -> Iterator[Checkpoint]:
        last = 0
        for line in self._file.lines() if self._file is not None else ():
            fault = self._line_fault(line, last)
            if fault is not None or line.checkpoint is None:
                number = line.checkpoint.number if line.checkpoint else 0
                sentence = f"line {line.number} of the checkpoint file was altered: {fault}"
                self._tell(Damage.CHECKPOINT_ALTERED, "", number, sentence)
                continue
            last = line.checkpoint.number
            yield line.checkpoint

    def _line_fault(self, line: FileLine, last: int) -> str | None:
        if line.checkpoint is None:
            return "it is not a checkpoint"
        if line.checkpoint.number <= last:
            return f"checkpoint {line.checkpoint.number} stands after checkpoint {last}"
        return signature_fault(line.checkpoint, self._roots)
