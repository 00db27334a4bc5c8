"""The default hierarchy: complete, apart, all or nothing, and made once."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from pki.audit import AuditTrail, PkiAct
from pki.authority import Authority
from pki.ceremony import Ceremony
from pki.ceremony_file import read_plan
from pki.ceremony_plan import CeremonyPlan
from pki.cross_certificates import CrossCertificates
from pki.default_hierarchy import DEFAULT_HIERARCHY
from pki.errors import SignerUnavailable
from pki.hierarchy import AuthorityKind, Hierarchy, HierarchyName
from pki.keys import KeyAlgorithm
from pki.keystore import KeyStore
from tests.pki.conftest import PASSPHRASE, SETTINGS, Room, openssl
from tests.pki.test_issuance import CutTrail, PowerCut
from tests.tools_needed import needs_openssl


def test_makes_two_hierarchies_of_each_kind_of_key(authority: Authority) -> None:
    found = {info.name: (info.kind, info.hierarchy, info.parent) for info in authority.authorities()}
    operator, maker = HierarchyName.OPERATOR, HierarchyName.MANUFACTURER
    for suffix in ("", "-rsa"):
        assert found.pop("root" + suffix) == (AuthorityKind.ROOT, operator, None)
        assert found.pop("manufacturer" + suffix) == (AuthorityKind.ROOT, maker, None)
        for name in ("stations", "csms"):
            assert found.pop(name + suffix) == (AuthorityKind.ISSUING, operator, "root" + suffix)
        assert found.pop("firmware" + suffix) == (AuthorityKind.SIGNER, maker, "manufacturer" + suffix)
    assert found == {}


def test_the_keys_are_p256_and_rsa_3072(authority: Authority) -> None:
    for info in authority.authorities():
        expected = KeyAlgorithm.RSA_3072 if info.name.endswith("-rsa") else KeyAlgorithm.EC_P256
        key = x509.load_pem_x509_certificate(info.certificate_pem.encode()).public_key()
        assert info.algorithm is expected
        assert isinstance(key, rsa.RSAPublicKey) == info.name.endswith("-rsa")


@needs_openssl
def test_openssl_accepts_every_chain(room: Room) -> None:
    for info in room.authority.authorities():
        chain = room.authority.chain_pem(info.name)
        assert chain.startswith(info.certificate_pem)
        pems = chain.split("-----END CERTIFICATE-----\n")[:-1]
        root = room.write("root.pem", pems[-1] + "-----END CERTIFICATE-----\n")
        leaf, whole = room.write("leaf.pem", info.certificate_pem), room.write("chain.pem", chain)
        done = openssl("verify", "-x509_strict", "-CAfile", root, "-untrusted", whole, leaf)
        assert done.returncode == 0, done.stderr


def test_roots_live_20_years_issuing_authorities_10_and_all_start_early(room: Room) -> None:
    years = {AuthorityKind.ROOT: 20, AuthorityKind.ISSUING: 10, AuthorityKind.SIGNER: 3}
    for info in room.authority.authorities():
        span = info.not_after - info.not_before + timedelta(seconds=1)
        assert span == timedelta(days=365 * years[info.kind])
        assert info.not_before <= room.clock.now - timedelta(hours=47)


def test_an_issuing_authority_cannot_make_another(authority: Authority) -> None:
    certificate = x509.load_pem_x509_certificate(authority.authority("stations").certificate_pem.encode())
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value.path_length == 0


def test_trust_anchors_are_the_operators_alone(authority: Authority) -> None:
    subjects = [anchor.subject.rfc4514_string() for anchor in authority.trust_anchors()]
    assert len(subjects) == 6
    assert not any("Manufacturer" in subject for subject in subjects)


def test_two_roots_of_one_organisation_have_different_names(room: Room, fresh_room: Room) -> None:
    """Else a client with both in its store may look for the issuer under the wrong key."""
    ceremony(fresh_room, fresh_room.trail, fresh_room.keys).hold(EC_ONLY, "operator", fresh_room.clock.now)
    one, other = room.authority.operator_root().subject, fresh_room.authority.operator_root().subject
    assert one.split(",")[1] == other.split(",")[1] == "O=Acme Charging"
    assert one != other


def test_the_root_is_found_by_the_family_of_a_stations_key(authority: Authority) -> None:
    assert authority.operator_root("ec").name == "root"
    assert authority.operator_root("rsa").name == "root-rsa"


def test_establishing_again_changes_nothing(room: Room) -> None:
    before = room.authority.authorities()
    acts = len(room.acts())
    room.authority.establish("operator")
    assert room.authority.authorities() == before
    assert len(room.acts()) == acts


# Without the RSA half, whose primes would cost every crash test a second.
_WHOLE = read_plan(DEFAULT_HIERARCHY)
_EC = tuple(plan for plan in _WHOLE.authorities if plan.algorithm is KeyAlgorithm.EC_P256)
EC_ONLY = CeremonyPlan("without RSA", _EC)


def ceremony(room: Room, trail: AuditTrail, keys: KeyStore) -> Ceremony:
    desk, hierarchy = room.desk(keys, trail), Hierarchy(room.store)
    crosses = CrossCertificates(room.store, trail, desk, hierarchy, SETTINGS)
    return Ceremony(room.store, keys, trail, desk, hierarchy, SETTINGS, crosses)


@pytest.mark.parametrize(
    "act",
    [
        PkiAct.CERTIFICATE_REQUESTED,
        PkiAct.CERTIFICATE_INTENDED,
        PkiAct.CERTIFICATE_ISSUED,
        PkiAct.AUTHORITY_MADE,
    ],
)
def test_a_broken_off_ceremony_leaves_no_authority_and_is_taken_up_again(fresh_room: Room, act: PkiAct) -> None:
    room = fresh_room
    with pytest.raises(PowerCut):
        ceremony(room, CutTrail(room.trail, act), room.keys).hold(EC_ONLY, "operator", room.clock.now)
    assert room.authority.authorities() == []
    made = {path.name: path.read_bytes() for path in (room.folder / "keys").glob("*.key")}
    assert len(made) == 4
    reopened = KeyStore.open(room.folder / "keys", PASSPHRASE)
    ceremony(room, room.trail, reopened).hold(EC_ONLY, "operator", room.clock.now)
    assert len(room.authority.authorities()) == 4
    assert all((room.folder / "keys" / name).read_bytes() == content for name, content in made.items())


def test_a_key_of_another_kind_than_planned_is_not_used(fresh_room: Room) -> None:
    room = fresh_room
    room.keys.make_signer("stations", KeyAlgorithm.EC_P384)
    with pytest.raises(SignerUnavailable, match="ec-p384"):
        ceremony(room, room.trail, room.keys).hold(EC_ONLY, "operator", room.clock.now)
    assert room.authority.authorities() == []


def test_every_authority_is_on_the_audit_trail(room: Room) -> None:
    assert room.acts().count(PkiAct.AUTHORITY_MADE) == 8
    with room.store.reading() as session:
        assert room.trail.verify(session) == []


def test_no_key_lies_in_clear(room: Room) -> None:
    files: list[Path] = list((room.folder / "keys").iterdir())
    assert len(files) >= 10
    for path in files:
        assert b"BEGIN PRIVATE KEY" not in path.read_bytes()
        assert b"BEGIN EC PRIVATE KEY" not in path.read_bytes()
