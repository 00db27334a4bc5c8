"""What an order may say: counters, hardware, bound files; and signatures that the manufacturer brings."""

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from pki.anchor_use import AnchorUse
from pki.errors import FirmwareRefused, UnknownAttachment
from pki.firmware_attachments import Attachment, AttachmentKind
from pki.firmware_book import FirmwareState, Origin
from pki.keys import SignatureScheme
from tests.pki.conftest import SETTINGS, Room
from tests.pki.test_firmware import DIGEST, IMAGE, order

SBOM, PROVENANCE = AttachmentKind
CYCLONE = json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6"}).encode()
SPDX = json.dumps({"spdxVersion": "SPDX-2.3"}).encode()


def statement(digest: bytes = DIGEST) -> dict[str, Any]:
    subject = [{"name": "image.bin", "digest": {"sha256": digest.hex()}}]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": "https://slsa.dev/provenance/v1",
    }


def enveloped(said: object) -> dict[str, str]:
    payload = base64.b64encode(json.dumps(said).encode()).decode()
    return {"payloadType": "application/vnd.in-toto+json", "payload": payload}


def provenance(said: object) -> Attachment:
    return Attachment(PROVENANCE, "build.intoto.json", json.dumps(said).encode())


def refused(room: Room, **changes: Any) -> str:
    with pytest.raises(FirmwareRefused) as caught:
        room.authority.sign_firmware(order(**changes), "token:ci")
    return caught.value.field


def test_an_empty_image_is_refused(room: Room) -> None:
    assert refused(room, digest=hashlib.sha256(b"").digest()) == "digest"


def test_a_counter_below_a_minimum_that_was_signed_is_refused(room: Room) -> None:
    room.authority.sign_firmware(order(version="2", release_counter=7, minimum_counter=5), "token:ci")
    assert refused(room, version="1", release_counter=4) == "release_counter"
    assert refused(room, version="1") == "release_counter"
    assert room.authority.sign_firmware(order(version="3", release_counter=5), "token:ci").release_counter == 5
    assert room.authority.sign_firmware(order(model="Other", version="1"), "token:ci").state is FirmwareState.SIGNED


@pytest.mark.parametrize(
    "counters",
    [{"release_counter": 1, "minimum_counter": 2}, {"minimum_counter": 1}, {"release_counter": -1},
     {"release_counter": 2**31}],
)  # fmt: skip
def test_counters_that_make_no_sense_are_refused(room: Room, counters: dict[str, int]) -> None:
    assert refused(room, **counters) in counters


@pytest.mark.parametrize("hardware", [("a", "a"), ("",), ("a\n",), tuple(map(str, range(101)))])
def test_hardware_is_a_list_of_names(room: Room, hardware: tuple[str, ...]) -> None:
    assert refused(room, hardware=hardware) == "hardware"


def test_what_is_bound_stands_in_the_log_and_can_be_read_again(room: Room) -> None:
    files = (Attachment(SBOM, "sbom.json", CYCLONE), provenance(statement()))
    firmware = room.authority.sign_firmware(
        order(release_counter=3, hardware=("rev-b", "rev-a"), attachments=files), "token:ci"
    )
    assert {(one.kind, one.form) for one in firmware.attachments} == {("sbom", "CycloneDX"), ("provenance", "in-toto")}
    said = json.loads(room.authority.firmware_log.page()[0].entry)
    assert {one["sha256"] for one in said["attachments"]} == {one.sha256 for one in files}
    assert (said["release_counter"], said["hardware"]) == (3, ["rev-a", "rev-b"])
    assert room.authority.firmware_book.attachment(firmware.id, files[0].sha256)[1] == CYCLONE
    with pytest.raises(UnknownAttachment):
        room.authority.firmware_book.attachment(firmware.id, "00")


@pytest.mark.parametrize(
    "said",
    [statement(), enveloped(statement()), {"dsseEnvelope": enveloped(statement())}],
    ids=["plain", "dsse", "sigstore bundle"],
)
def test_provenance_comes_in_the_forms_that_builders_make(said: object) -> None:
    one = provenance(said)
    one.check_digest(DIGEST)
    assert one.form == "in-toto"
    lines = Attachment(PROVENANCE, "x.jsonl", one.content + b"\n" + one.content + b"\n")
    lines.check_digest(DIGEST)


def test_both_kinds_of_sbom_are_known() -> None:
    assert [Attachment(SBOM, "x", content).form for content in (CYCLONE, SPDX)] == ["CycloneDX", "SPDX"]


@pytest.mark.parametrize(
    "attachment",
    [
        provenance(statement(bytes(32))), provenance({}), provenance([]), provenance(enveloped("x")),
        provenance({"payloadType": "application/vnd.in-toto+json", "payload": "!"}),
        Attachment(PROVENANCE, "x", b"\xff"), Attachment(SBOM, "x", b"{}"), Attachment(SBOM, "x", b"not json"),
        Attachment(SBOM, "x", b"[" * 100_000), Attachment(SBOM, "a/b", CYCLONE),
        Attachment(SBOM, "x", CYCLONE + b" " * SETTINGS.firmware_attachment_limit),
    ],
)  # fmt: skip
def test_files_that_are_not_what_they_should_be_are_refused(room: Room, attachment: Attachment) -> None:
    assert refused(room, attachments=(attachment,)) == "attachments"
    assert room.authority.firmwares() == []


def test_the_same_release_has_one_set_of_facts(room: Room) -> None:
    room.authority.sign_firmware(order(release_counter=1), "token:ci")
    assert refused(room, release_counter=2) == "release_counter"
    assert refused(room, release_counter=1, hardware=("a",)) == "hardware"
    assert refused(room, release_counter=1, attachments=(Attachment(SBOM, "s", SPDX),)) == "attachments"
    assert refused(room, scheme=SignatureScheme.RSA_PSS_SHA256, release_counter=2) == "release_counter"


# --- brought by the manufacturer

MAKER = ec.generate_private_key(ec.SECP256R1())
SIGNER = ec.generate_private_key(ec.SECP256R1())


def certificate(room: Room, name: str, key: Any, *, is_root: bool, days: int = 300) -> x509.Certificate:
    subject, issuer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, "Maker Root"))
    usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
    usage |= {"encipher_only": False, "decipher_only": False, "digital_signature": not is_root}
    return (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(room.clock.now - timedelta(days=1)).not_valid_after(room.clock.now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=is_root, crl_sign=is_root, **usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(MAKER.public_key()), critical=False)
        .sign(MAKER, hashes.SHA256())
    )  # fmt: skip


def pem(one: x509.Certificate) -> str:
    return one.public_bytes(serialization.Encoding.PEM).decode()


def trust_maker(room: Room) -> None:
    root = certificate(room, "Maker Root", MAKER, is_root=True)
    room.authority.anchors.add(pem(root).encode(), "Acme", "acme-fw", "user:admin", AnchorUse.FIRMWARE)


def signature() -> str:
    return base64.b64encode(SIGNER.sign(IMAGE, ec.ECDSA(hashes.SHA256()))).decode()


def test_a_signature_of_the_manufacturer_is_verified_logged_and_shown_as_brought(room: Room) -> None:
    trust_maker(room)
    signer = pem(certificate(room, "Signer", SIGNER, is_root=False))
    firmware = room.authority.bring_firmware(order(), signature(), signer, "user:op")
    assert (firmware.state, firmware.origin, firmware.log_number) == (FirmwareState.SIGNED, Origin.BROUGHT, 0)
    assert firmware.signing_certificate == signer
    assert room.acts()[-1] == "firmware:brought"
    bundle = room.authority.firmware_bundle(firmware.id)
    assert len(bundle.chain) == 1
    with room.store.reading() as session:
        assert room.authority.firmware_log.verify(session) == []


def test_what_is_brought_waits_for_approval_like_the_rest(room: Room) -> None:
    trust_maker(room)
    room.authority.firmware_rules.add("*", "*", 1, [], "user:admin")
    signer = pem(certificate(room, "Signer", SIGNER, is_root=False))
    waiting = room.authority.bring_firmware(order(), signature(), signer, "user:op")
    assert (waiting.state, waiting.log_number) == (FirmwareState.PENDING, None)
    assert room.authority.approve_firmware(waiting.id, "user:anna").state is FirmwareState.SIGNED


def test_what_does_not_hold_is_not_taken_in(room: Room) -> None:
    good = pem(certificate(room, "Signer", SIGNER, is_root=False))
    other = rsa.generate_private_key(65537, 2048)
    wrong: list[tuple[str, str, str]] = [(signature(), good, "no manufacturer root")]
    for given, signer, words in wrong:
        with pytest.raises(FirmwareRefused, match=words):
            room.authority.bring_firmware(order(), given, signer, "user:op")
    trust_maker(room)
    wrong = [
        (base64.b64encode(SIGNER.sign(b"other", ec.ECDSA(hashes.SHA256()))).decode(), good, "does not verify"),
        ("!!", good, "not base64"),
        (signature(), "hello", "not PEM"),
        (signature(), room.authority.authority("manufacturer").certificate_pem, "does not verify"),
        (signature(), pem(certificate(room, "Old", SIGNER, is_root=False, days=0)), "not valid at this time"),
        (signature(), pem(certificate(room, "RSA", other, is_root=False)), "does not verify"),
        ("A" * 804, good, "room for 800"),
        (signature(), good + "\n" * 5500, "room for 5500"),
    ]
    room.clock.advance(timedelta(hours=1))
    for given, signer, words in wrong:
        with pytest.raises(FirmwareRefused, match=words):
            room.authority.bring_firmware(order(), given, signer, "user:op")
    assert room.authority.firmwares() == []
