"""OCSP requests in (RFC 6960 §4.1), read strictly and bounded in size."""

from dataclasses import dataclass

from asn1crypto import core, ocsp

from pki.strict_der import check_der

_LONGEST_REQUEST = 65_536
_MOST_CERTIFICATES = 100
_MOST_ELEMENTS, _DEEPEST = 2_048, 16  # a hundred certificates have a thousand
_LONGEST_NONCE = 128  # RFC 9654 §2.1
_NONCE = "nonce"


class MalformedRequestError(Exception):
    """The octets are no OCSP request that we can answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """One CertID: as it came in DER, its hashes as raw bytes, the serial number as lower-case hex of even length."""

    cert_id: bytes
    algorithm: str
    name_hash: bytes
    key_hash: bytes
    serial: str


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """What was asked, and the nonce's octets to be echoed (RFC 9654)."""

    questions: tuple[Question, ...]
    nonce: bytes | None


def read_status_request(der: bytes) -> StatusRequest:
    """Raises MalformedRequestError for anything that is not a request of 1 to 100 certificates."""
    if len(der) > _LONGEST_REQUEST:
        raise MalformedRequestError("too long")
    try:
        check_der(der, _MOST_ELEMENTS, _DEEPEST)
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
        cert_id=cert_id.dump(),
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
            if not 1 <= len(found) <= _LONGEST_NONCE:
                raise MalformedRequestError("the nonce has a wrong length")
        elif extension["critical"].native:
            raise MalformedRequestError("an extension is critical and unknown")
    return found
