"""What was seen of stations is written down, together with its audit record."""

from datetime import timedelta

import pytest

from csms_bridge.admission import Admitted, Refused, Registered
from csms_bridge.arrivals import Line
from csms_bridge.errors import UnknownStation
from csms_bridge.events import Booted
from csms_bridge.sightings import Sightings
from csms_bridge.standing import Standing
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.tables import StationRow
from tests.csms_bridge.room import NOON, PLAIN_LINE, TLS_LINE

NONE, BASIC, TLS, MUTUAL = SecurityProfile
BOOT = Booted("Acme", "Wallbox", "1.0", ("SN-1", "BOX-1"), "PowerUp")


def test_knows_nothing_of_a_stranger(room):
    assert room.sightings.registered("CS-1") is None


def test_tells_admission_what_is_on_record(room):
    room.add(profile=TLS, version=OcppVersion.V21)
    station, passwords = room.sightings.registered("CS-1")
    assert station == Registered("CS-1", "SN-1", OcppVersion.V21, TLS)
    assert len(passwords) == 1


def test_tells_admission_of_a_station_without_version_and_password(room):
    room.add(profile=MUTUAL, version=None)
    station, passwords = room.sightings.registered("CS-1")
    assert (station.version, station.newest_used, passwords) == (None, None, [])


def test_records_an_admission_without_audit(room):
    """Reconnects are many; the audit trail gets what is new (see `connected`)."""
    room.add()
    room.sightings.judged("CS-1", TLS_LINE, Admitted(TLS, "ocpp1.6", None))
    record = room.registry.posture("CS-1").admissions[0]
    assert (record.admitted, record.profile, record.tls, record.address) == (True, TLS, True, "192.0.2.7")
    assert (record.reason, record.at) == ("Basic password over TLS", NOON)
    assert room.acts() == ["station:added"]


def test_records_and_audits_a_refusal_of_a_known_station(room):
    room.add()
    room.sightings.judged("CS-1", PLAIN_LINE, Refused(401, "wrong user name or password"))
    record = room.registry.posture("CS-1").admissions[0]
    assert (record.admitted, record.profile, record.tls) == (False, None, False)
    last = room.records()[-1]
    assert (last.act, last.reason, last.details) == (
        "station:refused",
        "wrong user name or password",
        {"address": "192.0.2.7"},
    )


def test_shows_the_newest_admissions_first(room):
    room.add()
    for number in range(30):
        room.sightings.judged("CS-1", Line(f"192.0.2.{number}"), Refused(401, "no"))
    addresses = [one.address for one in room.registry.posture("CS-1").admissions]
    assert addresses == [f"192.0.2.{number}" for number in range(29, 9, -1)]


def test_a_connection_shows_on_the_station(room):
    room.add(version=None)
    at = room.connect("CS-1", TLS, version=OcppVersion.V201)
    station = room.registry.station("CS-1")
    assert (station.online, station.profile, station.ocpp_version) == (True, TLS, OcppVersion.V201)
    assert (station.connected_at, station.last_seen, at) == (NOON, NOON, NOON)


@pytest.mark.parametrize(("days", "newest"), [((0,), 0), ((0, 3), 3), ((3, 0), 3), ((3, None), 3), ((None,), None)])
def test_remembers_when_the_newest_certificate_in_use_was_made(room, days, newest):
    """Older ones are done with (A02.FR.10); a connection by password changes nothing about that."""
    room.add(profile=TLS)
    for day in days:
        made = None if day is None else NOON + timedelta(days=day)
        profile = TLS if made is None else MUTUAL
        admitted = Admitted(profile, "ocpp1.6", None if made is None else "5eed", made)
        room.sightings.connected("CS-1", admitted, OcppVersion.V16, None, TLS_LINE)
    station, _ = room.sightings.registered("CS-1")
    assert station.newest_used == (None if newest is None else NOON + timedelta(days=newest))


def test_a_connection_of_a_station_that_was_removed_is_refused(room):
    with pytest.raises(UnknownStation):
        room.connect("CS-1")


def test_the_profile_seen_becomes_the_floor_at_once_outside_a_walk(room):
    """A05.FR.07 (1.6: A05.FR.09): after the first success on a profile the lower ones are refused."""
    room.add(profile=BASIC)
    room.connect("CS-1", TLS)
    station = room.registry.station("CS-1")
    assert (station.floor, station.wanted_profile) == (TLS, TLS)


@pytest.mark.parametrize("seen", [TLS, MUTUAL])
def test_a_mere_sighting_settles_nothing(room, seen):
    """It may have been somebody else with the station's password: an operator can undo it (Registry.permit)."""
    room.add(profile=BASIC)
    room.connect("CS-1", seen)
    with room.store.reading() as session:
        row = session.get(StationRow, "CS-1")
        assert (row.floor, row.settled_floor) == (seen, BASIC)


@pytest.mark.parametrize("held", [False, True])
def test_in_a_walk_the_walk_decides_when_the_floor_is_raised(room, held):
    """Until the walk has seen what it needs, the way back stays open."""
    room.add(profile=BASIC)
    walk = room.ledger.start("CS-1", 2, {}, "user:anna")
    if held:
        room.ledger.hold(walk.id, "wait", "user:anna")
    room.connect("CS-1", TLS)
    assert room.registry.station("CS-1").floor is BASIC


def test_after_a_walk_the_floor_follows_again(room):
    room.add(profile=BASIC)
    walk = room.ledger.start("CS-1", 2, {}, "user:anna")
    room.ledger.cancel(walk.id, "no", "user:anna")
    room.connect("CS-1", TLS)
    assert room.registry.station("CS-1").floor is TLS


def test_a_lower_connection_never_lowers_the_floor(room):
    room.add(profile=TLS)
    room.connect("CS-1", BASIC)
    assert room.registry.station("CS-1").floor is TLS


def test_what_is_wanted_is_never_lowered_by_what_is_seen(room):
    room.add(profile=BASIC)
    room.ledger.cancel(room.ledger.start("CS-1", 3, {}, "user:anna").id, "no", "user:anna")
    with room.store.writing() as session:
        session.get(StationRow, "CS-1").wanted_profile = 3
    room.connect("CS-1", TLS)
    station = room.registry.station("CS-1")
    assert (station.floor, station.wanted_profile) == (TLS, MUTUAL)


def test_an_offered_password_that_was_used_becomes_the_only_one(room):
    """A01.FR.03: the old one is refused from then on."""
    room.add()
    offered, _ = room.passwords.offer("CS-1")
    room.connect("CS-1", password=offered)
    with room.store.reading() as session:
        assert [one.id for one in room.passwords.known(session, "CS-1")] == [offered]
    assert "station:password-changed" in room.acts()


def test_audits_a_connection_once_per_profile_and_certificate(room):
    room.add()
    for _ in range(2):
        room.connect("CS-1", BASIC)
    for certificate in ("5eed", "5eed", "feed"):
        room.connect("CS-1", MUTUAL, certificate=certificate)
    seen = [r.details for r in room.records() if r.act == "station:seen-on-profile"]
    assert [(d["profile"], d["certificate"]) for d in seen] == [(1, None), (3, "5eed"), (3, "feed")]


def test_a_line_that_is_gone_shows_on_the_station(room):
    room.add()
    at = room.connect("CS-1")
    room.clock.advance(seconds=9)
    room.sightings.disconnected("CS-1", at)
    station = room.registry.station("CS-1")
    assert (station.online, station.last_seen) == (False, room.clock.now)
    assert station.profile is BASIC  # what was observed stays


def test_the_end_of_an_old_line_leaves_a_newer_one_alone(room):
    """The new socket may be there before the old one is known to be gone (station-quirks 14)."""
    room.add()
    old = room.connect("CS-1")
    room.clock.advance(seconds=1)
    room.connect("CS-1")
    room.sightings.disconnected("CS-1", old)
    assert room.registry.station("CS-1").online


def test_at_the_start_nobody_is_connected_to_this_node(room):
    room.add("CS-1")
    room.add("CS-2")
    room.connect("CS-1")
    elsewhere = Sightings(room.store, room.trail, room.passwords, room.clock, "other-node")
    elsewhere.connected("CS-2", Admitted(BASIC, "ocpp1.6", None), OcppVersion.V16, None, PLAIN_LINE)
    room.sightings.forget_connections()
    assert not room.registry.station("CS-1").online
    assert room.registry.station("CS-2").online


def test_closing_a_line_is_on_the_audit_trail_with_its_reason(room):
    room.add()
    room.sightings.closed_by_us("CS-1", "its certificate was revoked")
    last = room.records()[-1]
    assert (last.act, last.by, last.reason) == (
        "station:connection-closed",
        "service",
        "its certificate was revoked",
    )


def test_notes_when_stations_were_heard_of(room):
    room.add("CS-1")
    room.add("CS-2")
    room.sightings.heard({"CS-1": NOON + timedelta(seconds=5), "CS-9": NOON})
    assert room.registry.station("CS-1").last_seen == NOON + timedelta(seconds=5)
    assert room.registry.station("CS-2").last_seen is None


def test_a_boot_tells_what_the_station_is(room):
    room.add()
    assert not room.sightings.arrivals.business("CS-1").booted
    room.sightings.booted("CS-1", BOOT)
    station, posture = room.registry.station("CS-1"), room.registry.posture("CS-1")
    assert (station.vendor, station.model, station.firmware) == ("Acme", "Wallbox", "1.0")
    assert (posture.boot_serial, posture.boot_reason, posture.booted_at) == ("SN-1", "PowerUp", NOON)
    assert room.records()[-1].details["serials"] == ["SN-1", "BOX-1"]
    assert room.sightings.arrivals.business("CS-1").booted


def test_a_boot_in_a_lane_changes_nothing_that_was_proved(room):
    """Whoever holds an expired key, or the maker's, must not rename a station or end what it charges (ADR 0017)."""
    room.add(version=OcppVersion.V201)
    room.sightings.booted("CS-1", BOOT)
    room.began("CS-1", "tx-1")
    room.clock.advance(minutes=1)
    other = Booted("Evil", "Toaster", "6.6", ("SN-6",), "PowerUp")
    room.sightings.booted("CS-1", other, Standing.PENDING, in_lane=True)
    station, posture = room.registry.station("CS-1"), room.registry.posture("CS-1")
    assert (station.vendor, station.model, station.firmware) == ("Acme", "Wallbox", "1.0")
    assert (posture.boot_serial, posture.booted_at) == ("SN-1", NOON)
    assert room.charging.is_busy("CS-1")
    assert room.sightings.arrivals.business("CS-1").pending  # what it was told is true all the same
    assert room.records()[-1].details["vendor"] == "Evil"


def test_who_was_told_accepted_in_a_lane_need_not_boot_again_after_it(room):
    room.add()
    room.sightings.booted("CS-1", BOOT, in_lane=True)
    assert room.sightings.arrivals.business("CS-1").booted
    assert room.registry.station("CS-1").vendor == ""


def test_a_boot_without_serial_and_reason_leaves_them_open(room):
    room.add()
    room.sightings.booted("CS-1", Booted("Acme", "Wallbox", "", (), ""))
    posture = room.registry.posture("CS-1")
    assert (posture.boot_serial, posture.boot_reason) == (None, None)


def test_a_strangers_boot_is_nothing(room):
    room.sightings.booted("CS-9", BOOT)
    assert not room.sightings.arrivals.business("CS-9").booted
    assert room.acts("CS-9") == []
