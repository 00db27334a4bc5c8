"""What a walk teaches about stations of a kind: pure, from one move of a walk to keys and values of the quirk book.

An answer teaches only what nothing else explains. A lesson is proposed to the operator, and changes nothing by itself.
"""

from collections.abc import Iterator
from typing import Any

from csms_bridge.quirks.quirks import Asks, Chain, RestartRule, Roots, read_spelt
from csms_bridge.walks.steps import Do, Progress, Step, StepState, StepView, Until, Walk

_UNKNOWN_WORDS = ("notimplemented", "notsupported", "not-supported")


def lessons(walk: Walk, before: Progress, after: Progress) -> dict[str, Any]:
    """Keys and values that this move speaks for."""
    found: dict[str, Any] = {}
    for index, (step, old, new) in enumerate(zip(walk.steps, before.views, after.views, strict=False)):
        if old.state is not new.state:
            found.update(_of_step(walk, index, before, old, new))
            found.update(_of_refusal(step, new))
    return found


def _of_step(
    walk: Walk, index: int, before: Progress, old: StepView, new: StepView
) -> Iterator[tuple[str, Any]]:  # fmt: skip
    step, is_done = walk.steps[index], new.state is StepState.DONE
    if step.do is Do.DELIVER and is_done and old.state is StepState.WAITING and "alternative" in before.facts:
        usual = read_spelt(before.facts.get("quirks", "")).chain
        yield "chain", Chain.SUB if usual is Chain.ROOT else Chain.ROOT
    # Skipped by an operator, or left out of a cancelled walk, it teaches nothing of the station.
    told = new.state is StepState.SKIPPED and "the station answered" in new.note
    if step.do is Do.LIST_ROOTS and (told or "lists no root" in new.note):
        yield "lists_roots", False
    refused_first = _root_was_refused(walk, index, before)
    if step.do is Do.LIST_ROOTS and new.state is StepState.HELD and refused_first:
        yield "roots_from_profile", 2  # it refused the root, and not because it has it
    if step.do is Do.INSTALL_RSA_ROOT and _is_borne_refusal(new) and not refused_first:
        yield "room_for_roots", 1
    if step.do is Do.RAISE_PROFILE and is_done and old.state is StepState.SENT:
        yield "drops_first", True  # it was never answered, and what it asked for was seen
    if step.until is Until.SEEN and is_done and _was_restarted(walk, index, before):
        yield "restart", RestartRule.ALWAYS
    if step.do is Do.INSTALL_ISSUER_ROOT and is_done and before.facts.get("issuer_root") == "root-rsa":
        yield "roots", Roots.RSA


def _root_was_refused(walk: Walk, index: int, before: Progress) -> bool:
    """Whether the station refused our root before this step of the same leg, and the walk went on to see its list."""
    leg = walk.steps[index].leg
    installs = [i for i in range(index) if walk.steps[i].do is Do.INSTALL_ROOT and walk.steps[i].leg is leg]
    return any(_is_borne_refusal(before.views[i]) for i in installs)


def _is_borne_refusal(view: StepView) -> bool:
    words = view.note.casefold()
    return view.state is StepState.SKIPPED and "the station answered" in words and "could not be asked" not in words


def _was_restarted(walk: Walk, seen: int, before: Progress) -> bool:
    """Whether it had to be restarted for the profile that it was now seen on, and not for its new address."""
    leg = walk.steps[seen].leg
    if any(walk.steps[i].do is Do.WRITE_URL and walk.steps[i].leg is leg for i in range(seen)):
        return False
    between = [i for i in range(seen) if walk.steps[i].leg is leg and walk.steps[i].do is Do.RESTART]
    raised = any(walk.steps[i].do is Do.RAISE_PROFILE and walk.steps[i].leg is leg for i in range(seen))
    return raised and bool(between) and before.views[between[-1]].state is StepState.DONE


def _of_refusal(step: Step, new: StepView) -> Iterator[tuple[str, Any]]:
    words = new.note.casefold()
    if new.state is not StepState.HELD or "the station answered" not in words or "could not be asked" in words:
        return
    unknown = any(word in words for word in _UNKNOWN_WORDS)
    if step.do is Do.TRIGGER_CSR and unknown:
        yield "asks", Asks.BY_ITSELF
    if step.do is Do.RAISE_PROFILE and unknown:
        yield "walks_to", int(step.leg) - 1
    if step.do is Do.INSTALL_ROOT:
        yield "roots_from_profile", 2
