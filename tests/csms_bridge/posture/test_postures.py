from datetime import timedelta

import pytest
from sqlalchemy import event

from csms_bridge import events as e
from csms_bridge.errors import UnknownStation
from csms_bridge.posture.book import Outcome, PostureBook, Result
from csms_bridge.posture.clock_offset import ClockOffset
from csms_bridge.posture.device_model import DeviceModel, Source
from csms_bridge.posture.differences import DifferenceKind
from csms_bridge.posture.postures import Postures, server_key
from csms_bridge.posture.schedule import Due, Why
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.variables import Characteristics, Reading, Variable, configuration_key
from tests.csms_bridge.room import NOON

WEEK = timedelta(days=7)
BOOT = e.Booted("Acme", "One", "1.0", ("SN-1",), "PowerUp")


@pytest.fixture
def room(signing_room):
    return signing_room


@pytest.fixture
def model(room):
    return DeviceModel(room.store, room.clock, 5000, 1_000_000)


@pytest.fixture
def book(room):
    return PostureBook(room.store, room.trail, room.clock, "this-node")


@pytest.fixture
def postures(room, book, model):
    return Postures(
        room.store, book, model, room.authority, room.clock,
        organisation="Acme Charging", tolerance=timedelta(minutes=5), age=WEEK,
    )  # fmt: skip


def met(room, station="CS-1", version=OcppVersion.V16, **more):
    room.add(station, version=version, **more)
    room.connect(station, version=version)
    room.sightings.booted(station, e.Booted("Acme", "One", "1.0", (f"SN-{station[3:]}",), "PowerUp"))


def found(postures, station="CS-1"):
    return {difference.kind for difference in postures.of(station).differences}


def test_an_unknown_station_is_an_error(postures):
    for ask in (postures.of, postures.variables, lambda station: postures.ask(station, True, "user:anna")):
        with pytest.raises(UnknownStation):
            ask("CS-9")


def test_a_station_that_was_never_seen_has_a_posture(room, postures):
    room.add()
    posture = postures.of("CS-1")
    assert (posture.configured, posture.differences, posture.certificate) == ((), (), None)


def test_puts_what_a_1_6_station_says_beside_what_is_wanted(room, model, postures):
    met(room)
    told = [Reading(configuration_key("CpoName"), "Other"), Reading(configuration_key("SecurityProfile"), "2")]
    model.take("CS-1", told, Source.KEYS)
    posture = postures.of("CS-1")
    assert [(one.name, one.value) for one in posture.configured] == [("SecurityProfile", "2"), ("CpoName", "Other")]
    assert posture.wanted.organisation == "Acme Charging"
    assert found(postures) == {DifferenceKind.OPERATOR, DifferenceKind.PROFILE_CONFIGURED}


def test_puts_what_a_2_1_station_says_beside_what_is_wanted(room, model, postures):
    met(room, version=OcppVersion.V21)
    entries = Characteristics("integer", highest=1)
    told = [
        Reading(Variable("SecurityCtrlr", "OrganizationName"), "Acme Charging"),
        Reading(Variable("SecurityCtrlr", "CertificateEntries"), "1", characteristics=entries),
        Reading(Variable("OCPPCommCtrlr", "NetworkConfigurationPriority"), "2,1"),
        Reading(Variable("NetworkConfiguration", "SecurityProfile", "1"), "0"),
    ]
    model.take("CS-1", told, Source.REPORT)
    assert found(postures) == {DifferenceKind.ROOTS, DifferenceKind.OLD_SLOT}


def test_differences_are_kept_with_their_beginning_until_they_are_mended(room, model, postures):
    met(room)
    model.take("CS-1", [Reading(configuration_key("CpoName"), "Other")], Source.KEYS)
    postures.compare(["CS-1", "CS-9"])
    room.clock.advance(days=1)
    model.take("CS-1", [Reading(configuration_key("CpoName"), "Another")], Source.KEYS)
    postures.compare(["CS-1"])
    (differing,) = postures.differing()
    ((difference, since),) = differing.differences
    assert (differing.station, difference.kind, since) == ("CS-1", DifferenceKind.OPERATOR, NOON)
    assert "Another" in difference.sentence
    model.take("CS-1", [Reading(configuration_key("CpoName"), "Acme Charging")], Source.KEYS)
    postures.compare(["CS-1"])
    assert postures.differing() == []


def test_a_fleet_that_comes_back_unchanged_is_compared_without_writing(room, model, postures):
    for number in (1, 2, 3):
        met(room, f"CS-{number}")
    model.take("CS-2", [Reading(configuration_key("CpoName"), "Other")], Source.KEYS)
    names = ["CS-1", "CS-2", "CS-3"]
    postures.compare(names)
    said = []
    event.listen(room.store.engine, "before_cursor_execute", lambda *about: said.append(about[2].split()[0]))
    postures.compare(names)
    assert not {"INSERT", "UPDATE", "DELETE"} & {*said}
    assert said.count("SELECT") < 10


def test_each_of_a_lot_is_compared_by_its_own_settings(room, model, postures):
    """What one says, in whichever version, is never held against another."""
    met(room, "CS-1")
    met(room, "CS-2", version=OcppVersion.V201)
    model.take("CS-1", [Reading(configuration_key("CpoName"), "Other")], Source.KEYS)
    model.take("CS-2", [Reading(Variable("SecurityCtrlr", "OrganizationName"), "Acme Charging")], Source.REPORT)
    postures.compare(["CS-1", "CS-2"])
    assert [one.station for one in postures.differing()] == ["CS-1"]
    model.take("CS-2", [Reading(Variable("SecurityCtrlr", "OrganizationName"), "Other")], Source.REPORT)
    postures.compare(["CS-1", "CS-2"])
    assert [one.station for one in postures.differing(kind=DifferenceKind.OPERATOR)] == ["CS-1", "CS-2"]


def test_the_fleet_is_counted_and_searched_by_kind(room, book, model, postures):
    for number in range(1, 5):
        met(room, f"CS-{number}")
    for number in (1, 2, 3):
        model.take(f"CS-{number}", [Reading(configuration_key("CpoName"), "Other")], Source.KEYS)
    book.note_clocks({"CS-3": ClockOffset(timedelta(hours=2), NOON)})
    book.begin("CS-1", Due(NOON, Why.FIRST, whole=True))
    book.end("CS-1", Result(Outcome.WHOLE))
    postures.compare([f"CS-{number}" for number in range(1, 5)])
    fleet = postures.fleet()
    assert (fleet.stations, fleet.read, fleet.differing) == (4, 1, 3)
    assert fleet.by_kind == {DifferenceKind.CLOCK: 1, DifferenceKind.OPERATOR: 3}
    assert [one.station for one in postures.differing(kind=DifferenceKind.CLOCK)] == ["CS-3"]
    assert len(postures.differing(kind=DifferenceKind.CLOCK)[0].differences) == 2
    first = postures.differing(limit=2)
    assert [one.station for one in first] == ["CS-1", "CS-2"]
    assert [one.station for one in postures.differing(after="CS-2", limit=2)] == ["CS-3"]


def test_what_is_known_of_a_station_goes_with_it(room, model, book, postures):
    met(room)
    model.take("CS-1", [Reading(configuration_key("CpoName"), "Other")], Source.KEYS)
    book.note_clocks({"CS-1": ClockOffset(timedelta(hours=2), NOON)})
    postures.compare(["CS-1"])
    room.registry.remove("CS-1", "user:anna", "sold")
    assert postures.differing() == []
    assert postures.fleet().stations == 0
    met(room)
    assert postures.of("CS-1").configured == ()


# --- when a station is due


def test_a_station_that_booted_is_due(room, postures):
    met(room)
    assert postures.look(["CS-1", "CS-9"]) == {"CS-1": Due(NOON, Why.FIRST, whole=True)}


@pytest.mark.parametrize("state", ["never seen", "never booted", "quiet", "charging", "walking", "gone"])
def test_a_station_is_not_due_while_it_might_be_disturbed(room, postures, state):
    if state == "never seen":
        room.add()
    elif state == "never booted":
        room.add()
        room.connect()
    else:
        met(room, quiet=state == "quiet")
    if state == "charging":
        room.began("CS-1", "t")
    if state == "walking":
        room.ledger.start("CS-1", 2, {}, "user:anna")
    if state == "gone":
        room.sightings.forget_connections()
    assert postures.look(["CS-1"]) == {"CS-1": None}


def test_a_quiet_station_is_due_when_somebody_asks(room, postures):
    met(room, quiet=True)
    postures.ask("CS-1", False, "user:anna")
    assert postures.look(["CS-1"])["CS-1"].why is Why.ASKED


def test_a_walk_that_ended_makes_it_due(room, book, postures):
    met(room)
    book.begin("CS-1", Due(NOON, Why.FIRST, whole=True))
    book.end("CS-1", Result(Outcome.WHOLE))
    assert postures.look(["CS-1"])["CS-1"] == Due(NOON + WEEK, Why.OLD, whole=False)
    room.connect("CS-1", SecurityProfile.TLS_BASIC)
    assert postures.look(["CS-1"])["CS-1"].why is Why.PROFILE


@pytest.mark.parametrize(
    ("version", "cipher", "key"),
    [
        (None, None, None),
        ("TLSv1.3", "TLS_AES_128_GCM_SHA256", None),
        ("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", "EC"),
        ("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "RSA"),
        ("TLSv1.2", "AES256-GCM-SHA384", "RSA"),
    ],
)
def test_the_suite_tells_which_of_our_certificates_was_shown(version, cipher, key):
    assert server_key(version, cipher) == key
