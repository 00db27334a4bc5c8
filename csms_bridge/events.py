"""What a station did; no OCPP version in sight. The dialects make these out of CALLs."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Booted:
    """BootNotification: what the station says it is. `serials` holds every serial number it gave."""

    vendor: str
    model: str
    firmware: str
    serials: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class CertificateAsked:
    """SignCertificate: `csr` is text as sent; `for_station` is false for V2G requests."""

    csr: str
    request_id: int | None
    for_station: bool


@dataclass(frozen=True, slots=True)
class SecurityEventTold:
    """SecurityEventNotification; `at` is the station's clock, None when it could not be read."""

    type: str
    at: datetime | None
    tech_info: str


@dataclass(frozen=True, slots=True)
class TransactionBegan:
    """Charging began; `transaction` is unique for the station."""

    transaction: str


@dataclass(frozen=True, slots=True)
class TransactionEnded:
    """Charging ended."""

    transaction: str


@dataclass(frozen=True, slots=True)
class SlotsReported:
    """NotifyReport: the connection slots there are, comma-separated; empty when the report ended without them."""

    slots: str


@dataclass(frozen=True, slots=True)
class Told:
    """Anything else a station says that we only acknowledge."""

    action: str


Event = Booted | CertificateAsked | SecurityEventTold | TransactionBegan | TransactionEnded | SlotsReported | Told
