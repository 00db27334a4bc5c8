"""Assessments over PostgreSQL: written by two processes at once, counted, filtered and paged as over SQLite."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import SQLModel

from csms_bridge.campaigns.words import Selection
from csms_bridge.readiness.assessment import Assessment
from csms_bridge.readiness.blocking import blocked_by, is_blocked
from csms_bridge.readiness.book import ReadinessBook, Wanted, cursor_of
from csms_bridge.readiness.codes import Code, Effect, Order, Verdict
from csms_bridge.readiness.reason import Reason
from csms_bridge.station import SecurityProfile
from pki.store import Store
from tests.csms_bridge.room import NOON, Room, SetClock
from tests.end_to_end.postgres import needs_postgresql, running_postgres

pytestmark = [pytest.mark.end_to_end, needs_postgresql]
STATIONS = [f"CS-{number:02}" for number in range(20)]


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    with running_postgres() as server:
        store = Store(server.new_database("readiness").replace("postgresql://", "postgresql+psycopg://"))
        SQLModel.metadata.create_all(store.engine)
        room = Room(store, SetClock())
        for number, station in enumerate(STATIONS):
            room.add(station, serial=f"SN-{number}", site="Harbour" if number % 2 else "Airport")
            room.connect(station)
        yield room
        store.close()


def found(number: int, station: str) -> list[Assessment]:
    """Every fourth is blocked, the others are risky, each by another score; towards 2 and 3 alike."""
    code, effect = (Code.STORE_FULL, Effect.BLOCKS) if number % 4 == 0 else (Code.TRANSFER, Effect.RISK)
    reason = Reason(code, effect, 1, "It is so.", "a test", "")
    verdict, score = (Verdict.BLOCKED, 0) if number % 4 == 0 else (Verdict.RISKY, 50 + number)
    return [
        Assessment(station, SecurityProfile(goal), SecurityProfile.BASIC, verdict, score, (reason,), None, ())
        for goal in (2, 3)
    ]


def test_two_processes_write_counts_filter_and_page(room: Room) -> None:
    book = ReadinessBook(room.store)
    assert sorted(book.stale(None, NOON, 100)) == STATIONS
    assessments = [one for number, station in enumerate(STATIONS) for one in found(number, station)]
    room.clock.advance(minutes=5)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: book.note(assessments, room.clock()), range(4)))
    counted = book.counts(Wanted())
    assert (counted.stations, counted.not_assessed, counted.by_reason) == (
        20, 0, {Code.STORE_FULL: 5, Code.TRANSFER: 15},
    )  # fmt: skip
    assert book.counts(Wanted(selection=Selection(site="Airport"))).by_verdict[Verdict.BLOCKED] == 5
    blocked = book.page(Wanted(blocked=True), Order.STATION, None, 100)
    assert [one.station for one in blocked] == STATIONS[::4]
    assert book.page(Wanted(reason=Code.STORE_FULL), Order.STATION, None, 100) == blocked
    for order in Order:
        after, pages = None, []
        while page := book.page(Wanted(), order, after, 3):
            pages += page
            after = cursor_of(order, page[-1])
        assert pages == book.page(Wanted(), order, None, 100)
        assert {one.station for one in pages} == set(STATIONS)
    assert book.stale(room.clock(), NOON, 100) == []
    room.connect("CS-07")
    assert book.stale(room.clock(), NOON, 100) == ["CS-07"]


def test_what_blocks_is_counted_for_campaigns(room: Room) -> None:
    with room.store.reading() as session:
        assert blocked_by(session, 3, [is_blocked(3)]) == {Code.STORE_FULL: 5}
