"""The database: transactions and times."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlmodel import Session, SQLModel, col, select

from pki.store import Store, at_the_end
from pki.tables import CredentialRow, IntentRow

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


def credential(serial: str, not_after: datetime = NOON) -> CredentialRow:
    return CredentialRow(serial=serial, slot="server-ec", key_name="k", not_after=not_after)


def serials(session: Session) -> list[str]:
    return list(session.exec(select(CredentialRow.serial).order_by(col(CredentialRow.serial))))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/x.db")
    SQLModel.metadata.create_all(store.engine)
    yield store
    store.close()


def test_times_come_back_as_aware_utc(store: Store) -> None:
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    with store.writing() as session:
        session.add(credential("01", tokyo))
    with store.reading() as session:
        found = session.get_one(CredentialRow, "01").not_after
    assert found == NOON
    assert found.tzinfo is UTC


def test_refuses_a_time_without_zone(store: Store) -> None:
    with pytest.raises(StatementError, match="without a zone"), store.writing() as session:
        session.add(credential("01", NOON.replace(tzinfo=None)))


def test_a_failing_block_leaves_nothing(store: Store) -> None:
    def fail_half_way() -> None:
        with store.writing() as session:
            session.add(credential("01"))
            session.flush()
            raise KeyError

    with pytest.raises(KeyError):
        fail_half_way()
    with store.reading() as session:
        assert serials(session) == []


def test_reading_keeps_nothing(store: Store) -> None:
    with store.reading() as session:
        session.add(credential("01"))
        session.flush()
    with store.reading() as session:
        assert serials(session) == []


def test_reading_sees_one_moment(store: Store) -> None:
    """Else a trail that grows while it is verified would look broken."""
    with store.reading() as session:
        assert serials(session) == []
        with store.writing() as other:
            other.add(credential("01"))
        assert serials(session) == []
    with store.reading() as session:
        assert serials(session) == ["01"]


def test_a_nested_write_is_an_error_and_not_a_deadlock(store: Store) -> None:
    with store.writing(), pytest.raises(RuntimeError, match="open in this thread"), store.writing():
        pass
    with store.writing() as session:
        session.add(credential("01"))


def test_two_writers_do_not_lose_each_others_work(store: Store, tmp_path: Path) -> None:
    second = Store(f"sqlite:///{tmp_path}/x.db")  # as another process would open it

    def write(to: Store, name: str) -> None:
        for number in range(20):
            with to.writing() as session:
                count = len(serials(session))
                session.add(credential(f"{name}-{number}-{count}"))

    threads = [threading.Thread(target=write, args=(to, name)) for to, name in ((store, "a"), (second, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as session:
        counts = sorted(int(serial.split("-")[2]) for serial in serials(session))
    second.close()
    assert counts == list(range(40))


@pytest.mark.usefixtures("as_shipped")
def test_sqlite_is_durable_and_checks_foreign_keys(store: Store) -> None:
    with store.reading() as session:
        found = {name: session.execute(text(f"PRAGMA {name}")).scalar_one() for name in PRAGMAS}
    assert found == PRAGMAS
    orphan = IntentRow(
        serial="01", profile="p", profile_hash="h", to_be_signed=b"", not_after=NOON, crl_shard=0, created_at=NOON
    )
    with pytest.raises(IntegrityError), store.writing() as session:
        session.add(orphan)


PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "busy_timeout": 30000,
    "wal_autocheckpoint": 4000,
}


def test_what_is_left_for_the_end_comes_after_everything_else_and_once(store: Store) -> None:
    seen: list[list[str]] = []
    with store.writing() as session:
        at_the_end(session, "look", lambda: seen.append(serials(session)))
        at_the_end(session, "look", lambda: seen.append([]))
        session.add(credential("01"))
        assert seen == []
    assert seen == [["01"]]


def test_a_fault_at_the_end_undoes_the_whole_transaction(store: Store) -> None:
    """DESIGN §3.7: if the audit record cannot be written, the act does not happen."""

    def fail() -> None:
        raise KeyError

    def write() -> None:
        with store.writing() as session:
            session.add(credential("01"))
            at_the_end(session, "fail", fail)

    with pytest.raises(KeyError):
        write()
    with store.reading() as session:
        assert serials(session) == []


def test_writers_take_turns_in_the_order_in_which_they_came(store: Store) -> None:
    """Also when the one before them comes again at once."""
    order: list[str] = []
    inside, queued = threading.Event(), threading.Event()

    def keep_writing() -> None:
        for number in range(3):
            with store.writing():
                order.append(f"busy {number}")
                inside.set()
                assert queued.wait(10)

    def write_once() -> None:
        with store.writing():
            order.append("patient")

    busy, patient = threading.Thread(target=keep_writing), threading.Thread(target=write_once)
    busy.start()
    assert inside.wait(10)
    patient.start()
    assert store._shared is not None
    while not store._shared._turns.is_awaited:
        pass
    queued.set()
    busy.join(10)
    patient.join(10)
    assert order == ["busy 0", "patient", "busy 1", "busy 2"]
