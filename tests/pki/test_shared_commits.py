"""Those who queue for the write transaction share a commit, and nothing else."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, SQLModel, col, select

from pki import shared_commits
from pki.store import Store
from pki.tables import CredentialRow

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Room:
    """A store whose commits are counted, and threads that get into a queue in a known order."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.commits = 0
        self.refusal: Exception | None = None
        self.faults: dict[str, BaseException] = {}
        self.returned: list[str] = []
        self.before_commit: Callable[[], None] = lambda: None
        self._commit = store.engine.dialect.do_commit
        store.engine.dialect.do_commit = self._counted  # type: ignore[method-assign]

    def _counted(self, connection: object) -> None:
        self.before_commit()
        self.commits += 1
        if self.refusal:
            raise self.refusal
        self._commit(connection)  # type: ignore[arg-type]

    def write(self, name: str, then: Callable[[Session], None] = lambda _: None) -> None:
        try:
            with self.store.writing() as session:
                session.add(CredentialRow(serial=name, slot="s", key_name="k", not_after=NOON))
                session.flush()
                then(session)
        except BaseException as fault:
            self.faults[name] = fault
        self.returned.append(name)

    def all_at_once(self, *works: tuple[str, Callable[[Session], None]]) -> None:
        """The first is not through with its block before all others queue behind it, in this order."""
        queue = self.store._shared._turns._queue  # type: ignore[union-attr]
        inside, queued = threading.Event(), threading.Event()

        def first(session: Session) -> None:
            inside.set()
            assert queued.wait(10)
            works[0][1](session)

        threads = [threading.Thread(target=self.write, args=(works[0][0], first))]
        threads[0].start()
        assert inside.wait(10)
        for number, work in enumerate(works[1:], 1):
            threads.append(threading.Thread(target=self.write, args=work))
            threads[-1].start()
            while len(queue) < number:
                pass
        queued.set()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()

    def written(self) -> list[str]:
        with self.store.reading() as session:
            return list(session.exec(select(CredentialRow.serial).order_by(col(CredentialRow.serial))))


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr(shared_commits, "_LONGEST", 60.0)  # the machine may be busy
    store = Store(f"sqlite:///{tmp_path}/x.db")
    SQLModel.metadata.create_all(store.engine)
    yield Room(store)
    store.close()


def fine(_: Session) -> None:
    """Nothing more to do."""


def fail(_: Session) -> None:
    raise KeyError("alone")


def test_who_is_alone_commits_alone(room: Room) -> None:
    room.write("a")
    room.write("b")
    assert (room.commits, room.written()) == (2, ["a", "b"])


def test_those_who_queue_share_one_commit(room: Room) -> None:
    room.all_at_once(("a", fine), ("b", fine), ("c", fine))
    assert (room.commits, room.written(), room.faults) == (1, ["a", "b", "c"], {})


def test_nobody_goes_on_before_the_commit(room: Room) -> None:
    seen: list[list[str]] = []
    room.before_commit = lambda: seen.append(list(room.returned))
    room.all_at_once(("a", fine), ("b", fine))
    assert seen == [[]]
    assert sorted(room.returned) == ["a", "b"]


def test_the_next_one_sees_what_the_one_before_wrote(room: Room) -> None:
    seen: list[str] = []
    room.all_at_once(("a", fine), ("b", lambda session: seen.extend(session.exec(select(CredentialRow.serial)))))
    assert sorted(seen) == ["a", "b"]


@pytest.mark.parametrize("failing", ["a", "b", "c"])
def test_a_fault_is_one_callers_alone(room: Room, failing: str) -> None:
    room.all_at_once(*((name, fail if name == failing else fine) for name in "abc"))
    assert room.written() == [name for name in "abc" if name != failing]
    assert list(room.faults) == [failing]
    assert isinstance(room.faults[failing], KeyError)


def test_when_the_commit_fails_nobody_has_written(room: Room) -> None:
    room.refusal = OperationalError("COMMIT", {}, Exception("disk I/O error"))
    room.all_at_once(("a", fine), ("b", fine))
    assert {name: str(fault) for name, fault in room.faults.items()} == dict.fromkeys("ab", str(room.refusal))
    room.refusal = None
    assert room.written() == []
    room.write("c")
    assert room.written() == ["c"]


def test_what_the_database_undid_is_no_success_for_those_before(room: Room) -> None:
    """SQLite undoes a whole transaction when the disk is full; a commit would say nothing of it."""

    def undone(session: Session) -> None:
        session.connection().execute(text("ROLLBACK"))
        raise KeyError("disk full")

    room.all_at_once(("a", fine), ("b", undone), ("c", fine))
    assert sorted(room.faults) == ["a", "b"]
    assert room.written() == ["c"]


def test_a_transaction_is_not_handed_on_for_ever(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_commits, "_MOST", 2)
    room.all_at_once(*((name, fine) for name in "abcde"))
    assert (room.commits, room.written()) == (3, list("abcde"))


def test_a_crowd_loses_nothing(room: Room) -> None:
    def some(name: str) -> None:
        for number in range(10):
            room.write(f"{name}-{number}", fail if number % 3 == 0 else fine)

    threads = [threading.Thread(target=some, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(room.faults) == 32
    assert room.written() == sorted(f"{name}-{number}" for name in range(8) for number in range(10) if number % 3)
