"""Each reason has a station that has it; a station of which all is known and nothing is odd has none that counts."""

from dataclasses import replace
from datetime import timedelta

import pytest

from csms_bridge.posture.book import ReadingState
from csms_bridge.posture.subjects import Subject
from csms_bridge.quirks.quirks import Asks, Chain, NewRoot, RestartRule
from csms_bridge.quirks.quirks import Roots as RootsUsed
from csms_bridge.readiness.codes import Code, Effect, Verdict
from csms_bridge.readiness.facts import Complaint, LastWalk, Lesson, Refusal, Roots
from csms_bridge.readiness.reason import Reason
from csms_bridge.standing import Lane
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.station_roots.entries import ListingState
from csms_bridge.walks.steps import WalkState
from pki.keys import KeyFamily
from tests.csms_bridge.readiness.stations import FACTS, READ, USUAL, YEAR, book, judged, known, modern, station
from tests.csms_bridge.room import NOON

BLOCKS, RISK, UNKNOWN, NOTE = Effect.BLOCKS, Effect.RISK, Effect.UNKNOWN, Effect.NOTE
UNREAD = ReadingState()
LISTS_NONE = Roots(listing=ListingState.LISTED, listed_at=NOON)
NEVER_ASKED = Roots()


def walk(state: WalkState, goal: int = 3) -> LastWalk:
    return LastWalk("w1", goal, state, "it fell back")


CASES = {
    Code.HELD: (replace(FACTS, walk=walk(WalkState.HELD)), USUAL, BLOCKS),
    Code.UNDER_WAY: (replace(FACTS, walk=walk(WalkState.RUNNING)), USUAL, NOTE),
    Code.LANE: (station(lane=Lane.RECOVERY), USUAL, BLOCKS),
    Code.VERSION_UNKNOWN: (station(ocpp_version=None), USUAL, BLOCKS),
    Code.NO_WALK: (station(modern(), profile=SecurityProfile.NONE, floor=SecurityProfile.NONE), USUAL, BLOCKS),
    Code.MODEL: (FACTS, book(walks_to=2), BLOCKS),
    Code.NO_ISSUER: (replace(FACTS, key=KeyFamily.RSA, ours=replace(FACTS.ours, chains={KeyFamily.EC: 1})), USUAL,
                     BLOCKS),
    Code.NEVER_SEEN: (station(last_seen=None, online=False), USUAL, UNKNOWN),
    Code.ASLEEP: (station(last_seen=NOON - timedelta(days=31), online=False), USUAL, RISK),
    Code.AWAY: (station(last_seen=NOON - timedelta(days=2), online=False), USUAL, NOTE),
    Code.CHARGING: (station(charging=True), USUAL, NOTE),
    Code.QUIET: (station(quiet=True), USUAL, NOTE),
    Code.MIGRATING: (replace(FACTS, expected_version="2.0.1"), USUAL, RISK),
    Code.LAST_WALK: (replace(FACTS, walk=walk(WalkState.CANCELLED)), USUAL, RISK),
    Code.COMPLAINED: (replace(FACTS, complaint=Complaint("InvalidCsmsCertificate", NOON)), USUAL, RISK),
    Code.KIND_UNKNOWN: (station(vendor="", model=""), USUAL, UNKNOWN),
    Code.FIRMWARE_REVOKED: (replace(FACTS, firmware_revoked=True), USUAL, RISK),
    Code.LEARNED: (replace(FACTS, lessons=(Lesson("chain", Chain.ROOT, 3),)), USUAL, UNKNOWN),
    Code.NEVER_READ: (replace(FACTS, reading=UNREAD), USUAL, UNKNOWN),
    Code.READ_BEFORE: (replace(FACTS, read_as_it_is=False), USUAL, UNKNOWN),
    Code.TELLS_NOTHING: (replace(FACTS, told=0), USUAL, RISK),
    Code.TELLS_NO_SLOTS: (replace(modern(), told=0), USUAL, BLOCKS),
    Code.NO_REPORT: (replace(modern(), slots=None, reading=replace(READ, report="the station gives none")), USUAL,
                     NOTE),
    Code.NO_EXTENSION: (known(extension=False), USUAL, BLOCKS),
    Code.EXTENSION_UNKNOWN: (known(extension=None), USUAL, UNKNOWN),
    Code.ONE_SLOT: (replace(modern(), slots=(1,)), USUAL, BLOCKS),
    Code.SLOTS_UNKNOWN: (replace(modern(), slots=None), USUAL, UNKNOWN),
    Code.NO_PRIORITY: (replace(modern(), tells_priority=False), USUAL, RISK),
    Code.PASSWORD_LENGTH: (replace(modern(), longest_password=16), USUAL, BLOCKS),
    Code.PASSWORD_FIXED: (replace(modern(), sets_password=False), USUAL, RISK),
    Code.FIRST_PASSWORD: (station(profile=SecurityProfile.NONE, floor=SecurityProfile.NONE), USUAL, NOTE),
    Code.CLOCK_IMPOSSIBLE: (known(clock_offset=-2 * YEAR), USUAL, BLOCKS),
    Code.CLOCK: (known(clock_offset=timedelta(hours=-3)), USUAL, RISK),
    Code.CLOCK_UNKNOWN: (known(clock_offset=None), USUAL, UNKNOWN),
    Code.STORE_FULL: (replace(known(room_for_roots=2), roots=replace(LISTS_NONE, count=2)), USUAL, BLOCKS),
    Code.ONE_ROOT: (FACTS, book(new_root=NewRoot.REPLACES), NOTE),
    Code.ROOT_CHECK: (
        replace(known(configured={Subject.ROOT_CHECK: "true"}), roots=replace(LISTS_NONE, foreign=True, count=1)),
        USUAL, RISK,
    ),
    Code.ROOT_ON_SITE: (FACTS, book(roots_from_profile=2), BLOCKS),
    Code.ROOT_ON_SITE_UNKNOWN: (replace(FACTS, roots=NEVER_ASKED), book(roots_from_profile=2), UNKNOWN),
    Code.ROOT_REFUSED: (replace(FACTS, roots=replace(LISTS_NONE, refused=Refusal("Rejected", NOON))), USUAL, RISK),
    Code.LISTS_NONE: (replace(FACTS, roots=Roots(listing=ListingState.UNABLE)), USUAL, NOTE),
    Code.NEVER_LISTED: (replace(FACTS, roots=NEVER_ASKED), USUAL, UNKNOWN),
    Code.CHAIN: (known(configured={Subject.LONGEST_CHAIN: "2000"}), USUAL, BLOCKS),
    Code.CHAIN_BY_KEY: (known(configured={Subject.LONGEST_CHAIN: "4000"}), USUAL, UNKNOWN),
    Code.SERIAL: (known(boot_serial="SN-2"), USUAL, BLOCKS),
    Code.IDENTITY: (known(modern(), configured={Subject.IDENTITY: "CS-2"}), USUAL, RISK),
    Code.REQUEST_REFUSED: (replace(FACTS, request_refused=Refusal("weak key", NOON, by_station=False)), USUAL, RISK),
    Code.ASKS_BY_ITSELF: (FACTS, book(asks=Asks.BY_ITSELF), RISK),
    Code.RSA_ONLY: (FACTS, book(roots=RootsUsed.RSA), NOTE),
    Code.NEEDS_RESET: (FACTS, book(restart=RestartRule.ALWAYS), NOTE),
    Code.QUIRKS: (FACTS, book(chain=Chain.ROOT), NOTE),
    Code.TRANSFER: (known(configured={Subject.TRANSFER: "FTP"}), USUAL, NOTE),
}  # fmt: skip


@pytest.mark.parametrize("code", Code)
def test_each_reason_is_found_of_the_station_that_has_it(code):
    facts, odd, effect = CASES[code]
    assert [reason.effect for reason in judged(facts, odd).reasons if reason.code is code] == [effect]


@pytest.mark.parametrize("code", Code)
def test_no_reason_is_found_of_a_good_station(code):
    good = [*judged(FACTS).codes, *judged(modern()).codes]
    assert code not in good or code is Code.NEEDS_RESET  # every 2.x station is restarted


@pytest.mark.parametrize("code", Code)
def test_a_reason_says_what_it_means_in_a_sentence_with_its_source(code):
    facts, odd, effect = CASES[code]
    reason = next(one for one in judged(facts, odd).reasons if one.code is code)
    assert reason.sentence.endswith(".")
    assert reason.source
    assert reason.next_act or effect is NOTE  # what is not known, and what stands in the way, has an act


@pytest.mark.parametrize("facts", [FACTS, modern(), modern(OcppVersion.V21)])
@pytest.mark.parametrize("to", [2, 3])
def test_a_station_of_which_all_is_known_is_ready(facts, to):
    found = judged(facts, to=to)
    assert (found.verdict, found.score) == (Verdict.READY, 100)
    assert found.next_acts == (f"voltward walk start CS-1 --to {to}",)


def test_what_blocks_takes_the_whole_score_and_comes_first():
    facts = replace(known(extension=False), request_refused=Refusal("weak key", NOON))
    found = judged(facts)
    assert (found.verdict, found.score) == (Verdict.BLOCKED, 0)
    assert [found.reasons[0].code, found.reasons[0].blocks] == [Code.NO_EXTENSION, True]
    assert "walk start" not in " ".join(found.next_acts)


def test_the_score_is_100_less_the_weights():
    found = judged(known(clock_offset=timedelta(hours=-3)))
    assert found.score == 100 - sum(reason.weight for reason in found.reasons) == 80
    assert found.verdict is Verdict.RISKY


def test_what_is_not_known_is_said_and_makes_it_unsure():
    """An unknown is never taken for good, and each says what finds out."""
    facts = replace(known(extension=None, clock_offset=None, room_for_roots=None), reading=UNREAD, roots=NEVER_ASKED)
    found = judged(replace(facts, told=0))
    assert found.verdict is Verdict.UNSURE
    unknown = [reason for reason in found.reasons if reason.effect is UNKNOWN]
    assert {one.code for one in unknown} == {Code.NEVER_READ, Code.CLOCK_UNKNOWN, Code.NEVER_LISTED}
    assert {one.next_act for one in unknown} == {"voltward station readiness CS-1 --read"}


def test_a_walk_under_way_is_neither_ready_nor_blocked():
    found = judged(replace(known(extension=False), walk=walk(WalkState.RUNNING)))
    assert found.verdict is Verdict.UNDER_WAY
    assert found.next_acts[0] == "voltward walk show w1"


def test_a_station_that_is_there_has_nothing_before_it():
    facts = station(profile=SecurityProfile.MUTUAL_TLS, floor=SecurityProfile.MUTUAL_TLS)
    assert (judged(facts).verdict, judged(facts).score, judged(facts).reasons) == (Verdict.THERE, 100, ())
    assert judged(facts, to=2).path is None  # 1.6 knows no way down (A00.FR.005)


def test_the_way_down_is_shown_as_one_by_permission():
    facts = station(modern(), profile=SecurityProfile.MUTUAL_TLS, floor=SecurityProfile.MUTUAL_TLS)
    found = judged(facts, to=2)
    assert found.verdict is Verdict.THERE
    assert found.path is not None
    assert "--permit-lower" in found.next_acts[0]


def test_the_floor_counts_where_it_is_above_what_was_seen():
    assert judged(station(floor=SecurityProfile.TLS_BASIC), to=2).verdict is Verdict.THERE


# --- what belongs to one goal only


@pytest.mark.parametrize("code", [Code.SERIAL, Code.CHAIN, Code.REQUEST_REFUSED, Code.NO_ISSUER, Code.ASKS_BY_ITSELF])
def test_certificates_do_not_matter_for_profile_2(code):
    facts, odd, _ = CASES[code]
    assert code not in judged(facts, odd, to=2).codes


@pytest.mark.parametrize("code", [Code.STORE_FULL, Code.ROOT_REFUSED, Code.NEVER_LISTED, Code.ROOT_ON_SITE])
def test_roots_do_not_matter_for_a_station_on_profile_2(code):
    facts, odd, _ = CASES[code]
    on_two = station(facts, profile=SecurityProfile.TLS_BASIC, floor=SecurityProfile.TLS_BASIC)
    assert code not in judged(on_two, odd).codes


def test_our_root_in_its_store_answers_for_the_store():
    """What it holds already needs no room, no acceptance and no installation on site."""
    there = Roots(ours=frozenset({"root"}), listing=ListingState.LISTED, listed_at=NOON, count=2)
    for facts, odd in (
        (replace(known(room_for_roots=2), roots=there), USUAL),
        (replace(FACTS, roots=replace(there, refused=Refusal("Rejected", NOON))), USUAL),
        (replace(FACTS, roots=there), book(roots_from_profile=2)),
    ):
        assert judged(facts, odd).verdict is Verdict.READY


def test_a_root_that_its_tls_cannot_use_is_no_root():
    there = Roots(ours=frozenset({"root"}), listing=ListingState.LISTED, listed_at=NOON)
    odd = book(roots=RootsUsed.RSA, roots_from_profile=2)
    assert Code.ROOT_ON_SITE in judged(replace(FACTS, roots=there), odd).codes


def test_a_store_of_2_x_says_itself_how_full_it_is():
    full = known(modern(), room_for_roots=2, configured={Subject.ROOM_FOR_ROOTS: "2"})
    assert Code.STORE_FULL in judged(full).codes
    assert Code.STORE_FULL not in judged(known(full, room_for_roots=3)).codes


def test_a_store_that_replaces_is_never_full():
    full = replace(known(room_for_roots=1), roots=replace(LISTS_NONE, count=1))
    assert Code.STORE_FULL in judged(full).codes
    assert Code.STORE_FULL not in judged(full, book(new_root=NewRoot.REPLACES)).codes


def test_a_checked_root_is_no_matter_while_there_is_none():
    """M05.FR.09: the first CSMS root is signed by nobody before it."""
    assert Code.ROOT_CHECK not in judged(known(configured={Subject.ROOT_CHECK: "true"})).codes


def test_the_kind_of_its_key_decides_about_its_chain():
    short = known(configured={Subject.LONGEST_CHAIN: "4000"})
    assert Code.CHAIN in judged(replace(short, key=KeyFamily.RSA)).codes
    assert {Code.CHAIN, Code.CHAIN_BY_KEY}.isdisjoint(judged(replace(short, key=KeyFamily.EC)).codes)


def test_the_book_may_know_a_shorter_chain_than_the_station_says():
    assert Code.CHAIN in judged(FACTS, book(longest_chain=1000)).codes


def test_a_limit_that_makes_no_sense_is_no_limit():
    assert Code.CHAIN not in judged(known(configured={Subject.LONGEST_CHAIN: "0"})).codes


def test_shorter_passwords_by_the_book_fit():
    short = replace(modern(), longest_password=16)
    assert Code.PASSWORD_LENGTH not in judged(short, book(password_bytes=16)).codes


def test_slots_that_the_book_knows_need_no_report():
    facts = replace(modern(), slots=None)
    assert Code.SLOTS_UNKNOWN not in judged(facts, book(slots=(1, 2))).codes


def test_a_lesson_that_the_book_knows_already_is_none():
    taught = replace(FACTS, lessons=(Lesson("chain", Chain.ROOT, 3),))
    assert Code.LEARNED not in judged(taught, book(chain=Chain.ROOT)).codes


def test_a_complaint_is_forgotten_after_a_month():
    old = replace(FACTS, complaint=Complaint("InvalidCsmsCertificate", NOON - timedelta(days=31)))
    assert Code.COMPLAINED not in judged(old).codes


def test_an_older_walk_to_where_it_is_speaks_against_nothing():
    on_two = station(profile=SecurityProfile.TLS_BASIC, floor=SecurityProfile.TLS_BASIC)
    assert Code.LAST_WALK not in judged(replace(on_two, walk=walk(WalkState.CANCELLED, goal=2))).codes


def test_a_silent_list_is_told_from_an_empty_one():
    """Station-quirks 7: Accepted without data may be a list that holds something."""
    silent = replace(FACTS, roots=Roots(listing=ListingState.SILENT))
    assert _effect(judged(silent).reasons, Code.LISTS_NONE) is RISK
    assert Code.ROOT_ON_SITE not in judged(silent, book(roots_from_profile=2)).codes


def test_the_row_of_the_quirk_book_is_named_as_the_source():
    found = judged(FACTS, book(walks_to=1))
    (reason,) = [one for one in found.reasons if one.code is Code.MODEL]
    assert reason.source == "quirk book: acme (seen; a test)"


def test_a_cut_off_serial_number_is_the_same():
    """The field of BootNotification ends at 25 characters."""
    long = "SN-" + "7" * 40
    assert Code.SERIAL not in judged(known(station(serial=long), boot_serial=long[:25])).codes


@pytest.mark.parametrize("offset", [timedelta(days=-3_000_000), timedelta(days=3_000_000)])
def test_a_clock_at_the_end_of_all_time_is_borne(offset):
    """A station may say that it is the year 9999; some days later that sum is no date any more."""
    assert Code.CLOCK_IMPOSSIBLE in judged(known(clock_offset=offset)).codes


def _effect(reasons: tuple[Reason, ...], code: Code) -> Effect:
    return next(reason.effect for reason in reasons if reason.code is code)
