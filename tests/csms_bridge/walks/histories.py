"""Histories of a walk, drawn at random: the station's nature, what the book says of it, and what happens meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import strategies as st

from csms_bridge.quirks.quirks import Asks, Chain, NewRoot, Priority, Quirks, RestartRule, Roots
from csms_bridge.station import SecurityProfile
from csms_bridge.walks.plans import plan
from csms_bridge.walks.steps import Do, Seen, WalkState
from tests.csms_bridge.walks.journey import DOWN, PLANS, SECOND, Journey
from tests.csms_bridge.walks.model_station import TLS, Manners

WAYS = [*PLANS, *DOWN]
ENDS = (WalkState.DONE, WalkState.HELD, WalkState.CANCELLED)
OPERATIONS = ("hold", "resume", "retry", "skip", "cancel")
HAPPENINGS = ("leave", "restart", "dial_anew", "fall_silent")
LONGEST = timedelta(days=25)
"""A station that asks for its certificate by itself is waited for for a week, and again when our side was away."""

quirks = st.builds(
    Quirks,
    chain=st.sampled_from(Chain),
    roots=st.sampled_from(Roots),
    room_for_roots=st.sampled_from([None, 1, 2]),
    new_root=st.sampled_from(NewRoot),
    lists_roots=st.booleans(),
    roots_from_profile=st.sampled_from([0, 0, 2]),
    restart=st.sampled_from(RestartRule),
    drops_first=st.booleans(),
    url_key=st.sampled_from(["", "K"]),
    asks=st.sampled_from(Asks),
    slots=st.sampled_from([(), (1, 2), (1, 2, 3)]),
    priority=st.sampled_from(Priority),
)
manners = st.builds(
    Manners,
    drops=st.booleans(),
    reboots=st.booleans(),
    lowers=st.booleans(),
    falls_back=st.integers(0, 2),
    hides_roots=st.booleans(),
    keeps_slots=st.booleans(),
    tells_slots=st.booleans(),
    tells_address=st.booleans(),
    wants_root=st.booleans(),
    roots_from_tls=st.booleans(),
    from_factory=st.booleans(),
    asks=st.sampled_from(Asks),
    all_slots=st.booleans(),
    mute=st.sets(st.sampled_from(Do), max_size=3),
    deaf=st.sets(st.sampled_from(Do), max_size=3),
)
_seconds = st.integers(1, 150)
_lateness = st.sampled_from([0, 0, 0, 1, 3, 8, 20, 100])


@dataclass(frozen=True)
class History:
    """What happens beside the walk, at seconds from its start. `delays`: when the next event is told, and how often."""

    operations: Sequence[tuple[int, str]] = ()
    happenings: Sequence[tuple[int, str]] = ()
    crashes: Sequence[int] = ()
    delays: Sequence[Sequence[int]] = ((0,),)


histories = st.builds(
    History,
    operations=st.lists(st.tuples(_seconds, st.sampled_from(OPERATIONS)), max_size=6),
    happenings=st.lists(st.tuples(_seconds, st.sampled_from(HAPPENINGS)), max_size=4),
    crashes=st.lists(_seconds, max_size=2),
    delays=st.lists(st.lists(_lateness, min_size=1, max_size=2), min_size=1, max_size=12),
)


def known_as(manners: Manners, quirks: Quirks) -> Manners:
    """The station with those oddities which it would not come back with if the book did not know them."""
    with_address = manners.__class__(**{**vars(manners), "own_address": bool(quirks.url_key)})
    with_address.address_waits = quirks.restart is RestartRule.ALWAYS
    with_address.one_root = quirks.room_for_roots == 1 or quirks.new_root is NewRoot.REPLACES
    return with_address


def is_walked(way: tuple[str, SecurityProfile, SecurityProfile], quirks: Quirks) -> bool:
    """Whether there is a plan for such a station at all."""
    try:
        plan(*way, quirks)
    except ValueError:
        return False
    return True


def journey_of(way, manners: Manners, quirks: Quirks, history: History) -> Journey:
    """A walk through this history to its end. Every event may be told late, twice and out of order."""
    numbers = iter(range(10_000_000))

    def mangle(_: Seen) -> list[timedelta]:
        return [late * SECOND for late in history.delays[next(numbers) % len(history.delays)]]

    manners = Manners(**{**vars(manners), "mute": {*manners.mute}, "deaf": {*manners.deaf}})
    journey = Journey(*way, manners, mangle=mangle, stored=True, quirks=quirks)
    for second, what in history.operations:
        journey.later(second, lambda what=what: journey.operate(what), outside=True)
    for second, what in history.happenings:
        journey.later(second, getattr(journey, what), outside=True)
    for second in history.crashes:
        journey.later(second, journey.crash, outside=True)
    return journey.run(LONGEST)


def assert_as_good_as_before(journey: Journey) -> None:
    """After a cancel: the station comes in, now and after a restart, and is barred from nothing that it needs."""
    walk, station = journey.walk, journey.station
    assert station.profile >= min(walk.start, walk.goal)
    assert journey.is_let_in()
    journey.be_honest()
    journey.restart()
    journey.let_pass(timedelta(minutes=3))
    assert journey.connected_at is not None
    assert journey.floor <= station.profile
    assert station.profile >= min(walk.start, walk.goal)
    if walk.is_down and station.profile is walk.start:
        assert journey.floor is walk.start, "profile 2 is refused again"
    if station.manners.own_address and station.profile < TLS:
        assert not station.by_tls, "it dials its old address"
