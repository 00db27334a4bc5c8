"""Revocation lists: what stands on them, when they are renewed, and what OpenSSL makes of them."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import crl as asn1_crl
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from structlog.testing import capture_logs

from pki.audit import PkiAct
from pki.authority import Certificate
from pki.crl import build_crl
from pki.errors import SignerUnavailable, UnknownAuthority
from pki.keys import check_key_strength
from pki.revocation import RevocationReason
from tests.pki.conftest import Room, openssl
from tests.pki.test_issuance import WatchedKeys
from tests.tools_needed import needs_openssl

COMPROMISE = RevocationReason.KEY_COMPROMISE


def shard_of(certificate: Certificate) -> int:
    return int(certificate.serial, 16) % 16


def crl_of(room: Room, certificate: Certificate) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl(room.authority.crl(certificate.authority, shard_of(certificate)))


def number_of(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def serials(crl: x509.CertificateRevocationList) -> set[str]:
    return {f"{entry.serial_number:x}" for entry in crl}


@needs_openssl
@pytest.mark.parametrize("family", ["ec", "rsa"])
def test_openssl_accepts_a_good_certificate_and_refuses_a_revoked_one(
    room: Room, family: str, rsa_key: rsa.RSAPrivateKey
) -> None:
    certificate = room.issue(rsa_key if family == "rsa" else None)
    root, chain, leaf = room.trust(certificate)

    def verify() -> tuple[int, str]:
        der = room.write("shard.crl", room.authority.crl(certificate.authority, shard_of(certificate)))
        pem = room.folder / "shard.pem"
        assert openssl("crl", "-inform", "DER", "-in", der, "-out", pem).returncode == 0
        arguments = ("-x509_strict", "-crl_check", "-CAfile", root, "-untrusted", chain, "-CRLfile", pem, leaf)
        done = openssl("verify", *arguments)
        return done.returncode, done.stderr

    assert verify()[0] == 0
    room.authority.revoke(certificate.serial, COMPROMISE, "user:admin")
    code, told = verify()
    assert code != 0
    assert "certificate revoked" in told


def test_the_list_is_tied_to_the_address_in_the_certificate(room: Room) -> None:
    """RFC 5280 §5.2.5: else a list of another shard could stand in for it."""
    certificate = room.issue()
    leaf = x509.load_der_x509_certificate(certificate.der)
    point = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value[0]
    extension = crl_of(room, certificate).extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    assert extension.critical
    assert point.full_name is not None
    assert extension.value.full_name is not None
    assert [n.value for n in extension.value.full_name] == [n.value for n in point.full_name]
    assert point.full_name[0].value == f"http://pki.example/pki/crl/stations/{shard_of(certificate)}.crl"


def test_entries_carry_time_and_reason(room: Room) -> None:
    certificate, plain = room.issue(), room.issue()
    room.authority.revoke(certificate.serial, RevocationReason.SUPERSEDED, "user:admin")
    room.authority.revoke(plain.serial, RevocationReason.UNSPECIFIED, "user:admin")
    entry = crl_of(room, certificate).get_revoked_certificate_by_serial_number(int(certificate.serial, 16))
    assert entry is not None
    assert entry.revocation_date_utc == room.clock.now
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.superseded
    silent = crl_of(room, plain).get_revoked_certificate_by_serial_number(int(plain.serial, 16))
    assert silent is not None
    assert len(silent.extensions) == 0  # `unspecified` should be absent, RFC 5280 §5.3.1


@pytest.mark.parametrize("reason", [reason for reason in RevocationReason if reason.number])
def test_asn1crypto_reads_every_reason(room: Room, reason: RevocationReason) -> None:
    certificate = room.issue()
    room.authority.revoke(certificate.serial, reason, "user:admin")
    read = asn1_crl.CertificateList.load(room.authority.crl("stations", shard_of(certificate)), strict=True)
    entry = read["tbs_cert_list"]["revoked_certificates"][0]
    assert int.from_bytes(entry.crl_reason_value.contents, "big") == reason.number


def test_a_list_is_signed_anew_only_when_something_changed(room: Room) -> None:
    certificate = room.issue()
    first = room.authority.crl("stations", shard_of(certificate))
    assert room.authority.crl("stations", shard_of(certificate)) == first
    room.authority.revoke(certificate.serial, COMPROMISE, "user:admin")
    second = room.authority.crl("stations", shard_of(certificate))
    assert second != first
    assert room.authority.crl("stations", shard_of(certificate)) == second


def test_a_revocation_touches_its_own_shard_only(room: Room) -> None:
    """So that its cost does not grow with the fleet."""
    room.authority.refresh_crls()
    certificate = room.issue()
    before = room.acts().count(PkiAct.CRL_PUBLISHED)
    room.authority.revoke(certificate.serial, COMPROMISE, "user:admin")
    room.authority.refresh_crls()
    assert room.acts().count(PkiAct.CRL_PUBLISHED) == before + 1


def test_numbers_rise(room: Room) -> None:
    certificate = room.issue()
    numbers = []
    for act in (None, RevocationReason.CERTIFICATE_HOLD, "release", COMPROMISE):
        if act == "release":
            room.authority.release(certificate.serial, "user:admin")
        elif act is not None:
            room.authority.revoke(certificate.serial, RevocationReason(act), "user:admin")
        numbers.append(number_of(crl_of(room, certificate)))
    assert numbers == [1, 2, 3, 4]


def test_a_released_certificate_leaves_the_list(room: Room) -> None:
    certificate = room.issue()
    room.authority.revoke(certificate.serial, RevocationReason.CERTIFICATE_HOLD, "user:admin")
    assert serials(crl_of(room, certificate)) == {certificate.serial}
    room.authority.release(certificate.serial, "user:admin")
    assert serials(crl_of(room, certificate)) == set()


def test_lists_are_renewed_in_time(room: Room) -> None:
    certificate = room.issue()
    first = crl_of(room, certificate)
    assert first.next_update_utc == room.clock.now + timedelta(days=7)
    room.clock.advance(timedelta(hours=5, minutes=59))
    assert number_of(crl_of(room, certificate)) == 1
    room.clock.advance(timedelta(minutes=1))
    assert number_of(crl_of(room, certificate)) == 2


def test_an_entry_leaves_after_it_stood_on_one_list_beyond_its_end(room: Room) -> None:
    """RFC 5280 §3.3."""
    certificate = room.issue()
    room.authority.revoke(certificate.serial, COMPROMISE, "user:admin")
    crl_of(room, certificate)
    room.clock.now = certificate.not_after + timedelta(hours=1)
    assert serials(crl_of(room, certificate)) == {certificate.serial}
    room.clock.advance(timedelta(hours=6))
    assert serials(crl_of(room, certificate)) == set()


def test_a_failing_signer_leaves_the_old_list_in_use_while_it_is_valid(room: Room) -> None:
    certificate = room.issue()
    old = room.authority.crl("stations", shard_of(certificate))
    without = room.rebuilt(keys=WatchedKeys(room.keys, "down"))
    room.clock.advance(timedelta(days=1))
    with capture_logs() as logs:
        assert without.crl("stations", shard_of(certificate)) == old
    assert logs[0]["event"] == "crl_not_renewed"
    room.clock.advance(timedelta(days=7))
    with pytest.raises(SignerUnavailable):
        without.crl("stations", shard_of(certificate))


def test_every_authority_has_its_lists_signed_by_itself(room: Room) -> None:
    for info in room.authority.authorities():
        issuer = x509.load_pem_x509_certificate(info.certificate_pem.encode())
        for shard in range(0, info.crl_shards, 5):
            crl = x509.load_der_x509_crl(room.authority.crl(info.name, shard))
            assert crl.is_signature_valid(check_key_strength(issuer.public_key()))
            assert crl.issuer == issuer.subject


@pytest.mark.parametrize(("name", "shard"), [("nobody", 0), ("stations", 16), ("stations", -1), ("root", 1)])
def test_unknown_lists_are_told(room: Room, name: str, shard: int) -> None:
    with pytest.raises(UnknownAuthority):
        room.authority.crl(name, shard)


def test_threads_agree_on_one_new_list(room: Room) -> None:
    certificate = room.issue()
    room.authority.revoke(certificate.serial, COMPROMISE, "user:admin")
    lists: list[bytes] = []

    def fetch() -> None:
        lists.append(room.authority.crl("stations", shard_of(certificate)))

    threads = [threading.Thread(target=fetch) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(lists)) == 1


def test_times_beyond_2049_change_their_encoding(room: Room) -> None:
    """RFC 5280 §5.1.2.4: UTCTime through 2049, GeneralizedTime after."""
    issuer = room.authority._hierarchy.issuer("stations")
    late = datetime(2049, 12, 30, tzinfo=UTC)
    der = build_crl(issuer, room.keys.signer("stations"), "http://x/1.crl", 1, [], late, late + timedelta(days=7))
    body = asn1_crl.CertificateList.load(der, strict=True)["tbs_cert_list"]
    assert (body["this_update"].name, body["next_update"].name) == ("utc_time", "general_time")
