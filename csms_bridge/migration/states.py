"""How far a migration is, and what keeps a station from one: the words that pages and commands use too."""

from enum import StrEnum


class MigrationState(StrEnum):
    """How far it is."""

    PREPARING = "preparing"
    """Something is set at the station first: it must not get its new firmware before."""
    EXPECTED = "expected"
    ARRIVED = "arrived"
    """It is there on the new version, and not everything has been seen yet."""
    WELL = "well"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = (MigrationState.PREPARING, MigrationState.EXPECTED, MigrationState.ARRIVED)


class Blocker(StrEnum):
    """What keeps a station from the target version. The first that fits, in this order."""

    UNDER_WAY = "under-way"
    NEVER_SEEN = "never-seen"
    FAILED = "failed"
    HELD = "held"
    PROFILE_0 = "profile-0"
    AWAY = "away"
    NO_FIRMWARE = "no-firmware"
    NOTHING = "nothing"
