"""A walk that was started before its station said what it is gets its plan anew when it has.

The plan is made with what the quirk book says of the station's maker and model, and these come with its first
BootNotification. Once anything was begun the plan stays as it is.
"""

from collections.abc import Callable, Mapping

from csms_bridge.quirks.quirks import read_spelt
from csms_bridge.station import OcppVersion
from csms_bridge.walks import machine
from csms_bridge.walks.ledger import Ledger
from csms_bridge.walks.plans import plan
from csms_bridge.walks.rows import WalkUnderWay
from csms_bridge.walks.steps import Progress, StepState, WalkState

FactsOf = Callable[[str], Mapping[str, str]]
"""What a walk of this station begins with (see `Acts.first_facts`)."""
_FIRST = frozenset({"csms_root", "csms_root_serial", "slots", "quirks"})


class Replanning:
    """Makes plans anew, in the database."""

    def __init__(self, ledger: Ledger, facts_of: FactsOf) -> None:
        self._ledger = ledger
        self._facts_of = facts_of

    def booted(self, station: str) -> None:
        """The station has booted for the first time."""
        under_way = self._ledger.under_way(station)
        if under_way is None or not is_untouched(under_way.at):
            return
        facts = self._facts_of(station)
        self._ledger.replan(station, lambda one, version: replanned(one, version, facts))


def is_untouched(at: Progress) -> bool:
    """Whether nothing was sent, seen or left out yet."""
    return at.outcome is WalkState.RUNNING and all(view.state is StepState.PENDING for view in at.views)


def replanned(under_way: WalkUnderWay, version: OcppVersion, facts: Mapping[str, str]) -> Progress:
    """The same progress in the plan that `facts` lead to; unchanged when something was begun. Pure."""
    at, walk = under_way.at, under_way.walk
    if not is_untouched(at):
        return at
    kept = {name: text for name, text in at.facts.items() if name not in _FIRST}
    fresh = plan(version, walk.start, walk.goal, read_spelt(facts.get("quirks", "")))
    return machine.begin(fresh, at.moved, {**kept, **facts})
