"""OCPP 2.0.1 Edition 3 with the errata of 2025-09."""

from collections.abc import Mapping
from typing import ClassVar

from ocpp.v201 import call

from csms_bridge import commands as c
from csms_bridge import events as e
from csms_bridge.answers import Authorization, CertificateStatus, EvCertificate, Reply
from csms_bridge.commands import Answer, Command, Message, Outcome, RestartKind
from csms_bridge.dialects import answers_2x, events_2x, files, variables
from csms_bridge.dialects.fields import object_in, objects_in, text_of
from csms_bridge.dialects.hash_data import read_hash_data, serials_of, spell_hash_data
from csms_bridge.dialects.payloads import payload_of
from csms_bridge.dialects.wire import (
    ACCEPT_OR_REJECT,
    DELETE,
    TRIGGER,
    Dialect,
    Fault,
    House,
    Request,
    Standing,
    reason_of,
    rfc3339,
    status_answer,
)
from csms_bridge.frames import Flaw, Json
from csms_bridge.station import OcppVersion
from csms_bridge.station_certificates import CertificateKind, LeafKind, ListedCertificate
from csms_bridge.variables import Setting, Variable

RESET = {**ACCEPT_OR_REJECT, "Scheduled": Outcome.ACCEPTED}
UNPUBLISH = {
    "Unpublished": Outcome.ACCEPTED,
    "NoFirmware": Outcome.NOT_FOUND,
    "DownloadOngoing": Outcome.REJECTED,
}
REPORT = {**ACCEPT_OR_REJECT, "NotSupported": Outcome.NOT_SUPPORTED, "EmptyResultSet": Outcome.NOT_FOUND}

PASSWORD = Variable("SecurityCtrlr", "BasicAuthPassword")
ORGANISATION = Variable("SecurityCtrlr", "OrganizationName")
COUNTRY = Variable("ISO15118Ctrlr", "CountryName")
PRIORITY = Variable("OCPPCommCtrlr", "NetworkConfigurationPriority")
ACTIVE = Variable("OCPPCommCtrlr", "ActiveNetworkProfile")

MESSAGE_TIMEOUT = 30
"""Seconds a station waits for our answers, written into the slot."""

_standing = Standing(
    {
        "DataTransfer": {"status": "UnknownVendorId"},
        "GetCertificateStatus": {"status": "Failed"},
        "Get15118EVCertificate": {"status": "Failed", "exiResponse": ""},
        "NotifyEVChargingNeeds": {"status": "Rejected"},
        "NotifyEVChargingSchedule": {"status": "Accepted"},
    }
)


class V201(Dialect):
    """2.0.1: variables for settings, connection slots for the profile."""

    version: ClassVar = OcppVersion.V201
    subprotocol: ClassVar = "ocpp2.0.1"
    # 2.0.1 Part 4 §4.3.
    flaw_codes: ClassVar[Mapping[Flaw, str]] = {
        Flaw.FRAME: "RpcFrameworkError",
        Flaw.PAYLOAD: "FormatViolation",
        Flaw.MESSAGE_TYPE: "MessageTypeNotSupported",
    }
    slot_version: ClassVar[str | None] = "OCPP20"
    """The SetNetworkProfile enum's only name for 2.0.1 (reference §2.4)."""
    error_codes: ClassVar[Mapping[Fault, str]] = {
        Fault.NOT_IMPLEMENTED: "NotImplemented",
        Fault.NOT_SUPPORTED: "NotSupported",
        Fault.FORMAT: "FormatViolation",
        Fault.TYPE: "TypeConstraintViolation",
        Fault.CONSTRAINT: "PropertyConstraintViolation",
        Fault.OCCURRENCE: "OccurrenceConstraintViolation",
        Fault.SECURITY: "SecurityError",
        Fault.INTERNAL: "InternalError",
    }
    kinds: ClassVar[Mapping[CertificateKind, str]] = {
        CertificateKind.CSMS: "CSMSRootCertificate",
        CertificateKind.MANUFACTURER: "ManufacturerRootCertificate",
        CertificateKind.V2G: "V2GRootCertificate",
        CertificateKind.MO: "MORootCertificate",
        CertificateKind.V2G_CHAIN: "V2GCertificateChain",
    }
    leaf_kinds: ClassVar[Mapping[LeafKind, str]] = {
        LeafKind.STATION: "ChargingStationCertificate",
        LeafKind.V2G: "V2GCertificate",
    }
    triggers: ClassVar[Mapping[Message, str]] = {
        Message.BOOT: "BootNotification",
        Message.HEARTBEAT: "Heartbeat",
        Message.STATUS: "StatusNotification",
        Message.METER_VALUES: "MeterValues",
        Message.TRANSACTION: "TransactionEvent",
        Message.LOG_STATUS: "LogStatusNotification",
        Message.FIRMWARE_STATUS: "FirmwareStatusNotification",
        Message.PUBLISH_STATUS: "PublishFirmwareStatusNotification",
        Message.CERTIFICATE_REQUEST: "SignChargingStationCertificate",
        Message.V2G_REQUEST: "SignV2GCertificate",
        Message.COMBINED_REQUEST: "SignCombinedCertificate",
    }
    restarts: ClassVar[Mapping[RestartKind, str]] = {RestartKind.IDLE: "OnIdle", RestartKind.NOW: "Immediate"}
    logs: ClassVar[tuple[c.LogKind, ...]] = (c.LogKind.DIAGNOSTICS, c.LogKind.SECURITY)

    def request(self, command: Command) -> Request:
        match command:
            case c.InstallRoot(certificate, kind) if kind is not CertificateKind.V2G_CHAIN:
                return payload_of(call.InstallCertificate(self._kind(kind), certificate))
            case c.ListRoots(kinds):
                return payload_of(call.GetInstalledCertificateIds([self._kind(kind) for kind in kinds] or None))
            case c.DeleteRoot(hash_data):
                return Request("DeleteCertificate", {"certificateHashData": spell_hash_data(hash_data)})
            case c.TriggerCertificateRequest():
                return payload_of(call.TriggerMessage("SignChargingStationCertificate"))
            case c.Trigger():
                return self._trigger(command)
            case c.DeliverCertificate():
                return self._deliver(command)
            case c.NameOperator(organisation, country):
                settings = [Setting(ORGANISATION, organisation)]
                settings += [Setting(COUNTRY, country)] if country else []
                return variables.write(settings)
            case c.SetPassword(password):
                return variables.write([Setting(PASSWORD, password.text())])
            case c.ReadSettings(wanted):
                return variables.read(wanted)
            case c.WriteSettings(settings_):
                return variables.write(settings_)
            case c.AskReport(request_id, base):
                return payload_of(call.GetBaseReport(request_id, base.value))
            case c.AskReportOf(request_id, wanted):
                return variables.report(wanted, request_id)
        return self._connection_request(command)

    def _connection_request(self, command: Command) -> Request:
        match command:
            case c.ListSlots(request_id, whole=False):
                return variables.report([PRIORITY], request_id)
            case c.ListSlots(request_id):
                return payload_of(call.GetBaseReport(request_id, "ConfigurationInventory"))
            case c.ReadNetwork():
                return variables.read([PRIORITY, ACTIVE, COUNTRY])
            case c.WriteSlot():
                return self._write_slot(command)
            case c.PreferSlots(slots):
                return variables.write([Setting(PRIORITY, ",".join(str(slot) for slot in slots))])
            case c.Restart(kind, evse) if kind in self.restarts:
                return payload_of(call.Reset(self.restarts[kind], evse))
            case c.FetchLog(log) if log in self.logs:
                return files.get_log(command)
            case c.UpdateFirmware():
                return files.update_firmware("UpdateFirmware", command)
            case c.PublishFirmware():
                return files.publish_firmware(command)
            case c.UnpublishFirmware(checksum):
                return payload_of(call.UnpublishFirmware(checksum))
        raise LookupError(f"OCPP {self.version} has no message for this {type(command).__name__}")

    def answer(self, command: Command, payload: Json) -> Answer:
        match command:
            case c.NameOperator() | c.SetPassword() | c.PreferSlots() | c.WriteSettings():
                return variables.read_written(payload)
            case c.ReadSettings():
                return variables.read_read(payload)
            case c.ReadNetwork():
                return _network(payload)
            case c.TriggerCertificateRequest() | c.Trigger():
                return status_answer(payload, TRIGGER)
            case c.ListRoots():
                return self._installed(payload)
            case c.FetchLog() | c.UpdateFirmware():
                return files.read_accepted(payload)
        return status_answer(payload, _MEANINGS.get(type(command), ACCEPT_OR_REJECT))

    def event(self, action: str, payload: Json) -> e.Event:
        return events_2x.event(action, payload)

    def response(self, action: str, payload: Json, house: House) -> Json:
        match action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": rfc3339(house.now), "interval": house.interval}
            case "Heartbeat":
                return {"currentTime": rfc3339(house.now)}
            case "Authorize":
                return {"idTokenInfo": answers_2x.token_info(house.token, house.token_until)}
            case "TransactionEvent" if "idToken" in payload:
                return {"idTokenInfo": answers_2x.token_info(house.token, house.token_until)}
        return _standing(action)

    def spell(self, reply: Reply) -> Json:
        match reply:
            case Authorization():
                return answers_2x.spell_authorization(reply)
            case CertificateStatus():
                return answers_2x.spell_certificate_status(reply)
            case EvCertificate():
                return answers_2x.spell_ev_certificate(reply)
        raise LookupError(f"OCPP {self.version} has no message for a {type(reply).__name__}")

    def certificate_response(self, accepted: bool, reason: str) -> Json:
        if accepted:
            return {"status": "Accepted"}
        return {"status": "Rejected", "statusInfo": answers_2x.status_info("InvalidCSR", reason)}

    def _deliver(self, command: c.DeliverCertificate) -> Request:
        # The type is sent always: the certification test demands it even where the request left it out.
        return payload_of(call.CertificateSigned(command.chain, self._leaf_kind(command.kind)))

    def _kind(self, kind: CertificateKind) -> str:
        if kind not in self.kinds:
            raise LookupError(f"OCPP {self.version} has no {kind} certificates")
        return self.kinds[kind]

    def _leaf_kind(self, kind: LeafKind) -> str:
        if kind not in self.leaf_kinds:
            raise LookupError(f"OCPP {self.version} has no {kind} certificates")
        return self.leaf_kinds[kind]

    def _trigger(self, command: c.Trigger) -> Request:
        if command.message not in self.triggers:
            raise LookupError(f"OCPP {self.version} cannot trigger a {command.message}")
        payload: Json = {"requestedMessage": self.triggers[command.message]}
        if command.evse is not None:
            connector = {} if command.connector is None else {"connectorId": command.connector}
            payload["evse"] = {"id": command.evse, **connector}
        return Request("TriggerMessage", payload)

    def _write_slot(self, command: c.WriteSlot) -> Request:
        connection: Json = {
            "ocppTransport": "JSON",
            "ocppCsmsUrl": command.url,
            "messageTimeout": MESSAGE_TIMEOUT,
            "securityProfile": int(command.profile),
            "ocppInterface": "Wired0",
        }
        if self.slot_version:
            connection["ocppVersion"] = self.slot_version
        connection |= self._credentials(command)
        payload: Json = {"configurationSlot": command.slot, "connectionData": connection}
        return Request("SetNetworkProfile", payload)

    def _credentials(self, command: c.WriteSlot) -> Json:
        if command.identity is not None or command.password is not None:
            raise LookupError(f"OCPP {self.version} has no identity and no password in a connection slot")
        return {}

    def _installed(self, payload: Json) -> Answer:
        kinds = {name: kind for kind, name in self.kinds.items()}
        listed = tuple(
            ListedCertificate(
                kinds.get(text_of(chain, "certificateType")),
                read_hash_data(object_in(chain, "certificateHashData")),
                tuple(map(read_hash_data, objects_in(chain, "childCertificateHashData"))),
            )
            for chain in objects_in(payload, "certificateHashDataChain")
        )
        words = text_of(payload, "status")
        if detail := reason_of(payload.get("statusInfo")):
            words = f"{words} ({detail})"
        return Answer(Outcome.ACCEPTED, words, {"roots": serials_of(listed)}, certificates=listed)


_MEANINGS: dict[type[Command], Mapping[str, Outcome]] = {
    c.Restart: RESET,
    c.DeleteRoot: DELETE,
    c.UnpublishFirmware: UNPUBLISH,
    c.AskReport: REPORT,
    c.AskReportOf: REPORT,
}


def _network(payload: Json) -> Answer:
    values = variables.read_values(payload)
    priority = values.get(PRIORITY)
    if not priority:
        return Answer(Outcome.REJECTED, "without its NetworkConfigurationPriority")
    facts = {"priority": priority, "active": values.get(ACTIVE, "")}
    facts["country"] = "missing" if values.get(COUNTRY) == "" else "settled"
    return Answer(Outcome.ACCEPTED, "Accepted", facts)
