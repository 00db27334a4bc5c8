"""Installing a root: which, in which form, and what each answer means."""

from datetime import timedelta

import pytest

from csms_bridge.errors import RootRefused, UnknownRoot
from csms_bridge.events import Booted
from csms_bridge.orders import Ending
from csms_bridge.station import OcppVersion
from csms_bridge.station_roots.entries import ActState
from pki.alarms import AlarmKind
from pki.errors import AnchorRefused
from tests.csms_bridge.room import NOON, SigningRoom
from tests.csms_bridge.station_roots.holder import BY, CSMS, MANUFACTURER, V16, V21, V201, Holder, name_of
from tests.pki.makers import maker_root

BOOT = Booted("Voltward", "Simulated", "1.0.0", (), "PowerUp")
STRANGER = maker_root("A stranger's root", start=NOON)


@pytest.fixture
def holder(signing_room: SigningRoom) -> Holder:
    return Holder(signing_room)


def unknown_alarms(room: SigningRoom) -> list[str]:
    return [alarm.thing for alarm in room.authority.alarms.open_of(AlarmKind.UNKNOWN_ROOT)]


@pytest.mark.parametrize(
    ("version", "kind"),
    [(V16, "CentralSystemRootCertificate"), (V201, "CSMSRootCertificate"), (V21, "CSMSRootCertificate")],
)
def test_a_root_is_installed_by_its_name(signing_room: SigningRoom, version: OcppVersion, kind: str) -> None:
    holder = Holder(signing_room, version=version)
    act = signing_room.roots.install("CS-1", CSMS, BY, name="root", reason="it had none")
    (order,) = holder.answer({"status": "Accepted"})
    pem = signing_room.authority.authority("root").certificate_pem
    assert (order.action, order.payload) == ("InstallCertificate", {"certificateType": kind, "certificate": pem})
    done = signing_room.roots.act("CS-1", act.id)
    assert (done.state, done.name, done.reason, done.by) == (ActState.DONE, "root", "it had none", BY)
    assert signing_room.acts()[-4:] == [
        "command:ordered", "station:root-ordered", "command:answered", "station:root-settled",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "error", "ending", "state"),
    [
        ({"status": "Rejected"}, "", None, ActState.REJECTED),
        ({"status": "Failed"}, "", None, ActState.FAILED),
        ({"status": "Perhaps"}, "", None, ActState.FAILED),
        (None, "SecurityError: not on this profile", Ending.REFUSED, ActState.REFUSED),
        (None, "none came in 30 s", Ending.SILENT, ActState.UNKNOWN),
        (None, "the station just left", Ending.UNSENT, ActState.UNSENT),
    ],
)
def test_each_answer_is_an_outcome_with_a_sentence(
    holder: Holder, answer: object, error: str, ending: Ending | None, state: ActState
) -> None:
    act = holder.room.roots.install("CS-1", CSMS, BY, name="root")
    holder.answer(answer or {}, error=error, ending=ending)
    done = holder.room.roots.act("CS-1", act.id)
    assert done.state is state
    assert len(done.sentence) > 10
    assert not done.is_open


def test_the_stations_own_reason_is_told(holder: Holder) -> None:
    act = holder.room.roots.install("CS-1", CSMS, BY, name="root")
    holder.answer({"status": "Rejected", "statusInfo": {"reasonCode": "NoSpace", "additionalInfo": "10 of 10"}})
    assert "(NoSpace: 10 of 10)" in holder.room.roots.act("CS-1", act.id).sentence


@pytest.mark.parametrize("is_there", [True, False])
def test_what_a_lost_answer_left_open_the_list_decides(holder: Holder, is_there: bool) -> None:
    act = holder.room.roots.install("CS-1", CSMS, BY, name="root")
    holder.answer({}, error="the line closed", ending=Ending.SILENT)
    holder.room.clock.advance(seconds=31)
    if is_there:
        holder.hold(CSMS, name_of(holder.root("root")))
    holder.room.sightings.booted("CS-1", BOOT)
    holder.room.roots.round()
    assert [order.action for order in holder.answer()] == ["GetInstalledCertificateIds"] * 2
    done = holder.room.roots.act("CS-1", act.id)
    assert (done.state, done.sentence) == (
        (ActState.DONE, "the list shows it") if is_there else (ActState.FAILED, "the list does not show it")
    )


def test_a_pem_of_a_stranger_is_recorded_when_it_is_installed(holder: Holder) -> None:
    holder.room.roots.install("CS-1", MANUFACTURER, BY, pem=STRANGER.pem.decode())
    holder.answer({"status": "Accepted"})
    (recorded,) = holder.room.roots.recorded.all()
    holder.hold(MANUFACTURER, name_of(STRANGER.der))
    holder.list()
    (entry,) = holder.room.roots.view("CS-1").entries
    assert entry.recognised.name == recorded.name
    assert unknown_alarms(holder.room) == []


def test_a_pem_that_is_ours_is_ours(holder: Holder) -> None:
    act = holder.room.roots.install("CS-1", CSMS, BY, pem=holder.room.authority.authority("root").certificate_pem)
    assert act.name == "root"
    assert holder.room.roots.recorded.all() == []


@pytest.mark.parametrize(
    ("pem", "code"),
    [
        (STRANGER.below("Sub").pem.decode(), "not-self-signed"),
        (maker_root(is_authority=False, start=NOON).pem.decode(), "no-authority"),
        (maker_root(start=NOON - timedelta(days=9), days=8).pem.decode(), "expired"),
        (STRANGER.pem.decode() * 2, "several"),
        ("no certificate", "unreadable"),
    ],
)
def test_what_is_no_root_is_refused(holder: Holder, pem: str, code: str) -> None:
    with pytest.raises(AnchorRefused) as refused:
        holder.room.roots.install("CS-1", CSMS, BY, pem=pem)
    assert refused.value.code == code
    assert holder.room.orders.claim({"CS-1"}) == []


def test_names_that_are_no_roots_are_refused(holder: Holder) -> None:
    with pytest.raises(UnknownRoot):
        holder.room.roots.install("CS-1", CSMS, BY, name="nobody")
    below = next(info for info in holder.room.authority.authorities() if info.parent == "root")
    with pytest.raises(RootRefused, match="is no root: it stands below 'root'"):
        holder.room.roots.install("CS-1", CSMS, BY, name=below.name)


def test_the_hierarchies_stay_apart(holder: Holder) -> None:
    with pytest.raises(RootRefused, match="as CSMS root only"):
        holder.room.roots.install("CS-1", MANUFACTURER, BY, name="root")
    holder.room.authority.anchors.add(STRANGER.pem, "Volt Motors", "volt", BY)
    with pytest.raises(RootRefused, match="hierarchies stay apart"):
        holder.room.roots.install("CS-1", CSMS, BY, name="volt")


def test_namesakes_are_told_apart(holder: Holder) -> None:
    holder.room.authority.anchors.add(STRANGER.pem, "Volt Motors", "namesake", BY)
    holder.room.roots.recorded.add(maker_root(start=NOON).pem, "namesake", "", BY)
    with pytest.raises(RootRefused, match="several are called 'namesake'"):
        holder.room.roots.install("CS-1", MANUFACTURER, BY, name="namesake")
    assert holder.room.roots.install("CS-1", MANUFACTURER, BY, name="anchor:namesake").name == "namesake"


def test_one_that_is_away_gets_it_when_it_is_back(holder: Holder) -> None:
    holder.room.sightings.disconnected("CS-1", holder.room.clock.now)
    assert holder.room.roots.install("CS-1", CSMS, BY, name="root").state is ActState.QUEUED
