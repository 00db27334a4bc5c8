"""What OCPP 2.x lets us answer a station that asked about certificates or a token."""

from base64 import b64encode
from datetime import datetime

from csms_bridge.answers import Authorization, CertificateChainStatus, CertificateStatus, EvCertificate, StandingOf
from csms_bridge.dialects.hash_data import spell_hash_data
from csms_bridge.dialects.wire import rfc3339
from csms_bridge.frames import Json

LONGEST_REASON = 512
"""`additionalInfo` in 2.0.1; 2.1 has room for twice as much."""


def spell_certificate_status(status: CertificateStatus) -> Json:
    """GetCertificateStatusResponse. `Accepted` says that the status was fetched, not that it is good (2.x M06)."""
    if status.ocsp is None:
        return {"status": "Failed", "statusInfo": status_info("NotFound", status.reason)}
    return {"status": "Accepted", "ocspResult": b64encode(status.ocsp).decode()}


def spell_authorization(authorization: Authorization) -> Json:
    """AuthorizeResponse."""
    info: Json = {"idTokenInfo": token_info(authorization.token, authorization.until)}
    contract = authorization.contract
    return info if contract is None else {**info, "certificateStatus": contract.value}


def token_info(status: str, until: datetime | None) -> Json:
    """An idTokenInfo."""
    return {"status": status} if until is None else {"status": status, "cacheExpiryDateTime": rfc3339(until)}


def spell_ev_certificate(certificate: EvCertificate) -> Json:
    """Get15118EVCertificateResponse of 2.0.1."""
    if certificate.exi is None:
        info = status_info("NotFound", certificate.reason)
        return {"status": "Failed", "exiResponse": "", "statusInfo": info}
    return {"status": "Accepted", "exiResponse": certificate.exi}


def spell_chain_status(status: CertificateChainStatus) -> Json:
    """GetCertificateChainStatusResponse of 2.1."""
    return {"certificateStatus": [_standing(one) for one in status.standings]}


def status_info(code: str, words: str) -> Json:
    """A statusInfo; the words are cut to what fits."""
    return {"reasonCode": code, "additionalInfo": words[:LONGEST_REASON]} if words else {"reasonCode": code}


def _standing(one: StandingOf) -> Json:
    return {
        "certificateHashData": spell_hash_data(one.request.hash_data),
        "source": one.request.source.value,
        "status": one.standing.value,
        "nextUpdate": rfc3339(one.next_update),
    }
