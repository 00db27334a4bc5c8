"""What a certificate request says besides its key, for the two comparisons that EST asks for. Pure.

Nothing of it goes into a certificate. The request was read by `pki.csr` before, so its key and signature are right;
attributes were not looked at there.
"""

import hmac
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from asn1crypto import csr, x509

from pki.refusals import Refusal

_FINISHED_LENGTH = 12
"""Octets of `tls-unique` under TLS 1.2 (RFC 5929 §3.1, verify_data of RFC 5246 §7.4.9)."""


def check_same_names(request_der: bytes, certificate_der: bytes) -> None:
    """That a request to renew has the subject and the alternative names of the certificate (RFC 7030 §4.2.2).

    Attributes are compared as RFC 5280 §7.1 does, but in any order: many stations spell their subject in an order of
    their own, whatever stands in the certificate. Raises CsrRejected.
    """
    certificate = x509.Certificate.load(certificate_der)
    with _reading():
        information = csr.CertificationRequest.load(request_der)["certification_request_info"]
        same_subject = _parts(information["subject"]) == _parts(certificate.subject)
        wanted = [extension["extn_value"].parsed.dump() for extension in _alternative_names(information)]
    if not same_subject:
        ours = certificate.subject.human_friendly
        raise Refusal.OTHER_SUBJECT.because(f"the subject is not that of the certificate to renew ({ours})")
    held = certificate.subject_alt_name_value
    if wanted != ([held.dump()] if held is not None else []):
        raise Refusal.OTHER_SUBJECT.because("the subjectAltName extension is not that of the certificate to renew")


def check_channel(request_der: bytes, tls_unique: bytes | None) -> None:
    """That a challengePassword which names a TLS 1.2 connection names this one (RFC 7030 §3.5).

    `tls_unique` is None where there is no such value: TLS 1.3 has none. A challengePassword of another form is some
    other password, which nobody asked for; it is left alone. Raises CsrRejected.
    """
    named = _tls_unique_in(request_der)
    if named is None or tls_unique is None or hmac.compare_digest(named, tls_unique):
        return
    raise Refusal.OTHER_CHANNEL.because()


def _tls_unique_in(request_der: bytes) -> bytes | None:
    with _reading():
        information = csr.CertificationRequest.load(request_der)["certification_request_info"]
        values = [text.native for text in _values(information, "challenge_password")]
    if len(values) != 1:
        return None
    try:
        value = b64decode(values[0], validate=True)
    except (NotBase64, ValueError):
        return None
    return value if len(value) == _FINISHED_LENGTH else None


def _parts(name: x509.Name) -> list[str]:
    return sorted(part.hashable for part in name.chosen)


def _alternative_names(information: Any) -> Iterator[Any]:
    for extensions in _values(information, "extension_request"):
        for extension in extensions:
            if extension["extn_id"].native == "subject_alt_name":
                yield extension


def _values(information: Any, kind: str) -> Iterator[Any]:
    for attribute in information["attributes"]:
        if attribute["type"].native == kind:
            yield from attribute["values"]


@contextmanager
def _reading() -> Iterator[None]:
    """asn1crypto parses lazily and answers malformed input with whatever went wrong first."""
    try:
        yield
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as fault:
        raise Refusal.UNREADABLE.because("the request's attributes cannot be read") from fault
