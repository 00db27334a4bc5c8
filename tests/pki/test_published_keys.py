"""Keys that everybody has are known, however they are counted or copied."""

import re

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pki.keys import spki_sha256
from pki.published_keys import _EXAMPLES, where_published


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
@pytest.mark.parametrize("number", [1, 2, 32])
def test_knows_keys_that_were_counted(curve: ec.EllipticCurve, number: int) -> None:
    key = ec.derive_private_key(number, curve).public_key()
    assert where_published(spki_sha256(key)) == f"it is the number {number}"


def test_does_not_know_others(rsa_key: rsa.RSAPrivateKey) -> None:
    assert where_published(spki_sha256(rsa_key.public_key())) is None
    assert where_published(spki_sha256(ec.generate_private_key(ec.SECP256R1()).public_key())) is None


def test_knows_the_examples_of_rfcs() -> None:
    """The public halves as printed: RFC 7515 §A.3, RFC 6979 §A.2.5, RFC 9500 §2.3."""
    printed = {
        "RFC 7515 §A.3": (
            "7fcdce2770f6c45d4183cbee6fdb4b7b580733357be9ef13bacf6e3c7bd15445",
            "c7f144cd1bbd9b7e872cdfedb9eeb9f4b3695d6ea90b24ad8a4623288588e5ad",
        ),
        "RFC 6979 §A.2.5": (
            "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
            "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
        ),
        "RFC 9500 §2.3 testECCP256": (
            "422548f88fb782ffb5eca3744452c72a1e558fbd6f73be5e48e93232cc45c5b1",
            "6c4cd10c4cb8d5b8a17139e94882c8992572993425f41419ab7e90a42a494272",
        ),
    }
    for where, (x, y) in printed.items():
        key = ec.EllipticCurvePublicNumbers(int(x, 16), int(y, 16), ec.SECP256R1()).public_key()
        assert where_published(spki_sha256(key)) == where


def test_the_list_is_of_fingerprints() -> None:
    assert all(re.fullmatch("[0-9a-f]{64}", fingerprint) for fingerprint in _EXAMPLES)
    assert len(set(_EXAMPLES.values())) == len(_EXAMPLES)
