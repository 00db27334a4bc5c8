"""Ways back in the database: asked for, approved by others, opened, closed, each with its record."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import timedelta

import pytest

from csms_bridge.admission import Refused
from csms_bridge.errors import RecoveryNotNow, StationRefused, UnknownRecovery, UnknownStation
from csms_bridge.events import CertificateAsked
from csms_bridge.judging import Welcome
from csms_bridge.lanes import MOST_REQUESTS
from csms_bridge.recovery.words import Loss, RecoveryState
from csms_bridge.renewal.allowance import Limits, Standing, fresh
from csms_bridge.renewal.rows import CertificateAllowanceRow
from csms_bridge.standing import Lane
from csms_bridge.station import OcppVersion, SecurityProfile
from pki.certificates import CertificateState
from pki.enrolment_codes import EnrolmentCodes
from pki.errors import ApproverRefused
from pki.keys import KeyAlgorithm, generate_key
from pki.revocation import RevocationReason
from tests.csms_bridge.recovery.losing import BY, DAY, HOME, PERSON, alarms, come_in, knock, loss, on_profile_3
from tests.csms_bridge.talking import open_fleet
from tests.pki.makers import maker_root
from tests.pki.requests import pem_request

NONE, BASIC, TLS, MUTUAL = SecurityProfile
LIMITS = Limits(20, timedelta(hours=6))
PROVING = [Loss.LOST, Loss.RESET, Loss.SWAPPED, Loss.REVOKED]


@pytest.fixture
def room(signing_room):
    return signing_room


def state(room, recovery):
    return room.recoveries.book.find(recovery.id).state


def certificate_states(room):
    return [one.state for one in room.authority.certificates(station="CS-1")]


# --- opening and closing


def test_a_way_back_is_open_until_its_end_and_not_longer(room, clock):
    _, shown = on_profile_3(room)
    clock.advance(days=800)
    asked = room.recoveries.ask(loss(Loss.EXPIRED), BY, PERSON)
    assert asked.password is None
    assert asked.recovery.state is RecoveryState.OPEN
    assert knock(room, shown=shown).admitted.lane is Lane.RECOVERY
    clock.advance(hours=23, minutes=59)
    assert knock(room, shown=shown).admitted.lane is Lane.RECOVERY
    clock.advance(minutes=1)
    assert isinstance(knock(room, shown=shown), Refused)
    room.recoveries.round()
    assert state(room, asked.recovery) is RecoveryState.OVER
    last = room.records()[-1]
    assert (last.act, last.by, last.reason) == ("station:recovery-ended", "service", "its time is over")


def test_its_record_says_who_why_what_and_until_when(room):
    made, _ = on_profile_3(room)
    asked = room.recoveries.ask(loss(Loss.LOST), BY, PERSON)
    asked_act, opened = (one for one in room.records() if one.act.startswith("station:recovery-"))
    assert (asked_act.act, asked_act.by, asked_act.reason) == ("station:recovery-asked", BY, "found so on site")
    assert (opened.act, opened.by, opened.reason) == ("station:recovery-opened", BY, "found so on site")
    assert opened.details == {
        "recovery": asked.recovery.id, "loss": "lost", "proof": "password",
        "until": "2026-03-03T12:00:00+00:00", "revokes": [made.serial],
    }  # fmt: skip


def test_an_operator_closes_it(room, clock):
    _, shown = on_profile_3(room)
    clock.advance(days=800)
    room.recoveries.ask(loss(Loss.EXPIRED), BY, PERSON)
    ended = room.recoveries.end("CS-1", "it was scrapped", "user:bob")
    assert (ended.state, ended.ended_by, ended.ended_why) == (RecoveryState.ENDED, "user:bob", "it was scrapped")
    assert isinstance(knock(room, shown=shown), Refused)
    with pytest.raises(StationRefused, match="no way back"):
        room.recoveries.end("CS-1", "again", "user:bob")


def test_what_is_unknown_is_said_so(room):
    with pytest.raises(UnknownStation):
        room.recoveries.ask(loss(Loss.EXPIRED), BY)
    with pytest.raises(UnknownStation):
        room.recoveries.end("CS-1", "why", BY)
    for act in (
        lambda: room.recoveries.approve("r0", BY),
        lambda: room.recoveries.refuse("r0", "why", BY),
        lambda: room.recoveries.book.find("r0"),
        lambda: room.recoveries.book.page(after="r0"),
    ):
        with pytest.raises(UnknownRecovery):
            act()


@pytest.mark.both_databases
def test_two_operators_at_once_open_one_way_back(room):
    on_profile_3(room)
    first = room.recoveries.ask(loss(Loss.LOST), "user:anna")
    with pytest.raises(RecoveryNotNow, match=first.recovery.id):
        room.recoveries.ask(loss(Loss.RESET), "user:bob")
    assert room.recoveries.book.find(first.recovery.id).loss is Loss.LOST
    room.recoveries.end("CS-1", "mistaken", "user:bob")
    second = room.recoveries.ask(loss(Loss.RESET), "user:bob")
    listed = room.recoveries.book.page(station="CS-1")
    assert [one.id for one in listed] == sorted([first.recovery.id, second.recovery.id], reverse=True)


@pytest.mark.both_databases
def test_of_many_who_ask_at_the_same_moment_one_is_heard(room):
    on_profile_3(room)

    def ask(number):
        try:
            return room.recoveries.ask(loss(Loss.LOST), f"user:{number}").recovery.id
        except RecoveryNotNow:
            return None

    with ThreadPoolExecutor(4) as people:
        heard = [one for one in people.map(ask, range(4)) if one]
    assert [one.id for one in room.recoveries.book.page(station="CS-1")] == heard
    assert room.acts().count("station:recovery-opened") == 1


@pytest.mark.both_databases
def test_two_who_approve_at_the_same_moment_open_it_once(room):
    recoveries = room.recoveries_approved_by(1)
    on_profile_3(room)
    waiting = recoveries.ask(loss(Loss.LOST), BY, PERSON).recovery
    with ThreadPoolExecutor(3) as people:
        states = list(people.map(lambda name: recoveries.approve(waiting.id, f"user:{name}").state, "xyz"))
    assert set(states) == {RecoveryState.OPEN}
    assert room.acts().count("station:recovery-opened") == 1
    assert len(recoveries.book.find(waiting.id).approvals) == 1


def test_a_preview_changes_nothing(room):
    made, _ = on_profile_3(room)
    before = room.acts()
    told = room.recoveries.preview(loss(Loss.SWAPPED))
    assert any("SN-9" in sentence for sentence in told)
    assert room.acts() == before
    assert room.authority.certificate(made.serial).state is CertificateState.GOOD
    with pytest.raises(StationRefused):
        room.recoveries.preview(loss(Loss.SWAPPED, new_serial="SN-1"))


# --- what goes with the loss


@pytest.mark.parametrize("of", PROVING)
def test_what_the_station_cannot_show_any_more_is_revoked_at_once(room, of):
    made, _ = on_profile_3(room)
    held, _ = room.certified()
    room.authority.revoke(held.serial, RevocationReason.CERTIFICATE_HOLD, BY)
    asked = room.recoveries.ask(loss(of), BY)
    assert certificate_states(room) == [CertificateState.REVOKED] * 2
    assert set(asked.recovery.revoked) == {made.serial, held.serial}
    assert room.authority.certificate(made.serial).reason == ("keyCompromise" if of is Loss.LOST else "superseded")


def test_a_process_that_died_before_it_revoked_is_followed_by_one_that_does(room, monkeypatch):
    """The station's row is committed before the authority is asked, so nothing is forgotten."""
    made, _ = on_profile_3(room)
    with monkeypatch.context() as killed:
        killed.setattr(room.authority, "revoke_each", _killed)
        with pytest.raises(SystemExit):
            room.recoveries.ask(loss(Loss.LOST), BY)
    assert room.authority.certificate(made.serial).state is CertificateState.GOOD
    assert room.recoveries.round() == 1
    assert room.authority.certificate(made.serial).state is CertificateState.REVOKED
    assert room.recoveries.round() == 0


def test_a_certificate_that_it_got_meanwhile_is_not_revoked_with_the_old_ones(room, monkeypatch):
    on_profile_3(room)
    with monkeypatch.context() as killed:
        killed.setattr(room.authority, "revoke_each", _killed)
        with pytest.raises(SystemExit):
            room.recoveries.ask(loss(Loss.LOST), BY)
    new, _ = room.certified()
    room.recoveries.round()
    assert room.authority.certificate(new.serial).state is CertificateState.GOOD


@pytest.mark.both_databases
def test_a_swapped_board_keeps_identity_place_tags_and_history(room):
    on_profile_3(room)
    room.sightings.lanes.allow_bootstrap("CS-1", "Volt Motors", BY, "ordered so")
    before = room.registry.station("CS-1")
    room.recoveries.ask(loss(Loss.SWAPPED), BY)
    after = room.registry.station("CS-1")
    assert (after.id, after.site, after.tags, after.floor) == (before.id, before.site, before.tags, MUTUAL)
    assert (after.serial, after.profile, after.bootstrap) == ("SN-9", None, "")
    swapped = next(one for one in room.records() if one.act == "station:board-swapped")
    assert swapped.details == {"old": "SN-1", "new": "SN-9"}
    assert room.acts()[0] == "station:added"
    assert room.recoveries.book.page()[0].old_serial == "SN-1"


def test_a_number_that_somebody_else_got_meanwhile_is_not_taken(room):
    recoveries = room.recoveries_approved_by(1)
    on_profile_3(room)
    waiting = recoveries.ask(loss(Loss.SWAPPED), BY, PERSON).recovery
    room.add("CS-2", serial="SN-9")
    with pytest.raises(StationRefused, match="another station's"):
        recoveries.approve(waiting.id, "user:bob")
    assert room.registry.station("CS-1").serial == "SN-1"
    assert recoveries.book.find(waiting.id).missing == 1


@pytest.mark.parametrize("of", PROVING)
def test_a_walk_that_began_before_the_loss_is_given_up(room, of):
    room.add(profile=MUTUAL, version=OcppVersion.V201)
    walk = room.ledger.start("CS-1", 2, {}, BY, "it shall go down")
    room.recoveries.ask(loss(of), BY)
    assert room.ledger.walk(walk.id).state == "cancelled"


def test_a_request_that_waited_when_the_board_was_swapped_is_signed_for_nobody(room):
    """Else the old board's key would get a certificate for the new serial number."""
    on_profile_3(room)
    asked = CertificateAsked(pem_request(generate_key(KeyAlgorithm.EC_P256), "SN-1"), None)
    assert room.enrolment.ask("CS-1", asked, MUTUAL).accepted
    room.recoveries.ask(loss(Loss.SWAPPED), BY)
    assert room.enrolment.sign_waiting("CS-1") == []


def test_a_station_that_was_paused_for_asking_too_often_may_ask_again(room):
    on_profile_3(room)
    with room.store.writing() as session:
        paused = replace(fresh(LIMITS, room.clock()), standing=Standing.PAUSED, tokens=0.0)
        row = CertificateAllowanceRow(station="CS-1", **asdict(paused))
        session.add(row)
    room.recoveries.ask(loss(Loss.RESET), BY)
    with room.store.reading() as session:
        assert session.get(CertificateAllowanceRow, "CS-1").standing == Standing.FREE
    assert "station:certificate-requests-released" in room.acts()


@pytest.mark.parametrize("of", PROVING)
def test_an_enrolment_code_that_was_made_before_the_loss_is_good_for_nothing(room, clock, of):
    """It may lie with the old board; it would fetch a certificate for the new one."""
    on_profile_3(room)
    codes = EnrolmentCodes(room.store, room.trail)
    codes.make(["CS-1"], DAY, BY, clock())
    room.recoveries.ask(loss(of), BY)
    assert codes.page(clock(), station="CS-1", only_open=True, after=None, limit=9) == []


def test_what_it_asked_for_before_its_loss_does_not_count_in_the_lane(room, clock):
    on_profile_3(room)
    for _ in range(MOST_REQUESTS):
        room.enrolment.ask("CS-1", CertificateAsked("no request", None), MUTUAL)
    assert not room.sightings.lanes.may_request("CS-1")
    clock.advance(minutes=1)
    room.recoveries.ask(loss(Loss.RESET), BY)
    assert room.sightings.lanes.may_request("CS-1")


# --- passwords


def test_the_password_is_good_while_the_way_back_is_open_and_no_old_one_is(room, clock):
    old = room.add(profile=TLS).password
    asked = room.recoveries.ask(loss(Loss.RESET), BY)
    assert isinstance(knock(room, password=old), Refused)
    assert isinstance(knock(room, password=asked.password), Welcome)
    clock.advance(days=1)
    assert isinstance(knock(room, password=asked.password), Refused)
    room.recoveries.round()
    assert isinstance(knock(room, password=asked.password), Refused)
    assert isinstance(knock(room, password=old), Welcome)  # it was not reset after all


def test_the_password_becomes_the_stations_own_when_it_came_by_it(room):
    old = room.add(profile=TLS).password
    asked = room.recoveries.ask(loss(Loss.RESET), BY)
    come_in(room, knock(room, password=asked.password))
    assert state(room, asked.recovery) is RecoveryState.DONE
    assert isinstance(knock(room, password=asked.password), Welcome)
    assert isinstance(knock(room, password=old), Refused)
    assert "station:password-changed" in room.acts()


def test_a_swapped_boards_old_password_never_comes_back(room, clock):
    old = room.add(profile=TLS).password
    room.recoveries.ask(loss(Loss.SWAPPED), BY)
    clock.advance(days=1)
    room.recoveries.round()
    assert isinstance(knock(room, password=old), Refused)


def test_a_password_that_waits_for_approval_is_good_for_nothing(room):
    recoveries = room.recoveries_approved_by(1)
    room.add(profile=TLS)
    asked = recoveries.ask(loss(Loss.RESET), BY, PERSON)
    assert isinstance(knock(room, password=asked.password), Refused)
    recoveries.approve(asked.recovery.id, "user:bob")
    assert isinstance(knock(room, password=asked.password), Welcome)


# --- others approve


def test_nobody_is_let_in_and_nothing_revoked_before_others_have_approved(room):
    recoveries = room.recoveries_approved_by(2)
    made, _ = on_profile_3(room)
    waiting = recoveries.ask(loss(Loss.LOST), BY, PERSON).recovery
    assert (waiting.state, waiting.missing, waiting.until) == (RecoveryState.WAITING, 2, None)
    assert alarms(room) == [("recovery-waiting", "CS-1")]
    once = recoveries.approve(waiting.id, "token:bob-laptop", "user:bob", "saw the board myself")
    assert (once.state, once.missing) == (RecoveryState.WAITING, 1)
    again = recoveries.approve(waiting.id, "user:bob", "user:bob")
    assert again.missing == 1
    assert room.authority.certificate(made.serial).state is CertificateState.GOOD
    opened = recoveries.approve(waiting.id, "user:carol")
    assert opened.state is RecoveryState.OPEN
    assert [one.person for one in opened.approvals] == ["user:bob", "user:carol"]
    assert room.authority.certificate(made.serial).state is CertificateState.REVOKED
    assert alarms(room) == []


def test_nobody_goes_round_those_who_must_approve(signing_room, tmp_path):
    """A password set by one, or profile 2 permitted by one, would let in whoever fooled that one."""
    fleet = open_fleet(signing_room, tmp_path, recovery_approvals=1)
    signing_room.authority.anchors.add(maker_root().pem, "Volt Motors", "volt", "tests")
    on_profile_3(signing_room)
    signing_room.add("CS-2", profile=TLS)
    for act in (
        lambda: fleet.set_password("CS-1", None, BY, "why"),
        lambda: fleet.permit_profile("CS-1", 2, BY, "why"),
        lambda: fleet.make_enrolment_codes(["CS-2", "CS-1"], DAY, BY),
        lambda: fleet.allow_bootstrap("CS-1", "Volt Motors", BY, "why"),
    ):
        with pytest.raises(RecoveryNotNow, match="other people must approve"):
            act()
    assert fleet.allow_bootstrap("CS-1", "", BY, "no more").bootstrap == ""
    assert len(fleet.make_enrolment_codes(["CS-2"], DAY, BY)) == 1
    assert fleet.set_password("CS-2", None, BY, "it was never seen").password is not None
    assert open_fleet(signing_room, tmp_path).permit_profile("CS-1", 2, BY, "why").floor is TLS


@pytest.mark.parametrize(("by", "person"), [(BY, PERSON), ("token:other", PERSON), (PERSON, PERSON), (BY, "user:x")])
def test_whoever_asked_never_approves(room, by, person):
    """Neither with another token of one's own."""
    recoveries = room.recoveries_approved_by(1)
    on_profile_3(room)
    waiting = recoveries.ask(loss(Loss.LOST), BY, PERSON).recovery
    with pytest.raises(ApproverRefused):
        recoveries.approve(waiting.id, by, person)
    assert state(room, waiting) is RecoveryState.WAITING


def test_it_can_be_refused_withdrawn_or_left_lying(room, clock):
    recoveries = room.recoveries_approved_by(1)
    room.add(profile=TLS)
    refused = recoveries.ask(loss(Loss.RESET), BY, PERSON)
    assert recoveries.refuse(refused.recovery.id, "nobody was there", "user:bob").state is RecoveryState.REFUSED
    with pytest.raises(RecoveryNotNow, match="refused"):
        recoveries.approve(refused.recovery.id, "user:carol")
    with pytest.raises(RecoveryNotNow):
        recoveries.refuse(refused.recovery.id, "again", "user:carol")
    recoveries.ask(loss(Loss.RESET), BY, PERSON)
    assert recoveries.end("CS-1", "found it", BY).state is RecoveryState.ENDED
    left = recoveries.ask(loss(Loss.RESET), BY, PERSON)
    clock.advance(days=7)
    with pytest.raises(RecoveryNotNow, match="lapsed"):
        recoveries.approve(left.recovery.id, "user:bob")
    assert isinstance(knock(room, password=left.password), Refused)
    assert alarms(room) == []
    assert room.acts().count("station:recovery-refused") == 1


def test_what_nobody_decides_lapses_by_itself(room, clock):
    recoveries = room.recoveries_approved_by(1)
    on_profile_3(room)
    waiting = recoveries.ask(loss(Loss.LOST), BY, PERSON).recovery
    clock.advance(days=7)
    recoveries.round()
    assert state(room, waiting) is RecoveryState.LAPSED


def test_a_station_that_came_back_while_people_decided_has_lost_nothing(room):
    recoveries = room.recoveries_approved_by(1)
    made, _ = on_profile_3(room)
    waiting = recoveries.ask(loss(Loss.LOST), BY, PERSON).recovery
    room.connect(profile=MUTUAL, certificate=made.serial, version=OcppVersion.V201)
    with pytest.raises(RecoveryNotNow, match="nothing is lost"):
        recoveries.approve(waiting.id, "user:bob")
    assert room.authority.certificate(made.serial).state is CertificateState.GOOD


# --- it is back


def test_its_new_certificate_in_use_closes_the_way_back(room, clock):
    _, shown = on_profile_3(room)
    clock.advance(days=800)
    asked = room.recoveries.ask(loss(Loss.EXPIRED), BY)
    come_in(room, knock(room, shown=shown))
    assert room.registry.station("CS-1").lane is Lane.RECOVERY
    came = room.recoveries.book.find(asked.recovery.id)
    assert (came.came_at, came.came_from, came.state) == (clock.now, HOME.address, RecoveryState.OPEN)
    new, now_shown = room.certified()
    come_in(room, knock(room, shown=now_shown))
    station = room.registry.station("CS-1")
    assert (station.lane, station.recovery_until, station.profile) == (None, None, MUTUAL)
    done = room.recoveries.book.find(asked.recovery.id)
    assert (done.state, done.ended_why) == (RecoveryState.DONE, f"it is back with certificate {new.serial}")
    assert isinstance(knock(room, shown=shown), Refused)


def test_in_the_password_lane_a_walk_to_profile_3_begins_by_itself(room):
    on_profile_3(room)
    asked = room.recoveries.ask(loss(Loss.LOST), BY)
    room.recoveries.round()
    assert room.ledger.under_way("CS-1") is None  # nobody has come yet
    come_in(room, knock(room, password=asked.password))
    room.recoveries.round()
    walk = room.ledger.current("CS-1")
    assert (walk.from_profile, walk.to_profile, walk.state) == (TLS, MUTUAL, "running")
    assert room.registry.station("CS-1").floor is MUTUAL
    assert room.recoveries.book.find(asked.recovery.id).walk == walk.id
    room.recoveries.round()
    assert len(room.ledger.search(station="CS-1", state=None, after=None, limit=9)) == 1


def test_a_lane_that_ends_in_the_middle_of_the_walk_ends_the_walk(room, clock):
    on_profile_3(room)
    asked = room.recoveries.ask(loss(Loss.LOST), BY)
    come_in(room, knock(room, password=asked.password))
    room.recoveries.round()
    clock.advance(days=1)
    assert room.sightings.lanes.closed_among({"CS-1": Lane.PASSWORD}) == {"CS-1": "its password lane is closed"}
    room.recoveries.round()
    walk = room.ledger.current("CS-1")
    assert walk.state == "cancelled"
    assert walk.reason.startswith("its way back is closed: its time is over")
    assert isinstance(knock(room, password=asked.password), Refused)
    assert room.registry.station("CS-1").hold is None


def test_a_station_that_shall_go_further_is_walked_when_it_is_back(room):
    room.add(profile=TLS, version=OcppVersion.V201)
    asked = room.recoveries.ask(loss(Loss.RESET, then_walk=3), BY)
    come_in(room, knock(room, password=asked.password))
    assert state(room, asked.recovery) is RecoveryState.DONE
    room.recoveries.round()
    walk = room.ledger.current("CS-1")
    assert (walk.from_profile, walk.to_profile) == (TLS, MUTUAL)


def test_a_walk_that_cannot_begin_is_told_and_not_tried_for_ever(room):
    on_profile_3(room)
    asked = room.recoveries.ask(loss(Loss.LOST), BY)
    come_in(room, knock(room, password=asked.password))
    room.ledger.start("CS-1", 2, {}, "user:bob", "somebody else walks it")
    room.recoveries.round()
    assert room.recoveries.round() == 0
    assert room.acts()[-1] == "station:renewal-hindered"


# --- clocks


@pytest.mark.parametrize(("back", "is_open"), [(timedelta(seconds=30), True), (timedelta(hours=1), False)])
def test_a_clock_that_jumps_back_leaves_no_way_open_for_longer(room, clock, back, is_open):
    """Half a minute is what two nodes' clocks may differ; more closes it, since nobody agreed to a longer time."""
    room.add(profile=TLS)
    asked = room.recoveries.ask(loss(Loss.RESET), BY)
    clock.now -= back
    assert isinstance(knock(room, password=asked.password), Welcome) is is_open


def test_what_was_over_stays_over_when_the_clock_jumps_back(room, clock):
    room.add(profile=TLS)
    asked = room.recoveries.ask(loss(Loss.RESET), BY)
    clock.advance(days=1)
    room.recoveries.round()
    clock.now -= DAY / 2
    assert isinstance(knock(room, password=asked.password), Refused)


def test_ways_back_are_listed_by_page_the_newest_first(room, clock):
    on_profile_3(room)
    made = []
    for _ in range(3):
        made.insert(0, room.recoveries.ask(loss(Loss.LOST), BY).recovery.id)
        room.recoveries.end("CS-1", "once more", BY)
        clock.advance(minutes=1)
    page = room.recoveries.book.page
    first = page(limit=2)
    assert [one.id for one in (*first, *page(after=first[-1].id, limit=2))] == made
    assert [one.id for one in page(state=RecoveryState.ENDED)] == made
    assert page(state=RecoveryState.OPEN) == page(station="CS-2") == []


@pytest.mark.both_databases
def test_a_station_that_is_removed_takes_its_ways_back_along(room):
    recoveries = room.recoveries_approved_by(2)
    on_profile_3(room)
    waiting = recoveries.ask(loss(Loss.LOST), BY, PERSON).recovery
    recoveries.approve(waiting.id, "user:bob")
    room.registry.remove("CS-1", BY, "scrapped")
    assert recoveries.book.page() == []
    recoveries.round()


def _killed(*_args, **_more):
    raise SystemExit
