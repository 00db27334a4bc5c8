"""certificateHashData: as the specifications ask, as stations spell it, and whose it is not."""

import base64
import hashlib
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st

from csms_bridge.hash_data import ALGORITHMS, Deviation, explain, hash_data, named, normal, same
from csms_bridge.station_certificates import HashData
from tests.pki.makers import Maker, maker_root
from tests.tools_needed import needs_openssl

# "Root CA EDSA" of the OCA's conformance test tool, with the values that the field has agreed on (reference §4.4).
OCTT_ROOT = base64.b64decode(
    "MIIBwzCCAWmgAwIBAgIBBDAKBggqhkjOPQQDAjBIMRUwEwYDVQQDDAxSb290IENBIEVEU0ExDDAKBgNVBAoMA09DQTELMAkGA1UEBhMCTkwxFDASBg"
    "oJkiaJk/IsZAEZFgRPQ1RUMCAXDTIwMDIxMjE4MTAyOFoYDzIwNjAwMjAyMTgxMDI4WjBIMRUwEwYDVQQDDAxSb290IENBIEVEU0ExDDAKBgNVBAoM"
    "A09DQTELMAkGA1UEBhMCTkwxFDASBgoJkiaJk/IsZAEZFgRPQ1RUMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE29HrM7bR+VZ+jY9Z7IgLKJw7/A"
    "3OQWGY5B05wEO2V1V3Z3VrZINHADdOz7BNc/5ZyCTBW/OgFDvXym1/gV/NY6NCMEAwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwHQYD"
    "VR0OBBYEFC6gycssqInCC/9PJY9F43M7B224MAoGCCqGSM49BAMCA0gAMEUCIAK3aLaF12sAkvQCluO835VbXGDuWZQWYBgZOtkiHb1NAiEAvmmT8u"
    "s14HNWiLgObzzsqf7crpqXctWBDkvN2e5WeBU="
)
# fmt: off
OCTT_HASHES = {
    "SHA256": (
        "72a509445ee1f05435358832f9a06bf0ddb3d21dfa68ed8ff45f1362a3cbd58e",
        "5eb367725b386513ee5d250023dccc8ce802f8cd476b142436042380c836fb29",
    ),
    "SHA384": (
        "db27076224c267353536ec6c23c89f8d75fd31ad79e93dc86d8399bd227f1cac4cf23350870cc8437c309e101d3b4335",
        "72db13cb3b03e2ba190afbbb04cdbfdbc19e85b01ae8b04e1d79f05b8b5f1c5c78a94ec7851f442ef919c9124996c8a7",
    ),
    "SHA512": (
        "3215bf208bffea94da7bd20486e6215003311629d0b296771319625eb44781e45b2c5c4ed9c4ff253127657eaaea96c48b6a556225851b4f4ba88b98b0a74613",
        "13571f7343504da0114626016250da616b98ae5961a2c710d0e0a6a875e2985f72b6922ac803940fecb998427abe5764861d67573cfb7c8d12eb8922a811a0c5",
    ),
}
# fmt: on
CRYPTOGRAPHYS = {"SHA256": hashes.SHA256(), "SHA384": hashes.SHA384(), "SHA512": hashes.SHA512()}
ROOT = maker_root()
RSA_ROOT = maker_root("RSA Root", key=rsa.generate_private_key(65537, 2048))
BELOW = ROOT.below("Sub CA")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_agrees_with_the_conformance_tool(algorithm: str) -> None:
    assert hash_data(named(OCTT_ROOT), algorithm) == HashData(algorithm, *OCTT_HASHES[algorithm], "4")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("pair", [(ROOT, ROOT), (RSA_ROOT, RSA_ROOT), (BELOW, ROOT)], ids=["ec", "rsa", "below"])
def test_agrees_with_the_ocsp_request_of_another_library(pair: tuple[Maker, Maker], algorithm: str) -> None:
    own, issuer = pair
    builder = ocsp.OCSPRequestBuilder().add_certificate(own.certificate, issuer.certificate, CRYPTOGRAPHYS[algorithm])
    theirs, ours = builder.build(), hash_data(named(own.der, issuer.der), algorithm)
    assert bytes.fromhex(ours.issuer_name_hash) == theirs.issuer_name_hash
    assert bytes.fromhex(ours.issuer_key_hash) == theirs.issuer_key_hash
    assert int(ours.serial_number, 16) == theirs.serial_number


@needs_openssl
def test_agrees_with_openssl(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(ROOT.pem)
    asked = ["openssl", "ocsp", "-sha256", "-issuer", "root.pem", "-cert", "root.pem", "-req_text", "-no_nonce"]
    said = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.lower()
    found = dict(
        line.strip().split(": ") for line in said.splitlines() if "hash: " in line or "serial number: " in line
    )
    ours = hash_data(named(ROOT.der))
    assert found["issuer name hash"] == ours.issuer_name_hash
    assert found["issuer key hash"] == ours.issuer_key_hash
    assert found["serial number"].lstrip("0") == ours.serial_number


def test_the_names_stand_as_they_do_in_the_certificate() -> None:
    certificate = named(OCTT_ROOT)
    assert certificate.issuer_name in OCTT_ROOT
    assert certificate.is_self_issued
    assert not named(BELOW.der, ROOT.der).is_self_issued


def wrong(algorithm: str, **parts: str) -> HashData:
    return replace(hash_data(named(OCTT_ROOT), algorithm), **parts)


KEY_INFO = named(OCTT_ROOT).issuer_key_info
BITS = KEY_INFO[-66:]  # the count of unused bits, then 65 octets of a point


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_known_mistake_is_understood_and_named(algorithm: str) -> None:
    root, right = named(OCTT_ROOT), hash_data(named(OCTT_ROOT), algorithm)
    python = ALGORITHMS[algorithm]
    whole, bits = hashlib.new(python, KEY_INFO).hexdigest(), hashlib.new(python, BITS).hexdigest()
    assert explain(right, root) == ()
    assert explain(wrong(algorithm, issuer_key_hash=whole), root) == (Deviation.WHOLE_KEY_INFO,)
    assert explain(wrong(algorithm, issuer_key_hash=bits), root) == (Deviation.UNUSED_BITS,)
    assert explain(wrong(algorithm, serial_number="04"), root) == (Deviation.LEADING_ZEROS,)
    assert explain(wrong(algorithm, serial_number="0x4"), root) == (Deviation.PREFIXED_SERIAL,)
    assert explain(wrong(algorithm, issuer_name_hash="00" * 32), root) == (Deviation.OTHER_NAME,)
    upper = wrong(algorithm, issuer_key_hash=whole.upper(), serial_number="0004")
    assert explain(upper, root) == (Deviation.UPPER_CASE, Deviation.LEADING_ZEROS, Deviation.WHOLE_KEY_INFO)


def test_the_two_mistakes_of_the_reference_are_these() -> None:
    assert hashlib.sha256(KEY_INFO).hexdigest().startswith("18af8a2a8e98")
    assert hashlib.sha256(BITS).hexdigest().startswith("d2b0b53cd806")


def test_a_decimal_serial_number_is_understood() -> None:
    root = named(ROOT.der)
    told = replace(hash_data(root), serial_number=str(root.serial))
    assert explain(told, root) == (Deviation.DECIMAL_SERIAL,)


def test_the_subjects_name_and_key_instead_of_the_issuers() -> None:
    sub, as_root = named(BELOW.der, ROOT.der), hash_data(named(BELOW.der))
    assert explain(as_root, sub) == (Deviation.SUBJECT_KEY,)
    subject = hashlib.sha256(sub.subject_name).hexdigest()
    assert explain(replace(hash_data(sub), issuer_name_hash=subject), sub) == (Deviation.SUBJECT_NAME,)


def test_name_and_serial_number_of_ours_over_another_key_are_a_forgery() -> None:
    told = hash_data(named(ROOT.der))
    forged = replace(told, issuer_key_hash=hash_data(named(RSA_ROOT.der)).issuer_key_hash)
    assert explain(forged, named(ROOT.der)) is None


def test_another_certificate_is_none() -> None:
    assert explain(hash_data(named(RSA_ROOT.der)), named(ROOT.der)) is None
    assert explain(replace(hash_data(named(ROOT.der)), serial_number="5"), named(ROOT.der)) is None
    assert explain(replace(hash_data(named(ROOT.der)), algorithm="MD5"), named(ROOT.der)) is None


@given(
    upper=st.booleans(),
    zeros=st.integers(0, 3),
    algorithm=st.sampled_from(sorted(ALGORITHMS)),
    own=st.sampled_from([ROOT, RSA_ROOT]),
)
def test_no_spelling_hides_a_certificate(upper: bool, zeros: int, algorithm: str, own: Maker) -> None:
    right = hash_data(named(own.der), algorithm)
    told = replace(right, serial_number="0" * zeros + right.serial_number)
    if upper:
        told = HashData(
            algorithm, *(text.upper() for text in (told.issuer_name_hash, told.issuer_key_hash, told.serial_number))
        )
    found = explain(told, named(own.der))
    assert found is not None
    assert (Deviation.LEADING_ZEROS in found) is (zeros > 0)
    assert (Deviation.UPPER_CASE in found) is upper
    assert same(told, right)
    other = RSA_ROOT if own is ROOT else ROOT
    assert explain(told, named(other.der)) is None


@given(st.builds(HashData, st.text(max_size=8), st.text(max_size=70), st.text(max_size=70), st.text(max_size=40)))
def test_whatever_a_station_says_is_no_fault(told: HashData) -> None:
    assert explain(told, named(ROOT.der)) is None
    assert normal(normal(told)).algorithm == told.algorithm


@given(st.binary(max_size=300))
def test_octets_that_are_no_certificate_are_refused(octets: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        named(octets)
