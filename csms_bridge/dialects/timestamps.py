"""The station's own time in its messages, in all three versions."""

from collections.abc import Mapping

from csms_bridge.dialects.wire import read_time
from csms_bridge.frames import Json
from csms_bridge.posture.clock_offset import Stamp

# Message → field, and whether a station keeps such a message while it is offline and sends it later. A
# BootNotification and a Heartbeat tell no time.
_FIELDS: Mapping[str, tuple[str, bool]] = {
    "StatusNotification": ("timestamp", False),
    "NotifyReport": ("generatedAt", False),
    "NotifyEvent": ("generatedAt", True),
    "NotifyMonitoringReport": ("generatedAt", False),
    "SecurityEventNotification": ("timestamp", True),
    "TransactionEvent": ("timestamp", True),
    "StartTransaction": ("timestamp", True),
    "StopTransaction": ("timestamp", True),
}


def stamp_of(action: str, payload: Json) -> Stamp | None:
    """When the station says that it wrote a message; None for one that does not tell, or says that it waited."""
    if action == "MeterValues":
        return _stamp(_last_sample(payload), may_wait=True)
    field, may_wait = _FIELDS.get(action, ("", False))
    if not field or payload.get("offline") is True:
        return None
    return _stamp(payload.get(field), may_wait)


def _stamp(text: object, may_wait: bool) -> Stamp | None:
    at = read_time(text) if isinstance(text, str) else None
    return None if at is None else Stamp(at, may_wait)


def _last_sample(payload: Json) -> object:
    samples = payload.get("meterValue")
    last = samples[-1] if isinstance(samples, list) and samples else None
    return last.get("timestamp") if isinstance(last, dict) else None
