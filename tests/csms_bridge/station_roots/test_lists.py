"""Listing: each version in its words, what is kept, what is gone, what makes no sense."""

import pytest

from csms_bridge.errors import RootRefused, UnknownStation
from csms_bridge.hash_data import Deviation
from csms_bridge.orders import Ending
from csms_bridge.station import OcppVersion
from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.entries import ActState, KnownAs, ListingState
from tests.csms_bridge.room import NOON, SigningRoom
from tests.csms_bridge.station_roots.holder import BY, CSMS, MANUFACTURER, V16, Holder, name_of
from tests.pki.makers import maker_root

STRANGER = maker_root("A stranger's root", start=NOON)


@pytest.fixture
def holder(signing_room: SigningRoom) -> Holder:
    return Holder(signing_room)


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


def test_words_that_a_database_cannot_take_are_kept_without_harm(holder: Holder) -> None:
    """PostgreSQL refuses NUL, and a column has an end."""
    holder.hold(CSMS, name_of(STRANGER.der, serial_number="4\0" + "7" * 100), name_of(holder.root("root")))
    holder.list()
    serials = [entry.hash_data.serial_number for entry in holder.room.roots.view("CS-1").entries]
    assert len(serials) == 2
    assert not any("\0" in serial or len(serial) > 64 for serial in serials)
