"""What a security event is worth. By itself, since commands ask for it too and start without the rest."""

from enum import StrEnum


class EventSeverity(StrEnum):
    """What an event is worth. `critical`: OCPP 2.1 demands that stations push it.

    The others divide those that a station may leave in its log: `notice` for what may be somebody at the door, `info`
    for what our own work brings about.
    """

    CRITICAL = "critical"
    NOTICE = "notice"
    INFO = "info"
    UNKNOWN = "unknown"
