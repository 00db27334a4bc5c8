"""What we ask of a station, and what its answer means; no OCPP version in sight.

The dialects spell commands as messages and read the answers back. A secret travels as `Secret`, so that a
command can be shown in a log without showing it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from csms_bridge.station import SecurityProfile
from pki.secret_text import Secret


class Outcome(StrEnum):
    """How a station took a command."""

    ACCEPTED = "accepted"
    REBOOT_REQUIRED = "reboot-required"
    REJECTED = "rejected"
    NOT_SUPPORTED = "not-supported"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """A station's answer: the outcome, its own words for it, and the facts it brought."""

    outcome: Outcome
    words: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InstallRoot:
    """Trust this root for the CSMS (M05); `certificate` is one PEM block."""

    certificate: str


@dataclass(frozen=True, slots=True)
class ListRoots:
    """Which CSMS roots do you hold? (M03). The answer's fact `roots`: serial numbers in hex, blank-separated."""


@dataclass(frozen=True, slots=True)
class TriggerCertificateRequest:
    """Make a key and send a SignCertificate (A02)."""


@dataclass(frozen=True, slots=True)
class DeliverCertificate:
    """Your new certificate: PEM, leaf first (A02). 2.1 repeats the request's id (A02.FR.25)."""

    chain: str
    request_id: int | None = None


@dataclass(frozen=True, slots=True)
class NameOperator:
    """The organisation for the CSR's O (A02.FR.13); `country` only for stations that have none and need it."""

    organisation: str
    country: str | None = None


@dataclass(frozen=True, slots=True)
class SetPassword:
    """Use this Basic password from now on (A01)."""

    password: Secret


@dataclass(frozen=True, slots=True)
class RaiseProfile:
    """Change the security profile in place (1.6 A05)."""

    profile: SecurityProfile


@dataclass(frozen=True, slots=True)
class ListSlots:
    """Report which connection slots you have; the list follows as an event.

    By GetReport for the one variable (2.x B08), or by a `whole` ConfigurationInventory (B07), which every 2.x
    station knows.
    """

    request_id: int
    whole: bool = False


@dataclass(frozen=True, slots=True)
class ReadNetwork:
    """Which connection slots are there, in which order, and which is in use? (2.x B09).

    Facts of the answer: `priority` (comma-separated slots), `active` (slot, empty when not told), `country`
    ("missing" when the station has the variable and it is empty, else "settled").
    """


@dataclass(frozen=True, slots=True)
class WriteSlot:
    """Write a connection slot with SetNetworkProfile (2.x B09)."""

    slot: int
    url: str
    profile: SecurityProfile


@dataclass(frozen=True, slots=True)
class WriteSlotVariables:
    """Write a connection slot through the NetworkConfiguration component (2.1 B09.FR.20-34)."""

    slot: int
    url: str
    profile: SecurityProfile


@dataclass(frozen=True, slots=True)
class PreferSlots:
    """Try these slots in this order (2.x B10)."""

    slots: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Restart:
    """Restart when nobody is charging (2.x Reset OnIdle; 1.6 Reset Hard, sent outside transactions)."""


Command = (
    InstallRoot
    | ListRoots
    | TriggerCertificateRequest
    | DeliverCertificate
    | NameOperator
    | SetPassword
    | RaiseProfile
    | ListSlots
    | ReadNetwork
    | WriteSlot
    | WriteSlotVariables
    | PreferSlots
    | Restart
)
