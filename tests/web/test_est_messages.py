from base64 import b64decode
from typing import ClassVar

import pytest
from asn1crypto import cms, core
from cryptography.hazmat.primitives.serialization import pkcs7

from pki.keys import KeyFamily
from web.data_folder import NewFolder
from web.est.messages import certs_only, csr_attributes


class Attribute(core.Sequence):  # type: ignore[misc]
    """Attribute of RFC 5280 Appendix A.1, whatever its values are."""

    _fields: ClassVar = [("type", core.ObjectIdentifier), ("values", core.SetOf, {"spec": core.Any})]


class AttributeOrOid(core.Choice):  # type: ignore[misc]
    """AttrOrOID of RFC 7030 §4.5.2, for asn1crypto as a second opinion."""

    _alternatives: ClassVar = [("oid", core.ObjectIdentifier), ("attribute", Attribute)]


class CsrAttributes(core.SequenceOf):  # type: ignore[misc]
    _child_spec = AttributeOrOid


def roots(made: NewFolder) -> list[bytes]:
    return [b64decode("".join(pem.splitlines()[1:-1])) for pem in made.roots.values()]


def test_certs_only_holds_each_certificate_once_and_nothing_else(made: NewFolder) -> None:
    """RFC 5272 §4.1: SignedData without content and without signers."""
    ders = roots(made)
    message = b64decode(certs_only([*ders, ders[0]]))
    signed = cms.ContentInfo.load(message, strict=True)["content"]
    assert signed["encap_content_info"]["content"].native is None
    assert (len(signed["signer_infos"]), len(signed["crls"])) == (0, 0)
    assert sorted(one.chosen.dump() for one in signed["certificates"]) == sorted(ders)
    assert len(pkcs7.load_der_pkcs7_certificates(message)) == len(ders)


def test_base64_has_lines_that_every_decoder_takes(made: NewFolder) -> None:
    lines = certs_only(roots(made)).splitlines()
    assert all(len(line) <= 76 for line in lines)


@pytest.mark.parametrize(
    ("family", "key", "parameter", "digest"),
    [
        (KeyFamily.EC, "1.2.840.10045.2.1", "1.2.840.10045.3.1.7", "1.2.840.10045.4.3.2"),
        (KeyFamily.RSA, "1.2.840.113549.1.1.1", 3072, "1.2.840.113549.1.1.11"),
    ],
)
def test_csr_attributes_say_which_key_and_digest(
    family: KeyFamily, key: str, parameter: str | int, digest: str
) -> None:
    """RFC 7030 §4.5.2: a key's type is an attribute whose value is its curve or its length."""
    kind, hashed = CsrAttributes.load(b64decode(csr_attributes(family)), strict=True)
    assert kind.chosen["type"].dotted == key
    value = kind.chosen["values"][0].parsed
    assert (value.dotted if isinstance(parameter, str) else value.native) == parameter
    assert hashed.chosen.dotted == digest
