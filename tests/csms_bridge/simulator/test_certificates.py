"""Chains, keys and certificate names as a station judges them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import csr as asn1_csr
from asn1crypto import pem as asn1_pem
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from csms_bridge.simulator.certificates import (
    CertificateName,
    ChainRefused,
    accept_chain,
    ends_within_a_month,
    name_certificate,
    read_chain,
)
from csms_bridge.simulator.config import Fault
from csms_bridge.simulator.keys import PrivateKey, key_from_pem, key_to_pem, make_csr, new_key
from tests.csms_bridge.simulator.stations import a_config
from tests.csms_bridge.simulator.throwaway_authority import ThrowawayAuthority, new_root

NOW = datetime.now(UTC)

# OCTT "Root CA EDSA", from open-ocpp #145 (security whitepaper ed. 3 §6.1).
OCTT_ROOT = (
    "MIIBwzCCAWmgAwIBAgIBBDAKBggqhkjOPQQDAjBIMRUwEwYDVQQDDAxSb290IENBIEVEU0ExDDAKBgNVBAoMA09DQTELMAkGA1UE"
    "BhMCTkwxFDASBgoJkiaJk/IsZAEZFgRPQ1RUMCAXDTIwMDIxMjE4MTAyOFoYDzIwNjAwMjAyMTgxMDI4WjBIMRUwEwYDVQQDDAxS"
    "b290IENBIEVEU0ExDDAKBgNVBAoMA09DQTELMAkGA1UEBhMCTkwxFDASBgoJkiaJk/IsZAEZFgRPQ1RUMFkwEwYHKoZIzj0CAQYI"
    "KoZIzj0DAQcDQgAE29HrM7bR+VZ+jY9Z7IgLKJw7/A3OQWGY5B05wEO2V1V3Z3VrZINHADdOz7BNc/5ZyCTBW/OgFDvXym1/gV/N"
    "Y6NCMEAwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwHQYDVR0OBBYEFC6gycssqInCC/9PJY9F43M7B224MAoGCCqG"
    "SM49BAMCA0gAMEUCIAK3aLaF12sAkvQCluO835VbXGDuWZQWYBgZOtkiHb1NAiEAvmmT8us14HWNiLgObzzsqf7crpqXctWBDkvN"
    "2e5WeBU="
)
OCTT_NAMES = {
    "SHA256": (
        "72a509445ee1f05435358832f9a06bf0ddb3d21dfa68ed8ff45f1362a3cbd58e",
        "5eb367725b386513ee5d250023dccc8ce802f8cd476b142436042380c836fb29",
    ),
    "SHA384": (
        "db27076224c267353536ec6c23c89f8d75fd31ad79e93dc86d8399bd227f1cac4cf23350870cc8437c309e101d3b4335",
        "72db13cb3b03e2ba190afbbb04cdbfdbc19e85b01ae8b04e1d79f05b8b5f1c5c78a94ec7851f442ef919c9124996c8a7",
    ),
    "SHA512": (
        (
            "3215bf208bffea94da7bd20486e6215003311629d0b296771319625eb44781e4"
            "5b2c5c4ed9c4ff253127657eaaea96c48b6a556225851b4f4ba88b98b0a74613"
        ),
        (
            "13571f7343504da0114626016250da616b98ae5961a2c710d0e0a6a875e2985f"
            "72b6922ac803940fecb998427abe5764861d67573cfb7c8d12eb8922a811a0c5"
        ),
    ),
}


@pytest.fixture(scope="module")
def authority() -> ThrowawayAuthority:
    return ThrowawayAuthority()


@pytest.fixture
def key() -> PrivateKey:
    return new_key("ec")


def delivered(authority: ThrowawayAuthority, key: PrivateKey, **limits: timedelta) -> str:
    return authority.chain_for(make_csr(a_config(), "Example CPO", key), **limits)


def refusal(authority: ThrowawayAuthority, chain: str, keys: list[PrivateKey], *, needs_root: bool = False) -> str:
    roots = [authority.root.certificate]
    with pytest.raises(ChainRefused) as caught:
        accept_chain(read_chain(chain), keys, roots, NOW, needs_root=needs_root)
    return caught.value.cause


@pytest.mark.parametrize("algorithm", OCTT_NAMES)
def test_names_a_root_as_the_whitepaper_does(algorithm: str) -> None:
    root = x509.load_der_x509_certificate(base64.b64decode(OCTT_ROOT))
    name, key = OCTT_NAMES[algorithm]
    assert name_certificate(root, root, algorithm) == CertificateName(algorithm, name, key, "4")


def test_names_match_without_case_and_leading_zeros() -> None:
    ours = CertificateName("SHA256", "ab", "cd", "abc")
    assert ours.matches(CertificateName("SHA256", "AB", "CD", "0ABC"))
    assert not ours.matches(CertificateName("SHA256", "ab", "cd", "abd"))
    assert not ours.matches(CertificateName("SHA512", "ab", "cd", "abc"))


def test_accepts_leaf_and_sub_ca_under_an_installed_root(authority: ThrowawayAuthority, key: PrivateKey) -> None:
    chain = read_chain(delivered(authority, key))
    credential = accept_chain(chain, [new_key("ec"), key], [authority.root.certificate], NOW)
    assert credential.key is key
    assert credential.leaf == chain[0]


def test_accepts_a_leaf_alone_when_its_issuer_is_installed(authority: ThrowawayAuthority, key: PrivateKey) -> None:
    leaf = read_chain(delivered(authority, key))[:1]
    assert accept_chain(leaf, [key], [authority.sub_ca.certificate], NOW).chain == leaf


def test_refuses_a_certificate_for_another_key(authority: ThrowawayAuthority, key: PrivateKey) -> None:
    assert refusal(authority, delivered(authority, key), [new_key("ec")]) == "WriteError"


def test_refuses_a_chain_under_an_unknown_root(authority: ThrowawayAuthority, key: PrivateKey) -> None:
    chain = read_chain(delivered(authority, key))
    with pytest.raises(ChainRefused, match="NoRootCertificateInstalled"):
        accept_chain(chain, [key], [new_root().certificate], NOW)


def test_refuses_a_chain_in_the_wrong_order(authority: ThrowawayAuthority, key: PrivateKey) -> None:
    leaf, sub_ca = read_chain(delivered(authority, key))
    with pytest.raises(ChainRefused, match="WriteError"):
        accept_chain((sub_ca, leaf), [key], [authority.root.certificate], NOW)


def test_refuses_an_expired_certificate(authority: ThrowawayAuthority, key: PrivateKey) -> None:
    chain = delivered(authority, key, begin=timedelta(days=-9), end=timedelta(days=-1))
    assert refusal(authority, chain, [key]) == "Expired"


def test_refuses_a_certificate_that_is_not_valid_yet(authority: ThrowawayAuthority, key: PrivateKey) -> None:
    """2.0.1 errata 2025-09 and 2.1, A02.FR.06."""
    chain = delivered(authority, key, begin=timedelta(days=1), end=timedelta(days=9))
    assert refusal(authority, chain, [key]) == "NotYetValid"


def test_refuses_text_that_is_no_chain(authority: ThrowawayAuthority, key: PrivateKey) -> None:
    assert refusal(authority, "no certificate", [key]) == "InvalidFormat"


def test_chain_needs_root_wants_the_self_signed_root_at_the_end(authority: ThrowawayAuthority, key: PrivateKey) -> None:
    chain = delivered(authority, key)
    assert refusal(authority, chain, [key], needs_root=True) == "IncompleteChain"
    whole = read_chain(chain + authority.root_pem)
    assert accept_chain(whole, [key], [authority.root.certificate], NOW, needs_root=True)


def test_asks_for_renewal_in_the_last_month_only(authority: ThrowawayAuthority, key: PrivateKey) -> None:
    """2.x A03.FR.02."""
    long = read_chain(delivered(authority, key, end=timedelta(days=31)))[0]
    short = read_chain(delivered(authority, key, end=timedelta(days=29)))[0]
    assert not ends_within_a_month(long, NOW)
    assert ends_within_a_month(short, NOW)


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_csr_carries_serial_number_and_organisation(kind: str) -> None:
    """WP3 A02.FR.03, A02.FR.13; A00.FR.511."""
    key = new_key("rsa" if kind == "rsa" else "ec")
    request = x509.load_pem_x509_csr(make_csr(a_config(), "Example CPO", key).encode())
    assert request.is_signature_valid
    assert request.subject.rfc4514_string() == "CN=SN-001,O=Example CPO"


def test_wrong_names_are_wrong(key: PrivateKey) -> None:
    config = a_config(Fault.WRONG_CN, Fault.WRONG_ORGANISATION)
    request = x509.load_pem_x509_csr(make_csr(config, "Example CPO", key).encode())
    (name,) = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    (owner,) = request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    assert name.value != "SN-001"
    assert owner.value != "Example CPO"


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_csr_version_2_is_well_signed_but_not_version_1(kind: str) -> None:
    key = new_key("rsa" if kind == "rsa" else "ec")
    text = make_csr(a_config(Fault.CSR_VERSION_2), "Example CPO", key)
    with pytest.raises(x509.InvalidVersion):
        x509.load_pem_x509_csr(text.encode())
    _, _, der = asn1_pem.unarmor(text.encode())
    request = asn1_csr.CertificationRequest.load(der, strict=True)
    info = request["certification_request_info"]
    assert int(info["version"]) == 1
    if isinstance(key, ec.EllipticCurvePrivateKey):
        key.public_key().verify(request["signature"].native, info.dump(), ec.ECDSA(hashes.SHA256()))


def test_garbage_is_no_csr(key: PrivateKey) -> None:
    with pytest.raises(ValueError, match="PEM"):
        x509.load_pem_x509_csr(make_csr(a_config(Fault.CSR_GARBAGE), None, key).encode())


def test_key_survives_its_pem(key: PrivateKey) -> None:
    assert key_from_pem(key_to_pem(key)).private_numbers() == key.private_numbers()
