"""Drives `advance()` with a model station from the start of a walk to its end, and watches that no rule is broken."""

import contextlib
import copy
import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from csms_bridge.commands import Outcome
from csms_bridge.errors import WalkRefused
from csms_bridge.quirks.quirks import USUAL, Asks, Quirks, Roots, spell
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.tables import WalkRow
from csms_bridge.walks.causes import Cause
from csms_bridge.walks.ledger import ACTIVE
from csms_bridge.walks.machine import advance, begin, quiet_until
from csms_bridge.walks.marking import hold
from csms_bridge.walks.operating import cancel, resume, retry, skip
from csms_bridge.walks.plans import plan
from csms_bridge.walks.rows import fields_of, under_way_of
from csms_bridge.walks.steps import (
    ON_OUR_SIDE,
    Answered,
    Booted,
    Connected,
    Disconnected,
    Do,
    Issued,
    Pace,
    Progress,
    Seen,
    SlotsTold,
    StepState,
    Tick,
    Unanswered,
    Until,
    Walk,
    WalkState,
    WeWereAway,
)
from csms_bridge.walks.way_back import with_way_back
from tests.csms_bridge.room import NOON
from tests.csms_bridge.walks.model_station import MUTUAL, NONE, TLS, Manners, ModelStation, Way, serial_for

PACE = Pace()
FACTS = {"csms_root": "root", "csms_root_serial": "0abc"}
PLANS = [
    (version, SecurityProfile(start), SecurityProfile(goal))
    for version in OcppVersion
    for start, goal in itertools.combinations(range(4), 2)
    if start > 0 or version is OcppVersion.V16
]
DOWN = [(version, MUTUAL, TLS) for version in OcppVersion if version is not OcppVersion.V16]
SECOND = timedelta(seconds=1)
OVER = (StepState.DONE, StepState.SKIPPED)


def facts_of(quirks: Quirks) -> dict[str, str]:
    """What a walk of such a station begins with (see walks.acts.Acts.first_facts)."""
    slots = {"slots": ",".join(map(str, quirks.slots))} if quirks.slots else {}
    root = {"csms_root": "root-rsa"} if quirks.roots is Roots.RSA else {}
    return FACTS | root | slots | ({"quirks": spell(quirks.odd())} if quirks.odd() else {})


Mangle = Callable[[Seen], Sequence[timedelta]]
"""When the walk is told of an event: one delay for each time it is told."""


def honest(_: Seen) -> Sequence[timedelta]:
    """Each event once and at once."""
    return (timedelta(),)


@dataclass
class Witness:
    """Checks every move of a walk against the rules that must hold whatever the station does."""

    walk: Walk
    told: list[Seen] = field(default_factory=list)
    restarted: set[int] = field(default_factory=set)
    """The steps that restarted the station since the walk was started or resumed."""

    def saw(self, before: Progress, seen: Seen, after: Progress, acts: Sequence[Do], now: datetime) -> None:
        """One move."""
        self.told.append(seen)
        if isinstance(seen, Tick) and now < quiet_until(self.walk, before, PACE, ready=seen.ready):
            assert (after, list(acts)) == (before, []), "time moves nothing before it is said to"
        if len(after.views) > len(before.views) or after.outcome is WalkState.CANCELLED:
            pass
        elif "away" in before.facts and "away" not in after.facts and after.index <= before.index:
            self.restarted.clear()  # the leg is walked again once, since it was us who were not there
        else:
            assert after.index >= before.index, "a walk goes back only when it is resumed"
            for i in range(before.index):
                assert after.views[i] == before.views[i], "what is over stays as it was"
        if after.outcome is WalkState.HELD:
            assert after.reason, "a hold has a reason that an operator can read"
        for act in acts:
            self._acted(act, before, seen, after, now)
        messages = [act for act in acts if act not in ON_OUR_SIDE]
        assert len(messages) <= 1, "one message at a time"
        if after.outcome is WalkState.DONE:
            self._arrived(after)

    def _acted(self, act: Do, before: Progress, seen: Seen, after: Progress, now: datetime) -> None:
        if act is Do.BAR_BELOW:
            leg = next(step.leg for step in self.walk.steps[before.index :] if step.do is act)
            unharmed = self.walk.is_down and leg is MUTUAL  # it is where it was before
            assert unharmed or self._was_seen_on(leg, after), (
                "the floor is raised when the station was seen (A05.FR.07)"
            )
        if act in ON_OUR_SIDE:
            return
        leg = self.walk.steps[after.index].leg
        assert isinstance(seen, Tick), "messages are sent on a tick"
        assert seen.ready, "messages are sent to a station that is ready"
        assert now >= before.moved, "not before the patience is over"
        assert after.state is StepState.SENT, "progress is stored before anything is sent"
        if act is Do.RESTART:
            assert after.index not in self.restarted, "no step restarts a station twice"
            self.restarted.add(after.index)
        if act is Do.SET_PASSWORD and not self.walk.is_down:
            assert not self._password_was_seen(before), "no password is set after the new one was seen"
        sends = act in (Do.RAISE_PROFILE, Do.WRITE_SLOT, Do.WRITE_SLOT_VARIABLES)
        if sends and leg is TLS and self.walk.is_down:
            assert "password" in after.facts, "nobody is sent down without a password"
        elif sends and leg is TLS:
            proof = ("root_accepted" in after.facts, "ABC" in after.facts.get("roots", "").split())
            assert any(proof), "nobody is sent to TLS without our root"
        if sends and leg is MUTUAL:
            assert after.facts.get("issued"), "nobody is sent to profile 3 without a certificate"

    def _arrived(self, after: Progress) -> None:
        for step, view in zip(self.walk.steps, after.views, strict=True):
            assert view.state in OVER
            if step.until is Until.SEEN:
                assert view.state is StepState.DONE
                assert self._was_seen_on(step.leg, after), "a walk ends when the station was seen"
            if step.until is Until.PASSWORD_SEEN:
                assert view.state is StepState.DONE
                assert any(isinstance(s, Connected) and s.password not in (None, "old") for s in self.told)

    def _was_seen_on(self, leg: SecurityProfile, after: Progress) -> bool:
        issued = after.facts.get("issued", "").split()
        came = [seen for seen in self.told if isinstance(seen, Connected)]
        if self.walk.is_down:
            return any(seen.profile is leg for seen in came)
        return any(seen.profile >= leg and (leg is not MUTUAL or seen.certificate in issued) for seen in came)

    def _password_was_seen(self, before: Progress) -> bool:
        offered = before.facts.get("password")
        return any(isinstance(s, Connected) and offered is not None and s.password == offered for s in self.told)


class Journey:
    """A walk, a model station and a model of what our side keeps beside the walk: floor, passwords, certificates."""

    def __init__(
        self,
        version: OcppVersion,
        start: SecurityProfile,
        goal: SecurityProfile,
        manners: Manners | None = None,
        *,
        mangle: Mangle = honest,
        issuer_root: str = "root",
        stored: bool = False,
        quirks: Quirks = USUAL,
    ) -> None:
        self.version = version
        self.walk = plan(version, start, goal, quirks)
        self.now = NOON
        self.at = begin(self.walk, self.now, facts_of(quirks))
        password = None if start in (NONE, MUTUAL) else "old"
        self.station = ModelStation(version, start, manners or Manners(), password, quirks=quirks)
        self.witness = Witness(self.walk)
        self.mangle = mangle
        self.issuer_root = issuer_root
        self.keep = self._stored if stored else lambda at: at
        self.floor = start
        self.good_passwords = {password} - {None}
        self.offers = 0
        self.accepted = ""
        self.certificates: set[str] = {"5e00"} if start is MUTUAL else set()
        self.station.certificate = "5e00" if start is MUTUAL else None
        self.connected_at: datetime | None = None
        self.in_flight: int | None = None
        self.silent_until = NOON
        """The station hears nothing and says nothing on its line until then."""
        self.boots = False
        self.acts: list[Do] = []
        self.moves = 0
        self.before_act: Callable[[Do], bool] = lambda _: True
        """Asked when an act is stored and about to be sent; False crashes our side there."""
        self._due: list[tuple[datetime, int, Callable[[], None], bool]] = []
        self._number = itertools.count()
        self.dial()

    # --- the course of time

    def run(self, longest: timedelta = timedelta(hours=3)) -> "Journey":
        """On and on until the walk is done, or on hold with nothing to come."""
        end, calm = self.now + longest, 0
        while self.now < end:
            self._happen()
            over = self.at.outcome in (WalkState.DONE, WalkState.CANCELLED)
            if over or (self.at.outcome is WalkState.HELD and not self._due):
                return self
            if self.in_flight is None:
                self.tell_now(Tick(ready=self._is_ready()))
            # The longer nothing goes on, the longer nobody looks: some wait for days.
            calm = calm + 1 if not self._due and self.at.state is StepState.WAITING else 0
            self.now += SECOND if calm == 0 else min(calm, 60) * 10 * SECOND
        raise AssertionError(f"the walk stands still at {self.at.views[self.at.index]}")

    def run_until(self, act: Do) -> "Journey":
        """On until this was sent."""
        while act not in self.acts:
            self._happen()
            if self.in_flight is None:
                self.tell_now(Tick(ready=self._is_ready()))
            self.now += SECOND
        return self

    def let_pass(self, span: timedelta) -> None:
        """Let time pass, and happen what happens, without a walk that looks."""
        end = self.now + span
        while self.now < end:
            self.now += SECOND
            self._happen()

    def _happen(self) -> None:
        while self._due and self._due[0][0] <= self.now:
            heapq.heappop(self._due)[2]()

    def later(self, seconds: float, what: Callable[[], None], *, outside: bool = False) -> None:
        """Let this happen so many seconds from now; what happens `outside` happens though our process dies."""
        heapq.heappush(self._due, (self.now + seconds * SECOND, next(self._number), what, outside))

    def _is_ready(self) -> bool:
        return self.connected_at is not None and self.now - self.connected_at >= 2 * SECOND

    # --- what the walk is told

    def tell(self, seen: Seen) -> None:
        """Tell the walk, as late and as often as `mangle` says."""
        for delay in self.mangle(seen):
            self.later(delay.total_seconds(), lambda: self.tell_now(seen))

    def tell_now(self, seen: Seen) -> None:
        """One move of the walk."""
        before = self.at
        after, acts = advance(self.walk, before, seen, self.now, PACE)
        self.witness.saw(before, seen, after, acts, self.now)
        self.at = self.keep(after)
        self.moves += after != before
        for act in acts:
            self._perform(act, before)

    # --- our side

    def be_honest(self) -> None:
        """From now on each event is told once and at once."""
        self.mangle = honest

    def resume(self) -> "Journey":
        """An operator lets the walk go on, after a while."""
        self.now += timedelta(minutes=1)
        self.at = resume(self.walk, self.at, self.now)
        self.witness.restarted.clear()
        self.tell_now(Tick(ready=False))
        return self

    def operate(self, what: str) -> None:
        """An operator does this to the walk, when it can be done now."""
        before = self.at
        with contextlib.suppress(WalkRefused):
            self.at = self.keep(self._operated(what))
        if before.outcome is WalkState.HELD and self.at.outcome is WalkState.RUNNING:
            self.witness.restarted.clear()
        self.walk = self.witness.walk = with_way_back(self.walk, self.at.facts)

    def _operated(self, what: str) -> Progress:
        is_held, at = self.at.outcome is WalkState.HELD, self.at
        match what:
            case "hold" if at.outcome is WalkState.RUNNING:
                return hold(at, "works on site", self.now, Cause.OPERATOR)
            case "resume" if is_held:
                return resume(self.walk, at, self.now)
            case "retry" if is_held:
                return retry(self.walk, at, self.now)
            case "skip" if at.outcome in ACTIVE:
                return skip(self.walk, at, at.index, "done on site", self.now)
            case "cancel" if at.outcome in ACTIVE:
                return cancel(self.walk, at, "another unit comes", self.now)
        return at

    def crash(self) -> None:
        """Our process dies and starts again: the line, what was in flight and what was not told yet are lost.

        The walk goes on with what was stored.
        """
        self.at = self._stored(self.at)
        self._due = [one for one in self._due if one[3]]
        heapq.heapify(self._due)
        if self.connected_at is not None:
            self.connected_at = None
            self.later(5, self.dial, outside=True)
        self.in_flight = None
        self.tell_now(WeWereAway())

    def _stored(self, at: Progress) -> Progress:
        """Progress as it comes back from the database."""
        row = WalkRow(
            id="w1", station="CS-1", ocpp_version=self.version, start=self.walk.start, goal=self.walk.goal,
            created_at=NOON, updated_at=NOON, **fields_of(at),
        )  # fmt: skip
        assert under_way_of(row).walk == with_way_back(self.walk, at.facts)
        return under_way_of(row).at

    def _perform(self, act: Do, before: Progress) -> None:
        self.acts.append(act)
        if act in (Do.BAR_BELOW, Do.PERMIT_LOWER):
            leg = next(step.leg for step in self.walk.steps[before.index :] if step.do is act)
            self.floor = leg if act is Do.PERMIT_LOWER else max(leg, self.floor)
        elif act is Do.WITHDRAW_OFFER:
            self.good_passwords -= {f"p{n}" for n in range(1, self.offers + 1)} - {self.accepted}
        elif self.before_act(act):
            self.send(act)
            return
        assert self.is_let_in(), f"after {act} the station finds no way in"

    def is_let_in(self) -> bool:
        """Whether the station finds a way in if it loses its line now, and if it restarts."""
        now, after_restart = copy.deepcopy(self.station), copy.deepcopy(self.station)
        after_restart.restart()
        return all(any(map(self._is_admitted, station.ways())) for station in (now, after_restart))

    def send(self, act: Do) -> None:
        """A message on its way: what must be stored first is stored, then the station gets it."""
        if act is Do.SET_PASSWORD:
            self.offers += 1
            self.good_passwords.add(f"p{self.offers}")
            self.at = self.keep(replace(self.at, facts={**self.at.facts, "password": f"p{self.offers}"}))
        index, facts, leg = self.at.index, self.at.facts, self.walk.steps[self.at.index].leg
        self.in_flight = index
        if act in self.station.manners.deaf or self.now < self.silent_until:
            self.station.manners.deaf.discard(act)
            self.later(30, lambda: self._no_answer(index))
            return
        if act is Do.HANG_UP:
            self.later(0, self.leave)
        answer = self.station.asked(act, facts, leg)
        if act in self.station.manners.mute:
            self.station.manners.mute.discard(act)
            self.later(30, lambda: self._no_answer(index))
        else:
            self._settle(act, answer.outcome, facts)
            self.later(0.3, lambda: self._answered(Answered(index, answer)))
        self._follow_up(act, answer.outcome)

    def _settle(self, act: Do, outcome: Outcome, facts: dict[str, str]) -> None:
        if act is Do.SET_PASSWORD and outcome is Outcome.ACCEPTED:
            self.good_passwords = {facts["password"]}
            self.accepted = facts["password"]
        elif act is Do.SET_PASSWORD and outcome is not Outcome.REBOOT_REQUIRED:
            self.good_passwords.discard(facts["password"])

    def _answered(self, told: Answered) -> None:
        if self.in_flight == told.index:
            self.in_flight = None
            self.tell(told)

    def _no_answer(self, index: int) -> None:
        if self.in_flight == index:
            self.in_flight = None
            self.tell(Unanswered(index))

    # --- the station's side

    def _follow_up(self, act: Do, outcome: Outcome) -> None:
        if act is Do.TRIGGER_CSR and outcome is Outcome.ACCEPTED:
            key = self.station.key
            self.later(1, lambda: self.sign(key))
        if act in (Do.LIST_SLOTS, Do.LIST_ALL) and outcome is Outcome.ACCEPTED and self.station.manners.tells_slots:
            self.later(1, lambda: self.tell(SlotsTold("1,2,3")))
        if act is Do.RESTART and outcome is Outcome.ACCEPTED and not self.station.manners.idles:
            self.later(1, self.restart, outside=True)
        elif self.station.leaves_after(act, outcome):
            self.later(1, self.leave)

    def sign(self, key: int) -> None:
        """The station's request came in and was signed."""
        self.certificates.add(serial_for(key))
        self.tell(Issued(serial_for(key), self.issuer_root))

    def restart(self) -> None:
        """The station restarts."""
        self.station.restart()
        self.boots = True
        self.leave()

    def fall_silent(self) -> None:
        """For a minute the line stays, and nothing comes over it."""
        self.silent_until = self.now + timedelta(minutes=1)

    def dial_anew(self) -> None:
        """A new connection takes the place of one that nobody knows is dead (station-quirks 14)."""
        if self.connected_at is not None:
            self.connected_at = None
            self.dial()
            self.tell(Disconnected())

    def leave(self) -> None:
        """The line is gone; the station dials again soon."""
        if self.connected_at is None:
            return
        self.connected_at = None
        self.tell(Disconnected())
        if self.in_flight is not None:
            self._no_answer(self.in_flight)
        self.later(6, self.dial, outside=True)

    def dial(self) -> None:
        """The station dials, one way after the other. One of them must be let in, else it is stranded."""
        if self.connected_at is not None:
            return
        way = next((way for way in self.station.ways() if self._is_admitted(way)), None)
        assert way is not None, "the station is stranded"
        self.station.arrived(way)
        self.connected_at = self.now
        if way.password is not None and way.password != "old":
            self.good_passwords = {way.password}
        self.tell(Connected(way.profile, way.certificate, way.password))
        self._ask_by_itself()
        if self.boots:
            self.boots = False
            self.later(1, lambda: self.tell(Booted()))

    def _ask_by_itself(self) -> None:
        """Some ask for a certificate that they do not have, on each connection or after a restart."""
        asks, key = self.station.manners.asks, self.station.key + 1
        when = {Asks.BY_ITSELF: True, Asks.AFTER_RESTART: self.boots, Asks.ON_TRIGGER: False}
        if when[asks] and self.station.certificate is None and self.station.profile >= TLS:
            self.station.key = key
            self.later(1, lambda: self.sign(key))

    def _is_admitted(self, way: Way) -> bool:
        if way.profile < self.floor:
            return False
        if way.profile is MUTUAL:
            return way.certificate in self.certificates
        return way.profile is NONE or way.password in self.good_passwords
