"""Online certificate status (RFC 6960), answered by a delegated responder per authority.

A request may ask for several certificates of one authority. A serial number we never issued is `unknown`, and so
is everything of an authority that is not ours.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from asn1crypto import core, ocsp
from asn1crypto import x509 as asn1_x509
from asn1crypto.algos import SignedDigestAlgorithm
from asn1crypto.crl import CRLReason
from sqlalchemy import select
from sqlmodel import col

from pki.errors import SignerUnavailable
from pki.hierarchy import AuthorityInfo
from pki.keys import Signer
from pki.revocation import RevocationReason
from pki.store import Store
from pki.tables import CertificateRow, RevokedRow

log = structlog.get_logger()

_LONGEST_REQUEST = 65_536
_MOST_CERTIFICATES = 100
_NONCE = "nonce"
_NONCE_OID = "1.3.6.1.5.5.7.48.1.2"
_HASHES = ("sha1", "sha256", "sha384", "sha512")  # OCPP's CertificateHashDataType has the last three


class MalformedRequestError(Exception):
    """The octets are no OCSP request that we can answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """One CertID of a request: hashes as raw bytes, the serial number as lower-case hex of even length."""

    cert_id: ocsp.CertId
    algorithm: str
    name_hash: bytes
    key_hash: bytes
    serial: str


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """What was asked, and the nonce's octets to be echoed (RFC 8954)."""

    questions: tuple[Question, ...]
    nonce: bytes | None


@dataclass(frozen=True, slots=True)
class Responder:
    """Who signs the answers of one authority."""

    certificate: bytes  # DER
    signer: Signer
    not_after: datetime


def read_status_request(der: bytes) -> StatusRequest:
    """Raises MalformedRequestError for anything that is not a request of 1 to 100 certificates."""
    if len(der) > _LONGEST_REQUEST:
        raise MalformedRequestError("too long")
    try:
        request = ocsp.OCSPRequest.load(der, strict=True)["tbs_request"]
        questions = tuple(_question(entry["req_cert"]) for entry in request["request_list"])
        nonce = _nonce(request["request_extensions"])
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as fault:
        raise MalformedRequestError(str(fault)) from fault
    if not 1 <= len(questions) <= _MOST_CERTIFICATES:
        raise MalformedRequestError(f"{len(questions)} certificates")
    return StatusRequest(questions, nonce)


def _question(cert_id: ocsp.CertId) -> Question:
    digits = f"{cert_id['serial_number'].native:x}"
    return Question(
        cert_id=cert_id.copy(),
        algorithm=cert_id["hash_algorithm"]["algorithm"].native,
        name_hash=cert_id["issuer_name_hash"].native,
        key_hash=cert_id["issuer_key_hash"].native,
        serial=digits.zfill(len(digits) + len(digits) % 2),
    )


def _nonce(extensions: ocsp.TBSRequestExtensions) -> bytes | None:
    if isinstance(extensions, core.Void):
        return None
    found: bytes | None = None
    for extension in extensions:
        if extension["extn_id"].native == _NONCE:
            found = core.OctetString.load(extension["extn_value"].contents, strict=True).native
            if not 1 <= len(found) <= 32:  # RFC 8954 §2.1
                raise MalformedRequestError("the nonce has a wrong length")
        elif extension["critical"].native:
            raise MalformedRequestError("an extension is critical and unknown")
    return found


class OcspResponder:
    """Answers requests. `authorities` lists ours; `responder` finds who signs for one."""

    def __init__(
        self,
        store: Store,
        authorities: Callable[[], list[AuthorityInfo]],
        responder: Callable[[str, datetime], Responder],
        validity: timedelta,
        default_authority: str,
    ) -> None:
        self._store = store
        self._authorities = authorities
        self._responder = responder
        self._validity = validity
        self._default = default_authority

    def answer(self, der: bytes, now: datetime) -> bytes:
        """An OCSPResponse in DER, whatever came in; never raises."""
        try:
            return self._answer(read_status_request(der), now.replace(microsecond=0))
        except MalformedRequestError:
            return _failure("malformed_request")
        except SignerUnavailable:
            log.warning("ocsp_signer_unavailable")
            return _failure("try_later")
        except Exception:
            log.exception("ocsp_failed")
            return _failure("internal_error")

    def _answer(self, request: StatusRequest, now: datetime) -> bytes:
        named = [self._authority(question) for question in request.questions]
        # One response has one signer. What belongs to other authorities is answered `unknown`, RFC 6960 §2.2.
        signing = next((name for name in named if name is not None), self._default)
        responder = self._responder(signing, now)
        next_update = min(now + self._validity, responder.not_after)
        responses = [
            {
                "cert_id": question.cert_id,
                "cert_status": self._status(question.serial, name) if name == signing else _unknown(),
                "this_update": now,
                "next_update": next_update,
            }
            for question, name in zip(request.questions, named, strict=True)
        ]
        return _response(responder, responses, request.nonce, now)

    def _authority(self, question: Question) -> str | None:
        """Which authority of ours the CertID names (RFC 6960 §4.1.1)."""
        if question.algorithm not in _HASHES:
            return None
        for info in self._authorities():
            if _issuer_hashes(info.der, question.algorithm) == (question.name_hash, question.key_hash):
                return info.name
        return None

    def _status(self, serial: str, authority: str) -> ocsp.CertStatus:
        """Revoked rows count first: they also name serial numbers whose certificate was never recorded."""
        with self._store.reading() as session:
            revoked = session.get(RevokedRow, serial)
            if revoked is not None and revoked.authority == authority:
                return _revoked(revoked)
            ours = (col(CertificateRow.serial) == serial, col(CertificateRow.authority) == authority)
            known = session.execute(select(col(CertificateRow.id)).where(*ours)).first()
        return ocsp.CertStatus(name="good", value=core.Null()) if known else _unknown()


_hash_cache: dict[tuple[bytes, str], tuple[bytes, bytes]] = {}


def _issuer_hashes(der: bytes, algorithm: str) -> tuple[bytes, bytes]:
    """The hashes of an issuer's name (whole DER) and key (bit string without its first octet)."""
    key = (der, algorithm)
    if key not in _hash_cache:
        certificate = asn1_x509.Certificate.load(der)
        name = certificate.subject.dump()
        bits = certificate.public_key["public_key"].contents[1:]
        digests = [hashlib.new(algorithm, part, usedforsecurity=False).digest() for part in (name, bits)]
        _hash_cache[key] = (digests[0], digests[1])
    return _hash_cache[key]


def _unknown() -> ocsp.CertStatus:
    return ocsp.CertStatus(name="unknown", value=core.Null())


def _revoked(row: RevokedRow) -> ocsp.CertStatus:
    information: dict[str, object] = {"revocation_time": row.revoked_at.replace(microsecond=0)}
    reason = RevocationReason(row.reason)
    if reason is not RevocationReason.UNSPECIFIED:
        information["revocation_reason"] = CRLReason(reason.number)
    return ocsp.CertStatus(name="revoked", value=information)


def _response(responder: Responder, responses: list[dict[str, object]], nonce: bytes | None, now: datetime) -> bytes:
    certificate = asn1_x509.Certificate.load(responder.certificate)
    data: dict[str, object] = {
        "responder_id": ocsp.ResponderId(name="by_key", value=certificate.public_key.sha1),
        "produced_at": now,
        "responses": responses,
    }
    if nonce is not None:
        value = core.ParsableOctetString(core.OctetString(nonce).dump())
        data["response_extensions"] = [{"extn_id": _NONCE_OID, "critical": False, "extn_value": value}]
    to_be_signed = ocsp.ResponseData(data)
    basic = ocsp.BasicOCSPResponse(
        {
            "tbs_response_data": to_be_signed,
            "signature_algorithm": SignedDigestAlgorithm.load(responder.signer.algorithm.identifier),
            "signature": responder.signer.sign(to_be_signed.dump()),
            "certs": [certificate],
        }
    )
    body = {"response_type": "basic_ocsp_response", "response": core.ParsableOctetString(basic.dump())}
    answer = ocsp.OCSPResponse({"response_status": "successful", "response_bytes": body})
    encoded: bytes = answer.dump()
    return encoded


def _failure(status: str) -> bytes:
    encoded: bytes = ocsp.OCSPResponse({"response_status": status}).dump()
    return encoded
