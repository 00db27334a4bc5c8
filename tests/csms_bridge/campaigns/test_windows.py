"""When a site may be worked on, by its own wall clock: over midnight, and in the nights when clocks are changed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms_bridge.campaigns.windows import hours_of, spell
from csms_bridge.errors import SiteRefused

BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_without_windows_it_is_always_open() -> None:
    assert hours_of(BERLIN, "").is_open(at("2026-03-02T12:00"))


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-03-02T21:00", True),  # Monday 22:00 in Berlin
        ("2026-03-02T20:59", False),
        ("2026-03-07T03:59", True),  # Saturday 04:59: Friday's window goes on
        ("2026-03-07T04:00", False),
        ("2026-03-07T21:30", False),  # Saturday night is not in it
        ("2026-03-02T03:00", False),  # Monday 04:00: Sunday's night is not in it
    ],
)
def test_a_window_goes_on_into_the_next_morning(moment: str, is_open: bool) -> None:
    assert hours_of(BERLIN, "mon-fri 22:00-05:00").is_open(at(moment)) is is_open


def test_the_hour_that_does_not_exist_is_in_no_window() -> None:
    """On 2026-03-29 clocks in Berlin go from 02:00 to 03:00, at 01:00 UTC."""
    hours = hours_of(BERLIN, "sun 02:15-02:45")
    night = [at("2026-03-29T00:00") + timedelta(minutes=5 * n) for n in range(36)]
    assert not any(hours.is_open(moment) for moment in night)
    assert hours_of(BERLIN, "sun 02:15-05:00").next_open(at("2026-03-29T00:30")) == at("2026-03-29T01:00")


def test_the_hour_that_comes_twice_is_in_its_window_twice() -> None:
    """On 2026-10-25 clocks go from 03:00 back to 02:00, at 01:00 UTC."""
    hours = hours_of(BERLIN, "sun 02:15-02:45")
    assert hours.is_open(at("2026-10-25T00:20"))
    assert not hours.is_open(at("2026-10-25T00:50"))
    assert hours.is_open(at("2026-10-25T01:20"))
    assert hours.next_open(at("2026-10-25T00:50")) == at("2026-10-25T01:15")


def test_the_next_opening_is_told() -> None:
    hours = hours_of(BERLIN, "sat,sun 00:00-24:00; wed 10:30-11:00")
    assert hours.next_open(at("2026-03-03T12:00")) == at("2026-03-04T09:30")
    assert hours.next_open(at("2026-03-04T12:00")) == at("2026-03-06T23:00")
    assert hours.next_open(at("2026-03-07T12:00")) == at("2026-03-07T12:00")


@given(
    st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "UTC"]),
    st.sampled_from(["mon-fri 22:00-05:00", "sun 01:30-02:30", "daily 03:00-03:30", "fri-mon 12:00-24:00"]),
    st.datetimes(datetime(2025, 12, 1), datetime(2027, 2, 1)).map(lambda moment: moment.replace(tzinfo=UTC)),  # noqa: DTZ001
)
def test_what_is_told_as_the_next_opening_is_open(zone: str, windows: str, now: datetime) -> None:
    hours = hours_of(zone, windows)
    opens = hours.next_open(now)
    assert opens is not None
    assert opens >= now
    assert hours.is_open(opens)
    steps = (now + timedelta(minutes=n) for n in range(0, int((opens - now) / timedelta(minutes=1)), 7))
    assert not any(hours.is_open(moment) for moment in steps)


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("MON-FRI 22:00-05:00", "mon,tue,wed,thu,fri 22:00-05:00"),
        ("fri-mon 00:00-24:00", "mon,fri,sat,sun 00:00-24:00"),
        ("daily 01:00 - 02:00 ; ", "daily 01:00-02:00"),
    ],
)
def test_windows_are_spelt_in_one_way(text: str, spelt: str) -> None:
    assert spell(hours_of("UTC", text)) == spelt
    assert hours_of("UTC", spelt) == hours_of("UTC", text)


@pytest.mark.parametrize(
    ("zone", "text", "why"),
    [
        ("Berlin", "", "no time zone"),
        ("UTC", "22:00-05:00", "is no window"),
        ("UTC", "mo 22:00-05:00", "names no days"),
        ("UTC", "mon 25:00-05:00", "no time of day"),
        ("UTC", "mon 05:00-05:00", "begins when it ends"),
        ("UTC", ";".join(["mon 01:00-02:00"] * 22), "at most 21"),
    ],
)
def test_what_is_no_window_is_refused(zone: str, text: str, why: str) -> None:
    with pytest.raises(SiteRefused, match=why):
        hours_of(zone, text)


@pytest.mark.parametrize(
    ("since", "until", "hours"),
    [
        ("2026-03-02T12:00", "2026-03-03T12:00", 7),
        ("2026-03-02T23:00", "2026-03-03T03:00", 4),
        ("2026-03-02T10:00", "2026-03-02T20:00", 0),
        ("2026-03-02T02:00", "2026-03-02T22:00", 3),  # of the evening before, and one of this
        ("2026-03-28T12:00", "2026-03-29T12:00", 6),  # clocks are put forward
        ("2026-10-24T12:00", "2026-10-25T12:00", 8),  # and back
    ],
)
def test_how_long_it_was_open(since: str, until: str, hours: int) -> None:
    nights = hours_of("Europe/Berlin", "daily 22:00-05:00")
    begin, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (since, until))
    assert nights.open_time(begin, end) == timedelta(hours=hours)


def test_windows_that_overlap_count_once() -> None:
    hours = hours_of("UTC", "daily 22:00-05:00; mon-fri 00:00-06:00; tue 23:00-01:00")
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert hours.open_time(noon, noon + timedelta(days=2)) == timedelta(hours=16)


def test_without_windows_all_time_counts() -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert hours_of("UTC", "").open_time(noon, noon + timedelta(hours=30)) == timedelta(hours=30)
