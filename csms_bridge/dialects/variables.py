"""SetVariables, GetVariables and reports of OCPP 2.x: variables by name, answers entry by entry."""

from collections.abc import Sequence

from csms_bridge.commands import Answer, Outcome
from csms_bridge.dialects.fields import number_in, object_in, objects_in, optional_text, text_of
from csms_bridge.dialects.wire import Request, reason_of
from csms_bridge.frames import Json
from csms_bridge.variables import Attribute, Characteristics, Reading, Setting, Variable

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
_ATTRIBUTES = {attribute.value: attribute for attribute in Attribute}


def write(settings: Sequence[Setting]) -> Request:
    """A SetVariables request. Raises LookupError for none, and for keys of 1.6."""
    if not settings:
        raise LookupError("OCPP 2.x has no message that sets nothing")
    return Request("SetVariables", {"setVariableData": [_entry(setting) for setting in settings]})


def read(variables: Sequence[Variable]) -> Request:
    """A GetVariables request. Raises LookupError for none ("everything" is a report), and for keys of 1.6."""
    if not variables:
        raise LookupError("OCPP 2.x has no message that reads all settings; it has reports")
    return Request("GetVariables", {"getVariableData": [_address(variable) for variable in variables]})


def report(variables: Sequence[Variable], request_id: int) -> Request:
    """A GetReport request. Raises LookupError for none, and for keys of 1.6."""
    if not variables:
        raise LookupError("OCPP 2.x has no report of nothing")
    addresses = [_address(variable) for variable in variables]
    return Request("GetReport", {"requestId": request_id, "componentVariable": addresses})


def read_report(payload: Json) -> tuple[Reading, ...]:
    """What a NotifyReport tells: one reading for each attribute of each variable."""
    return tuple(reading for entry in objects_in(payload, "reportData") for reading in _reported(entry))


def read_written(payload: Json) -> Answer:
    """The answer to a SetVariables request: the worst entry decides, and its words are kept."""
    entries = objects_in(payload, "setVariableResult")
    judged = [(_MEANING.get(str(entry.get("attributeStatus")), Outcome.REJECTED), entry) for entry in entries]
    refused = tuple(_read_entry(entry) for outcome, entry in judged if outcome is not Outcome.ACCEPTED)
    for outcome in _WORST_FIRST:
        for entry in (entry for found, entry in judged if found is outcome):
            return Answer(outcome, _words(entry), readings=refused)
    return Answer(Outcome.REJECTED, "an empty answer")


def read_read(payload: Json) -> Answer:
    """The answer to a GetVariables request: what is unknown is told of as such, and is no refusal."""
    readings = tuple(_read_entry(entry) for entry in objects_in(payload, "getVariableResult"))
    return Answer(Outcome.ACCEPTED, "Accepted", readings=readings)


def read_values(payload: Json) -> dict[Variable, str]:
    """Variable to value, for the entries of a GetVariables answer that were Accepted."""
    return {
        variable_of(entry): str(entry.get("attributeValue", ""))
        for entry in objects_in(payload, "getVariableResult")
        if entry.get("attributeStatus") == "Accepted"
    }


def variable_of(entry: Json) -> Variable:
    """The variable that an entry of any of these messages is about."""
    component, variable = object_in(entry, "component"), object_in(entry, "variable")
    evse = object_in(component, "evse")
    return Variable(
        component=str(component.get("name", "")),
        name=str(variable.get("name", "")),
        instance=optional_text(component, "instance"),
        variable_instance=optional_text(variable, "instance"),
        evse=number_in(evse, "id"),
        connector=number_in(evse, "connectorId"),
    )


def _entry(setting: Setting) -> Json:
    entry = {**_address(setting.variable), "attributeValue": setting.value}
    return entry if setting.attribute is Attribute.ACTUAL else {**entry, "attributeType": setting.attribute.value}


def _address(variable: Variable) -> Json:
    if not variable.component:
        raise LookupError(f"OCPP 2.x has no configuration key {variable.name}")
    component: Json = {"name": variable.component}
    if variable.instance is not None:
        component["instance"] = variable.instance
    if variable.evse is not None:
        connector = {} if variable.connector is None else {"connectorId": variable.connector}
        component["evse"] = {"id": variable.evse, **connector}
    if not variable.name:  # GetReport: the whole component
        return {"component": component}
    named: Json = {"name": variable.name}
    if variable.variable_instance is not None:
        named["instance"] = variable.variable_instance
    return {"component": component, "variable": named}


def _read_entry(entry: Json) -> Reading:
    """An entry of a Get- or SetVariables answer. An empty value may be left out, but not for what was refused."""
    accepted = entry.get("attributeStatus") in ("Accepted", None)
    value = text_of(entry, "attributeValue") if accepted else None
    return Reading(variable_of(entry), value, _attribute(entry, "attributeType"), "" if accepted else _words(entry))


def _reported(entry: Json) -> list[Reading]:
    variable, characteristics = variable_of(entry), _characteristics(object_in(entry, "variableCharacteristics"))
    return [
        Reading(
            variable,
            optional_text(attribute, "value"),
            _attribute(attribute, "type"),
            # ReadWrite unless told otherwise (2.x VariableAttributeType).
            writable=attribute.get("mutability") != "ReadOnly",
            readable=attribute.get("mutability") != "WriteOnly",
            characteristics=characteristics,
        )
        for attribute in objects_in(entry, "variableAttribute") or [{}]
    ]


def _characteristics(told: Json) -> Characteristics | None:
    if not told:
        return None
    lowest, highest = told.get("minLimit"), told.get("maxLimit")
    return Characteristics(
        data_type=text_of(told, "dataType"),
        unit=text_of(told, "unit"),
        lowest=float(lowest) if isinstance(lowest, int | float) else None,
        highest=float(highest) if isinstance(highest, int | float) else None,
        values=text_of(told, "valuesList"),
    )


def _attribute(entry: Json, name: str) -> Attribute:
    return _ATTRIBUTES.get(text_of(entry, name), Attribute.ACTUAL)


def _words(entry: Json) -> str:
    detail = reason_of(entry.get("attributeStatusInfo"))
    status, name = str(entry.get("attributeStatus")), variable_of(entry).name
    return f"{name}: {status} ({detail})" if detail else f"{name}: {status}"
