"""Revocation lists: what stands on them, when they are renewed, and what OpenSSL makes of them."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asn1crypto import crl as asn1_crl
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pkilint import loader, pkix
from pkilint.pkix import crl as pkilint_crl
from pkilint.pkix import extension, name
from pkilint.validation import ValidationFindingSeverity
from structlog.testing import capture_logs

from pki import crl
from pki.alarms import AlarmKind, Severity
from pki.audit import AuditTrail, PkiAct
from pki.authority import Authority, Certificate
from pki.crl_encoding import Entries, ListHead, build_crl
from pki.errors import SignerUnavailable, UnknownAuthority
from pki.keys import check_key_strength
from pki.revocation import RevocationReason
from pki.store import Store
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


def test_numbers_rise_also_within_a_second(room: Room) -> None:
    """RFC 5280 §5.2.3."""
    certificate = room.issue()
    numbers = []
    for act in (None, RevocationReason.CERTIFICATE_HOLD, "release", COMPROMISE):
        if act == "release":
            room.authority.release(certificate.serial, "user:admin")
        elif act is not None:
            room.authority.revoke(certificate.serial, RevocationReason(act), "user:admin")
        numbers.append(number_of(crl_of(room, certificate)))
    assert numbers == sorted(set(numbers))


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
    assert number_of(crl_of(room, certificate)) == number_of(first)
    room.clock.advance(timedelta(minutes=1))
    assert number_of(crl_of(room, certificate)) > number_of(first)


def test_neither_number_nor_time_goes_back_with_the_clock(room: Room) -> None:
    certificate = room.issue()
    first = crl_of(room, certificate)
    room.clock.advance(timedelta(days=-2))
    room.authority.revoke(certificate.serial, COMPROMISE, "user:admin")
    second = crl_of(room, certificate)
    assert serials(second) == {certificate.serial}
    assert number_of(second) > number_of(first)
    assert second.last_update_utc == first.last_update_utc


def test_numbers_rise_even_after_the_database_went_back_to_a_backup(room: Room) -> None:
    certificate = room.issue()
    crl_of(room, certificate)
    backup = room.folder / "backup.db"
    with closing(sqlite3.connect(room.folder / "voltward.db")) as live, closing(sqlite3.connect(backup)) as copy:
        live.backup(copy)
    for reason in (RevocationReason.CERTIFICATE_HOLD, COMPROMISE):
        room.authority.revoke(certificate.serial, reason, "user:admin")
        published = number_of(crl_of(room, certificate))
    room.clock.advance(timedelta(minutes=5))
    restored = Room(room.folder, Store(f"sqlite:///{backup}"), room.keys, room.trail, room.clock, room.authority)
    restored.authority = room.rebuilt(store=restored.store)
    restored.authority.revoke(certificate.serial, COMPROMISE, "user:admin")
    assert number_of(crl_of(restored, certificate)) > published
    restored.store.close()


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
    late = datetime(2049, 12, 30, tzinfo=UTC)
    body = asn1_crl.CertificateList.load(built(room, [], late), strict=True)["tbs_cert_list"]
    assert (body["this_update"].name, body["next_update"].name) == ("utc_time", "general_time")


def built(room: Room, rows: list[tuple[int, datetime, RevocationReason]], this_update: datetime) -> bytes:
    """A list of `rows`, signed by the stations' authority."""
    issuer = room.authority._hierarchy.issuer("stations")
    entries = Entries()
    for serial, revoked_at, reason in rows:
        entries.add(f"{serial:x}", revoked_at, reason)
    head = ListHead(7, this_update, this_update + timedelta(days=7), "http://x/1.crl")
    return build_crl(issuer, room.keys.signer("stations"), head, entries)


SERIALS = st.integers(1, 2**159 - 1)
MOMENTS = st.datetimes(datetime(1951, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- zoned
ROWS = st.lists(
    st.tuples(SERIALS, MOMENTS, st.sampled_from(RevocationReason)), max_size=40, unique_by=lambda row: row[0]
)


@given(ROWS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_two_parsers_read_back_what_was_revoked(room: Room, rows: list[tuple[int, datetime, RevocationReason]]) -> None:
    der = built(room, rows, datetime(2030, 1, 1, tzinfo=UTC))
    expected = {(serial, at.replace(microsecond=0), reason.number) for serial, at, reason in rows}
    assert {read_entry(entry) for entry in x509.load_der_x509_crl(der)} == expected
    assert set(asn1_entries(der)) == expected


def read_entry(entry: x509.RevokedCertificate) -> tuple[int, datetime, int]:
    numbers = {reason.value: reason.number for reason in RevocationReason}
    found = [extension.value.reason.value for extension in entry.extensions]
    return entry.serial_number, entry.revocation_date_utc, numbers[found[0]] if found else 0


def asn1_entries(der: bytes) -> Iterator[tuple[int, datetime, int]]:
    body = asn1_crl.CertificateList.load(der, strict=True)["tbs_cert_list"]
    for entry in body["revoked_certificates"] or ():
        value = entry.crl_reason_value
        number = 0 if value is None else int.from_bytes(value.contents, "big")
        yield entry["user_certificate"].native, entry["revocation_date"].native, number


# --- full lists


def full_crl(room: Room, name: str = "stations") -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl(room.authority.full_crl(name))


def test_the_full_list_names_what_all_shards_name_and_is_about_all(room: Room) -> None:
    """RFC 5280 §5.2.5: without an issuing distribution point a list covers all that its issuer issued."""
    revoked = {room.issue(serial=f"SN-{n}", station=f"CS-{n}").serial for n in range(5)}
    room.authority.revoke_each(sorted(revoked), COMPROMISE, "user:admin")
    found = full_crl(room)
    assert serials(found) == revoked
    with pytest.raises(x509.ExtensionNotFound):
        found.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    assert serials(full_crl(room, "csms")) == set()


def test_a_full_list_is_not_signed_for_each_of_many_revocations(room: Room) -> None:
    first, second = room.issue(), room.issue()
    room.authority.revoke(first.serial, COMPROMISE, "user:admin")
    room.authority.refresh_crls()
    room.authority.revoke(second.serial, COMPROMISE, "user:admin")
    room.clock.advance(timedelta(seconds=10))
    room.authority.refresh_crls()
    assert serials(full_crl(room)) == {first.serial}
    room.clock.advance(timedelta(seconds=20))
    room.authority.refresh_crls()
    assert serials(full_crl(room)) == {first.serial, second.serial}


@needs_openssl
def test_openssl_takes_the_full_list_for_any_certificate(room: Room) -> None:
    certificate = room.issue()
    root, chain, leaf = room.trust(certificate)
    room.authority.revoke(certificate.serial, COMPROMISE, "user:admin")
    pem = room.folder / "full.pem"
    der = room.write("full.crl", room.authority.full_crl("stations"))
    issuer = room.write("issuer.pem", room.authority.authority("stations").certificate_pem)
    read = openssl("crl", "-inform", "DER", "-in", der, "-out", pem, "-CAfile", issuer, "-verify")
    assert "verify OK" in read.stderr
    done = openssl("verify", "-x509_strict", "-crl_check", "-CAfile", root, "-untrusted", chain, "-CRLfile", pem, leaf)
    assert "certificate revoked" in done.stderr


# --- other judges


@pytest.mark.parametrize("shard", [True, False])
def test_pkilint_finds_nothing_in_a_list(room: Room, shard: bool) -> None:
    for number, reason in enumerate(RevocationReason):
        certificate = room.issue(serial=f"SN-{number}", station=f"CS-{number}")
        room.authority.revoke(certificate.serial, reason, "user:admin")
    lists = [room.authority.crl("stations", n) for n in range(16)] if shard else [room.authority.full_crl("stations")]
    for der in [*lists, room.authority.crl("root", 0)]:
        assert lint_crl(der) == []


def test_pkilint_would_find_something() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "no key identifier, no number")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateRevocationListBuilder().issuer_name(name).last_update(now)
    made = builder.next_update(now + timedelta(days=1)).sign(key, hashes.SHA256())
    assert lint_crl(made.public_bytes(Encoding.DER)) != []


def lint_crl(der: bytes) -> list[str]:
    decoders = [
        pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
        pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
    ]
    linter = pkilint_crl.create_pkix_crl_validator_container(
        decoders,
        [
            pkilint_crl.create_issuer_validator_container([]),
            pkilint_crl.create_validity_validator_container([]),
            pkilint_crl.create_extensions_validator_container([]),
        ],
    )
    document = loader.RFC5280CertificateListDocumentLoader().load_document(der, "crl")
    return [
        found.finding.code
        for result in linter.validate(document.root)
        for found in result.finding_descriptions
        if found.finding.severity <= ValidationFindingSeverity.NOTICE
    ]


# --- several at it


def test_two_processes_never_publish_two_lists_under_one_number(room: Room) -> None:
    """Each with its own connections; between them only the database, as between two processes."""
    certificates = [room.issue(serial=f"SN-{n}", station=f"CS-{n}") for n in range(12)]
    stores = [Store(f"sqlite:///{room.folder}/voltward.db") for _ in range(3)]
    others = [
        room.rebuilt(store=store, trail=AuditTrail(room.keys.secret("audit"), f"p{n}"))
        for n, store in enumerate(stores)
    ]
    seen: list[bytes] = []

    def publish(authority: Authority, revoking: bool) -> None:
        for certificate in certificates:
            if revoking:
                authority.revoke(certificate.serial, COMPROMISE, "user:admin")
            seen.extend((authority.crl("stations", shard_of(certificate)), authority.full_crl("stations")))

    threads = [threading.Thread(target=publish, args=(other, n == 0)) for n, other in enumerate(others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    by_number: dict[tuple[bytes, int], set[bytes]] = {}
    for der in seen:
        crl = x509.load_der_x509_crl(der)
        points = [e.value.public_bytes() for e in crl.extensions if isinstance(e.value, x509.IssuingDistributionPoint)]
        by_number.setdefault((b"".join(points), number_of(crl)), set()).add(der)
    assert len(seen) == 3 * 2 * len(certificates)
    assert all(len(lists) == 1 for lists in by_number.values())
    for store in stores:
        store.close()


def test_a_list_that_was_overtaken_is_dropped(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = room.issue()
    room.authority.refresh_crls()
    other = room.rebuilt()
    real = crl.build_crl

    def slow(*arguments: Any) -> bytes:
        monkeypatch.setattr(crl, "build_crl", real)
        room.authority.revoke(certificate.serial, COMPROMISE, "user:admin")
        overtaking.append(other.crl("stations", shard_of(certificate)))
        return real(*arguments)

    overtaking: list[bytes] = []
    room.clock.advance(timedelta(hours=6))
    monkeypatch.setattr(crl, "build_crl", slow)
    assert room.authority.crl("stations", shard_of(certificate)) == overtaking[0]
    assert serials(x509.load_der_x509_crl(overtaking[0])) == {certificate.serial}


# --- how they stand


def test_the_standing_of_the_lists_is_told(room: Room) -> None:
    certificate = room.issue()
    room.authority.refresh_crls()
    room.authority.revoke(certificate.serial, COMPROMISE, "user:admin")
    told = room.authority.crl_statuses("stations")
    assert [one.shard for one in told] == [None, *range(16)]
    assert [one.shard for one in told if one.is_due] == [shard_of(certificate)]  # the full list rests
    der = room.authority.crl("stations", shard_of(certificate))
    told = room.authority.crl_statuses("stations")
    mine = told[1 + shard_of(certificate)]
    assert (mine.entries, mine.size, mine.is_due, mine.is_late) == (1, len(der), False, False)
    assert mine.number == number_of(x509.load_der_x509_crl(der))
    assert mine.address == f"http://pki.example/pki/crl/stations/{shard_of(certificate)}.crl"
    assert told[0].address == "http://pki.example/pki/crl/stations.crl"
    with pytest.raises(UnknownAuthority):
        room.authority.crl_statuses("nobody")


def late_alarms(authority: Authority) -> list[tuple[str, Severity]]:
    return [(a.thing, a.severity) for a in authority.alarms.page() if a.kind is AlarmKind.CRL_LATE]


def test_lists_that_cannot_be_signed_raise_one_alarm_per_authority_and_settle_it(room: Room) -> None:
    room.authority.refresh_crls()
    without = room.rebuilt(keys=WatchedKeys(room.keys, "down"))
    room.clock.advance(timedelta(hours=6))
    with capture_logs():
        without.refresh_crls()
        assert late_alarms(without) == []  # one failure may pass
        room.clock.advance(timedelta(seconds=60))
        without.refresh_crls()
        without.refresh_crls()
    expected = {info.name for info in room.authority.authorities() if info.crl_shards}
    assert {thing for thing, _ in late_alarms(without)} == expected
    assert {severity for _, severity in late_alarms(without)} == {Severity.WARNING}
    room.clock.advance(timedelta(days=7))
    with capture_logs():
        without.refresh_crls()
    assert {severity for _, severity in late_alarms(without)} == {Severity.CRITICAL}
    room.authority.refresh_crls()
    assert late_alarms(room.authority) == []


def test_an_alarm_that_was_cleared_comes_back_while_the_cause_lasts(room: Room) -> None:
    room.authority.refresh_crls()
    without = room.rebuilt(keys=WatchedKeys(room.keys, "down"))
    room.clock.advance(timedelta(hours=6))
    with capture_logs():
        without.refresh_crls()
        room.clock.advance(timedelta(minutes=1))
        without.refresh_crls()
        for alarm in without.alarms.page():
            without.alarms.clear(alarm.id, "user:admin", "seen")
        without.refresh_crls()
        assert late_alarms(without) == []
        room.clock.advance(timedelta(minutes=10))
        without.refresh_crls()
    assert "stations" in dict(late_alarms(without))


def test_lists_from_the_future_raise_an_alarm(room: Room) -> None:
    room.authority.refresh_crls()
    room.clock.advance(timedelta(hours=-1))
    room.authority.refresh_crls()
    assert ("stations", Severity.WARNING) in late_alarms(room.authority)
    room.clock.advance(timedelta(hours=1))
    room.authority.refresh_crls()
    assert late_alarms(room.authority) == []


def test_a_list_ends_with_its_authority_at_the_latest(room: Room) -> None:
    end = room.authority.authority("stations").not_after
    room.clock.now = end - timedelta(days=1)
    last = x509.load_der_x509_crl(room.authority.crl("stations", 0))
    assert last.next_update_utc == end
    room.clock.now = end + timedelta(days=1)
    room.authority.refresh_crls()
    assert "stations" not in dict(late_alarms(room.authority))
