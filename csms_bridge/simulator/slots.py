"""The station's own rules about security profiles and network configuration slots. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

TLS_PROFILE = 2
MUTUAL_TLS = 3

URL_KEYS = ("ConnexionUrl", "Cst_BackendUrl")
"""1.6: makers' own keys for the address of the CSMS, under `Fault.URL_KEY`."""
ADDRESS = "address"
"""Under which name the memory keeps what was written there."""

SLOT_DEFAULTS: Mapping[str, str] = {
    "OcppVersion": "OCPP20",
    "OcppTransport": "JSON",
    "OcppInterface": "Wired0",
    "MessageTimeout": "30",
    "VpnEnabled": "false",
    "ApnEnabled": "false",
}
"""What an empty slot of a 2.1 station already holds."""

_FIELDS = {
    "OcppCsmsUrl": "ocppCsmsUrl",
    "OcppVersion": "ocppVersion",
    "OcppTransport": "ocppTransport",
    "OcppInterface": "ocppInterface",
    "MessageTimeout": "messageTimeout",
    "SecurityProfile": "securityProfile",
    "Identity": "identity",
    "BasicAuthPassword": "basicAuthPassword",
}
"""2.1's variable names to SetNetworkProfile's field names."""


class Reason(StrEnum):
    """Reason codes of a refused slot or profile (2.0.1 errata 2025-09, 2.1 errata 2025-09)."""

    INVALID_CONF_SLOT = "InvalidConfSlot"
    INVALID_NETWORK_CONF = "InvalidNetworkConf"
    NO_SECURITY_DOWNGRADE = "NoSecurityDowngrade"
    ACTIVE_NETWORK_CONF = "ActiveNetworkConf"


class ProfileRefused(Exception):
    """The station does not take this profile or slot, for the stated reason."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Standing:
    """What the rules need to know about the station."""

    profile: int
    has_password: bool
    has_root: bool
    has_certificate: bool
    may_step_down: bool = False
    """`AllowSecurityProfileDowngrade`: 3 to 2 and no further (A05.FR.08)."""


@dataclass(frozen=True)
class NetworkProfile:
    """The content of one slot under 2.1's variable names; every value as OCPP's text."""

    values: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def blank(cls) -> NetworkProfile:
        """Make a slot that nobody has filled."""
        return cls(SLOT_DEFAULTS)

    @property
    def url(self) -> str:
        """Address without the identity, empty when never set."""
        return self.values.get("OcppCsmsUrl", "")

    @property
    def profile(self) -> int | None:
        """Security profile, None when never set."""
        text = self.values.get("SecurityProfile", "")
        return int(text) if text.isdigit() else None

    @property
    def empty(self) -> bool:
        """Tell whether nobody has filled this slot."""
        return not self.url

    def with_value(self, name: str, value: str) -> NetworkProfile:
        """Copy with one value replaced."""
        return NetworkProfile({**self.values, name: value})

    def without(self, *names: str) -> NetworkProfile:
        """Copy without these values."""
        return NetworkProfile({name: value for name, value in self.values.items() if name not in names})


def slot_from_connection_data(data: Mapping[str, Any]) -> NetworkProfile:
    """Read SetNetworkProfile's connectionData as a slot's content."""
    values = {name: str(data[key]) for name, key in _FIELDS.items() if key in data}
    flags = {"VpnEnabled": str("vpn" in data).lower(), "ApnEnabled": str("apn" in data).lower()}
    return NetworkProfile({**SLOT_DEFAULTS, **values, **flags})


def factory_slot(url: str, profile: int) -> NetworkProfile:
    """Give the slot a station leaves the factory with."""
    address = url_for(url, profile)
    return NetworkProfile({**SLOT_DEFAULTS, "OcppCsmsUrl": address, "SecurityProfile": str(profile)})


def url_for(url: str, profile: int) -> str:
    """Give the address with the scheme that goes with a profile; host, port and path stay."""
    return f"{'wss' if profile >= TLS_PROFILE else 'ws'}://{url.partition('://')[2]}"


def check_profile(wanted: int, standing: Standing) -> None:
    """Check the preconditions of a security profile (WP3 A05.FR.01-04; 2.x A05.FR.02-03, B09.FR.04).

    Staying on the present profile is allowed here. Raises ProfileRefused.
    """
    if not 0 <= wanted <= MUTUAL_TLS:
        raise ProfileRefused(Reason.INVALID_NETWORK_CONF, f"no security profile {wanted}")
    if wanted < standing.profile and not (standing.may_step_down and wanted == TLS_PROFILE):
        raise ProfileRefused(Reason.NO_SECURITY_DOWNGRADE, f"{wanted} is below {standing.profile}")
    if wanted in (1, 2) and not standing.has_password:
        raise ProfileRefused(Reason.INVALID_NETWORK_CONF, "no Basic password is set")
    if wanted >= TLS_PROFILE and not standing.has_root:
        raise ProfileRefused(Reason.INVALID_NETWORK_CONF, "no CSMS root is installed")
    if wanted == MUTUAL_TLS and not standing.has_certificate:
        raise ProfileRefused(Reason.INVALID_NETWORK_CONF, "no station certificate is installed")


def check_raise(wanted: int, standing: Standing) -> None:
    """Check a 1.6 SecurityProfile value, which may only go up (WP3 A05.FR.01). Raises ProfileRefused."""
    if wanted <= standing.profile:
        raise ProfileRefused(Reason.NO_SECURITY_DOWNGRADE, f"{wanted} is not above {standing.profile}")
    check_profile(wanted, standing)


def check_slot(slot: NetworkProfile, standing: Standing) -> None:
    """Check a whole slot (B09.FR.02, .04, .33, .34). Raises ProfileRefused."""
    if slot.empty or slot.profile is None:
        raise ProfileRefused(Reason.INVALID_NETWORK_CONF, "the slot is not complete")
    if slot.values.get("OcppTransport") != "JSON":
        raise ProfileRefused(Reason.INVALID_NETWORK_CONF, "only JSON is spoken here")
    scheme = slot.url.partition("://")[0]
    if scheme != ("wss" if slot.profile >= TLS_PROFILE else "ws"):
        raise ProfileRefused(Reason.INVALID_NETWORK_CONF, f"{scheme}:// does not go with {slot.profile}")
    own_password = "BasicAuthPassword" in slot.values or standing.has_password
    check_profile(slot.profile, replace(standing, has_password=own_password))


def read_priority(
    text: str, slots: Mapping[int, NetworkProfile], available: tuple[int, ...], standing: Standing
) -> tuple[int, ...]:
    """Read a NetworkConfigurationPriority and check each slot it lists (B10.FR.02, B09.FR.33).

    Returns the slot numbers in their order, each once. Raises ProfileRefused.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() for part in parts):
        raise ProfileRefused(Reason.INVALID_NETWORK_CONF, "a priority is a list of slot numbers")
    order = tuple(dict.fromkeys(int(part) for part in parts))
    for number in order:
        if number not in available:
            raise ProfileRefused(Reason.INVALID_CONF_SLOT, f"there is no slot {number}")
        check_slot(slots.get(number, NetworkProfile()), standing)
    return order


def drop_lower(slots: Mapping[int, NetworkProfile], reached: int, *, may_step_down: bool) -> dict[int, NetworkProfile]:
    """Keep the slots a station may still use once it has reached a profile (A05.FR.06)."""
    lowest = min(reached, TLS_PROFILE) if may_step_down else reached
    return {number: slot for number, slot in slots.items() if slot.profile is None or slot.profile >= lowest}
