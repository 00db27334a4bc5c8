"""Lanes in the database: opened, used, closed, and audited in the same transaction."""

import pytest

from csms_bridge.admission import Admitted
from csms_bridge.errors import UnknownStation
from csms_bridge.events import Booted, CertificateAsked
from csms_bridge.lanes import MOST_REQUESTS
from csms_bridge.standing import Lane, Standing
from csms_bridge.station import OcppVersion, SecurityProfile
from tests.csms_bridge.room import NOON, TLS_LINE, Room

IN_RECOVERY = Admitted(SecurityProfile.MUTUAL_TLS, "ocpp1.6", "01d", NOON, lane=Lane.RECOVERY)
IN_BOOTSTRAP = Admitted(SecurityProfile.MUTUAL_TLS, "ocpp1.6", None, lane=Lane.BOOTSTRAP)
BOOT = Booted("Acme", "Wallbox", "1.0", (), "PowerUp")


def come(room: Room, admitted: Admitted) -> None:
    room.sightings.connected("CS-1", admitted, OcppVersion.V16, None, TLS_LINE)


def test_a_lane_needs_a_station(room):
    with pytest.raises(UnknownStation):
        room.sightings.lanes.allow_bootstrap("CS-9", "V", "a", "b")


@pytest.mark.parametrize("admitted", [IN_RECOVERY, IN_BOOTSTRAP])
def test_what_comes_through_a_lane_proves_neither_profile_nor_certificate(room, admitted):
    room.add()
    room.open_lane(admitted.lane)
    come(room, admitted)
    station = room.registry.station("CS-1")
    assert (station.online, station.lane, station.profile, station.floor) == (True, admitted.lane, None, 1)
    found = room.sightings.registered("CS-1")
    assert found[0].newest_used is None
    assert room.registry.posture("CS-1").proof == admitted.reason
    come(room, admitted)
    assert room.acts().count("station:let-in-pending") == 1


def test_tells_whose_lane_is_closed(room, clock):
    for name in ("CS-2", "CS-3"):
        room.add(name)
    lanes = room.sightings.lanes
    lanes.allow_bootstrap("CS-2", "Volt Motors", "user:anna", "ordered so")
    lines = {"CS-2": Lane.BOOTSTRAP, "CS-3": Lane.BOOTSTRAP, "CS-9": Lane.RECOVERY}
    assert lanes.closed_among(lines) == {
        "CS-3": "its maker's certificate does not count any more",
        "CS-9": "it is not registered any more",
    }
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
