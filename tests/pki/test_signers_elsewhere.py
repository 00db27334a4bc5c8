"""Firmware signers under a manufacturer's root that is kept offline: request, proof, signing, renewal, revocation."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki.alarms import AlarmKind
from pki.authority import Authority, FirmwareOrder, RevocationReason, SignedFirmware
from pki.errors import CsrRejected, OrderRefused, RenewalRefused, ReturnedRefused, SignerUnavailable
from pki.firmware_book import FirmwareState
from pki.hierarchy import Custody, HierarchyName
from pki.keys import KeyAlgorithm, SignatureScheme, algorithm_of
from tests.pki.conftest import SETTINGS, Room, bare_folder, open_room, openssl
from tests.tools_needed import needs_openssl

ROOTS = """title = "The manufacturer's root"
[[root]]
name = "maker"
common_name = "Acme Manufacturer Root"
hierarchy = "manufacturer"
path_length = 0
"""
EC256 = KeyAlgorithm.EC_P256
IMAGE = b"an image"
DIGEST = hashes.Hash(hashes.SHA256())
DIGEST.update(IMAGE)
DIGEST = DIGEST.finalize()
DAY = timedelta(days=1)


@pytest.fixture
def online(fresh_room: Room) -> Room:
    return fresh_room


@pytest.fixture
def offline(tmp_path: Path, online: Room) -> Iterator[Room]:
    """The machine with the root's key."""
    room = open_room(bare_folder(tmp_path / "offline"), online.clock)
    room = replace(room, authority=room.rebuilt(settings=SETTINGS.model_copy(update={"offline": True})))
    room.authority.hold_ceremony(ROOTS, "operator")
    yield room
    room.store.close()


def request(online: Room) -> Any:
    return online.authority.elsewhere.request("firmware", "firmware", EC256, "user:admin")


def certified(offline: Room, asked: Any, **wishes: Any) -> Any:
    return offline.authority.elsewhere.certify(asked.csr_pem, "maker", asked.spki_sha256, "operator", **wishes)


def taken_in(online: Room, offline: Room, **wishes: Any) -> Any:
    signed = certified(offline, request(online), **wishes)
    lists = [offline.authority.crl("maker", 0)]
    return online.authority.elsewhere.take_in("firmware", signed.certificate_pem, signed.chain_pem, lists, "user:admin")


def signed(authority: Authority, version: str = "1.0", scheme: SignatureScheme = SignatureScheme.ECDSA_SHA256) -> Any:
    return authority.sign_firmware(FirmwareOrder("Acme", "Box", version, DIGEST, scheme), "token:ci")


def refused(attempt: Callable[[], object]) -> str:
    with pytest.raises(ReturnedRefused) as refusal:
        attempt()
    return refusal.value.code


# --- from the request to the signature


@needs_openssl
def test_what_such_a_signer_signs_is_accepted_by_openssl_under_the_offline_root(online: Room, offline: Room) -> None:
    """L01.FR.11, .21: the signing certificate stands directly under the root that stations hold."""
    info = taken_in(online, offline)
    assert (info.name, info.kind, info.parent, info.hierarchy) == (
        "firmware", "signer", "maker", HierarchyName.MANUFACTURER,
    )  # fmt: skip
    root = online.authority.authority("maker")
    assert (root.custody, root.der) == (Custody.ELSEWHERE, offline.authority.authority("maker").der)
    made: SignedFirmware = signed(online.authority)
    assert made.signing_certificate == info.certificate_pem
    anchor, leaf = online.write("maker.pem", root.certificate_pem), online.write("signer.pem", info.certificate_pem)
    crl = x509.load_der_x509_crl(online.authority.crl("maker", 0)).public_bytes(Encoding.PEM)
    lists = online.write("maker.crl", crl)
    done = openssl("verify", "-x509_strict", "-crl_check", "-CAfile", anchor, "-CRLfile", lists, leaf)
    assert done.returncode == 0, done.stderr
    public = online.write("signer.pub", openssl("x509", "-in", leaf, "-pubkey", "-noout").stdout)
    signature = online.write("image.sig", base64.b64decode(made.signature or ""))
    done = openssl("dgst", "-sha256", "-verify", public, "-signature", signature, online.write("image", IMAGE))
    assert done.stdout.strip() == "Verified OK"
    assert [one.certificate_pem for one in online.authority.authorities()] == [root.certificate_pem, leaf.read_text()]


def test_the_request_asks_for_a_signer_and_its_key_is_for_nobody_else(online: Room, room: Room) -> None:
    asked = x509.load_pem_x509_csr(request(online).csr_pem.encode())
    assert asked.is_signature_valid
    use = asked.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (use.digital_signature, use.key_cert_sign) == (True, False)
    assert list(asked.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CODE_SIGNING
    ]
    assert request(online) == request(online)
    theirs = request(room)
    stolen = replace(room.authority.read_request(theirs.csr_pem), common_name="SN-1")
    with pytest.raises(CsrRejected) as refusal:
        room.authority.issue(replace(room.order(), request=stolen), "station:CS-1")
    assert refusal.value.code == "key-of-an-authority"


def test_the_key_is_for_nobody_else_after_it_was_certified(room: Room, offline: Room) -> None:
    asked = request(room)
    taken_in(room, offline)
    stolen = replace(room.authority.read_request(asked.csr_pem), common_name="SN-1")
    with pytest.raises(CsrRejected) as refusal:
        room.authority.issue(replace(room.order(), request=stolen), "station:CS-1")
    assert refusal.value.code == "key-used-elsewhere"


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("signer", EC256),
        ("firmware-rsa", EC256),
        ("firmware", KeyAlgorithm.RSA_3072),
        ("firmware", KeyAlgorithm.EC_P384),
    ],
)
def test_a_signer_has_one_name_for_each_kind_of_key(online: Room, name: str, algorithm: KeyAlgorithm) -> None:
    with pytest.raises(OrderRefused):
        online.authority.elsewhere.request(name, "firmware", algorithm, "user:admin")


def test_whatever_is_asked_for_under_a_manufacturers_root_becomes_a_signer(online: Room, offline: Room) -> None:
    """L01 (remark): no authority stands below it, also when a request for one was carried there by mistake."""
    asked = online.authority.elsewhere.request("stations", "stations", EC256, "user:admin")
    made = certified(offline, asked)
    assert made.profile == "firmware"
    certificate = x509.load_pem_x509_certificate(made.certificate_pem.encode())
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    take_in = online.authority.elsewhere.take_in
    assert (
        refused(lambda: take_in("stations", made.certificate_pem, made.chain_pem, [], "user:admin")) == "no-authority"
    )


def test_taken_in_twice_it_changes_nothing(online: Room, offline: Room) -> None:
    made = certified(offline, request(online))
    take_in = online.authority.elsewhere.take_in
    first = take_in("firmware", made.certificate_pem, made.chain_pem, [], "user:admin")
    acts = online.acts()
    assert take_in("firmware", made.certificate_pem, made.chain_pem, [], "user:admin") == first
    assert online.acts() == acts
    assert acts[-2:] == ["authority:taken-in", "credential:renewed"]
    with online.store.reading() as session:
        assert online.trail.verify(session) == []


# --- renewing


def test_the_old_signer_signs_until_the_new_certificate_is_here(online: Room, offline: Room) -> None:
    before = taken_in(online, offline)
    signed(online.authority)
    again = request(online)
    assert signed(online.authority, "1.1").signing_certificate == before.certificate_pem
    made = certified(offline, again)
    after = online.authority.elsewhere.take_in("firmware", made.certificate_pem, "", [], "user:admin")
    assert after.serial != before.serial
    assert signed(online.authority, "1.2").signing_certificate == after.certificate_pem
    assert online.authority.certificate(before.serial).state == "good"


def test_a_request_given_up_leaves_the_signer_as_it_is(online: Room, offline: Room) -> None:
    before = taken_in(online, offline)
    request(online)
    online.authority.elsewhere.withdraw("firmware", "user:admin")
    assert signed(online.authority).signing_certificate == before.certificate_pem


def test_it_is_warned_of_in_time_and_told_what_to_do(online: Room, offline: Room) -> None:
    info = taken_in(online, offline, validity=400 * DAY)
    online.authority.warn_of_endings()
    assert [one.thing for one in ending(online)] == []
    online.clock.advance(220 * DAY)
    online.authority.warn_of_endings()
    [alarm] = ending(online)
    assert alarm.thing.startswith(f"firmware ({info.serial[:8]})")
    assert "voltward ca request firmware --post firmware" in alarm.sentence
    taken_in(online, offline, validity=400 * DAY)
    online.clock.advance(timedelta(minutes=2))
    online.authority.warn_of_endings()
    assert ending(online) == []


def ending(room: Room) -> list[Any]:
    return [one for one in room.authority.alarms.open_of(AlarmKind.AUTHORITY_ENDING) if "signer" in one.sentence]


def test_when_it_has_ended_orders_wait_and_are_signed_by_the_next_one(online: Room, offline: Room) -> None:
    taken_in(online, offline, validity=30 * DAY)
    online.clock.advance(31 * DAY)
    with pytest.raises(SignerUnavailable, match="voltward ca request firmware"):
        signed(online.authority)
    [waits] = online.authority.firmwares()
    assert waits.state is FirmwareState.APPROVED
    after = taken_in(online, offline)
    online.authority.keep_firmware()
    assert online.authority.firmware(waits.id).signing_certificate == after.certificate_pem


def test_it_is_not_renewed_by_ourselves(online: Room, offline: Room) -> None:
    info = taken_in(online, offline)
    with pytest.raises(RenewalRefused, match="voltward ca request firmware"):
        online.authority.renew_credential(info.serial, "user:admin")


def test_a_root_that_is_here_takes_nobodys_place_by_itself(room: Room, offline: Room) -> None:
    """The operator moved to the offline root: stations may know no other."""
    here = signed(room.authority).signing_certificate
    info = taken_in(room, offline, validity=30 * DAY)
    assert here != info.certificate_pem == signed(room.authority, "1.1").signing_certificate
    room.clock.advance(31 * DAY)
    with pytest.raises(SignerUnavailable):
        signed(room.authority, "1.2")
    # RSA was not moved, and goes on under the root that is here.
    assert signed(room.authority, "1.2", SignatureScheme.RSA_PSS_SHA256).state is FirmwareState.SIGNED


# --- revoking


@pytest.mark.parametrize("reason", [RevocationReason.KEY_COMPROMISE, RevocationReason.CERTIFICATE_HOLD])
def test_a_signer_on_the_roots_list_signs_nothing_any_more(
    online: Room, offline: Room, reason: RevocationReason
) -> None:
    info = taken_in(online, offline)
    online.clock.advance(timedelta(minutes=1))
    offline.authority.revoke(info.serial, reason, "operator")
    taken = online.authority.elsewhere.take_in_crl(offline.authority.crl("maker", 0), "user:admin")
    assert taken.revoked == ("firmware",)
    assert online.authority.certificate(info.serial).reason == reason
    assert [one.thing for one in online.authority.alarms.open_of(AlarmKind.AUTHORITY_REVOKED)] == ["firmware"]
    with pytest.raises(SignerUnavailable, match="was revoked"):
        signed(online.authority)
    assert online.authority.elsewhere.take_in_crl(offline.authority.crl("maker", 0), "user:admin").revoked == ()


def test_a_signer_revoked_here_stops_at_once(room: Room, offline: Room) -> None:
    """In haste, before the root's list comes; a signer under the root that is here does not take its place."""
    info = taken_in(room, offline)
    order = signed(room.authority)
    room.authority.revoke(info.serial, RevocationReason.KEY_COMPROMISE, "user:admin")
    assert room.authority.firmware(order.id).state is FirmwareState.REVOKED
    with pytest.raises(SignerUnavailable, match="was revoked"):
        signed(room.authority, "1.1")


def test_a_certificate_that_is_revoked_already_is_not_taken_in(online: Room, offline: Room) -> None:
    made = certified(offline, request(online))
    offline.authority.revoke(made.serial, RevocationReason.SUPERSEDED, "operator")
    lists = [offline.authority.crl("maker", 0)]
    take_in = online.authority.elsewhere.take_in
    assert refused(lambda: take_in("firmware", made.certificate_pem, made.chain_pem, lists, "user:admin")) == "revoked"


# --- what is not taken in


class Maker:
    """A manufacturer with tools of its own."""

    def __init__(self, room: Room) -> None:
        self.now = room.clock.now
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name.from_rfc4514_string("CN=Some Root,O=Maker")
        self.root = self.sign(self.name, self.key, self.name, (x509.BasicConstraints(True, 1), SIGNS), self.key)

    def sign(self, subject, key, issuer, extensions, signer, *, days=100):  # type: ignore[no-untyped-def]
        public = key.public_key() if hasattr(key, "public_key") else key
        builder = x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number())
        builder = builder.not_valid_before(self.now - DAY).not_valid_after(self.now + days * DAY)
        for one in extensions:
            builder = builder.add_extension(one, isinstance(one, x509.BasicConstraints | x509.KeyUsage))
        return builder.sign(signer, hashes.SHA256())

    def answer(self, csr_pem: str, *extensions, **options):  # type: ignore[no-untyped-def]
        csr = x509.load_pem_x509_csr(csr_pem.encode())
        return self.sign(csr.subject, csr.public_key(), self.name, extensions or (MAY_SIGN, CODE), self.key, **options)


def use(**bits: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**(dict.fromkeys(names, False) | bits))


SIGNS = use(key_cert_sign=True, crl_sign=True)
MAY_SIGN, CODE = use(digital_signature=True), x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
PEM = Encoding.PEM


def text(*certificates: x509.Certificate) -> str:
    return "".join(one.public_bytes(PEM).decode() for one in certificates)


def test_a_certificate_by_other_tools_with_small_serial_numbers_is_taken_in(online: Room) -> None:
    maker, asked = Maker(online), request(online)
    made = text(maker.answer(asked.csr_pem), maker.root)
    info = online.authority.elsewhere.take_in("firmware", made, "", [], "user:admin")
    assert info.parent == "some-root"
    assert signed(online.authority).state is FirmwareState.SIGNED


@pytest.mark.parametrize(
    ("extensions", "code"),
    [
        ((x509.BasicConstraints(True, 0), SIGNS), "an-authority"),
        ((SIGNS,), "wrong-key-usage"),
        ((use(digital_signature=True, key_cert_sign=True), CODE), "wrong-key-usage"),
        ((CODE,), "wrong-key-usage"),
        ((MAY_SIGN, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])), "wrong-extended-use"),
    ],
)
def test_what_is_no_signer_is_refused(online: Room, extensions: tuple[Any, ...], code: str) -> None:
    maker, asked = Maker(online), request(online)
    made = text(maker.answer(asked.csr_pem, *extensions), maker.root)
    assert refused(lambda: online.authority.elsewhere.take_in("firmware", made, "", [], "user:admin")) == code
    assert online.authority.authorities() == []


def test_a_signer_below_another_authority_is_refused(online: Room) -> None:
    """Stations check the signing certificate against the root alone (L01)."""
    maker, asked = Maker(online), request(online)
    middle_key = ec.generate_private_key(ec.SECP256R1())
    middle_name = x509.Name.from_rfc4514_string("CN=Between,O=Maker")
    middle = maker.sign(middle_name, middle_key, maker.name, (x509.BasicConstraints(True, 0), SIGNS), maker.key)
    csr = x509.load_pem_x509_csr(asked.csr_pem.encode())
    leaf = maker.sign(csr.subject, csr.public_key(), middle_name, (MAY_SIGN, CODE), middle_key)
    made = text(leaf, middle, maker.root)
    take_in = online.authority.elsewhere.take_in
    assert refused(lambda: take_in("firmware", made, "", [], "user:admin")) == "not-under-the-root"


def test_another_key_an_expired_certificate_and_half_a_chain_are_refused(online: Room) -> None:
    maker, asked = Maker(online), request(online)
    take_in = online.authority.elsewhere.take_in
    other = maker.sign(
        x509.load_pem_x509_csr(asked.csr_pem.encode()).subject, maker.key, maker.name, (MAY_SIGN, CODE), maker.key
    )
    over = maker.answer(asked.csr_pem, days=0)
    online.clock.advance(timedelta(hours=1))
    for made, code in (
        (text(other, maker.root), "wrong-key"),
        (text(over, maker.root), "expired"),
        (text(maker.answer(asked.csr_pem)), "incomplete-chain"),
    ):
        assert refused(lambda made=made: take_in("firmware", made, "", [], "user:admin")) == code


def test_the_two_hierarchies_stay_apart(online: Room, offline: Room) -> None:
    """The manufacturer's root is no root for stations, whatever it signed."""
    maker, asked = Maker(online), request(online)
    made = text(maker.answer(asked.csr_pem), maker.root)
    online.authority.elsewhere.take_in("firmware", made, "", [], "user:admin")
    stations = online.authority.elsewhere.request("stations", "stations", EC256, "user:admin")
    mixed = text(maker.answer(stations.csr_pem, x509.BasicConstraints(True, 0), SIGNS))
    assert refused(lambda: online.authority.elsewhere.take_in("stations", mixed, "", [], "u")) == "wrong-hierarchy"


def test_a_serial_number_that_we_know_already_is_refused_in_words(online: Room) -> None:
    """A maker's own tool may count 1, 2, 3."""
    maker, asked = Maker(online), request(online)
    first = maker.answer(asked.csr_pem)
    online.authority.elsewhere.take_in("firmware", text(first, maker.root), "", [], "user:admin")
    csr = x509.load_pem_x509_csr(request(online).csr_pem.encode())
    builder = x509.CertificateBuilder(maker.name, csr.subject, csr.public_key(), first.serial_number)
    builder = builder.not_valid_before(maker.now - DAY).not_valid_after(maker.now + DAY)
    twice = builder.add_extension(MAY_SIGN, True).sign(maker.key, hashes.SHA256())
    assert refused(lambda: online.authority.elsewhere.take_in("firmware", text(twice), "", [], "u")) == "taken"
    assert algorithm_of(csr.public_key()) is EC256
