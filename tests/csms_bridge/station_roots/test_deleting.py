"""Deleting: in the station's own words, and never what it needs."""

import pytest

from csms_bridge.errors import RootRefused, UnknownRoot
from csms_bridge.station import SecurityProfile
from csms_bridge.station_roots.entries import ActState
from pki.alarms import AlarmKind
from tests.csms_bridge.room import NOON, SigningRoom
from tests.csms_bridge.station_roots.holder import BY, CSMS, MANUFACTURER, V201, Holder, name_of, wire
from tests.csms_bridge.station_roots.issued import own_certificate
from tests.pki.makers import maker_root

STRANGER = maker_root("A stranger's root", start=NOON)


@pytest.fixture
def holder(signing_room: SigningRoom) -> Holder:
    return Holder(signing_room)


def unknown_alarms(room: SigningRoom) -> list[str]:
    return [alarm.thing for alarm in room.authority.alarms.open_of(AlarmKind.UNKNOWN_ROOT)]


def entry_called(holder: Holder, name: str) -> int:
    view = holder.room.roots.view("CS-1")
    return next(entry.id for entry in view.entries if entry.recognised is not None and entry.recognised.name == name)


def test_it_is_deleted_in_the_stations_own_words(holder: Holder) -> None:
    told = name_of(STRANGER.der, algorithm="SHA384", serial_number="00ABC")
    holder.hold(CSMS, name_of(holder.root("root")), told)
    holder.list()
    (strange,) = holder.room.roots.view("CS-1").unknown
    act = holder.room.roots.delete("CS-1", strange.id, BY, "nobody knows it")
    (order,) = holder.answer({"status": "Accepted"})
    assert (order.action, order.payload) == ("DeleteCertificate", {"certificateHashData": wire(told)})
    assert holder.room.roots.act("CS-1", act.id).state is ActState.DONE
    assert holder.room.roots.view("CS-1").unknown == ()
    assert unknown_alarms(holder.room) == []


@pytest.mark.parametrize(("status", "state"), [("Failed", ActState.FAILED), ("NotFound", ActState.NOT_FOUND)])
def test_a_deletion_that_came_to_nothing(holder: Holder, status: str, state: ActState) -> None:
    holder.hold(CSMS, name_of(holder.root("root")), name_of(STRANGER.der))
    holder.list()
    (strange,) = holder.room.roots.view("CS-1").unknown
    act = holder.room.roots.delete("CS-1", strange.id, BY, "")
    holder.answer({"status": status})
    assert holder.room.roots.act("CS-1", act.id).state is state
    assert len(holder.room.roots.view("CS-1").entries) == 2


def test_the_root_of_our_server_certificate_stays_force_or_no_force(holder: Holder) -> None:
    holder.hold(CSMS, name_of(holder.root("root")), name_of(STRANGER.der))
    holder.list()
    for force in (False, True):
        with pytest.raises(RootRefused) as refused:
            holder.room.roots.delete("CS-1", entry_called(holder, "root"), BY, "why not", force=force)
        assert refused.value.code == "in-use"
    assert holder.room.orders.claim({"CS-1"}) == []


def test_the_last_csms_root_stays(holder: Holder) -> None:
    holder.hold(CSMS, name_of(STRANGER.der))
    holder.list()
    with pytest.raises(RootRefused) as refused:
        holder.room.roots.delete("CS-1", holder.room.roots.view("CS-1").unknown[0].id, BY, "", force=True)
    assert refused.value.code == "last-csms-root"


def test_an_unknown_one_that_may_be_the_root_in_use_stays(holder: Holder) -> None:
    """A station whose hash data nobody understands lists its roots, and one of them is ours."""
    holder.hold(CSMS, name_of(STRANGER.der), name_of(STRANGER.der, serial_number="77"))
    holder.list()
    with pytest.raises(RootRefused) as refused:
        holder.room.roots.delete("CS-1", holder.room.roots.view("CS-1").unknown[0].id, BY, "")
    assert refused.value.code == "perhaps-in-use"


def test_the_last_manufacturer_root_needs_force_and_leaves_a_record(holder: Holder) -> None:
    holder.hold(CSMS, name_of(holder.root("root")))
    holder.hold(MANUFACTURER, name_of(STRANGER.der))
    holder.list()
    (last,) = [entry for entry in holder.room.roots.view("CS-1").entries if entry.kind is MANUFACTURER]
    with pytest.raises(RootRefused) as refused:
        holder.room.roots.delete("CS-1", last.id, BY, "")
    assert (refused.value.code, refused.value.may_force) == ("last-manufacturer-root", True)
    holder.room.roots.delete("CS-1", last.id, BY, "a test bench", force=True)
    record = next(one for one in reversed(holder.room.records()) if one.act == "station:root-ordered")
    assert (record.reason, record.details["forced"]) == ("a test bench", True)


def test_nothing_is_deleted_during_a_walk_or_while_it_is_away(holder: Holder) -> None:
    holder.hold(CSMS, name_of(holder.root("root")), name_of(STRANGER.der))
    holder.list()
    (strange,) = holder.room.roots.view("CS-1").unknown
    holder.room.ledger.start("CS-1", 3, holder.room.walk_acts.first_facts(), BY)
    with pytest.raises(RootRefused, match="a walk of it"):
        holder.room.roots.delete("CS-1", strange.id, BY, "")
    holder.room.sightings.disconnected("CS-1", holder.room.clock.now)
    with pytest.raises(RootRefused, match="is not connected"):
        holder.room.roots.delete("CS-1", strange.id, BY, "")


def test_an_entry_of_another_station_is_unknown(holder: Holder) -> None:
    holder.hold(CSMS, name_of(holder.root("root")))
    holder.list()
    Holder(holder.room, "CS-2")
    with pytest.raises(UnknownRoot):
        holder.room.roots.delete("CS-2", entry_called(holder, "root"), BY, "")


def test_a_station_on_profile_3_keeps_the_root_above_its_own_certificate(signing_room: SigningRoom) -> None:
    holder = Holder(signing_room, profile=SecurityProfile.MUTUAL_TLS)
    leaf, _ = own_certificate(signing_room, "CS-1")
    signing_room.connect("CS-1", SecurityProfile.MUTUAL_TLS, certificate=leaf.serial, version=V201)
    assert ("root",) in [one.roots for one in signing_room.roots.view("CS-1").expected if "own" in one.why]
    holder.hold(CSMS, name_of(holder.root("root")), name_of(holder.root("root-rsa")))
    holder.list()
    with pytest.raises(RootRefused, match="could not come back"):
        signing_room.roots.delete("CS-1", entry_called(holder, "root"), BY, "")
