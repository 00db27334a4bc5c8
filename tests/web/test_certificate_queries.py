"""What people write to look for certificates."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from pki.authority import CertificateState
from pki.errors import SearchRefused
from web.certificate_queries import CertificateQuery, hex_of, span_of, week_of
from web.errors import RequestRefused

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_what_is_empty_is_not_asked() -> None:
    meaning = CertificateQuery(station=" ", serial="", state="").meaning(NOW)
    assert (meaning.station, meaning.serial, meaning.state, meaning.has_window) == (None, None, None, False)


def test_serial_numbers_are_read_as_tools_print_them() -> None:
    assert CertificateQuery(serial="0x4A:0f 1B").meaning(NOW).serial == "4a0f1b"
    assert hex_of(" AB:cd\n") == "abcd"


def test_a_span_begins_now() -> None:
    meaning = CertificateQuery(expires_within="30d", state="good").meaning(NOW)
    assert (meaning.ends_from, meaning.ends_before) == (NOW, NOW + timedelta(days=30))
    assert meaning.state is CertificateState.GOOD
    assert span_of("x", "48h") == timedelta(hours=48)
    assert span_of("x", "2w") == timedelta(days=14)


def test_a_week_is_that_of_iso_8601_in_utc() -> None:
    """ISO 8601: week 1 holds the year's first Thursday, so that 2027-W01 begins in 2027 and 2026-W53 before it."""
    assert week_of("2026-W53") == datetime(2026, 12, 28, tzinfo=UTC)
    assert week_of("2027-W01") == datetime(2027, 1, 4, tzinfo=UTC)
    meaning = CertificateQuery(week="2026-W50").meaning(NOW)
    assert meaning.ends_before == datetime(2026, 12, 14, tzinfo=UTC)


def test_times_without_a_zone_are_utc() -> None:
    meaning = CertificateQuery(ends_after="2026-12-01", ends_before="2026-12-01T12:00+02:00").meaning(NOW)
    assert meaning.ends_from == datetime(2026, 12, 1, tzinfo=UTC)
    assert meaning.ends_before == datetime(2026, 12, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"expires_within": "soon"}, "expires_within"),
        ({"expires_within": "0d"}, "expires_within"),
        ({"expires_within": "30d", "week": "2026-W50"}, "expires_within"),
        ({"ends_after": "2026-12-01", "week": "2026-W50"}, "week"),
        ({"week": "2026-W54"}, "week"),
        ({"week": "2026-50"}, "week"),
        ({"week": "0000-W01"}, "week"),
        ({"ends_before": "tomorrow"}, "ends_before"),
        ({"ends_before": "9999-12-31T23:00-20:00"}, "ends_before"),
        ({"ends_after": "2026-12-02", "ends_before": "2026-12-01"}, "ends_before"),
        ({"state": "broken"}, "state"),
        ({"serial": "zz"}, "serial"),
        ({"spki_sha256": "ab"}, "spki_sha256"),
        ({"common_name": "a\0b"}, "common_name"),
        ({"station": "a\x1b"}, "station"),
    ],
)
def test_what_cannot_be_right_is_refused_by_its_name(wrong: dict[str, str], field: str) -> None:
    with pytest.raises((RequestRefused, SearchRefused)) as refusal:
        CertificateQuery(**wrong).meaning(NOW)  # type: ignore[arg-type]
    assert refusal.value.field == field


def test_a_parameter_that_does_not_exist_is_refused() -> None:
    """A misspelt one would otherwise find everything."""
    with pytest.raises(ValidationError, match="expires_in"):
        CertificateQuery(expires_in="30d")  # type: ignore[call-arg]


def test_the_next_page_is_asked_as_the_first_was() -> None:
    asked = CertificateQuery(station=" CS-1 ", in_use=True)
    assert asked.written() == {"station": "CS-1", "in_use": "True"}
