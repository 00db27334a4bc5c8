"""OCPP 2.0.1 Edition 3 with the errata of 2025-09."""

from collections.abc import Mapping
from typing import ClassVar

from ocpp.v201 import call

from csms_bridge import commands as c
from csms_bridge import events as e
from csms_bridge.commands import Answer, Command, Outcome
from csms_bridge.dialects import variables
from csms_bridge.dialects.payloads import payload_of
from csms_bridge.dialects.variables import Setting, Variable
from csms_bridge.dialects.wire import (
    ACCEPT_OR_REJECT,
    TRIGGER,
    Dialect,
    Fault,
    House,
    Request,
    Standing,
    read_time,
    reason_of,
    rfc3339,
    status_answer,
    text_of,
)
from csms_bridge.frames import Json
from csms_bridge.station import OcppVersion

RESET = {**ACCEPT_OR_REJECT, "Scheduled": Outcome.ACCEPTED}

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
    framework_error: ClassVar = "RpcFrameworkError"
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

    def request(self, command: Command) -> Request:
        match command:
            case c.InstallRoot(certificate):
                return payload_of(call.InstallCertificate("CSMSRootCertificate", certificate))
            case c.ListRoots():
                return payload_of(call.GetInstalledCertificateIds(["CSMSRootCertificate"]))
            case c.TriggerCertificateRequest():
                return payload_of(call.TriggerMessage("SignChargingStationCertificate"))
            case c.DeliverCertificate():
                return self._deliver(command)
            case c.NameOperator(organisation, country):
                settings = [Setting(ORGANISATION, organisation)]
                settings += [Setting(COUNTRY, country)] if country else []
                return variables.write(settings)
            case c.SetPassword(password):
                return variables.write([Setting(PASSWORD, password.text())])
            case c.ListSlots(request_id, whole=False):
                return variables.report(PRIORITY, request_id)
            case c.ListSlots(request_id):
                return payload_of(call.GetBaseReport(request_id, "ConfigurationInventory"))
            case c.ReadNetwork():
                return variables.read([PRIORITY, ACTIVE, COUNTRY])
            case c.WriteSlot():
                return self._write_slot(command)
            case c.PreferSlots(slots):
                return variables.write([Setting(PRIORITY, ",".join(str(slot) for slot in slots))])
            case c.Restart():
                return payload_of(call.Reset("OnIdle"))
        raise LookupError(f"OCPP {self.version} has no message for {type(command).__name__}")

    def answer(self, command: Command, payload: Json) -> Answer:
        match command:
            case c.NameOperator() | c.SetPassword() | c.PreferSlots():
                return variables.read_written(payload)
            case c.ReadNetwork():
                return _network(payload)
            case c.TriggerCertificateRequest():
                return status_answer(payload, TRIGGER)
            case c.ListRoots():
                return _installed(payload)
            case c.Restart():
                return status_answer(payload, RESET)
        return status_answer(payload, ACCEPT_OR_REJECT)

    def event(self, action: str, payload: Json) -> e.Event:
        match action:
            case "BootNotification":
                return _booted(payload)
            case "SignCertificate":
                kind = text_of(payload, "certificateType") or "ChargingStationCertificate"
                request_id = payload.get("requestId")
                return e.CertificateAsked(
                    text_of(payload, "csr"),
                    request_id if isinstance(request_id, int) else None,
                    for_station=kind == "ChargingStationCertificate",
                )
            case "SecurityEventNotification":
                at = read_time(payload.get("timestamp"))
                return e.SecurityEventTold(text_of(payload, "type"), at, text_of(payload, "techInfo"))
            case "TransactionEvent":
                return _transaction(payload)
            case "NotifyReport":
                slots = variables.values_list(payload, PRIORITY)
                more = payload.get("tbc") is True
                return e.Told(action) if more and not slots else e.SlotsReported(slots)
        return e.Told(action)

    def response(self, action: str, payload: Json, house: House) -> Json:
        match action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": rfc3339(house.now), "interval": house.interval}
            case "Heartbeat":
                return {"currentTime": rfc3339(house.now)}
            case "Authorize":
                return {"idTokenInfo": _token_info(house)}
            case "TransactionEvent" if "idToken" in payload:
                return {"idTokenInfo": _token_info(house)}
        return _standing(action)

    def certificate_response(self, accepted: bool, reason: str) -> Json:
        if accepted:
            return {"status": "Accepted"}
        info = {"reasonCode": "InvalidCSR", "additionalInfo": reason[:512]}
        return {"status": "Rejected", "statusInfo": info}

    def _deliver(self, command: c.DeliverCertificate) -> Request:
        # The type is sent always: the certification test demands it even where the request left it out.
        return payload_of(call.CertificateSigned(command.chain, "ChargingStationCertificate"))

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
        payload: Json = {"configurationSlot": command.slot, "connectionData": connection}
        return Request("SetNetworkProfile", payload)


def _booted(payload: Json) -> e.Booted:
    station = payload.get("chargingStation")
    about = station if isinstance(station, dict) else {}
    serial = text_of(about, "serialNumber")
    return e.Booted(
        vendor=text_of(about, "vendorName"),
        model=text_of(about, "model"),
        firmware=text_of(about, "firmwareVersion"),
        serials=(serial,) if serial else (),
        reason=text_of(payload, "reason"),
    )


def _transaction(payload: Json) -> e.Event:
    info = payload.get("transactionInfo")
    transaction = text_of(info, "transactionId") if isinstance(info, dict) else ""
    match payload.get("eventType"):
        case "Ended":
            return e.TransactionEnded(transaction)
        case "Started" | "Updated":
            return e.TransactionBegan(transaction)
    return e.Told("TransactionEvent")


def _token_info(house: House) -> Json:
    return {"status": "Accepted" if house.authorize else "Invalid"}


def _network(payload: Json) -> Answer:
    values = variables.read_values(payload)
    priority = values.get(PRIORITY)
    if not priority:
        return Answer(Outcome.REJECTED, "without its NetworkConfigurationPriority")
    facts = {"priority": priority, "active": values.get(ACTIVE, "")}
    facts["country"] = "missing" if values.get(COUNTRY) == "" else "settled"
    return Answer(Outcome.ACCEPTED, "Accepted", facts)


def _installed(payload: Json) -> Answer:
    chains = payload.get("certificateHashDataChain")
    listed = [chain.get("certificateHashData") for chain in chains] if isinstance(chains, list) else []
    serials = [str(entry.get("serialNumber", "")) for entry in listed if isinstance(entry, dict)]
    words = str(payload.get("status", ""))
    if detail := reason_of(payload.get("statusInfo")):
        words = f"{words} ({detail})"
    return Answer(Outcome.ACCEPTED, words, {"roots": " ".join(serials)})
