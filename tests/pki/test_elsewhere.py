"""An authority whose parent's key is elsewhere: from the request to the first station, and all that may be wrong."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pki.authority import RevocationReason
from pki.errors import (
    CeremonyRefused,
    CsrRejected,
    IssuerEndsTooSoon,
    OrderRefused,
    ReturnedRefused,
    SignerUnavailable,
    UnknownAuthority,
)
from pki.hierarchy import AuthorityStatus, Custody
from pki.keys import KeyAlgorithm, KeyFamily, generate_key
from tests.pki.conftest import SETTINGS, Room, bare_folder, open_room, openssl
from tests.pki.requests import pem_request
from tests.tools_needed import needs_openssl

ROOTS = 'title = "Offline roots"\n[[root]]\nname = "root"\ncommon_name = "Acme Root G1"\npath_length = 1\n'
EC256 = KeyAlgorithm.EC_P256
SIGNING = {"key_cert_sign": True, "crl_sign": True}


@pytest.fixture
def online(fresh_room: Room) -> Room:
    return fresh_room


@pytest.fixture
def offline(tmp_path: Path, online: Room) -> Iterator[Room]:
    room = open_room(bare_folder(tmp_path / "offline"), online.clock)
    settings = SETTINGS.model_copy(update={"offline": True})
    room = replace(room, authority=room.rebuilt(settings=settings))
    room.authority.hold_ceremony(ROOTS, "operator")
    yield room
    room.store.close()


def request(online: Room, name: str = "stations", post: str = "stations", algorithm: KeyAlgorithm = EC256) -> Any:
    return online.authority.elsewhere.request(name, post, algorithm, "user:admin")


def certified(offline: Room, asked: Any, **wishes: Any) -> Any:
    return offline.authority.elsewhere.certify(asked.csr_pem, "root", asked.spki_sha256, "operator", **wishes)


def taken_in(online: Room, offline: Room, name: str = "stations", post: str = "stations") -> Any:
    signed = certified(offline, request(online, name, post))
    crl = offline.authority.crl("root", 0)
    return online.authority.elsewhere.take_in(name, signed.certificate_pem, signed.chain_pem, [crl], "user:admin")


@needs_openssl
def test_a_station_under_an_offline_root_is_accepted_by_openssl_with_both_lists(online: Room, offline: Room) -> None:
    info = taken_in(online, offline)
    assert (info.custody, info.status, info.parent) == (Custody.HERE, AuthorityStatus.ACTIVE, "root")
    root = online.authority.authority("root")
    assert (root.custody, root.kind, root.der) == (Custody.ELSEWHERE, "root", offline.authority.authority("root").der)
    station = online.issue()
    assert station.root == "root"
    shard = int(station.serial, 16) % SETTINGS.crl_shards
    anchor, chain, leaf = online.trust(station)
    issuing = online.write("issuing.pem", info.certificate_pem)
    lists = online.write("lists.pem", pem_lists(online.authority.crl("stations", shard)))
    verify = ("verify", "-x509_strict", "-crl_check", "-CAfile", anchor)
    done = openssl(*verify, "-CRLfile", lists, "-untrusted", chain, leaf)
    assert done.returncode == 0, done.stderr
    root_list = online.write("root.crl.pem", pem_lists(online.authority.crl("root", 0)))
    done = openssl(*verify, "-CRLfile", root_list, issuing)
    assert done.returncode == 0, done.stderr
    offline.authority.revoke(info.serial, RevocationReason.KEY_COMPROMISE, "operator")
    online.write("root.crl.pem", pem_lists(offline.authority.crl("root", 0)))
    assert "certificate revoked" in openssl(*verify, "-CRLfile", root_list, issuing).stderr


def pem_lists(*ders: bytes) -> str:
    return "".join(x509.load_der_x509_crl(der).public_bytes(Encoding.PEM).decode() for der in ders)


def test_the_certificate_points_at_the_list_and_at_no_responder_that_could_not_answer(
    online: Room, offline: Room
) -> None:
    certificate = x509.load_der_x509_certificate(taken_in(online, offline).der)
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert points[0].full_name[0].value == "http://pki.example/pki/crl/root/0.crl"  # type: ignore[index]
    access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert [one.access_location.value for one in access] == ["http://pki.example/pki/root.cer"]
    assert online.authority.crl("root", 0) == offline.authority.crl("root", 0)


def test_a_pending_authority_has_a_name_and_issues_nothing(online: Room) -> None:
    asked = request(online)
    assert [one.name for one in online.authority.elsewhere.pending()] == ["stations"]
    assert online.authority.authorities() == []
    with pytest.raises(CeremonyRefused, match="waits for its certificate"):
        online.authority.hold_ceremony(
            'title="T"\n[[root]]\nname="r"\n[[issuing]]\nname="stations"\nparent="r"\npost="stations"', "user:admin"
        )
    assert request(online) == asked
    with pytest.raises(OrderRefused, match="another request"):
        request(online, algorithm=KeyAlgorithm.EC_P384)
    online.authority.elsewhere.withdraw("stations", "user:admin")
    assert not online.keys.holds("stations")
    with pytest.raises(UnknownAuthority):
        online.authority.elsewhere.withdraw("stations", "user:admin")


def test_a_withdrawal_broken_off_leaves_a_request_that_no_certificate_can_answer(online: Room, offline: Room) -> None:
    signed = certified(offline, request(online))
    online.keys.forget("stations")  # what a withdrawal does first
    with pytest.raises(SignerUnavailable, match="withdraw the request"):
        online.authority.elsewhere.take_in("stations", signed.certificate_pem, signed.chain_pem, [], "user:admin")
    online.authority.elsewhere.withdraw("stations", "user:admin")
    assert online.authority.elsewhere.pending() == []


def test_the_request_asks_for_an_issuing_authority(online: Room) -> None:
    asked = x509.load_pem_x509_csr(request(online).csr_pem.encode())
    assert asked.is_signature_valid
    constraints = asked.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    use = asked.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (use.key_cert_sign, use.crl_sign, use.digital_signature) == (True, True, False)


def test_nobody_gets_a_station_certificate_for_the_key_of_a_request_that_travels(room: Room) -> None:
    asked = request(room, "stations-2")
    csr = room.authority.read_request(asked.csr_pem)
    with pytest.raises(CsrRejected) as caught:
        room.authority.issue(replace(room.order(), request=replace(csr, common_name="SN-1")), "station:CS-1")
    assert caught.value.code == "key-of-an-authority"


def test_a_successor_is_prepared_not_active(online: Room, offline: Room) -> None:
    taken_in(online, offline)
    assert taken_in(online, offline, "stations-2").status is AuthorityStatus.PREPARED
    assert online.authority.issuer_for("stations", KeyFamily.EC).name == "stations"
    assert taken_in(online, offline, "csms", "csms").status is AuthorityStatus.ACTIVE
    assert len(online.authority.server_credentials()) == 1


def test_taking_the_same_certificate_in_twice_changes_nothing(online: Room, offline: Room) -> None:
    signed = certified(offline, request(online))
    take_in = online.authority.elsewhere.take_in
    info = take_in("stations", signed.certificate_pem, signed.chain_pem, [], "user:admin")
    acts = len(online.acts())
    assert take_in("stations", signed.certificate_pem, signed.chain_pem, [], "user:admin") == info
    assert len(online.acts()) == acts
    with online.store.reading() as session:
        assert online.trail.verify(session) == []


# --- the offline side's policy


def test_the_offline_side_puts_what_it_certified_on_a_signed_record(online: Room, offline: Room) -> None:
    offline.clock.advance(timedelta(seconds=1))
    signed = certified(offline, request(online))
    record = offline.authority.ceremonies()[0]
    assert record.title.startswith("Certified Station Authority EC")
    assert signed.serial in record.statement
    assert "authority:certified" in offline.acts()


def test_a_request_that_was_exchanged_on_its_way_is_not_signed(online: Room, offline: Room) -> None:
    asked, other = request(online), request(online, "csms", "csms")
    with pytest.raises(OrderRefused, match="another one was expected"):
        offline.authority.elsewhere.certify(other.csr_pem, "root", asked.spki_sha256, "operator")


@pytest.mark.parametrize(
    ("csr", "match"),
    [
        (pem_request(generate_key(EC256), "X", "Somebody"), "names the organisation 'Somebody'"),
        (pem_request(generate_key(EC256), None, "Acme Charging"), "the common name must be"),
        (
            pem_request(generate_key(EC256), "Acme Root G1", "Acme Charging"),
            "has the common name 'Acme Root G1' already",
        ),
        (pem_request(ec.generate_private_key(ec.SECP521R1()), "X", "Acme Charging"), "P-256, P-384 or RSA"),
    ],
)
def test_the_offline_side_signs_only_what_its_policy_allows(offline: Room, csr: str, match: str) -> None:
    with pytest.raises(OrderRefused, match=match):
        offline.authority.elsewhere.preview(csr, "root")


def test_the_offline_side_signs_no_key_of_the_other_family(offline: Room, rsa_key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(OrderRefused, match="2048 bits are too few"):
        offline.authority.elsewhere.preview(pem_request(rsa_key, "X", "Acme Charging"), "root")


def test_the_offline_side_signs_nothing_beyond_its_own_end(online: Room, offline: Room) -> None:
    asked = request(online)
    with pytest.raises(OrderRefused, match="from one day to 7300 days"):
        offline.authority.elsewhere.preview(asked.csr_pem, "root", timedelta(days=8000))
    offline.clock.advance(timedelta(days=15 * 365))
    with pytest.raises(IssuerEndsTooSoon):
        offline.authority.elsewhere.preview(asked.csr_pem, "root")
    assert offline.authority.elsewhere.preview(asked.csr_pem, "root", timedelta(days=1000)).not_after


def test_an_issuing_authority_certifies_no_other(room: Room) -> None:
    with pytest.raises(OrderRefused, match="may certify no authorities"):
        room.authority.elsewhere.preview(pem_request(generate_key(EC256), "X", "Acme Charging"), "stations")


def test_under_a_manufacturers_root_stand_signers_and_no_authority(room: Room) -> None:
    """L01 (remark); see test_signers_elsewhere.py."""
    csr = pem_request(generate_key(EC256), "X", "Acme Charging")
    assert room.authority.elsewhere.preview(csr, "manufacturer").profile == "firmware"
    assert room.authority.elsewhere.preview(csr, "root").profile == "issuing"


# --- lists


def test_an_older_list_does_not_replace_a_newer_one(online: Room, offline: Room) -> None:
    old = offline.authority.crl("root", 0)
    taken_in(online, offline)
    offline.clock.advance(SETTINGS.crl_refresh * 2)
    new = offline.authority.crl("root", 0)
    taken = online.authority.elsewhere.take_in_crl(new, "user:admin")
    assert (taken.authority, taken.revoked) == ("root", ())
    assert online.authority.elsewhere.take_in_crl(new, "user:admin").number == taken.number
    with pytest.raises(ReturnedRefused) as caught:
        online.authority.elsewhere.take_in_crl(old, "user:admin")
    assert caught.value.code == "older"
    assert online.authority.crl("root", 0) == new


def test_a_list_that_is_late_raises_an_alarm_until_a_fresh_one_comes(online: Room, offline: Room) -> None:
    taken_in(online, offline)
    online.authority.refresh_crls()
    assert [alarm for alarm in online.authority.alarms.page() if alarm.thing == "root"] == []
    online.clock.advance(SETTINGS.crl_validity + timedelta(minutes=1))
    online.authority.refresh_crls()
    late = [alarm for alarm in online.authority.alarms.page() if alarm.thing == "root"]
    assert [alarm.kind for alarm in late] == ["crl-late"]
    with pytest.raises(ReturnedRefused, match="ended on"):
        online.authority.elsewhere.take_in_crl(online.authority.crl("root", 0), "user:admin")
    online.authority.elsewhere.take_in_crl(offline.authority.crl("root", 0), "user:admin")
    online.authority.refresh_crls()
    assert [alarm for alarm in online.authority.alarms.page() if alarm.thing == "root"] == []


def test_a_list_that_is_brought_by_hand_is_asked_for_before_it_is_late(online: Room, offline: Room) -> None:
    taken_in(online, offline)
    online.clock.advance(SETTINGS.crl_validity * 0.7)
    online.authority.refresh_crls()
    assert online.authority.alarms.page() == []
    online.clock.advance(SETTINGS.crl_validity * 0.15)
    online.authority.refresh_crls()
    found = [
        (alarm.thing, alarm.severity, "bring a fresh one" in alarm.sentence) for alarm in online.authority.alarms.page()
    ]
    assert found == [("root", "warning", True)]


def test_a_list_that_nobody_brought_raises_an_alarm_where_certificates_point_at_it(online: Room, offline: Room) -> None:
    signed = certified(offline, request(online))
    online.authority.elsewhere.take_in("stations", signed.certificate_pem, signed.chain_pem, [], "user:admin")
    online.authority.refresh_crls()
    assert [alarm.sentence[:38] for alarm in online.authority.alarms.page() if alarm.thing == "root"] == [
        "the revocation list of root was never "
    ]
    online.authority.elsewhere.take_in_crl(offline.authority.crl("root", 0), "user:admin")
    online.authority.refresh_crls()
    assert [alarm for alarm in online.authority.alarms.page() if alarm.thing == "root"] == []


def test_a_companys_list_need_not_be_brought(online: Room) -> None:
    corp, asked = Company(online), request(online)
    offer(online, corp.certify(asked), corp.root)
    online.authority.refresh_crls()
    assert online.authority.alarms.page() == []


def test_an_authority_that_its_parent_revoked_issues_nothing_any_more(online: Room, offline: Room) -> None:
    info = taken_in(online, offline)
    online.issue()
    offline.authority.revoke(info.serial, RevocationReason.KEY_COMPROMISE, "operator")
    taken = online.authority.elsewhere.take_in_crl(offline.authority.crl("root", 0), "user:admin")
    assert taken.revoked == ("stations",)
    assert online.authority.authority("stations").status is AuthorityStatus.RETIRED
    with pytest.raises(Exception, match="no active authority"):
        online.issue(serial="SN-2", station="CS-2")
    assert [alarm.thing for alarm in online.authority.alarms.page() if alarm.kind == "authority-revoked"] == [
        "stations"
    ]


@pytest.mark.parametrize(
    "content", [b"", b"x", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", b"\x30" * 99]
)
def test_what_is_no_list_is_refused(online: Room, content: bytes) -> None:
    with pytest.raises(ReturnedRefused, match="not a revocation list"):
        online.authority.elsewhere.take_in_crl(content, "user:admin")


def test_ten_megabytes_of_list_are_refused_unread(online: Room) -> None:
    with pytest.raises(ReturnedRefused, match="longer than"):
        online.authority.elsewhere.take_in_crl(b"x" * 10_000_000, "user:admin")


def test_a_list_of_a_stranger_is_refused(online: Room, offline: Room, room: Room) -> None:
    taken_in(online, offline)
    with pytest.raises(ReturnedRefused, match="known here"):
        online.authority.elsewhere.take_in_crl(room.authority.crl("root", 0), "user:admin")


# --- a company's own root, with every mistake that it may make


class Company:
    """A certificate authority that follows its own rules."""

    def __init__(self, online: Room) -> None:
        self.now = online.clock.now
        self.key = generate_key(EC256)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Corp Root")])
        self.root = self.sign(self.name, self.key.public_key(), self.name, self.key, path_length=None)

    def sign(self, subject: x509.Name, key: Any, issuer: x509.Name, by: Any, **changes: Any) -> x509.Certificate:
        wish = {"path_length": 0, "ca": True, "use": SIGNING, "days": (-1, 3000), "extra": (), "hash": hashes.SHA256()}
        wish |= changes
        uses = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False)  # fmt: skip
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(wish.get("serial", 1))
            .not_valid_before(self.now + timedelta(days=wish["days"][0]))
            .not_valid_after(self.now + timedelta(days=wish["days"][1]))
        )
        if wish["ca"] is not None:
            builder = builder.add_extension(x509.BasicConstraints(wish["ca"], wish["path_length"]), critical=True)
        if wish["use"] is not None:
            builder = builder.add_extension(x509.KeyUsage(**(uses | wish["use"])), critical=True)
        for extension, critical in wish["extra"]:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(by, wish["hash"])

    def certify(self, asked: Any, **changes: Any) -> x509.Certificate:
        csr = x509.load_pem_x509_csr(asked.csr_pem.encode())
        subject, key = changes.pop("subject", csr.subject), changes.pop("key", csr.public_key())
        by, issuer = changes.pop("by", self.key), changes.pop("issuer", self.name)
        return self.sign(subject, key, issuer, by, **changes)


def pem(*certificates: x509.Certificate) -> str:
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)


def offer(online: Room, certificate: x509.Certificate, *chain: x509.Certificate, crls: tuple[bytes, ...] = ()) -> Any:
    return online.authority.elsewhere.take_in("stations", pem(certificate), pem(*chain), list(crls), "user:admin")


@needs_openssl
def test_a_companys_root_with_an_intermediate_and_equal_serial_numbers_works(online: Room) -> None:
    corp, asked = Company(online), request(online)
    between_key = generate_key(KeyAlgorithm.EC_P384)
    between_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Corp Devices")])
    between = corp.sign(between_name, between_key.public_key(), corp.name, corp.key, path_length=1, days=(-1, 2000))
    certificate = corp.certify(asked, by=between_key, issuer=between_name, serial=77)
    info = offer(online, certificate, corp.root, between)
    assert info.parent == "corp-devices"
    assert info.not_after == between.not_valid_after_utc  # what outlives its parent counts for nobody
    assert {one.name: one.custody for one in online.authority.authorities()} == {
        "corp-root": Custody.ELSEWHERE, "corp-devices": Custody.ELSEWHERE, "stations": Custody.HERE,
    }  # fmt: skip
    station = online.issue()
    anchor, chain, leaf = online.trust(station)
    done = openssl("verify", "-CAfile", anchor, "-untrusted", chain, leaf)
    assert done.returncode == 0, done.stderr
    assert station.chain_pem.count("BEGIN") == 3


def test_a_companys_list_is_taken_in_and_obeyed(online: Room) -> None:
    corp, asked = Company(online), request(online)
    certificate = corp.certify(asked, serial=5)
    assert offer(online, certificate, corp.root, crls=(company_list(corp, online),)).status is AuthorityStatus.ACTIVE
    taken = online.authority.elsewhere.take_in_crl(company_list(corp, online, 5), "user:admin")
    assert taken.revoked == ("stations",)


def company_list(corp: Company, online: Room, *serials: int, key: Any = None, extra: Any = None) -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(corp.name)
    builder = builder.last_update(online.clock.now).next_update(online.clock.now + timedelta(days=30))
    for serial in serials:
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(online.clock.now).build()
        builder = builder.add_revoked_certificate(revoked)
    if extra is not None:
        builder = builder.add_extension(extra, critical=True)
    return builder.sign(key or corp.key, hashes.SHA256()).public_bytes(Encoding.DER)


def partial(**changes: Any) -> x509.IssuingDistributionPoint:
    whole: dict[str, Any] = {"full_name": None, "relative_name": None, "only_contains_user_certs": False,
             "only_contains_ca_certs": False, "only_some_reasons": None, "indirect_crl": False,
             "only_contains_attribute_certs": False}  # fmt: skip
    return x509.IssuingDistributionPoint(**(whole | changes))


def test_lists_that_do_not_tell_that_an_authority_is_good_are_refused(online: Room) -> None:
    corp, asked = Company(online), request(online)
    offer(online, corp.certify(asked), corp.root)
    elsewhere_ = [x509.UniformResourceIdentifier("http://other/pki/crl/root/0.crl")]
    for content, code in (
        (company_list(corp, online, extra=partial(only_contains_user_certs=True)), "partial"),
        (company_list(corp, online, extra=partial(full_name=elsewhere_)), "wrong-address"),
        (company_list(corp, online, extra=x509.DeltaCRLIndicator(1)), "delta"),
        (company_list(corp, online, key=generate_key(EC256)), "bad-signature"),
    ):
        with pytest.raises(ReturnedRefused) as caught:
            online.authority.elsewhere.take_in_crl(content, "user:admin")
        assert caught.value.code == code


def directory(*names: tuple[Any, str]) -> x509.DirectoryName:
    return x509.DirectoryName(x509.Name([x509.NameAttribute(kind, text) for kind, text in names]))


def constrained(permitted: Any = None, excluded: Any = None) -> tuple[x509.NameConstraints, bool]:
    return x509.NameConstraints(permitted, excluded), True


OURS = directory((NameOID.ORGANIZATION_NAME, "ACME  charging"))
OTHERS = directory((NameOID.ORGANIZATION_NAME, "Other"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"key": generate_key(EC256).public_key()}, "wrong-key"),
        ({"subject": x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "X")])}, "wrong-name"),
        ({"path_length": 1}, "wrong-path-length"),
        ({"path_length": None}, "wrong-path-length"),
        ({"ca": False, "path_length": None}, "no-authority"),
        ({"ca": None}, "no-authority"),
        ({"use": None}, "wrong-key-usage"),
        ({"use": {"key_cert_sign": True}}, "wrong-key-usage"),
        ({"use": {"digital_signature": True}}, "wrong-key-usage"),
        ({"days": (-10, -1)}, "expired"),
        ({"days": (1, 10)}, "not-yet"),
        ({"by": generate_key(EC256)}, "bad-signature"),
        ({"hash": hashes.SHA3_256()}, "weak-signature"),
        ({"extra": [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)]}, "wrong-extended-use"),
        ({"extra": [constrained(permitted=[OTHERS])]}, "name-constraints"),
        ({"extra": [constrained(excluded=[OURS])]}, "name-constraints"),
        ({"extra": [(x509.PolicyConstraints(0, None), True)]}, "unknown-extension"),
        (
            {"extra": [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"), True)]},
            "unknown-extension",
        ),
    ],
)
def test_a_wrong_certificate_is_refused_and_the_request_goes_on_waiting(
    online: Room, changes: dict[str, Any], code: str
) -> None:
    corp, asked = Company(online), request(online)
    acts = len(online.acts())
    with pytest.raises(ReturnedRefused) as caught:
        offer(online, corp.certify(asked, **changes), corp.root)
    assert caught.value.code == code
    assert online.authority.authorities() == []
    assert len(online.acts()) == acts
    assert offer(online, corp.certify(asked), corp.root).name == "stations"


@pytest.mark.parametrize(
    "extra",
    [
        [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)],
        [constrained(permitted=[OURS])],
        [constrained(permitted=[x509.DNSName("corp.example")], excluded=[OTHERS])],
    ],
)
def test_constraints_that_leave_room_are_accepted(online: Room, extra: Any) -> None:
    corp, asked = Company(online), request(online)
    assert offer(online, corp.certify(asked, extra=extra), corp.root).status is AuthorityStatus.ACTIVE


def test_an_authority_for_servers_needs_room_for_their_host_names(online: Room) -> None:
    corp, asked = Company(online), request(online, "stations", "csms")
    for names, fits in ((["corp.example"], False), (["example"], True)):
        constraints = constrained(permitted=[x509.DNSName(name) for name in names])
        certificate = corp.certify(asked, extra=[constraints])
        if fits:
            assert offer(online, certificate, corp.root).post == "csms"
        else:
            with pytest.raises(ReturnedRefused, match="do not allow csms"):
                offer(online, certificate, corp.root)


def test_the_chain_must_be_whole_good_and_without_a_revoked_link(online: Room) -> None:
    corp, asked = Company(online), request(online)
    certificate = corp.certify(asked, serial=5)
    cases: list[tuple[tuple[x509.Certificate, ...], tuple[bytes, ...], str]] = [
        ((), (), "incomplete-chain"),
        ((Company(online).root,), (), "bad-signature"),
        ((corp.root,), (company_list(corp, online, 5),), "revoked"),
        ((corp.root,), (company_list(corp, online, key=generate_key(EC256)),), "unknown-issuer"),
    ]
    corp.now -= timedelta(days=4000)
    old = corp.sign(corp.name, corp.key.public_key(), corp.name, corp.key, path_length=None)
    cases.append(((old,), (), "expired"))
    corp.now += timedelta(days=4000)
    narrow = corp.sign(corp.name, corp.key.public_key(), corp.name, corp.key, path_length=0)
    cases.append(((narrow,), (), "wrong-path-length"))
    for chain, crls, code in cases:
        with pytest.raises(ReturnedRefused) as caught:
            offer(online, certificate, *chain, crls=crls)
        assert caught.value.code == code
    assert online.authority.authorities() == []


def test_a_companys_key_of_an_unusual_kind_is_refused_with_a_sentence(online: Room) -> None:
    corp, asked = Company(online), request(online)
    corp.key = ec.generate_private_key(ec.SECP521R1())
    root = corp.sign(corp.name, corp.key.public_key(), corp.name, corp.key, path_length=None)
    with pytest.raises(ReturnedRefused, match="stations cannot be expected to know"):
        offer(online, corp.certify(asked), root)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "not-pem"),
        ("nothing", "not-pem"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "unreadable"),
        ("-----BEGIN CERTIFICATE-----\n" + "A" * 10_000_000, "too-long"),
    ],
)
def test_what_is_no_certificate_is_refused(online: Room, text: str, code: str) -> None:
    request(online)
    with pytest.raises(ReturnedRefused) as caught:
        online.authority.elsewhere.take_in("stations", text, "", [], "user:admin")
    assert caught.value.code == code


def test_a_root_in_place_of_the_certificate_is_refused(online: Room) -> None:
    request(online)
    with pytest.raises(ReturnedRefused, match="self-signed"):
        offer(online, Company(online).root)
