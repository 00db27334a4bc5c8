"""Somebody else comes while a station's way back is open, before it is, and after: never in beyond the lane.

Each loss with each kind of thief: who knows the identity, the old password, has an old certificate, one of another
station, a maker's for another device; who comes too late, twice, or at two nodes at once.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from csms_bridge.admission import (
    Admitted,
    MakersCertificate,
    Peer,
    PresentedCertificate,
    Refused,
    Registered,
    decide,
)
from csms_bridge.errors import LineOutranked, ProofWithdrawn
from csms_bridge.judging import Welcome
from csms_bridge.recovery.words import Loss
from csms_bridge.sightings import Sightings
from csms_bridge.standing import Lane
from csms_bridge.station import OcppVersion, SecurityProfile
from pki.revocation import RevocationReason
from pki.secret_text import Secret
from tests.csms_bridge.recovery.losing import BY, ELSEWHERE, HOME, alarms, come_in, knock, loss, on_profile_3
from tests.csms_bridge.room import NOON

NONE, BASIC, TLS, MUTUAL = SecurityProfile
OURS = PresentedCertificate("5eed", "CS-1", "SN-1", "good", "station", NOON)
MAKERS = MakersCertificate("Volt Motors", "volt", ("VM SN-1",))
STATION = Registered("CS-1", "SN-1", OcppVersion.V201, MUTUAL, NOON, "Volt Motors")
OPEN = {
    "expired": replace(STATION, recovery=Lane.RECOVERY),
    "by password": replace(STATION, recovery=Lane.PASSWORD, newest_used=None),
    "by the maker": replace(STATION, recovery=Lane.BOOTSTRAP, newest_used=None, bootstrap="Volt Motors"),
    "not at all": STATION,
}


def peer(certificate=None, *, fits=None, by_recovery=False, tls=True, offered=("ocpp2.0.1",)):
    return Peer("CS-1", tls, offered, fits is not None, fits, certificate, by_recovery=by_recovery)


def makers(*names, vendor="Volt Motors"):
    return PresentedCertificate("", None, "", "unknown", "", maker=MakersCertificate(vendor, "volt", names))


RIGHT = {
    "expired": peer(replace(OURS, state="expired")),
    "by password": peer(fits=True, by_recovery=True),
    "by the maker": peer(makers("VM SN-1")),
}
IMPOSTORS = {
    "knows the identity": peer(),
    "guesses a password": peer(fits=False),
    "knows the old password": peer(fits=True),
    "knows it, over a plain line": peer(fits=True, tls=False),
    "has a revoked certificate": peer(replace(OURS, state="revoked")),
    "has one on hold": peer(replace(OURS, state="held")),
    "has a revoked one and the old password": peer(replace(OURS, state="revoked"), fits=True),
    "has another station's": peer(replace(OURS, station="CS-2")),
    "has another station's, and the recovery's password": peer(
        replace(OURS, station="CS-2"), fits=True, by_recovery=True
    ),
    "has the old board's": peer(replace(OURS, common_name="SN-0")),
    "has the old board's that expired": peer(replace(OURS, common_name="SN-0", state="expired")),
    "has one of no authority here": peer(replace(OURS, station=None)),
    "has a server's": peer(replace(OURS, profile="server")),
    "has the right maker's for another device": peer(makers("VM SN-2")),
    "has the same serial number of another maker": peer(makers("VM SN-1", vendor="Watt Motors")),
    "has a maker's without a name": peer(makers()),
    "reads the recovery's password off a plain line": peer(fits=True, by_recovery=True, tls=False),
    "has the recovery's password and a maker's for another device": peer(
        makers("VM SN-2"), fits=True, by_recovery=True
    ),
}


@pytest.mark.parametrize("way", RIGHT)
def test_whoever_shows_what_was_lost_for_is_in_the_lane_and_no_further(way):
    verdict = decide(RIGHT[way], OPEN[way])
    assert isinstance(verdict, Admitted)
    assert verdict.lane is OPEN[way].recovery
    assert verdict.rank < Admitted(NONE, "ocpp2.0.1", None).rank
    assert verdict.reason


@pytest.mark.parametrize("who", IMPOSTORS)
@pytest.mark.parametrize("way", OPEN)
def test_no_impostor_comes_in_by_any_way(way, who):
    """A00.FR.403-408, .702: on profile 3 nothing but what the way back is for counts."""
    verdict = decide(IMPOSTORS[who], OPEN[way])
    assert isinstance(verdict, Refused)
    assert verdict.status == 401
    assert verdict.reason


@pytest.mark.parametrize("way", OPEN)
@pytest.mark.parametrize("shown", RIGHT)
def test_each_way_lets_in_by_its_own_proof_alone(way, shown):
    verdict = decide(RIGHT[shown], OPEN[way])
    assert isinstance(verdict, Admitted) is (way == shown)


def test_the_stations_own_revoked_certificate_stands_beside_the_password_that_was_made_for_it():
    """It still holds it, and shows it whenever a server asks for one."""
    mine = peer(replace(OURS, state="revoked"), fits=True, by_recovery=True)
    verdict = decide(mine, OPEN["by password"])
    assert isinstance(verdict, Admitted)
    assert (verdict.lane, verdict.profile, verdict.certificate_serial) == (Lane.PASSWORD, TLS, None)


def test_a_retired_authoritys_certificate_has_run_out_like_any_other():
    slept = peer(replace(OURS, state="of the retired authority 'stations'"))
    assert decide(slept, OPEN["expired"]).lane is Lane.RECOVERY
    assert isinstance(decide(slept, STATION), Refused)


ALARMING = {
    "another station's": (peer(replace(OURS, station="CS-2")), STATION, "5eed"),
    "an old board's": (peer(replace(OURS, common_name="SN-0", state="revoked")), STATION, "5eed"),
    "one older than it has used since": (
        peer(replace(OURS, state="expired", made_at=NOON - timedelta(days=1))), STATION, "5eed",
    ),
    "the maker's for another device": (peer(makers("VM SN-2")), OPEN["by the maker"], "CS-1"),
    "its own, revoked": (peer(replace(OURS, state="revoked")), replace(STATION, newest_used=None), ""),
    "a maker's where none may vouch": (peer(makers("VM SN-2")), STATION, ""),
    "a foreign one": (peer(replace(OURS, station=None)), STATION, ""),
    "a guess": (peer(fits=False), STATION, ""),
}  # fmt: skip


@pytest.mark.parametrize(("who", "station", "thing"), ALARMING.values(), ids=ALARMING)
def test_what_the_true_station_would_not_show_is_for_a_person_to_look_at(who, station, thing):
    verdict = decide(who, station)
    assert isinstance(verdict, Refused)
    assert verdict.alarming == thing


# --- with the records that there are


@pytest.fixture
def room(signing_room):
    return signing_room


@pytest.mark.parametrize("of", Loss)
def test_before_during_and_after_nobody_else_comes_in(room, clock, of):
    old_certificate, old = on_profile_3(room)
    room.add("CS-2", profile=MUTUAL)
    _, anothers = room.certified("CS-2")
    if of is Loss.EXPIRED:
        clock.advance(days=800)
    if of is Loss.REVOKED:
        room.authority.revoke(old_certificate.serial, RevocationReason.KEY_COMPROMISE, BY)
    guess = Secret.of("a password that somebody remembers")
    thieves = [{"shown": anothers}, {"password": guess}, {}] + ([] if of is Loss.EXPIRED else [{"shown": old}])
    asked = room.recoveries.ask(loss(of), BY)
    for thief in thieves:
        assert isinstance(knock(room, line=ELSEWHERE, **thief), Refused)
    proof = {"shown": old} if asked.password is None else {"password": asked.password}
    assert isinstance(knock(room, **proof), Welcome)
    clock.advance(days=1)
    for thief in [*thieves, proof]:
        assert isinstance(knock(room, line=ELSEWHERE, **thief), Refused)
    refusals = [one for one in room.records() if one.act == "station:refused"]
    assert len(refusals) == 2 * len(thieves) + 1
    assert all(one.reason and one.details["address"] == ELSEWHERE.address for one in refusals)
    assert ("proof-of-another", _serial_of(room, "CS-2")) in alarms(room)


@pytest.mark.parametrize("of", Loss)
def test_two_who_come_through_one_lane_are_told_apart_by_where_they_come_from(room, clock, of):
    """Who is in it stays; the other is turned away, is on record, and a person hears of it."""
    proof = lane_proof(room, clock, of)
    come_in(room, knock(room, **proof))
    come_in(room, knock(room, **proof))  # the same station once more
    welcome = knock(room, line=ELSEWHERE, **proof)
    with pytest.raises(LineOutranked):
        come_in(room, welcome)
    assert room.registry.posture("CS-1").address == HOME.address
    room.recoveries.contested("CS-1", welcome.admitted, ELSEWHERE.address)
    assert room.acts()[-1] == "station:refused"
    assert ("recovery-contested", "CS-1") in alarms(room)


@pytest.mark.parametrize("of", Loss)
def test_at_two_nodes_at_once_one_of_them_is_in(room, clock, of):
    there = Sightings(room.store, room.trail, room.passwords, clock, "other-node")
    proof = lane_proof(room, clock, of)
    come_in(room, knock(room, **proof))
    welcome = knock(room, line=ELSEWHERE, **proof)
    with pytest.raises(LineOutranked):
        there.connected("CS-1", welcome.admitted, OcppVersion.V201, None, ELSEWHERE)


@pytest.mark.parametrize("of", Loss)
def test_a_line_that_is_dead_or_gone_bars_nobody(room, clock, of):
    proof = lane_proof(room, clock, of)
    since = come_in(room, knock(room, **proof))
    clock.advance(minutes=11)
    come_in(room, knock(room, line=ELSEWHERE, **proof))
    room.sightings.disconnected("CS-1", since)


def test_a_copy_of_the_expired_certificate_never_displaces_the_station_that_is_back(room, clock):
    proof = lane_proof(room, clock, Loss.EXPIRED)
    come_in(room, knock(room, **proof))
    new, shown = room.certified()
    come_in(room, knock(room, shown=shown))
    refused = knock(room, line=ELSEWHERE, **proof)
    assert isinstance(refused, Refused)
    assert room.registry.posture("CS-1").certificate_serial == new.serial
    assert "proof-of-another" in dict(alarms(room))


def test_an_expired_certificate_at_another_node_never_displaces_a_full_line(room, clock):
    """Also when that node judged before it could know that the way back is closed."""
    proof = lane_proof(room, clock, Loss.EXPIRED)
    early = knock(room, line=ELSEWHERE, **proof)
    _, shown = room.certified()
    come_in(room, knock(room, shown=shown))
    there = Sightings(room.store, room.trail, room.passwords, clock, "other-node")
    with pytest.raises(LineOutranked):
        there.connected("CS-1", early.admitted, OcppVersion.V201, None, ELSEWHERE)


def test_what_was_judged_before_the_way_was_closed_is_not_let_in_afterwards(room, clock):
    proof = lane_proof(room, clock, Loss.LOST)
    welcome = knock(room, **proof)
    room.recoveries.end("CS-1", "it was somebody else", BY)
    with pytest.raises(ProofWithdrawn):
        come_in(room, welcome)


def test_an_old_password_that_was_judged_before_it_was_set_aside_is_not_let_in_afterwards(room):
    """Nor does it become the only one again, and the recovery's nothing."""
    old = room.add(profile=TLS, version=OcppVersion.V201).password
    early = knock(room, line=ELSEWHERE, password=old)
    asked = room.recoveries.ask(loss(Loss.RESET), BY)
    with pytest.raises(ProofWithdrawn):
        come_in(room, early)
    come_in(room, knock(room, password=asked.password))


def test_the_old_board_never_comes_back_beside_the_new_one(room, clock):
    """Neither while the new one is awaited, nor when it is there; and its number is remembered."""
    old, shown = on_profile_3(room)
    asked = room.recoveries.ask(loss(Loss.SWAPPED), BY)
    assert isinstance(knock(room, shown=shown), Refused)
    come_in(room, knock(room, password=asked.password))
    new, new_shown = room.certified(serial="SN-9")
    come_in(room, knock(room, shown=new_shown))
    assert isinstance(knock(room, shown=shown), Refused)
    assert ("proof-of-another", old.serial) in alarms(room)
    assert room.recoveries.book.page()[0].old_serial == "SN-1"
    assert room.registry.posture("CS-1").certificate_serial == new.serial


def lane_proof(room, clock, of):
    """What lets CS-1 into the lane that is open for it."""
    old_certificate, old = on_profile_3(room)
    if of is Loss.EXPIRED:
        clock.advance(days=800)
    if of is Loss.REVOKED:
        room.authority.revoke(old_certificate.serial, RevocationReason.KEY_COMPROMISE, BY)
    asked = room.recoveries.ask(loss(of), BY)
    return {"shown": old} if asked.password is None else {"password": asked.password}


def _serial_of(room, station):
    return room.authority.certificates(station=station)[0].serial
