"""Whether a payload fits its schema for certain, without asking what is wrong with one that does not.

Nearly every message fits, and a validator that can explain each fault takes fifty times as long to find that out. A
schema is turned into nested functions once. They know the keywords that OCPP's schemas use, and say no when they meet
anything else: a no is no verdict, and `schemas` looks closer then.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[Any], bool]

_NOTES = frozenset({"type", "description", "title", "comment", "default", "javaType", "$schema", "$id", "definitions"})
_OF_OBJECTS = _NOTES | {"properties", "required", "additionalProperties"}
_OF_LISTS = _NOTES | {"items", "minItems", "maxItems", "additionalItems", "additionalProperties"}
_OF_TEXTS = _NOTES | {"enum", "maxLength", "format", "additionalProperties"}
_OF_NUMBERS = _NOTES | {"minimum", "maximum", "additionalProperties"}


def quick_check(schema: Mapping[str, Any], is_date: Callable[[object], bool] | None = None) -> Check:
    """True for a payload that certainly has no fault. `is_date` looks at date-times; without it nobody does."""
    return _Compiler(schema, is_date).check_of(schema)


class _Compiler:
    def __init__(self, whole: Mapping[str, Any], is_date: Callable[[object], bool] | None) -> None:
        self._whole = whole
        self._is_date = is_date
        self._named: dict[str, Check] = {}

    def check_of(self, schema: Mapping[str, Any]) -> Check:
        if "$ref" in schema:  # draft 4: what stands beside it does not count
            return self._referenced(schema["$ref"])
        match schema.get("type"):
            case "object" if schema.keys() <= _OF_OBJECTS:
                return self._object(schema)
            case "array" if schema.keys() <= _OF_LISTS and isinstance(schema.get("items"), dict):
                return self._list(schema)
            case "string" if schema.keys() <= _OF_TEXTS:
                return self._text(schema)
            case "integer" if schema.keys() <= _OF_NUMBERS:
                return _number(schema, (int,))
            case "number" if schema.keys() <= _OF_NUMBERS:
                return _number(schema, (int, float))
            case "boolean" if schema.keys() <= _NOTES | {"additionalProperties"}:
                return lambda value: type(value) is bool
            case None if schema.keys() <= _NOTES:  # the data of a DataTransfer
                return lambda _: True
        return _never

    def _referenced(self, reference: str) -> Check:
        """Types may hold themselves: what a name stands for is looked up when it is met."""
        place, _, name = reference.rpartition("/")
        schema = self._whole.get("definitions", {}).get(name) if place == "#/definitions" else None
        if schema is None:
            return _never
        if reference not in self._named:
            self._named[reference] = lambda value: self._named[reference](value)
            self._named[reference] = self.check_of(schema)
        return self._named[reference]

    def _object(self, schema: Mapping[str, Any]) -> Check:
        parts = {name: self.check_of(part) for name, part in schema.get("properties", {}).items()}
        required, others = set(schema.get("required", ())), schema.get("additionalProperties", True)

        def check(value: Any) -> bool:
            if type(value) is not dict or not required <= value.keys():
                return False
            for name, part in value.items():
                of_part = parts.get(name)
                if of_part is None:
                    if others is not True:
                        return False
                elif not of_part(part):
                    return False
            return True

        return check

    def _list(self, schema: Mapping[str, Any]) -> Check:
        of_item = self.check_of(schema["items"])
        least, most = schema.get("minItems", 0), schema.get("maxItems", float("inf"))
        return lambda value: type(value) is list and least <= len(value) <= most and all(map(of_item, value))

    def _text(self, schema: Mapping[str, Any]) -> Check:
        longest = schema.get("maxLength", float("inf"))
        is_date = self._is_date if schema.get("format") == "date-time" else None
        if "enum" in schema:
            words = {word for word in schema["enum"] if isinstance(word, str)}
            return lambda value: type(value) is str and value in words and len(value) <= longest and is_date is None
        if is_date is not None:
            return lambda value: type(value) is str and len(value) <= longest and is_date(value)
        return lambda value: type(value) is str and len(value) <= longest


def _number(schema: Mapping[str, Any], kinds: tuple[type, ...]) -> Check:
    least, most = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
    return lambda value: type(value) in kinds and least <= value <= most


def _never(_: Any) -> bool:
    return False
