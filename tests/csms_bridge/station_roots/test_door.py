"""Listing, installing and deleting the roots of a station, from the question to what is known afterwards."""

from datetime import timedelta

import pytest

from csms_bridge.commands import InstallRoot, ListRoots
from csms_bridge.dialects import DIALECTS
from csms_bridge.errors import RootRefused, UnknownRoot, UnknownStation
from csms_bridge.events import Booted
from csms_bridge.hash_data import Deviation
from csms_bridge.orders import Ending
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.entries import ActState, KnownAs, ListingState
from csms_bridge.station_roots.holders import Holders
from csms_bridge.station_roots.inventory import rows_of
from csms_bridge.station_roots.reckoning import Presence
from pki.alarms import AlarmKind
from pki.errors import AnchorRefused
from tests.csms_bridge.room import NOON, SigningRoom
from tests.csms_bridge.station_roots.holder import BY, CSMS, MANUFACTURER, V16, V21, V201, Holder, name_of, wire
from tests.csms_bridge.station_roots.issued import own_certificate
from tests.pki.makers import maker_root

BOOT = Booted("Voltward", "Simulated", "1.0.0", (), "PowerUp")
STRANGER = maker_root("A stranger's root", start=NOON)


@pytest.fixture
def holder(signing_room: SigningRoom) -> Holder:
    return Holder(signing_room)


def unknown_alarms(room: SigningRoom) -> list[str]:
    return [alarm.thing for alarm in room.authority.alarms.open_of(AlarmKind.UNKNOWN_ROOT)]


# --- lists


@pytest.mark.parametrize("version", OcppVersion)
def test_each_version_is_asked_in_its_own_words(signing_room: SigningRoom, version: OcppVersion) -> None:
    holder = Holder(signing_room, version=version)
    holder.hold(CSMS, name_of(holder.root("root")))
    acts = holder.list()
    assert {act.state for act in acts} == {ActState.DONE}
    assert len(acts) == (2 if version is V16 else 1)
    view = signing_room.roots.view("CS-1")
    (entry,) = view.entries
    assert (entry.kind, entry.recognised.known_as, entry.recognised.name) == (CSMS, KnownAs.AUTHORITY, "root")
    assert {listing.kind for listing in view.listings} == set(holder.all_kinds)
    assert {listing.state for listing in view.listings} == {ListingState.LISTED}


def test_a_stations_own_spelling_is_kept_and_understood(holder: Holder) -> None:
    right = name_of(holder.root("root"), algorithm="SHA512")
    told = name_of(
        holder.root("root"), algorithm="SHA512", issuer_key_hash=right.issuer_key_hash.upper(),
        serial_number="0" + right.serial_number,
    )  # fmt: skip
    holder.hold(CSMS, told)
    holder.list()
    (entry,) = holder.room.roots.view("CS-1").entries
    assert entry.hash_data == told
    assert entry.recognised.deviations == (Deviation.UPPER_CASE, Deviation.LEADING_ZEROS)


def test_another_spelling_is_the_same_entry(holder: Holder) -> None:
    holder.hold(CSMS, name_of(holder.root("root")))
    holder.list()
    (first,) = holder.room.roots.view("CS-1").entries
    (kind, told) = holder.held.pop()
    holder.hold(kind, name_of(holder.root("root"), serial_number="00" + told.serial_number.upper()))
    holder.list()
    (again,) = holder.room.roots.view("CS-1").entries
    assert again.id == first.id
    assert again.hash_data.serial_number == "00" + told.serial_number.upper()


def test_what_is_listed_no_more_is_gone_and_may_come_back(holder: Holder) -> None:
    holder.hold(CSMS, name_of(holder.root("root")), name_of(holder.root("root-rsa")))
    holder.list()
    (kind, told) = holder.held.pop()
    holder.list()
    view = holder.room.roots.view("CS-1")
    assert [entry.recognised.name for entry in view.entries] == ["root"]
    assert [entry.recognised.name for entry in view.gone] == ["root-rsa"]
    holder.hold(kind, told)
    holder.list()
    assert len(holder.room.roots.view("CS-1").entries) == 2


def test_a_list_of_one_kind_says_nothing_of_the_others(holder: Holder) -> None:
    holder.hold(CSMS, name_of(holder.root("root")))
    holder.hold(MANUFACTURER, name_of(STRANGER.der))
    holder.list()
    holder.held.clear()
    holder.list(CSMS)
    assert [entry.kind for entry in holder.room.roots.view("CS-1").entries] == [MANUFACTURER]


def test_accepted_without_a_list_changes_nothing(holder: Holder) -> None:
    holder.hold(CSMS, name_of(holder.root("root")))
    holder.list()
    holder.room.roots.list_now("CS-1", (), BY)
    holder.answer({"status": "Accepted"})
    view = holder.room.roots.view("CS-1")
    assert len(view.entries) == 1
    assert {listing.state for listing in view.listings} == {ListingState.SILENT}


@pytest.mark.parametrize("answer", [{"status": "NotFound", "certificateHashDataChain": []}, {"status": "NotFound"}])
def test_an_empty_store(holder: Holder, answer: dict[str, object]) -> None:
    holder.hold(CSMS, name_of(holder.root("root")))
    holder.list()
    holder.room.roots.list_now("CS-1", (), BY)
    holder.answer(answer)
    assert holder.room.roots.view("CS-1").entries == ()


def test_one_that_does_not_know_the_question(holder: Holder) -> None:
    holder.room.roots.list_now("CS-1", (), BY)
    holder.answer({}, error="NotImplemented: what?", ending=Ending.REFUSED)
    view = holder.room.roots.view("CS-1")
    assert {listing.state for listing in view.listings} == {ListingState.UNABLE}
    assert (view.acts[0].state, view.acts[0].sentence) == (ActState.REFUSED, "NotImplemented: what?")


@pytest.mark.parametrize("answer", [None, [], {}, {"status": 7}, {"certificateHashDataChain": [None, {"x": 1}, 3]}])
def test_an_answer_without_sense_harms_nothing(holder: Holder, answer: object) -> None:
    holder.hold(CSMS, name_of(holder.root("root")))
    holder.list()
    holder.room.roots.list_now("CS-1", (), BY)
    for order in holder.room.orders.claim({"CS-1"}):
        holder.room.orders.finish(order, answer)
    view = holder.room.roots.view("CS-1")
    assert len(view.entries) == 1
    assert view.acts[0].state is ActState.FAILED


def test_a_question_under_way_is_not_asked_twice(holder: Holder) -> None:
    first, second = (holder.room.roots.list_now("CS-1", (), BY)[0] for _ in range(2))
    assert first.command == second.command
    assert len(holder.room.orders.claim({"CS-1"})) == 1


def test_one_that_is_away_is_asked_when_it_is_back(holder: Holder) -> None:
    holder.room.sightings.disconnected("CS-1", holder.room.clock.now)
    (act,) = holder.room.roots.list_now("CS-1", (), BY)
    assert act.state is ActState.QUEUED
    assert not holder.room.orders.any_waiting()
    holder.room.orders.wake("CS-1")
    assert holder.room.roots.act("CS-1", act.id).state is ActState.SENT
    holder.answer()
    assert holder.room.roots.act("CS-1", act.id).state is ActState.DONE


def test_strangers_and_stations_never_seen_are_refused(signing_room: SigningRoom) -> None:
    with pytest.raises(UnknownStation):
        signing_room.roots.list_now("CS-9", (), BY)
    signing_room.add("CS-2", version=None)
    with pytest.raises(RootRefused) as refused:
        signing_room.roots.list_now("CS-2", (), BY)
    assert refused.value.code == "never-seen"


def test_1_6_has_no_v2g_roots(signing_room: SigningRoom) -> None:
    Holder(signing_room, version=V16)
    with pytest.raises(RootRefused, match="cannot list V2G roots"):
        signing_room.roots.list_now("CS-1", (CertificateKind.V2G,), BY)


# --- unknown roots


def test_an_unknown_root_is_an_alarm_once_until_it_is_gone(holder: Holder) -> None:
    room = holder.room
    holder.hold(CSMS, name_of(holder.root("root")), name_of(STRANGER.der))
    for _ in range(3):
        holder.list()
    (thing,) = unknown_alarms(room)
    assert thing.startswith("CS-1 csms ")
    (alarm,) = room.authority.alarms.open_of(AlarmKind.UNKNOWN_ROOT)
    assert alarm.times == 1
    assert room.roots.view("CS-1").unknown[0].hash_data == name_of(STRANGER.der)
    assert "station:unknown-root" in room.acts()
    holder.held.pop()
    holder.list()
    assert unknown_alarms(room) == []
    holder.hold(CSMS, name_of(STRANGER.der))
    holder.list()
    assert len(unknown_alarms(room)) == 1


def test_a_forgery_of_our_root_is_unknown(holder: Holder) -> None:
    """Name and serial number are copied; the key cannot be."""
    forged = name_of(holder.root("root"), issuer_key_hash=name_of(STRANGER.der).issuer_key_hash)
    holder.hold(CSMS, forged)
    holder.list()
    assert len(unknown_alarms(holder.room)) == 1


def test_recording_a_root_ends_its_alarm_and_forgetting_it_raises_it_again(holder: Holder) -> None:
    room = holder.room
    holder.hold(MANUFACTURER, name_of(STRANGER.der))
    holder.list()
    room.roots.round()
    assert len(unknown_alarms(room)) == 1
    room.roots.record(STRANGER.pem, "stranger", "seen at the factory", BY)
    room.roots.round()
    assert unknown_alarms(room) == []
    (entry,) = room.roots.view("CS-1").entries
    assert (entry.recognised.known_as, entry.recognised.name) == (KnownAs.RECORDED, "stranger")
    room.roots.forget_recorded("stranger", BY, "a mistake")
    room.roots.round()
    assert len(unknown_alarms(room)) == 1


def test_a_makers_anchor_is_known(holder: Holder) -> None:
    holder.room.authority.anchors.add(STRANGER.pem, "Volt Motors", "volt", BY)
    holder.hold(MANUFACTURER, name_of(STRANGER.der))
    holder.list()
    (entry,) = holder.room.roots.view("CS-1").entries
    assert (entry.recognised.known_as, entry.recognised.name) == (KnownAs.ANCHOR, "volt")
    assert unknown_alarms(holder.room) == []


def test_a_bundle_of_strangers_is_one_alarm(holder: Holder) -> None:
    told = [name_of(STRANGER.der, serial_number=f"{number:x}") for number in range(1, 40)]
    holder.hold(CSMS, *told)
    holder.list()
    things = unknown_alarms(holder.room)
    assert "CS-1 many" in things
    assert len(things) <= 11
    holder.held.clear()
    holder.list()
    assert unknown_alarms(holder.room) == []


def test_who_lists_other_roots_every_time_does_not_fill_the_database(holder: Holder) -> None:
    for batch in range(5):
        holder.held.clear()
        holder.hold(CSMS, *(name_of(STRANGER.der, serial_number=f"{batch:x}{number:03x}") for number in range(60)))
        holder.list()
    with holder.room.store.reading() as session:
        assert len(rows_of(session, "CS-1", gone=True)) <= 60 + 100


def test_the_stations_own_certificate_among_its_roots_is_told_apart(holder: Holder) -> None:
    leaf, issuer = own_certificate(holder.room, "CS-1")
    holder.hold(CSMS, name_of(leaf.der, issuer))
    holder.list()
    (entry,) = holder.room.roots.view("CS-1").entries
    assert (entry.recognised.known_as, entry.recognised.name) == (KnownAs.STATION, leaf.serial)


# --- what ought to be there


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


# --- installing


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


# --- deleting


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


# --- what others ask


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
