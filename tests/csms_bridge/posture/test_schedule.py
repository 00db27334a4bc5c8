from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from csms_bridge.posture.schedule import Due, LastReading, Present, Why, next_reading
from csms_bridge.station import OcppVersion, SecurityProfile

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
HERE = Present(
    online=True, accepted=True, quiet=False, free=True, firmware="1", version=OcppVersion.V16,
    profile=SecurityProfile.BASIC,
)  # fmt: skip
READ = LastReading(
    began_at=NOON, told_at=NOON, firmware="1", version=OcppVersion.V16, profile=SecurityProfile.BASIC
)  # fmt: skip


def due(last: LastReading, station: Present = HERE, now: datetime = NOON) -> Due | None:
    return next_reading(last, station, WEEK, now)


def test_what_was_never_read_is_read_whole_at_once():
    assert due(LastReading()) == Due(NOON, Why.FIRST, whole=True)


def test_what_was_read_is_read_again_when_it_is_old():
    assert due(READ) == Due(NOON + WEEK, Why.OLD, whole=False)


@pytest.mark.parametrize(
    ("change", "why", "whole"),
    [
        ({"firmware": "2"}, Why.FIRMWARE, True),
        ({"version": OcppVersion.V201}, Why.VERSION, True),
        ({"profile": SecurityProfile.MUTUAL_TLS}, Why.PROFILE, False),
    ],
)
def test_a_station_that_changed_is_read_at_once(change, why, whole):
    assert due(READ, replace(HERE, **change)) == Due(NOON, why, whole)


@pytest.mark.parametrize("change", [{"quiet": True}, {"free": False}, {"online": False}, {"accepted": False}])
def test_nothing_is_read_unasked_while_it_might_disturb(change):
    assert due(LastReading(), replace(HERE, **change)) is None


@pytest.mark.parametrize(
    ("change", "read"), [({"quiet": True}, True), ({"free": False}, True), ({"online": False}, False)]
)
def test_what_somebody_asks_for_goes_out_to_quiet_and_charging_stations_too(change, read):
    asked = replace(READ, asked_at=NOON, asked_whole=True)
    expected = Due(NOON, Why.ASKED, whole=True) if read else None
    assert due(asked, replace(HERE, **change)) == expected


def test_not_before_the_station_is_accepted_even_when_asked():
    """B02.FR.09: a pending station is only asked what its acceptance needs."""
    assert due(replace(READ, asked_at=NOON), replace(HERE, accepted=False)) is None


@pytest.mark.parametrize(("tries", "pause"), [(1, 1), (2, 2), (3, 4), (5, 16), (9, 168), (5000, 168)])
def test_a_reading_that_failed_is_tried_again_after_longer_and_longer_pauses(tries, pause):
    failed = LastReading(began_at=NOON, tries=tries)
    assert due(failed, now=NOON + timedelta(minutes=1)) == Due(NOON + timedelta(hours=pause), Why.AGAIN, whole=True)


def test_a_retry_of_a_small_reading_is_a_small_one():
    failed = replace(READ, tries=1, began_at=NOON + WEEK)
    assert due(failed) == Due(NOON + WEEK + timedelta(hours=1), Why.AGAIN, whole=False)
