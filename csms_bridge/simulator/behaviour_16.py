"""OCPP 1.6 with the security extension, from the station's side (security whitepaper ed. 3)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from csms_bridge.simulator.behaviour import Behaviour, Handler, timestamp
from csms_bridge.simulator.body import Body
from csms_bridge.simulator.certificate_desk import CertificateDesk
from csms_bridge.simulator.config import Fault
from csms_bridge.simulator.events import PasswordChanged
from csms_bridge.simulator.firmware_desk import FirmwareDesk
from csms_bridge.simulator.log_desk import LogDesk
from csms_bridge.simulator.root_store import SPELLINGS
from csms_bridge.simulator.settings_16 import (
    PLAIN_KEYS,
    SECURITY_KEYS,
    Key,
    read_authorization_key,
)
from csms_bridge.simulator.slots import ADDRESS, URL_KEYS, ProfileRefused, check_raise
from csms_bridge.simulator.wire import Answer, CommandRefused, JsonObject

_EVENT_NAMES = {
    "InvalidChargingStationCertificate": "InvalidChargePointCertificate",
    "InvalidCsmsCertificate": "InvalidCentralSystemCertificate",
}

Errand = Callable[[], Coroutine[Any, Any, None]]


class Behaviour16(Behaviour):
    """A charge point."""

    def __init__(self, body: Body) -> None:
        super().__init__(body)
        self.certificates = CertificateDesk(body, with_type=False, with_request_id=False)
        self.firmware = FirmwareDesk(body, "SignedFirmwareStatusNotification")
        self.logs = LogDesk(body)
        secured = not body.config.has(Fault.NO_SECURITY_EXTENSION)
        if not secured:
            self.firmware = FirmwareDesk(body, "FirmwareStatusNotification")
        self._keys: dict[str, Key] = {**PLAIN_KEYS, **(SECURITY_KEYS if secured else {})}
        if body.config.has(Fault.REVEALS_PASSWORD):
            self._keys["AuthorizationKey"] = Key("")
        self._handlers: dict[str, Handler] = {
            "ChangeConfiguration": self._change_configuration,
            "GetConfiguration": self._get_configuration,
            "Reset": self._reset,
            "TriggerMessage": self._trigger,
            "DataTransfer": lambda _: Answer({"status": "UnknownVendorId"}),
        }
        if not secured:
            self._handlers["UpdateFirmware"] = self.firmware.plain_update
        else:
            self._handlers |= {
                "ExtendedTriggerMessage": self._trigger,
                "CertificateSigned": self.certificates.certificate_signed,
                "InstallCertificate": self.certificates.install,
                "DeleteCertificate": self.certificates.delete,
                "GetInstalledCertificateIds": self._installed,
                "GetLog": self.logs.get_log,
                "SignedUpdateFirmware": self.firmware.update,
                "UpdateFirmware": self._unsigned_firmware,
            }

    def handlers(self) -> dict[str, Handler]:
        """Give the actions; without the security extension those of the whitepaper are missing."""
        return self._handlers

    def boot_payload(self, reason: str) -> JsonObject:
        """1.6 has no reason in its BootNotification."""
        config = self.body.config
        return {
            "chargePointVendor": config.vendor,
            "chargePointModel": config.model,
            "firmwareVersion": self.body.memory.firmware,
            **self.named_serial("chargePointSerialNumber"),
        }

    async def send_status(self) -> None:
        """Report each connector."""
        for number in range(1, self.body.config.connectors + 1):
            status = "Charging" if self.body.transaction and number == 1 else "Available"
            payload = {"connectorId": number, "errorCode": "NoError", "status": status}
            await self.body.call("StatusNotification", {**payload, "timestamp": timestamp(self.body.config)})

    def event_name(self, kind: str) -> str:
        """Use the whitepaper's names for stations and central systems."""
        return _EVENT_NAMES.get(kind, kind)

    def allowed(self, action: str) -> bool:
        """Refuse everything but a trigger while the central system has rejected us."""
        return self.registration != "Rejected" or action in ("TriggerMessage", "ExtendedTriggerMessage")

    def _change_configuration(self, payload: JsonObject) -> Answer:
        name, value = payload["key"], payload["value"]
        if name == "AuthorizationKey":
            return self._change_password(value)
        if self.body.config.has(Fault.URL_KEY) and name in URL_KEYS:
            self.body.memory.settings[ADDRESS] = value
            self.body.memory.remember()
            return Answer({"status": "RebootRequired"})
        if name not in self._keys:
            return Answer({"status": "NotSupported"})
        if name == "SecurityProfile":
            return self._change_profile(value)
        if self._keys[name].read_only:
            return Answer({"status": "Rejected"})
        self.body.memory.settings["organisation" if name == "CpoName" else name] = value
        self.body.memory.remember()
        return Answer({"status": "Accepted"})

    def _change_password(self, value: str) -> Answer:
        """Take a new password and come back with it (A01). It is used on profiles 1 and 2."""
        body = self.body
        raw = read_authorization_key(value, body.config.faults)
        if raw is None or body.config.has(Fault.REFUSE_PASSWORD):
            return Answer({"status": "Rejected"})
        body.memory.password = raw
        body.memory.remember()
        body.emit(PasswordChanged(body.config.identity))
        return Answer({"status": "Accepted"}, body.redial if body.memory.profile in (1, 2) else None)

    def _change_profile(self, value: str) -> Answer:
        """Raise the profile (A05): only upwards, and only with what the new one needs."""
        body = self.body
        try:
            wanted = int(value)
            check_raise(wanted, body.memory.standing())
        except (ValueError, ProfileRefused):
            return Answer({"status": "Rejected"})
        if body.config.has(Fault.REFUSE_PROFILE):
            return Answer({"status": "Rejected"})
        if body.config.has(Fault.ACCEPT_AND_IDLE):
            return Answer({"status": "Accepted"})
        if body.config.has(Fault.NEEDS_REBOOT):
            body.memory.raise_at_reset = wanted
            body.memory.remember()
            return Answer({"status": "RebootRequired"})
        if body.config.has(Fault.NEEDS_RESTART):
            body.memory.raise_at_reset = wanted
            body.memory.remember()
            return Answer({"status": "Accepted"}, body.redial)
        body.memory.raising_to = wanted
        body.memory.remember()
        pause = body.config.sleep if body.config.has(Fault.SLEEP) else None
        return Answer({"status": "Accepted"}, lambda: body.redial(pause))

    def _get_configuration(self, payload: JsonObject) -> Answer:
        if self.body.config.has(Fault.NO_SETTINGS):
            raise CommandRefused("NotSupported", "this station tells no settings")
        wanted: list[str] = payload.get("key") or list(self._keys)
        known = [
            {"key": name, "readonly": self._keys[name].read_only, "value": self._value(name)}
            for name in wanted
            if name in self._keys
        ]
        unknown = [name for name in wanted if name not in self._keys]
        return Answer({"configurationKey": known, **({"unknownKey": unknown} if unknown else {})})

    def _value(self, name: str) -> str:
        config, memory = self.body.config, self.body.memory
        computed = {
            "SecurityProfile": str(memory.profile),
            "AuthorizationKey": (memory.password or b"").hex(),
            "CpoName": memory.settings.get("organisation", config.organisation or ""),
            "NumberOfConnectors": str(config.connectors),
            "CertificateStoreMaxLength": str(self.certificates.capacity),
            "AdditionalRootCertificateCheck": str(config.has(Fault.ADDITIONAL_ROOT_CHECK)).lower(),
        }
        return computed.get(name) or memory.settings.get(name, self._keys[name].default)

    def _reset(self, payload: JsonObject) -> Answer:
        """Restart; a running transaction is stopped first, as both kinds of Reset ask."""
        memory = self.body.memory
        if self.body.config.has(Fault.SOFT_RESET_ONLY) and payload["type"] == "Hard":
            return Answer({"status": "Rejected"})
        if memory.raise_at_reset is not None:
            memory.raising_to, memory.raise_at_reset = memory.raise_at_reset, None
            memory.remember()
        return Answer({"status": "Accepted"}, lambda: self._restart(payload["type"]))

    async def _restart(self, kind: str) -> None:
        await self.stop_transaction(f"{kind}Reset")
        await self.body.reboot("RemoteReset")

    def _trigger(self, payload: JsonObject) -> Answer:
        """Answer TriggerMessage and ExtendedTriggerMessage; what is asked for follows the answer."""
        if self.body.config.has(Fault.REJECT_TRIGGER):
            return Answer({"status": "Rejected"})
        wanted = payload["requestedMessage"]
        errand = self._errands().get(wanted)
        if errand is None or (wanted == "SignChargePointCertificate" and self.knows_no_trigger):
            return Answer({"status": "NotImplemented"})
        waiting = self.body.config.has(Fault.ONE_REQUEST) and self.certificates.waiting
        if waiting and wanted == "SignChargePointCertificate":
            return Answer({"status": "Rejected"})
        return Answer({"status": "Accepted"}, errand)

    def _errands(self) -> dict[str, Errand]:
        return {
            "BootNotification": self._boot_again,
            "Heartbeat": self.heartbeat,
            "StatusNotification": self.send_status,
            "LogStatusNotification": self.logs.send_status,
            "FirmwareStatusNotification": self.firmware.send_status,
            "SignChargePointCertificate": self.certificates.request,
        }

    async def _boot_again(self) -> None:
        await self.boot("Triggered")

    def _installed(self, payload: JsonObject) -> Answer:
        kind = SPELLINGS.get(payload["certificateType"], payload["certificateType"])
        found = [data for _, data in self.certificates.listed([str(kind)])]
        listed = {"certificateHashData": found} if found else {}
        return Answer({"status": self.certificates.list_status(found), **listed})

    def _unsigned_firmware(self, _: JsonObject) -> Answer:
        """Refuse the unsigned message (1.6 L01.FR.20)."""
        raise CommandRefused("NotSupported", "use SignedUpdateFirmware")

    async def start_transaction(self, token: str) -> None:
        """Begin to charge on connector 1."""
        payload = {"connectorId": 1, "idTag": token, "meterStart": 0, "timestamp": timestamp(self.body.config)}
        answer = await self.body.call("StartTransaction", payload)
        self.body.transaction = str(answer["transactionId"])
        await self.send_status()

    async def stop_transaction(self, reason: str = "Local") -> None:
        """End the transaction if there is one."""
        if self.body.transaction is None:
            return
        number, self.body.transaction = int(self.body.transaction), None
        payload = {
            "transactionId": number,
            "meterStop": 1000,
            "timestamp": timestamp(self.body.config),
            "reason": reason,
        }
        await self.body.call("StopTransaction", payload)
        await self.send_status()
