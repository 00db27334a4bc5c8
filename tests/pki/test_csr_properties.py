"""Our reading of a request held against `cryptography` and asn1crypto, for whatever requests one can think of."""

from functools import cache

import pytest
from asn1crypto import core
from asn1crypto import csr as asn1_csr
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from pki.authority import Order
from pki.csr import CertificateRequest, read_request
from pki.der import integer, sequence, tlv
from pki.errors import CsrRejected
from pki.keys import PrivateKey, spki_of
from tests.pki.conftest import Room
from tests.pki.hostile.pieces import (
    BMP,
    COMMON_NAME,
    COUNTRY,
    ORGANISATION,
    PRINTABLE,
    UNIVERSAL,
    UTF8,
    ec_key,
    extension,
    extension_request,
    information,
    name,
    oid,
    pair,
    rsa_key,
    signed_request,
)
from tests.pki.hostile_requests import TOLERATED, Tolerated

ENCODINGS = {UTF8: "utf-8", BMP: "utf-16-be", UNIVERSAL: "utf-32-be"}


@cache
def key(kind: str) -> PrivateKey:
    curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
    return rsa_key() if kind == "rsa" else ec.generate_private_key(curves[kind])


KEYS = st.sampled_from(["p256", "p384", "p521", "rsa"]).map(key)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=70)


@st.composite
def pairs(draw: st.DrawFn) -> bytes:
    """A name of any kind, in any kind of string that holds it."""
    kind = draw(st.sampled_from([COMMON_NAME, ORGANISATION, COUNTRY, "55040b"]))
    tag = draw(st.sampled_from([*ENCODINGS, PRINTABLE]))
    if tag == PRINTABLE:
        return pair(kind, draw(st.text("ABCxyz019 '()+,-./:=?", min_size=1, max_size=64)), PRINTABLE)
    text = draw(TEXTS if tag != BMP else st.text(st.characters(max_codepoint=0xD7FF), min_size=1, max_size=70))
    return pair(kind, text.encode(ENCODINGS[tag]), tag)


@st.composite
def attributes(draw: st.DrawFn) -> bytes | None:
    """None, or attributes with different extensions and a challenge password or two."""
    if draw(st.booleans()):
        return draw(st.sampled_from([None, b""]))
    kinds = draw(st.lists(st.sampled_from(["551d0f", "551d11", "551d13", "551d25", "2a0304"]), max_size=5, unique=True))
    password = sequence(oid("2a864886f70d010907"), tlv(0x31, tlv(UTF8, b"secret")))
    asked = extension_request(*(extension(kind, draw(st.binary(max_size=40))) for kind in kinds))
    return draw(st.sampled_from([asked, password, asked + password]))


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A well-formed request, well signed."""
    signer = draw(KEYS)
    subject = name(*draw(st.lists(pairs(), max_size=4)))
    version = integer(draw(st.sampled_from([0, 0, 0, 1, 2])))
    return signed_request(information(subject, spki_of(signer.public_key()), version, draw(attributes())), signer)


def read(der: bytes) -> CertificateRequest | str:
    try:
        return read_request(der)
    except CsrRejected as refusal:
        return refusal.code


def sound(values: list[str]) -> bool:
    """The rule about a claimed name, said in another way."""
    return len(values) <= 1 and all(
        not value.strip() or (len(value) <= 64 and all(letter.isprintable() for letter in value)) for value in values
    )


def first(values: list[str]) -> str | None:
    return values[0] if values and values[0].strip() else None


@given(requests())
def test_reads_what_asn1crypto_reads(der: bytes) -> None:
    theirs = asn1_csr.CertificationRequest.load(der, strict=True)["certification_request_info"]
    named = [one for rdn in theirs["subject"].chosen for one in rdn]
    common, organisation = (
        [one["value"].native for one in named if one["type"].native == kind]
        for kind in ("common_name", "organization_name")
    )
    ours = read(der)
    if not (sound(common) and sound(organisation)):
        assert ours == "bad-name"
        return
    assert isinstance(ours, CertificateRequest)
    assert (ours.common_name, ours.organisation) == (first(common), first(organisation))
    assert spki_of(ours.public_key) == theirs["subject_pk_info"].dump()
    assert ours.der == der
    assert ("no attributes field" in ours.oddities) == isinstance(theirs["attributes"], core.Void)


@pytest.mark.filterwarnings("ignore:Attribute's length")
@given(requests())
def test_reads_what_cryptography_reads_where_that_reads_at_all(der: bytes) -> None:
    """It turns away other versions and requests without the attributes field, and some kinds of strings."""
    try:
        theirs = x509.load_der_x509_csr(der)
        names = {
            kind: [str(one.value) for one in theirs.subject.get_attributes_for_oid(kind)]
            for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
        }
        assert theirs.is_signature_valid
    except (ValueError, x509.InvalidVersion):
        return
    ours = read(der)
    if not all(sound(values) for values in names.values()):
        assert ours == "bad-name"
        return
    assert isinstance(ours, CertificateRequest)
    assert ours.common_name == first(names[NameOID.COMMON_NAME])
    assert ours.organisation == first(names[NameOID.ORGANIZATION_NAME])
    assert ours.public_key == theirs.public_key()


@given(
    KEYS,
    st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=64),
    st.sampled_from([hashes.SHA256(), hashes.SHA384(), hashes.SHA512()]),
    st.booleans(),
)
def test_reads_whatever_cryptography_writes(
    signer: PrivateKey, text: str, algorithm: hashes.SHA256, with_extension: bool
) -> None:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if with_extension:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    request = builder.sign(signer, algorithm)
    ours = read_request(request.public_bytes(Encoding.PEM))
    assert (ours.common_name, ours.oddities) == (text, ())
    assert ours.public_key == signer.public_key()


@given(requests(), st.data())
def test_damage_is_refused_or_leaves_the_signed_octets_as_they_were(der: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(der) - 1))
    damaged = der[:place] + data.draw(st.binary(min_size=0, max_size=3)) + der[place + data.draw(st.integers(0, 3)) :]
    ours = read(damaged)
    if isinstance(ours, CertificateRequest):
        assert damaged == der


@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=80))
def test_what_a_sender_signs_is_read_or_refused(subject: bytes, spki: bytes, last: bytes) -> None:
    """Any octets under a good signature: no parser behind it may answer with an error of its own."""
    read(signed_request(sequence(integer(0), tlv(0x30, subject), tlv(0x30, spki), tlv(0xA0, last))))


@pytest.mark.parametrize("case", TOLERATED, ids=str)
def test_the_certificate_carries_the_key_of_the_request_and_nothing_else(room: Room, case: Tolerated) -> None:
    """Byte for byte as asn1crypto finds it there, but for the form of a compressed point."""
    request = read_request(case.make())
    certificate = room.authority.issue(Order(request, "station", "SN-1", station="CS-1"), "station:CS-1")
    issued = x509.load_der_x509_certificate(certificate.der)
    asked = asn1_csr.CertificationRequest.load(request.der)["certification_request_info"]["subject_pk_info"].dump()
    assert issued.public_key() == load_der_public_key(asked)
    assert issued.subject.rfc4514_string() == "CN=SN-1,O=Acme Charging"
    assert not issued.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    with pytest.raises(x509.ExtensionNotFound):
        issued.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert ec_key().public_key() == issued.public_key() or case.name.startswith("RSA")
