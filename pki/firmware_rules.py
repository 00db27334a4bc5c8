"""Who must approve a firmware before it is signed: rules by vendor and model, and what they ask for.

Every rule that fits must be satisfied. An order keeps what was asked at the time it came: a rule that is loosened
later does not loosen what is under way.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from pki.audit import JSON, AuditTrail, PkiAct
from pki.clock import Clock
from pki.errors import FirmwareRefused, UnknownFirmwareRule
from pki.firmware_tables import FirmwareRuleRow
from pki.store import Store

_MOST_PEOPLE = 100


@dataclass(frozen=True, slots=True)
class FirmwareRule:
    """`approvals` of `people` must agree, with a passkey or without; nobody named: everybody who may approve."""

    id: str
    vendor: str
    model: str
    approvals: int
    people: tuple[str, ...]
    added_by: str
    added_at: datetime
    passkey: bool = False


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one rule asks of one order."""

    rule: str
    approvals: int
    people: tuple[str, ...]
    passkey: bool = False

    def counts(self, person: str) -> bool:
        """Whether this person's approval counts for it."""
        return not self.people or person in self.people


def requirements(rules: Sequence[FirmwareRule], vendor: str, model: str) -> tuple[Requirement, ...]:
    """What the rules ask of firmware for this vendor and model; empty when it is signed at once."""
    fitting = [rule for rule in rules if _fits(rule, vendor, model)]
    return tuple(Requirement(rule.id, rule.approvals, rule.people, rule.passkey) for rule in fitting if rule.approvals)


def is_known(rules: Sequence[FirmwareRule], vendor: str, model: str) -> bool:
    """Whether any rule is about this vendor and model."""
    return any(_fits(rule, vendor, model) for rule in rules)


def missing(asked: Sequence[Requirement], people: Sequence[str]) -> int:
    """How many approvals are wanting at least, when these people have approved."""
    return max((one.approvals - sum(one.counts(person) for person in people) for one in asked), default=0)


def as_json(asked: Sequence[Requirement]) -> str:
    """As the order's row has it."""
    return json.dumps([asdict(one) for one in asked])


def of_json(text: str) -> tuple[Requirement, ...]:
    """Back again."""
    found: list[Mapping[str, Any]] = json.loads(text)
    return tuple(
        Requirement(one["rule"], one["approvals"], tuple(one["people"]), one.get("passkey", False)) for one in found
    )


class FirmwareRules:
    """The rules that there are."""

    def __init__(self, store: Store, trail: AuditTrail, clock: Clock) -> None:
        self._store = store
        self._trail = trail
        self._clock = clock

    def all(self) -> list[FirmwareRule]:
        """In the order in which they were added."""
        query = select(FirmwareRuleRow).order_by(col(FirmwareRuleRow.added_at), col(FirmwareRuleRow.id))
        with self._store.reading() as session:
            return [_rule_of(row) for row in session.execute(query).scalars()]

    def add(
        self, vendor: str, model: str, approvals: int, people: Sequence[str], by: str, passkey: bool = False
    ) -> FirmwareRule:
        """Ask for approvals from now on. Raises FirmwareRefused."""
        _check(vendor, model, approvals, people)
        row = FirmwareRuleRow(
            id=secrets.token_hex(4), vendor=vendor, model=model, approvals=approvals, people=json.dumps(sorted(people)),
            added_by=by, added_at=self._clock(), passkey=passkey,
        )  # fmt: skip
        with self._store.writing() as session:
            session.add(row)
            session.flush()
            self._trail.record(
                session, PkiAct.FIRMWARE_RULE_ADDED, by=by, kind="firmware-rule", thing=row.id, details=_told(row),
                now=row.added_at,
            )  # fmt: skip
        return _rule_of(row)

    def remove(self, rule_id: str, reason: str, by: str) -> None:
        """Ask no more, of orders to come. Raises UnknownFirmwareRule."""
        with self._store.writing() as session:
            row = session.get(FirmwareRuleRow, rule_id)
            if row is None:
                raise UnknownFirmwareRule(rule_id)
            session.delete(row)
            session.flush()
            self._trail.record(
                session, PkiAct.FIRMWARE_RULE_REMOVED, by=by, kind="firmware-rule", thing=rule_id, reason=reason,
                details=_told(row), now=self._clock(),
            )  # fmt: skip


def _fits(rule: FirmwareRule, vendor: str, model: str) -> bool:
    return fnmatchcase(vendor, rule.vendor) and fnmatchcase(model, rule.model)


def _check(vendor: str, model: str, approvals: int, people: Sequence[str]) -> None:
    for name, pattern in (("vendor", vendor), ("model", model)):
        if not 0 < len(pattern) <= 100 or not pattern.isprintable():
            raise FirmwareRefused(name, f"the {name} must be 1 to 100 printable characters, with * and ? as wildcards")
    if len(people) > _MOST_PEOPLE or len(set(people)) != len(people):
        raise FirmwareRefused("people", f"a rule names up to {_MOST_PEOPLE} people, each once")
    if not all(name.startswith("user:") and name.isprintable() and len(name) <= 100 for name in people):
        raise FirmwareRefused("people", "people are named like user:anna")
    if not 0 <= approvals <= (len(people) or _MOST_PEOPLE):
        raise FirmwareRefused("approvals", "there must be at least as many people as approvals are asked for")


def _told(row: FirmwareRuleRow) -> dict[str, JSON]:
    told: dict[str, JSON] = {"vendor": row.vendor, "model": row.model, "approvals": row.approvals}
    return {**told, "people": json.loads(row.people), "passkey": row.passkey}


def _rule_of(row: FirmwareRuleRow) -> FirmwareRule:
    people = tuple(json.loads(row.people))
    return FirmwareRule(row.id, row.vendor, row.model, row.approvals, people, row.added_by, row.added_at, row.passkey)
