"""What changed is assessed again, and everything when it is old; nothing else is."""

from datetime import timedelta

import pytest

from csms_bridge.posture.clock_offset import ClockOffset
from csms_bridge.readiness.book import Wanted
from csms_bridge.readiness.codes import Code
from csms_bridge.readiness.rows import ReadinessRow
from csms_bridge.station_roots.rows import RootActRow
from csms_bridge.tables import CertificateAskRow
from tests.csms_bridge.room import NOON


@pytest.fixture
def settled(ready):
    """Two stations that were assessed, and a moment later nothing is to be done."""
    ready.met("CS-1")
    ready.met("CS-2")
    ready.room.clock.advance(minutes=2)
    assert ready.readiness.round() == 2
    ready.room.clock.advance(minutes=2)
    assert ready.readiness.round() == 0
    return ready


def assessed(ready, station):
    with ready.room.store.reading() as session:
        return session.get(ReadinessRow, (station, 3)).assessed_at


def test_a_station_that_came_is_assessed_again(settled):
    settled.room.connect("CS-1")
    settled.room.clock.advance(seconds=1)
    assert settled.readiness.round() == 1
    assert assessed(settled, "CS-1") > assessed(settled, "CS-2")


def clock_heard(ready):
    ready.book.note_clocks({"CS-1": ClockOffset(timedelta(hours=-3), ready.room.clock())})


def roots_listed(ready):
    now = ready.room.clock()
    with ready.room.store.writing() as session:
        session.add(RootActRow(station="CS-1", deed="list", state="done", by="x", at=now, settled_at=now))


def request_came(ready):
    now = ready.room.clock()
    with ready.room.store.writing() as session:
        session.add(CertificateAskRow(station="CS-1", csr="x", state="refused", asked_at=now, updated_at=now))


@pytest.mark.parametrize("change", [clock_heard, roots_listed, request_came])
def test_what_changes_beside_the_station_counts_too(settled, change):
    before = assessed(settled, "CS-2")
    change(settled)
    settled.room.clock.advance(seconds=1)
    assert settled.readiness.round() == 1
    assert assessed(settled, "CS-1") > before == assessed(settled, "CS-2")


def test_a_change_of_the_quirk_book_counts_for_everybody(settled):
    row = {"name": "ours", "vendor": "Acme", "source": "seen", "quirks": {"walks_to": 2}}
    settled.quirks.put([row], "user:anna")
    settled.room.clock.advance(minutes=1)
    assert settled.readiness.round() == 2
    assert settled.readiness.counts(Wanted()).by_reason[Code.MODEL] == 2
    settled.room.clock.advance(minutes=1)
    assert settled.readiness.round() == 0


def test_what_is_old_is_looked_at_although_nothing_changed(settled):
    """A clock that nobody hears runs on: so does the month after which a station counts as asleep."""
    settled.room.clock.advance(days=31)
    assert settled.readiness.round() == 2
    assert assessed(settled, "CS-1") == settled.room.clock() > NOON


def test_a_process_that_begins_looks_at_all_that_changed_before(ready):
    for number in range(1, 4):
        ready.met(f"CS-{number}")
    ready.room.clock.advance(days=2)
    assert ready.readiness.round() == 3
