"""Reading fields of a payload that may have any shape: what is not of the right type is not there."""

from collections.abc import Mapping

from csms_bridge.frames import Json

Payload = Mapping[str, object]

_HIGHEST = 2**31 - 1


def text_of(payload: Payload, *names: str) -> str:
    """The first of these fields that holds text, else empty."""
    return next((value for name in names if isinstance(value := payload.get(name), str)), "")


def optional_text(payload: Payload, name: str) -> str | None:
    """Text, None when there is none."""
    value = payload.get(name)
    return value if isinstance(value, str) else None


def number_in(payload: Payload, name: str) -> int | None:
    """An integer of OCPP, which has 32 bits (2.0.1 Part 2 §2.1); larger ones would not fit the database either."""
    value = payload.get(name)
    fits = isinstance(value, int) and not isinstance(value, bool) and -_HIGHEST <= value <= _HIGHEST
    return value if fits and isinstance(value, int) else None


def texts_in(payload: Payload, name: str) -> tuple[str, ...]:
    """The texts of a list."""
    entries = payload.get(name)
    return tuple(entry for entry in entries if isinstance(entry, str)) if isinstance(entries, list) else ()


def objects_in(payload: Payload, name: str) -> list[Json]:
    """The JSON objects of a list."""
    entries = payload.get(name)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def object_in(payload: Payload, name: str) -> Json:
    """A JSON object, empty when there is none."""
    entry = payload.get(name)
    return entry if isinstance(entry, dict) else {}
