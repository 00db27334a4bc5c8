"""OCPP 1.6-J with the security extension (OCA white paper "Improved security for OCPP 1.6-J", edition 3)."""

import re
from datetime import datetime
from typing import ClassVar

from ocpp.v16 import call

from csms_bridge import commands as c
from csms_bridge import events as e
from csms_bridge.answers import Authorization, Reply
from csms_bridge.charging import Phase, Token
from csms_bridge.commands import Answer, Command, Message, Outcome
from csms_bridge.dialects import configuration, files
from csms_bridge.dialects.fields import number_in, objects_in, text_of
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
    read_time,
    rfc3339,
    status_answer,
)
from csms_bridge.frames import Flaw, Json
from csms_bridge.station import OcppVersion
from csms_bridge.station_certificates import CertificateKind, ListedCertificate

CONFIGURATION = {
    "Accepted": Outcome.ACCEPTED,
    "RebootRequired": Outcome.REBOOT_REQUIRED,
    "NotSupported": Outcome.NOT_SUPPORTED,
}
_KINDS = {
    CertificateKind.CSMS: "CentralSystemRootCertificate",
    CertificateKind.MANUFACTURER: "ManufacturerRootCertificate",
}
_BASE_TRIGGERS = {
    Message.BOOT: "BootNotification",
    Message.HEARTBEAT: "Heartbeat",
    Message.STATUS: "StatusNotification",
    Message.METER_VALUES: "MeterValues",
    Message.FIRMWARE_STATUS: "FirmwareStatusNotification",
}
_TRIGGERS = _BASE_TRIGGERS | {
    Message.LOG_STATUS: "LogStatusNotification",
    Message.CERTIFICATE_REQUEST: "SignChargePointCertificate",
}
_PLAIN_TRIGGERS = _BASE_TRIGGERS | {Message.DIAGNOSTICS_STATUS: "DiagnosticsStatusNotification"}
_RESTARTS = {c.RestartKind.IDLE: "Hard", c.RestartKind.NOW: "Hard", c.RestartKind.GENTLY: "Soft"}

# Such a station misses the field that later editions call certificateChain (reference, station-quirks 27).
_FIRST_EDITION = re.compile(r"\bcert\b")

_standing = Standing({"DataTransfer": {"status": "UnknownVendorId"}})


class V16(Dialect):
    """1.6: configuration keys, ChangeConfiguration for everything."""

    version: ClassVar = OcppVersion.V16
    subprotocol: ClassVar = "ocpp1.6"
    # An unknown message type is ignored (OCPP-J 1.6 §4.1.3).
    flaw_codes: ClassVar = {Flaw.FRAME: "FormationViolation", Flaw.PAYLOAD: "FormationViolation"}
    # 1.6 spells two of these its own way (OCPP-J 1.6 §4.2.3).
    error_codes: ClassVar = {
        Fault.NOT_IMPLEMENTED: "NotImplemented",
        Fault.NOT_SUPPORTED: "NotSupported",
        Fault.FORMAT: "FormationViolation",
        Fault.TYPE: "TypeConstraintViolation",
        Fault.CONSTRAINT: "PropertyConstraintViolation",
        Fault.OCCURRENCE: "OccurenceConstraintViolation",
        Fault.SECURITY: "SecurityError",
        Fault.INTERNAL: "InternalError",
    }

    def request(self, command: Command) -> Request:
        match command:
            case c.InstallRoot(certificate, kind):
                return payload_of(call.InstallCertificate(_kind(kind), certificate))
            case c.ListRoots(kinds):
                return payload_of(call.GetInstalledCertificateIds(_one_kind(kinds)))
            case c.DeleteRoot(hash_data):
                return Request("DeleteCertificate", {"certificateHashData": spell_hash_data(hash_data)})
            case c.TriggerCertificateRequest():
                # No connectorId: TC_074 checks that it is left out.
                return payload_of(call.ExtendedTriggerMessage("SignChargePointCertificate"))
            case c.Trigger():
                return _trigger(command)
            case c.DeliverCertificate(chain, kind=kind) if kind.value == "station":
                return payload_of(call.CertificateSigned(chain))
            case c.NameOperator(organisation):
                return configuration.change("CpoName", organisation)
            case c.SetPassword(password, as_text):
                value = password.text() if as_text else password.reveal.hex()
                return configuration.change("AuthorizationKey", value)
            case c.RaiseProfile(profile):
                return configuration.change("SecurityProfile", str(int(profile)))
            case c.ReadSettings(variables):
                return configuration.read(variables)
            case c.WriteSettings(settings):
                return configuration.write(settings)
            case c.Restart(kind, evse=None) if kind in _RESTARTS:
                return payload_of(call.Reset(_RESTARTS[kind]))
            case c.FetchLog(log) if log is not c.LogKind.DATA_COLLECTOR:
                return files.get_log(command)
            case c.FetchDiagnostics():
                return _diagnostics(command)
            case c.UpdateFirmware():
                return _update(command)
        raise LookupError(f"OCPP 1.6 has no message for this {type(command).__name__}")

    def answer(self, command: Command, payload: Json) -> Answer:
        match command:
            case c.NameOperator() | c.SetPassword() | c.RaiseProfile() | c.WriteSettings():
                return status_answer(payload, CONFIGURATION)
            case c.ReadSettings():
                return configuration.read_read(payload)
            case c.TriggerCertificateRequest() | c.Trigger():
                return status_answer(payload, TRIGGER)
            case c.ListRoots(kinds):
                return _installed(payload, kinds)
            case c.DeleteRoot():
                return status_answer(payload, DELETE)
            case c.FetchLog():
                return files.read_accepted(payload)
            case c.FetchDiagnostics():
                return Answer(Outcome.ACCEPTED, "", {"filename": text_of(payload, "fileName")})
            case c.UpdateFirmware(signature=None):
                return Answer(Outcome.ACCEPTED)  # UpdateFirmware.conf is empty
            case c.UpdateFirmware():
                return files.read_accepted(payload)
        return status_answer(payload, ACCEPT_OR_REJECT)

    def event(self, action: str, payload: Json) -> e.Event:
        match action:
            case "BootNotification":
                return _booted(payload)
            case "SignCertificate":
                return e.CertificateAsked(text_of(payload, "csr"))
            case "SecurityEventNotification":
                at = read_time(payload.get("timestamp"))
                return e.SecurityEventTold(text_of(payload, "type"), at, text_of(payload, "techInfo"))
            case "StartTransaction":
                name = f"connector {payload.get('connectorId')}"
                return e.ChargingTold(Phase.BEGAN, name, None, number_in(payload, "connectorId"), _token(payload))
            case "StopTransaction":
                return e.ChargingTold(Phase.ENDED, _our_number(payload), token=_token(payload))
            case "MeterValues":
                return e.ChargingTold(Phase.WENT_ON, _our_number(payload), None, number_in(payload, "connectorId"))
            case "StatusNotification":
                return _connector(payload)
            case "LogStatusNotification":
                return files.log_status(payload)
            case "DiagnosticsStatusNotification":
                return _diagnostics_status(payload)
            case "SignedFirmwareStatusNotification" | "FirmwareStatusNotification":
                return files.firmware_status(payload)
            case "Authorize":
                return e.AuthorizeAsked(text_of(payload, "idTag"), "")
        return e.Told(action)

    def response(self, action: str, payload: Json, house: House) -> Json:
        match action:
            case "BootNotification":
                return {
                    "status": "Accepted",
                    "currentTime": rfc3339(house.now),
                    "interval": house.interval,
                }
            case "Heartbeat":
                return {"currentTime": rfc3339(house.now)}
            case "Authorize":
                return {"idTagInfo": _tag_info(house.token, house.token_until)}
            case "StartTransaction":
                tag_info = _tag_info(house.token, house.token_until)
                return {"transactionId": house.transaction, "idTagInfo": tag_info}
        return _standing(action)

    def spell(self, reply: Reply) -> Json:
        if isinstance(reply, Authorization):
            return {"idTagInfo": _tag_info(reply.token, reply.until)}
        raise LookupError(f"OCPP 1.6 has no message for a {type(reply).__name__}")

    def error(self, code: str, description: str) -> Answer:
        answer = super().error(code, description)
        if not _FIRST_EDITION.search(description):
            return answer
        hint = "it seems to speak the white paper's first edition, which sends `cert` as hexadecimal DER"
        return Answer(answer.outcome, f"{answer.words}; {hint}")

    def certificate_response(self, accepted: bool, reason: str) -> Json:
        return {"status": "Accepted" if accepted else "Rejected"}


def _kind(kind: CertificateKind) -> str:
    if kind not in _KINDS:
        raise LookupError(f"OCPP 1.6 has no {kind} certificates")
    return _KINDS[kind]


def _one_kind(kinds: tuple[CertificateKind, ...]) -> str:
    if len(kinds) != 1:
        raise LookupError("OCPP 1.6 lists certificates of one kind a message")
    return _kind(kinds[0])


def _trigger(command: c.Trigger) -> Request:
    names, message = (
        (_PLAIN_TRIGGERS, call.TriggerMessage) if command.plain else (_TRIGGERS, call.ExtendedTriggerMessage)
    )
    if command.message not in names or command.evse is not None:
        raise LookupError(f"OCPP 1.6 cannot trigger a {command.message}")
    return payload_of(message(names[command.message], command.connector))


def _diagnostics(command: c.FetchDiagnostics) -> Request:
    times = {"startTime": command.oldest, "stopTime": command.latest}
    given: Json = {name: rfc3339(at) for name, at in times.items() if at is not None}
    return Request("GetDiagnostics", {"location": command.url.text()} | given | files.retries_of(command))


def _update(command: c.UpdateFirmware) -> Request:
    """Signed, it is the white paper's message, which demands both; unsigned, the base version's."""
    if command.signature is not None and command.certificate is not None:
        return files.update_firmware("SignedUpdateFirmware", command)
    if command.signature is not None or command.certificate is not None:
        raise LookupError("OCPP 1.6 updates firmware with signature and certificate, or with neither")
    payload: Json = {"location": command.url.text(), "retrieveDate": rfc3339(command.retrieve_at)}
    return Request("UpdateFirmware", payload | files.retries_of(command))


def _booted(payload: Json) -> e.Booted:
    serials = (text_of(payload, "chargePointSerialNumber"), text_of(payload, "chargeBoxSerialNumber"))
    return e.Booted(
        vendor=text_of(payload, "chargePointVendor"),
        model=text_of(payload, "chargePointModel"),
        firmware=text_of(payload, "firmwareVersion"),
        serials=tuple(serial for serial in serials if serial),
        reason="",
    )


def _token(payload: Json) -> Token | None:
    tag = text_of(payload, "idTag")
    return Token(tag) if tag else None


def _our_number(payload: Json) -> str:
    number = number_in(payload, "transactionId")
    return "" if number is None else str(number)


def _connector(payload: Json) -> e.ConnectorsTold:
    error = text_of(payload, "errorCode")
    words = ": ".join(part for part in (error, text_of(payload, "info"), text_of(payload, "vendorErrorCode")) if part)
    status = e.ConnectorStatus(
        0,
        number_in(payload, "connectorId") or 0,
        text_of(payload, "status"),
        "" if error == "NoError" else words,
        read_time(payload.get("timestamp")),
    )
    return e.ConnectorsTold((status,))


def _diagnostics_status(payload: Json) -> e.LogStatusTold:
    """The base version's word for a failed upload is another one than the white paper's."""
    status = text_of(payload, "status")
    return e.LogStatusTold("UploadFailure" if status == "UploadFailed" else status, number_in(payload, "requestId"))


def _tag_info(status: str, until: datetime | None) -> Json:
    return {"status": status} if until is None else {"status": status, "expiryDate": rfc3339(until)}


def _installed(payload: Json, kinds: tuple[CertificateKind, ...]) -> Answer:
    """The answer does not repeat the kind: it is the one that was asked for."""
    kind = kinds[0] if kinds else None
    entries = objects_in(payload, "certificateHashData")
    listed = tuple(ListedCertificate(kind, read_hash_data(entry)) for entry in entries)
    return Answer(Outcome.ACCEPTED, text_of(payload, "status"), {"roots": serials_of(listed)}, certificates=listed)
