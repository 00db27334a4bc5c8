"""One contract for every place where keys may be kept: folder, PKCS#11 token, AWS KMS, signer process."""

import hashlib
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki.errors import KeyExists, SignerUnavailable
from pki.firmware_tables import FirmwareRow
from pki.key_check import check_key, is_key_check
from pki.keys import KeyAlgorithm, KeyFamily, SignatureScheme, spki_of, verify_signature
from pki.keystore import KeyStore
from pki.tables import CredentialRow
from pki.vault import Vault
from tests.pki.conftest import PASSPHRASE, Room, openssl
from tests.pki.places import SoftToken, file_vault, kms_vault
from tests.pki.signer_room import signer_over
from tests.tools_needed import needs, needs_openssl

EC, P384, RSA = KeyAlgorithm.EC_P256, KeyAlgorithm.EC_P384, KeyAlgorithm.RSA_3072
OPENSSL_OPTIONS = {
    SignatureScheme.RSA_PSS_SHA256: ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"],
}
needs_softhsm = needs("softhsm2-util", "softhsm2")


# What the signer process signs as well, in a ceremony: the record of one.
DATA, OTHER = b'{"to be": "signed"}', b'{"something": "else"}'


@dataclass
class Place:
    """A place with room for keys, and a second view of it, as another process would have."""

    vault: Vault
    again: Callable[[], Vault]
    order: Callable[[str, bytes, SignatureScheme], None] = lambda *_: None
    prefix: str = "firmware"

    def __post_init__(self) -> None:
        """Places outlive a test; names do not meet."""
        self.prefix = f"firmware-{secrets.token_hex(4)}"

    def name(self, name: str) -> str:
        """A name of this test's own."""
        return f"{self.prefix}-{name}"


def files(request: pytest.FixtureRequest) -> Iterator[Place]:
    folder = request.getfixturevalue("tmp_path") / "keys"
    yield Place(file_vault(folder), lambda: KeyStore.open(folder, PASSPHRASE))


def token(request: pytest.FixtureRequest) -> Iterator[Place]:
    soft_token: SoftToken = request.getfixturevalue("soft_token")
    yield Place(soft_token.vault(), soft_token.vault)


def kms(request: pytest.FixtureRequest) -> Iterator[Place]:
    endpoint = request.getfixturevalue("kms_endpoint")
    yield Place(kms_vault(endpoint), lambda: kms_vault(endpoint))


def process(request: pytest.FixtureRequest) -> Iterator[Place]:
    room: Room = request.getfixturevalue("fresh_room")

    def order(key: str, digest: bytes, scheme: SignatureScheme) -> None:
        """What the signer wants to see before it signs a firmware's digest."""
        with room.store.writing() as session:
            session.add(CredentialRow(serial=key, slot="firmware", key_name=key, not_after=room.clock.now))
            row = FirmwareRow(id=key, vendor="v", model="m", version="1", digest=digest.hex(), scheme=scheme)
            row.state, row.requested_by, row.created_at = "approved", "user:admin", room.clock.now
            session.add(row)

    with signer_over(room, in_ceremony=True) as signer:
        yield Place(signer.client(), signer.client, order)


@pytest.fixture(params=[files, pytest.param(token, marks=needs_softhsm), kms, process], ids=lambda made: made.__name__)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    yield from request.param(request)


@pytest.mark.parametrize("algorithm", [EC, P384, RSA])
def test_a_key_that_was_made_signs_here_and_in_another_process(place: Place, algorithm: KeyAlgorithm) -> None:
    made = place.vault.make_signer(place.name("root"), algorithm)
    found = place.again().signer(place.name("root"))
    assert (made.algorithm, found.algorithm) == (algorithm, algorithm)
    assert spki_of(found.public_key) == spki_of(made.public_key)
    for signer in (made, found):
        signature = signer.sign(DATA)
        assert verify_signature(made.public_key, signature, DATA)
        assert not verify_signature(made.public_key, signature, OTHER)


@needs_openssl
@pytest.mark.parametrize("scheme", SignatureScheme)
def test_openssl_verifies_every_scheme(place: Place, scheme: SignatureScheme, tmp_path: Path) -> None:
    signer = place.vault.make_signer(place.name("k"), EC if scheme.family is KeyFamily.EC else RSA)
    image = tmp_path / "image"
    image.write_bytes(b"firmware")
    digest = hashlib.sha256(b"firmware").digest()
    place.order(signer.name, digest, scheme)
    (tmp_path / "sig").write_bytes(signer.sign_digest(digest, scheme))
    pem = signer.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(pem)
    options = OPENSSL_OPTIONS.get(scheme, [])
    done = openssl("dgst", "-sha256", "-verify", tmp_path / "key.pem", *options, "-signature", tmp_path / "sig", image)
    assert done.stdout.strip() == "Verified OK", done.stderr


def test_a_key_signs_only_by_schemes_of_its_family(place: Place) -> None:
    signer = place.vault.make_signer(place.name("k"), EC)
    with pytest.raises(ValueError, match="family"):
        signer.sign_digest(bytes(32), SignatureScheme.RSA_PSS_SHA256)


def test_many_are_signed_in_their_order(place: Place) -> None:
    signer = place.vault.make_signer(place.name("k"), EC)
    many = [b"{%d}" % number for number in range(20)]
    signatures = signer.sign_each(many)
    assert all(
        isinstance(signature, bytes) and verify_signature(signer.public_key, signature, data)
        for signature, data in zip(signatures, many, strict=True)
    )


def test_several_threads_sign_with_one_key(place: Place) -> None:
    signer = place.vault.make_signer(place.name("k"), EC)
    good: list[bool] = []

    def work(number: int) -> None:
        data = b"{%d}" % number
        good.extend(verify_signature(signer.public_key, signer.sign(data), data) for _ in range(5))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert good == [True] * 40


def test_nothing_is_overwritten(place: Place) -> None:
    made = place.vault.make_signer(place.name("k"), EC)
    for vault in (place.vault, place.again()):
        with pytest.raises(KeyExists):
            vault.make_signer(place.name("k"), P384)
    assert spki_of(place.again().signer(place.name("k")).public_key) == spki_of(made.public_key)


def test_a_missing_key_is_told(place: Place) -> None:
    assert not place.vault.holds(place.name("none"))
    with pytest.raises(SignerUnavailable) as caught:
        place.vault.signer(place.name("none"))
    assert caught.value.name == place.name("none")


def test_a_forgotten_key_is_gone_and_others_stay(place: Place) -> None:
    old, new = place.name("old"), place.name("new")
    place.vault.make_signer(old, EC)
    place.vault.make_signer(new, EC)
    place.vault.forget(old)
    place.vault.forget(old)
    assert not place.vault.holds(old)
    assert not place.again().holds(old)
    assert place.again().holds(new)
    with pytest.raises(SignerUnavailable):
        place.vault.signer(old)
    place.vault.make_signer(old, EC)


@pytest.mark.parametrize("name", ["../root", "a/b", "", ".hidden", "UPPER", "a key"])
def test_refuses_names_that_do_not_fit_everywhere(place: Place, name: str) -> None:
    for act in (lambda: place.vault.make_signer(name, EC), lambda: place.vault.holds(name)):
        with pytest.raises(ValueError, match="name of a key"):
            act()


def test_says_where_a_key_is(place: Place) -> None:
    assert "stations" in place.vault.where("stations")
    assert place.vault.where("stations") != place.vault.where("csms")


def test_a_key_can_be_tried_without_signing_anything_that_means_something(place: Place) -> None:
    check_key(place.vault.make_signer(place.name("k"), EC))
    assert not is_key_check(b"\x30\x82")
