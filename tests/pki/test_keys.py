"""Key strength, signatures, and the DER around them."""

import pytest
from asn1crypto import core
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from pki.errors import CsrRejected
from pki.keys import (
    FileSigner,
    KeyAlgorithm,
    KeyFamily,
    SignatureScheme,
    assemble,
    check_key_strength,
    family_of,
    generate_key,
    spki_sha256,
    verify_signature,
)


def rsa_public(modulus: int, exponent: int = 65537) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_accepts_nist_curves(curve: ec.EllipticCurve) -> None:
    assert check_key_strength(ec.generate_private_key(curve).public_key())


@pytest.mark.parametrize("curve", [ec.SECP192R1(), ec.SECP224R1(), ec.SECP256K1(), ec.BrainpoolP256R1()])
def test_refuses_other_curves(curve: ec.EllipticCurve) -> None:
    with pytest.raises(CsrRejected) as caught:
        check_key_strength(ec.generate_private_key(curve).public_key())
    assert caught.value.code == "key-type"


def test_refuses_other_kinds_of_keys() -> None:
    for key in (ed25519.Ed25519PrivateKey.generate(), x25519.X25519PrivateKey.generate()):
        with pytest.raises(CsrRejected) as caught:
            check_key_strength(key.public_key())
        assert caught.value.code == "key-type"


@pytest.mark.parametrize(
    ("modulus", "exponent", "code"),
    [
        ((1 << 1023) + 1, 65537, "weak-key"),  # A00.FR.502: 2048 bits at least
        ((1 << 2046) + 1, 65537, "weak-key"),
        ((1 << 8192) + 1, 65537, "key-too-large"),
        ((1 << 2047) + 12345, 3, "bad-exponent"),
    ],
)
def test_refuses_weak_rsa(modulus: int, exponent: int, code: str) -> None:
    with pytest.raises(CsrRejected) as caught:
        check_key_strength(rsa_public(modulus, exponent))
    assert caught.value.code == code


def test_accepts_a_common_rsa_key(rsa_key: rsa.RSAPrivateKey) -> None:
    assert check_key_strength(rsa_key.public_key())
    assert family_of(rsa_key.public_key()) is KeyFamily.RSA


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.EC_P256, KeyAlgorithm.EC_P384, KeyAlgorithm.RSA_2048])
def test_signatures_verify_and_only_over_the_same_bytes(algorithm: KeyAlgorithm) -> None:
    signer = FileSigner("k", generate_key(algorithm))
    signature = signer.sign(b"to be signed")
    assert verify_signature(signer.public_key, signature, b"to be signed")
    assert not verify_signature(signer.public_key, signature, b"something else")
    assert not verify_signature(generate_key(KeyAlgorithm.EC_P256).public_key(), signature, b"to be signed")


def test_a_key_signs_only_by_schemes_of_its_family() -> None:
    signer = FileSigner("k", generate_key(KeyAlgorithm.EC_P256))
    with pytest.raises(ValueError, match="family"):
        signer.sign_digest(bytes(32), SignatureScheme.RSA_PSS_SHA256)


def test_a_key_has_one_fingerprint_however_it_is_encoded() -> None:
    key = generate_key(KeyAlgorithm.EC_P256).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    compressed = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    again = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), compressed)
    assert spki_sha256(again) == spki_sha256(key)


@given(st.binary(max_size=400), st.sampled_from(KeyAlgorithm), st.binary(min_size=1, max_size=600))
def test_assembled_der_is_what_asn1crypto_reads(content: bytes, algorithm: KeyAlgorithm, signature: bytes) -> None:
    to_be_signed = core.OctetString(content).dump()
    outer = core.Sequence.load(assemble(to_be_signed, algorithm, signature), strict=True)
    assert outer.contents == to_be_signed + algorithm.identifier + core.OctetBitString(signature).dump()
