"""A contract certificate's chain: what proves it, and what does not."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from csms_bridge.answers import ContractVerdict
from csms_bridge.station_certificates import StatusSource
from csms_bridge.status.contracts import MOST, ChainRefused, is_same_emaid, prove_chain
from tests.csms_bridge.room import NOON
from tests.csms_bridge.status.mobility import World, a_world
from tests.pki.others import RESPONDER, certified

BROKEN, EXPIRED = ContractVerdict.CHAIN_ERROR, ContractVerdict.EXPIRED


@pytest.fixture(scope="module")
def world() -> World:
    return a_world()


def refused(pem: str, *anchors: x509.Certificate) -> ContractVerdict:
    with pytest.raises(ChainRefused) as caught:
        prove_chain(pem, anchors, NOON)
    return caught.value.verdict


def test_proves_a_chain_up_to_an_anchor(world):
    path = prove_chain(world.chain, [certified("Another root").certificate, world.root.certificate], NOON)
    assert [one.subject for one in path.certificates] == [
        one.certificate.subject for one in (world.contract, world.lower, world.upper, world.root)
    ]
    assert path.holder == "NLMOBC123456781"


def test_takes_sub_cas_in_any_order_and_the_root_with_them(world):
    pem = world.contract.pem + world.root.pem + world.upper.pem + world.lower.pem
    assert len(prove_chain(pem, [world.root.certificate], NOON).certificates) == 4


def test_a_recorded_sub_ca_is_an_anchor_too(world):
    path = prove_chain(world.contract.pem, [world.root.certificate, world.lower.certificate], NOON)
    assert [one.subject for one in path.inquiries()] == [world.subject]


def test_asks_about_every_certificate_below_the_anchor(world):
    inquiries = prove_chain(world.chain, [world.root.certificate], NOON).inquiries()
    assert [one.subject.serial for one in inquiries] == [
        one.certificate.serial_number for one in (world.contract, world.lower, world.upper)
    ]
    assert {(one.source, one.urls) for one in inquiries} == {(StatusSource.OCSP, (RESPONDER,))}


def test_a_certificate_without_a_responder_is_looked_for_on_lists(world):
    place = x509.UniformResourceIdentifier("http://mo.example/list.crl")
    points = x509.CRLDistributionPoints([x509.DistributionPoint([place], None, None, None)])
    leaf = certified("C", world.lower, is_authority=False, responder=None, extra=points)
    [inquiry, *_] = prove_chain(
        leaf.pem + world.lower.pem + world.upper.pem, [world.root.certificate], NOON
    ).inquiries()
    assert (inquiry.source, inquiry.urls) == (StatusSource.CRL, ("http://mo.example/list.crl",))


def test_a_chain_that_ends_elsewhere_proves_nothing(world):
    assert refused(world.chain) is BROKEN
    assert refused(world.chain, certified("MO Root").certificate) is BROKEN
    assert refused(world.contract.pem + world.upper.pem, world.root.certificate) is BROKEN


def test_a_self_signed_one_proves_nothing(world):
    assert refused(certified("C", is_authority=False).pem, world.root.certificate) is BROKEN


def test_a_contract_may_not_certify_another(world):
    forged = certified("NLMOBC000000000", world.contract, is_authority=False)
    assert refused(forged.pem + world.chain, world.root.certificate) is BROKEN


def test_no_more_authorities_than_are_allowed(world):
    narrow = certified("Narrow", world.root, path_length=0)
    below = certified("Below", narrow)
    leaf = certified("C", below, is_authority=False)
    assert refused(leaf.pem + below.pem + narrow.pem, world.root.certificate) is BROKEN
    direct = certified("C", narrow, is_authority=False)
    assert prove_chain(direct.pem + narrow.pem, [world.root.certificate], NOON)


@pytest.mark.parametrize("which", ["leaf", "sub-CA"])
def test_what_is_over_is_expired(world, which):
    over = {"end": NOON - timedelta(days=1)}
    lower = certified("Lower", world.upper, **(over if which == "sub-CA" else {}))
    leaf = certified("C", lower, is_authority=False, **(over if which == "leaf" else {}))
    assert refused(leaf.pem + lower.pem + world.upper.pem, world.root.certificate) is EXPIRED


def test_what_has_not_begun_proves_nothing(world):
    leaf = certified("C", world.lower, is_authority=False, start=NOON + timedelta(days=1))
    assert refused(leaf.pem + world.lower.pem + world.upper.pem, world.root.certificate) is BROKEN


def test_a_critical_extension_that_is_not_understood_proves_nothing(world):
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    for critical in (False, True):
        leaf = certified("C", world.lower, is_authority=False, extra=odd, critical=critical)
        pem = leaf.pem + world.lower.pem + world.upper.pem
        if critical:
            assert refused(pem, world.root.certificate) is BROKEN
        else:
            assert prove_chain(pem, [world.root.certificate], NOON)


@pytest.mark.parametrize("pem", ["", "junk", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_junk_proves_nothing(world, pem):
    assert refused(pem, world.root.certificate) is BROKEN


def test_a_long_chain_is_not_read_further(world):
    assert refused(world.contract.pem + world.lower.pem * MOST, world.root.certificate) is BROKEN


def test_a_circle_ends(world):
    """Two authorities that certify each other."""
    one = certified("One")
    two = certified("Two", one)
    back = x509.load_pem_x509_certificate(certified("One", two, key=one.key).pem.encode())
    leaf = certified("C", one, is_authority=False)
    circle = leaf.pem + back.public_bytes(Encoding.PEM).decode() + two.pem
    assert refused(circle, world.root.certificate) is BROKEN


@pytest.mark.parametrize(
    ("token", "holder", "same"),
    [
        ("NL-MOB-C12345678-1", "NLMOBC123456781", True),
        ("nlmobc123456781", "NL-MOB-C12345678-1", True),
        ("NLMOBC1", "NLMOBC2", False),
    ],
)
def test_hyphens_and_case_are_spelling(token, holder, same):
    assert is_same_emaid(token, holder) is same
