"""The quirk book over PostgreSQL: two nodes learn and write at the same time, and each lesson is one row."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import SQLModel

from csms_bridge.quirks.door import StationQuirks
from csms_bridge.quirks.learned import LearnedQuirks
from csms_bridge.tables import StationRow
from pki.store import Store
from tests.csms_bridge.room import Room, SetClock
from tests.end_to_end.postgres import needs_postgresql, running_postgres

pytestmark = [pytest.mark.end_to_end, needs_postgresql]
MINE = {"name": "acme-boxes", "vendor": "Acme*", "quirks": {"chain": "root", "firmware_schemes": ["rsa-pss-sha256"]}}


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    with running_postgres() as server:
        store = Store(server.new_database("quirks").replace("postgresql://", "postgresql+psycopg://"))
        SQLModel.metadata.create_all(store.engine)
        made = Room(store, SetClock())
        made.add()
        with store.writing() as session:
            row = session.get(StationRow, "CS-1")
            assert row is not None
            row.vendor, row.model, row.firmware = "Acme", "Box", "1.0"
        yield made
        store.close()


def test_a_row_written_at_one_node_counts_at_another_and_a_lesson_is_counted_once(room: Room) -> None:
    nodes = [StationQuirks(room.store, room.trail, room.clock) for _ in range(2)]
    books = [LearnedQuirks(room.store, room.trail, room.clock, node) for node in nodes]
    nodes[0].put([MINE], "user:anna")
    assert nodes[1].of_station("CS-1").odd() == nodes[0].of_station("CS-1").odd() != {}

    def note(book: LearnedQuirks) -> None:
        for _ in range(5):
            with room.store.writing() as session:
                book.note(session, "CS-1", {"lists_roots": False}, room.clock.now)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(note, books))
    (lesson,) = books[0].page()
    assert (lesson.times, lesson.stations) == (10, ("CS-1",))
    assert books[1].accept(lesson.id, "user:anna").name == f"learned-{lesson.id}"
    nodes[0].forget_book()
    assert nodes[0].of_station("CS-1").lists_roots is False
