"""The audit trail as JSON Lines that an outsider can verify with nothing but our root certificate.

    {"format": "voltward-audit/1", "from": N, "records": N}   first; `from`: the checkpoint it begins after
    {"act": …, "at": …, …}                                    a record: exactly the line that the running digest is over
    {"from": N, "omitted": [hex, …], "writer": …}             records that were filtered out: the SHA-256 of their lines
    {"certificate": …, "signature": …, "statement": …}        a checkpoint, after all the records that it speaks of
    {"number": N, "stamp": base64}                            its RFC 3161 time stamp
    {"end": true, …}                                          last, so that a file cut short is noticed

Between two checkpoints the writers stand one after the other, each in its own order.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from pki.audit import heads_of
from pki.audit_chain import canonical, chain_rows, leaf, record_line
from pki.checkpoint import Checkpoint, Head
from pki.checkpoints import checkpoints_after
from pki.tables import CheckpointRow

FORMAT = "voltward-audit/1"
_PAGE = 100
_OMITTED_PER_LINE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records: from `since` on, before `until`, of this kind, by whom. What is left out leaves its digest."""

    since: datetime | None = None
    until: datetime | None = None
    kind: str | None = None
    by: str | None = None

    def takes(self, row: Mapping[str, Any]) -> bool:
        """Whether a record is wanted."""
        return (
            (self.since is None or row["at"] >= self.since)
            and (self.until is None or row["at"] < self.until)
            and self.kind in {None, row["kind"]}
            and self.by in {None, row["by"]}
        )


def export_lines(session: Session, wanted: Wanted) -> Iterator[str]:
    """The lines of an export, without line feeds, in bounded memory."""
    start = _checkpoint_before(session, wanted.since)
    places = {head.writer: head.sequence for head in start.heads} if start else {}
    ends = {writer: head.sequence for writer, head in heads_of(session).items()}
    total = sum(ends.values()) - sum(places.values())
    yield canonical({"format": FORMAT, "from": start.number if start else 0, "records": total})
    if start is not None:
        yield from _checkpoint_lines(start)
    checkpoint = start
    for checkpoint in _checkpoints(session, start.number if start else 0):
        for head in checkpoint.heads:
            yield from _records(session, head, places, wanted)
        yield from _checkpoint_lines(checkpoint)
        if wanted.until is not None and checkpoint.made_at >= wanted.until:
            break
    else:
        for writer, end in sorted(ends.items()):
            yield from _records(session, Head(writer, end, "", ""), places, wanted)
    yield canonical({"end": True, "checkpoint": checkpoint.number if checkpoint else 0})


def _records(session: Session, head: Head, places: dict[str, int], wanted: Wanted) -> Iterator[str]:
    """One writer's records up to this head; `places` moves along."""
    omitted: list[str] = []
    first = place = places.get(head.writer, 0)
    for row in chain_rows(session, head.writer, place):
        if row["sequence"] > head.sequence:
            break
        line = record_line(row)
        place = row["sequence"]
        if wanted.takes(row):
            yield from _omission(head.writer, first, omitted)
            yield line
        else:
            first = first if omitted else place
            omitted.append(leaf(line).hex())
        if len(omitted) == _OMITTED_PER_LINE:
            yield from _omission(head.writer, first, omitted)
    yield from _omission(head.writer, first, omitted)
    places[head.writer] = place


def _omission(writer: str, first: int, omitted: list[str]) -> Iterator[str]:
    if omitted:
        yield canonical({"writer": writer, "from": first, "omitted": omitted})
        omitted.clear()


def _checkpoint_lines(checkpoint: Checkpoint) -> Iterator[str]:
    yield checkpoint.line()
    if checkpoint.stamp is not None:
        yield canonical({"number": checkpoint.number, "stamp": b64encode(checkpoint.stamp).decode()})


def _checkpoints(session: Session, after: int) -> Iterator[Checkpoint]:
    while True:
        found = list(checkpoints_after(session, after, _PAGE))
        yield from found
        if not found:
            return
        after = found[-1].number
        session.expunge_all()


def _checkpoint_before(session: Session, since: datetime | None) -> Checkpoint | None:
    """The last one made before `since`: what came earlier need not be in the export."""
    if since is None:
        return None
    query = select(col(CheckpointRow.id)).where(col(CheckpointRow.made_at) <= since)
    number = session.execute(query.order_by(col(CheckpointRow.id).desc()).limit(1)).scalar()
    return next(checkpoints_after(session, number - 1, 1), None) if number else None
