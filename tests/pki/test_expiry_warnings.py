"""Warnings before something ends: in time, once, and only while it matters."""

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from pki.alarms import Alarm, AlarmKind, Severity
from pki.expiry_warnings import warnings_of
from pki.forecast import Ending, EndingKind, Forecast, Week, week_begins, week_name
from pki.revocation import RevocationReason
from pki.tables import AuthorityRow
from tests.pki.conftest import SETTINGS, Room
from tests.pki.stored_certificates import Stored, store_certificates

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
DAYS_90 = timedelta(days=90)


def room_with(room: Room, *stored: Stored) -> Room:
    """What it stores ends that many days after a Monday at midnight."""
    room.clock.now = MONDAY
    store_certificates(room.store, stored, MONDAY)
    return room


def look(room: Room, **later: float) -> list[Alarm]:
    """One round so much later, by a process that knows nothing yet; the open alarms about stations' certificates."""
    room.clock.advance(timedelta(**later))
    with capture_logs():
        room.rebuilt().warn_of_endings()
    return room.authority.alarms.open_of(AlarmKind.CERTIFICATES_ENDING)


def things(alarms: list[Alarm]) -> list[str]:
    return [alarm.thing for alarm in alarms]


def test_each_threshold_is_told_once_and_takes_the_place_of_the_wider(room: Room) -> None:
    room_with(room, Stored("4a01", "CS-1", ends=30.5, made=-10))
    assert look(room) == []
    raised = [(alarm.thing, alarm.severity) for day in range(31) for alarm in look(room, days=(day and 1) or 0.5)]
    assert list(dict.fromkeys(raised)) == [
        ("2026-W52 30d", Severity.NOTICE), ("2026-W52 14d", Severity.NOTICE), ("2026-W52 7d", Severity.WARNING),
        ("2026-W52 3d", Severity.CRITICAL), ("2026-W52 1d", Severity.CRITICAL),
    ]  # fmt: skip
    assert len(raised) == 31  # never two at once
    every = room.authority.alarms.page(only_open=False)
    assert [alarm.times for alarm in every if alarm.kind is AlarmKind.CERTIFICATES_ENDING] == [1] * 5


def test_a_week_of_many_stations_is_one_alarm_with_their_number(room: Room) -> None:
    fleet = [Stored(f"4a{n:04x}", f"CS-{n}", ends=28 + n / 20, made=-10) for n in range(100)]
    alarms = look(room_with(room, *fleet))
    assert things(alarms) == ["2026-W52 30d"]
    assert alarms[0].sentence == (
        "the certificates of 100 stations end in week 2026-W52, the first on 2026-12-21 00:00 UTC: in 30 days or less"
    )


def test_what_was_renewed_or_revoked_is_no_news(room: Room) -> None:
    room_with(
        room,
        Stored("4a01", "CS-1", ends=10), Stored("4a02", "CS-1", ends=80),
        Stored("4b01", "CS-2", ends=10, reason=RevocationReason.SUPERSEDED),
    )  # fmt: skip
    assert look(room) == []


def test_the_number_is_kept_up_to_date_and_the_last_renewal_settles(room: Room) -> None:
    room_with(room, Stored("4a01", "CS-1", ends=10), Stored("4b01", "CS-2", ends=11))
    first = look(room)[0]
    assert first.sentence.startswith("the certificates of 2 stations end")
    store_certificates(room.store, [Stored("4a02", "CS-1", ends=80)], MONDAY)
    again = look(room, minutes=10)[0]
    assert again.sentence.startswith("1 station's certificate ends in week 2026-W49")
    assert (again.id, again.times) == (first.id, 1)
    store_certificates(room.store, [Stored("4b02", "CS-2", ends=80)], MONDAY)
    assert look(room, minutes=10) == []


def test_what_somebody_cleared_is_not_told_again(room: Room) -> None:
    room_with(room, Stored("4a01", "CS-1", ends=10))
    room.authority.alarms.clear(look(room)[0].id, "user:ada", "they are on their way")
    assert look(room, minutes=10) == []
    assert things(look(room, days=4)) == ["2026-W49 7d"]


def test_a_week_that_is_past_stays_open_while_stations_are_out(room: Room) -> None:
    room_with(room, Stored("4a01", "CS-1", ends=3))
    assert things(look(room)) == ["2026-W48 3d"]
    assert things(look(room, days=10)) == ["2026-W48 3d"]
    room.authority.revoke("4a01", RevocationReason.CESSATION_OF_OPERATION, "user:ada")
    assert look(room, minutes=10) == []


def test_a_service_that_was_away_tells_only_the_nearest_threshold(room: Room) -> None:
    assert things(look(room_with(room, Stored("4a01", "CS-1", ends=2)))) == ["2026-W48 3d"]


def test_a_threshold_longer_than_half_a_life_is_none() -> None:
    """Certificates that live a week are always within fourteen days of their end."""
    forecast = Forecast(MONDAY, _weeks(MONDAY + timedelta(days=6)))
    assert warnings_of(forecast, timedelta(days=7), MONDAY) == []
    assert [one.thing for one in warnings_of(forecast, DAYS_90, MONDAY)] == ["2026-W48 7d"]


def _weeks(first_end: datetime) -> tuple[Week, ...]:
    begin = week_begins(first_end)
    return (Week(week_name(begin), begin, {"stations": 1}, first_end),)


@pytest.mark.parametrize(
    ("days", "thing", "severity"),
    [
        (731, None, None),
        (730, "old (abcdef01) 730d", Severity.NOTICE),
        (365, "old (abcdef01) 365d", Severity.WARNING),
        (182, "old (abcdef01) 182d", Severity.CRITICAL),
        (-1, "old (abcdef01) 182d", Severity.CRITICAL),
    ],
)
@pytest.mark.parametrize("kind", EndingKind)
def test_authorities_are_warned_of_two_years_one_and_a_half_before(
    kind: EndingKind, days: int, thing: str | None, severity: Severity | None
) -> None:
    end = MONDAY + timedelta(days=days)
    ending = Ending(kind, "old", "abcdef0123", end - timedelta(days=3650), end)
    found = warnings_of(Forecast(MONDAY, (), endings=(ending,)), DAYS_90, MONDAY)
    if thing is None or kind in (EndingKind.CREDENTIAL, EndingKind.CRL):  # those the service renews
        assert found == []
    else:
        if kind is EndingKind.SIGNER and days < 0:  # a month before the end there is one more for these
            thing = "old (abcdef01) 30d"
        assert [(one.thing, one.severity) for one in found] == [(thing, severity)]


def test_a_cross_certificate_of_a_year_is_warned_of_at_half_a_year() -> None:
    end = MONDAY + timedelta(days=365)
    ending = Ending(EndingKind.CROSS_CERTIFICATE, "a by b", "ab", MONDAY, end)
    assert warnings_of(Forecast(MONDAY, (), endings=(ending,)), DAYS_90, MONDAY) == []
    later = end - timedelta(days=182)
    assert [one.thing for one in warnings_of(Forecast(later, (), endings=(ending,)), DAYS_90, later)] == [
        "a by b (ab) 182d"
    ]


def test_an_authority_that_is_retired_settles_its_alarm(room: Room) -> None:
    room.clock.advance(SETTINGS.issuing_validity - timedelta(days=400))
    with capture_logs():
        room.authority.warn_of_endings()
    told = {alarm.thing.split()[0] for alarm in room.authority.alarms.open_of(AlarmKind.AUTHORITY_ENDING)}
    assert {"stations", "stations-rsa", "csms"} <= told
    assert "root" not in told
    with room.store.writing() as session:
        row = session.get(AuthorityRow, "stations")
        assert row is not None
        row.status = "retired"
        session.add(row)
    look(room, minutes=10)
    left = {alarm.thing.split()[0] for alarm in room.authority.alarms.open_of(AlarmKind.AUTHORITY_ENDING)}
    assert left == told - {"stations"}
