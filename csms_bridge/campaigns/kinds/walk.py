"""Campaigns that walk stations to a security profile."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache

from sqlmodel import Session, col, select

from csms_bridge.campaigns.kinds.kind import Starter, Work
from csms_bridge.campaigns.rows import CampaignRow
from csms_bridge.campaigns.selecting import Exclusion, Model, Rule
from csms_bridge.campaigns.words import Goal, Outcome, OutcomeKind
from csms_bridge.errors import CampaignRefused, UnknownStation, WalkRefused
from csms_bridge.readiness.blocking import is_blocked
from csms_bridge.station import SecurityProfile
from csms_bridge.tables import StationRow, WalkRow
from csms_bridge.walks.ledger import Ledger
from csms_bridge.walks.steps import WalkState

Facts = Callable[[Model], Mapping[str, str]]
"""What a walk of a station of this model begins with (see walks.steps.Progress)."""
_AT_ONCE = 500


class WalkKind:
    """Walks by the ledger."""

    def __init__(self, ledger: Ledger, facts: Facts) -> None:
        self._ledger = ledger
        self._facts = facts

    def check(self, goal: Goal) -> None:
        """A walk leads to profile 2 or 3. Raises CampaignRefused."""
        if goal.to not in (SecurityProfile.TLS_BASIC, SecurityProfile.MUTUAL_TLS):
            raise CampaignRefused("to", "a walk leads to profile 2 or 3")

    def rules(self, goal: Goal, since: datetime) -> Sequence[Rule]:
        """Who is on the profile already; and, where that is wanted, whose walk is known to lead nowhere."""
        there = Rule(Exclusion.THERE, col(StationRow.profile) >= goal.to)
        blocked = [Rule(Exclusion.BLOCKED, is_blocked(goal.to))] if goal.only_ready and goal.to is not None else []
        return [there, *blocked]

    def starter(self, goal: Goal, campaign: str) -> Starter:
        """Walks by the ledger."""
        return _WalkStarter(self._ledger, goal.to or 0, self._facts)

    def outcomes(self, session: Session, goal: Goal, works: Sequence[Work], now: datetime) -> Mapping[str, Outcome]:
        """A walk's own end; a hold is one for the campaign."""
        ids = {work.work: work.station for work in works}
        names, found = list(ids), {}
        for start in range(0, len(names), _AT_ONCE):
            query = select(WalkRow.id, WalkRow.outcome, WalkRow.reason).where(
                col(WalkRow.id).in_(names[start : start + _AT_ONCE]), col(WalkRow.outcome) != WalkState.RUNNING
            )
            found.update({ids[walk]: _outcome(WalkState(state), reason) for walk, state, reason in session.exec(query)})
        return found

    def cancel(self, session: Session, work: Work, by: str, reason: str) -> bool:
        """The walk is cancelled; until it has undone what it had begun, it runs on."""
        try:
            return self._ledger.cancel_in(session, work.work, reason, by).state is WalkState.CANCELLED
        except WalkRefused:  # it came to its end just now
            return False

    def why_stop(self, session: Session, campaign: CampaignRow, goal: Goal) -> str:
        """Only numbers stop it."""
        return ""

    def most_urgent_first(self) -> bool:
        """Walks have no hurry of their own."""
        return False


class _WalkStarter:
    """A fleet has few models: what a walk of each begins with is asked for once in a transaction."""

    def __init__(self, ledger: Ledger, to: int, facts: Facts) -> None:
        self._ledger = ledger
        self._to = to
        self._facts = cache(facts)

    def start(self, session: Session, station: str, by: str) -> str:
        row = session.get(StationRow, station)
        if row is None:
            raise UnknownStation(station)
        facts = self._facts((row.vendor, row.model, row.firmware))
        return self._ledger.start_in(session, station, self._to, facts, by).id

    def again(self, session: Session, before: Work, by: str) -> str:
        """A walk that is on hold goes on; one that has ended is walked anew."""
        row = session.get(WalkRow, before.work, populate_existing=True)
        if row is not None and row.outcome == WalkState.HELD:
            return self._ledger.resume_in(session, before.work, by).id
        if row is not None and row.outcome == WalkState.RUNNING:  # it went on by itself
            return row.id
        return self.start(session, before.station, by)

    def committed(self, stations: Sequence[str]) -> None:
        """The station's node looks for running walks in every round."""


def _outcome(state: WalkState, reason: str) -> Outcome:
    kinds = {
        WalkState.DONE: OutcomeKind.DONE,
        WalkState.HELD: OutcomeKind.HELD,
        WalkState.CANCELLED: OutcomeKind.FAILED,
    }
    words = f"the walk was cancelled: {reason}" if state is WalkState.CANCELLED else reason
    return Outcome(kinds[state], words)
