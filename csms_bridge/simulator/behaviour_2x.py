"""OCPP 2.0.1 and 2.1 from the station's side."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

from csms_bridge.simulator.behaviour import Behaviour, Handler, timestamp
from csms_bridge.simulator.body import Body
from csms_bridge.simulator.certificate_desk import CertificateDesk
from csms_bridge.simulator.config import Fault
from csms_bridge.simulator.firmware_desk import FirmwareDesk
from csms_bridge.simulator.log_desk import LogDesk
from csms_bridge.simulator.slots import ProfileRefused, Reason, check_slot, slot_from_connection_data
from csms_bridge.simulator.variable_desk import VariableDesk
from csms_bridge.simulator.wire import Answer, JsonObject

Errand = Callable[[], Coroutine[Any, Any, None]]

SLOTS, OTHER_SLOTS = (1, 2), (3, 7)
BEFORE_ACCEPTED = ("GetVariables", "SetVariables", "GetBaseReport", "TriggerMessage")
"""What a pending station carries out; for the rest it answers SecurityError (B02, as EVerest reads it)."""


class Behaviour2x(Behaviour):
    """A charging station."""

    def __init__(self, body: Body) -> None:
        super().__init__(body)
        config = body.config
        self.available = OTHER_SLOTS if config.has(Fault.OTHER_SLOTS) else SLOTS
        self.certificates = CertificateDesk(body, with_type=True, with_request_id=config.version == "2.1")
        self.firmware = FirmwareDesk(body, "FirmwareStatusNotification")
        self.logs = LogDesk(body)
        self.variables = VariableDesk(body, self.available)
        self._reset_when_idle = False
        self._event_numbers = itertools.count()
        self._handlers: dict[str, Handler] = {
            "SetVariables": self.variables.set_variables,
            "GetVariables": self.variables.get_variables,
            "GetBaseReport": self.variables.base_report,
            "SetNetworkProfile": self._set_network_profile,
            "Reset": self._reset,
            "TriggerMessage": self._trigger,
            "CertificateSigned": self.certificates.certificate_signed,
            "InstallCertificate": self.certificates.install,
            "DeleteCertificate": self.certificates.delete,
            "GetInstalledCertificateIds": self._installed,
            "GetLog": self.logs.get_log,
            "UpdateFirmware": self.firmware.update,
            "DataTransfer": lambda _: Answer({"status": "UnknownVendorId"}),
        }

    def handlers(self) -> dict[str, Handler]:
        """Give the actions."""
        return self._handlers

    def boot_payload(self, reason: str) -> JsonObject:
        """Name the station and why it greets."""
        config = self.body.config
        station = {
            "model": config.model,
            "vendorName": config.vendor,
            "firmwareVersion": self.body.memory.firmware,
            **self.named_serial("serialNumber"),
        }
        return {"reason": reason, "chargingStation": station}

    async def send_status(self) -> None:
        """Report one connector for each EVSE."""
        for number in range(1, self.body.config.connectors + 1):
            status = "Occupied" if self.body.transaction and number == 1 else "Available"
            payload = {"evseId": number, "connectorId": 1, "connectorStatus": status}
            await self.body.call("StatusNotification", {**payload, "timestamp": timestamp(self.body.config)})

    def event_name(self, kind: str) -> str:
        """The 2.x names are the ones used inside."""
        return kind

    def allowed(self, action: str) -> bool:
        """Before it is accepted a station does no certificate work (B02, B03)."""
        if self.registration == "Rejected":
            return action == "TriggerMessage"
        return self.registration == "Accepted" or action in BEFORE_ACCEPTED

    def _set_network_profile(self, payload: JsonObject) -> Answer:
        """Fill a slot; it is used after the next Reset if the priority lists it (B09)."""
        memory, config = self.body.memory, self.body.config
        number, slot = payload["configurationSlot"], slot_from_connection_data(payload["connectionData"])
        try:
            if number not in self.available:
                raise ProfileRefused(Reason.INVALID_CONF_SLOT, f"there is no slot {number}")
            check_slot(slot, memory.standing())
            if config.has(Fault.REFUSE_PROFILE) and (slot.profile or 0) > memory.profile:
                raise ProfileRefused(Reason.INVALID_NETWORK_CONF, "this station refuses")
        except ProfileRefused as refusal:
            info = {"reasonCode": refusal.reason.value, "additionalInfo": refusal.detail}
            return Answer({"status": "Rejected", "statusInfo": info})
        memory.slots[number] = slot
        memory.remember()
        return Answer({"status": "Accepted"})

    def _reset(self, payload: JsonObject) -> Answer:
        """Restart now, or when the transaction has ended (B11, B12)."""
        if "evseId" in payload:
            return Answer({"status": "Rejected", "statusInfo": {"reasonCode": "NotEnabled"}})
        if payload["type"] == "OnIdle" and self.body.transaction:
            self._reset_when_idle = True
            return Answer({"status": "Scheduled"})
        return Answer({"status": "Accepted"}, lambda: self._restart(payload["type"]))

    async def _restart(self, kind: str) -> None:
        """Reboot; Immediate ends a transaction, ImmediateAndResume (2.1) carries it over."""
        if kind == "Immediate":
            await self.stop_transaction("ImmediateReset")
        await self._reboot()

    async def _reboot(self) -> None:
        memory, config = self.body.memory, self.body.config
        first = [memory.slots[number] for number in memory.priority[:1] if number in memory.slots]
        rising = any((slot.profile or 0) > memory.profile for slot in first)
        await self.body.reboot("RemoteReset", config.sleep if rising and config.has(Fault.SLEEP) else None)

    def _trigger(self, payload: JsonObject) -> Answer:
        """Answer TriggerMessage (F06); what is asked for follows the answer."""
        wanted = payload["requestedMessage"]
        if self.body.config.has(Fault.REJECT_TRIGGER):
            return Answer({"status": "Rejected"})
        errand = self._errands().get(wanted)
        if errand is None or (wanted == "SignChargingStationCertificate" and self.knows_no_trigger):
            return Answer({"status": "NotImplemented"})
        problem = self._unready() if wanted == "SignChargingStationCertificate" else None
        if problem:
            return Answer({"status": "Rejected", "statusInfo": problem})
        return Answer({"status": "Accepted"}, errand)

    def _unready(self) -> JsonObject | None:
        """Say why a certificate cannot be asked for now (EVerest's two reasons), None when it can."""
        config, settings = self.body.config, self.body.memory.settings
        if config.has(Fault.ONE_REQUEST) and self.certificates.waiting:
            return {"reasonCode": "Busy", "additionalInfo": "Awaiting CertificateSigned.req"}
        named = settings.get("organisation", config.organisation)
        complete = named and settings.get("ISO15118Ctrlr.CountryName")
        if config.has(Fault.NEEDS_COUNTRY) and not complete:
            return {"reasonCode": "MissingDevModelInfo", "additionalInfo": "Missing country or organization"}
        return None

    def _errands(self) -> dict[str, Errand]:
        return {
            "BootNotification": self._boot_again,
            "Heartbeat": self.heartbeat,
            "StatusNotification": self.send_status,
            "LogStatusNotification": self.logs.send_status,
            "FirmwareStatusNotification": self.firmware.send_status,
            "SignChargingStationCertificate": self.certificates.request,
        }

    async def _boot_again(self) -> None:
        await self.boot("Triggered")

    def _installed(self, payload: JsonObject) -> Answer:
        found = [
            {"certificateType": kind, "certificateHashData": data}
            for kind, data in self.certificates.listed(payload.get("certificateType", []))
        ]
        listed = {"certificateHashDataChain": found} if found else {}
        return Answer({"status": self.certificates.list_status(found), **listed})

    async def start_transaction(self, token: str) -> None:
        """Begin to charge on EVSE 1."""
        self.body.transaction = str(uuid.uuid4())
        self._event_numbers = itertools.count()
        await self._transaction_event("Started", "Authorized", {"idToken": {"idToken": token, "type": "Central"}}, {})
        await self.send_status()

    async def stop_transaction(self, reason: str = "Local") -> None:
        """End the transaction if there is one; a scheduled Reset follows."""
        if self.body.transaction is None:
            return
        await self._transaction_event("Ended", "StopAuthorized", {}, {"stoppedReason": reason})
        self.body.transaction = None
        await self.send_status()
        if self._reset_when_idle:
            self._reset_when_idle = False
            await self._reboot()

    async def _transaction_event(self, kind: str, trigger: str, more: JsonObject, about: JsonObject) -> None:
        await self.body.call(
            "TransactionEvent",
            {
                "eventType": kind,
                "timestamp": timestamp(self.body.config),
                "triggerReason": trigger,
                "seqNo": next(self._event_numbers),
                "transactionInfo": {"transactionId": self.body.transaction, **about},
                "evse": {"id": 1, "connectorId": 1},
                **more,
            },
        )
