"""OCPP 2.1 Edition 1 with the errata of 2025-09: 2.0.1 and what differs."""

from typing import ClassVar

from ocpp.v21 import call

from csms_bridge import commands as c
from csms_bridge.answers import CertificateChainStatus, EvCertificate, Reply
from csms_bridge.commands import Answer, Command, Message, RestartKind
from csms_bridge.dialects import answers_2x, variables
from csms_bridge.dialects.fields import objects_in
from csms_bridge.dialects.payloads import payload_of
from csms_bridge.dialects.v201 import MESSAGE_TIMEOUT, V201
from csms_bridge.dialects.wire import House, Request, Standing
from csms_bridge.frames import CALL_RESULT_ERROR, SEND, Json
from csms_bridge.station import OcppVersion
from csms_bridge.station_certificates import CertificateKind, LeafKind
from csms_bridge.variables import Setting, Variable

_standing = Standing(
    {
        "OpenPeriodicEventStream": {"status": "Rejected"},
        "PullDynamicScheduleUpdate": {"status": "Rejected"},
    }
)


class V21(V201):
    """2.1: slots are components too, and certificate requests carry an id."""

    version: ClassVar = OcppVersion.V21
    subprotocol: ClassVar = "ocpp2.1"
    message_types: ClassVar = V201.message_types | {CALL_RESULT_ERROR, SEND}
    slot_version: ClassVar = None
    """2.1 ignores the version in a slot: the subprotocol decides (reference §2.4)."""

    kinds: ClassVar = {**V201.kinds, CertificateKind.OEM: "OEMRootCertificate"}
    leaf_kinds: ClassVar = {**V201.leaf_kinds, LeafKind.V2G20: "V2G20Certificate"}
    triggers: ClassVar = {
        **V201.triggers,
        Message.V2G20_REQUEST: "SignV2G20Certificate",
        Message.CUSTOM: "CustomTrigger",
    }
    restarts: ClassVar = {**V201.restarts, RestartKind.RESUME: "ImmediateAndResume"}
    logs: ClassVar = (*V201.logs, c.LogKind.DATA_COLLECTOR)

    def request(self, command: Command) -> Request:
        if isinstance(command, c.WriteSlotVariables):
            return variables.write(_slot_settings(command))
        return super().request(command)

    def answer(self, command: Command, payload: Json) -> Answer:
        if isinstance(command, c.WriteSlotVariables):
            return variables.read_written(payload)
        return super().answer(command, payload)

    def response(self, action: str, payload: Json, house: House) -> Json:
        return super().response(action, payload, house) or self._own_response(action, payload)

    def _own_response(self, action: str, payload: Json) -> Json:
        match action:
            case "GetCertificateChainStatus":
                return {"certificateStatus": _unknown_statuses(payload)}
            case "VatNumberValidation":
                return {"status": "Rejected", "vatNumber": str(payload.get("vatNumber", ""))}
        return _standing(action)

    def spell(self, reply: Reply) -> Json:
        match reply:
            case CertificateChainStatus():
                return answers_2x.spell_chain_status(reply)
            case EvCertificate(remaining=remaining):
                return {**super().spell(reply), "remainingContracts": remaining}
        return super().spell(reply)

    def _deliver(self, command: c.DeliverCertificate) -> Request:
        kind = self._leaf_kind(command.kind)
        return payload_of(call.CertificateSigned(command.chain, kind, request_id=command.request_id))

    def _trigger(self, command: c.Trigger) -> Request:
        request = super()._trigger(command)
        custom: Json = {"customTrigger": command.custom} if command.custom else {}
        return Request(request.action, request.payload | custom)

    def _credentials(self, command: c.WriteSlot) -> Json:
        """Written into the slot, they are used when it is (2.1 B09.FR.26-28; TC_B_100)."""
        given = {"identity": command.identity, "basicAuthPassword": command.password and command.password.text()}
        return {name: value for name, value in given.items() if value is not None}


def _slot_settings(command: c.WriteSlotVariables) -> list[Setting]:
    values = {
        "OcppCsmsUrl": command.url,
        "OcppInterface": "Any",
        "OcppTransport": "JSON",
        "MessageTimeout": str(MESSAGE_TIMEOUT),
        "SecurityProfile": str(int(command.profile)),
        # Set explicitly (B09.FR.29/.30; TC_B_105 checks it).
        "VpnEnabled": "false",
        "ApnEnabled": "false",
    }
    slot = str(command.slot)
    return [Setting(Variable("NetworkConfiguration", name, slot), value) for name, value in values.items()]


def _unknown_statuses(payload: Json) -> list[Json]:
    return [
        {
            "certificateHashData": request.get("certificateHashData"),
            "source": request.get("source"),
            "status": "Failed",
            "nextUpdate": "1970-01-01T00:00:00.000Z",
        }
        for request in objects_in(payload, "certificateStatusRequests")
    ]
