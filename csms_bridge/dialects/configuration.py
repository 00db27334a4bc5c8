"""GetConfiguration and ChangeConfiguration of OCPP 1.6: keys with a text each."""

from collections.abc import Sequence

from ocpp.v16 import call

from csms_bridge.commands import Answer, Outcome
from csms_bridge.dialects.fields import objects_in, optional_text, text_of, texts_in
from csms_bridge.dialects.payloads import payload_of
from csms_bridge.dialects.wire import Request
from csms_bridge.frames import Json
from csms_bridge.variables import Attribute, Reading, Setting, Variable, configuration_key


def change(key: str, value: str) -> Request:
    """A ChangeConfiguration request."""
    return payload_of(call.ChangeConfiguration(key, value))


def write(settings: Sequence[Setting]) -> Request:
    """The same for settings. Raises LookupError unless it is one key's one value."""
    if len(settings) != 1 or not _is_key(settings[0].variable) or settings[0].attribute is not Attribute.ACTUAL:
        raise LookupError("OCPP 1.6 changes one configuration key a message")
    return change(settings[0].variable.name, settings[0].value)


def read(variables: Sequence[Variable]) -> Request:
    """A GetConfiguration request; none named asks for all. Raises LookupError for what is no key."""
    if not all(map(_is_key, variables)):
        raise LookupError("OCPP 1.6 knows configuration keys only")
    return payload_of(call.GetConfiguration([variable.name for variable in variables] or None))


def read_read(payload: Json) -> Answer:
    """The answer: keys with their values, and those that the station does not know."""
    known = tuple(_reading(entry) for entry in objects_in(payload, "configurationKey"))
    names = texts_in(payload, "unknownKey")
    unknown = tuple(Reading(configuration_key(name), None, words="unknownKey") for name in names)
    return Answer(Outcome.ACCEPTED, "Accepted", readings=known + unknown)


def _reading(entry: Json) -> Reading:
    readonly = entry.get("readonly")
    return Reading(
        configuration_key(text_of(entry, "key")),
        optional_text(entry, "value"),
        writable=not readonly if isinstance(readonly, bool) else None,
    )


def _is_key(variable: Variable) -> bool:
    return variable == configuration_key(variable.name)
