"""From the `ocpp` package's payload classes to plain JSON requests."""

from dataclasses import asdict
from typing import Any

from ocpp.charge_point import remove_nones, snake_to_camel_case

from csms_bridge.dialects.wire import Request


def payload_of(message: Any) -> Request:
    """The CALL that an `ocpp` payload object stands for; its class is named after the action."""
    payload = snake_to_camel_case(remove_nones(asdict(message)))
    return Request(type(message).__name__, payload)
