"""The device model of a 2.x station, as far as security and its connection go: what exists and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from csms_bridge.simulator.certificate_desk import LONGEST_CHAIN, REPEATS, STORE_CAPACITY
from csms_bridge.simulator.wire import JsonObject

SHORTEST_PASSWORD = 16
LONGEST_PASSWORD = {"2.0.1": 40, "2.1": 64}
"""Characters of BasicAuthPassword (2.0.1 A00.FR.205; 2.1 allows up to 64)."""


class Access(StrEnum):
    """OCPP's mutability."""

    READ_ONLY = "ReadOnly"
    WRITE_ONLY = "WriteOnly"
    READ_WRITE = "ReadWrite"


@dataclass(frozen=True)
class Address:
    """A variable's place: component (with instance, which is the slot number of NetworkConfiguration)."""

    component: str
    variable: str
    instance: str | None = None

    @property
    def path(self) -> str:
        """The name under which the station's memory keeps a changed value."""
        return f"{self.component}.{self.variable}"


@dataclass(frozen=True)
class Variable:
    """What a report says of a variable. `default` is its factory value."""

    access: Access
    default: str = ""
    data_type: str = "string"
    values: str | None = None
    """valuesList of the characteristics, comma separated."""
    lowest: float | None = None
    highest: float | None = None
    unit: str | None = None

    def accepts(self, value: str) -> bool:
        """Tell whether a value fits the type and the limits; text is measured in characters."""
        if self.data_type == "boolean":
            return value in ("true", "false")
        if self.data_type == "integer":
            return value.lstrip("-").isdigit() and self._within(int(value))
        if self.data_type == "OptionList":
            return self.values is None or value in self.values.split(",")
        return self._within(len(value))

    def _within(self, amount: float) -> bool:
        above = self.lowest is None or amount >= self.lowest
        return above and (self.highest is None or amount <= self.highest)

    def characteristics(self) -> JsonObject:
        """Give OCPP's VariableCharacteristicsType."""
        optional = {
            "valuesList": self.values,
            "minLimit": self.lowest,
            "maxLimit": self.highest,
            "unit": self.unit,
        }
        present = {name: value for name, value in optional.items() if value is not None}
        return {"dataType": self.data_type, "supportsMonitoring": False, **present}


RO, WO, RW = Access.READ_ONLY, Access.WRITE_ONLY, Access.READ_WRITE


def variables(version: str, slots: tuple[int, ...], *, network_variables: bool) -> dict[Address, Variable]:
    """List every variable of a station with these slots."""
    longest = LONGEST_PASSWORD[version]
    return {
        **_security(longest),
        **_communication(slots),
        **(_network(slots, longest) if network_variables else {}),
    }


def _security(longest_password: int) -> dict[Address, Variable]:
    """Component SecurityCtrlr, and what the CSR's country comes from."""
    table = {
        "BasicAuthPassword": Variable(WO, lowest=SHORTEST_PASSWORD, highest=longest_password),
        "Identity": Variable(RO, highest=48),
        "OrganizationName": Variable(RW),
        "CertificateEntries": Variable(RO, data_type="integer", highest=STORE_CAPACITY),
        "SecurityProfile": Variable(RO, data_type="integer"),
        "AdditionalRootCertificateCheck": Variable(RO, data_type="boolean"),
        "MaxCertificateChainSize": Variable(RO, str(LONGEST_CHAIN), "integer", highest=LONGEST_CHAIN),
        "CertSigningWaitMinimum": Variable(RO, data_type="integer", unit="s"),
        "CertSigningRepeatTimes": Variable(RO, str(REPEATS), "integer"),
        "AllowSecurityProfileDowngrade": Variable(RW, "false", "boolean"),
    }
    named = {Address("SecurityCtrlr", name): variable for name, variable in table.items()}
    country = Variable(RW, highest=2)
    clock = {
        Address("ClockCtrlr", "DateTime"): Variable(RO, data_type="dateTime"),
        Address("ClockCtrlr", "TimeSource"): Variable(RW, "Heartbeat", "SequenceList", values="NTP,Heartbeat"),
    }
    return {**named, Address("ISO15118Ctrlr", "CountryName"): country, **clock}


def _communication(slots: tuple[int, ...]) -> dict[Address, Variable]:
    """Component OCPPCommCtrlr."""
    choice = ",".join(str(number) for number in slots)
    table = {
        "NetworkConfigurationPriority": Variable(RW, data_type="SequenceList", values=choice),
        "ActiveNetworkProfile": Variable(RO, data_type="integer"),
        "NetworkProfileConnectionAttempts": Variable(RO, data_type="integer"),
        "RetryBackOffWaitMinimum": Variable(RO, data_type="integer", unit="s"),
        "RetryBackOffRandomRange": Variable(RO, "0", "integer", unit="s"),
        "RetryBackOffRepeatTimes": Variable(RO, "5", "integer"),
        "HeartbeatInterval": Variable(RO, data_type="integer", unit="s"),
        "FileTransferProtocols": Variable(RO, "HTTP,HTTPS", "MemberList"),
    }
    return {Address("OCPPCommCtrlr", name): variable for name, variable in table.items()}


def _network(slots: tuple[int, ...], longest_password: int) -> dict[Address, Variable]:
    """Component NetworkConfiguration of 2.1, one instance per slot."""
    table = {
        "OcppCsmsUrl": Variable(RW, highest=2000),
        "OcppInterface": Variable(RW, data_type="OptionList", values="Wired0,Wireless0,Any"),
        "OcppTransport": Variable(RW, data_type="OptionList", values="JSON"),
        "OcppVersion": Variable(RW, data_type="OptionList", values="OCPP20,OCPP201,OCPP21"),
        "MessageTimeout": Variable(RW, data_type="integer", lowest=1, unit="s"),
        "SecurityProfile": Variable(RW, data_type="integer", lowest=0, highest=3),
        "Identity": Variable(RW, highest=48),
        "BasicAuthPassword": Variable(WO, lowest=SHORTEST_PASSWORD, highest=longest_password),
        "VpnEnabled": Variable(RW, data_type="boolean"),
        "ApnEnabled": Variable(RW, data_type="boolean"),
    }
    return {
        Address("NetworkConfiguration", name, str(number)): variable
        for number in slots
        for name, variable in table.items()
    }
