"""What we answer a station when it asked us for something; the dialects spell it.

Made by whoever found out (`Dialect.spell`); where nobody did, the dialects have a standing answer.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from csms_bridge.station_certificates import StatusRequest


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """To CertificateStatusAsked: the responder's answer (DER), or None and the reason. It may well say "revoked"."""

    ocsp: bytes | None
    reason: str = ""


class CertificateStanding(StrEnum):
    """What a certificate's issuer says of it (2.1 CertificateStatusEnumType)."""

    GOOD = "Good"
    REVOKED = "Revoked"
    UNKNOWN = "Unknown"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class StandingOf:
    """One certificate's standing, and until when it may be relied upon."""

    request: StatusRequest
    standing: CertificateStanding
    next_update: datetime


@dataclass(frozen=True, slots=True)
class CertificateChainStatus:
    """To CertificateChainStatusAsked: one for each that was asked about, in that order."""

    standings: tuple[StandingOf, ...]


class ContractVerdict(StrEnum):
    """What is to be thought of a contract certificate (2.x AuthorizeCertificateStatusEnumType)."""

    ACCEPTED = "Accepted"
    SIGNATURE_ERROR = "SignatureError"
    EXPIRED = "CertificateExpired"
    REVOKED = "CertificateRevoked"
    NOT_AVAILABLE = "NoCertificateAvailable"
    CHAIN_ERROR = "CertChainError"
    CANCELLED = "ContractCancelled"


@dataclass(frozen=True, slots=True)
class Authorization:
    """To AuthorizeAsked: the token's status in OCPP's words (Accepted, Invalid, Expired …), and the contract's."""

    token: str
    contract: ContractVerdict | None = None
    until: datetime | None = None
    """Until when the station may remember it."""


@dataclass(frozen=True, slots=True)
class EvCertificate:
    """To EvCertificateAsked: the pool's answer (base64), or None and the reason; 2.1 tells how many more there are."""

    exi: str | None
    reason: str = ""
    remaining: int = 0


Reply = CertificateStatus | CertificateChainStatus | Authorization | EvCertificate
