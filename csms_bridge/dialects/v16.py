"""OCPP 1.6-J with the security extension (OCA white paper "Improved security for OCPP 1.6-J", edition 3)."""

from typing import ClassVar

from ocpp.v16 import call

from csms_bridge import commands as c
from csms_bridge import events as e
from csms_bridge.commands import Answer, Command, Outcome
from csms_bridge.dialects.payloads import payload_of
from csms_bridge.dialects.wire import (
    ACCEPT_OR_REJECT,
    TRIGGER,
    Dialect,
    Fault,
    House,
    Request,
    Standing,
    read_time,
    rfc3339,
    status_answer,
    text_of,
)
from csms_bridge.frames import Json
from csms_bridge.station import OcppVersion

CONFIGURATION = {
    "Accepted": Outcome.ACCEPTED,
    "RebootRequired": Outcome.REBOOT_REQUIRED,
    "NotSupported": Outcome.NOT_SUPPORTED,
}

_standing = Standing({"DataTransfer": {"status": "UnknownVendorId"}})


class V16(Dialect):
    """1.6: configuration keys, ChangeConfiguration for everything."""

    version: ClassVar = OcppVersion.V16
    subprotocol: ClassVar = "ocpp1.6"
    framework_error: ClassVar = "FormationViolation"
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
            case c.InstallRoot(certificate):
                return payload_of(call.InstallCertificate("CentralSystemRootCertificate", certificate))
            case c.ListRoots():
                return payload_of(call.GetInstalledCertificateIds("CentralSystemRootCertificate"))
            case c.TriggerCertificateRequest():
                # No connectorId: TC_074 checks that it is left out.
                return payload_of(call.ExtendedTriggerMessage("SignChargePointCertificate"))
            case c.DeliverCertificate(chain):
                return payload_of(call.CertificateSigned(chain))
            case c.NameOperator(organisation):
                return _change("CpoName", organisation)
            case c.SetPassword(password):
                return _change("AuthorizationKey", password.reveal.hex())
            case c.RaiseProfile(profile):
                return _change("SecurityProfile", str(int(profile)))
            case c.Restart():
                return payload_of(call.Reset("Hard"))
        raise LookupError(f"OCPP 1.6 has no message for {type(command).__name__}")

    def answer(self, command: Command, payload: Json) -> Answer:
        match command:
            case c.NameOperator() | c.SetPassword() | c.RaiseProfile():
                return status_answer(payload, CONFIGURATION)
            case c.TriggerCertificateRequest():
                return status_answer(payload, TRIGGER)
            case c.ListRoots():
                return _installed(payload)
        return status_answer(payload, ACCEPT_OR_REJECT)

    def event(self, action: str, payload: Json) -> e.Event:
        match action:
            case "BootNotification":
                serials = (
                    text_of(payload, "chargePointSerialNumber"),
                    text_of(payload, "chargeBoxSerialNumber"),
                )
                return e.Booted(
                    vendor=text_of(payload, "chargePointVendor"),
                    model=text_of(payload, "chargePointModel"),
                    firmware=text_of(payload, "firmwareVersion"),
                    serials=tuple(serial for serial in serials if serial),
                    reason="",
                )
            case "SignCertificate":
                return e.CertificateAsked(text_of(payload, "csr"), None, for_station=True)
            case "SecurityEventNotification":
                at = read_time(payload.get("timestamp"))
                return e.SecurityEventTold(text_of(payload, "type"), at, text_of(payload, "techInfo"))
            case "StartTransaction":
                return e.TransactionBegan(f"connector {payload.get('connectorId')}")
            case "StopTransaction":
                return e.TransactionEnded(str(payload.get("transactionId")))
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
                return {"idTagInfo": _tag_info(house)}
            case "StartTransaction":
                return {"transactionId": house.transaction, "idTagInfo": _tag_info(house)}
        return _standing(action)

    def certificate_response(self, accepted: bool, reason: str) -> Json:
        return {"status": "Accepted" if accepted else "Rejected"}


def _change(key: str, value: str) -> Request:
    return payload_of(call.ChangeConfiguration(key, value))


def _tag_info(house: House) -> Json:
    return {"status": "Accepted" if house.authorize else "Invalid"}


def _installed(payload: Json) -> Answer:
    entries = payload.get("certificateHashData")
    listed = entries if isinstance(entries, list) else []
    serials = [str(entry.get("serialNumber", "")) for entry in listed if isinstance(entry, dict)]
    return Answer(Outcome.ACCEPTED, str(payload.get("status", "")), {"roots": " ".join(serials)})
