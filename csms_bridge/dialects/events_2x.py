"""What a station of OCPP 2.0.1 or 2.1 tells and asks, as events."""

from collections.abc import Callable

from csms_bridge import events as e
from csms_bridge.charging import Phase, Token
from csms_bridge.dialects import files, variables
from csms_bridge.dialects.fields import number_in, object_in, objects_in, text_of, texts_in
from csms_bridge.dialects.hash_data import read_hash_data, read_ocsp_request, read_status_request
from csms_bridge.dialects.wire import read_time, reason_of
from csms_bridge.frames import Json
from csms_bridge.station_certificates import LeafKind

_PHASES = {"Started": Phase.BEGAN, "Ended": Phase.ENDED}
_LEAF_KINDS = {"V2GCertificate": LeafKind.V2G, "V2G20Certificate": LeafKind.V2G20}


def event(action: str, payload: Json) -> e.Event:
    """Read a station's CALL."""
    reader = _READERS.get(action)
    return e.Told(action) if reader is None else reader(payload)


def _booted(payload: Json) -> e.Booted:
    about = object_in(payload, "chargingStation")
    serial = text_of(about, "serialNumber")
    return e.Booted(
        vendor=text_of(about, "vendorName"),
        model=text_of(about, "model"),
        firmware=text_of(about, "firmwareVersion"),
        serials=(serial,) if serial else (),
        reason=text_of(payload, "reason"),
    )


def _certificate_asked(payload: Json) -> e.CertificateAsked:
    root = object_in(payload, "hashRootCertificate")
    return e.CertificateAsked(
        text_of(payload, "csr"),
        number_in(payload, "requestId"),
        # Left out, it is for both purposes; a station without ISO 15118 means its only one (reference §4.6).
        _LEAF_KINDS.get(text_of(payload, "certificateType"), LeafKind.STATION),
        read_hash_data(root) if root else None,
    )


def _security_event(payload: Json) -> e.SecurityEventTold:
    at = read_time(payload.get("timestamp"))
    return e.SecurityEventTold(text_of(payload, "type"), at, text_of(payload, "techInfo"))


def _transaction(payload: Json) -> e.ChargingTold:
    evse, token = object_in(payload, "evse"), object_in(payload, "idToken")
    return e.ChargingTold(
        _PHASES.get(text_of(payload, "eventType"), Phase.WENT_ON),
        text_of(object_in(payload, "transactionInfo"), "transactionId"),
        number_in(evse, "id"),
        number_in(evse, "connectorId"),
        Token(text_of(token, "idToken"), text_of(token, "type")) if token else None,
    )


def _meter_values(payload: Json) -> e.ChargingTold:
    return e.ChargingTold(Phase.WENT_ON, "", number_in(payload, "evseId"))


def _connector(payload: Json) -> e.ConnectorsTold:
    evse, connector = number_in(payload, "evseId") or 0, number_in(payload, "connectorId") or 0
    at = read_time(payload.get("timestamp"))
    return e.ConnectorsTold((e.ConnectorStatus(evse, connector, text_of(payload, "connectorStatus"), at=at),))


def _event_told(payload: Json) -> e.Event:
    """NotifyEvent tells connectors' states in 2.1, where StatusNotification is no longer sent (2.1 G01)."""
    told = tuple(_monitored(one) for one in objects_in(payload, "eventData") if _is_about_connector(one))
    return e.ConnectorsTold(told) if told else e.Told("NotifyEvent")


def _is_about_connector(told: Json) -> bool:
    component, variable = object_in(told, "component"), object_in(told, "variable")
    return (text_of(component, "name"), text_of(variable, "name")) == ("Connector", "AvailabilityState")


def _monitored(told: Json) -> e.ConnectorStatus:
    evse = object_in(object_in(told, "component"), "evse")
    number, connector = number_in(evse, "id") or 0, number_in(evse, "connectorId") or 0
    return e.ConnectorStatus(number, connector, text_of(told, "actualValue")[:50], at=read_time(told.get("timestamp")))


def _report(payload: Json) -> e.ReportTold:
    return e.ReportTold(
        number_in(payload, "requestId") or 0,
        number_in(payload, "seqNo") or 0,
        payload.get("tbc") is True,
        variables.read_report(payload),
    )


def _publish_status(payload: Json) -> e.PublishStatusTold:
    return e.PublishStatusTold(
        text_of(payload, "status"),
        number_in(payload, "requestId"),
        texts_in(payload, "location"),
        reason_of(payload.get("statusInfo")),
    )


def _status_asked(payload: Json) -> e.CertificateStatusAsked:
    return e.CertificateStatusAsked(read_ocsp_request(object_in(payload, "ocspRequestData")))


def _chain_status_asked(payload: Json) -> e.CertificateChainStatusAsked:
    return e.CertificateChainStatusAsked(
        tuple(map(read_status_request, objects_in(payload, "certificateStatusRequests")))
    )


def _ev_certificate_asked(payload: Json) -> e.EvCertificateAsked:
    return e.EvCertificateAsked(
        text_of(payload, "iso15118SchemaVersion"),
        update=payload.get("action") == "Update",
        exi=text_of(payload, "exiRequest"),
        chains=number_in(payload, "maximumContractCertificateChains"),
        emaids=texts_in(payload, "prioritizedEMAIDs"),
    )


def _authorize(payload: Json) -> e.AuthorizeAsked:
    token = object_in(payload, "idToken")
    return e.AuthorizeAsked(
        text_of(token, "idToken"),
        text_of(token, "type"),
        text_of(payload, "certificate"),
        tuple(map(read_ocsp_request, objects_in(payload, "iso15118CertificateHashData"))),
    )


_READERS: dict[str, Callable[[Json], e.Event]] = {
    "BootNotification": _booted,
    "SignCertificate": _certificate_asked,
    "SecurityEventNotification": _security_event,
    "TransactionEvent": _transaction,
    "MeterValues": _meter_values,
    "StatusNotification": _connector,
    "NotifyEvent": _event_told,
    "NotifyReport": _report,
    "LogStatusNotification": files.log_status,
    "FirmwareStatusNotification": files.firmware_status,
    "PublishFirmwareStatusNotification": _publish_status,
    "GetCertificateStatus": _status_asked,
    "GetCertificateChainStatus": _chain_status_asked,
    "Get15118EVCertificate": _ev_certificate_asked,
    "Authorize": _authorize,
}
