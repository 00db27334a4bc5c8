"""Logs and firmware: what the three versions spell alike."""

from csms_bridge import commands as c
from csms_bridge import events as e
from csms_bridge.commands import Answer, Outcome
from csms_bridge.dialects.fields import number_in, text_of
from csms_bridge.dialects.wire import ACCEPT_OR_REJECT, Request, reason_of, rfc3339, status_answer
from csms_bridge.frames import Json

UPDATE = {
    **ACCEPT_OR_REJECT,
    "AcceptedCanceled": Outcome.ACCEPTED,
    "InvalidCertificate": Outcome.REJECTED,
    "RevokedCertificate": Outcome.REJECTED,
}
_STATUSES = {status.value: status for status in e.FirmwareStatus}


def get_log(command: c.FetchLog) -> Request:
    """GetLog (N01)."""
    log: Json = {"remoteLocation": command.url.text()}
    log |= _present(oldestTimestamp=command.oldest and rfc3339(command.oldest))
    log |= _present(latestTimestamp=command.latest and rfc3339(command.latest))
    payload: Json = {"logType": command.log.value, "requestId": command.request_id, "log": log}
    return Request("GetLog", payload | retries_of(command))


def update_firmware(action: str, command: c.UpdateFirmware) -> Request:
    """SignedUpdateFirmware of 1.6, UpdateFirmware of 2.x (L01, L02)."""
    firmware: Json = {"location": command.url.text(), "retrieveDateTime": rfc3339(command.retrieve_at)}
    firmware |= _present(installDateTime=command.install_at and rfc3339(command.install_at))
    firmware |= _present(signingCertificate=command.certificate, signature=command.signature)
    return Request(action, {"requestId": command.request_id, "firmware": firmware} | retries_of(command))


def publish_firmware(command: c.PublishFirmware) -> Request:
    """PublishFirmware (2.x L03)."""
    payload: Json = {"requestId": command.request_id, "location": command.url.text(), "checksum": command.checksum}
    return Request("PublishFirmware", payload | retries_of(command))


def retries_of(
    command: c.FetchLog | c.FetchDiagnostics | c.UpdateFirmware | c.PublishFirmware,
) -> Json:
    """How often to try, and how long to wait between (s); what is not given is the station's choice."""
    return _present(retries=command.retries, retryInterval=command.retry_interval)


def read_accepted(payload: Json) -> Answer:
    """The answer to GetLog or an update; AcceptedCanceled says that one under way was given up for it."""
    answer = status_answer(payload, UPDATE)
    facts = {"instead": "yes"} if payload.get("status") == "AcceptedCanceled" else {}
    return Answer(answer.outcome, answer.words, {"filename": text_of(payload, "filename")} | facts)


def firmware_status(payload: Json) -> e.FirmwareStatusTold:
    """(Signed)FirmwareStatusNotification."""
    word, reason = text_of(payload, "status"), reason_of(payload.get("statusInfo"))
    status = _STATUSES.get(word)
    words = reason if status else ": ".join(part for part in (word, reason) if part)
    return e.FirmwareStatusTold(status, number_in(payload, "requestId"), words)


def log_status(payload: Json) -> e.LogStatusTold:
    """LogStatusNotification."""
    return e.LogStatusTold(
        text_of(payload, "status"), number_in(payload, "requestId"), reason_of(payload.get("statusInfo"))
    )


def _present(**fields: object) -> Json:
    return {name: value for name, value in fields.items() if value is not None}
