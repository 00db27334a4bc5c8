"""OCPP's own JSON schemas, read from the `ocpp` package without our code, and messages made to fit them."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft4Validator

from csms_bridge.station import OcppVersion

FOLDER = {OcppVersion.V16: "v16", OcppVersion.V201: "v201", OcppVersion.V21: "v21"}


@cache
def schema(version: OcppVersion, action: str, kind: str) -> dict[str, Any]:
    """`kind` is Request or Response; in 1.6 a request's file is named after the action alone."""
    name = action if version is OcppVersion.V16 and kind == "Request" else action + kind
    text = (files("ocpp") / FOLDER[version] / "schemas" / f"{name}.json").read_text("utf-8-sig")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def faults(version: OcppVersion, action: str, kind: str, payload: object) -> list[str]:
    """What is wrong with a payload; empty when it fits. It must be JSON in the first place."""
    as_sent = json.loads(json.dumps(payload))
    return [error.message for error in Draft4Validator(schema(version, action, kind)).iter_errors(as_sent)]


def sample(version: OcppVersion, action: str, *, full: bool, kind: str = "Request") -> dict[str, Any]:
    """A payload that fits its schema: with every field there is, or with those alone that must be there."""
    document = schema(version, action, kind)
    made: dict[str, Any] = _made(document, document, full)
    assert faults(version, action, kind, made) == []
    return made


def _made(part: dict[str, Any], document: dict[str, Any], full: bool) -> Any:
    if "$ref" in part:
        part = document["definitions"][part["$ref"].rsplit("/", 1)[1]]
    if "enum" in part:
        return part["enum"][0]
    match part.get("type"):
        case "object":
            wanted = part.get("properties", {}) if full else part.get("required", [])
            names = [name for name in wanted if name != "customData"]
            return {name: _made(part["properties"][name], document, full) for name in names}
        case "array":
            return [_made(part["items"], document, full)] * max(part.get("minItems", 0), 1)
        case "integer" | "number":
            return max(int(part.get("minimum", 0)), 0)
        case "boolean":
            return True
    return "2026-03-02T12:00:00Z" if part.get("format") == "date-time" else "x"
