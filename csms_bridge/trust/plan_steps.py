"""The roll-over of a root over a whole fleet as a table of steps, and the rule that moves along it. Pure.

    install new → all confirmed → switch → confirm connected → remove old → old deleted

A step is taken only when nobody would drop by it who was not excluded by name, whatever the per cents say; and when so
many of the stations that are concerned have proved that they can follow. Up to *remove old* every step has a way back.
Then the old root is taken off the stations: whoever lists it still stands against *old deleted*.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from csms_bridge.trust.connecting import Change, ChangeKind, Outcome, Verdict, verdict
from csms_bridge.trust.facts import Fact, Facts, RootFact, shown_rsa_certificate
from csms_bridge.trust.states import HOLDS, state_of
from pki.keys import KeyFamily


class PlanStep(StrEnum):
    """The steps, in their order."""

    PLANNED = "planned"
    INSTALL = "install new"
    CONFIRM = "all confirmed"
    SWITCH = "switch"
    CONNECT = "confirm connected"
    REMOVE = "remove old"
    CLEAR = "old deleted"


DOES: Mapping[PlanStep, str] = {
    PlanStep.INSTALL: "has every station that uses TLS install the new root, a few at a time",
    PlanStep.CONFIRM: "says that all have it: the successor may begin",
    PlanStep.SWITCH: "lets the successor issue; our servers show the new root, with a bridge to the old one",
    PlanStep.CONNECT: "takes the bridge away: who connects from now on proves that it trusts the new root",
    PlanStep.REMOVE: "trusts the old authorities no more; has every station that connected since delete the old root, "
    "a few at a time; there is no way back",
    PlanStep.CLEAR: "says that no station lists the old root any more",
}
BACK = "back"
_ORDER = tuple(PlanStep)
_GATED_BY_CONNECTIONS = (PlanStep.REMOVE,)
SHOWN = 100
"""Stations that a refusal names."""


@dataclass(frozen=True, slots=True)
class Gates:
    """Per cent of the stations concerned: that must have confirmed the new root, and have connected under it alone."""

    confirmed: float = 100.0
    connected: float = 100.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a fleet stands to a step, without those that were excluded.

    `concerned` are shown the certificate that changes; of these `confirmed` hold the new root and `proven` connected
    under it alone. `losing` would drop by the step. `unsure` are concerned, and nobody can tell. `elsewhere` have
    never connected, or their TLS ends at an edge. `holding` list the old root, once it was removed here.
    """

    concerned: int = 0
    confirmed: int = 0
    proven: int = 0
    losing: int = 0
    unsure: int = 0
    elsewhere: int = 0
    excluded: int = 0
    holding: int = 0
    reasons: tuple[tuple[Verdict, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Go:
    """The step may be taken."""

    step: PlanStep


@dataclass(frozen=True, slots=True)
class Stay:
    """It may not: `findings` in sentences, `stations` would drop (the first of `losing`)."""

    step: PlanStep | None
    findings: tuple[str, ...]
    stations: tuple[str, ...] = field(default=())


def following(step: PlanStep) -> PlanStep | None:
    """The step after this one; None at the end."""
    after = _ORDER.index(step) + 1
    return _ORDER[after] if after < len(_ORDER) else None


def preceding(step: PlanStep) -> PlanStep | None:
    """Where a way back leads; None from where there is none."""
    if step in (PlanStep.PLANNED, PlanStep.INSTALL, PlanStep.REMOVE, PlanStep.CLEAR):
        return None
    return _ORDER[_ORDER.index(step) - 1]


def change_of(step: PlanStep, new: str, family: KeyFamily, leaving: Sequence[str], now: datetime) -> Change:
    """What a step would mean for stations. Up to *confirm connected* the old authorities still count.

    *Switch* is judged as if there were no bridge: whoever has only the bridge to stand on falls with the next step.
    """
    first, second = (new, None) if family is KeyFamily.EC else (None, new)
    gone = tuple(leaving) if step is PlanStep.REMOVE else ()
    return Change(ChangeKind.SERVER_CHAIN, now, first, second, leaving=gone)


def standing(change: Change, facts: Mapping[Facts, int]) -> Standing:
    """Patterns and how many stations have them, summed up."""
    sums = dict.fromkeys(("concerned", "confirmed", "proven", "losing", "unsure", "elsewhere", "excluded"), 0)
    reasons: dict[Verdict, int] = {}
    for pattern, number in facts.items():
        for name in _counts_as(change, pattern):
            sums[name] += number
        found = verdict(change, pattern)
        if found.outcome is not Outcome.SAFE and Fact.EXCLUDED not in pattern.station:
            reasons[found] = reasons.get(found, 0) + number
    return Standing(**sums, reasons=tuple(sorted(reasons.items(), key=lambda one: -one[1])))


def would_drop(change: Change, facts: Facts) -> bool:
    """Whether a station with these bits is a veto."""
    return Fact.EXCLUDED not in facts.station and verdict(change, facts).outcome is Outcome.LOSES


def next_act(done: PlanStep, fleet: Standing, gates: Gates, losing: Sequence[str] = ()) -> Go | Stay:
    """The next step, or why it is not taken; `losing` are the names of those that would drop."""
    step = following(done)
    if step is None:
        return Stay(None, ("the roll-over is over",))
    if step is PlanStep.INSTALL:
        return Go(step)
    findings = [*_veto(fleet), *_gate(step, fleet, gates)]
    return Stay(step, tuple(findings), tuple(losing)) if findings else Go(step)


def when_cleared(holding: int, names: Sequence[str] = ()) -> Go | Stay:
    """*Old deleted*, or who lists the old root: `names` are the first of so many."""
    if not holding:
        return Go(PlanStep.CLEAR)
    many = "1 station lists the old root" if holding == 1 else f"{holding} stations list the old root"
    return Stay(PlanStep.CLEAR, (f"{many}: have it deleted there, or exclude them by name",), tuple(names))


def share(part: int, whole: int) -> float:
    """Per cent; of nobody all."""
    return 100.0 * part / whole if whole else 100.0


def _veto(fleet: Standing) -> list[str]:
    if not fleet.losing:
        return []
    many = "1 station would lose us" if fleet.losing == 1 else f"{fleet.losing} stations would lose us"
    return [f"{many}: have them follow, or exclude them by name"]


def _gate(step: PlanStep, fleet: Standing, gates: Gates) -> list[str]:
    found = []
    confirmed = share(fleet.confirmed, fleet.concerned)
    if confirmed < gates.confirmed:
        found.append(
            f"{fleet.confirmed} of {fleet.concerned} stations have confirmed the new root, and {gates.confirmed:g} "
            "per cent are asked for"
        )
    if step in _GATED_BY_CONNECTIONS and share(fleet.proven, fleet.concerned) < gates.connected:
        found.append(
            f"{fleet.proven} of {fleet.concerned} stations have connected under the new root alone, and "
            f"{gates.connected:g} per cent are asked for"
        )
    return found


def _counts_as(change: Change, facts: Facts) -> list[str]:
    if Fact.EXCLUDED in facts.station:
        return ["excluded"]
    names = ["losing"] if verdict(change, facts).outcome is Outcome.LOSES else []
    if Fact.SEEN not in facts.station or Fact.EDGE in facts.station:
        return [*names, "elsewhere"]
    held = _held(change, facts)
    if held is None:
        return names
    names.append("concerned")
    names += ["confirmed"] if state_of(held) in HOLDS else []
    names += ["proven"] if RootFact.SEEN_ALONE in held else []
    names += ["unsure"] if verdict(change, facts).outcome is Outcome.UNSURE else []
    return names


def _held(change: Change, facts: Facts) -> RootFact | None:
    """What is known of the station and the new root; None for one that is not shown the certificate under it."""
    if Fact.TLS not in facts.station:
        return None
    if shown_rsa_certificate(facts.station):
        return facts.second if change.second_root else None
    return facts.first if change.first_root else None
