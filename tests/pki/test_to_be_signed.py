"""Serial numbers and specimens."""

import re

from asn1crypto import core

from pki.keys import verify_signature
from pki.to_be_signed import build_specimen, new_serial
from tests.pki.test_lint import SERIAL, STATION


def test_serial_numbers_are_16_octets_and_start_with_1_to_7() -> None:
    """RFC 5280 §4.1.2.2; stations trip over leading zeros, and a first digit of 8 to f costs a sign octet."""
    serials = [new_serial() for _ in range(2000)]
    assert len(set(serials)) == 2000
    assert all(re.fullmatch(r"[1-7][0-9a-f]{31}", serial) for serial in serials)
    assert {serial[0] for serial in serials} == set("1234567")
    assert all(len(core.Integer(int(serial, 16)).contents) == 16 for serial in serials)


def test_the_same_plan_gives_the_same_bytes() -> None:
    """Only the specimen's signature, which nobody uses, differs."""
    once, again = build_specimen(STATION, SERIAL), build_specimen(STATION, SERIAL)
    assert once.tbs_certificate_bytes == again.tbs_certificate_bytes


def test_the_specimens_signature_is_not_the_issuers() -> None:
    specimen = build_specimen(STATION, SERIAL)
    issuer_key = STATION.issuer.public_key
    assert not verify_signature(issuer_key, specimen.signature, specimen.tbs_certificate_bytes)
