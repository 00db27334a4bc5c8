"""The status machine of firmware updates (L01, L02; reference §5.3): in order, out of order, twice, late, never."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms_bridge.events import FirmwareStatus as F
from csms_bridge.firmware.machine import advance, same_version
from csms_bridge.firmware.states import (
    HARMFUL,
    Answered,
    Ask,
    CancelSent,
    Cause,
    Facts,
    GivenUp,
    Look,
    NotGivenUp,
    Patience,
    Progress,
    Reply,
    Sent,
    Told,
    UpdateState,
)
from tests.csms_bridge.room import NOON

S = UpdateState
PATIENCE = Patience(
    steady=timedelta(minutes=5), silence=timedelta(minutes=2), version_within=timedelta(minutes=8),
    return_within=timedelta(hours=1), end_within=timedelta(hours=2),
)  # fmt: skip
OLD = Facts(True, NOON - timedelta(hours=1), NOON, "1.0.0", NOON - timedelta(hours=1))
NEW = Facts(True, NOON + timedelta(minutes=3), NOON + timedelta(minutes=3), "2.0.0", NOON + timedelta(minutes=3))
GOOD = (
    F.DOWNLOADING, F.DOWNLOADED, F.SIGNATURE_VERIFIED, F.INSTALLING, F.INSTALL_REBOOTING, F.INSTALLED,
)  # fmt: skip


def fresh(**changes):
    return replace(Progress("2.0.0", "1.0.0", 7, True, S.QUEUED, NOON), **changes)


def told(status, number=7, words=""):
    return Told(status, number, words)


def run(at, *sights, facts=OLD, now=NOON):
    for seen in sights:
        at = advance(at, seen, facts, now, PATIENCE).progress
    return at


def asked(**changes):
    return run(fresh(**changes), Sent(), Answered(Reply.ACCEPTED, "Accepted"))


def later(**span):
    return NOON + timedelta(**span)


def test_the_whole_good_way_ends_only_after_it_stayed_connected():
    """TC_L_01, TC_080: BootNotification in the middle, Installed after it."""
    at = run(asked(), *map(told, GOOD[:-1]))
    assert at.state is S.REBOOTING
    assert at.verified
    at = run(at, Look(), facts=NEW, now=later(minutes=4))
    assert at.state is S.CONFIRMING
    at = run(at, told(F.INSTALLED), facts=NEW, now=later(minutes=5))
    assert at.state is S.CONFIRMING
    assert run(at, Look(), facts=NEW, now=later(minutes=8)).state is S.CONFIRMING
    done = run(at, Look(), facts=NEW, now=later(minutes=9))
    assert (done.state, done.cause, done.reason) == (S.DONE, None, "")


def test_installed_without_the_version_is_not_done():
    at = run(asked(), *map(told, GOOD))
    assert at.state is S.INSTALLED
    end = run(at, Look(), now=later(minutes=8))
    assert (end.state, end.cause) == (S.FAILED, Cause.WRONG_VERSION)
    assert "reports 1.0.0, not 2.0.0" in end.reason


def test_the_version_is_asked_for_after_installed():
    """A 1.6 station that reconnects without booting tells no version by itself (station-quirks 12)."""
    at = run(asked(), *map(told, GOOD))
    after = advance(at, Look(), OLD, later(minutes=3), PATIENCE)
    assert after.asks == (Ask.VERSION,)
    assert advance(after.progress, Look(), OLD, later(minutes=3, seconds=5), PATIENCE).asks == ()


def test_a_line_that_breaks_begins_the_wait_anew():
    at = run(asked(), *map(told, GOOD), Look(), facts=NEW, now=later(minutes=4))
    away = replace(NEW, online=False, last_seen=later(minutes=6))
    at = run(at, Look(), facts=away, now=later(minutes=7))
    assert (at.state, at.steady_since) == (S.CONFIRMING, None)
    back = replace(NEW, connected_at=later(minutes=10))
    assert run(at, Look(), facts=back, now=later(minutes=14)).state is S.CONFIRMING
    assert run(at, Look(), facts=back, now=later(minutes=15)).state is S.DONE


def test_one_that_falls_back_after_it_ran_the_version_has_failed():
    at = run(asked(), *map(told, GOOD), Look(), facts=NEW, now=later(minutes=4))
    again = replace(NEW, version="1.0.0", booted_at=later(minutes=5))
    end = run(at, Look(), facts=again, now=later(minutes=6))
    assert (end.state, end.cause) == (S.FAILED, Cause.FELL_BACK)


def test_one_that_never_says_installed_is_done_by_its_version():
    """station-quirks 10: Installing is the last word."""
    at = run(asked(), *map(told, GOOD[:4]))
    at = run(at, Look(), facts=NEW, now=later(minutes=4))
    assert run(at, Look(), facts=NEW, now=later(minutes=10)).state is S.DONE


def test_one_that_said_nothing_at_all_is_done_by_its_version():
    at = run(fresh(), Sent(), Answered(Reply.SILENT))
    assert (at.state, at.reason) == (S.ASKED, "no answer came; it may update all the same")
    at = run(at, Look(), facts=NEW, now=later(minutes=4))
    end = run(at, Look(), facts=NEW, now=later(minutes=10))
    assert (end.state, end.reason) == (S.DONE, "it never said that it verified the signature")


def test_one_that_never_comes_back():
    at = run(asked(), *map(told, GOOD[:5]))
    gone = replace(OLD, online=False, last_seen=later(minutes=1))
    assert run(at, Look(), facts=gone, now=later(minutes=60)).is_open
    end = run(at, Look(), facts=gone, now=later(minutes=61))
    assert (end.state, end.cause) == (S.FAILED, Cause.NO_RETURN)
    back = replace(NEW, connected_at=later(hours=3), booted_at=later(hours=3))
    assert run(end, Look(), facts=back, now=later(hours=3)).state is S.CONFIRMING


def test_a_station_that_is_away_before_anything_was_sent_is_waited_for():
    gone = replace(OLD, online=False, last_seen=NOON)
    assert run(fresh(), Look(), facts=gone, now=later(days=20)).state is S.QUEUED


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (F.DOWNLOAD_FAILED, Cause.DOWNLOAD_FAILED),
        (F.INVALID_SIGNATURE, Cause.INVALID_SIGNATURE),
        (F.INSTALL_VERIFICATION_FAILED, Cause.VERIFICATION_FAILED),
        (F.INSTALLATION_FAILED, Cause.INSTALLATION_FAILED),
    ],
)
def test_each_failure_has_its_cause(status, cause):
    """TC_L_06 to TC_L_09, TC_081."""
    end = run(asked(), told(F.DOWNLOADING), told(status, words="disk full"))
    assert (end.state, end.cause) == (S.FAILED, cause)
    assert end.reason.endswith(": disk full")


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (Reply.REFUSED, Cause.REFUSED),
        (Reply.INVALID_CERTIFICATE, Cause.INVALID_CERTIFICATE),
        (Reply.REVOKED_CERTIFICATE, Cause.REVOKED_CERTIFICATE),
        (Reply.UNSENT, Cause.NOT_SENT),
    ],
)
def test_each_refusal_has_its_cause(reply, cause):
    """TC_L_04, TC_L_05, TC_L_11."""
    end = run(fresh(), Sent(), Answered(reply, "words"))
    assert (end.state, end.cause) == (S.FAILED, cause)


def test_a_download_is_tried_again_before_it_has_failed():
    at = run(asked(retry_for=timedelta(seconds=90)), told(F.DOWNLOADING), told(F.DOWNLOAD_FAILED))
    assert at.state is S.DOWNLOADING
    again = run(at, told(F.DOWNLOADING), now=later(seconds=60))
    assert run(again, Look(), now=later(seconds=95)).state is S.DOWNLOADING
    assert run(at, Look(), now=later(seconds=95)).cause is Cause.DOWNLOAD_FAILED


def test_a_download_that_goes_on_after_all_is_under_way_again():
    end = run(asked(), told(F.DOWNLOADING), told(F.DOWNLOAD_FAILED))
    assert run(end, told(F.DOWNLOADED), now=later(minutes=2)).state is S.DOWNLOADED


def test_scheduled_waits_do_not_run_out_before_their_time():
    """TC_L_02, TC_L_03."""
    at = run(asked(not_before=later(hours=10)), told(F.DOWNLOAD_SCHEDULED))
    assert run(at, Look(), now=later(hours=9)).state is S.DOWNLOAD_SCHEDULED
    assert run(at, Look(), now=later(hours=12)).cause is Cause.LATE


def test_silence_is_asked_about_a_few_times_and_then_it_is_late():
    at, asks = run(asked(), told(F.DOWNLOADING)), 0
    for minute in range(125):
        after = advance(at, Look(), OLD, later(minutes=minute), PATIENCE)
        at, asks = after.progress, asks + len(after.asks)
    assert (asks, at.state, at.cause) == (3, S.FAILED, Cause.LATE)
    assert "its last word was Downloading" in at.reason


def test_one_that_says_idle_in_the_middle_has_given_up():
    at = run(asked(), told(F.DOWNLOADING), told(F.IDLE, None))
    assert at.state is S.DOWNLOADING
    assert run(at, told(F.DOWNLOADED), Look(), now=later(minutes=3)).is_open
    end = run(at, Look(), now=later(minutes=3))
    assert (end.state, end.cause) == (S.FAILED, Cause.GAVE_UP)


def test_idle_after_installed_says_nothing():
    at = run(asked(), *map(told, GOOD))
    assert run(at, told(F.IDLE, None)).state is S.INSTALLED


def test_the_status_of_another_request_changes_nothing():
    at = asked()
    assert run(at, told(F.INVALID_SIGNATURE, 8)) == at
    assert run(at, told(F.DOWNLOADING, None)) == at


def test_plain_updates_of_16_name_no_request():
    at = run(asked(signed=False), told(F.DOWNLOADING, None))
    assert at.state is S.DOWNLOADING


def test_old_firmware_has_words_of_its_own():
    """Reference §3.10: before the white paper's second edition."""
    end = run(asked(), told(None, words="InvalidCertificate"))
    assert (end.state, end.cause) == (S.FAILED, Cause.INVALID_CERTIFICATE)
    assert run(asked(), told(None, words="CertificateVerified")).state is S.ACCEPTED


def test_a_status_may_come_before_the_answer():
    """station-quirks 22."""
    at = run(fresh(), Sent(), told(F.DOWNLOADING), Answered(Reply.ACCEPTED))
    assert at.state is S.DOWNLOADING


def test_a_second_request_ends_the_first_and_its_last_words_are_no_failure():
    """TC_L_10."""
    at = run(asked(), told(F.DOWNLOADING), CancelSent())
    assert run(at, GivenUp(by_us=True)).state is S.CANCELLED
    assert run(at, told(F.DOWNLOAD_FAILED)).state is S.CANCELLED
    assert run(asked(), GivenUp(by_us=False)).state is S.REPLACED


def test_a_second_request_that_is_refused_leaves_the_first():
    """TC_L_11."""
    at = run(asked(), told(F.DOWNLOADING), CancelSent(), NotGivenUp("busy"))
    assert (at.state, at.cancelling, at.reason) == (S.DOWNLOADING, False, "busy")
    assert run(at, told(F.INVALID_SIGNATURE)).cause is Cause.INVALID_SIGNATURE


def test_the_same_version_again_is_proved_only_after_installed():
    again = Facts(True, NEW.connected_at, NEW.last_seen, "2.0.0", NEW.booted_at)
    at = run(asked(before="2.0.0"), told(F.DOWNLOADING), Look(), facts=again, now=later(minutes=4))
    assert at.state is S.DOWNLOADING
    assert run(at, told(F.INSTALLED), facts=again, now=later(minutes=5)).state is S.CONFIRMING


def test_what_it_reported_before_it_was_asked_proves_nothing():
    early = replace(OLD, version="2.0.0")
    assert run(asked(), Look(), facts=early, now=later(minutes=1)).state is S.ACCEPTED


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("V1.05", "1.5.0", True), ("fw 3.2.1b", "3.2.1B", True), ("1.2", "1.3", False), ("blue", "Blue ", True),
     ("blue", "green", False)],
)  # fmt: skip
def test_versions_are_compared_as_makers_write_them(one, other, same):
    assert same_version(one, other) is same


STATUSES = st.sampled_from([*F])
SIGHTS = st.one_of(
    st.builds(Told, STATUSES, st.sampled_from([7, 7, 7, 8, None]), st.just("")),
    st.builds(Answered, st.sampled_from(Reply), st.just("")),
    st.sampled_from([Sent(), Look(), Look(), CancelSent(), GivenUp(by_us=True), NotGivenUp()]),
)
FACTS = st.sampled_from([OLD, NEW, replace(OLD, online=False), replace(NEW, online=False)])
STEPS = st.lists(st.tuples(SIGHTS, FACTS, st.integers(0, 4000)), max_size=40)


@settings(deadline=None, max_examples=120)
@given(STEPS)
def test_whatever_comes_it_is_done_only_by_version_and_by_staying(steps):
    at, now = fresh(), NOON
    for seen, facts, seconds in steps:
        now += timedelta(seconds=seconds)
        before, at = at, advance(at, seen, facts, now, PATIENCE).progress
        if at.state is S.DONE and before.state is not S.DONE:
            assert same_version(facts.version, at.version)
            assert facts.online
            assert now - max(facts.connected_at, before.since) >= PATIENCE.steady
        if before.state in (S.DONE, S.CANCELLED, S.REPLACED):
            assert at.state is before.state
        assert (at.cause is not None) is (at.state is S.FAILED)


@settings(deadline=None, max_examples=60)
@given(st.permutations(GOOD), st.lists(st.sampled_from(GOOD), max_size=6))
def test_good_statuses_in_any_order_and_twice_lead_to_the_same_end(order, more):
    at = run(asked(), *map(told, [*order, *more]))
    assert at.state is S.INSTALLED
    at = run(at, Look(), facts=NEW, now=later(minutes=4))
    assert run(at, Look(), facts=NEW, now=later(minutes=30)).state is S.DONE


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(HARMFUL)), STEPS)
def test_a_harmful_end_stays_unless_the_station_proves_the_contrary(cause, steps):
    at, now = fresh(state=S.FAILED, cause=cause, sent_at=NOON), NOON
    for seen, facts, seconds in steps:
        now += timedelta(seconds=seconds)
        at = advance(at, seen, facts, now, PATIENCE).progress
    assert at.state is S.FAILED or cause is Cause.NO_RETURN
