"""What is deleted when, in which bites, and what never is."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import SQLModel, func, select
from structlog.testing import capture_logs

from csms_bridge import pruning
from csms_bridge.events import SecurityEventTold
from csms_bridge.orders import QUEUED_FOR
from csms_bridge.pruning import Pruning
from csms_bridge.security_events import SecurityEvents
from csms_bridge.settings import BridgeSettings
from csms_bridge.station_roots.rows import RootActRow
from csms_bridge.tables import (
    AdmissionRow,
    CertificateAskRow,
    CommandRow,
    MessageRow,
    SecurityEventRow,
    TransactionRow,
)
from pki.alarms import Alarms
from tests.csms_bridge.room import Room

SETTINGS = BridgeSettings(keep_messages=timedelta(days=30), keep_rows_per_station=100)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with capture_logs():
        yield


@pytest.fixture
def prune(room: Room) -> Pruning:
    return Pruning(room.store, SETTINGS, room.clock)


def put(room: Room, *rows: SQLModel) -> None:
    with room.store.writing() as session:
        session.add_all(rows)


def message(at: datetime, station: str = "CS-1") -> MessageRow:
    return MessageRow(station=station, at=at, direction="in", kind="call", action="Heartbeat", payload="{}")


def admission(at: datetime, station: str = "CS-1") -> AdmissionRow:
    return AdmissionRow(at=at, station=station, tls=False, admitted=False, reason="wrong password")


def command(at: datetime, state: str) -> CommandRow:
    return CommandRow(
        station="CS-1", action="Reset", payload="{}", state=state, answer="null", by="x", created_at=at, updated_at=at
    )


def count(room: Room, table: Any) -> int:
    with room.store.reading() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def test_what_is_old_enough_goes_and_the_rest_stays(room: Room, prune: Pruning) -> None:
    now = room.clock.now
    put(room, *(message(now - timedelta(days=days)) for days in (40, 31, 30, 29, 0)))
    put(room, *(admission(now - timedelta(days=days)) for days in (91, 90, 89)))
    assert prune.round() == 3
    assert (count(room, MessageRow), count(room, AdmissionRow)) == (3, 2)
    assert prune.round() == 0
    room.clock.advance(days=1.5)
    assert prune.round() == 3


@pytest.mark.both_databases
def test_only_what_has_come_to_an_end_is_an_outcome(room: Room, prune: Pruning) -> None:
    room.add("CS-1")
    old = room.clock.now - timedelta(days=91)
    put(room, *(command(old, state) for state in ("queued", "waiting", "sent", "answered", "failed")))
    put(room, command(room.clock.now, "answered"))
    put(
        room,
        *(
            CertificateAskRow(station="CS-1", csr="x", state=state, asked_at=old, updated_at=old)
            for state in ("asked", "issued", "sent", "taken", "rejected", "refused", "asked")
        ),
    )
    put(
        room,
        TransactionRow(station="CS-1", name="1", began_at=old, ended_at=old),
        TransactionRow(station="CS-1", name="2", began_at=old),
        TransactionRow(station="CS-1", name="3", began_at=room.clock.now),
    )
    assert prune.round() == 2 + 3 + 1
    with room.store.reading() as session:
        assert set(session.exec(select(CommandRow.state))) == {"queued", "waiting", "sent", "answered"}
        assert set(session.exec(select(CertificateAskRow.state))) == {"asked", "issued", "sent"}
        assert set(session.exec(select(TransactionRow.name))) == {"2", "3"}


def act(at: datetime, deed: str, state: str, name: str = "root-2", station: str = "CS-1") -> RootActRow:
    settled = None if state in ("queued", "sent") else at
    return RootActRow(
        station=station, deed=deed, kinds="csms", name=name, state=state, by="x", at=at, settled_at=settled
    )


@pytest.mark.both_databases
def test_what_a_station_refused_stays_until_it_says_something_else_of_it(room: Room, prune: Pruning) -> None:
    """The trust map knows by it who would not follow a root's roll-over."""
    for name in ("CS-1", "CS-2"):
        room.add(name)
    old = room.clock.now - timedelta(days=91)
    put(
        room,
        act(old, "install", "rejected"),
        act(old, "install", "failed"),
        act(old, "install", "rejected", "root-3"),
        act(old, "install", "rejected", station="CS-2"),
        act(old, "install", "done", station="CS-2"),
        act(old, "install", "unsent", "root-4"),
        act(old, "list", "done", ""),
        act(old, "delete", "not-found"),
        act(old, "install", "sent"),
        act(room.clock.now, "list", "done", ""),
    )
    assert prune.round() == 4
    with room.store.reading() as session:
        left = session.exec(select(RootActRow.id)).all()
    assert set(left) == {2, 3, 5, 8, 9, 10}


def test_a_number_is_never_given_again(room: Room, prune: Pruning) -> None:
    put(room, command(room.clock.now - timedelta(days=91), "answered"))
    assert prune.round() == 0
    assert count(room, CommandRow) == 1


def test_it_bites_off_little_at_a_time(room: Room, prune: Pruning, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for the write lock longer than one bite takes; the rest goes in the next rounds."""
    monkeypatch.setattr(pruning, "BATCH", 10)
    monkeypatch.setattr(pruning, "_BATCHES", 3)
    put(room, *(message(room.clock.now - timedelta(days=40), f"CS-{n}") for n in range(66)))
    deleted: list[int] = []

    def note(_c: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("DELETE"):
            deleted.append(cursor.rowcount)

    event.listen(room.store.engine, "after_cursor_execute", note)
    assert [prune.round() for _ in range(4)] == [30, 30, 5, 0]
    assert max(deleted) == 10


def test_what_may_not_go_does_not_hide_what_may(room: Room, prune: Pruning, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "BATCH", 5)
    monkeypatch.setattr(pruning, "_BATCHES", 2)
    old = room.clock.now - timedelta(days=91)
    put(room, *(command(old, "queued") for _ in range(23)), *(command(old, "failed") for _ in range(4)))
    put(room, command(room.clock.now, "queued"))
    assert sum(prune.round() for _ in range(4)) == 4


def test_nothing_is_written_when_nothing_is_old(room: Room, prune: Pruning) -> None:
    put(room, *(message(room.clock.now) for _ in range(50)))
    writes: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement != "BEGIN" and not statement.startswith("SELECT"):
            writes.append(statement)

    event.listen(room.store.engine, "before_cursor_execute", note)
    assert prune.round() == 0
    assert writes == []


@pytest.mark.both_databases
def test_a_noisy_station_keeps_its_newest_rows_only(room: Room, prune: Pruning) -> None:
    now = room.clock.now
    put(room, *(message(now, "CS-1") for _ in range(130)), *(message(now, "CS-2") for _ in range(100)))
    put(room, *(admission(now, "CS-9") for _ in range(103)))
    assert prune.round() == 33
    with room.store.reading() as session:
        kept = session.exec(select(MessageRow.id).where(MessageRow.station == "CS-1")).all()
    assert kept == list(range(31, 131))


def test_every_station_has_its_turn(room: Room, prune: Pruning, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "_STATIONS", 2)
    for number in range(5):
        put(room, *(message(room.clock.now, f"CS-{number}") for _ in range(101)))
    assert [prune.round() for _ in range(4)] == [2, 2, 1, 2 - 2]


def test_the_audit_trail_stays(room: Room, prune: Pruning) -> None:
    room.add("CS-1")
    before = len(room.records())
    room.clock.advance(days=4000)
    prune.round()
    assert len(room.records()) == before


def test_security_events_go_after_their_time_but_for_the_newest(room: Room, prune: Pruning) -> None:
    events = SecurityEvents(room.store, room.trail, Alarms(room.store, room.trail, room.clock), room.clock)
    for name in ("FirmwareUpdated", "StartupOfTheDevice", "ResetOrReboot"):
        events.record("CS-1", SecurityEventTold(name, None, ""))
    room.clock.advance(days=399)
    assert prune.round() == 0
    room.clock.advance(days=2)
    assert prune.round() == 2
    assert count(room, SecurityEventRow) == 1


def test_what_is_queued_for_ever_is_given_up(room: Room) -> None:
    put(room, command(room.clock.now, "queued"))
    assert room.orders.give_up_stale() == 0
    room.clock.advance(seconds=QUEUED_FOR.total_seconds() + 1)
    assert room.orders.give_up_stale() == 1
    order = room.orders.order(1)
    assert (order.state, order.error) == ("failed", "the station did not come back within 30 days")
    assert room.acts()[-1] == "command:answered"
