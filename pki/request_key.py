"""The public key of a request: from SubjectPublicKeyInfo to a key that may be certified (RFC 5280 §4.1.2.7).

The encoding is judged before a library reads it, since libraries forgive what a certificate must not carry on: curves
that a key brings along, points in the hybrid form, numbers that are negative.
"""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from pki.keys import PublicKey, check_key_strength
from pki.refusals import Refusal
from pki.strict_der import NotDerError, elements, inside, natural, parts, whole_octets
from pki.weak_keys import check_rsa

_EC = bytes.fromhex("06072a8648ce3d0201")  # id-ecPublicKey, RFC 5480 §2.1.1
_RSA = bytes.fromhex("06092a864886f70d010101")  # rsaEncryption, RFC 3279 §2.3.1
# The whole beginning of a P-256 key with an uncompressed point: nearly every station sends this one.
_PLAIN_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_CURVES = tuple(bytes.fromhex(curve) for curve in ("06082a8648ce3d030107", "06052b81040022", "06052b81040023"))
_OBJECT_IDENTIFIER, _NULL = 0x06, b"\x05\x00"
_POINT_FORMS = (0x02, 0x03, 0x04)  # compressed with either sign, uncompressed; never hybrid (RFC 5480 §2.2)


def read_public_key(spki: bytes) -> PublicKey:
    """A key of a kind and size that we certify, from a SubjectPublicKeyInfo that is sound DER.

    Raises CsrRejected: `bad-key`, `key-type`, `explicit-curve`, `bad-point`, or for weak keys as check_key_strength.
    """
    on_curve = spki.startswith(_PLAIN_P256)
    try:
        on_curve = on_curve or _check_encoding(spki)
    except NotDerError:
        raise Refusal.BAD_KEY.because() from None
    try:
        public_key = load_der_public_key(spki)
    except UnsupportedAlgorithm:
        raise Refusal.KEY_TYPE.because() from None
    except ValueError:
        raise (Refusal.BAD_POINT if on_curve else Refusal.BAD_KEY).because() from None
    return check_key_strength(public_key)


def _check_encoding(spki: bytes) -> bool:
    """Whether it is a point on a named curve. Raises NotDerError, CsrRejected."""
    algorithm, bits = parts(inside(spki, 0x30), 0x30, 0x03)
    kind, *parameters = [whole for _, _, whole in elements(inside(algorithm, 0x30))] or [b""]
    if kind == _EC:
        _check_curve(parameters)
        _check_point_form(whole_octets(bits))
        return True
    if kind == _RSA:
        if parameters not in ([_NULL], []):  # RFC 3279 §2.3.1 wants NULL; RFC 8017 §A.1 lets old encoders off
            raise NotDerError("RSA with parameters")
        _check_numbers(whole_octets(bits))
        return False
    raise Refusal.KEY_TYPE.because()  # an RSASSA-PSS key too: it would change its type on the way into a certificate


def _check_curve(parameters: list[bytes]) -> None:
    if len(parameters) != 1 or parameters[0][0] != _OBJECT_IDENTIFIER:
        raise Refusal.EXPLICIT_CURVE.because()
    if parameters[0] not in _CURVES:
        raise Refusal.KEY_TYPE.because()


def _check_point_form(point: bytes) -> None:
    if point == b"\x00":
        raise Refusal.BAD_POINT.because("the key is the point at infinity")
    if not point or point[0] not in _POINT_FORMS:
        raise Refusal.BAD_POINT.because("the key is a point in a form that is not allowed")


def _check_numbers(encoded: bytes) -> None:
    """RSAPublicKey: the numbers are judged as they stand, before a library may turn them down in its own words."""
    modulus, exponent = (natural(whole) for whole in parts(inside(encoded, 0x30), 0x02, 0x02))
    check_rsa(modulus, exponent)
