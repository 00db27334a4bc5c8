"""The whole engine of a walk: `advance()`, pure. What was seen goes in, progress and the next acts come out.

Progress is stored before anything is sent, so a crash leaves a step *sent*, whose answer is then unknown. An
answer alone never ends a leg; only a connection on the new profile does (A05.FR.07, 1.6 A05.FR.09).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from csms_bridge.commands import Answer, Outcome
from csms_bridge.station import SecurityProfile
from csms_bridge.walks.steps import (
    Answered,
    Complained,
    Connected,
    Disconnected,
    Do,
    Issued,
    Lost,
    Needed,
    Pace,
    Progress,
    RequestRefused,
    Seen,
    SlotsTold,
    Step,
    StepState,
    StepView,
    Tick,
    Unanswered,
    Until,
    Walk,
    WalkState,
    WeWereAway,
)

SILENT_TRIES = 3
MANY_RETURNS = 5
OPERATOR = "operator"
RSA_ROOT = "root-rsa"
UNDER_WAY = (StepState.SENT, StepState.WAITING)
CERTIFICATE_ACTS = (Do.TRIGGER_CSR, Do.INSTALL_ISSUER_ROOT, Do.DELIVER)
OF_THE_STEP = frozenset({"alternative", "again"})
OF_THE_LAST_MESSAGE = frozenset({"dropped", "reboot", "back", "back_on", "returns", "complaint", "again"})
OF_THE_LEG = frozenset({"password", "away"})
OF_THE_HOLD = frozenset({"held_by", "came"})


def begin(walk: Walk, now: datetime, facts: Mapping[str, str]) -> Progress:
    """The progress of a walk that has not taken a step; `facts` names the CSMS root (see Progress)."""
    return Progress(tuple(StepView(step.name) for step in walk.steps), moved=now, facts=facts)


def advance(walk: Walk, at: Progress, seen: Seen, now: datetime, pace: Pace) -> tuple[Progress, Sequence[Do]]:
    """Take in one thing that was seen; return the progress to store, and then the acts to do, in order.

    Messages to the station are asked for on a Tick with `ready` only, at most one at a time. A walk on hold
    goes on by itself when its leg's end is seen after all; one that an operator holds does so when resumed.
    """
    if at.outcome is WalkState.HELD and isinstance(seen, Connected):
        at = _came_on_hold(walk, at, seen)
    if at.outcome is not WalkState.RUNNING:
        return at, ()
    taken = _take_in(walk, at, seen, now, pace)
    if taken.outcome is WalkState.HELD and "away" in taken.facts:
        # It knocked on a closed door, or a message went down with us: before anybody is asked, the leg is tried again.
        taken = _walk_again(walk, replace(taken, outcome=WalkState.RUNNING, reason=""), now)
    return _go_on(walk, taken, seen, now)


def takes_certificate(walk: Walk, at: Progress) -> bool:
    """Whether a certificate issued now is for this walk to deliver."""
    return at.outcome is WalkState.RUNNING and walk.steps[at.index].do in CERTIFICATE_ACTS


def hold(at: Progress, reason: str, now: datetime, by: str = "") -> Progress:
    """Stop here, with the reason an operator reads; what the station complained of lately is part of it."""
    if complaint := at.facts.get("complaint"):
        reason = f"{reason}; it reported {complaint}"
    held = _learn(_forget(_mark(at, StepState.HELD, now, reason), OF_THE_HOLD), held_by=by)
    return replace(held, outcome=WalkState.HELD, reason=reason)


def resume(walk: Walk, at: Progress, now: datetime) -> Progress:
    """Go on after a hold: the leg is walked again from its first step, or from where its end was seen.

    A refusal often means that something before it is not there after all: a root, a key, a certificate. What was
    seen meanwhile counts, since a station that has arrived would refuse the profile it is on (A05.FR.01).
    """
    cleared = _forget(at, OF_THE_STEP | OF_THE_LAST_MESSAGE | OF_THE_HOLD)
    running = replace(cleared, moved=now, tries=0, outcome=WalkState.RUNNING, reason="")
    came = _who_came(at)
    if came is not None and (index := _arrival(walk, running, came)) is not None:
        return _jump(running, index, came, now)
    return _walk_again(walk, running, now)


def choose_slot(priority: str, active: str, slots: str) -> tuple[int, int]:
    """The slot to write and the slot in use (B09.FR.06).

    `priority` is NetworkConfigurationPriority like "1,2", `active` ActiveNetworkProfile or empty, `slots` the
    valuesList of the priority or empty; without it slots 1 to 3 are taken to exist.
    """
    listed, known = slot_numbers(priority), slot_numbers(slots)
    used = next(iter(slot_numbers(active) or listed), 1)
    return next(slot for slot in (*known, 1, 2, 3) if slot != used), used


def slot_numbers(text: str) -> list[int]:
    """The positive numbers of a comma-separated list."""
    numbers = (part.strip() for part in text.split(","))
    return [int(number) for number in numbers if number.isdecimal() and int(number) > 0]


def _take_in(walk: Walk, at: Progress, seen: Seen, now: datetime, pace: Pace) -> Progress:
    step = walk.steps[at.index]
    match seen:
        case Connected():
            return _connected(walk, at, seen, now, pace)
        case Disconnected():
            gone = _forget(at, {"back"})
            return _learn(gone, dropped="yes") if at.state in UNDER_WAY else gone
        case Answered(index, answer) if index == at.index and at.state is StepState.SENT:
            return _answered(step, at, answer, now, pace)
        case Unanswered(index) if index == at.index and at.state is StepState.SENT:
            return _unanswered(step, at, now, pace)
        case Issued():
            return _issued(step, at, seen, now)
        case WeWereAway():
            return _learn(at, away="yes")
        case Complained(words):
            return _learn(at, complaint=words)
        case SlotsTold(slots) if step.until is Until.SLOTS_TOLD:
            return _next(_learn(at, slots=slots), StepState.DONE, now, f"slots {slots or 'not told'}")
        case RequestRefused(reason) if step.until is Until.ISSUED:
            return hold(at, f"the authority refused the station's certificate request: {reason}", now)
        case Tick():
            return _time_went_by(step, at, now, pace)
    return at


def _go_on(walk: Walk, at: Progress, seen: Seen, now: datetime) -> tuple[Progress, Sequence[Do]]:
    """Walk over what needs nothing from the station; then, if it is ready, ask the next thing."""
    acts: list[Do] = []
    while at.outcome is WalkState.RUNNING and at.state is StepState.PENDING:
        step = walk.steps[at.index]
        if not _is_needed(step, at):
            at = _next(at, StepState.SKIPPED, now, "not needed")
        elif step.until is Until.RECORDED:
            acts.append(step.do)
            at = _next(_forget(at, OF_THE_LEG), StepState.DONE, now)
        elif step.do is Do.WAIT:
            at = _mark(at, StepState.WAITING, now)
        elif isinstance(seen, Tick) and seen.ready and now >= at.moved:
            at = _mark(_forget(at, OF_THE_LAST_MESSAGE), StepState.SENT, now)
            return replace(at, tries=at.tries + 1), (*acts, _act(step, at))
        else:
            break
    return at, acts


def _connected(walk: Walk, at: Progress, seen: Connected, now: datetime, pace: Pace) -> Progress:
    at = _learn(_forget(at, {"back"}), dropped="yes") if at.state in UNDER_WAY else at
    if (index := _arrival(walk, at, seen)) is not None:
        return _jump(at, index, seen, now)
    step = walk.steps[at.index]
    if seen.profile < step.leg:
        returns = str(int(at.facts.get("returns", "0")) + 1)
        at = _learn(at, back=now.isoformat(), back_on=str(int(seen.profile)), returns=returns)
    if at.state is StepState.WAITING and step.settles:
        return _next(at, StepState.DONE, now, at.views[at.index].note)
    # What was sent went over a line that is gone, perhaps with the process that sent it: no answer will come.
    return _unanswered(step, at, now, pace) if at.state is StepState.SENT else at


def _arrival(walk: Walk, at: Progress, seen: Connected) -> int | None:
    """The step that this connection is the end of: the next one that waits for a connection, if it fits."""
    waits = (Until.SEEN, Until.PASSWORD_SEEN)
    index = next((i for i in range(at.index, len(walk.steps)) if walk.steps[i].until in waits), None)
    return index if index is not None and _fits(walk.steps[index], at, seen) else None


def _came_on_hold(walk: Walk, at: Progress, seen: Connected) -> Progress:
    if at.facts.get("held_by") != OPERATOR and _arrival(walk, at, seen) is not None:
        return replace(at, outcome=WalkState.RUNNING, reason="")
    return _learn(at, came=f"{seen.profile:d} {seen.certificate or '-'} {seen.password or '-'}")


def _who_came(at: Progress) -> Connected | None:
    """The last connection while the walk was on hold."""
    if "came" not in at.facts:
        return None
    profile, *proofs = at.facts["came"].split(" ")
    certificate, password = (None if proof == "-" else proof for proof in proofs)
    return Connected(SecurityProfile(int(profile)), certificate, password)


def _walk_again(walk: Walk, at: Progress, now: datetime) -> Progress:
    """Back to the first step of the leg, or to the one after its end was seen."""
    first = _first_again(walk, at.index)
    views = tuple(StepView(v.name) if first <= i <= at.index else v for i, v in enumerate(at.views))
    fresh = _forget(at, OF_THE_STEP | OF_THE_LAST_MESSAGE | OF_THE_HOLD | {"away"})
    return replace(fresh, views=views, index=first, moved=now, tries=0)


def _first_again(walk: Walk, index: int) -> int:
    """The first step of the leg; once the leg's end was seen, the step after that."""
    leg = [i for i, step in enumerate(walk.steps) if step.leg is walk.steps[index].leg]
    seen = next(i for i in leg if walk.steps[i].until is Until.SEEN)
    return leg[0] if index <= seen else seen + 1


def _fits(step: Step, at: Progress, seen: Connected) -> bool:
    """Whether this connection is what the step waits for. On profile 3 only a certificate of this walk counts."""
    if step.until is Until.PASSWORD_SEEN:
        return seen.password is not None and seen.password == at.facts.get("password")
    if step.leg is SecurityProfile.MUTUAL_TLS:
        return seen.certificate is not None and seen.certificate in _issued_serials(at)
    return seen.profile >= step.leg


def _jump(at: Progress, index: int, seen: Connected, now: datetime) -> Progress:
    """What was seen is stronger than any answer: the steps before the one that waited for it are over."""
    while at.index < index:
        state = StepState.DONE if at.state in UNDER_WAY else StepState.SKIPPED
        at = _next(at, state, now, at.views[at.index].note or "its effect was seen")
    with_what = f" with certificate {seen.certificate}" if seen.certificate else ""
    return _next(at, StepState.DONE, now, f"seen on profile {seen.profile:d}{with_what}")


def _answered(step: Step, at: Progress, answer: Answer, now: datetime, pace: Pace) -> Progress:
    if answer.outcome in (Outcome.ACCEPTED, Outcome.REBOOT_REQUIRED):
        return _accepted(step, at, answer, now)
    if step.otherwise and "alternative" not in at.facts:
        return replace(_mark(_learn(at, alternative="yes"), StepState.PENDING, now, answer.words), tries=0)
    if answer.outcome in step.tolerate and not (step.until is Until.ROOT_LISTED and _root_is_unproved(at)):
        return _next(at, StepState.SKIPPED, now, f"the station answered {answer.words}")
    if at.tries < step.tries:
        return replace(_mark(at, StepState.PENDING, now, answer.words), moved=now + pace.retry)
    return hold(at, f"{step.name}: the station answered {answer.words or answer.outcome}", now)


def _accepted(step: Step, at: Progress, answer: Answer, now: datetime) -> Progress:
    at = _learn(at, **answer.facts)
    if answer.outcome is Outcome.REBOOT_REQUIRED:
        at = _learn(at, reboot="yes")
    if step.do is Do.INSTALL_ROOT:
        at = _learn(at, root_accepted="yes")
    if step.do is Do.INSTALL_RSA_ROOT:
        at = _learn(at, also_root=RSA_ROOT)
    if step.do is Do.READ_NETWORK:
        slot, used = choose_slot(at.facts["priority"], at.facts["active"], at.facts.get("slots", ""))
        at = _learn(at, slot=str(slot), used=str(used))
    if step.until is Until.ROOT_LISTED:
        return _root_listed(step, at, now)
    if "again" in at.facts:
        return replace(_mark(_forget(at, {"again"}), StepState.PENDING, now), tries=0)
    if step.until is Until.ACCEPTED and not step.settles:
        return _next(at, StepState.DONE, now, answer.words)
    return _mark(at, StepState.WAITING, now, answer.words)


def _root_listed(step: Step, at: Progress, now: datetime) -> Progress:
    """Our serial numbers are random, so a listed serial is proof; spellings differ (reference §4.4)."""
    listed = {_bare(serial) for serial in at.facts.get("roots", "").split()}
    if _bare(at.facts["csms_root_serial"]) in listed:
        return _next(at, StepState.DONE, now, "listed")
    if not listed and not _root_is_unproved(at):
        # Some stations accept a root and list nothing (station-quirks 7): the acceptance is what there is.
        return _next(at, StepState.DONE, now, "accepted, but the station lists no root")
    return hold(at, f"{step.name}: the station does not hold our root, so it could not come back", now)


def _root_is_unproved(at: Progress) -> bool:
    return "root_accepted" not in at.facts


def _unanswered(step: Step, at: Progress, now: datetime, pace: Pace) -> Progress:
    if step.lost is Lost.GO_ON and "again" not in at.facts:
        return _next(at, StepState.DONE, now, "no answer came; a later step will tell")
    if at.tries >= SILENT_TRIES:
        return hold(at, f"{step.name}: no answer came, {SILENT_TRIES} times", now)
    return replace(_mark(at, StepState.PENDING, now, "no answer came"), moved=now + pace.settle)


def _issued(step: Step, at: Progress, seen: Issued, now: datetime) -> Progress:
    known = _issued_serials(at)
    is_newer = seen.serial not in known[-1:]  # a station that repeats its request gets the same certificate
    at = _learn(at, issued=" ".join((*known, seen.serial) if is_newer else known), issuer_root=seen.root)
    if step.do is Do.TRIGGER_CSR:
        return _next(at, StepState.DONE, now, f"issued {seen.serial}")
    if step.do is Do.DELIVER and at.state is StepState.SENT and is_newer:
        return _learn(at, again="yes")  # the station asked again meanwhile: it may hold the newer key only
    if step.do is Do.DELIVER and at.state is StepState.WAITING and is_newer:
        return _mark(at, StepState.PENDING, now)
    return at


def _time_went_by(step: Step, at: Progress, now: datetime, pace: Pace) -> Progress:
    waited = now - at.moved
    if at.state is StepState.SENT and waited >= pace.silence:
        return _unanswered(step, at, now, pace)
    if at.state is not StepState.WAITING:
        return at
    if step.settles and step.until is Until.ACCEPTED:
        over = waited >= pace.settle * step.settles
        return _next(at, StepState.DONE, now, at.views[at.index].note) if over else at
    if step.until is Until.SEEN and _fell_back(at, now, pace):
        words = f"it fell back: seen again on profile {at.facts['back_on']} when {step.leg:d} was expected"
        return hold(at, words, now)
    if waited < step.within:
        return at
    if step.optional:
        return _next(at, StepState.SKIPPED, now, step.late)
    return hold(at, f"{step.name}: {step.late}", now)


def _fell_back(at: Progress, now: datetime, pace: Pace) -> bool:
    """Back on a lower profile for longer than the grace, or again and again in ever new connections."""
    back = at.facts.get("back")
    stays = back is not None and now - max(datetime.fromisoformat(back), at.moved) >= pace.grace
    return stays or int(at.facts.get("returns", "0")) >= MANY_RETURNS


def _is_needed(step: Step, at: Progress) -> bool:
    match step.needed:
        case Needed.IF_STILL_THERE:
            return "reboot" in at.facts or "dropped" not in at.facts
        case Needed.IF_OTHER_ROOT:
            return at.facts.get("issuer_root") not in (at.facts.get("csms_root"), at.facts.get("also_root"))
        case Needed.IF_SLOT_LISTED:
            return int(at.facts["slot"]) in slot_numbers(at.facts["priority"])
    return True


def _act(step: Step, at: Progress) -> Do:
    return step.otherwise if step.otherwise and "alternative" in at.facts else step.do


def _next(at: Progress, state: StepState, now: datetime, note: str = "") -> Progress:
    """Close the current step and turn to the next; after the last one the walk is done."""
    closed = _forget(_mark(at, state, now, note), OF_THE_STEP)
    if at.index + 1 == len(at.views):
        return replace(closed, outcome=WalkState.DONE)
    return replace(closed, index=at.index + 1, tries=0)


def _mark(at: Progress, state: StepState, now: datetime, note: str = "") -> Progress:
    view = replace(at.views[at.index], state=state, at=now, note=note)
    views = (*at.views[: at.index], view, *at.views[at.index + 1 :])
    return replace(at, views=views, moved=now)


def _learn(at: Progress, **facts: str) -> Progress:
    return replace(at, facts={**at.facts, **facts})


def _forget(at: Progress, names: frozenset[str] | set[str]) -> Progress:
    return replace(at, facts={name: value for name, value in at.facts.items() if name not in names})


def _issued_serials(at: Progress) -> list[str]:
    return at.facts.get("issued", "").split()


def _bare(serial: str) -> str:
    return serial.lower().lstrip("0")
