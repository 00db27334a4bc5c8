"""How ready a station is: the reasons together, a score of them, the path, and what may safely be done next. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from csms_bridge.quirks.book import Explanation
from csms_bridge.readiness import kind, standing, told, trusting
from csms_bridge.readiness.codes import Code, Effect, Verdict
from csms_bridge.readiness.facts import Facts
from csms_bridge.readiness.path import Path, path_of
from csms_bridge.readiness.reason import Case, Check, Reason
from csms_bridge.station import OcppVersion, SecurityProfile

BEST = 100
GOALS = (SecurityProfile.TLS_BASIC, SecurityProfile.MUTUAL_TLS)
"""Where a walk may lead to."""
_ORDER = list(Effect)
_CHECKS: Sequence[Check] = (*standing.CHECKS, *kind.CHECKS, *told.CHECKS, *trusting.CHECKS)


@dataclass(frozen=True, slots=True)
class Assessment:
    """One station and one goal. `path` is None when there is none; `next_acts` are in the order to do them in."""

    station: str
    goal: SecurityProfile
    start: SecurityProfile
    verdict: Verdict
    score: int
    reasons: tuple[Reason, ...]
    path: Path | None
    next_acts: tuple[str, ...]

    @property
    def codes(self) -> tuple[Code, ...]:
        """The reasons by name."""
        return tuple(reason.code for reason in self.reasons)


def assess(facts: Facts, book: Explanation, goal: SecurityProfile, now: datetime) -> Assessment:
    """Judge a station by what is known of it. What is not known is said, and never guessed."""
    case = Case(facts, book, goal, now)
    station = case.station
    path = path_of(station.ocpp_version, case.start, goal, book)
    if case.start >= goal:
        return Assessment(station.id, goal, case.start, Verdict.THERE, BEST, (), path, _down(case, path))
    reasons = reasons_of(case)
    verdict = verdict_of(reasons)
    return Assessment(
        station.id, goal, case.start, verdict, score_of(reasons), reasons, path, _next(case, verdict, reasons)
    )


def reasons_of(case: Case) -> tuple[Reason, ...]:
    """Everything that matters, what blocks first, then by weight."""
    found = [reason for check in _CHECKS for reason in check(case)]
    return tuple(sorted(found, key=lambda one: (_ORDER.index(one.effect), -one.weight)))


def score_of(reasons: Sequence[Reason]) -> int:
    """100, less the weights; what blocks takes all."""
    return max(0, BEST - sum(reason.weight for reason in reasons))


def verdict_of(reasons: Sequence[Reason]) -> Verdict:
    """What the gravest of them comes to."""
    effects = {reason.effect for reason in reasons}
    if any(reason.code is Code.UNDER_WAY for reason in reasons):
        return Verdict.UNDER_WAY
    if Effect.BLOCKS in effects:
        return Verdict.BLOCKED
    if Effect.RISK in effects:
        return Verdict.RISKY
    return Verdict.UNSURE if Effect.UNKNOWN in effects else Verdict.READY


def _next(case: Case, verdict: Verdict, reasons: Sequence[Reason]) -> tuple[str, ...]:
    acts = [one.next_act for one in reasons if one.next_act and one.effect is not Effect.NOTE]
    waits = [one.next_act for one in reasons if one.code in (Code.UNDER_WAY, Code.CHARGING, Code.AWAY)]
    if verdict in (Verdict.BLOCKED, Verdict.UNDER_WAY):
        return tuple(dict.fromkeys([*waits[:1], *acts] if verdict is Verdict.UNDER_WAY else acts))
    start = f"voltward walk start {case.station.id} --to {case.goal:d}"
    return tuple(dict.fromkeys([*acts, *waits, start]))


def _down(case: Case, path: Path | None) -> tuple[str, ...]:
    """It is there, or above; the one way down is by permission."""
    if case.start == case.goal or path is None or case.station.ocpp_version is OcppVersion.V16:
        return ()
    return (f'Only with a good reason: voltward walk start {case.station.id} --to 2 --permit-lower --reason "…"',)
