"""Lanes in the database: opened, used, closed, and audited in the same transaction."""

from datetime import timedelta

import pytest

from csms_bridge.admission import Admitted
from csms_bridge.errors import StationRefused, UnknownStation
from csms_bridge.events import Booted, CertificateAsked
from csms_bridge.lanes import MOST_REQUESTS
from csms_bridge.standing import Lane, Standing
from csms_bridge.station import OcppVersion, SecurityProfile
from tests.csms_bridge.room import NOON, TLS_LINE, Room

DAY = timedelta(days=1)
IN_RECOVERY = Admitted(SecurityProfile.MUTUAL_TLS, "ocpp1.6", "01d", NOON, lane=Lane.RECOVERY)
IN_BOOTSTRAP = Admitted(SecurityProfile.MUTUAL_TLS, "ocpp1.6", None, lane=Lane.BOOTSTRAP)
BOOT = Booted("Acme", "Wallbox", "1.0", (), "PowerUp")


def come(room: Room, admitted: Admitted) -> None:
    room.sightings.connected("CS-1", admitted, OcppVersion.V16, None, TLS_LINE)


def recovering(room: Room) -> bool:
    found = room.sightings.registered("CS-1")
    assert found is not None
    return found[0].recovering


def test_a_recovery_lane_is_open_until_its_end(room, clock):
    room.add()
    assert not recovering(room)
    room.sightings.lanes.open_recovery("CS-1", DAY, "user:anna", "stood in a warehouse")
    assert recovering(room)
    clock.advance(hours=23, minutes=59)
    assert recovering(room)
    clock.advance(minutes=1)
    assert not recovering(room)
    record = room.records()[-1]
    assert (record.act, record.by, record.reason) == ("station:recovery-opened", "user:anna", "stood in a warehouse")
    assert record.details == {"until": "2026-03-03T12:00:00+00:00"}


def test_an_operator_closes_it(room):
    room.add()
    room.sightings.lanes.open_recovery("CS-1", DAY, "user:anna", "why")
    room.sightings.lanes.end_recovery("CS-1", "user:bob", "enough")
    assert not recovering(room)
    assert room.acts()[-1] == "station:recovery-ended"
    with pytest.raises(StationRefused, match="not in the recovery lane"):
        room.sightings.lanes.end_recovery("CS-1", "user:bob", "again")


@pytest.mark.parametrize("life", [timedelta(minutes=4), timedelta(days=31)])
def test_refuses_a_lane_that_is_no_use_or_never_ends(room, life):
    room.add()
    with pytest.raises(StationRefused, match="5 minutes to 30 days"):
        room.sightings.lanes.open_recovery("CS-1", life, "user:anna", "why")
    assert room.acts() == ["station:added"]


def test_a_lane_needs_a_station(room):
    for change in (
        lambda: room.sightings.lanes.open_recovery("CS-9", DAY, "a", "b"),
        lambda: room.sightings.lanes.end_recovery("CS-9", "a", "b"),
        lambda: room.sightings.lanes.allow_bootstrap("CS-9", "V", "a", "b"),
    ):
        with pytest.raises(UnknownStation):
            change()


@pytest.mark.parametrize("admitted", [IN_RECOVERY, IN_BOOTSTRAP])
def test_what_comes_through_a_lane_proves_neither_profile_nor_certificate(room, admitted):
    room.add()
    come(room, admitted)
    station = room.registry.station("CS-1")
    assert (station.online, station.lane, station.profile, station.floor) == (True, admitted.lane, None, 1)
    found = room.sightings.registered("CS-1")
    assert found[0].newest_used is None
    assert room.registry.posture("CS-1").proof == admitted.reason
    come(room, admitted)
    assert room.acts().count("station:let-in-pending") == 1


def test_a_new_certificate_in_use_closes_the_lane(room):
    room.add(profile=SecurityProfile.MUTUAL_TLS)
    room.sightings.lanes.open_recovery("CS-1", DAY, "user:anna", "why")
    come(room, IN_RECOVERY)
    room.connect(profile=SecurityProfile.TLS_BASIC)
    assert recovering(room)  # a password is no new certificate
    room.connect(profile=SecurityProfile.MUTUAL_TLS, certificate="5eed")
    station = room.registry.station("CS-1")
    assert (station.lane, station.recovery_until, station.profile) == (None, None, 3)
    closed = next(record for record in room.records() if record.act == "station:recovery-ended")
    assert closed.reason == "it is back with certificate 5eed"


def test_tells_whose_lane_is_closed(room, clock):
    for name in ("CS-1", "CS-2", "CS-3"):
        room.add(name)
    lanes = room.sightings.lanes
    lanes.open_recovery("CS-1", DAY, "user:anna", "why")
    lanes.allow_bootstrap("CS-2", "Volt Motors", "user:anna", "ordered so")
    lines = {"CS-1": Lane.RECOVERY, "CS-2": Lane.BOOTSTRAP, "CS-3": Lane.BOOTSTRAP, "CS-9": Lane.RECOVERY}
    assert lanes.closed_among(lines) == {
        "CS-3": "its maker's certificate does not count any more",
        "CS-9": "it is not registered any more",
    }
    clock.advance(days=1)
    lanes.allow_bootstrap("CS-2", "", "user:anna", "not any more")
    assert set(lanes.closed_among(lines)) == set(lines)
    assert room.acts("CS-2")[-2:] == ["station:bootstrap-allowed", "station:bootstrap-ended"]


def test_a_station_that_was_told_pending_last_has_not_booted(room):
    room.add()
    room.sightings.booted("CS-1", BOOT, Standing.PENDING)
    assert not room.sightings.arrivals.business("CS-1").booted
    assert room.sightings.arrivals.business("CS-1").pending
    room.sightings.booted("CS-1", BOOT)
    assert room.sightings.arrivals.business("CS-1").booted
    assert not room.sightings.arrivals.business("CS-1").pending


def test_remembers_who_works_only_when_accepted(room):
    room.add()
    lanes = room.sightings.lanes
    assert not lanes.works_when_accepted("CS-1")
    for _ in range(2):
        lanes.remember_works_when_accepted("CS-1", "SecurityError: Pending")
    assert lanes.works_when_accepted("CS-1")
    assert room.acts().count("station:accepted-for-certificate-work") == 1


def test_a_lane_lets_so_many_requests_through_a_day(signing_room, clock):
    room = signing_room
    room.add(profile=SecurityProfile.MUTUAL_TLS)
    for _ in range(MOST_REQUESTS):
        assert room.sightings.lanes.may_request("CS-1")
        room.enrolment.ask("CS-1", CertificateAsked("no request", None), SecurityProfile.MUTUAL_TLS)
    assert not room.sightings.lanes.may_request("CS-1")
    clock.advance(days=1)
    assert room.sightings.lanes.may_request("CS-1")
