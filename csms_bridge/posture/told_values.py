"""From what a station told of a setting to the row that is kept of it, without secrets. Pure."""

from collections.abc import Mapping
from datetime import datetime

from csms_bridge.posture.rows import NOWHERE, VariableRow
from csms_bridge.redaction import is_secret_name, redact
from csms_bridge.variables import Attribute, Characteristics, Reading, Variable

NOT_KEPT = "a secret, not kept"
LONGEST_NAME = 50
"""Of components, variables, instances and configuration keys, in all versions."""
LONGEST_VALUE = 2500
"""2.x GetVariables and NotifyReport; 1.6 has 500."""
ROW = 200
"""Octets that a row takes beside these texts, roughly."""
COUNTED = ("value", "words", "choices")
_LARGEST = 2**31

Address = tuple[str, str, str, str, int, int, str]
KEY = ("component", "name", "instance", "variable_instance", "evse", "connector", "attribute")


def address_of(reading: Reading) -> Address:
    """What tells one value from another, as it stands in a row."""
    variable = reading.variable
    return (
        variable.component, variable.name, variable.instance or "", variable.variable_instance or "",
        NOWHERE if variable.evse is None else variable.evse,
        NOWHERE if variable.connector is None else variable.connector,
        reading.attribute.value,
    )  # fmt: skip


def variable_of(row: VariableRow) -> Variable:
    """The setting that a row is about."""
    return Variable(
        component=row.component,
        name=row.name,
        instance=row.instance or None,
        variable_instance=row.variable_instance or None,
        evse=None if row.evse == NOWHERE else row.evse,
        connector=None if row.connector == NOWHERE else row.connector,
    )


def can_be_kept(variable: Variable) -> bool:
    """Whether a station's name for a setting is one that OCPP allows."""
    texts = (variable.component, variable.name, variable.instance or "", variable.variable_instance or "")
    numbers = (variable.evse or 0, variable.connector or 0)
    named = bool(variable.name) and all(len(text) <= LONGEST_NAME and "\0" not in text for text in texts)
    return named and all(0 <= number < _LARGEST for number in numbers)


def reveals(reading: Reading) -> bool:
    """Whether a station told a secret, which OCPP makes write-only (1.6 ed. 3 §5.3; 2.x SecurityCtrlr)."""
    return bool(reading.value) and is_secret_name(reading.variable.name)


def told_fields(reading: Reading, source: str, now: datetime) -> Mapping[str, object]:
    """The fields of a row that this message speaks of; the others stay as another message told them."""
    value, words = _kept(reading)
    fields: dict[str, object] = {"value": value, "words": words, "source": source, "read_at": now}
    if reading.writable is not None or reading.readable is not None:
        fields["mutability"] = _mutability(reading)
    if reading.characteristics is not None:
        fields |= _characteristics(reading.characteristics)
    return fields


def characteristics_of(row: VariableRow) -> Characteristics | None:
    """What is known of a variable's kind; None when no report told it."""
    if not row.data_type:
        return None
    return Characteristics(row.data_type, row.unit, row.lowest, row.highest, row.choices)


def octets(fields: Mapping[str, object]) -> int:
    """Roughly what a row with these fields takes."""
    return ROW + sum(len(str(fields.get(name) or "")) for name in COUNTED)


def attribute_of(row: VariableRow) -> Attribute:
    """Which of a variable's values a row holds."""
    return Attribute(row.attribute)


def _kept(reading: Reading) -> tuple[str | None, str]:
    if is_secret_name(reading.variable.name):
        return None, NOT_KEPT if reading.value else _text(reading.words, 200)
    value = None if reading.value is None else _text(str(redact(reading.value)), LONGEST_VALUE)
    return value, _text(reading.words, 200)


def _mutability(reading: Reading) -> str:
    if reading.readable is False:
        return "WriteOnly"
    return "ReadWrite" if reading.writable else "ReadOnly"


def _characteristics(told: Characteristics) -> dict[str, object]:
    return {
        "data_type": _text(told.data_type, 20),
        "unit": _text(told.unit, 16),
        "lowest": told.lowest,
        "highest": told.highest,
        "choices": _text(told.values, 1000),
    }


def _text(told: str, longest: int) -> str:
    """A database takes no NUL (PostgreSQL), and nobody reads on for ever."""
    return told[:longest].replace("\0", "\ufffd")
