"""SetVariables, GetVariables and the reports of a 2.x station (use cases B05 to B09)."""

from __future__ import annotations

import json

from csms_bridge.simulator.behaviour import timestamp
from csms_bridge.simulator.body import Body
from csms_bridge.simulator.config import Fault
from csms_bridge.simulator.device_model import Access, Address, Variable, variables
from csms_bridge.simulator.events import PasswordChanged
from csms_bridge.simulator.slots import NetworkProfile, ProfileRefused, Reason, read_priority
from csms_bridge.simulator.wire import Answer, CommandRefused, JsonObject

REPORT_SIZE = 20
"""Variables in one NotifyReport."""
SMALL_REPORT_SIZE, LOST = 5, 1
"""The same under `Fault.LOST_PART`, and the part that never comes."""
LONGEST_SMALL_QUESTION = 600
"""Octets under `Fault.SMALL_QUESTIONS`."""

BASIC_PROFILES = (1, 2)


class VariableDesk:
    """Reads and writes the device model; its values lie in the station's memory."""

    def __init__(self, body: Body, available: tuple[int, ...]) -> None:
        config = body.config
        with_slots = config.version == "2.1" and not config.has(Fault.NO_NETWORK_VARIABLES)
        self._body = body
        self._available = available
        self._variables = variables(config.version, available, network_variables=with_slots)
        self._components = {(place.component, place.instance) for place in self._variables}

    def set_variables(self, payload: JsonObject) -> Answer:
        """Answer SetVariables, entry by entry; a new password in use makes the station come back with it."""
        before = self._body.memory.password
        results = [self._set_one(entry) for entry in payload["setVariableData"]]
        self._body.memory.remember()
        changed = self._body.memory.password != before
        again = changed and self._body.memory.profile in BASIC_PROFILES
        return Answer({"setVariableResult": results}, self._body.redial if again else None)

    def get_variables(self, payload: JsonObject) -> Answer:
        """Answer GetVariables; what may only be written is Rejected."""
        self._check_may_ask()
        asked = json.dumps(payload, separators=(",", ":"))
        if self._body.config.has(Fault.SMALL_QUESTIONS) and len(asked) > LONGEST_SMALL_QUESTION:
            raise CommandRefused("FormatViolation", "too long")
        return Answer({"getVariableResult": [self._get_one(entry) for entry in payload["getVariableData"]]})

    def base_report(self, payload: JsonObject) -> Answer:
        """Answer GetBaseReport; NotifyReport follows in parts."""
        self._check_may_ask()
        if payload["reportBase"] == "SummaryInventory":
            return Answer({"status": "EmptyResultSet"})
        return Answer({"status": "Accepted"}, lambda: self._send_report(payload["requestId"]))

    def _check_may_ask(self) -> None:
        if self._body.config.has(Fault.NO_SETTINGS):
            raise CommandRefused("NotSupported", "this station tells no settings")

    def _set_one(self, entry: JsonObject) -> JsonObject:
        place = _address(entry)
        status, reason = self._write(place, entry)
        result = {"attributeStatus": status, "component": entry["component"], "variable": entry["variable"]}
        return result | ({"attributeStatusInfo": {"reasonCode": reason}} if reason else {})

    def _write(self, place: Address, entry: JsonObject) -> tuple[str, str | None]:
        """Give attributeStatus and reason code of one entry."""
        missing = self._missing(place, entry)
        if missing:
            return missing, None
        variable, value = self._variables[place], entry["attributeValue"]
        if variable.access is Access.READ_ONLY:
            return "Rejected", "ReadOnly"
        if not variable.accepts(value):
            return "Rejected", "InvalidValue"
        try:
            return self._store(place, value)
        except ProfileRefused as refusal:
            return "Rejected", refusal.reason

    def _store(self, place: Address, value: str) -> tuple[str, str | None]:
        """Write a value that fits. Raises ProfileRefused."""
        memory = self._body.memory
        if place.component == "NetworkConfiguration":
            self._store_in_slot(int(place.instance or 0), place.variable, value)
        elif place.variable == "NetworkConfigurationPriority":
            memory.priority = read_priority(value, memory.slots, self._available, memory.standing())
        elif place.variable == "BasicAuthPassword":
            return self._store_password(value)
        elif place.variable == "OrganizationName":
            memory.settings["organisation"] = value
        else:
            memory.settings[place.path] = value
        return "Accepted", None

    def _store_in_slot(self, number: int, name: str, value: str) -> None:
        """Write one value of a slot that is not in use (2.1 B09.FR.20, .21). Raises ProfileRefused."""
        memory = self._body.memory
        if number in memory.priority:
            raise ProfileRefused(Reason.ACTIVE_NETWORK_CONF, f"slot {number} is in the priority list")
        if name == "SecurityProfile":
            self._check_slot_profile(int(value))
        memory.slots[number] = memory.slots.get(number, NetworkProfile.blank()).with_value(name, value)

    def _check_slot_profile(self, wanted: int) -> None:
        standing = self._body.memory.standing()
        if wanted < standing.profile and not standing.may_step_down:
            raise ProfileRefused(Reason.NO_SECURITY_DOWNGRADE, f"{wanted} is below {standing.profile}")
        if wanted > standing.profile and self._body.config.has(Fault.REFUSE_PROFILE):
            raise ProfileRefused(Reason.INVALID_NETWORK_CONF, "this station refuses")

    def _store_password(self, value: str) -> tuple[str, str | None]:
        """Take a new password; those of the slots give way to it (2.1 errata 2025-09, B09.FR.26)."""
        if self._body.config.has(Fault.REFUSE_PASSWORD):
            return "Rejected", None
        memory = self._body.memory
        memory.password = value.encode()
        memory.slots = {number: slot.without("BasicAuthPassword") for number, slot in memory.slots.items()}
        memory.last_good = memory.last_good.without("BasicAuthPassword")
        self._body.emit(PasswordChanged(self._body.config.identity))
        return "Accepted", None

    def _get_one(self, entry: JsonObject) -> JsonObject:
        place = _address(entry)
        result = {"component": entry["component"], "variable": entry["variable"]}
        missing = self._missing(place, entry)
        if missing:
            return {"attributeStatus": missing, **result}
        if self._variables[place].access is Access.WRITE_ONLY and not self._reveals(place):
            return {"attributeStatus": "Rejected", **result}
        return {"attributeStatus": "Accepted", "attributeValue": self.value(place), **result}

    def _missing(self, place: Address, entry: JsonObject) -> str | None:
        if (place.component, place.instance) not in self._components:
            return "UnknownComponent"
        if place not in self._variables:
            return "UnknownVariable"
        return "NotSupportedAttributeType" if entry.get("attributeType", "Actual") != "Actual" else None

    def _reveals(self, place: Address) -> bool:
        return self._body.config.has(Fault.REVEALS_PASSWORD) and place.variable == "BasicAuthPassword"

    def value(self, place: Address) -> str:
        """Read a variable's actual value."""
        if self._reveals(place):
            return (self._body.memory.password or b"").decode()
        if place.component == "NetworkConfiguration":
            slot = self._body.memory.slots.get(int(place.instance or 0), NetworkProfile.blank())
            return slot.values.get(place.variable, "")
        computed = self._computed().get(place.path)
        if computed is not None:
            return computed
        return self._body.memory.settings.get(place.path, self._variables[place].default)

    def _computed(self) -> dict[str, str]:
        """Values that are not stored under their own name."""
        config, memory = self._body.config, self._body.memory
        return {
            "ClockCtrlr.DateTime": timestamp(config),
            "SecurityCtrlr.Identity": config.identity,
            "SecurityCtrlr.OrganizationName": memory.settings.get("organisation", config.organisation or ""),
            "SecurityCtrlr.SecurityProfile": str(memory.profile),
            "SecurityCtrlr.CertificateEntries": str(len(memory.roots)),
            "SecurityCtrlr.CertSigningWaitMinimum": str(round(config.signing_wait)),
            "SecurityCtrlr.AdditionalRootCertificateCheck": str(config.has(Fault.ADDITIONAL_ROOT_CHECK)).lower(),
            "OCPPCommCtrlr.NetworkConfigurationPriority": ",".join(str(slot) for slot in memory.priority),
            "OCPPCommCtrlr.ActiveNetworkProfile": str(memory.active_slot),
            "OCPPCommCtrlr.NetworkProfileConnectionAttempts": str(config.fall_back_after),
            "OCPPCommCtrlr.RetryBackOffWaitMinimum": str(round(config.back_off)),
            "OCPPCommCtrlr.HeartbeatInterval": str(round(config.heartbeat)),
        }

    async def _send_report(self, request_id: int) -> None:
        rows = [self._report_row(place, variable) for place, variable in self._variables.items()]
        size = SMALL_REPORT_SIZE if self._body.config.has(Fault.LOST_PART) else REPORT_SIZE
        parts = [rows[at : at + size] for at in range(0, len(rows), size)]
        for number, part in enumerate(parts):
            if number != LOST or not self._body.config.has(Fault.LOST_PART):
                await self._send_part(request_id, number, part, more=number + 1 < len(parts) or self._is_endless)
        while self._is_endless:
            number += 1
            endless = [{**row, "component": {"name": f"Endless{number}"}} for row in parts[0]]
            await self._send_part(request_id, number, endless, more=True)

    @property
    def _is_endless(self) -> bool:
        return self._body.config.has(Fault.ENDLESS_REPORT)

    async def _send_part(self, request_id: int, number: int, rows: list[JsonObject], *, more: bool) -> None:
        payload = {
            "requestId": request_id,
            "generatedAt": timestamp(self._body.config),
            "seqNo": number,
            "tbc": more,
            "reportData": rows,
        }
        await self._body.call("NotifyReport", payload)

    def _report_row(self, place: Address, variable: Variable) -> JsonObject:
        component = {"name": place.component, **({"instance": place.instance} if place.instance else {})}
        attribute: JsonObject = {"mutability": variable.access.value}
        if variable.access is not Access.WRITE_ONLY or self._reveals(place):
            attribute["value"] = self.value(place)
        return {
            "component": component,
            "variable": {"name": place.variable},
            "variableAttribute": [attribute],
            "variableCharacteristics": variable.characteristics(),
        }


def _address(entry: JsonObject) -> Address:
    component = entry["component"]
    return Address(component["name"], entry["variable"]["name"], component.get("instance"))
