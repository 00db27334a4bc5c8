"""What responses and lists prove, and what they do not."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from csms_bridge.answers import CertificateStanding
from csms_bridge.errors import StatusUnavailable
from csms_bridge.station_certificates import HashData
from csms_bridge.status.subjects import Subject
from csms_bridge.status.verdicts import kept_until, list_kept_until, list_verdict, ocsp_verdict, status_request
from tests.csms_bridge.room import NOON
from tests.csms_bridge.status.mobility import (
    World,
    a_world,
    hash_data,
    responder_of,
    response,
    revocation_list,
)  # fmt: skip
from tests.pki.others import certified

GOOD, REVOKED, UNKNOWN, _ = CertificateStanding
LIST = "http://mo.example/list.crl"


@pytest.fixture(scope="module")
def world() -> World:
    return a_world()


def judged(world: World, der: bytes, *, known: bool = True):
    authorities = [world.root.certificate, world.lower.certificate] if known else []
    return ocsp_verdict(der, world.subject, authorities, NOON)


def code_of(world: World, der: bytes, **more: bool) -> str:
    with pytest.raises(StatusUnavailable) as caught:
        judged(world, der, **more)
    return caught.value.code


def test_the_request_names_the_certificate_as_the_station_did(world):
    asked = ocsp.load_der_ocsp_request(status_request(world.subject))
    assert (asked.issuer_name_hash, asked.issuer_key_hash) == (world.subject.name_hash, world.subject.key_hash)
    assert (asked.serial_number, asked.hash_algorithm.name) == (world.subject.serial, "sha256")


@pytest.mark.parametrize(("more", "standing"), [({}, GOOD), ({"revoked": True}, REVOKED), ({"unknown": True}, UNKNOWN)])
def test_believes_the_issuer(world, more, standing):
    verdict = judged(world, response(world.contract.certificate, world.lower, **more))
    assert (verdict.standing, verdict.next_update) == (standing, NOON + timedelta(hours=8))


def test_believes_a_responder_that_the_issuer_certified(world):
    responder = responder_of(world.lower)
    der = response(world.contract.certificate, world.lower, signer=responder, include=(responder.certificate,))
    assert judged(world, der).standing is GOOD


def test_believes_an_issuer_that_came_with_the_answer_and_has_the_hashes(world):
    der = response(world.contract.certificate, world.lower, include=(world.lower.certificate,))
    assert judged(world, der, known=False).standing is GOOD
    assert code_of(world, response(world.contract.certificate, world.lower), known=False) == "NotVerified"


def test_does_not_believe_others(world):
    stranger = certified("Stranger")
    assert code_of(world, response(world.contract.certificate, world.lower, signer=stranger)) == "NotVerified"
    foreign = responder_of(stranger)
    der = response(world.contract.certificate, world.lower, signer=foreign, include=(foreign.certificate,))
    assert code_of(world, der) == "NotVerified"


def test_does_not_believe_another_certificate_of_the_issuer(world):
    """Any contract's holder could otherwise say that its certificate is good."""
    other = certified("Another contract", world.lower, is_authority=False)
    der = response(world.contract.certificate, world.lower, signer=other, include=(other.certificate,))
    assert code_of(world, der) == "NotVerified"


def test_does_not_believe_a_responder_whose_time_is_over(world):
    old = responder_of(world.lower, end=NOON - timedelta(days=1))
    der = response(world.contract.certificate, world.lower, signer=old, include=(old.certificate,))
    assert code_of(world, der) == "NotVerified"


def test_does_not_believe_a_changed_answer(world):
    der = bytearray(response(world.contract.certificate, world.lower))
    der[-1] ^= 1
    assert code_of(world, bytes(der)) == "NotVerified"


def test_does_not_believe_an_issuer_of_the_same_name(world):
    twin = certified("MO Sub-CA 2")
    leaf = certified("NLMOBC123456781", twin, is_authority=False)
    der = response(leaf.certificate, twin, include=(twin.certificate,))
    assert code_of(world, der) == "ResponderFailed"


def test_an_answer_about_another_certificate_is_none(world):
    other = certified("Another contract", world.lower, is_authority=False)
    assert code_of(world, response(other.certificate, world.lower)) == "ResponderFailed"


@pytest.mark.parametrize("at", [NOON - timedelta(days=1), NOON + timedelta(hours=1)])
def test_an_answer_counts_in_its_time_only(world, at):
    assert code_of(world, response(world.contract.certificate, world.lower, at=at)) == "ResponderFailed"


def test_an_answer_without_an_end_counts_for_an_hour(world):
    der = response(world.contract.certificate, world.lower, life=None, at=NOON - timedelta(minutes=59))
    assert judged(world, der).next_update == NOON + timedelta(minutes=1)
    old = response(world.contract.certificate, world.lower, life=None, at=NOON - timedelta(minutes=61))
    assert code_of(world, old) == "ResponderFailed"


@pytest.mark.parametrize("junk", [b"", b"junk", b"0\x80", bytes.fromhex("30030a0106")])
def test_what_is_no_successful_response_is_none(world, junk):
    assert code_of(world, junk) == "ResponderFailed"


def test_one_that_is_passed_on_need_not_be_proven_but_must_be_the_one(world):
    stranger = certified("Stranger")
    forged = response(world.contract.certificate, world.lower, signer=stranger)
    assert kept_until(forged, world.subject, NOON) == NOON + timedelta(hours=8)
    with pytest.raises(StatusUnavailable):
        kept_until(response(world.lower.certificate, world.upper), world.subject, NOON)


@pytest.mark.parametrize(("name", "algorithm"), [("SHA384", hashes.SHA384()), ("SHA512", hashes.SHA512())])
def test_all_three_algorithms(world, name, algorithm):
    der = response(world.contract.certificate, world.lower, algorithm=algorithm)
    asked = ocsp.load_der_ocsp_response(der)
    subject = Subject.read(
        HashData(
            name, asked.issuer_name_hash.hex().upper(), asked.issuer_key_hash.hex(), "0" + f"{asked.serial_number:x}"
        )
    )
    assert ocsp_verdict(der, subject, [world.lower.certificate], NOON).standing is GOOD


@pytest.mark.parametrize(
    "change",
    [
        {"algorithm": "SHA1"}, {"algorithm": "MD5"}, {"issuer_name_hash": "ab"}, {"issuer_key_hash": "x" * 64},
        {"serial_number": ""}, {"serial_number": "0"}, {"serial_number": "-1"}, {"serial_number": "f" * 41},
        {"serial_number": "zz"}, {"serial_number": "1_0"},
    ],
)  # fmt: skip
def test_hash_data_that_name_no_certificate(world, change):
    told = hash_data(world.subject)
    fields = {name: getattr(told, name) for name in HashData.__slots__} | change
    with pytest.raises(StatusUnavailable) as caught:
        Subject.read(HashData(**fields))
    assert len(caught.value.code) <= 20


def listed(world: World, crl: bytes, *, url: str = LIST, known: bool = True):
    return list_verdict(crl, url, world.subject, [world.lower.certificate] if known else [], NOON)


def test_a_list_proves_who_is_revoked_and_who_is_good(world):
    assert listed(world, revocation_list(world.lower, 7)).standing is GOOD
    verdict = listed(world, revocation_list(world.lower, world.subject.serial))
    assert (verdict.standing, verdict.next_update) == (REVOKED, NOON + timedelta(days=7))


def test_a_list_in_pem_is_one_too(world):
    pem = x509.load_der_x509_crl(revocation_list(world.lower)).public_bytes(Encoding.PEM)
    assert listed(world, pem).standing is GOOD


def _part(**more: object) -> x509.IssuingDistributionPoint:
    fields = {
        "full_name": None, "relative_name": None, "only_contains_user_certs": False, "only_contains_ca_certs": False,
        "only_some_reasons": None, "indirect_crl": False, "only_contains_attribute_certs": False,
    }  # fmt: skip
    return x509.IssuingDistributionPoint(**(fields | more))


@pytest.mark.parametrize(
    "part",
    [
        _part(only_contains_ca_certs=True),
        _part(only_contains_user_certs=True),
        _part(only_some_reasons=frozenset([x509.ReasonFlags.key_compromise])),
        _part(full_name=[x509.UniformResourceIdentifier("http://mo.example/another.crl")]),
    ],
)
def test_a_list_of_a_part_proves_nobody_good(world, part):
    assert listed(world, revocation_list(world.lower, 7, extra=part)).standing is UNKNOWN
    assert listed(world, revocation_list(world.lower, world.subject.serial, extra=part)).standing is REVOKED


def test_a_shard_counts_at_its_own_address(world):
    part = _part(full_name=[x509.UniformResourceIdentifier(LIST)])
    assert listed(world, revocation_list(world.lower, 7, extra=part)).standing is GOOD


def test_a_list_of_others_proves_nothing(world):
    stranger = certified("Stranger")
    for crl, known in (
        (revocation_list(world.lower, signer=stranger), True),
        (revocation_list(world.upper), True),
        (revocation_list(world.lower), False),
    ):
        with pytest.raises(StatusUnavailable) as caught:
            listed(world, crl, known=known)
        assert caught.value.code == "NotVerified"


@pytest.mark.parametrize("junk", [b"", b"junk"])
def test_what_is_no_list_proves_nothing(world, junk):
    for read in (lambda: listed(world, junk), lambda: list_kept_until(junk, NOON)):
        with pytest.raises(StatusUnavailable) as caught:
            read()
        assert caught.value.code == "ResponderFailed"


def test_a_list_is_kept_until_its_next_update(world):
    assert list_kept_until(revocation_list(world.lower), NOON) == NOON + timedelta(days=7)
    with pytest.raises(StatusUnavailable):
        list_kept_until(revocation_list(world.lower, at=NOON - timedelta(days=8)), NOON)
