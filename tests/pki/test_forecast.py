"""What ends when."""

from datetime import UTC, datetime, timedelta

from pki.forecast import EndingKind, Forecasts, week_begins, week_name
from pki.revocation import RevocationReason
from pki.tables import AnchorRow, CredentialRow, CrossCertificateRow
from tests.pki.conftest import Room
from tests.pki.stored_certificates import Stored, store_certificates

TUESDAY = datetime(2026, 11, 24, 12, tzinfo=UTC)
STOLEN, HOLD = RevocationReason.KEY_COMPROMISE, RevocationReason.CERTIFICATE_HOLD


def weeks(room: Room, *stored: Stored, number: int = 3) -> list[dict[str, int]]:
    """The counts of the current and the next weeks."""
    room.clock.now = TUESDAY
    store_certificates(room.store, stored, TUESDAY)
    return [dict(week.by_authority) for week in room.authority.forecast(number).weeks]


def test_weeks_are_those_of_iso_8601() -> None:
    assert week_begins(TUESDAY) == datetime(2026, 11, 23, tzinfo=UTC)
    assert week_begins(datetime(2026, 11, 29, 23, 59, tzinfo=UTC)) == datetime(2026, 11, 23, tzinfo=UTC)
    assert week_name(datetime(2027, 1, 3, tzinfo=UTC)) == "2026-W53"


def test_stations_are_counted_by_the_end_of_what_they_use(room: Room) -> None:
    found = weeks(
        room,
        Stored("4a01", "CS-1", ends=1),
        Stored("4a02", "CS-2", ends=2, authority="stations-rsa"),
        Stored("4a03", "CS-3", ends=8),
        Stored("4a04", None, ends=1, profile="server", authority="csms"),  # no station
        Stored("4a05", "CS-5", ends=400),
    )
    assert found == [{"stations": 1, "stations-rsa": 1}, {"stations": 1}, {}]
    forecast = room.authority.forecast(3)
    assert [week.name for week in forecast.weeks] == ["2026-W48", "2026-W49", "2026-W50"]
    assert forecast.weeks[0].first_end == TUESDAY + timedelta(days=1)
    assert forecast.weeks[0].total == 2
    assert forecast.later == {"stations": 1}


def test_what_was_replaced_does_not_count_unless_its_successor_was_revoked(room: Room) -> None:
    found = weeks(
        room,
        Stored("4a01", "CS-1", ends=1), Stored("4a02", "CS-1", ends=8),
        Stored("4b01", "CS-2", ends=1), Stored("4b02", "CS-2", ends=8, reason=STOLEN),
        Stored("4c01", "CS-3", ends=1), Stored("4c02", "CS-3", ends=8, reason=HOLD),
    )  # fmt: skip
    assert found == [{"stations": 1}, {"stations": 2}, {}]


def test_what_ended_lately_is_overdue(room: Room) -> None:
    found = weeks(room, Stored("4a01", "CS-1", ends=-0.5), Stored("4a02", "CS-2", ends=-31, made=-90))
    assert found == [{}, {}, {}]  # also not in the week that it ended in
    assert room.authority.forecast().overdue == {"stations": 1}


def test_weeks_that_are_not_asked_for_are_later(room: Room) -> None:
    weeks(room, Stored("4a01", "CS-1", ends=8))
    forecast = room.authority.forecast(1)
    assert (len(forecast.weeks), forecast.later) == (1, {"stations": 1})


def test_all_that_ends_is_told_once_each(room: Room) -> None:
    now = room.clock.now
    der = room.authority.authority("root").der
    with room.store.writing() as session:
        for days in (100, 200):  # made anew: only the newer one counts
            session.add(CrossCertificateRow(serial=f"c{days}", authority="stations", issuer="old root", der=der,
                                            not_after=now + timedelta(days=days)))  # fmt: skip
            session.add(CredentialRow(serial=f"d{days}", slot="server-x", key_name="k",
                                      not_after=now + timedelta(days=days)))  # fmt: skip
        session.add(
            AnchorRow(sha256="ab", name="maker", vendor="V", not_after=now, added_by="x", added_at=now, der=der)
        )
    room.authority.refresh_crls()
    endings = room.authority.forecast().endings
    assert [one.not_after for one in endings] == sorted(one.not_after for one in endings)
    told = [(one.kind, one.name, one.serial) for one in endings]
    assert len(told) == len({(kind, name) for kind, name, _ in told})
    # Firmware signers certified elsewhere are told of in test_signers_elsewhere.py.
    assert {kind for kind, _, _ in told} == set(EndingKind) - {EndingKind.SIGNER}
    assert (EndingKind.CROSS_CERTIFICATE, "stations by old root", "c200") in told
    assert (EndingKind.CREDENTIAL, "server-x", "d200") in told
    itself = {one.kind for one in endings if one.renews_itself}
    assert itself == {EndingKind.CREDENTIAL, EndingKind.CRL}


def test_a_forecast_is_kept_for_a_minute(room: Room) -> None:
    weeks(room)
    store_certificates(room.store, [Stored("4a01", "CS-1", ends=1)], TUESDAY)
    room.clock.advance(timedelta(seconds=60))
    assert room.authority.forecast().as_of == TUESDAY
    room.clock.advance(timedelta(seconds=1))
    assert room.authority.forecast().weeks[0].total == 1


def test_one_week_is_counted_alone(room: Room) -> None:
    weeks(room, Stored("4a01", "CS-1", ends=8), Stored("4a02", "CS-2", ends=-10))
    forecasts = Forecasts(room.store)
    assert forecasts.count_in_use(datetime(2026, 11, 30, tzinfo=UTC)) == 1
    assert forecasts.count_in_use(datetime(2026, 11, 9, tzinfo=UTC)) == 1  # still out
    assert forecasts.count_in_use(datetime(2026, 12, 7, tzinfo=UTC)) == 0
