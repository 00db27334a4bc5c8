"""The quick check against the validator that explains: what the one lets through has no fault for the other."""

import copy
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any

import pytest
from jsonschema import Draft4Validator

from csms_bridge.dialects.quick_check import quick_check
from csms_bridge.dialects.schemas import _schema
from csms_bridge.frames import CALL, CALL_RESULT
from csms_bridge.station import OcppVersion
from tests.csms_bridge.dialects.schemas import FOLDER, sample

Message = tuple[str, str, OcppVersion]
_KINDS = {"Request": CALL, "Response": CALL_RESULT}


@cache
def messages(version: OcppVersion) -> list[Message]:
    """Every message of a version."""
    names = {path.name.removesuffix(".json") for path in (files("ocpp") / FOLDER[version] / "schemas").iterdir()}
    actions = {name.removesuffix("Request").removesuffix("Response") for name in names}
    return [
        (action, kind, version)
        for action in sorted(actions)
        for kind in _KINDS
        if _schema(_KINDS[kind], action, version, False) is not None
    ]


def spoilt(payload: Any) -> Iterator[Any]:
    """The payload with one thing in it changed: a part gone, one too many, of another type, or too long."""
    if isinstance(payload, dict):
        yield {**payload, "unheardOf": 1}
        for name, part in payload.items():
            yield {other: value for other, value in payload.items() if other != name}
            for worse in spoilt(part):
                yield {**payload, name: worse}
    elif isinstance(payload, list):
        yield payload * 30
        yield []
        for worse in spoilt(payload[0] if payload else {}):
            yield [worse]
    yield from (None, "x" * 6000, "no date", 7, 0.5, -7.25, float("nan"), True, [], {})


@pytest.mark.parametrize("version", OcppVersion)
def test_lets_nothing_through_that_has_a_fault(version: OcppVersion) -> None:
    for number, (action, kind, _) in enumerate(messages(version)):
        schema = _schema(_KINDS[kind], action, version, True)
        worse = spoilt(sample(version, action, full=True, kind=kind))
        for one in islice(worse, number % 17, 400, 17):  # some of each message's
            assert not schema.certainly_fits(one) or not list(schema.validator.iter_errors(one)), (action, kind, one)


@pytest.mark.parametrize("version", OcppVersion)
def test_what_fits_is_let_through(version: OcppVersion) -> None:
    """Else it would be of no use. Charging limits of 1.6 are multiples of a tenth, which it does not look into."""
    for action, kind, _ in messages(version):
        schema = _schema(_KINDS[kind], action, version, True)
        payload = sample(version, action, full=True, kind=kind)
        assert schema.certainly_fits(payload) is ("limit" not in str(payload) or version is not OcppVersion.V16), action


def test_of_dates_only_the_strict_one_says_something() -> None:
    told = {"currentTime": "yesterday", "interval": 1, "status": "Accepted"}
    for strict in (True, False):
        schema = _schema(CALL_RESULT, "BootNotification", OcppVersion.V201, strict)
        assert schema.certainly_fits(told) is not strict


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "a"},
        {"type": "number", "multipleOf": 0.1},
        {"type": ["string", "null"]},
        {"$ref": "other.json#/definitions/Part"},
        {"$ref": "#/definitions/Missing"},
        {"type": "array", "items": [{"type": "string"}]},
        {"enum": ["a"]},
    ],
)
def test_knows_what_it_does_not_know(schema: dict[str, Any]) -> None:
    check = quick_check(schema)
    assert not any(check(value) for value in ("a", 1, 0.1, None, [], {}, ["a"]))


def test_types_may_hold_themselves() -> None:
    part = {"type": "object", "properties": {"inner": {"$ref": "#/definitions/Part"}}, "additionalProperties": False}
    schema = {"$ref": "#/definitions/Part", "definitions": {"Part": part}}
    check, fits, broken = quick_check(schema), {"inner": {"inner": {}}}, {"inner": {"inner": {"outer": {}}}}
    assert (check(fits), check(broken)) == (True, False)
    assert list(Draft4Validator(copy.deepcopy(schema)).iter_errors(fits)) == []
