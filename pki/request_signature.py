"""The proof of possession: the signature of a request, over its bytes as they came (RFC 2986 §4.2)."""

from dataclasses import dataclass

from asn1crypto import algos
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from pki.keys import KeyFamily, PublicKey, family_of
from pki.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way to sign requests. `oddity` is what was tolerated about its name."""

    family: KeyFamily
    hash_algorithm: hashes.HashAlgorithm
    rsa_padding: padding.AsymmetricPadding | None = None
    oddity: str = ""


_STRONG: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_NULL = "0500"


def _identifier(oid: str, parameters: str = "") -> bytes:
    content = bytes.fromhex(oid + parameters)
    return bytes((0x30, len(content))) + content


def _simple_schemes() -> dict[bytes, Scheme]:
    """The AlgorithmIdentifiers of RFC 5758 §3.2 and RFC 4055 §5, octet by octet.

    ECDSA has no parameters, but Mbed TLS wrote NULL there for years. RSA has NULL, and may lack it.
    """
    found = {}
    for last, name in (("2", "sha256"), ("3", "sha384"), ("4", "sha512")):
        ecdsa, strong = "06082a8648ce3d04030" + last, _STRONG[name]
        found[_identifier(ecdsa)] = Scheme(KeyFamily.EC, strong)
        found[_identifier(ecdsa, _NULL)] = Scheme(KeyFamily.EC, strong, oddity="ECDSA with parameters NULL")
    for last, name in (("b", "sha256"), ("c", "sha384"), ("d", "sha512")):
        rsa, strong = "06092a864886f70d01010" + last, _STRONG[name]
        found[_identifier(rsa, _NULL)] = Scheme(KeyFamily.RSA, strong, padding.PKCS1v15())
        found[_identifier(rsa)] = Scheme(KeyFamily.RSA, strong, padding.PKCS1v15(), "RSA without parameters NULL")
    return found


_SIMPLE = _simple_schemes()
_PSS = bytes.fromhex("06092a864886f70d01010a")


def scheme_of(identifier: bytes) -> Scheme:
    """What an AlgorithmIdentifier in DER means. Raises CsrRejected: `weak-signature`, `odd-signature`."""
    scheme = _SIMPLE.get(identifier)
    if scheme is not None:
        return scheme
    try:
        return _pss(identifier) if identifier[2:13] == _PSS else _refuse(identifier)
    except (ValueError, TypeError, KeyError, AttributeError):
        # asn1crypto parses lazily and answers odd parameters with whatever went wrong first
        raise Refusal.ODD_SIGNATURE.because() from None


def _pss(identifier: bytes) -> Scheme:
    """RSASSA-PSS with one strong hash throughout and a salt no longer than it (RFC 4055 §3.1)."""
    parameters = algos.SignedDigestAlgorithm.load(identifier, strict=True)["parameters"]
    name = parameters["hash_algorithm"]["algorithm"].native
    masked_by = parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native
    strong, salt = _STRONG.get(name), parameters["salt_length"].native
    if strong is None:
        raise Refusal.WEAK_SIGNATURE.because(f"the request is signed by RSASSA-PSS with {name}; SHA-256 is the least")
    if (
        masked_by != name
        or not 0 <= salt <= strong.digest_size
        or parameters["trailer_field"].native != "trailer_field_bc"
    ):
        raise Refusal.ODD_SIGNATURE.because()
    return Scheme(KeyFamily.RSA, strong, padding.PSS(padding.MGF1(strong), salt))


def _refuse(identifier: bytes) -> Scheme:
    algorithm = algos.SignedDigestAlgorithm.load(identifier, strict=True)
    if algorithm.hash_algo in _STRONG:
        raise Refusal.ODD_SIGNATURE.because()
    raise Refusal.WEAK_SIGNATURE.because(
        f"the request is signed by {algorithm['algorithm'].native}; SHA-256 is the least"
    )


def check_possession(public_key: PublicKey, scheme: Scheme, signature: bytes, signed: bytes) -> None:
    """Whether `signature` over `signed` was made by the private half of the key. Raises CsrRejected `bad-signature`."""
    if family_of(public_key) is not scheme.family:
        raise Refusal.BAD_SIGNATURE.because("the signature is of another kind than the key")
    try:
        if isinstance(public_key, ec.EllipticCurvePublicKey):
            public_key.verify(signature, signed, ec.ECDSA(scheme.hash_algorithm))
        elif scheme.rsa_padding is not None:
            public_key.verify(signature, signed, scheme.rsa_padding, scheme.hash_algorithm)
    except InvalidSignature:
        raise Refusal.BAD_SIGNATURE.because() from None
