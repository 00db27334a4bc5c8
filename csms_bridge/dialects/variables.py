"""SetVariables and GetVariables of OCPP 2.x: variables by name, answers entry by entry."""

from collections.abc import Sequence
from dataclasses import dataclass

from csms_bridge.commands import Answer, Outcome
from csms_bridge.dialects.wire import Request, reason_of
from csms_bridge.frames import Json


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the device model; `instance` is the component's."""

    component: str
    name: str
    instance: str | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """A variable and the value to write."""

    variable: Variable
    value: str


# How the answer as a whole is judged from its entries: the worst one decides.
_MEANING = {
    "Accepted": Outcome.ACCEPTED,
    "RebootRequired": Outcome.REBOOT_REQUIRED,
    "Rejected": Outcome.REJECTED,
    "UnknownComponent": Outcome.NOT_SUPPORTED,
    "UnknownVariable": Outcome.NOT_SUPPORTED,
    "NotSupportedAttributeType": Outcome.NOT_SUPPORTED,
}
_WORST_FIRST = (Outcome.REJECTED, Outcome.NOT_SUPPORTED, Outcome.REBOOT_REQUIRED, Outcome.ACCEPTED)


def write(settings: Sequence[Setting]) -> Request:
    """A SetVariables request."""
    data = [{**_address(setting.variable), "attributeValue": setting.value} for setting in settings]
    return Request("SetVariables", {"setVariableData": data})


def read(variables: Sequence[Variable]) -> Request:
    """A GetVariables request."""
    return Request("GetVariables", {"getVariableData": [_address(variable) for variable in variables]})


def report(variable: Variable, request_id: int) -> Request:
    """A GetReport request for one variable."""
    return Request("GetReport", {"requestId": request_id, "componentVariable": [_address(variable)]})


def values_list(payload: Json, variable: Variable) -> str:
    """The valuesList of a variable in a NotifyReport; empty when the report does not hold it."""
    for entry in _entries(payload, "reportData"):
        if isinstance(entry, dict) and _variable(entry) == variable:
            characteristics = entry.get("variableCharacteristics")
            return str(characteristics.get("valuesList", "")) if isinstance(characteristics, dict) else ""
    return ""


def read_written(payload: Json) -> Answer:
    """The answer to a SetVariables request: the worst entry decides, and its words are kept."""
    entries = [entry for entry in _entries(payload, "setVariableResult") if isinstance(entry, dict)]
    judged = [(_MEANING.get(str(entry.get("attributeStatus")), Outcome.REJECTED), entry) for entry in entries]
    for outcome in _WORST_FIRST:
        for entry in (entry for found, entry in judged if found is outcome):
            return Answer(outcome, _words(entry))
    return Answer(Outcome.REJECTED, "an empty answer")


def read_values(payload: Json) -> dict[Variable, str]:
    """Variable to value, for the entries of a GetVariables answer that were Accepted."""
    values = {}
    for entry in _entries(payload, "getVariableResult"):
        if isinstance(entry, dict) and entry.get("attributeStatus") == "Accepted":
            values[_variable(entry)] = str(entry.get("attributeValue", ""))
    return values


def _entries(payload: Json, name: str) -> list[object]:
    entries = payload.get(name)
    return entries if isinstance(entries, list) else []


def _address(variable: Variable) -> Json:
    component: Json = {"name": variable.component}
    if variable.instance is not None:
        component["instance"] = variable.instance
    return {"component": component, "variable": {"name": variable.name}}


def _variable(entry: Json) -> Variable:
    component, variable = entry.get("component"), entry.get("variable")
    return Variable(
        component=str(component.get("name", "")) if isinstance(component, dict) else "",
        name=str(variable.get("name", "")) if isinstance(variable, dict) else "",
        instance=component.get("instance") if isinstance(component, dict) else None,
    )


def _words(entry: Json) -> str:
    variable = _variable(entry)
    detail = reason_of(entry.get("attributeStatusInfo"))
    status = str(entry.get("attributeStatus"))
    return f"{variable.name}: {status} ({detail})" if detail else f"{variable.name}: {status}"
