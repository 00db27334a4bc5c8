"""The stations on record."""

from itertools import product

import pytest

from csms_bridge.errors import StationExists, StationRefused, UnknownStation
from csms_bridge.events import Booted, CertificateAsked
from csms_bridge.registry import StationFilter
from csms_bridge.station import NewStation, OcppVersion, Overview, SecurityProfile
from csms_bridge.walks.machine import advance
from csms_bridge.walks.steps import Connected, Pace
from pki.secret_text import Secret
from tests.csms_bridge.room import NOON

NONE, BASIC, TLS, MUTUAL = SecurityProfile


def found(room, after=None, limit=100, **wanted):
    return [station.id for station in room.registry.search(StationFilter(**wanted), after, limit)]


def test_a_new_station_is_as_it_was_described(room):
    room.add("CS-1", "SN 1", TLS, OcppVersion.V201, site="Depot", tags=("bus", "fast"))
    station = room.registry.station("CS-1")
    assert (station.serial, station.floor, station.wanted_profile) == ("SN 1", TLS, TLS)
    assert (station.ocpp_version, station.site, station.tags) == (OcppVersion.V201, "Depot", ("bus", "fast"))
    assert (station.profile, station.online, station.last_seen) == (None, False, None)  # nothing was observed yet


@pytest.mark.parametrize("profile", [BASIC, TLS])
def test_makes_a_password_where_the_profile_needs_one_and_shows_it_once(room, profile):
    made = room.add(profile=profile).password
    with room.store.reading() as session:
        known = room.passwords.known(session, "CS-1")
    assert room.passwords.matching("CS-1", made, known) == known[0].id


@pytest.mark.parametrize("profile", [NONE, MUTUAL])
def test_makes_no_password_where_the_profile_needs_none(room, profile):
    assert room.add(profile=profile).password is None
    with room.store.reading() as session:
        assert room.passwords.known(session, "CS-1") == []


@pytest.mark.parametrize("profile", [NONE, TLS])
def test_keeps_a_chosen_password_and_does_not_show_it_again(room, profile):
    chosen = Secret.of("chosen by anna")
    assert room.add(profile=profile, password=chosen).password is None
    with room.store.reading() as session:
        known = room.passwords.known(session, "CS-1")
    assert room.passwords.matching("CS-1", chosen, known) is not None


@pytest.mark.parametrize(("field", "station", "serial"), [("id", "CS-1", "SN-2"), ("serial", "CS-2", "SN-1")])
def test_refuses_an_identity_or_serial_number_that_is_taken(room, field, station, serial):
    """Both name one device: the URL and the certificate's CN (A00.FR.405)."""
    room.add("CS-1", "SN-1")
    with pytest.raises(StationExists) as refusal:
        room.add(station, serial)
    assert refusal.value.field == field
    assert found(room) == ["CS-1"]


@pytest.mark.parametrize("twin", [NewStation("CS-2", "SN-3"), NewStation("CS-3", "SN-2")])
def test_registers_all_or_none(room, twin):
    with pytest.raises(StationExists):
        room.registry.add([NewStation("CS-1", "SN-1"), NewStation("CS-2", "SN-2"), twin], "user:anna")
    assert found(room) == []
    assert room.acts("CS-1") == []


def test_registering_is_on_the_audit_trail_without_the_password(room):
    password = room.add().password
    record = room.records()[0]
    assert (record.act, record.by, record.at) == ("station:added", "user:anna", NOON)
    assert record.details == {"serial": "SN-1", "profile": 1, "version": "1.6", "quiet": False, "bootstrap": ""}
    assert password.text() not in str(record)


def test_an_unknown_station_is_an_error(room):
    for look in (room.registry.station, room.registry.posture, lambda s: room.registry.remove(s, "user:anna", "")):
        with pytest.raises(UnknownStation) as refusal:
            look("CS-1")
        assert refusal.value.station == "CS-1"


def test_lists_by_identity_page_by_page(room):
    for station in ("CS-3", "CS-1", "CS-2"):
        room.add(station)
    assert found(room, limit=2) == ["CS-1", "CS-2"]
    assert found(room, after="CS-2", limit=2) == ["CS-3"]
    assert found(room, after="CS-3") == []


@pytest.mark.parametrize(
    ("text", "stations"),
    [
        ("cs-1", ["CS-1"]),
        ("sn-2", ["CS-2"]),
        ("depot", ["CS-1"]),
        ("ACME", ["CS-2"]),
        ("wallbox", ["CS-2"]),
        ("%", []),  # a sign of SQL's patterns is an ordinary character here
        ("_", []),
        ("CS", ["CS-1", "CS-2"]),
        ("", ["CS-1", "CS-2"]),
    ],
)
def test_searches_in_what_names_a_station(room, text, stations):
    room.add("CS-1", site="Depot")
    room.add("CS-2")
    room.sightings.booted("CS-2", Booted("Acme", "Wallbox", "1.0", (), "PowerUp"))
    assert found(room, search=text) == stations


def test_filters_by_observed_profile_and_presence(room):
    for station in ("CS-1", "CS-2", "CS-3"):
        room.add(station)
    room.connect("CS-1", TLS)
    room.sightings.disconnected("CS-2", room.connect("CS-2", BASIC))
    assert found(room, profile=2) == ["CS-1"]
    assert found(room, profile=3) == []
    assert found(room, online=True) == ["CS-1"]
    assert found(room, online=False) == ["CS-2", "CS-3"]


def test_filters_by_hold(room):
    room.add("CS-1")
    room.add("CS-2")
    walk = room.ledger.start("CS-1", 2, {}, "user:anna")
    room.ledger.hold(walk.id, "maintenance", "user:anna")
    assert found(room, held=True) == ["CS-1"]
    assert found(room, held=False) == ["CS-2"]
    assert room.registry.station("CS-1").hold == "maintenance"


def test_tells_what_changed_since_oldest_first(room):
    room.add("CS-1")
    room.add("CS-2")
    room.clock.advance(seconds=1)
    room.connect("CS-2")
    room.clock.advance(seconds=1)
    room.connect("CS-1")
    assert [station.id for station in room.registry.changed_since(NOON, 10)] == ["CS-2", "CS-1"]
    assert [station.id for station in room.registry.changed_since(NOON, 1)] == ["CS-2"]
    assert room.registry.changed_since(room.clock.now, 10) == []


def test_tells_whether_a_station_is_charging(room):
    room.add("CS-1")
    room.add("CS-2")
    room.began("CS-1", "T1")
    assert {s.id: s.charging for s in room.registry.search(StationFilter(), None, 10)} == {"CS-1": True, "CS-2": False}
    assert room.registry.station("CS-1").charging
    room.ended("CS-1", "T1")
    assert not room.registry.station("CS-1").charging


def test_a_removed_station_leaves_only_its_records(room):
    room.add("CS-1")
    room.connect("CS-1")
    room.ledger.start("CS-1", 2, {}, "user:anna")
    room.began("CS-1", "T1")
    room.registry.remove("CS-1", "user:anna", "scrapped")
    assert found(room) == []
    assert room.sightings.registered("CS-1") is None
    assert room.ledger.current("CS-1") is None
    last = room.records()[-1]
    assert (last.act, last.by, last.reason) == ("station:removed", "user:anna", "scrapped")


def test_the_next_station_of_that_name_does_not_inherit_the_choice_of_a_root(signing_room):
    signing_room.add("CS-1")
    signing_room.authority.chains.choose("CS-1", "root", "user:anna")
    signing_room.registry.remove("CS-1", "user:anna", "scrapped")
    assert signing_room.authority.chains.of("CS-1") is None


def test_a_removed_station_with_certificate_requests_can_be_removed(signing_room):
    signing_room.add("CS-1")
    signing_room.enrolment.ask("CS-1", CertificateAsked("no request"), TLS)
    signing_room.registry.remove("CS-1", "user:anna", "scrapped")
    assert signing_room.sightings.registered("CS-1") is None


def test_an_identity_can_be_registered_again_after_removal_with_a_fresh_past(room):
    room.add("CS-1")
    room.began("CS-1", "T1")
    room.registry.remove("CS-1", "user:anna", "replaced")
    room.add("CS-1", "SN-9")
    assert not room.charging.is_busy("CS-1")


def test_permits_profile_2_to_a_station_that_reached_3(room):
    """2.0.1 errata 2025-01, A05.FR.08: 3 to 2 only, and here by an operator's audited word only."""
    room.add(profile=MUTUAL)
    station = room.registry.permit("CS-1", TLS, "user:anna", "its certificate was lost")
    assert (station.floor, station.wanted_profile) == (TLS, TLS)
    last = room.records()[-1]
    assert (last.act, last.by, last.reason) == (
        "station:lower-profile-permitted",
        "user:anna",
        "its certificate was lost",
    )
    assert last.details == {"profile": 2}


def test_undoes_what_a_mere_sighting_raised(room):
    """Somebody else may have been there with the station's password: that must not lock the station out."""
    room.add(profile=BASIC)
    room.connect("CS-1", TLS)
    assert room.registry.permit("CS-1", BASIC, "user:anna", "that was not our station").floor is BASIC


def test_an_operators_word_settles_where_the_station_stands(room):
    """Seen on 3, registered on 1: both ways back are open, and the one taken is the last."""
    room.add(profile=BASIC)
    room.connect("CS-1", MUTUAL, certificate="5eed")
    with pytest.raises(StationRefused, match="permitted 1 or 2, and nothing lower"):
        room.registry.permit("CS-1", NONE, "user:anna", "please")
    station = room.registry.permit("CS-1", TLS, "user:anna", "its certificate was lost")
    assert (station.floor, station.wanted_profile) == (TLS, TLS)
    with pytest.raises(StationRefused, match="only the way from 3 to 2"):
        room.registry.permit("CS-1", BASIC, "user:anna", "please")


def test_does_not_undo_what_a_walk_has_reached(room):
    room.add(profile=BASIC)
    room.ledger.start("CS-1", 2, {}, "user:anna")
    seen = Connected(TLS)
    room.connect("CS-1", TLS)
    room.ledger.apply("CS-1", lambda walk, now: advance(walk.walk, walk.at, seen, now, Pace()))
    with pytest.raises(StationRefused):
        room.registry.permit("CS-1", BASIC, "user:anna", "please")
    assert room.registry.station("CS-1").floor is TLS


def test_never_permits_less_than_registration_or_a_walk_had_settled(room):
    room.add(profile=TLS)
    room.connect("CS-1", MUTUAL, certificate="5eed")
    for profile in (NONE, BASIC, MUTUAL):
        with pytest.raises(StationRefused, match="permitted 2, and nothing lower"):
            room.registry.permit("CS-1", profile, "user:anna", "please")
    assert room.registry.permit("CS-1", TLS, "user:anna", "please").floor is TLS


@pytest.mark.parametrize(
    ("floor", "profile"), [pair for pair in product(SecurityProfile, repeat=2) if pair != (MUTUAL, TLS)]
)
def test_permits_nothing_else(room, floor, profile):
    """A00.FR.005: the profile is not lowered."""
    room.add(profile=floor)
    with pytest.raises(StationRefused):
        room.registry.permit("CS-1", profile, "user:anna", "please")
    assert room.registry.station("CS-1").floor is floor
    assert room.acts() == ["station:added"]


def test_posture_is_what_was_observed(room):
    room.add()
    assert room.registry.posture("CS-1").transport is None
    room.connect("CS-1", BASIC)
    assert room.registry.posture("CS-1").transport == "plain"
    room.connect("CS-1", MUTUAL, certificate="5eed")
    posture = room.registry.posture("CS-1")
    assert (posture.transport, posture.tls_version, posture.cipher) == ("TLS", "TLSv1.3", "TLS_AES_128_GCM_SHA256")
    assert (posture.certificate_serial, posture.proof) == ("5eed", "client certificate 5eed")


def test_counts_the_fleet(room):
    for station in ("CS-1", "CS-2", "CS-3", "CS-4"):
        room.add(station)
    room.connect("CS-1", BASIC)
    room.connect("CS-2", TLS)
    room.sightings.disconnected("CS-3", room.connect("CS-3", TLS))
    room.ledger.start("CS-1", 2, {}, "user:anna")
    held = room.ledger.start("CS-2", 3, {}, "user:anna")
    room.ledger.hold(held.id, "wait", "user:anna")
    expected = Overview(total=4, online=2, held=1, walks_running=1, by_profile={None: 1, 0: 0, 1: 1, 2: 2, 3: 0})
    assert room.registry.overview() == expected


def test_counts_an_empty_fleet(room):
    assert room.registry.overview() == Overview(0, 0, 0, 0, {None: 0, 0: 0, 1: 0, 2: 0, 3: 0})
