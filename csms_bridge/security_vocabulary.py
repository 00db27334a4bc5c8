"""The security events that OCPP names: one spelling for three vocabularies, and what each is worth. Pure.

The names are those of 2.x (2.0.1 appendices v1.4 and 2.1 appendices v2.0, "Security events"); 1.6 (white paper
ed. 3) names stations and central systems otherwise, and its first edition had blanks inside two names. The list is
open: a name that is not on it is kept as it was told.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from csms_bridge.event_severity import EventSeverity
from pki.alarms import Severity


class ClockFit(StrEnum):
    """What the time that a station told is worth. An old one fits: events wait while a station is away (A04.FR.02)."""

    FITS = "fits"
    AHEAD = "ahead"
    ABSURD = "absurd"
    UNREADABLE = "unreadable"


LONGEST_TYPE, LONGEST_INFO = 50, 255
"""Characters of `type` and `techInfo`, in all three versions."""

SEVERITY: Mapping[str, EventSeverity] = {
    "FirmwareUpdated": EventSeverity.CRITICAL,
    "FailedToAuthenticationAtCsms": EventSeverity.NOTICE,
    "CsmsFailedToAuthentication": EventSeverity.NOTICE,
    "SettingSystemTime": EventSeverity.CRITICAL,
    "StartupOfTheDevice": EventSeverity.CRITICAL,
    "ResetOrReboot": EventSeverity.CRITICAL,
    "SecurityLogWasCleared": EventSeverity.CRITICAL,
    "ReconfigurationOfSecurityParameters": EventSeverity.INFO,
    "MemoryExhaustion": EventSeverity.CRITICAL,
    "InvalidMessages": EventSeverity.NOTICE,
    "AttemptedReplayAttacks": EventSeverity.NOTICE,
    "TamperDetectionActivated": EventSeverity.CRITICAL,
    "InvalidFirmwareSignature": EventSeverity.CRITICAL,
    "InvalidFirmwareSigningCertificate": EventSeverity.CRITICAL,
    "InvalidCsmsCertificate": EventSeverity.CRITICAL,
    "InvalidChargingStationCertificate": EventSeverity.CRITICAL,
    "InvalidTLSVersion": EventSeverity.CRITICAL,
    "InvalidTLSCipherSuite": EventSeverity.CRITICAL,
    "DiscardedRenewedClientCertificate": EventSeverity.CRITICAL,
    "MaintenanceLoginAccepted": EventSeverity.CRITICAL,
    "MaintenanceLoginFailed": EventSeverity.CRITICAL,
}

_OTHER_SPELLINGS = {
    "FailedToAuthenticationAtCentralSystem": "FailedToAuthenticationAtCsms",
    "CentralSystemFailedToAuthentication": "CsmsFailedToAuthentication",
    "InvalidCentralSystemCertificate": "InvalidCsmsCertificate",
    "InvalidChargePointCertificate": "InvalidChargingStationCertificate",
    # As the prose of 2.0.1 L01.FR.03 prints it.
    "InvalidFirmwareSigning": "InvalidFirmwareSignature",
}
_CANONICAL = {name.lower(): name for name in SEVERITY} | {old.lower(): new for old, new in _OTHER_SPELLINGS.items()}

ALARMING: Mapping[str, Severity] = {
    # Somebody is at the station, or was and has wiped the traces.
    "TamperDetectionActivated": Severity.CRITICAL,
    "SecurityLogWasCleared": Severity.CRITICAL,
    # Somebody sends it messages that are not ours, or an image that we did not sign.
    "AttemptedReplayAttacks": Severity.CRITICAL,
    "InvalidFirmwareSignature": Severity.CRITICAL,
    "InvalidFirmwareSigningCertificate": Severity.CRITICAL,
    # It met a server that is not us or a weakened line; or it does not trust us any more, and will be lost.
    "InvalidCsmsCertificate": Severity.WARNING,
    "CsmsFailedToAuthentication": Severity.WARNING,
    "InvalidTLSVersion": Severity.WARNING,
    "InvalidTLSCipherSuite": Severity.WARNING,
    # It does not take what we issued: without a person it keeps the old certificate until that ends.
    "InvalidChargingStationCertificate": Severity.WARNING,
    "DiscardedRenewedClientCertificate": Severity.WARNING,
    # Somebody guesses; somebody who was let in is at work, and has been announced.
    "MaintenanceLoginFailed": Severity.WARNING,
    "MemoryExhaustion": Severity.WARNING,
}
"""Where a person should look. The rest is told when all goes well: starts, updates, clocks set, our own changes."""

COMPLAINTS = frozenset(
    {
        "InvalidCsmsCertificate",
        "CsmsFailedToAuthentication",
        "InvalidChargingStationCertificate",
        "InvalidTLSVersion",
        "InvalidTLSCipherSuite",
        "DiscardedRenewedClientCertificate",
    }
)
"""Events that tell why a profile or a certificate did not suit the station."""

DISCARDED = "DiscardedRenewedClientCertificate"

_FIRST_STATIONS = 2010  # no clock of an OCPP station that was ever set stands before this year
_AHEAD = timedelta(minutes=10)
_ABSURD = timedelta(days=366)


def canonical(told: str) -> str:
    """The one spelling of an event's name; a name that OCPP does not list stays as it was told."""
    name = told.strip()[:LONGEST_TYPE]
    return _CANONICAL.get("".join(name.split()).lower(), name)


def severity_of(name: str) -> EventSeverity:
    """What an event of this canonical name is worth."""
    return SEVERITY.get(name, EventSeverity.UNKNOWN)


def clock_fit(told: datetime | None, now: datetime) -> ClockFit:
    """What a told time is worth, seen at `now`; None is a time that could not be read."""
    if told is None:
        return ClockFit.UNREADABLE
    if told.year < _FIRST_STATIONS or told - now > _ABSURD:
        return ClockFit.ABSURD
    return ClockFit.AHEAD if told - now > _AHEAD else ClockFit.FITS
