"""The quirk book chooses who issues and in which form a chain comes, over SignCertificate and EST alike."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from csms_bridge.certificate_asks import Delivery
from csms_bridge.enrolment import Enrolment
from csms_bridge.errors import ChainTooLong
from csms_bridge.events import CertificateAsked
from csms_bridge.outside_enrolment import Asked, OutsideEnrolment
from csms_bridge.quirks.quirks import Chain, Quirks, Roots
from csms_bridge.station import SecurityProfile
from csms_bridge.tables import CertificateAskRow
from pki.enrolment_codes import EnrolmentCodes
from pki.keys import KeyAlgorithm, KeyFamily, generate_key
from tests.csms_bridge.room import pem_blocks
from tests.pki.requests import pem_request

TLS, MUTUAL = SecurityProfile.TLS_BASIC, SecurityProfile.MUTUAL_TLS
RSA_ONLY = Quirks(roots=Roots.RSA)


class Book:
    """A book in which all stations are of one kind; it may change."""

    def __init__(self, **quirks) -> None:
        self.quirks = Quirks(**quirks)

    def __call__(self, stations):
        return dict.fromkeys(stations, self.quirks)


@pytest.fixture(scope="module")
def keys():
    return {family: generate_key(algorithm) for family, algorithm in
            ((KeyFamily.EC, KeyAlgorithm.EC_P256), (KeyFamily.RSA, KeyAlgorithm.RSA_2048))}  # fmt: skip


@pytest.fixture
def room(signing_room):
    signing_room.add("CS-1", "SN-1", TLS)
    return signing_room


def enrolment_by(room, book) -> Enrolment:
    return Enrolment(room.store, room.trail, room.authority, room.clock, quirks_of=book)


def signed(enrolment: Enrolment, key) -> Delivery:
    assert enrolment.ask("CS-1", CertificateAsked(pem_request(key, "SN-1"), None), TLS).accepted
    [delivery] = enrolment.sign_waiting("CS-1")
    return delivery


def proved(room, delivery: Delivery) -> list[x509.Certificate]:
    """The certificates that go out, each signed by the next; the last by the root, or it is the root."""
    chain = [
        x509.load_pem_x509_certificate(one.encode()) for one in pem_blocks(room.walk_acts.delivery(delivery).chain)
    ]
    root = x509.load_pem_x509_certificate(room.authority.authority(delivery.root).certificate_pem.encode())
    for lower, upper in zip(chain, [*chain[1:], root], strict=True):
        lower.verify_directly_issued_by(upper)
    return chain


@pytest.mark.parametrize(
    ("roots", "family", "root"),
    [
        (Roots.BOTH, KeyFamily.EC, "root"),
        (Roots.BOTH, KeyFamily.RSA, "root-rsa"),
        (Roots.RSA, KeyFamily.EC, "root-rsa"),
        (Roots.RSA, KeyFamily.RSA, "root-rsa"),
        (Roots.EC, KeyFamily.RSA, "root"),
    ],
)
def test_a_station_is_certified_under_the_root_that_its_tls_knows(room, keys, roots, family, root):
    delivery = signed(enrolment_by(room, Book(roots=roots)), keys[family])
    assert delivery.root == root
    proved(room, delivery)


def test_the_root_that_is_sent_along_is_the_one_that_it_knows(room, keys):
    delivery = signed(enrolment_by(room, Book(roots=Roots.RSA, chain=Chain.ROOT)), keys[KeyFamily.EC])
    *_, root = proved(room, delivery)
    assert root.public_bytes(Encoding.DER) == room.authority.authority("root-rsa").der


def test_a_renewal_with_the_same_key_follows_a_change_of_the_book(room, keys):
    """Else the station would be given back, for ever, the certificate that it cannot use."""
    book = Book()
    enrolment = enrolment_by(room, book)
    before = signed(enrolment, keys[KeyFamily.EC])
    assert signed(enrolment, keys[KeyFamily.EC]).serial == before.serial
    book.quirks = RSA_ONLY
    after = signed(enrolment, keys[KeyFamily.EC])
    assert (before.root, after.root) == ("root", "root-rsa")
    assert signed(enrolment, keys[KeyFamily.EC]).serial == after.serial


def test_a_chain_longer_than_such_stations_take_is_not_sent_and_a_person_knows(room, keys):
    """A02.FR.16, with the limit from the book: the station tells a longer one, or none."""
    enrolment = enrolment_by(room, Book(longest_chain=1000))
    delivery = signed(enrolment, keys[KeyFamily.EC])
    with pytest.raises(ChainTooLong):
        enrolment.sent(delivery)
    with room.store.reading() as session:
        assert session.get(CertificateAskRow, delivery.ask).state == "refused"
    assert "1000" in room.authority.alarms.page()[0].sentence


def test_over_est_the_book_decides_too(room, keys):
    """By code and by certificate; an answer that was lost is given again by the same issuer."""
    codes, book = EnrolmentCodes(room.store, room.trail), Book(roots=Roots.RSA)
    outside = OutsideEnrolment(
        room.store, room.trail, room.authority, room.sightings, codes, room.clock, failures=5, quirks_of=book
    )
    [code] = codes.make(["CS-1"], room.authority.settings.station_validity, "user:anna", room.clock())
    first = outside.by_code("CS-1", code.text, Asked(pem_request(keys[KeyFamily.EC], "SN-1").encode(), "192.0.2.7"))
    assert (first.authority, first.root) == ("stations-rsa", "root-rsa")
    book.quirks = Quirks()
    renewal = Asked(pem_request(keys[KeyFamily.EC], "SN-1").encode(), "192.0.2.7", presented=first.der)
    assert outside.by_certificate(renewal, renewing=False).authority == "stations"
    book.quirks = RSA_ONLY
    again = outside.by_certificate(renewal, renewing=False)
    assert again.authority == "stations-rsa"
    assert outside.by_certificate(renewal, renewing=False).serial == again.serial
