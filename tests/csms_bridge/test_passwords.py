"""Basic passwords: one form, one hash, for stations that send raw bytes and those that send hexadecimal."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from csms_bridge import passwords
from csms_bridge.passwords import PasswordKind, canonical, hash_password, new_password, password_matches
from pki.secret_text import Secret
from tests.csms_bridge.room import PASSWORD_KEY

STATION = "CS-1"


def generated(password: Secret) -> str:
    return hash_password(password, PasswordKind.GENERATED, STATION, PASSWORD_KEY)


def fits(presented: bytes, stored: str, station: str = STATION, key: bytes = PASSWORD_KEY) -> bool:
    return password_matches(Secret(presented), stored, station, key)


def test_new_passwords_suit_every_version():
    """1.6 white paper ed. 3 A00.FR.205: 16 to 20 bytes; 2.0.1 passwordString: 16 to 40 characters."""
    text = new_password().text()
    assert len(text) == 20
    assert text.isascii()
    assert text.isalnum()


def test_every_new_password_is_another():
    """A01.FR.06/.07: unique and random."""
    assert len({new_password().text() for _ in range(100)}) == 100


def test_a_new_password_is_never_taken_for_hexadecimal(monkeypatch):
    """Such a text gets decoded by 1.6 stations (reference §8.1), and by our own canonical form."""
    drawn = iter("0123456789abcdef0123" + "0123456789abcdef012z")
    monkeypatch.setattr(passwords.secrets, "choice", lambda _: next(drawn))
    assert new_password().text() == "0123456789abcdef012z"


@pytest.mark.parametrize(
    ("presented", "raw"),
    [
        (b"00ff00FF00ff00ff", b"\x00\xff" * 4),
        (b"aB" * 20, b"\xab" * 20),
        (b"00ff00ff00ff00f", b"00ff00ff00ff00f"),  # odd
        (b"00ff00ff00ff00", b"00ff00ff00ff00"),  # shorter than 16 digits
        (b"00ff00ff00ff00fg", b"00ff00ff00ff00fg"),
        (b"00ff00ff00ff00ff\n", b"00ff00ff00ff00ff\n"),
        (b"\x00\xff" * 8, b"\x00\xff" * 8),
        (b"", b""),
    ],
)
def test_decodes_hexadecimal_of_16_digits_or_more_and_nothing_else(presented, raw):
    assert canonical(Secret(presented)) == raw


@given(st.binary(min_size=16, max_size=20))
def test_a_password_set_as_hexadecimal_is_known_in_both_forms(raw):
    """1.6: the header carries the decoded bytes, some stations send the digits themselves (station-quirks 11)."""
    assume(canonical(Secret(raw)) == raw)  # bytes that themselves spell hexadecimal are never made here
    stored = generated(Secret.of(raw.hex()))
    assert fits(raw, stored)
    assert fits(raw.hex().encode(), stored)
    assert fits(raw.hex().upper().encode(), stored)
    assert not fits(raw[:-1], stored)


@pytest.mark.parametrize("kind", PasswordKind)
def test_a_password_that_reads_as_hexadecimal_may_come_spelt_as_hexadecimal_once_more(kind):
    """The key of a station was set as text, and it sends the digits of that text."""
    text = "abcdefABCDEF12345678"
    stored = hash_password(Secret.of(text), kind, STATION, PASSWORD_KEY)
    assert fits(text.encode(), stored)
    assert fits(bytes.fromhex(text), stored)
    assert fits(text.encode().hex().encode(), stored)
    assert not fits(text.lower().encode()[:-2], stored)


@pytest.mark.parametrize("presented", [b"", b"another password", b"rightpassword1234567", b"RightPassword123456"])
def test_refuses_another_password(presented):
    assert not fits(presented, generated(Secret.of("RightPassword1234567")))


def test_a_hash_is_bound_to_the_station():
    stored = generated(Secret.of("RightPassword1234567"))
    assert fits(b"RightPassword1234567", stored)
    assert not fits(b"RightPassword1234567", stored, station="CS-2")


def test_a_hash_is_worth_nothing_without_the_key():
    stored = generated(Secret.of("RightPassword1234567"))
    assert not fits(b"RightPassword1234567", stored, key=bytes(32))


def test_no_other_station_and_password_give_the_same_hash():
    """The station's name and the password are kept apart: "CS-1" with "2x" is not "CS-12" with "x"."""
    one = hash_password(Secret.of("2x"), PasswordKind.GENERATED, "CS-1", PASSWORD_KEY)
    other = hash_password(Secret.of("x"), PasswordKind.GENERATED, "CS-12", PASSWORD_KEY)
    assert one != other


@pytest.mark.usefixtures("as_shipped")
def test_a_chosen_password_gets_a_slow_salted_hash():
    """A person's choice may be guessed, so guessing must cost (A01.FR.08: a salted hash; RFC 9106 §4: 64 MiB)."""
    chosen = Secret.of("chosen by anna")
    stored = hash_password(chosen, PasswordKind.CHOSEN, STATION, PASSWORD_KEY)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,")
    assert stored != hash_password(chosen, PasswordKind.CHOSEN, STATION, PASSWORD_KEY)
    assert fits(b"chosen by anna", stored)
    assert not fits(b"chosen by otto", stored)


def test_a_chosen_hexadecimal_password_is_known_in_both_forms():
    stored = hash_password(Secret.of("00112233445566778899"), PasswordKind.CHOSEN, STATION, PASSWORD_KEY)
    assert fits(bytes.fromhex("00112233445566778899"), stored)
    assert fits(b"00112233445566778899", stored)


def test_neither_hash_shows_the_password():
    for kind in PasswordKind:
        assert "RightPassword" not in hash_password(Secret.of("RightPassword1234567"), kind, STATION, PASSWORD_KEY)
