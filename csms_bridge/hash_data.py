"""`certificateHashData`: how OCPP names a certificate, and the ways in which stations get it wrong. Pure.

White paper "Improved security for OCPP 1.6-J" ed. 3 §6.1; OCPP 2.0.1 ed. 3, CertificateHashDataType; RFC 6960 §4.1.1.
The hashes are over the issuer's name and key, of a root therefore over its own. What a station told is compared
without case and leading zeros, and with what is known to be done wrong in the field, and it is said what was wrong:
whoever deletes must send the station's own words back (2.x M04.FR.07).
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from asn1crypto import x509 as asn1
from asn1crypto.keys import PublicKeyInfo

from csms_bridge.station_certificates import HashData

ALGORITHMS: Mapping[str, str] = {"SHA256": "sha256", "SHA384": "sha384", "SHA512": "sha512"}
"""OCPP's name of a hash to Python's."""


class Deviation(StrEnum):
    """How a station's hash data differs from what the specifications ask for."""

    UPPER_CASE = "upper-case"
    """Allowed, since the fields are compared without case; kept apart since some stations compare octets."""
    LEADING_ZEROS = "leading-zeros"
    PREFIXED_SERIAL = "prefixed-serial"
    DECIMAL_SERIAL = "decimal-serial"
    WHOLE_KEY_INFO = "whole-key-info"
    """The key hash is over the SubjectPublicKeyInfo, not over the bit string's value in it."""
    UNUSED_BITS = "unused-bits"
    """The key hash takes in the octet that counts unused bits."""
    SUBJECT_NAME = "subject-name"
    """The name hash is over the subject of a certificate that others issued."""
    SUBJECT_KEY = "subject-key"
    OTHER_NAME = "other-name"
    """The name hash is of nothing that we know, while the issuer's key and the serial number are right."""


@dataclass(frozen=True, slots=True)
class NamedCertificate:
    """What a certificate's hash data is made of: DER of both names and of both SubjectPublicKeyInfos."""

    serial: int
    issuer_name: bytes = field(repr=False)
    issuer_key_info: bytes = field(repr=False)
    subject_name: bytes = field(repr=False)
    subject_key_info: bytes = field(repr=False)

    @property
    def is_self_issued(self) -> bool:
        """Whether it bears its issuer's name, as a root does."""
        return self.issuer_name == self.subject_name


def named(certificate: bytes, issuer: bytes | None = None) -> NamedCertificate:
    """What names a certificate (DER) by this issuer (DER); without an issuer it is taken to be its own.

    The names stand as they do in the certificate, octet by octet. Raises ValueError for what cannot be read.
    """
    own = _body(certificate)
    above = _body(issuer) if issuer is not None else own
    return NamedCertificate(
        serial=own["serial_number"].native,
        issuer_name=own["issuer"].dump(),
        issuer_key_info=above["subject_public_key_info"].dump(),
        subject_name=own["subject"].dump(),
        subject_key_info=own["subject_public_key_info"].dump(),
    )


def hash_data(certificate: NamedCertificate, algorithm: str = "SHA256") -> HashData:
    """The hash data as it ought to be: lower-case hexadecimal, the serial number without leading zeros.

    Raises KeyError for an algorithm that OCPP does not have.
    """
    return HashData(
        algorithm=algorithm,
        issuer_name_hash=_digest(algorithm, certificate.issuer_name),
        issuer_key_hash=_digest(algorithm, _bit_string(certificate.issuer_key_info)[1:]),
        serial_number=f"{certificate.serial:x}",
    )


def explain(told: HashData, certificate: NamedCertificate) -> tuple[Deviation, ...] | None:
    """Whether `told` names this certificate: by which deviations (none: as it ought to), or None when it does not.

    The key is always compared: a forgery may copy name and serial number, but it cannot have another one's key.
    """
    serial = _explain_serial(told.serial_number, certificate.serial)
    if serial is None or told.algorithm not in ALGORITHMS:
        return None
    key = next(_explained_key(told, certificate), None)
    if key is None:
        return None
    name = _explain_name(told, certificate)
    case = (Deviation.UPPER_CASE,) if _has_upper_case(told) else ()
    return (*case, *serial, *key, *name)


def same(one: HashData, other: HashData) -> bool:
    """Whether both name the same certificate in the same way, in whichever spelling."""
    return normal(one) == normal(other)


def normal(told: HashData) -> HashData:
    """For comparing: lower case, the serial number without a prefix and without leading zeros."""
    return HashData(
        algorithm=told.algorithm,
        issuer_name_hash=told.issuer_name_hash.lower(),
        issuer_key_hash=told.issuer_key_hash.lower(),
        serial_number=told.serial_number.lower().removeprefix("0x").lstrip("0"),
    )


def _explain_serial(told: str, serial: int) -> tuple[Deviation, ...] | None:
    text, wanted = told.lower(), f"{serial:x}"
    prefix: tuple[Deviation, ...] = (Deviation.PREFIXED_SERIAL,) if text.startswith("0x") else ()
    bare = text.removeprefix("0x")
    if bare == wanted:
        return prefix
    if bare.lstrip("0") == wanted.lstrip("0"):
        return (*prefix, Deviation.LEADING_ZEROS)
    return (Deviation.DECIMAL_SERIAL,) if text == str(serial) else None


def _explained_key(told: HashData, certificate: NamedCertificate) -> Iterator[tuple[Deviation, ...]]:
    """Each way in which the told key hash comes about; the plainest first."""
    wanted = told.issuer_key_hash.lower()
    owners: list[tuple[bytes, tuple[Deviation, ...]]] = [(certificate.issuer_key_info, ())]
    if certificate.subject_key_info != certificate.issuer_key_info:
        owners.append((certificate.subject_key_info, (Deviation.SUBJECT_KEY,)))
    for key_info, whose in owners:
        bits = _bit_string(key_info)
        forms: tuple[tuple[bytes, tuple[Deviation, ...]], ...] = (
            (bits[1:], ()),
            (key_info, (Deviation.WHOLE_KEY_INFO,)),
            (bits, (Deviation.UNUSED_BITS,)),
        )
        for octets, form in forms:
            if _digest(told.algorithm, octets) == wanted:
                yield (*whose, *form)


def _explain_name(told: HashData, certificate: NamedCertificate) -> tuple[Deviation, ...]:
    wanted = told.issuer_name_hash.lower()
    if wanted == _digest(told.algorithm, certificate.issuer_name):
        return ()
    if wanted == _digest(told.algorithm, certificate.subject_name):
        return (Deviation.SUBJECT_NAME,)
    return (Deviation.OTHER_NAME,)


def _has_upper_case(told: HashData) -> bool:
    texts = (told.issuer_name_hash, told.issuer_key_hash, told.serial_number.removeprefix("0X"))
    return any(re.search("[A-F]", text) for text in texts)


def _digest(algorithm: str, octets: bytes) -> str:
    return hashlib.new(ALGORITHMS[algorithm], octets).hexdigest()


def _bit_string(key_info: bytes) -> bytes:
    """The content of the bit string in a SubjectPublicKeyInfo: the count of unused bits, then the key."""
    content: bytes = PublicKeyInfo.load(key_info)["public_key"].contents
    return content


def _body(certificate: bytes) -> asn1.TbsCertificate:
    try:
        return asn1.Certificate.load(certificate, strict=True)["tbs_certificate"]
    except (ValueError, TypeError, KeyError, IndexError) as fault:  # how asn1crypto tells of broken encodings
        raise ValueError(f"the certificate cannot be read: {fault}") from None
