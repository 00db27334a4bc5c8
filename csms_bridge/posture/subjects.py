"""Which settings of a station the service looks at, under one name in all OCPP versions. Pure.

A Basic password is never among them: whoever asks a careless station for it by name is told it, over the wire
(reference, station-quirks 18).
"""

from collections.abc import Mapping
from enum import StrEnum

from csms_bridge.station import OcppVersion
from csms_bridge.variables import Variable, configuration_key


class Subject(StrEnum):
    """A setting that something is compared with."""

    PROFILE = "profile"
    OPERATOR = "operator"
    IDENTITY = "identity"
    LONGEST_CHAIN = "longest chain"
    ROOM_FOR_ROOTS = "room for roots"
    ROOT_CHECK = "additional root check"
    TRANSFER = "file transfer"
    DOWNGRADE = "profile downgrade"
    PRIORITY = "slots in order"
    ACTIVE_SLOT = "active slot"
    CLOCK = "clock"


def _security(name: str) -> Variable:
    return Variable("SecurityCtrlr", name)


def _connection(name: str) -> Variable:
    return Variable("OCPPCommCtrlr", name)


_KEYS: Mapping[Subject, Variable] = {
    Subject.PROFILE: configuration_key("SecurityProfile"),
    Subject.OPERATOR: configuration_key("CpoName"),
    Subject.LONGEST_CHAIN: configuration_key("CertificateSignedMaxChainSize"),
    Subject.ROOM_FOR_ROOTS: configuration_key("CertificateStoreMaxLength"),
    Subject.ROOT_CHECK: configuration_key("AdditionalRootCertificateCheck"),
    Subject.TRANSFER: configuration_key("SupportedFileTransferProtocols"),
}
_VARIABLES: Mapping[Subject, Variable] = {
    Subject.PROFILE: _security("SecurityProfile"),
    Subject.OPERATOR: _security("OrganizationName"),
    Subject.IDENTITY: _security("Identity"),
    Subject.LONGEST_CHAIN: _security("MaxCertificateChainSize"),
    Subject.ROOM_FOR_ROOTS: _security("CertificateEntries"),
    Subject.ROOT_CHECK: _security("AdditionalRootCertificateCheck"),
    Subject.DOWNGRADE: _security("AllowSecurityProfileDowngrade"),
    Subject.TRANSFER: _connection("FileTransferProtocols"),
    Subject.PRIORITY: _connection("NetworkConfigurationPriority"),
    Subject.ACTIVE_SLOT: _connection("ActiveNetworkProfile"),
    Subject.CLOCK: Variable("ClockCtrlr", "DateTime"),
}

EXTENSION_KEYS = tuple(
    _KEYS[subject]
    for subject in (
        Subject.PROFILE, Subject.OPERATOR, Subject.LONGEST_CHAIN, Subject.ROOM_FOR_ROOTS, Subject.ROOT_CHECK,
    )
)  # fmt: skip
"""Keys of the white paper ed. 3 §5.3: a 1.6 station that knows one of them has the security extension (§8.5.33)."""

BASE_KEYS = tuple(
    configuration_key(name)
    for name in (
        "SupportedFileTransferProtocols", "HeartbeatInterval", "SupportedFeatureProfiles", "GetConfigurationMaxKeys",
        "WebSocketPingInterval", "CertSigningWaitMinimum", "CertSigningRepeatTimes",
    )
)  # fmt: skip

MOST_ITEMS = Variable("DeviceDataCtrlr", "ItemsPerMessage", variable_instance="GetVariables")
MOST_OCTETS = Variable("DeviceDataCtrlr", "BytesPerMessage", variable_instance="GetVariables")

VARIABLES = (
    *_VARIABLES.values(),
    _security("CertSigningWaitMinimum"),
    _security("CertSigningRepeatTimes"),
    _connection("NetworkProfileConnectionAttempts"),
    _connection("RetryBackOffWaitMinimum"),
    _connection("RetryBackOffRandomRange"),
    _connection("RetryBackOffRepeatTimes"),
    _connection("HeartbeatInterval"),
    _connection("WebSocketPingInterval"),
    Variable("ClockCtrlr", "TimeSource"),
    Variable("ClockCtrlr", "NtpSource"),
    Variable("ClockCtrlr", "NtpServerUri"),
    Variable("ISO15118Ctrlr", "CountryName"),
    Variable("ISO15118Ctrlr", "OrganizationName"),
)
SLOT_VARIABLES = (
    "OcppCsmsUrl", "SecurityProfile", "Identity", "OcppInterface", "MessageTimeout", "VpnEnabled", "ApnEnabled",
)  # fmt: skip
_MOST_SLOTS = 10


def variable_of(subject: Subject, version: OcppVersion) -> Variable | None:
    """Where this version keeps a setting; None where it has none."""
    return (_KEYS if version is OcppVersion.V16 else _VARIABLES).get(subject)


def slots_in(priority: str) -> tuple[int, ...]:
    """The slots of a NetworkConfigurationPriority, in order; what is no number is left out."""
    named = (part.strip() for part in priority[:200].split(","))
    numbers = (int(part) for part in named if part.isascii() and part.isdigit() and len(part) < 10)
    return tuple(dict.fromkeys(numbers))[:_MOST_SLOTS]


def slot_variables(priority: str) -> tuple[Variable, ...]:
    """What 2.1 tells of each slot through its device model (2.1 B09.FR.20-34)."""
    return tuple(slot_variable(slot, name) for slot in slots_in(priority) for name in SLOT_VARIABLES)


def slot_variable(slot: int, name: str) -> Variable:
    """A variable of one slot."""
    return Variable("NetworkConfiguration", name, str(slot))


def shown(variable: Variable) -> str:
    """A setting's name for people: `SecurityProfile`, `SecurityCtrlr.Identity`, `EVSE[2/1].Available`."""
    name = variable.name if variable.variable_instance is None else f"{variable.name}[{variable.variable_instance}]"
    if not variable.component:
        return name
    places = [variable.instance, variable.evse, variable.connector]
    place = "/".join(str(one) for one in places if one is not None)
    return f"{variable.component}[{place}].{name}" if place else f"{variable.component}.{name}"
