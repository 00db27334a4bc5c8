"""Asking stations to renew now: whom, how, once at a time, and what came of it."""

import pytest

from csms_bridge.admission import Admitted
from csms_bridge.events import CertificateAsked
from csms_bridge.renewals import Renewals, RenewalState
from csms_bridge.station import OcppVersion, SecurityProfile
from pki.keys import KeyAlgorithm, generate_key
from tests.csms_bridge.room import TLS_LINE, Room, SigningRoom
from tests.pki.requests import pem_request

MUTUAL = SecurityProfile.MUTUAL_TLS
QUEUED, SENT, ACCEPTED, ISSUED, RENEWED, FAILED, UNABLE = RenewalState


@pytest.fixture
def renewals(room: Room) -> Renewals:
    return Renewals(room.store, room.trail, room.orders, room.clock)


def on_profile_3(room: Room, station: str = "CS-1", version: OcppVersion = OcppVersion.V16) -> None:
    room.add(station, profile=MUTUAL, version=version)
    room.connect(station, MUTUAL, certificate="ab12", version=version)


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [
        (OcppVersion.V16, "ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}),
        (OcppVersion.V201, "TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"}),
        (OcppVersion.V21, "TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"}),
    ],
)
def test_each_version_is_asked_in_its_own_words(
    room: Room, renewals: Renewals, version: OcppVersion, action: str, payload: dict[str, str]
) -> None:
    on_profile_3(room, version=version)
    (renewal,) = renewals.ask(["CS-1"], "user:anna")
    assert (renewal.state, renewal.reason) == (SENT, "")
    (order,) = room.orders.claim({"CS-1"})
    assert (order.id, order.action, order.payload, order.by) == (renewal.command, action, payload, "user:anna")
    last = room.records()[-1]
    assert (last.act, last.by, last.reason) == ("command:ordered", "user:anna", "renewal")


def test_one_that_is_away_is_asked_when_it_is_back(room: Room, renewals: Renewals) -> None:
    on_profile_3(room)
    room.sightings.disconnected("CS-1", room.clock.now)
    (renewal,) = renewals.ask(["CS-1"], "user:anna")
    assert renewal.state is QUEUED
    assert not room.orders.any_waiting()
    room.orders.wake("CS-2")
    assert room.orders.claim({"CS-1"}) == []
    room.orders.wake("CS-1")
    assert [order.id for order in room.orders.claim({"CS-1"})] == [renewal.command]


def test_one_that_comes_just_then_is_not_forgotten(room: Room, renewals: Renewals) -> None:
    """It looked for queued commands before the question was committed."""
    on_profile_3(room)
    room.sightings.disconnected("CS-1", room.clock.now)
    renewals.ask(["CS-1"], "user:anna")
    room.connect("CS-1", MUTUAL, certificate="ab12")
    assert renewals.ask(["CS-1"], "user:anna")[0].state is QUEUED  # what stood when it was looked at
    assert renewals.progress(["CS-1"])[0].state is SENT


def test_those_who_cannot_are_told_apart(room: Room, renewals: Renewals) -> None:
    room.add("CS-1")
    room.add("CS-2")
    room.connect("CS-2", SecurityProfile.BASIC)
    on_profile_3(room, "CS-3")
    found = renewals.ask(["CS-0", "CS-1", "CS-2", "CS-3", "CS-3"], "user:anna")
    assert [(one.station, one.state) for one in found] == [
        ("CS-0", UNABLE), ("CS-1", UNABLE), ("CS-2", UNABLE), ("CS-3", SENT),
    ]  # fmt: skip
    reasons = [one.reason for one in found]
    assert reasons[0] == "it is not registered"
    assert "has never connected" in reasons[1]
    assert "is on security profile 1" in reasons[2]
    assert len(room.orders.claim({"CS-1", "CS-2", "CS-3"})) == 1


def test_a_walk_under_way_is_left_alone(room: Room, renewals: Renewals) -> None:
    room.add("CS-2", profile=SecurityProfile.TLS_BASIC)
    room.connect("CS-2", SecurityProfile.TLS_BASIC)
    room.ledger.start("CS-2", 3, {"csms_root": "root", "csms_root_serial": "1"}, "user:anna")
    room.connect("CS-2", MUTUAL, certificate="ab12")
    (renewal,) = renewals.ask(["CS-2"], "user:anna")
    assert (renewal.state, renewal.reason) == (UNABLE, "a walk of it is under way or on hold")


@pytest.mark.both_databases
def test_a_station_is_asked_once_at_a_time(room: Room, renewals: Renewals) -> None:
    on_profile_3(room)
    first, again = (renewals.ask(["CS-1"], "user:anna")[0] for _ in range(2))
    assert first.command == again.command
    room.clock.advance(minutes=10)
    assert renewals.ask(["CS-1"], "user:anna")[0].command != first.command


@pytest.mark.parametrize(
    ("answer", "error", "state", "reason"),
    [
        ({"status": "Accepted"}, "", ACCEPTED, ""),
        ({"status": "NotImplemented"}, "", FAILED, "the station answered NotImplemented"),
        ([], "", FAILED, "the station answered nothing that we understand"),
        (None, "none came in 30 s", FAILED, "none came in 30 s"),
    ],
)
def test_the_stations_answer_decides_what_is_waited_for(
    room: Room, renewals: Renewals, answer: object, error: str, state: RenewalState, reason: str
) -> None:
    on_profile_3(room)
    renewals.ask(["CS-1"], "user:anna")
    room.orders.finish(room.orders.claim({"CS-1"})[0], answer, error)
    (renewal,) = renewals.progress(["CS-1", "never asked"])
    assert (renewal.state, renewal.reason) == (state, reason)
    assert (renewals.ask(["CS-1"], "user:anna")[0].command == renewal.command) is (state is ACCEPTED)


@pytest.mark.both_databases
def test_it_is_followed_until_the_new_certificate_is_seen(signing_room: SigningRoom) -> None:
    room = signing_room
    renewals = Renewals(room.store, room.trail, room.orders, room.clock)
    room.add("CS-1", profile=MUTUAL)
    room.connect("CS-1", MUTUAL, certificate="ab12")
    room.clock.advance(seconds=1)
    renewals.ask(["CS-1"], "user:anna")

    def state() -> RenewalState:
        return renewals.progress(["CS-1"])[0].state

    csr = pem_request(generate_key(KeyAlgorithm.EC_P256), "SN-1")
    assert room.enrolment.ask("CS-1", CertificateAsked(csr), MUTUAL).accepted
    assert state() is ACCEPTED
    (delivery,) = room.enrolment.sign_waiting("CS-1")
    assert state() is ISSUED
    room.enrolment.taken(delivery)
    assert state() is ISSUED  # Accepted is no proof
    made = room.authority.certificate(delivery.serial).made_at
    seen = Admitted(MUTUAL, "ocpp1.6", delivery.serial, made)
    room.sightings.connected("CS-1", seen, OcppVersion.V16, None, TLS_LINE)
    (renewal,) = renewals.page(None, 10)
    assert (renewal.state, renewal.serial) == (RENEWED, delivery.serial)
    assert renewals.page("CS-1", 10) == []


def test_a_refused_request_is_told(signing_room: SigningRoom) -> None:
    room = signing_room
    renewals = Renewals(room.store, room.trail, room.orders, room.clock)
    room.add("CS-1", profile=MUTUAL)
    room.connect("CS-1", MUTUAL, certificate="ab12")
    renewals.ask(["CS-1"], "user:anna")
    assert not room.enrolment.ask("CS-1", CertificateAsked("no request"), MUTUAL).accepted
    (renewal,) = renewals.progress(["CS-1"])
    assert renewal.state is FAILED
    assert renewal.reason
