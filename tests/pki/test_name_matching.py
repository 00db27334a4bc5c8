"""Names on record and names claimed, however they are spelt (RFC 4518 §2)."""

import pytest

from pki.name_matching import holds_name, same_name


@pytest.mark.parametrize(
    ("claimed", "names"),
    [
        ("SN-1", True),
        ("sn-1", True),
        ("ACME SN-1", True),
        ("ACME:SN-1/A", True),
        ("\uff33\uff2e-1", True),  # full width
        ("充电桩SN-1", True),
        ("SN-12", False),
        ("XSN-1", False),
        ("SN", False),
        ("", False),
    ],
)
def test_a_claimed_name_holds_the_serial_number_as_a_word_of_its_own(claimed: str, names: bool) -> None:
    """A00.FR.405 says "contains"; a longer serial number that begins alike is another station's."""
    assert holds_name(claimed, "SN-1") is names


def test_blanks_in_a_serial_number_are_one() -> None:
    assert holds_name("ACME  SN\u00a01", "SN 1")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme Charging", "  ACME   charging "),
        ("Stadtwerke M\u00fcnchen", "Stadtwerke Mu\u0308nchen"),  # composed and decomposed
        ("Stra\u00dfe", "STRASSE"),
        ("\ufb01rma", "Firma"),  # a ligature
    ],
)
def test_one_name_has_many_spellings(one: str, other: str) -> None:
    assert same_name(one, other)


@pytest.mark.parametrize(("one", "other"), [("Acme", "Acme Ltd"), ("Acme", "\u0410cme"), ("A B", "AB")])
def test_other_names_are_other_names(one: str, other: str) -> None:
    """A Cyrillic letter that looks alike stays another letter."""
    assert not same_name(one, other)
