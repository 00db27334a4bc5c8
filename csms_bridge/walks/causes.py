"""Why a walk is on hold, as a closed list."""

from enum import StrEnum


class Cause(StrEnum):
    """Why a walk is on hold, for what may be done about it (see walks.counsel)."""

    OPERATOR = "operator"
    FELL_BACK = "fell-back"
    NOT_SEEN = "not-seen"
    REFUSED = "refused"
    SILENT = "silent"
    NO_ROOT = "no-root"
    AUTHORITY = "authority"
    NO_REQUEST = "no-request"
    PASSWORD_NOT_SEEN = "password-not-seen"  # noqa: S105 -- the name of a cause
    NO_WAY_BACK = "no-way-back"
    """The walk is being cancelled, and the way back is not proved."""
    ASLEEP = "asleep"
    LATE = "late"
