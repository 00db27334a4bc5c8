"""The steps of a roll-over as a table, and the rules about them. Pure: facts in, obstacles and moves out.

    prepare → distribute → issue from new → retire old

Up to `issue from new` nothing that was issued depends on the successor, so that the roll-over can be abandoned.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from pki.hierarchy import AuthorityStatus


class StepName(StrEnum):
    """The steps, in their order."""

    PREPARE = "prepare"
    DISTRIBUTE = "distribute"
    ISSUE_FROM_NEW = "issue from new"
    RETIRE_OLD = "retire old"


ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is the case when somebody wants to take a step.

    `old` and `new` name all authorities that leave and come, of a root those below it as well. `leaves` counts
    certificates that are good and were issued by the old ones, up to a bound; `wishes` the stations whose chain shall
    end in the old root; `servers` names our own server certificates that still come from the old ones.
    """

    is_root: bool
    now: datetime
    old: tuple[str, ...]
    new: tuple[str, ...]
    old_ends: datetime
    new_begins: datetime
    new_ends: datetime
    unpublished: tuple[str, ...] = ()
    unusable: tuple[str, ...] = ()
    cut_off: tuple[str, ...] = ()
    leaves: int = 0
    wishes: int = 0
    servers: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What stands against a step. Some a person may overrule, with a note."""

    sentence: str
    may_be_forced: bool = False


Check: TypeAlias = Callable[[Facts], Obstacle | None]


@dataclass(frozen=True, slots=True)
class RolloverStep:
    """A step: what it does, what it needs, and what the old and the new authorities are after it."""

    name: StepName
    does: str
    needs: tuple[Check, ...]
    old: AuthorityStatus
    new: AuthorityStatus
    may_be_abandoned: bool


def lists_are_published(facts: Facts) -> Obstacle | None:
    """Who checks a certificate of the successor must find its list (RFC 5280 §6.3)."""
    if facts.unpublished:
        return Obstacle(
            f"there is no revocation list yet of {_names(facts.unpublished)}; the service publishes it soon"
        )
    return None


def somebody_said_how(facts: Facts) -> Obstacle | None:
    """What stations trust we cannot know from here."""
    if facts.is_root and not facts.note:
        return Obstacle("say in the note how the stations get the new root")
    return None


def is_in_its_time(facts: Facts) -> Obstacle | None:
    """RFC 5280 §4.1.2.5."""
    if facts.new_begins <= facts.now < facts.new_ends:
        return None
    return Obstacle(f"the successor is good from {facts.new_begins:%Y-%m-%d} to {facts.new_ends:%Y-%m-%d} only")


def outlives_the_old(facts: Facts) -> Obstacle | None:
    """Else the next roll-over comes sooner than without this one."""
    if facts.new_ends >= facts.old_ends:
        return None
    sentence = f"the successor ends on {facts.new_ends:%Y-%m-%d}, sooner than the old one"
    return Obstacle(sentence, may_be_forced=True)


def keys_can_sign(facts: Facts) -> Obstacle | None:
    """The moment after it, stations ask."""
    return Obstacle(f"no signature can be had now from {_names(facts.unusable)}") if facts.unusable else None


def the_old_root_is_reached(facts: Facts) -> Obstacle | None:
    """Stations that know the old root alone must find a chain to it."""
    if not facts.cut_off:
        return None
    sentence = f"no chain leads to the old root from {_names(facts.cut_off)}: stations that know no other are cut off"
    return Obstacle(sentence, may_be_forced=True)


def nothing_depends_on_it(facts: Facts) -> Obstacle | None:
    """What a retired authority issued is refused."""
    if not facts.leaves:
        return None
    sentence = f"{facts.leaves} good certificates were issued by {_names(facts.old)}; they would be refused"
    return Obstacle(sentence, may_be_forced=True)


def nobody_wishes_for_it(facts: Facts) -> Obstacle | None:
    """Their wish would have to be dropped."""
    if not facts.wishes:
        return None
    return Obstacle(f"the chains of {facts.wishes} stations shall end in the old root", may_be_forced=True)


def our_servers_have_moved(facts: Facts) -> Obstacle | None:
    """The service renews them by itself within a minute or so."""
    if not facts.servers:
        return None
    sentence = f"the server certificates {_names(facts.servers)} still come from the old authorities"
    return Obstacle(sentence, may_be_forced=True)


_ACTIVE, _PREPARED = AuthorityStatus.ACTIVE, AuthorityStatus.PREPARED
_RETIRING, _RETIRED = AuthorityStatus.RETIRING, AuthorityStatus.RETIRED

STEPS: tuple[RolloverStep, ...] = (
    RolloverStep(
        StepName.PREPARE,
        "makes the successor; of a root also authorities below it, and cross-certificates both ways",
        needs=(),
        old=_ACTIVE,
        new=_PREPARED,
        may_be_abandoned=True,
    ),
    RolloverStep(
        StepName.DISTRIBUTE,
        "says that whoever has to trust the successor can: it is published, and stations get a new root",
        needs=(lists_are_published, somebody_said_how),
        old=_ACTIVE,
        new=_PREPARED,
        may_be_abandoned=True,
    ),
    RolloverStep(
        StepName.ISSUE_FROM_NEW,
        "the successor issues what is new; what the old one issued still counts",
        needs=(lists_are_published, is_in_its_time, outlives_the_old, keys_can_sign, the_old_root_is_reached),
        old=_RETIRING,
        new=_ACTIVE,
        may_be_abandoned=False,
    ),
    RolloverStep(
        StepName.RETIRE_OLD,
        "the old one is trusted no more; its revocation lists and OCSP answers go on",
        needs=(nothing_depends_on_it, nobody_wishes_for_it, our_servers_have_moved),
        old=_RETIRED,
        new=_ACTIVE,
        may_be_abandoned=False,
    ),
)


def step_called(name: str) -> RolloverStep | None:
    """The row of the table; None for `abandoned`."""
    return next((step for step in STEPS if step.name == name), None)


def next_step(done: str) -> RolloverStep | None:
    """What comes after the step that was done last; None when that was the last one, or it was abandoned."""
    step = step_called(done)
    after = STEPS.index(step) + 1 if step is not None else len(STEPS)
    return STEPS[after] if after < len(STEPS) else None


def obstacles_to(step: RolloverStep, facts: Facts) -> tuple[Obstacle, ...]:
    """Everything that stands against the step, in the order of the table."""
    return tuple(found for found in (check(facts) for check in step.needs) if found is not None)


def moves_of(step: RolloverStep, facts: Facts) -> Mapping[str, AuthorityStatus]:
    """What each authority is after the step."""
    return dict.fromkeys(facts.old, step.old) | dict.fromkeys(facts.new, step.new)


def _names(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
