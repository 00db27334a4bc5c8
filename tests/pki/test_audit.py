"""The audit trail tells every edit, removal and reordering."""

import hmac
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlmodel import Session, SQLModel, col

from pki.audit import AuditTrail, PkiAct
from pki.audit_chain import ChainKey, Damage, canonical
from pki.secret_text import Secret
from pki.store import Store
from pki.tables import AuditRow

NOW = datetime(2026, 11, 22, 12, 0, 0, 5, tzinfo=UTC)
KEY = b"k" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/x.db")
    SQLModel.metadata.create_all(store.engine)
    yield store
    store.close()


@pytest.fixture
def trail() -> AuditTrail:
    return AuditTrail(KEY, "node-1")


def write(store: Store, trail: AuditTrail, *things: str) -> None:
    for thing in things:
        with store.writing() as session:
            record(trail, session, thing)


def record(trail: AuditTrail, session: Session, thing: str, **more: Any) -> None:
    fields: dict[str, Any] = {"by": "user:admin", "kind": "certificate", "thing": thing, "now": NOW, **more}
    trail.record(session, PkiAct.CERTIFICATE_REVOKED, **fields)


def damages(store: Store, trail: AuditTrail) -> set[Damage]:
    with store.reading() as session:
        return {finding.damage for finding in trail.verify(session)}


def tamper(store: Store, *statements: str) -> None:
    with store.writing() as session:
        for statement in statements:
            assert session.execute(text(statement)).rowcount


def test_an_untouched_trail_verifies(store: Store, trail: AuditTrail) -> None:
    assert damages(store, trail) == set()
    write(store, trail, "a", "b", "c")
    assert damages(store, trail) == set()


EDITS: dict[str, object] = {
    "by": "user:somebody-else",
    "act": "certificate:issued",
    "kind": "station",
    "thing": "z",
    "reason": "other",
    "details": '{"x":1}',
    "at": NOW.replace(year=2020),
    "mac": "0" * 64,
    "writer": "node-2",
    "sequence": 77,
}


@pytest.mark.parametrize("column", EDITS)
def test_tells_an_edit_of_any_column(store: Store, trail: AuditTrail, column: str) -> None:
    write(store, trail, "a", "b", "c")
    with store.writing() as session:
        edited = update(AuditRow).where(col(AuditRow.sequence) == 2).values({column: EDITS[column]})
        session.execute(edited)
    assert damages(store, trail)


def test_tells_a_removal_in_the_middle(store: Store, trail: AuditTrail) -> None:
    write(store, trail, "a", "b", "c")
    tamper(store, "DELETE FROM audit_records WHERE sequence = 2")
    assert Damage.MISSING in damages(store, trail)


def test_tells_a_removal_in_the_middle_even_when_the_gap_is_closed(store: Store, trail: AuditTrail) -> None:
    write(store, trail, "a", "b", "c")
    tamper(
        store,
        "DELETE FROM audit_records WHERE sequence = 2",
        "UPDATE audit_records SET sequence = 2 WHERE sequence = 3",
        "UPDATE audit_heads SET sequence = 2",
    )
    assert damages(store, trail) >= {Damage.EDITED, Damage.HEAD_FORGED}


def test_tells_a_removal_at_the_end(store: Store, trail: AuditTrail) -> None:
    write(store, trail, "a", "b", "c")
    tamper(store, "DELETE FROM audit_records WHERE sequence = 3")
    assert damages(store, trail) == {Damage.END_REMOVED}


def test_tells_a_removal_at_the_end_with_the_head_set_back(store: Store, trail: AuditTrail) -> None:
    write(store, trail, "a", "b", "c")
    tamper(
        store,
        "DELETE FROM audit_records WHERE sequence = 3",
        "UPDATE audit_heads SET sequence = 2, mac = (SELECT mac FROM audit_records WHERE sequence = 2)",
    )
    assert Damage.HEAD_FORGED in damages(store, trail)


def test_tells_the_removal_of_everything(store: Store, trail: AuditTrail) -> None:
    write(store, trail, "a", "b")
    tamper(store, "DELETE FROM audit_records")
    assert damages(store, trail) == {Damage.END_REMOVED}


def test_tells_a_missing_head(store: Store, trail: AuditTrail) -> None:
    write(store, trail, "a", "b")
    tamper(store, "DELETE FROM audit_heads")
    assert damages(store, trail) == {Damage.HEAD_MISSING}


def test_tells_swapped_records(store: Store, trail: AuditTrail) -> None:
    write(store, trail, "a", "b", "c")
    tamper(
        store,
        "UPDATE audit_records SET sequence = 9 WHERE sequence = 1",
        "UPDATE audit_records SET sequence = 1 WHERE sequence = 2",
        "UPDATE audit_records SET sequence = 2 WHERE sequence = 9",
    )
    assert Damage.EDITED in damages(store, trail)


def test_tells_records_that_are_listed_in_another_order(store: Store, trail: AuditTrail) -> None:
    write(store, trail, "a", "b", "c")
    tamper(
        store,
        "UPDATE audit_records SET id = 99 WHERE id = 1",
        "UPDATE audit_records SET id = 1 WHERE id = 3",
        "UPDATE audit_records SET id = 3 WHERE id = 99",
    )
    assert damages(store, trail) == {Damage.REORDERED}


def test_tells_a_record_made_with_another_key(store: Store, trail: AuditTrail) -> None:
    write(store, trail, "a")
    write(store, AuditTrail(b"x" * 32, "node-1"), "forged")
    assert damages(store, trail) >= {Damage.EDITED, Damage.HEAD_FORGED}


def test_each_writer_has_its_own_chain(store: Store, trail: AuditTrail) -> None:
    write(store, trail, "a", "b")
    write(store, AuditTrail(KEY, "node-2"), "c")
    assert damages(store, trail) == set()
    tamper(store, "DELETE FROM audit_records WHERE writer = 'node-2'")
    with store.reading() as session:
        findings = trail.verify(session)
    assert [(found.writer, found.damage) for found in findings] == [("node-2", Damage.END_REMOVED)]


def test_several_records_in_one_transaction_are_chained(store: Store, trail: AuditTrail) -> None:
    with store.writing() as session:
        for thing in "abc":
            record(trail, session, thing)
    with store.reading() as session:
        assert [found.sequence for found in trail.records(session)] == [1, 2, 3]
    assert damages(store, trail) == set()


def test_a_record_goes_with_its_transaction(store: Store, trail: AuditTrail) -> None:
    write(store, trail, "a")

    def fail_after_recording() -> None:
        with store.writing() as session:
            record(trail, session, "never happened")
            raise KeyError

    with pytest.raises(KeyError):
        fail_after_recording()
    write(store, trail, "b")
    with store.reading() as session:
        assert [found.thing for found in trail.records(session)] == ["a", "b"]
    assert damages(store, trail) == set()


def test_threads_and_processes_append_to_one_chain(store: Store, trail: AuditTrail, tmp_path: Path) -> None:
    second = Store(f"sqlite:///{tmp_path}/x.db")

    def append(to: Store, own: AuditTrail) -> None:
        write(to, own, *(f"{number}" for number in range(15)))

    jobs: list[tuple[Store, AuditTrail]] = [(store, trail), (store, trail), (second, AuditTrail(KEY, "node-1"))]
    threads = [threading.Thread(target=append, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as session:
        assert [found.sequence for found in trail.records(session, limit=1000)] == list(range(1, 46))
    second.close()
    assert damages(store, trail) == set()


def test_records_are_found_by_thing_and_paged(store: Store, trail: AuditTrail) -> None:
    write(store, trail, "a", "b", "a", "c")
    with store.reading() as session:
        assert [found.id for found in trail.records(session, kind="certificate", thing="a")] == [1, 3]
        assert [found.id for found in trail.records(session, after=1, limit=2)] == [2, 3]
        assert [found.id for found in trail.records(session, before=4, newest_first=True, limit=2)] == [3, 2]
        assert trail.records(session, kind="station") == []


def test_a_record_comes_back_as_it_was_written(store: Store, trail: AuditTrail) -> None:
    details = {"n": 1, "list": ["ä", None, True], "nested": {"f": 1.5}}
    with store.writing() as session:
        record(trail, session, "a", reason="because ü", details=details)
    with store.reading() as session:
        found = trail.records(session)[0]
    assert (found.writer, found.sequence, found.by, found.act) == ("node-1", 1, "user:admin", "certificate:revoked")
    assert (found.at, found.details, found.reason) == (NOW, details, "because ü")


@pytest.mark.parametrize("hostile", ["nul\x00inside", "half\ud800pair", "emoji 🔌", "x" * 5000])
def test_takes_any_text_a_station_may_send(store: Store, trail: AuditTrail, hostile: str) -> None:
    with store.writing() as session:
        record(trail, session, hostile, reason=hostile, details={"raw": hostile})
    assert damages(store, trail) == set()


def test_the_mac_is_over_the_canonical_text_of_all_fields() -> None:
    """It is put together by hand; a trail written before must verify for ever."""
    text = 'quote " backslash \\ line\n Ünicode 😀 \x7f'
    fields = {
        "writer": text, "sequence": 7, "at": NOW, "by": text, "act": "a:b", "kind": "k", "thing": text,
        "reason": text, "details": canonical({"z": text, "a": 1}),
    }  # fmt: skip
    whole = canonical({**fields, "at": NOW.isoformat(), "previous": "00ff"})
    key = hmac.digest(KEY, b"audit record", "sha256")
    assert ChainKey(KEY).record_mac(fields, "00ff") == hmac.digest(key, whole.encode(), "sha256").hex()


@pytest.mark.parametrize("details", [{"password": Secret.of("x")}, {"raw": b"x"}, {"n": float("nan")}])
def test_refuses_details_that_are_not_json(store: Store, trail: AuditTrail, details: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)), store.writing() as session:
        record(trail, session, "a", details=details)
    assert damages(store, trail) == set()


def test_refuses_a_time_without_zone(store: Store, trail: AuditTrail) -> None:
    with pytest.raises(ValueError, match="zone"), store.writing() as session:
        record(trail, session, "a", now=NOW.replace(tzinfo=None))


def test_long_chains_are_read_in_pages(store: Store, trail: AuditTrail) -> None:
    with store.writing() as session:
        for number in range(2100):
            record(trail, session, str(number))
    assert damages(store, trail) == set()
    tamper(store, "UPDATE audit_records SET thing = 'x' WHERE sequence = 1500")
    with store.reading() as session:
        assert [found.sequence for found in trail.verify(session)] == [1500]
