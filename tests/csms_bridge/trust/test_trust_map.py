"""The trust map out of the database: what the bits say there is what happened."""

import pytest

from csms_bridge.errors import UnknownRoot, UnknownStation
from csms_bridge.orders import Ending
from csms_bridge.tables import StationRow
from csms_bridge.trust.states import TrustState
from csms_bridge.trust.trust_map import TrustMap
from pki.keys import KeyFamily
from tests.csms_bridge.room import NOON, SigningRoom
from tests.csms_bridge.station_roots.holder import BY, CSMS, Holder
from tests.csms_bridge.trust.trusting import ECDSA_LINE, EDGE_LINE, RSA_LINE, holder, installs, names, shows, trust_of
from tests.pki.makers import maker_root


def state(trust_map: TrustMap, station: str, root: str = "root") -> TrustState:
    return next(one.state for one in trust_map.of_station(station) if one.root == root)


@pytest.mark.both_databases
def test_each_way_to_hold_a_root_or_not(signing_room: SigningRoom) -> None:
    trust_map = trust_of(signing_room).map
    holder(signing_room, "CS-reports", "root").list()
    holder(signing_room, "CS-silent")
    holder(signing_room, "CS-missing").list()
    installs(holder(signing_room, "CS-believed"), "root")
    installs(holder(signing_room, "CS-refused"), "root", "Rejected")
    both = holder(signing_room, "CS-confirmed")
    installs(both, "root")
    signing_room.clock.advance(seconds=1)
    both.list()
    expected = {
        "CS-reports": TrustState.REPORTED,
        "CS-silent": TrustState.UNKNOWN,
        "CS-missing": TrustState.MISSING,
        "CS-believed": TrustState.BELIEVED,
        "CS-refused": TrustState.REFUSED,
        "CS-confirmed": TrustState.CONFIRMED,
    }
    assert {name: state(trust_map, name) for name in expected} == expected
    assert trust_map.counts("root") == dict.fromkeys(TrustState, 1)
    for name, its in expected.items():
        assert names(trust_map.stations("root", its)) == [name]
    with pytest.raises(UnknownRoot):
        trust_map.counts("nobody")
    with pytest.raises(UnknownStation):
        trust_map.of_station("CS-nobody")


def test_stations_come_by_page(signing_room: SigningRoom) -> None:
    trust_map = trust_of(signing_room).map
    for number in range(5):
        holder(signing_room, f"CS-{number}")
    first = trust_map.stations("root", TrustState.UNKNOWN, limit=2)
    rest = trust_map.stations("root", TrustState.UNKNOWN, after=first[-1].station, limit=10)
    assert names(first + rest) == [f"CS-{number}" for number in range(5)]


def test_a_lost_answer_is_no_refusal(signing_room: SigningRoom) -> None:
    made = holder(signing_room, "CS-1")
    signing_room.roots.install("CS-1", CSMS, BY, name="root")
    made.answer(error="no answer came", ending=Ending.SILENT)
    assert state(trust_of(signing_room).map, "CS-1") is TrustState.UNKNOWN


def test_what_was_deleted_is_not_believed_any_more(signing_room: SigningRoom) -> None:
    trust, made = trust_of(signing_room), holder(signing_room, "CS-1", line=ECDSA_LINE)
    for root in ("root-rsa", "root"):
        installs(made, root)
    signing_room.clock.advance(seconds=1)
    made.list(CSMS)
    entry = next(e for e in signing_room.roots.view("CS-1").entries if e.recognised and e.recognised.name == "root-rsa")
    signing_room.roots.delete("CS-1", entry.id, BY, "not needed")
    made.answer({"status": "Accepted"})
    made.held = made.held[1:]
    made.list(CSMS)
    assert state(trust.map, "CS-1", "root-rsa") is TrustState.MISSING
    assert state(trust.map, "CS-1") is TrustState.CONFIRMED


def test_a_connection_under_one_root_alone_is_proof(signing_room: SigningRoom) -> None:
    trust = trust_of(signing_room)
    shows(signing_room, trust, "root")
    Holder(signing_room, "CS-1")
    trust.sightings.look()
    assert state(trust.map, "CS-1") is TrustState.CONFIRMED
    assert state(trust.map, "CS-1", "root-rsa") is TrustState.UNKNOWN


def test_under_a_chain_with_a_bridge_it_is_a_belief(signing_room: SigningRoom) -> None:
    trust = trust_of(signing_room)
    shows(signing_room, trust, "root", "root-rsa")
    Holder(signing_room, "CS-1")
    trust.sightings.look()
    assert state(trust.map, "CS-1") is TrustState.BELIEVED


def test_a_handshake_from_before_the_change_proves_nothing(signing_room: SigningRoom) -> None:
    trust = trust_of(signing_room)
    shows(signing_room, trust, "root-rsa")
    trust.sightings.shows({KeyFamily.EC: frozenset({"root"})})
    Holder(signing_room, "CS-1")
    trust.sightings.look()
    assert state(trust.map, "CS-1") is TrustState.UNKNOWN
    signing_room.clock.advance(seconds=60)
    holder(signing_room, "CS-2")
    trust.sightings.look()
    assert state(trust.map, "CS-2") is TrustState.CONFIRMED


@pytest.mark.both_databases
def test_the_certificate_that_was_shown_is_told_by_the_suite(signing_room: SigningRoom) -> None:
    """RFC 5246 §A.5. And what an edge shows is not ours."""
    trust = trust_of(signing_room)
    shows(signing_room, trust, "root")
    shows(signing_room, trust, "root-rsa", family=KeyFamily.RSA)
    trust.sightings.shows({KeyFamily.EC: frozenset({"root"}), KeyFamily.RSA: frozenset({"root-rsa"})})
    signing_room.clock.advance(seconds=60)
    holder(signing_room, "CS-rsa", line=RSA_LINE)
    holder(signing_room, "CS-edge", line=EDGE_LINE)
    trust.sightings.look()
    assert state(trust.map, "CS-rsa") is TrustState.UNKNOWN
    assert state(trust.map, "CS-rsa", "root-rsa") is TrustState.CONFIRMED
    assert state(trust.map, "CS-edge") is TrustState.UNKNOWN


def test_a_restart_loses_no_proof_and_makes_none(signing_room: SigningRoom) -> None:
    trust = trust_of(signing_room)
    shows(signing_room, trust, "root")
    Holder(signing_room, "CS-1")
    signing_room.clock.advance(seconds=1)
    again = trust_of(signing_room)
    again.sightings.began()
    signing_room.clock.advance(seconds=60)
    Holder(signing_room, "CS-2")
    again.sightings.look()
    assert state(again.map, "CS-1") is TrustState.CONFIRMED
    assert state(again.map, "CS-2") is TrustState.UNKNOWN


@pytest.mark.both_databases
def test_a_makers_root_is_preset_in_its_own_stations(signing_room: SigningRoom) -> None:
    trust = trust_of(signing_room)
    signing_room.authority.anchors.add(maker_root(start=NOON).pem, "Volt Motors", "volt", BY)
    Holder(signing_room, "CS-1")
    with signing_room.store.writing() as session:
        session.get_one(StationRow, "CS-1").vendor = "volt MOTORS"
    Holder(signing_room, "CS-2")
    assert state(trust.map, "CS-1", "volt") is TrustState.BELIEVED
    assert state(trust.map, "CS-2", "volt") is TrustState.UNKNOWN
    assert {one.name: one.whose for one in trust.map.roots()}["volt"] == "Volt Motors"


def test_a_station_that_is_removed_leaves_nothing_behind(signing_room: SigningRoom) -> None:
    trust = trust_of(signing_room)
    shows(signing_room, trust, "root")
    Holder(signing_room, "CS-1")
    trust.sightings.look()
    signing_room.registry.remove("CS-1", BY, "sold")
    assert sum(trust.map.counts("root").values()) == 0
