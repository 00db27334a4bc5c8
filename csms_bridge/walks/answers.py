"""What an answer, silence, or a certificate made for the station means for the step at hand. Pure."""

from dataclasses import replace
from datetime import datetime

from csms_bridge.commands import Answer, Outcome
from csms_bridge.walks.addresses import is_address, read_value
from csms_bridge.walks.causes import Cause
from csms_bridge.walks.marking import forget, hold, issued_serials, learn, mark, next_step, numbers_of, untouch
from csms_bridge.walks.slots import choose_slot, slot_numbers
from csms_bridge.walks.steps import Do, Issued, Lost, Pace, Progress, Step, StepState, Until

SILENT_TRIES = 3
RSA_ROOT = "root-rsa"


def answered(step: Step, at: Progress, answer: Answer, now: datetime, pace: Pace) -> Progress:
    if answer.outcome in (Outcome.ACCEPTED, Outcome.REBOOT_REQUIRED):
        return _accepted(step, at, answer, now)
    at = untouch(at)
    if step.otherwise and "alternative" not in at.facts:
        return replace(mark(learn(at, alternative="yes"), StepState.PENDING, now, answer.words), tries=0)
    if answer.outcome in step.tolerate and not (step.until is Until.ROOT_LISTED and _root_is_unproved(at)):
        return next_step(at, StepState.SKIPPED, now, f"the station answered {answer.words}")
    if at.tries < step.tries:
        return replace(mark(at, StepState.PENDING, now, answer.words), moved=now + pace.retry)
    return hold(at, f"{step.name}: the station answered {answer.words or answer.outcome}", now, Cause.REFUSED)


def _accepted(step: Step, at: Progress, answer: Answer, now: datetime) -> Progress:
    at = learn(at, **answer.facts, **_learned(step.do, answer))
    if answer.outcome is Outcome.REBOOT_REQUIRED:
        at = learn(at, reboot="yes")
    if step.until is Until.ORDER_BACK:
        return _order_back(step, at, now)
    if step.until is Until.ADDRESS_BACK:
        return _address_back(step, at, answer, now)
    if step.do is Do.READ_URL:
        at = _with_old_address(at, answer)
    if step.do is Do.READ_NETWORK:
        at = _chosen(at)
    if step.until is Until.ROOT_LISTED:
        return _root_listed(step, at, now)
    if "again" in at.facts:
        return replace(mark(forget(at, {"again"}), StepState.PENDING, now), tries=0)
    if step.until is Until.ACCEPTED and not step.settles:
        return next_step(at, StepState.DONE, now, answer.words)
    return mark(at, StepState.WAITING, now, answer.words)


def _learned(do: Do, answer: Answer) -> dict[str, str]:
    """What an acceptance of this tells by itself."""
    match do:
        case Do.INSTALL_ROOT:
            return {"root_accepted": "yes"}
        case Do.INSTALL_RSA_ROOT:
            return {"also_root": RSA_ROOT}
        case Do.RESTART:
            return {"restarted": "yes"}
        case Do.READ_DOWNGRADE:
            return {"may_step_down": read_value(answer).lower()}
        case Do.ALLOW_DOWNGRADE:
            return {"allowed": "yes"}
        case Do.LOWER_AGAIN:
            return {"taken_back": "yes"}
        case Do.WRITE_SLOT_BACK:
            return {"slot_back": "yes"}
    return {}


def _chosen(at: Progress) -> Progress:
    """The slot to write. What this walk has put in order before is no order to go back to."""
    facts = at.facts
    slot, used = choose_slot(facts["priority"], facts["active"], facts.get("slots", ""))
    is_first = "order" not in facts or not numbers_of(at, "touched")
    return learn(at, slot=str(slot), used=str(used), **({"order": facts["priority"]} if is_first else {}))


def _order_back(step: Step, at: Progress, now: datetime) -> Progress:
    before, listed = slot_numbers(at.facts["order"]), slot_numbers(at.facts["priority"])
    if listed[:1] == (before[:1] or [int(at.facts["used"])]):
        return next_step(at, StepState.DONE, now, f"slots {at.facts['priority']}")
    words = f"{step.name}: the station lists its slots as {at.facts['priority']}, and not the old one first"
    return hold(at, words, now, Cause.NO_WAY_BACK)


def _with_old_address(at: Progress, answer: Answer) -> Progress:
    """The address to go back to; what this walk may have written before is none."""
    told = read_value(answer)
    is_first = "old_url" not in at.facts and str(at.index + 1) not in numbers_of(at, "touched")
    is_kept = is_first and is_address(told)
    return learn(at, old_url=told) if is_kept else at


def _address_back(step: Step, at: Progress, answer: Answer, now: datetime) -> Progress:
    told = read_value(answer)
    if told.rstrip("/") == at.facts["old_url"].rstrip("/"):
        return next_step(at, StepState.DONE, now, "it tells its old address")
    if not told:
        return next_step(at, StepState.SKIPPED, now, "the station does not tell its address")
    return hold(at, f"{step.name}: the station tells another address than its old one", now, Cause.NO_WAY_BACK)


def _root_listed(step: Step, at: Progress, now: datetime) -> Progress:
    """Our serial numbers are random, so a listed serial is proof; spellings differ (reference §4.4)."""
    listed = {_bare(serial) for serial in at.facts.get("roots", "").split()}
    if _bare(at.facts["csms_root_serial"]) in listed:
        return next_step(at, StepState.DONE, now, "listed")
    if not listed and not _root_is_unproved(at):
        # Some stations accept a root and list nothing (station-quirks 7): the acceptance is what there is.
        return next_step(at, StepState.DONE, now, "accepted, but the station lists no root")
    return hold(at, f"{step.name}: the station does not hold our root, so it could not come back", now, Cause.NO_ROOT)


def _root_is_unproved(at: Progress) -> bool:
    return "root_accepted" not in at.facts


def unanswered(step: Step, at: Progress, now: datetime, pace: Pace) -> Progress:
    if step.lost is Lost.GO_ON and "again" not in at.facts:
        return next_step(at, StepState.DONE, now, "no answer came; a later step will tell")
    if at.tries >= SILENT_TRIES:
        return hold(at, f"{step.name}: no answer came, {SILENT_TRIES} times", now, Cause.SILENT)
    return replace(mark(at, StepState.PENDING, now, "no answer came"), moved=now + pace.settle)


def issued(step: Step, at: Progress, seen: Issued, now: datetime) -> Progress:
    known = issued_serials(at)
    is_newer = seen.serial not in known[-1:]  # a station that repeats its request gets the same certificate
    at = learn(at, issued=" ".join((*known, seen.serial) if is_newer else known), issuer_root=seen.root)
    if step.until is Until.ISSUED:
        return next_step(at, StepState.DONE, now, f"issued {seen.serial}")
    if step.do is Do.DELIVER and at.state is StepState.SENT and is_newer:
        return learn(at, again="yes")  # the station asked again meanwhile: it may hold the newer key only
    if step.do is Do.DELIVER and at.state is StepState.WAITING and is_newer:
        return mark(at, StepState.PENDING, now)
    return at


def _bare(serial: str) -> str:
    return serial.lower().lstrip("0")
