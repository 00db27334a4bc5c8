"""What ought to be there, what others ask, and the fleet in numbers."""

import pytest

from csms_bridge.commands import InstallRoot, ListRoots
from csms_bridge.dialects import DIALECTS
from csms_bridge.errors import UnknownStation
from csms_bridge.orders import Ending
from csms_bridge.station_roots.holders import Holders
from csms_bridge.station_roots.reckoning import Presence
from pki.alarms import AlarmKind
from tests.csms_bridge.room import NOON, SigningRoom
from tests.csms_bridge.station_roots.holder import BY, CSMS, V201, Holder, name_of, wire
from tests.pki.makers import maker_root

STRANGER = maker_root("A stranger's root", start=NOON)


@pytest.fixture
def holder(signing_room: SigningRoom) -> Holder:
    return Holder(signing_room)


def unknown_alarms(room: SigningRoom) -> list[str]:
    return [alarm.thing for alarm in room.authority.alarms.open_of(AlarmKind.UNKNOWN_ROOT)]


def expected(holder: Holder) -> dict[tuple[str, ...], Presence]:
    return {one.roots: one.presence for one in holder.room.roots.view("CS-1").expected}


def test_what_ought_to_be_there(holder: Holder) -> None:
    assert expected(holder) == {("root",): Presence.UNKNOWN, ("root-rsa",): Presence.UNKNOWN}
    holder.list()
    assert expected(holder) == {("root",): Presence.MISSING, ("root-rsa",): Presence.MISSING}
    holder.hold(CSMS, name_of(holder.root("root")))
    holder.list()
    assert expected(holder) == {("root",): Presence.LISTED, ("root-rsa",): Presence.OPTIONAL}


def test_an_installed_root_is_believed_there_until_it_is_listed(holder: Holder) -> None:
    holder.room.roots.install("CS-1", CSMS, BY, name="root")
    holder.answer({"status": "Accepted"})
    assert expected(holder)[("root",)] is Presence.BELIEVED
    holder.hold(CSMS, name_of(holder.root("root")))
    holder.list()
    assert expected(holder)[("root",)] is Presence.LISTED


def test_a_walks_messages_stand_in_the_inventory(holder: Holder) -> None:
    dialect, roots = DIALECTS[V201], holder.room.roots
    install = dialect.request(InstallRoot(holder.room.authority.authority("root").certificate_pem))
    roots.heard("CS-1", install, Ending.ANSWERED, {"status": "Accepted"}, "")
    assert expected(holder)[("root",)] is Presence.BELIEVED
    chains = [{"certificateType": "CSMSRootCertificate", "certificateHashData": wire(name_of(holder.root("root")))}]
    answer = {"status": "Accepted", "certificateHashDataChain": chains}
    roots.heard("CS-1", dialect.request(ListRoots()), Ending.ANSWERED, answer, "")
    assert expected(holder)[("root",)] is Presence.LISTED
    assert [act.by for act in roots.view("CS-1").acts] == ["walk"]


def test_a_message_sent_by_hand_counts_as_well(holder: Holder) -> None:
    holder.hold(CSMS, name_of(holder.root("root")))
    holder.room.orders.place("CS-1", "GetInstalledCertificateIds", {}, BY, "forced")
    holder.answer()
    assert len(holder.room.roots.view("CS-1").entries) == 1


def test_the_fleet_is_counted_by_root(holder: Holder) -> None:
    holder.hold(CSMS, name_of(holder.root("root")), name_of(STRANGER.der))
    holder.list()
    other = Holder(holder.room, "CS-2")
    holder.room.roots.install("CS-2", CSMS, BY, name="root")
    other.answer({"status": "Accepted"})
    Holder(holder.room, "CS-3")
    held = holder.room.roots.holders(["root", "root-rsa"])
    assert held["root"] == Holders(listed=1, believed=1, unknown=1)
    assert held["root-rsa"] == Holders(listed=0, believed=0, unknown=2)
    assert holder.room.roots.unknown_count() == 1


def test_a_station_that_is_removed_leaves_nothing_behind(holder: Holder) -> None:
    holder.hold(CSMS, name_of(holder.root("root")), name_of(STRANGER.der))
    holder.list()
    holder.room.roots.install("CS-1", CSMS, BY, name="root")
    holder.room.roots.forget("CS-1")
    holder.room.registry.remove("CS-1", BY, "sold")
    assert unknown_alarms(holder.room) == []
    with pytest.raises(UnknownStation):
        holder.room.roots.view("CS-1")
