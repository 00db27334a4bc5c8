"""The list of unknown stations: bounded, honest about contradictions, and no way for one to push out another."""

from dataclasses import replace
from datetime import timedelta

import pytest

from csms_bridge.errors import StationExists, StationRefused, UnknownStranger
from csms_bridge.events import Booted
from csms_bridge.station import NewStation, OcppVersion, SecurityProfile
from csms_bridge.strangers import NEW_PER_MINUTE, Bounds, Knock, Strangers, network_of
from pki.secret_text import Secret
from tests.csms_bridge.room import NOON, Room

KNOCK = Knock("CS-9", "192.0.2.7", "quarantined", "in quarantine", "nothing, over a plain line", None, OcppVersion.V201)
BOOT = Booted("Acme", "Wallbox", "1.0", ("SN-9",), "PowerUp")
PASSWORD = Secret.of("factory-password")


def strangers(room: Room, rows: int = 5, of_address: int = 3) -> Strangers:
    return Strangers(room.store, room.trail, room.clock, Bounds(rows, of_address, timedelta(days=7)))


def come(book: Strangers, number: int, address: str = "192.0.2.7", *, boots: bool = False) -> bool:
    """One that is written at once."""
    noted = book.knocked(replace(KNOCK, id=f"U-{number}", address=address))
    if noted and boots:
        book.booted(f"U-{number}", BOOT)
    book.flush()
    return noted


def listed(book: Strangers) -> list[str]:
    return [one.id for one in book.page()]


def test_it_was_seen_first_when_it_knocked_and_not_when_that_was_written(room, clock):
    book = strangers(room)
    book.knocked(KNOCK)
    clock.advance(seconds=1)
    book.flush()
    one = book.stranger("CS-9")
    assert (one.first_seen, one.last_seen) == (NOON, NOON)


def test_what_one_showed_and_said_is_listed(room):
    book = strangers(room)
    assert book.knocked(KNOCK)
    assert book.knocked(replace(KNOCK, address="192.0.2.8"))
    book.booted("CS-9", BOOT)
    assert book.page() == []
    book.flush()
    (one,) = book.page()
    assert (one.id, one.tries, one.addresses, one.first_seen) == ("CS-9", 2, ("192.0.2.8", "192.0.2.7"), NOON)
    assert (one.vendor, one.model, one.serial, one.firmware) == ("Acme", "Wallbox", "SN-9", "1.0")
    assert (one.ocpp_version, one.has_password, one.contested) == (OcppVersion.V201, False, False)
    assert book.count() == 1


def test_the_first_word_stays_and_another_is_marked(room):
    """Who comes second under the same identity changes nothing of what the first one said."""
    book = strangers(room)
    book.knocked(replace(KNOCK, credential="hash-1", shown="a password over TLS"))
    book.booted("CS-9", BOOT)
    book.flush()
    book.knocked(replace(KNOCK, credential="hash-2", shown="something else"))
    book.booted("CS-9", replace(BOOT, serials=("SN-OTHER",)))
    book.flush()
    one = book.stranger("CS-9")
    assert (one.serial, one.shown, one.contested) == ("SN-9", "a password over TLS", True)


def test_newer_firmware_is_no_contradiction(room):
    book = strangers(room)
    for firmware in ("1.0", "2.0"):
        book.knocked(KNOCK)
        book.booted("CS-9", replace(BOOT, firmware=firmware))
        book.flush()
    assert not book.stranger("CS-9").contested


def test_one_address_has_its_share_and_others_theirs(room):
    book = strangers(room)
    assert [come(book, number) for number in range(4)] == [True, True, True, False]
    assert come(book, 9, "198.51.100.1")
    assert come(book, 1)  # who is listed is always taken note of
    assert book.stranger("U-1").tries == 2


def test_the_share_counts_those_that_are_not_written_yet(room):
    book = strangers(room)
    noted = [book.knocked(replace(KNOCK, id=f"U-{number}")) for number in range(5)]
    assert noted == [True] * 3 + [False] * 2


def test_a_full_list_takes_nobody_and_pushes_out_nobody_who_said_what_it_is(room, clock):
    book = strangers(room)
    for number in range(5):
        assert come(book, number, f"192.0.2.{number}", boots=True)
    clock.advance(hours=1)
    assert not come(book, 9, "198.51.100.1")
    assert listed(book) == [f"U-{number}" for number in range(5)]


def test_who_never_said_what_it_is_gives_way_after_a_while(room, clock):
    book = strangers(room)
    for number in range(5):
        come(book, number, f"192.0.2.{number}", boots=number != 3)
    assert not come(book, 9, "198.51.100.1")
    clock.advance(minutes=11)
    assert come(book, 9, "198.51.100.1")
    assert listed(book) == ["U-0", "U-1", "U-2", "U-4", "U-9"]


def test_an_address_with_many_made_up_ones_only_pushes_out_its_own(room, clock):
    book = strangers(room, rows=50)
    come(book, 100, "198.51.100.1")
    for number in range(3):
        come(book, number)
    clock.advance(minutes=11)
    for number in range(3, 9):
        come(book, number)
    assert listed(book)[0] == "U-100"
    assert book.count() == 4


def test_so_many_new_ones_of_one_address_a_minute(room, clock):
    book = strangers(room, rows=500, of_address=500)
    noted = [book.knocked(replace(KNOCK, id=f"U-{number}")) for number in range(NEW_PER_MINUTE + 3)]
    assert noted == [True] * NEW_PER_MINUTE + [False] * 3
    clock.advance(minutes=2)
    assert book.knocked(replace(KNOCK, id="U-999"))


def test_is_forgotten_when_it_has_not_been_seen_for_long(room, clock):
    book = strangers(room)
    come(book, 1)
    clock.advance(days=7, seconds=1)
    book.flush()
    assert listed(book) == []


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_a_household_of_ipv6_counts_as_one(address, network):
    assert network_of(address) == network


def test_hostile_text_is_cut_and_cleaned(room):
    book = strangers(room)
    book.knocked(KNOCK)
    book.booted("CS-9", Booted("A\0\x1b[31m" + "x" * 200, "M", "1", ("S" * 300,), ""))
    book.flush()
    one = book.stranger("CS-9")
    assert one.vendor.startswith("A\ufffd\ufffd[31m")
    assert (len(one.vendor), len(one.serial)) == (50, 64)


def test_is_taken_off_the_list_with_a_reason(room):
    book = strangers(room)
    come(book, 1)
    come(book, 2, "192.0.2.8")
    book.forget("U-1", "user:anna", "a scanner")
    assert listed(book) == ["U-2"]
    with pytest.raises(UnknownStranger):
        book.forget("U-1", "user:anna", "again")
    assert book.forget_all("192.0.2.7", "user:anna", "none left") == 0
    assert book.forget_all("192.0.2.8", "user:anna", "scanners") == 1
    assert [record.act for record in room.records("192.0.2.8")] == ["station:unknown-forgotten"]


def test_a_boot_that_comes_after_it_was_forgotten_makes_no_row(room):
    book = strangers(room)
    come(book, 1)
    book.forget("U-1", "user:anna", "a scanner")
    book.booted("U-1", BOOT)
    book.flush()
    assert listed(book) == []


def test_tells_who_has_no_business_in_quarantine_any_more(room):
    book = strangers(room)
    come(book, 1)
    come(book, 2)
    book.knocked(replace(KNOCK, id="U-3"))
    room.add("U-2", "SN-2")
    gone = book.gone_among(["U-1", "U-2", "U-3", "U-4"])
    assert gone == {"U-2": "it is registered now", "U-4": "it was taken off the list of unknown stations"}


def new(serial: str = "SN-9", profile: SecurityProfile = SecurityProfile.BASIC) -> NewStation:
    return NewStation("CS-9", serial, OcppVersion.V201, profile)


def showed(room: Room, password: Secret = PASSWORD) -> Strangers:
    book = strangers(room)
    book.knocked(replace(KNOCK, credential=room.passwords.credential_of("CS-9", password)))
    book.flush()
    return book


def test_is_adopted_with_a_password_of_ours(room):
    book = showed(room)
    added = room.registry.adopt(new(), "user:anna", keep_password=False)
    assert added.password is not None
    assert book.page() == []
    with room.store.reading() as session:
        known = room.passwords.known(session, "CS-9")
    assert room.passwords.matching("CS-9", PASSWORD, known) is None
    assert room.records("CS-9")[0].details["adopted_from"] == "192.0.2.7"


def test_is_adopted_with_the_password_that_it_showed(room):
    showed(room)
    assert room.registry.adopt(new(), "user:anna", keep_password=True).password is None
    with room.store.reading() as session:
        known = room.passwords.known(session, "CS-9")
    assert room.passwords.matching("CS-9", PASSWORD, known) is not None
    assert room.passwords.matching("CS-9", Secret.of("another-password"), known) is None


def test_no_password_is_kept_that_was_contested_or_not_shown(room):
    book = showed(room)
    book.knocked(replace(KNOCK, credential=room.passwords.credential_of("CS-9", Secret.of("another-password"))))
    book.flush()
    with pytest.raises(StationRefused, match="different passwords"):
        room.registry.adopt(new(), "user:anna", keep_password=True)
    assert listed(book) == ["CS-9"]  # nothing was changed
    book.forget("CS-9", "user:anna", "start afresh")
    come(book, 1)
    with pytest.raises(StationRefused, match="no password"):
        room.registry.adopt(NewStation("U-1", "SN-1"), "user:anna", keep_password=True)


@pytest.mark.parametrize("password", [b"short", b"x" * 65])
def test_what_can_be_no_password_is_not_kept(room, password):
    assert room.passwords.credential_of("CS-9", Secret(password)) is None


def test_adopting_breaks_no_rule_of_registering(room):
    showed(room)
    room.add("CS-1", "SN-9")
    with pytest.raises(StationExists):
        room.registry.adopt(new(), "user:anna", keep_password=False)
    with pytest.raises(UnknownStranger):
        room.registry.adopt(NewStation("CS-8", "SN-8"), "user:anna", keep_password=False)
