"""What an operator may safely do about a walk now, and why. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from csms_bridge.walks.arrivals import is_held_by_operator
from csms_bridge.walks.causes import Cause
from csms_bridge.walks.operating import objection_to_skip
from csms_bridge.walks.steps import Progress, StepState, Walk, WalkState


class Act(StrEnum):
    """What there is to do: `wait` and `look` ask nothing of us, the others are commands about the walk."""

    WAIT = "wait"
    LOOK = "look"
    RESUME = "resume"
    RETRY = "retry"
    SKIP = "skip"
    HOLD = "hold"
    CANCEL = "cancel"
    LEAVE = "cancel-as-it-is"


@dataclass(frozen=True, slots=True)
class Advice:
    """One safe act, and why one would."""

    act: Act
    why: str


_FIRST: Mapping[Cause, tuple[tuple[Act, str], ...]] = {
    Cause.OPERATOR: ((Act.RESUME, "the reason for which it was held is over"),),
    Cause.FELL_BACK: (
        (Act.LOOK, "see what the station reported, whether its clock is right and whether it reaches the TLS port"),
        (Act.RESUME, "once that is mended, the leg is walked again"),
    ),
    Cause.NOT_SEEN: (
        (Act.WAIT, "when the station arrives on the new profile, the walk goes on by itself"),
        (Act.LOOK, "it may be without power, or not reach us over TLS"),
        (Act.RESUME, "it is back on its old profile, and may be asked again"),
    ),
    Cause.REFUSED: (
        (Act.LOOK, "the station's own words say what it did not like"),
        (Act.RETRY, "what it refused for is over: the step alone is asked again"),
        (Act.RESUME, "something before this step may be missing: the leg is walked again"),
    ),
    Cause.SILENT: (
        (Act.LOOK, "the line may be bad, or the station busy"),
        (Act.RETRY, "the station answers again"),
    ),
    Cause.NO_ROOT: (
        (Act.LOOK, "its certificate store may be full: delete roots that nobody needs"),
        (Act.RESUME, "the root is installed and listed again"),
    ),
    Cause.AUTHORITY: (
        (Act.LOOK, "the audit trail says what was wrong; a key that was seen before is an alarm"),
        (Act.RESUME, "the station is asked for a new request"),
    ),
    Cause.NO_REQUEST: (
        (Act.LOOK, "it may not be able to make keys, or not know its operator"),
        (Act.RETRY, "it is asked for its request again"),
    ),
    Cause.PASSWORD_NOT_SEEN: (
        (Act.LOOK, "restart the station: both of its passwords are known, and its events tell which it uses"),
        (Act.WAIT, "when it uses the new one, the walk goes on by itself"),
    ),
    Cause.NO_WAY_BACK: (
        (Act.WAIT, "when the station comes again, on whichever profile, the walk is cancelled by itself"),
        (Act.LOOK, "restart it while somebody can be on site: it has to show how it comes back"),
        (Act.RESUME, "the way back is tried again"),
    ),
    Cause.ASLEEP: ((Act.WAIT, "it goes on by itself when the station connects"),),
    Cause.LATE: ((Act.RETRY, "the step alone is tried again"),),
}


def advice(walk: Walk, at: Progress) -> tuple[Advice, ...]:
    """The safe acts, the likeliest first; none about a walk that is over."""
    if at.outcome not in (WalkState.RUNNING, WalkState.HELD):
        return ()
    is_held = at.outcome is WalkState.HELD
    found = [Advice(act, why) for act, why in (_FIRST[_cause(at)] if is_held else ())]
    if not is_held:
        found.append(Advice(Act.HOLD, "nothing more is asked of the station until it is resumed"))
    if not objection_to_skip(walk, at, at.index) and at.state is not StepState.WAITING:
        name = walk.steps[at.index].name
        found.append(Advice(Act.SKIP, f"{name!r} was done otherwise, or is not needed at this station"))
    return (*found, _ending(walk, is_held=is_held))


def _ending(walk: Walk, *, is_held: bool) -> Advice:
    if walk.back is None:
        return Advice(Act.CANCEL, "what was begun is undone, and both sides are as they were")
    why = "nobody waits for the way back any more" if is_held else "the way back is not waited for"
    return Advice(Act.LEAVE, f"{why}: all that is good now stays good")


def _cause(at: Progress) -> Cause:
    """Walks that were held before causes were kept say who held them at most."""
    if is_held_by_operator(at):
        return Cause.OPERATOR
    return Cause(at.facts.get("cause", Cause.LATE))
