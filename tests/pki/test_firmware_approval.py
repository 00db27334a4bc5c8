"""Who approves firmware: m of n, never whoever asked, once each; refusal, expiry, revocation; all on the trail."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pki.audit import PkiAct
from pki.authority import SignedFirmware
from pki.errors import (
    ApproverRefused,
    FirmwareNotPending,
    FirmwareRefused,
    SignerUnavailable,
    UnknownFirmware,
    UnknownFirmwareRule,
)
from pki.firmware_book import FirmwareState
from pki.firmware_rules import Requirement, as_json, missing, of_json
from pki.keys import SignatureScheme
from pki.revocation import RevocationReason
from tests.pki.conftest import SETTINGS, Room
from tests.pki.test_firmware import DeafKeys, order, signed
from tests.pki.test_issuance import CutTrail, PowerCut

ANNA, BEN, CARL = "user:anna", "user:ben", "user:carl"
PENDING, APPROVED, SIGNED, REFUSED, REVOKED = FirmwareState


def asked(room: Room, approvals: int = 2, *people: str) -> SignedFirmware:
    room.authority.firmware_rules.add("Acme", "*", approvals, people, "user:admin")
    return room.authority.sign_firmware(order(), "token:ci", "user:owner")


def test_without_a_rule_firmware_is_signed_at_once(room: Room) -> None:
    room.authority.firmware_rules.add("Other*", "*", 2, [], "user:admin")
    assert signed(room)[0].state is SIGNED


def test_m_people_sign_and_fewer_do_not(room: Room) -> None:
    firmware = asked(room, 2, ANNA, BEN, CARL)
    assert (firmware.state, firmware.missing, firmware.signature) == (PENDING, 2, None)
    once = room.authority.approve_firmware(firmware.id, ANNA)
    assert (once.state, once.missing) == (PENDING, 1)
    again = room.authority.approve_firmware(firmware.id, "token:annas", ANNA)
    assert (again.state, again.missing) == (PENDING, 1)
    done = room.authority.approve_firmware(firmware.id, BEN, note="looked at the diff")
    assert (done.state, done.missing) == (SIGNED, 0)
    assert [one.person for one in done.approvals] == [ANNA, BEN]
    assert room.authority.sign_firmware(order(), "token:ci", "user:owner") == done


@pytest.mark.parametrize(
    ("by", "person"), [("token:ci", "user:x"), ("user:owner", "user:owner"), ("token:other", "user:owner")]
)
def test_whoever_asked_never_approves(room: Room, by: str, person: str) -> None:
    """Nor the owner of the token that asked, nor another token of the same owner."""
    firmware = asked(room, 1)
    with pytest.raises(ApproverRefused):
        room.authority.approve_firmware(firmware.id, by, person)
    assert room.authority.firmware(firmware.id).missing == 1


def test_only_those_count_whom_the_rule_names(room: Room) -> None:
    firmware = asked(room, 1, ANNA)
    with pytest.raises(ApproverRefused):
        room.authority.approve_firmware(firmware.id, BEN)
    assert room.authority.approve_firmware(firmware.id, ANNA).state is SIGNED


def test_every_rule_that_fits_must_be_satisfied(room: Room) -> None:
    room.authority.firmware_rules.add("Ac*", "P?llar", 1, [CARL], "user:admin")
    firmware = asked(room, 1, ANNA, BEN)
    assert room.authority.approve_firmware(firmware.id, ANNA).missing == 1
    assert room.authority.approve_firmware(firmware.id, CARL).state is SIGNED


def test_a_rule_that_is_taken_away_does_not_loosen_what_is_under_way(room: Room) -> None:
    firmware = asked(room)
    rule = room.authority.firmware_rules.all()[0]
    room.authority.firmware_rules.remove(rule.id, "too slow", "user:admin")
    assert room.authority.firmware(firmware.id).missing == 2
    assert room.authority.sign_firmware(order(), "token:ci", "user:owner").state is PENDING
    with pytest.raises(UnknownFirmwareRule):
        room.authority.firmware_rules.remove(rule.id, "", "user:admin")


def test_a_refusal_is_for_good_and_a_new_order_may_be_placed(room: Room) -> None:
    firmware = asked(room)
    refused = room.authority.refuse_firmware(firmware.id, "no release notes", ANNA)
    assert (refused.state, refused.reason) == (REFUSED, "no release notes")
    for decide in (room.authority.approve_firmware, lambda one, by: room.authority.refuse_firmware(one, "x", by)):
        with pytest.raises(FirmwareNotPending):
            decide(firmware.id, BEN)
    other = room.authority.sign_firmware(order(digest=bytes(32)), "token:ci")  # it was never signed
    assert (other.state, other.id != firmware.id, other.approvals) == (PENDING, True, ())


def test_what_nobody_approves_ends(room: Room) -> None:
    firmware = asked(room)
    room.authority.approve_firmware(firmware.id, ANNA)
    room.clock.advance(SETTINGS.firmware_request_life)
    with pytest.raises(FirmwareNotPending, match="in time"):
        room.authority.approve_firmware(firmware.id, BEN)
    assert room.authority.firmware(firmware.id).state is REFUSED
    assert room.acts()[-1] == PkiAct.FIRMWARE_EXPIRED


def test_the_round_ends_what_is_overdue_and_leaves_the_rest(room: Room) -> None:
    firmware = asked(room)
    room.authority.keep_firmware()
    assert room.authority.firmware(firmware.id).state is PENDING
    room.clock.advance(SETTINGS.firmware_request_life)
    room.authority.keep_firmware()
    assert room.authority.firmware(firmware.id).state is REFUSED


def test_an_approved_order_is_signed_once_the_signer_is_back(room: Room) -> None:
    firmware = asked(room, 1)
    with pytest.raises(SignerUnavailable):
        room.rebuilt(keys=DeafKeys(room.keys)).approve_firmware(firmware.id, ANNA)
    assert room.authority.firmware(firmware.id).state is APPROVED
    room.authority.keep_firmware()
    assert room.authority.firmware(firmware.id).state is SIGNED


@pytest.mark.parametrize("act", [PkiAct.FIRMWARE_APPROVED, PkiAct.FIRMWARE_SIGNED])
def test_without_its_record_nothing_happens(room: Room, act: PkiAct) -> None:
    firmware = asked(room, 1)
    with pytest.raises(PowerCut):
        room.rebuilt(trail=CutTrail(room.trail, act)).approve_firmware(firmware.id, ANNA)
    found = room.authority.firmware(firmware.id)
    assert found.signature is None
    assert len(found.approvals) == (act is PkiAct.FIRMWARE_SIGNED)
    assert room.authority.approve_firmware(firmware.id, ANNA).state is SIGNED


def test_who_decided_is_on_the_trail(room: Room) -> None:
    firmware = asked(room, 1)
    room.authority.approve_firmware(firmware.id, ANNA, note="fine")
    with room.store.reading() as session:
        records = room.trail.records(session, kind="firmware", thing=firmware.id)
    assert [(record.act, record.by) for record in records] == [
        (PkiAct.FIRMWARE_ORDERED, "token:ci"), (PkiAct.FIRMWARE_APPROVED, ANNA), (PkiAct.FIRMWARE_SIGNED, "token:ci")
    ]  # fmt: skip
    assert records[1].reason == "fine"


def test_what_does_not_exist_is_not_decided(room: Room) -> None:
    with pytest.raises(UnknownFirmware):
        room.authority.approve_firmware("x", ANNA)
    with pytest.raises(UnknownFirmware):
        room.authority.refuse_firmware("x", "", ANNA)


@pytest.mark.parametrize(
    ("vendor", "approvals", "people", "field"),
    [
        ("", 1, [], "vendor"), ("A", 3, [ANNA, BEN], "approvals"), ("A", -1, [], "approvals"),
        ("A", 1, ["anna"], "people"), ("A", 1, [ANNA, ANNA], "people"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_met_is_refused(
    room: Room, vendor: str, approvals: int, people: list[str], field: str
) -> None:
    with pytest.raises(FirmwareRefused) as caught:
        room.authority.firmware_rules.add(vendor, "*", approvals, people, "user:admin")
    assert caught.value.field == field


def test_models_without_a_rule_are_refused_where_it_is_set(room: Room) -> None:
    authority = room.rebuilt(settings=SETTINGS.model_copy(update={"firmware_only_by_rule": True}))
    with pytest.raises(FirmwareRefused, match="no firmware rule"):
        authority.sign_firmware(order(), "token:ci")
    authority.firmware_rules.add("Acme", "Pillar", 0, [], "user:admin")
    assert authority.sign_firmware(order(), "token:ci").state is SIGNED


def test_missing_counts_the_worst_rule() -> None:
    both = (Requirement("a", 2, ()), Requirement("b", 1, (CARL,)))
    assert [missing(both, people) for people in ([], [ANNA], [ANNA, BEN], [ANNA, CARL])] == [2, 1, 1, 0]
    assert missing((), []) == 0
    assert of_json(as_json(both)) == both


def test_a_revoked_certificate_revokes_what_it_signed_and_signing_goes_on_with_another(room: Room) -> None:
    firmware = signed(room)[0]
    assert firmware.signing_serial is not None
    room.authority.revoke(firmware.signing_serial, RevocationReason.KEY_COMPROMISE, "user:admin")
    assert room.authority.firmware(firmware.id).state is REVOKED
    assert [one.id for one in room.authority.firmware_book.page(state=REVOKED)] == [firmware.id]
    assert room.authority.firmware_book.page(state=SIGNED) == []
    with pytest.raises(FirmwareRefused, match="revoked, not signed"):
        room.authority.firmware_bundle(firmware.id)
    fresh = room.authority.sign_firmware(order(), "token:ci")
    assert (fresh.state, fresh.signing_serial != firmware.signing_serial) == (SIGNED, True)
    with pytest.raises(FirmwareRefused):
        room.authority.sign_firmware(order(digest=bytes(32)), "token:ci")  # released once, so it never changes
    assert [one.id for one in room.authority.firmware_book.page(serial=firmware.signing_serial)] == [firmware.id]
    with room.store.reading() as session:
        assert room.authority.firmware_log.verify(session) == []


def test_a_certificate_on_hold_stops_its_release_until_it_is_let_go(room: Room) -> None:
    firmware = signed(room)[0]
    serial = firmware.signing_serial or ""
    room.authority.revoke(serial, RevocationReason.CERTIFICATE_HOLD, "user:admin")
    assert room.authority.firmware(firmware.id).state is REVOKED
    with pytest.raises(FirmwareRefused, match="on hold"):
        room.authority.sign_firmware(order(), "token:ci")
    room.authority.release(serial, "user:admin")
    assert room.authority.sign_firmware(order(), "token:ci") == replace(firmware)


def test_an_order_under_way_at_another_scheme_waits_by_itself(room: Room) -> None:
    firmware = asked(room, 1)
    other = room.authority.sign_firmware(order(SignatureScheme.RSA_PSS_SHA256), "token:ci")
    room.authority.approve_firmware(firmware.id, ANNA)
    assert room.authority.firmware(other.id).state is PENDING
    room.clock.advance(timedelta(days=1))
