"""Which way back may be opened, and what it means in words."""

from dataclasses import replace
from datetime import timedelta

import pytest

from csms_bridge.errors import RecoveryNotNow, StationRefused
from csms_bridge.recovery.rules import Facts, check, in_words, says, walk_after
from csms_bridge.recovery.words import Ask, Loss, Proof
from csms_bridge.standing import Lane
from csms_bridge.station import SecurityProfile

NONE, BASIC, TLS, MUTUAL = SecurityProfile
DAY = timedelta(days=1)
FACTS = Facts("SN-1", MUTUAL, is_connected=False, had_certificate=True, good=2, makers=frozenset({"Volt Motors"}))
LOST = Ask("CS-1", Loss.LOST, DAY, "flash memory broken")
SWAPPED = Ask("CS-1", Loss.SWAPPED, DAY, "lightning", new_serial="SN-9")
EXPIRED = Ask("CS-1", Loss.EXPIRED, DAY, "stood in a warehouse")


@pytest.mark.parametrize(
    ("loss", "maker", "proof", "lane"),
    [
        (Loss.EXPIRED, "", Proof.CERTIFICATE, Lane.RECOVERY),
        (Loss.LOST, "", Proof.PASSWORD, Lane.PASSWORD),
        (Loss.RESET, "Volt Motors", Proof.MAKER, Lane.BOOTSTRAP),
        (Loss.SWAPPED, "", Proof.PASSWORD, Lane.PASSWORD),
        (Loss.REVOKED, "Volt Motors", Proof.MAKER, Lane.BOOTSTRAP),
    ],
)
def test_a_loss_is_made_up_for_by_what_the_station_can_still_show(loss, maker, proof, lane):
    asked = Ask("CS-1", loss, DAY, "why", maker=maker, new_serial="SN-9" if loss is Loss.SWAPPED else "")
    check(asked, FACTS)
    assert (asked.by_proof, asked.by_proof.lane) == (proof, lane)


WRONG = {
    "too short": (replace(LOST, life=timedelta(minutes=4)), FACTS, "valid_for"),
    "never ends": (replace(LOST, life=timedelta(days=31)), FACTS, "valid_for"),
    "no reason": (replace(LOST, reason=" "), FACTS, "reason"),
    "an expired one by password": (replace(EXPIRED, proof=Proof.PASSWORD), FACTS, "proof"),
    "a lost one by itself": (replace(LOST, proof=Proof.CERTIFICATE), FACTS, "proof"),
    "never had one": (EXPIRED, replace(FACTS, had_certificate=False), "id"),
    "its password does": (LOST, replace(FACTS, floor=TLS), "loss"),
    "a revoked one, and its password does": (replace(LOST, loss=Loss.REVOKED), replace(FACTS, floor=BASIC), "loss"),
    "reset where nothing is asked": (replace(LOST, loss=Loss.RESET), replace(FACTS, floor=NONE), "loss"),
    "a maker nobody named": (replace(LOST, proof=Proof.MAKER), FACTS, "maker"),
    "a maker without an anchor": (replace(LOST, maker="Watt Motors"), FACTS, "maker"),
    "a maker beside a password": (replace(LOST, proof=Proof.PASSWORD, maker="Volt Motors"), FACTS, "maker"),
    "swapped without a number": (replace(SWAPPED, new_serial=""), FACTS, "new_serial"),
    "a number without a swap": (replace(LOST, new_serial="SN-9"), FACTS, "new_serial"),
    "the same board": (replace(SWAPPED, new_serial="SN-1"), FACTS, "new_serial"),
    "blanks around it": (replace(SWAPPED, new_serial="SN-9 "), FACTS, "new_serial"),
    "too long a number": (replace(SWAPPED, new_serial="9" * 65), FACTS, "new_serial"),
    "another station's": (SWAPPED, replace(FACTS, taken=True), "new_serial"),
    "walked down": (replace(LOST, then_walk=2), FACTS, "then_walk"),
    "walked to nowhere": (replace(LOST, then_walk=1), FACTS, "then_walk"),
}


@pytest.mark.parametrize(("asked", "facts", "field"), WRONG.values(), ids=WRONG)
def test_refuses_what_cannot_be_right_and_names_it(asked, facts, field):
    with pytest.raises(StationRefused) as refused:
        check(asked, facts)
    assert refused.value.field == field


@pytest.mark.parametrize("loss", Loss)
def test_a_station_that_is_connected_has_lost_nothing_but_time(loss):
    """Whoever says on the telephone that its key is lost may be the one who wants to come in its place."""
    asked = Ask("CS-1", loss, DAY, "why", new_serial="SN-9" if loss is Loss.SWAPPED else "")
    connected = replace(FACTS, is_connected=True)
    if loss is Loss.EXPIRED:
        check(asked, connected)
        return
    with pytest.raises(RecoveryNotNow, match="nothing is lost"):
        check(asked, connected)


@pytest.mark.parametrize(
    ("asked", "floor", "walk"),
    [
        (LOST, MUTUAL, 3),  # nothing else leads from a password to where it must be
        (replace(LOST, then_walk=3), MUTUAL, 3),
        (replace(LOST, maker="Volt Motors", then_walk=3), MUTUAL, None),  # a certificate leads there by itself
        (replace(EXPIRED, then_walk=3), MUTUAL, None),
        (replace(LOST, loss=Loss.RESET), TLS, None),
        (replace(LOST, loss=Loss.RESET, then_walk=3), TLS, 3),
        (replace(LOST, loss=Loss.RESET, then_walk=2), TLS, None),
        (replace(LOST, loss=Loss.RESET, then_walk=2), BASIC, 2),
    ],
)
def test_a_password_leads_up_by_a_walk(asked, floor, walk):
    assert walk_after(asked, floor) == walk


def test_says_what_is_let_in_for_how_long_and_what_is_revoked():
    told = " ".join(says(replace(SWAPPED, life=timedelta(hours=36)), FACTS))
    for words in ("For 36 hours", "let in as CS-1", "password that is made for this", "walked up to profile 3",
                  "becomes SN-9", "states SN-1 is refused", "2 certificates are revoked", "superseded", "for good",
                  "roots is forgotten"):  # fmt: skip
        assert words in told
    told = " ".join(says(EXPIRED, FACTS))
    assert "newest certificate for SN-1" in told
    assert "revoked" not in told
    assert "keyCompromise" in " ".join(says(LOST, FACTS))
    assert "a certificate of Volt Motors for SN-9" in says(replace(SWAPPED, maker="Volt Motors"), FACTS)[0]


@pytest.mark.parametrize(
    ("life", "words"),
    [
        (timedelta(days=2), "2 days"),
        (timedelta(hours=25), "25 hours"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(seconds=301), "301 seconds"),
    ],
)
def test_spans_are_told_in_the_largest_unit_that_fits(life, words):
    assert in_words(life) == words
