"""Walks in the database: each step and its audit record share a transaction."""

from dataclasses import replace
from datetime import timedelta

import pytest

from csms_bridge.commands import Answer, Outcome
from csms_bridge.errors import UnknownStation, UnknownWalk, WalkRefused
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.tables import StationRow
from csms_bridge.walks import machine
from csms_bridge.walks.ledger import Ledger
from csms_bridge.walks.plans import plan
from csms_bridge.walks.steps import Answered, Connected, Disconnected, Do, Pace, StepState, Tick, Unanswered, WalkState
from tests.csms_bridge.room import NOON

NONE, BASIC, TLS, MUTUAL = SecurityProfile
FACTS = {"csms_root": "root", "csms_root_serial": "abc"}
ANNA = "user:anna"


@pytest.fixture
def ledger(room) -> Ledger:
    room.add("CS-1")
    return room.ledger


def feed(ledger: Ledger, *events, station="CS-1"):
    """Tell the walk of events, as a session does; returns every act that came out."""
    acts = []
    for seen in events:
        result = ledger.apply(
            station, lambda walk, now, seen=seen: machine.advance(walk.walk, walk.at, seen, now, Pace())
        )
        acts += result[1] if result else []
    return acts


def accepted(index: int, **facts: str) -> Answered:
    return Answered(index, Answer(Outcome.ACCEPTED, "Accepted", facts))


def walk_to_tls(room) -> None:
    """As far as the wait for the station on TLS."""
    for root in (0, 1):
        feed(room.ledger, Tick(True), accepted(root), Connected(BASIC))
    feed(room.ledger, Tick(True), accepted(2, roots="abc"), Tick(True), accepted(3), Disconnected())


def floors(room, station="CS-1") -> tuple[int, int]:
    """The profile below which the station is refused, and the one that registration or a walk has settled."""
    with room.store.reading() as session:
        row = session.get(StationRow, station)
        return row.floor, row.settled_floor


# starting


def test_a_walk_starts_where_the_station_is(room, ledger):
    walk = ledger.start("CS-1", 2, FACTS, ANNA)
    assert (walk.from_profile, walk.to_profile, walk.state, walk.reason) == (BASIC, TLS, WalkState.RUNNING, "")
    assert (walk.station, walk.created_at, walk.updated_at) == ("CS-1", NOON, NOON)
    assert [step.name for step in walk.steps] == [step.name for step in plan(OcppVersion.V16, BASIC, TLS).steps]
    assert {step.state for step in walk.steps} == {StepState.PENDING}
    assert room.registry.station("CS-1").wanted_profile is TLS


@pytest.mark.parametrize(
    ("floor", "seen", "start"),
    [(NONE, None, NONE), (NONE, BASIC, BASIC), (BASIC, None, BASIC), (TLS, BASIC, TLS)],
)
def test_starts_from_the_higher_of_what_was_seen_and_what_is_registered(room, floor, seen, start):
    room.add("CS-1", profile=floor)
    if seen is not None:
        room.connect("CS-1", seen)
    assert room.ledger.start("CS-1", 3, FACTS, ANNA).from_profile is start


def test_starting_is_on_the_audit_trail(room, ledger):
    walk = ledger.start("CS-1", 3, FACTS, ANNA)
    last = room.records()[-1]
    assert (last.act, last.by) == ("walk:started", ANNA)
    assert last.details == {"walk": walk.id, "from": 1, "to": 3}


def test_refuses_a_walk_for_a_stranger(room):
    with pytest.raises(UnknownStation):
        room.ledger.start("CS-9", 2, FACTS, ANNA)


@pytest.mark.parametrize("to", [1, 0, -1, 4, 17])
def test_refuses_a_walk_that_leads_nowhere(room, ledger, to):
    with pytest.raises(WalkRefused):
        ledger.start("CS-1", to, FACTS, ANNA)
    assert ledger.current("CS-1") is None
    assert room.acts() == ["station:added"]


def test_refuses_a_walk_for_a_station_whose_version_is_not_known(room):
    room.add("CS-1", version=None)
    with pytest.raises(WalkRefused, match="version is not known"):
        room.ledger.start("CS-1", 2, FACTS, ANNA)


@pytest.mark.parametrize("state", [WalkState.RUNNING, WalkState.HELD])
def test_refuses_a_second_walk_for_a_station(ledger, state):
    walk = ledger.start("CS-1", 2, FACTS, ANNA)
    if state is WalkState.HELD:
        ledger.hold(walk.id, "wait", ANNA)
    with pytest.raises(WalkRefused) as refusal:
        ledger.start("CS-1", 3, FACTS, ANNA)
    assert walk.id in refusal.value.sentence
    assert walk.id in refusal.value.hint


def test_another_walk_may_start_when_the_first_is_over(ledger):
    first = ledger.start("CS-1", 2, FACTS, ANNA)
    ledger.cancel(first.id, "not now", ANNA)
    assert ledger.start("CS-1", 3, FACTS, ANNA).id != first.id


# moving


def test_progress_is_stored_before_anything_is_sent(ledger):
    ledger.start("CS-1", 2, FACTS, ANNA)
    moved, acts = ledger.apply("CS-1", lambda w, now: machine.advance(w.walk, w.at, Tick(True), now, Pace()))
    assert acts == [Do.INSTALL_ROOT]
    assert ledger.under_way("CS-1") == moved
    assert moved.at.state is StepState.SENT


def test_progress_comes_back_as_it_was(ledger):
    ledger.start("CS-1", 2, {**FACTS, "odd": 'ü "quoted" \n'}, ANNA)
    feed(ledger, Tick(True), accepted(0), Disconnected())
    under_way = ledger.under_way("CS-1")
    assert under_way.walk == plan(OcppVersion.V16, BASIC, TLS)
    assert under_way.at.facts == {**FACTS, "odd": 'ü "quoted" \n', "root_accepted": "yes", "dropped": "yes"}
    assert (under_way.at.index, under_way.at.tries, under_way.at.moved) == (0, 1, NOON)
    assert under_way.at.views[0] == replace(under_way.at.views[0], state=StepState.WAITING, at=NOON, note="Accepted")


def test_a_change_that_fails_stores_nothing(room, ledger):
    ledger.start("CS-1", 2, FACTS, ANNA)
    before, acts = ledger.under_way("CS-1"), room.acts()

    def fail(under_way, now):
        raise RuntimeError("out of order")

    with pytest.raises(RuntimeError):
        ledger.apply("CS-1", fail)
    assert (ledger.under_way("CS-1"), room.acts()) == (before, acts)


def test_a_station_on_no_walk_costs_nothing(ledger):
    assert ledger.apply("CS-1", lambda w, now: pytest.fail("there is nothing to change")) is None
    assert ledger.under_way("CS-1") is None


def test_a_walk_that_is_over_does_not_move(ledger):
    ledger.cancel(ledger.start("CS-1", 2, FACTS, ANNA).id, "not now", ANNA)
    assert feed(ledger, Tick(True)) == []


@pytest.mark.both_databases
def test_every_step_that_moves_is_on_the_audit_trail_once(room, ledger):
    ledger.start("CS-1", 2, FACTS, ANNA)
    feed(ledger, Tick(True), Tick(True), Tick(False), accepted(0))
    steps = [record.details for record in room.records() if record.act == "walk:step"]
    assert [(step["step"], step["state"], step["note"]) for step in steps] == [
        ("install the CSMS root", "sent", ""),
        ("install the CSMS root", "waiting", "Accepted"),
    ]


def test_a_step_that_waits_for_its_next_try_is_not_told(room, ledger):
    ledger.start("CS-1", 2, FACTS, ANNA)
    for root in (0, 1):
        feed(ledger, Tick(True), accepted(root), Connected(BASIC))
    feed(ledger, Tick(True), Unanswered(2))
    steps = [record.details for record in room.records() if record.act == "walk:step"]
    assert [step["state"] for step in steps] == ["sent", "waiting", "done"] * 2 + ["sent"]


def test_nothing_that_was_seen_changes_the_station_twice(room, ledger):
    """What changes nothing writes nothing: the live stream would be full of it."""
    walk = ledger.start("CS-1", 2, FACTS, ANNA)
    room.clock.advance(seconds=1)
    feed(ledger, Tick(False))
    assert ledger.walk(walk.id).updated_at == NOON


def test_what_moves_nothing_does_not_ask_for_the_write_lock(room, ledger, monkeypatch):
    """The database has one writer, and nearly every second of every walk nothing moves."""
    ledger.start("CS-1", 2, FACTS, ANNA)
    under_way = ledger.under_way("CS-1")

    def writing():
        raise AssertionError("a write transaction was opened")

    monkeypatch.setattr(room.store, "writing", writing)
    unmoved = ledger.apply("CS-1", lambda w, now: machine.advance(w.walk, w.at, Tick(False), now, Pace()))
    assert unmoved == (under_way, ())
    with pytest.raises(AssertionError, match="write transaction"):
        feed(ledger, Tick(True))


def test_an_act_is_stored_though_the_progress_stays_as_it_was(room, ledger):
    """What `change` asks for is never dropped for want of a move."""
    ledger.start("CS-1", 2, FACTS, ANNA)
    assert ledger.apply("CS-1", lambda w, now: (w.at, [Do.BAR_BELOW, Do.RESTART]))[1] == [Do.RESTART]
    assert floors(room) == (2, 2)


def test_a_new_password_is_noted_quietly(room, ledger):
    ledger.start("CS-1", 2, FACTS, ANNA)
    acts = room.acts()
    ledger.learn("CS-1", password="7")
    assert ledger.under_way("CS-1").at.facts == {**FACTS, "password": "7"}
    assert room.acts() == acts


def test_nothing_is_noted_without_a_walk(ledger):
    ledger.learn("CS-1", password="7")
    assert ledger.under_way("CS-1") is None


# the floor


def test_the_floor_is_raised_when_the_station_was_seen_and_not_before(room, ledger):
    """A05.FR.07 (1.6 A05.FR.09)."""
    walk = ledger.start("CS-1", 2, FACTS, ANNA)
    walk_to_tls(room)
    assert floors(room) == (1, 1)
    assert feed(ledger, Connected(TLS)) == []  # barring is no message to the station
    assert floors(room) == (2, 2)
    raised = next(record for record in room.records() if record.act == "station:lower-profile-barred")
    assert raised.details == {"profile": 2, "walk": walk.id}


def test_each_leg_raises_the_floor_to_its_own_profile(room, ledger):
    ledger.start("CS-1", 3, FACTS, ANNA)
    feed(ledger, Connected(MUTUAL, "5eed"))  # stronger than the first leg asks for
    assert floors(room) == (2, 2)


@pytest.mark.parametrize(
    ("settled", "after", "barred"),
    [(1, (3, 2), True), (2, (3, 2), False), (3, (3, 3), False)],
)
def test_the_floor_is_never_lowered_by_a_walk(room, ledger, settled, after, barred):
    """A floor raised by a mere sighting stays, and what is settled below it rises to the leg."""
    ledger.start("CS-1", 2, FACTS, ANNA)
    with room.store.writing() as session:
        row = session.get(StationRow, "CS-1")
        row.floor, row.settled_floor = 3, settled
    feed(ledger, Connected(TLS))
    assert floors(room) == after
    assert ("station:lower-profile-barred" in room.acts()) is barred


@pytest.mark.both_databases
def test_a_walk_to_its_end(room, ledger):
    walk = ledger.start("CS-1", 2, FACTS, ANNA)
    walk_to_tls(room)
    feed(ledger, Connected(TLS), Tick(True))
    ledger.learn("CS-1", password="7")
    feed(ledger, Connected(TLS, password="7"))
    assert ledger.walk(walk.id).state is WalkState.DONE
    assert room.acts()[-1] == "walk:done"
    assert ledger.under_way("CS-1") is None
    assert list(ledger.running()) == []


# hold, resume, cancel


def test_an_operator_holds_a_walk_and_the_station_shows_it(room, ledger):
    walk = ledger.start("CS-1", 2, FACTS, ANNA)
    held = ledger.hold(walk.id, "maintenance", ANNA)
    assert (held.state, held.reason) == (WalkState.HELD, "maintenance")
    assert room.registry.station("CS-1").hold == "maintenance"
    last = room.records()[-1]
    assert (last.act, last.by, last.reason) == ("walk:held", ANNA, "maintenance")
    assert list(ledger.running()) == []


def test_a_walk_that_an_operator_holds_is_not_moved_by_the_station(ledger):
    walk = ledger.start("CS-1", 2, FACTS, ANNA)
    ledger.hold(walk.id, "maintenance", ANNA)
    assert feed(ledger, Tick(True), Connected(TLS)) == []
    assert ledger.walk(walk.id).state is WalkState.HELD


def test_a_resumed_walk_runs_again(room, ledger):
    walk = ledger.start("CS-1", 2, FACTS, ANNA)
    ledger.hold(walk.id, "maintenance", ANNA)
    resumed = ledger.resume(walk.id, ANNA)
    assert (resumed.state, resumed.reason) == (WalkState.RUNNING, "")
    assert room.registry.station("CS-1").hold is None
    assert room.acts()[-1] == "walk:resumed"
    assert feed(ledger, Tick(True)) == [Do.INSTALL_ROOT]


def test_a_walk_that_a_station_had_held_goes_on_by_itself_when_it_arrives(room, ledger):
    walk = ledger.start("CS-1", 2, FACTS, ANNA)
    walk_to_tls(room)
    feed(ledger, Connected(BASIC))
    room.clock.advance(minutes=1)
    feed(ledger, Tick(True))
    assert ledger.walk(walk.id).state is WalkState.HELD
    assert "fell back" in room.registry.station("CS-1").hold
    feed(ledger, Connected(TLS))
    assert ledger.walk(walk.id).state is WalkState.RUNNING
    assert room.registry.station("CS-1").hold is None
    assert "walk:resumed" in room.acts()


@pytest.mark.parametrize("held", [False, True])
def test_a_cancelled_walk_leaves_the_station_where_it_is(room, ledger, held):
    walk = ledger.start("CS-1", 3, FACTS, ANNA)
    walk_to_tls(room)
    feed(ledger, Connected(TLS))
    if held:
        ledger.hold(walk.id, "wait", ANNA)
    cancelled = ledger.cancel(walk.id, "the site closes", ANNA)
    assert (cancelled.state, cancelled.reason) == (WalkState.CANCELLED, "the site closes")
    station = room.registry.station("CS-1")
    assert (station.floor, station.wanted_profile, station.hold) == (TLS, TLS, None)
    last = room.records()[-1]
    assert (last.act, last.reason) == ("walk:cancelled", "the site closes")


@pytest.mark.parametrize(
    ("state", "verb"),
    [("running", "resume"), ("held", "hold"), ("cancelled", "hold"), ("cancelled", "resume"), ("cancelled", "cancel")],
)
def test_refuses_what_the_state_of_a_walk_does_not_allow(room, ledger, state, verb):
    walk = ledger.start("CS-1", 2, FACTS, ANNA)
    if state == "held":
        ledger.hold(walk.id, "wait", ANNA)
    if state == "cancelled":
        ledger.cancel(walk.id, "no", ANNA)
    before, acts = ledger.walk(walk.id), room.acts()
    with pytest.raises(WalkRefused, match=f"is {state}"):
        getattr(ledger, verb)(walk.id, *(() if verb == "resume" else ("why",)), ANNA)
    assert (ledger.walk(walk.id), room.acts()) == (before, acts)


@pytest.mark.parametrize("verb", ["hold", "resume", "cancel", "walk"])
def test_an_unknown_walk_is_an_error(ledger, verb):
    arguments = {"hold": ("w9", "why", ANNA), "resume": ("w9", ANNA), "cancel": ("w9", "why", ANNA), "walk": ("w9",)}
    with pytest.raises(UnknownWalk) as refusal:
        getattr(ledger, verb)(*arguments[verb])
    assert refusal.value.walk == "w9"


# lists


def many(room) -> dict[str, str]:
    """Five walks: two of the first station, a minute apart each; name to id."""
    walks = {}
    for name in ("CS-1", "CS-2", "CS-3"):
        if name != "CS-1":
            room.add(name)
        walks[name] = room.ledger.start(name, 2, FACTS, ANNA).id
        room.clock.advance(minutes=1)
    room.ledger.cancel(walks["CS-1"], "no", ANNA)
    walks["CS-1 again"] = room.ledger.start("CS-1", 3, FACTS, ANNA).id
    room.clock.advance(minutes=1)
    room.ledger.hold(walks["CS-2"], "wait", ANNA)
    return walks


def found(ledger, **wanted) -> list[str]:
    query = {"station": None, "state": None, "after": None, "limit": 10, **wanted}
    return [walk.id for walk in ledger.search(**query)]


def test_lists_walks_newest_first(room, ledger):
    walks = many(room)
    newest_first = [walks[name] for name in ("CS-1 again", "CS-3", "CS-2", "CS-1")]
    assert found(ledger) == newest_first
    assert found(ledger, limit=2) == newest_first[:2]
    assert found(ledger, after=newest_first[1]) == newest_first[2:]
    assert found(ledger, after=newest_first[-1]) == []


@pytest.mark.both_databases
def test_walks_started_at_the_same_moment_are_not_lost_between_pages(room, ledger):
    for number in range(2, 6):
        room.add(f"CS-{number}")
        ledger.start(f"CS-{number}", 2, FACTS, ANNA)
    first = found(ledger, limit=2)
    second = found(ledger, after=first[-1], limit=2)
    assert len({*first, *second}) == 4


@pytest.mark.both_databases
def test_lists_walks_of_a_station_or_in_a_state(room, ledger):
    walks = many(room)
    assert found(ledger, station="CS-1") == [walks["CS-1 again"], walks["CS-1"]]
    assert found(ledger, state="running") == [walks["CS-1 again"], walks["CS-3"]]
    assert found(ledger, state="held") == [walks["CS-2"]]
    assert found(ledger, station="CS-1", state="cancelled") == [walks["CS-1"]]


def test_tells_which_stations_have_a_running_walk(room, ledger):
    many(room)
    assert sorted(ledger.running()) == ["CS-1", "CS-3"]


def test_shows_the_walk_under_way_else_the_last(room, ledger):
    assert ledger.current("CS-1") is None
    walks = many(room)
    assert ledger.current("CS-1").id == walks["CS-1 again"]
    ledger.cancel(walks["CS-1 again"], "no", ANNA)
    assert ledger.current("CS-1").id == walks["CS-1 again"]


@pytest.mark.both_databases
def test_tells_what_moved_since_oldest_change_first(room, ledger):
    walks = many(room)
    since = NOON + timedelta(minutes=2)
    assert [walk.id for walk in ledger.changed_since(since, 10)] == [
        walks["CS-1"],
        walks["CS-1 again"],
        walks["CS-2"],
    ]
    assert len(ledger.changed_since(since, 1)) == 1
    assert ledger.changed_since(room.clock.now, 10) == []


# cancelling, skipping, trying again


def switched(room):
    """A walk of a 1.6 station that was told profile 2, and has not been seen since."""
    walk = room.ledger.start("CS-1", 2, FACTS, ANNA)
    walk_to_tls(room)
    return walk


def test_a_walk_is_cancelled_when_the_station_is_seen_again(room, ledger):
    walk = switched(room)
    going = ledger.cancel(walk.id, "the site closes", ANNA)
    assert (going.state, going.reason) == (WalkState.RUNNING, "being cancelled: the site closes")
    assert (room.records()[-1].act, room.records()[-1].by) == ("walk:to-be-cancelled", ANNA)
    feed(ledger, Connected(BASIC))
    assert (ledger.walk(walk.id).state, ledger.walk(walk.id).reason) == (WalkState.CANCELLED, "the site closes")
    assert room.acts()[-1] == "walk:cancelled"
    assert floors(room) == (1, 1)


def test_a_station_that_arrives_while_its_walk_is_cancelled_is_refused_below_from_then_on(room, ledger):
    """A05.FR.09: its first success bars the lower profile, whatever we wanted meanwhile."""
    walk = switched(room)
    ledger.cancel(walk.id, "no", ANNA)
    feed(ledger, Connected(TLS))
    assert ledger.walk(walk.id).state is WalkState.CANCELLED
    assert floors(room) == (2, 2)


def test_a_walk_that_is_being_cancelled_is_ended_as_it_is_on_an_operators_word_only(room, ledger):
    walk = switched(room)
    ledger.cancel(walk.id, "no", ANNA)
    with pytest.raises(WalkRefused, match="being cancelled already") as refusal:
        ledger.cancel(walk.id, "no", ANNA)
    assert "--as-it-is" in refusal.value.hint
    ended = ledger.cancel(walk.id, "scrapped", ANNA, as_it_is=True)
    assert ended.state is WalkState.CANCELLED
    assert ended.reason.startswith("scrapped (left as it was")


def test_a_step_is_skipped_with_a_reason_that_is_on_the_trail(room, ledger):
    walk = ledger.start("CS-1", 2, FACTS, ANNA)
    ledger.skip(walk.id, "install the RSA root too", "no room for two", ANNA)
    last = room.records()[-1]
    assert (last.act, last.by, last.reason) == ("walk:step-skipped", ANNA, "no room for two")
    assert feed(ledger, Tick(True), accepted(0), Connected(BASIC), Tick(True)) == [Do.INSTALL_ROOT, Do.LIST_ROOTS]
    assert ledger.walk(walk.id).steps[1].note == "skipped: no room for two"


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("raise to profile 2", "what the walk is about"),
        ("see it on profile 2", "only a connection proves"),
        ("change the password", "sent in clear"),
        ("confirm the root", "nothing else shows that the station holds our root"),
        ("dance", "no step 'dance' is to come"),
    ],
)
def test_refuses_to_skip_what_is_not_safe_and_says_why(ledger, step, why):
    walk = ledger.start("CS-1", 2, FACTS, ANNA)
    with pytest.raises(WalkRefused, match=why):
        ledger.skip(walk.id, step, "quicker", ANNA)


def test_a_held_walk_goes_on_with_its_step_alone(room, ledger):
    walk = ledger.start("CS-1", 2, FACTS, ANNA)
    feed(ledger, Tick(True), accepted(0), Connected(BASIC), Tick(True))
    ledger.hold(walk.id, "wait", ANNA)
    ledger.retry(walk.id, ANNA)
    assert "walk:step-retried" in room.acts()
    assert feed(ledger, Tick(True)) == [Do.INSTALL_RSA_ROOT]


def test_the_way_down_needs_permission_and_a_reason(room):
    room.add("CS-1", profile=MUTUAL, version=OcppVersion.V201)
    with pytest.raises(WalkRefused, match="by permission only"):
        room.ledger.start("CS-1", 2, FACTS, ANNA)
    walk = room.ledger.start("CS-1", 2, FACTS, ANNA, "its slot for certificates is broken")
    assert (walk.from_profile, walk.to_profile) == (MUTUAL, TLS)
    assert floors(room) == (3, 3), "it is let in on the lower profile when it is sent there, not before"


def test_1_6_knows_no_way_down(room):
    """A00.FR.005."""
    room.add("CS-1", profile=MUTUAL)
    with pytest.raises(WalkRefused, match="no way down"):
        room.ledger.start("CS-1", 2, FACTS, ANNA, "because")


def test_the_way_down_is_permitted_in_the_name_of_the_operator(room):
    room.add("CS-1", profile=MUTUAL, version=OcppVersion.V201)
    walk = room.ledger.start("CS-1", 2, FACTS, ANNA, "broken slot")
    index = next(i for i, step in enumerate(walk.steps) if step.name == "let it in on profile 2")
    there = lambda w, now: (replace(w.at, index=index, facts={**w.at.facts, "touched": ""}), ())  # noqa: E731
    room.ledger.apply("CS-1", there)
    feed(room.ledger, Tick(False))
    permitted = next(record for record in room.records() if record.act == "station:lower-profile-permitted")
    assert (permitted.by, permitted.reason, permitted.details["profile"]) == (ANNA, "broken slot", 2)
    assert floors(room) == (2, 2)


def test_a_walk_tells_what_may_safely_be_done_next(ledger):
    walk = ledger.start("CS-1", 2, FACTS, ANNA)
    assert [one.act for one in walk.next] == ["hold", "skip", "cancel"]
    assert [one.act for one in ledger.hold(walk.id, "wait", ANNA).next] == ["resume", "skip", "cancel"]
    assert ledger.cancel(walk.id, "no", ANNA).next == ()
