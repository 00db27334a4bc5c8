"""Did a station come back well from a change of its OCPP version? And when does a campaign stop? Pure.

Well means: on the expected version, as the station that it was (serial number), no lower than it was (profile),
accepted after its boot, and with a password of the new version's form: 1.6 is given hexadecimal (white paper ed. 3
A00.FR.205), 2.x text (A00.FR.204). Until then the old password is good beside the new one.
"""

from dataclasses import dataclass
from datetime import datetime

from csms_bridge.migration.states import MigrationState
from csms_bridge.password_rotations import RotationState
from csms_bridge.station import OcppVersion, SecurityProfile


@dataclass(frozen=True, slots=True)
class Criteria:
    """What is asked for, for a station to have come back well."""

    keeps_profile: bool = True
    accepted: bool = True
    new_password: bool = True


@dataclass(frozen=True, slots=True)
class Expected:
    """The change as it was announced. `serial` is the registered one, `profile` and `firmware` as they were."""

    old: OcppVersion
    new: OcppVersion
    serial: str
    profile: SecurityProfile | None
    firmware: str
    until: datetime
    criteria: Criteria = Criteria()


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of it now. `came` and `booted`: since it was announced; `boot_serial` empty: it told none."""

    version: OcppVersion | None
    came: bool
    booted: bool
    accepted: bool
    profile: SecurityProfile | None
    firmware: str
    boot_serial: str = ""
    rotation: RotationState | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Where that leaves it, and why; `rotate`: its password is to be changed now."""

    state: MigrationState
    reason: str = ""
    rotate: bool = False


def judge(expected: Expected, seen: Seen, now: datetime) -> Judgement:
    """From what was announced and what is seen."""
    if seen.came and seen.version is expected.new:
        return _arrived(expected, seen, now)
    if seen.came and seen.booted and (failed := _elsewhere(expected, seen)):
        return failed
    if now > expected.until:
        return Judgement(MigrationState.FAILED, f"it did not come back with OCPP {expected.new} in time")
    return Judgement(MigrationState.EXPECTED)


def needs_password(expected: Expected, profile: SecurityProfile | None) -> bool:
    """A station with Basic credentials whose password's form changes; with a certificate there is none to change."""
    changes_form = OcppVersion.V16 in (expected.old, expected.new)
    basic = profile in (SecurityProfile.BASIC, SecurityProfile.TLS_BASIC)
    return expected.criteria.new_password and changes_form and basic


def _elsewhere(expected: Expected, seen: Seen) -> Judgement | None:
    """It has booted since, and speaks another version. One that never got its firmware is still waited for."""
    if seen.version is expected.old:
        if seen.firmware == expected.firmware:
            return None
        sentence = f"it came back on OCPP {expected.old}, with the firmware {seen.firmware!r}"
        return Judgement(MigrationState.FAILED, sentence)
    return Judgement(MigrationState.FAILED, f"it came back on OCPP {seen.version}, not on {expected.new}")


def _arrived(expected: Expected, seen: Seen, now: datetime) -> Judgement:
    if seen.boot_serial and seen.booted and seen.boot_serial != expected.serial:
        return Judgement(MigrationState.FAILED, f"it says another serial number: {seen.boot_serial!r}")
    if expected.criteria.keeps_profile and _is_lower(seen.profile, expected.profile):
        sentence = f"it came back on profile {int(seen.profile or 0)}, and was on {int(expected.profile or 0)}"
        return Judgement(MigrationState.FAILED, sentence)
    missing, rotate = _missing(expected, seen)
    if not missing:
        return Judgement(MigrationState.WELL)
    if seen.rotation is RotationState.FAILED and not rotate:
        return Judgement(MigrationState.FAILED, "it is there, and refused a password of the new form")
    if now > expected.until:
        return Judgement(MigrationState.FAILED, f"it is there, but {missing} in time")
    return Judgement(MigrationState.ARRIVED, missing, rotate)


def _missing(expected: Expected, seen: Seen) -> tuple[str, bool]:
    """What is still to be seen of a station that is there; and whether it is for us to begin with that."""
    if expected.criteria.accepted and not (seen.booted and seen.accepted):
        return "it was not accepted after a boot", False
    if not needs_password(expected, seen.profile) or seen.rotation is RotationState.ROTATED:
        return "", False
    asked = seen.rotation not in (None, RotationState.UNABLE)
    return "it has not come with a password of the new form", not asked


def _is_lower(now: SecurityProfile | None, before: SecurityProfile | None) -> bool:
    return before is not None and (now is None or now < before)


# --- a campaign of them


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of a campaign's migrations are how far."""

    preparing: int = 0
    expected: int = 0
    arrived: int = 0
    well: int = 0
    failed: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class RollBack:
    """When a campaign stops and the old firmware is to be brought back; None: never for this reason.

    `failures`: so many in all. `per_cent`: of those that have ended, once `least` of them have.
    """

    failures: int | None = 1
    per_cent: float | None = None
    least: int = 10


def why_stop(tally: Tally, when: RollBack) -> str:
    """Why the campaign stops; empty when it goes on."""
    ended = tally.well + tally.failed
    if when.failures is not None and tally.failed >= when.failures:
        return f"{tally.failed} of {ended} stations did not come back well, and {when.failures} is the limit"
    if when.per_cent is not None and ended >= when.least and 100 * tally.failed > when.per_cent * ended:
        return f"{tally.failed} of {ended} stations did not come back well: more than {when.per_cent:g} per cent"
    return ""
