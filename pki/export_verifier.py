"""Verifying an export without database, keys or service: the root certificate is enough.

The MACs of the trail are keyed, so an outsider cannot check them. What he can check: the running digest over the lines
leads to exactly what each checkpoint signed, and the checkpoints follow one another.
"""

import json
from base64 import b64decode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from cryptography import x509

from pki.audit_chain import MOST_FINDINGS, Damage, Finding, followed, leaf
from pki.audit_export import FORMAT
from pki.checkpoint import Checkpoint, NoCheckpoint, read_line, signature_fault

_START = (0, "00" * 32)


@dataclass(frozen=True, slots=True)
class ExportVerdict:
    """What an export shows. `records` were read in full, `omitted` by their digest; `unsigned` come after the last
    checkpoint."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    records: int
    omitted: int
    checkpoints: int
    stamps: int
    unsigned: int

    @property
    def whole(self) -> bool:
        """Whether everything is as it was signed."""
        return not self.findings


def verify_export(
    lines: Iterable[bytes],
    roots: tuple[x509.Certificate, ...],
    stamp_fault: Callable[[Checkpoint], str | None] | None = None,
) -> ExportVerdict:
    """Verify an export line by line, in bounded memory."""
    return _Reading(roots, stamp_fault).read(lines)


class _Reading:
    def __init__(
        self, roots: tuple[x509.Certificate, ...], stamp_fault: Callable[[Checkpoint], str | None] | None
    ) -> None:
        self._roots = roots
        self._stamp_fault = stamp_fault
        self._findings: list[Finding] = []
        self._places: dict[str, tuple[int, str]] = {}
        self._signed: dict[str, int] = {}
        self._last: Checkpoint | None = None
        self._begins_after: int | None = None
        self._is_ended = False
        self._records = self._omitted = self._checkpoints = self._stamps = self._untold = 0

    def read(self, lines: Iterable[bytes]) -> ExportVerdict:
        number = 0
        for number, raw in enumerate(lines, 1):
            self._take(number, raw.removesuffix(b"\n"))
        if not self._is_ended:
            self._tell(Damage.MISSING, "", number + 1, "the file is cut short: its last line is missing")
        unsigned = sum(place[0] - self._signed.get(writer, 0) for writer, place in self._places.items())
        return ExportVerdict(
            findings=tuple(self._findings),
            notes=tuple(self._notes(unsigned)),
            records=self._records,
            omitted=self._omitted,
            checkpoints=self._checkpoints,
            stamps=self._stamps,
            unsigned=unsigned,
        )

    def _take(self, number: int, raw: bytes) -> None:
        try:
            said = json.loads(raw)
            self._take_line(number, raw.decode(), said)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self._tell(Damage.EDITED, "", number, f"line {number} cannot be read")

    def _take_line(self, number: int, line: str, said: dict[str, Any]) -> None:
        if self._begins_after is None:
            self._begin(said)
        elif self._is_ended:
            self._tell(Damage.EDITED, "", number, f"line {number} stands behind the end")
        elif "act" in said:
            self._records += 1
            self._follow(str(said["writer"]), int(said["sequence"]), [leaf(line)])
        elif "omitted" in said:
            self._omitted += len(said["omitted"])
            leaves = [bytes.fromhex(one) for one in said["omitted"]]
            self._follow(str(said["writer"]), int(said["from"]), leaves)
        elif "statement" in said:
            self._take_checkpoint(number, line)
        elif "stamp" in said:
            self._take_stamp(said)
        elif said.get("end") is True:
            self._is_ended = True
        else:
            raise ValueError("a line of no known kind")

    def _begin(self, said: dict[str, Any]) -> None:
        self._begins_after = 0
        if said["format"] != FORMAT:
            raise ValueError("another format")
        self._begins_after = int(said["from"])

    def _follow(self, writer: str, first: int, leaves: list[bytes]) -> None:
        sequence, sha256 = self._places.get(writer, _START)
        if first != sequence + 1:
            sentence = f"record {first} follows record {sequence}"
            self._tell(Damage.MISSING if first > sequence else Damage.REORDERED, writer, sequence + 1, sentence)
        for one in leaves:
            sha256 = followed(sha256, one)
        self._places[writer] = (first + len(leaves) - 1, sha256)

    def _take_checkpoint(self, number: int, line: str) -> None:
        try:
            checkpoint = read_line(line)
            fault = signature_fault(checkpoint, self._roots)
        except NoCheckpoint as unreadable:
            fault = str(unreadable)
        if fault is not None:
            self._tell(Damage.CHECKPOINT_ALTERED, "", number, f"the checkpoint in line {number} is not good: {fault}")
            return
        self._checkpoints += 1
        self._check_link(checkpoint)
        is_start = self._last is None and self._begins_after == checkpoint.number
        if not is_start:
            self._compare(checkpoint)
        self._places = {head.writer: (head.sequence, head.sha256) for head in checkpoint.heads}
        self._signed = {head.writer: head.sequence for head in checkpoint.heads}
        self._last = checkpoint

    def _check_link(self, checkpoint: Checkpoint) -> None:
        last = self._last
        if last is None and self._begins_after == checkpoint.number:
            return
        expected = 1 + (last.number if last else 0)
        if checkpoint.abandons is not None and checkpoint.abandons.first == expected:
            expected = checkpoint.abandons.last + 1
        if checkpoint.number != expected or checkpoint.previous != (last.sha256 if last else ""):
            after = f"checkpoint {last.number}" if last else "the beginning"
            sentence = f"checkpoint {checkpoint.number} does not follow {after}"
            self._tell(Damage.CHECKPOINT_REMOVED, "", checkpoint.number, sentence)

    def _compare(self, checkpoint: Checkpoint) -> None:
        seen = f"checkpoint {checkpoint.number}"
        for head in checkpoint.heads:
            sequence, sha256 = self._places.get(head.writer, _START)
            first = self._signed.get(head.writer, 0) + 1
            if sequence != head.sequence:
                sentence = f"{seen} signed {head.sequence} records, the file has {sequence}"
                self._tell(Damage.MISSING, head.writer, min(sequence, head.sequence) + 1, sentence)
            elif sha256 != head.sha256:
                sentence = f"records {first} to {head.sequence} are not those that {seen} signed"
                self._tell(Damage.EDITED, head.writer, first, sentence)

    def _take_stamp(self, said: dict[str, Any]) -> None:
        stamp = b64decode(said["stamp"], validate=True)
        if self._last is None or said["number"] != self._last.number or self._stamp_fault is None:
            return
        self._stamps += 1
        fault = self._stamp_fault(replace(self._last, stamp=stamp))
        if fault is not None:
            sentence = f"the time stamp of checkpoint {self._last.number} is not good: {fault}"
            self._tell(Damage.STAMP_WRONG, "", self._last.number, sentence)

    def _notes(self, unsigned: int) -> Iterable[str]:
        if self._begins_after and self._last is not None:
            yield f"the export begins after checkpoint {self._begins_after}; what was before it is not in the file"
        if unsigned:
            yield f"{unsigned} records come after the last checkpoint and are not signed for yet"
        if self._untold:
            yield f"{self._untold} further findings are not listed"

    def _tell(self, damage: Damage, writer: str, sequence: int, sentence: str) -> None:
        if len(self._findings) < MOST_FINDINGS:
            self._findings.append(Finding(damage, writer, sequence, sentence))
        else:
            self._untold += 1
