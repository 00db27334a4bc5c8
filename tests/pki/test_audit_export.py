"""An export can be verified by an outsider: with the root certificate, and with hashlib alone."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from pki.audit_chain import Damage
from pki.audit_export import Wanted, export_lines
from pki.export_verifier import ExportVerdict, verify_export
from tests.pki.checkpointed import Checkpointed, edited_statement, with_checkpoints
from tests.pki.conftest import Room

Lines = list[str]


@pytest.fixture
def kept(room: Room) -> Checkpointed:
    kept = with_checkpoints(room)
    kept.record("x", "y", writer="node-2")
    for thing in "abc":
        kept.checkpoint(thing)
    kept.record("d")
    return kept


def export(kept: Checkpointed, wanted: Wanted = Wanted()) -> Lines:
    with kept.room.store.reading() as session:
        return list(export_lines(session, wanted))


def judge(kept: Checkpointed, lines: Lines) -> ExportVerdict:
    return verify_export([line.encode() + b"\n" for line in lines], kept.authority.audit_roots())


def places(lines: Lines, member: str) -> list[int]:
    return [number for number, line in enumerate(lines) if member in json.loads(line)]


def test_an_export_verifies(kept: Checkpointed) -> None:
    lines = export(kept)
    verdict = judge(kept, lines)
    assert (verdict.findings, verdict.checkpoints, verdict.omitted, verdict.unsigned) == ((), 3, 0, 1)
    assert verdict.records == len(kept.room.acts()) == json.loads(lines[0])["records"]
    assert verdict.notes == ("1 records come after the last checkpoint and are not signed for yet",)


def test_a_record_reads_as_it_was_written(kept: Checkpointed) -> None:
    lines = export(kept)
    records = [json.loads(lines[number]) for number in places(lines, "act")]
    found = next(one for one in records if one["writer"] == "node-2")
    assert (found["sequence"], found["act"], found["by"], found["thing"]) == (
        1,
        "certificate:revoked",
        "user:admin",
        "x",
    )


def test_a_filter_leaves_digests_and_the_export_still_verifies(kept: Checkpointed) -> None:
    lines = export(kept, Wanted(by="user:admin"))
    verdict = judge(kept, lines)
    assert (verdict.findings, verdict.records) == ((), 6)
    assert verdict.omitted == len(kept.room.acts()) - 6
    assert all(json.loads(lines[number])["by"] == "user:admin" for number in places(lines, "act"))


def test_since_begins_at_the_checkpoint_before(kept: Checkpointed) -> None:
    since = kept.room.clock.now - timedelta(minutes=20)
    lines = export(kept, Wanted(since=since))
    verdict = judge(kept, lines)
    assert (verdict.findings, verdict.records) == ((), 2)
    assert json.loads(lines[0])["from"] == 1
    assert "begins after checkpoint 1" in verdict.notes[0]


def test_until_ends_at_the_checkpoint_after(kept: Checkpointed) -> None:
    until = kept.room.clock.now - timedelta(minutes=29)
    verdict = judge(kept, export(kept, Wanted(until=until)))
    assert (verdict.findings, verdict.checkpoints) == ((), 2)


def test_an_empty_trail_exports_and_verifies(fresh_room: Room) -> None:
    kept = with_checkpoints(fresh_room)
    assert judge(kept, export(kept)).findings == ()


def edited(lines: Lines) -> Lines:
    at = places(lines, "act")[3]
    return [*lines[:at], lines[at].replace('"reason":"', '"reason":"other'), *lines[at + 1 :]]


def without_record(lines: Lines) -> Lines:
    at = places(lines, "act")[3]
    return lines[:at] + lines[at + 1 :]


def swapped(lines: Lines) -> Lines:
    one, other = places(lines, "act")[3:5]
    lines[one], lines[other] = lines[other], lines[one]
    return lines


def without_checkpoint(lines: Lines) -> Lines:
    at = places(lines, "statement")[1]
    return lines[:at] + lines[at + 1 :]


def altered_checkpoint(lines: Lines) -> Lines:
    at = places(lines, "statement")[1]
    return [*lines[:at], edited_statement(lines[at]).rstrip(), *lines[at + 1 :]]


def cut_short(lines: Lines) -> Lines:
    return lines[:-1]


def garbage(lines: Lines) -> Lines:
    return [*lines[:-1], "nonsense", lines[-1]]


def behind_the_end(lines: Lines) -> Lines:
    return [*lines, lines[places(lines, "act")[-1]]]


def another_format(lines: Lines) -> Lines:
    return ['{"format": "other/1", "from": 0}', *lines[1:]]


DAMAGES: dict[Callable[[Lines], Lines], Damage] = {
    edited: Damage.EDITED,
    without_record: Damage.MISSING,
    swapped: Damage.REORDERED,
    without_checkpoint: Damage.CHECKPOINT_REMOVED,
    altered_checkpoint: Damage.CHECKPOINT_ALTERED,
    cut_short: Damage.MISSING,
    garbage: Damage.EDITED,
    behind_the_end: Damage.EDITED,
    another_format: Damage.EDITED,
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_an_outsider_tells(kept: Checkpointed, damage: Callable[[Lines], Lines]) -> None:
    verdict = judge(kept, damage(export(kept)))
    assert DAMAGES[damage] in {found.damage for found in verdict.findings}


@pytest.mark.parametrize("damage", [edited, without_record])
def test_an_edit_under_a_filter_is_told_as_well(kept: Checkpointed, damage: Callable[[Lines], Lines]) -> None:
    assert judge(kept, damage(export(kept, Wanted(by="user:admin")))).findings


def test_another_root_does_not_verify_it(kept: Checkpointed, fresh_room: Room) -> None:
    fresh_room.authority.establish("operator")
    lines = [line.encode() + b"\n" for line in export(kept)]
    verdict = verify_export(lines, fresh_room.authority.audit_roots())
    assert {found.damage for found in verdict.findings} == {Damage.CHECKPOINT_ALTERED}


@pytest.mark.parametrize("line", [b"", b"\xff", b"[]", b"1", b'{"act": 1}', b"[" * 100_000, b'{"omitted": "x"}'])
def test_bad_lines_are_findings_not_faults(kept: Checkpointed, line: bytes) -> None:
    lines = [one.encode() for one in export(kept)]
    assert verify_export([*lines[:2], line, *lines[2:]], kept.authority.audit_roots()).findings
