from datetime import UTC, datetime, timedelta

from csms_bridge.posture.clock_offset import ClockEstimate, ClockOffset, ClockWatch, Stamp, is_news

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def after(**span: float) -> datetime:
    return NOON + timedelta(**span)


def fresh(at: datetime) -> Stamp:
    return Stamp(at, may_wait=False)


def queued(at: datetime) -> Stamp:
    return Stamp(at, may_wait=True)


def test_a_fresh_message_tells_at_once():
    found = ClockEstimate().take(fresh(after(hours=-3)), NOON)
    assert found == ClockOffset(timedelta(hours=-3), NOON)


def test_messages_that_waited_do_not_make_a_clock_slow():
    """A station that was away for three hours sends its old events first (A04.FR.02)."""
    estimate = ClockEstimate()
    for minutes in (180, 130, 40):
        assert estimate.take(queued(after(minutes=-minutes)), NOON) is None
    assert estimate.take(fresh(after(seconds=-1)), NOON).offset == timedelta(seconds=-1)
    assert estimate.take(queued(after(minutes=-170)), NOON).offset == timedelta(seconds=-1)


def test_a_clock_that_is_ahead_cannot_be_an_old_message():
    assert ClockEstimate().take(queued(after(hours=2)), NOON).offset == timedelta(hours=2)


def test_several_that_agree_are_believed():
    estimate = ClockEstimate()
    found = [estimate.take(queued(after(hours=-3, minutes=m)), after(minutes=m)) for m in range(3)]
    assert found[:2] == [None, None]
    assert found[2].offset == timedelta(hours=-3)


def test_a_clock_that_was_set_is_seen_when_the_old_samples_have_aged():
    estimate = ClockEstimate()
    assert estimate.take(fresh(after(hours=5)), NOON).offset == timedelta(hours=5)
    assert estimate.take(fresh(after(minutes=16)), after(minutes=16)).offset == timedelta()


def test_many_samples_take_no_more_room():
    estimate = ClockEstimate()
    for second in range(1000):
        found = estimate.take(fresh(after(seconds=second)), after(seconds=second))
    assert found.offset == timedelta()


def test_only_what_moved_or_is_old_is_written_down():
    known = ClockOffset(timedelta(seconds=1), NOON)
    assert is_news(None, known)
    assert not is_news(known, ClockOffset(timedelta(seconds=4), after(minutes=5)))
    assert is_news(known, ClockOffset(timedelta(seconds=10), after(minutes=5)))
    assert is_news(known, ClockOffset(timedelta(seconds=1), after(minutes=31)))


def test_news_is_told_once_and_a_new_line_begins_anew():
    watch = ClockWatch()
    watch.heard("CS-1", fresh(after(hours=1)), NOON)
    watch.heard("CS-2", None, NOON)
    assert watch.take_news() == {"CS-1": ClockOffset(timedelta(hours=1), NOON)}
    watch.heard("CS-1", fresh(after(hours=1)), NOON)
    assert watch.take_news() == {}
    watch.left("CS-1")
    watch.heard("CS-1", queued(after(hours=-1)), NOON)
    assert watch.take_news() == {}
