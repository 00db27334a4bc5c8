"""Certificate requests (PKCS#10, RFC 2986), read leniently and checked strictly.

What the field gets wrong is tolerated and noted: the spelling of the text (`pki.request_text`), a version field of 2 or
3, attributes that are missing. The rest is strict. The signature is verified over the bytes as they came, because it
proves the possession of the key; of the rest we take only names, to compare them. Extensions are counted and otherwise
never looked at.

The structure is taken apart here and not by `cryptography`, which turns away the versions that stations send, nor by
asn1crypto, which takes ten times as long and forgives what DER forbids. Tests hold the result against both.
"""

from dataclasses import dataclass, field

from pki.keys import KeyFamily, PublicKey, family_of, spki_sha256
from pki.published_keys import where_published
from pki.refusals import Refusal
from pki.request_key import read_public_key
from pki.request_names import claimed_names
from pki.request_signature import check_possession, scheme_of
from pki.request_text import request_der
from pki.strict_der import NotDerError, TooComplexError, check_der, elements, inside, natural, parts, whole_octets

_MOST_ELEMENTS = 512  # a request with every extension that EVerest can ask for has 60
_DEEPEST = 12
_MOST_ATTRIBUTES = 16
_MOST_EXTENSIONS = 32
_VERSIONS = range(1, 4)  # v1 is the only one; open-ocpp writes another number
_SEQUENCE, _SET, _INTEGER, _BIT_STRING, _ATTRIBUTES = 0x30, 0x31, 0x02, 0x03, 0xA0
_EXTENSION_REQUEST = bytes.fromhex("06092a864886f70d01090e")  # RFC 2985 §5.4.2


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A request whose sender has proved to hold the key. The names are claims, to be compared with our records."""

    der: bytes = field(repr=False)
    public_key: PublicKey = field(repr=False)
    key_family: KeyFamily
    common_name: str | None
    organisation: str | None
    spki_sha256: str  # hex
    oddities: tuple[str, ...] = ()  # what was tolerated, for the audit trail


@dataclass(frozen=True, slots=True)
class _Parts:
    """A CertificationRequest taken apart (RFC 2986 §4), every part in the bytes that came."""

    to_be_signed: bytes
    version: int
    subject: bytes
    public_key: bytes
    attributes: bytes | None  # the contents; None when even the empty field is missing
    algorithm: bytes
    signature: bytes


def read_request(text_or_bytes: str | bytes) -> CertificateRequest:
    """Read PEM (text or bytes), DER, or base64 or hex without armour, and verify the proof of possession.

    Raises CsrRejected, whose code is one of those in `pki.refusals` up to `bad-name`.
    """
    der, oddities = request_der(text_or_bytes)
    try:
        return _read(der, oddities)
    except TooComplexError as fault:
        raise Refusal.TOO_COMPLEX.because(f"the request has more parts than any station needs: {fault}") from None
    except NotDerError as fault:
        raise Refusal.UNREADABLE.because(f"the request is not a PKCS#10 structure in DER: {fault}") from None


def _read(der: bytes, oddities: tuple[str, ...]) -> CertificateRequest:
    check_der(der, _MOST_ELEMENTS, _DEEPEST)
    request = _take_apart(der)
    if request.version not in _VERSIONS:
        raise Refusal.BAD_VERSION.because()
    _check_attributes(request.attributes or b"")
    public_key = read_public_key(request.public_key)
    scheme = scheme_of(request.algorithm)
    check_possession(public_key, scheme, request.signature, request.to_be_signed)
    common_name, organisation = claimed_names(request.subject)
    fingerprint = spki_sha256(public_key)
    if (where := where_published(fingerprint)) is not None:
        raise Refusal.PUBLISHED_KEY.because(f"the private key is known to everybody: {where}")
    seen = (
        f"version {request.version}" if request.version != 1 else "",
        "no attributes field" if request.attributes is None else "",
        scheme.oddity,
    )
    return CertificateRequest(
        der=der,
        public_key=public_key,
        key_family=family_of(public_key),
        common_name=common_name,
        organisation=organisation,
        spki_sha256=fingerprint,
        oddities=oddities + tuple(oddity for oddity in seen if oddity),
    )


def _take_apart(der: bytes) -> _Parts:
    to_be_signed, algorithm, signature = parts(inside(der, _SEQUENCE), _SEQUENCE, _SEQUENCE, _BIT_STRING)
    information = list(elements(inside(to_be_signed, _SEQUENCE)))
    tags = tuple(tag for tag, _, _ in information)
    expected = (_INTEGER, _SEQUENCE, _SEQUENCE, _ATTRIBUTES)
    if tags not in (expected, expected[:-1]):
        raise NotDerError("other elements than expected")
    return _Parts(
        to_be_signed=to_be_signed,
        version=natural(information[0][2]) + 1,  # v1 is written as 0, RFC 2986 §4.1
        subject=information[1][1],
        public_key=information[2][2],
        attributes=information[3][1] if len(information) > 3 else None,
        algorithm=algorithm,
        signature=whole_octets(signature),
    )


def _check_attributes(attributes: bytes) -> None:
    """Not too many, each of a kind and values, and no extension asked for twice: two readers might see two requests.

    Raises CsrRejected `too-complex`, `bad-attributes`; NotDerError.
    """
    found = [parts(contents, 0x06, _SET) for _, contents, _ in elements(attributes)]
    if len(found) > _MOST_ATTRIBUTES:
        raise TooComplexError(f"{len(found)} attributes")
    asked = [values for kind, values in found if kind == _EXTENSION_REQUEST]
    if len(asked) > 1:
        raise Refusal.BAD_ATTRIBUTES.because("the request has two lists of extensions")
    if asked:
        _check_extensions(asked[0])


def _check_extensions(values: bytes) -> None:
    (extensions,) = parts(inside(values, _SET), _SEQUENCE)
    kinds = [_kind(contents) for _, contents, _ in elements(inside(extensions, _SEQUENCE))]
    if len(kinds) > _MOST_EXTENSIONS:
        raise TooComplexError(f"{len(kinds)} extensions")
    if len(set(kinds)) != len(kinds):
        raise Refusal.BAD_ATTRIBUTES.because()


def _kind(extension: bytes) -> bytes:
    for _, _, whole in elements(extension):
        return whole
    raise NotDerError("an extension without a kind")
