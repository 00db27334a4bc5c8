"""How the fleet stands to a plan's next step: looked up, and judged by the rules of `plan_steps`."""

from dataclasses import replace

from sqlmodel import Session

from csms_bridge.station_roots.door import StationRoots
from csms_bridge.trust.clearing import Clearing, Holding
from csms_bridge.trust.connecting import Change, Outcome
from csms_bridge.trust.forecast import Judged, WillItConnect
from csms_bridge.trust.plan_acts import PlanActs
from csms_bridge.trust.plan_book import gates_of, row_of
from csms_bridge.trust.plan_steps import (
    SHOWN,
    Go,
    PlanStep,
    Standing,
    Stay,
    change_of,
    following,
    next_act,
    standing,
    when_cleared,
    would_drop,
)
from csms_bridge.trust.query import Asked, count, page
from csms_bridge.trust.rows import RootPlanRow
from pki.authority import Authority
from pki.clock import Clock
from pki.keys import KeyFamily
from pki.store import Store


class PlanJudging:
    """Reads only."""

    def __init__(
        self, store: Store, authority: Authority, connecting: WillItConnect, roots: StationRoots, clock: Clock
    ) -> None:
        self._store = store
        self._authority = authority
        self._connecting = connecting
        self._clock = clock
        self._acts = PlanActs(authority)
        self.clearing = Clearing(roots)

    def look(self, session: Session, row: RootPlanRow) -> tuple[Standing, Go | Stay]:
        """How the fleet stands to the next step, and whether that may be taken."""
        if following(PlanStep(row.step)) is PlanStep.CLEAR:
            return self._look_at_lists(session, row)
        change, asked = self._change(row), self._asked(row)
        facts = count(session, asked)
        dropping = [pattern for pattern in facts if would_drop(change, pattern)]
        names = [one.station for one in page(session, asked, dropping, "", SHOWN)] if dropping else []
        stands = standing(change, facts)
        return stands, next_act(PlanStep(row.step), stands, gates_of(row), names)

    def judged(self, plan: str, outcome: Outcome, after: str | None, limit: int) -> list[Judged]:
        """The stations that come out so by the next step and are not excluded, by name. Raises UnknownPlan."""
        with self._store.reading() as session:
            row = row_of(session, plan)
        if following(PlanStep(row.step)) in (None, PlanStep.CLEAR):
            return []
        return self._connecting.judged(
            self._change(row), self._asked(row), {outcome}, after or "", limit, with_excluded=False
        )

    def holding(self, plan: str, after: str | None, limit: int) -> list[Holding]:
        """The stations that list the old root after it was removed here, by name, and why. Raises UnknownPlan."""
        with self._store.reading() as session:
            row = row_of(session, plan)
            if following(PlanStep(row.step)) is not PlanStep.CLEAR:
                return []
            found = self.clearing.page(session, row, self.family(row), after or "", limit)
            acts = self.clearing.last_acts(session, row, [one.id for one, _ in found])
        return [self.clearing.holding(row, one, acts.get(one.id), proved) for one, proved in found]

    def family(self, row: RootPlanRow) -> KeyFamily:
        """Of the keys of both roots."""
        return self._authority.authority(row.new).algorithm.family

    def _look_at_lists(self, session: Session, row: RootPlanRow) -> tuple[Standing, Go | Stay]:
        found = self.clearing.count(session, row)
        first = self.clearing.page(session, row, self.family(row), "", SHOWN) if found.holding else []
        names = [one.id for one, _ in first]
        return Standing(excluded=found.excluded, holding=found.holding), when_cleared(found.holding, names)

    def _change(self, row: RootPlanRow) -> Change:
        step = following(PlanStep(row.step)) or PlanStep.REMOVE
        return change_of(step, row.new, self.family(row), self._acts.leaving(row.old), self._clock())

    def _asked(self, row: RootPlanRow) -> Asked:
        """Certificates that end are no business of a plan."""
        return replace(self._connecting.asked(self._change(row), row.id), ends_before=None)
