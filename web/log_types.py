"""The logs that a station can be asked for. By themselves, since commands name them too and start without the rest."""

from enum import StrEnum


class LogType(StrEnum):
    """Which log."""

    SECURITY = "security"
    DIAGNOSTICS = "diagnostics"
    DATA_COLLECTOR = "data-collector"
