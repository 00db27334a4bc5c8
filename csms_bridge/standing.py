"""What a station may say, and what we may ask of it, before it is accepted. Pure.

OCPP 2.0.1 edition 3 and 2.1: B01.FR.10, B02.FR.01/.02/.05/.09, B03.FR.03/.07. The errata of OCPP-J 1.6 recommend the
same for 1.6. A *lane* is why a station is let in as Pending only; whatever boot status the station was told, the lane
is held to here (ADR 0017).
"""

from collections.abc import Collection, Mapping
from enum import StrEnum


class Standing(StrEnum):
    """Where a station stands on its present line."""

    ACCEPTED = "accepted"
    PENDING = "pending"
    REJECTED = "rejected"


class Lane(StrEnum):
    """Why a station is let in as Pending only."""

    RECOVERY = "recovery"
    """Its own certificate has expired, and an operator lets it in to get a new one (A00.FR.429/.807)."""
    BOOTSTRAP = "bootstrap"
    """Its maker's certificate is its only proof (A00.FR.404/.406/.805)."""
    PASSWORD = "password"  # noqa: S105 -- the name of a lane
    """It lost what proved it on profile 3, and shows the password that was made for its recovery: to be walked up."""
    QUARANTINE = "quarantine"
    """Nobody registered it."""

    @property
    def leads_to_a_certificate(self) -> bool:
        """Whether certificate work passes."""
        return self is not Lane.QUARANTINE

    @property
    def walks(self) -> bool:
        """Whether a walk brings the station out of it. It is told Accepted: no walk does anything to a pending one."""
        return self is Lane.PASSWORD


BOOT, SIGN, EVENT = "BootNotification", "SignCertificate", "SecurityEventNotification"

_WHILE_PENDING = frozenset(
    {
        # B02.FR.01, and what 1.6 has in their place.
        "GetVariables", "SetVariables", "GetBaseReport", "GetReport", "TriggerMessage",
        "GetConfiguration", "ChangeConfiguration", "ExtendedTriggerMessage",
    }
)  # fmt: skip
_CERTIFICATE_WORK = frozenset({"InstallCertificate", "CertificateSigned", "GetInstalledCertificateIds"})

_WALKING_UP = frozenset({"SetNetworkProfile", "Reset"})
"""What a walk from 2 to 3 needs besides."""

_TRIGGERED_AS: Mapping[str, str] = {
    "SignChargePointCertificate": SIGN,
    "SignChargingStationCertificate": SIGN,
    "SignV2GCertificate": SIGN,
    "SignV2G20Certificate": SIGN,
    "SignCombinedCertificate": SIGN,
}
_FOLLOWED_BY: Mapping[str, str] = {"GetBaseReport": "NotifyReport", "GetReport": "NotifyReport"}


def may_say(standing: Standing, lane: Lane | None, action: str, provoked: Collection[str]) -> bool:
    """Whether a station's CALL is answered; else it gets SecurityError. `provoked`: what calls of ours asked for.

    In a lane that leads to a certificate SignCertificate passes also before it was triggered: it will be, at once,
    and a station whose SignCertificate gets a CALLERROR may be stuck until it restarts (reference, station-everest).
    Where a walk leads out of the lane, the station may complain: that is how a walk learns why a step failed.
    """
    if standing is Standing.ACCEPTED or action == BOOT:
        return True
    if standing is Standing.REJECTED or lane is Lane.QUARANTINE:
        return False
    if lane is not None and action == SIGN:
        return True
    return action in provoked or (lane is Lane.PASSWORD and action == EVENT)


def may_ask(standing: Standing, lane: Lane | None, action: str) -> bool:
    """Whether a CALL of ours may go out. Nothing goes to a rejected station, or to one that nobody registered."""
    if standing is Standing.REJECTED or lane is Lane.QUARANTINE:
        return False
    if standing is Standing.ACCEPTED or action in _WHILE_PENDING:
        return True
    if lane is Lane.PASSWORD and action in _WALKING_UP:
        return True
    return lane is not None and action in _CERTIFICATE_WORK


def provoked_by(action: str, payload: Mapping[str, object]) -> frozenset[str]:
    """What a station will say because of a CALL of ours, and may say while it is pending."""
    if action in ("TriggerMessage", "ExtendedTriggerMessage"):
        asked = str(payload.get("requestedMessage", ""))
        return frozenset({_TRIGGERED_AS.get(asked, asked)})
    return frozenset({_FOLLOWED_BY[action]} if action in _FOLLOWED_BY else ())


def is_refusal_while_pending(words: str) -> bool:
    """Whether a station's answer says that it does no such thing before it is accepted."""
    return words.startswith("SecurityError")
