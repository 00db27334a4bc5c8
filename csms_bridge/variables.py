"""The settings of a station, whatever its version: 1.6 configuration keys and 2.x variables."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Variable:
    """A setting by name: `instance` is the component's. A 1.6 configuration key has no component."""

    component: str
    name: str
    instance: str | None = None
    variable_instance: str | None = None
    evse: int | None = None
    connector: int | None = None


def configuration_key(name: str) -> Variable:
    """A setting of OCPP 1.6."""
    return Variable("", name)


class Attribute(StrEnum):
    """Which of a variable's values (2.x AttributeEnumType)."""

    ACTUAL = "Actual"
    TARGET = "Target"
    MIN_SET = "MinSet"
    MAX_SET = "MaxSet"


@dataclass(frozen=True, slots=True)
class Setting:
    """A value to write."""

    variable: Variable
    value: str
    attribute: Attribute = Attribute.ACTUAL


@dataclass(frozen=True, slots=True)
class Characteristics:
    """What a station reports of a variable's kind: its data type, its limits, and the values it may have."""

    data_type: str
    unit: str = ""
    lowest: float | None = None
    highest: float | None = None
    values: str = ""
    """`valuesList`, comma-separated."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a station told of one setting; `value` is None where it told none (a secret, an unknown name).

    `words` are the station's own for why there is none. `writable` and `readable` are None where it did not say.
    """

    variable: Variable
    value: str | None
    attribute: Attribute = Attribute.ACTUAL
    words: str = ""
    writable: bool | None = None
    readable: bool | None = None
    characteristics: Characteristics | None = None
