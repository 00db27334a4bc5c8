"""OCSP answers, judged by OpenSSL and by cryptography's reader."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import core, ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as x509_ocsp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pkilint import loader, pkix
from pkilint.pkix import extension, name
from pkilint.pkix import ocsp as pkilint_ocsp
from pkilint.validation import ValidationFindingSeverity
from structlog.testing import capture_logs

from pki.audit import PkiAct
from pki.authority import Authority, Certificate
from pki.keys import check_key_strength, verify_signature
from pki.ocsp_request import MalformedRequestError, read_status_request
from pki.revocation import RevocationReason
from tests.pki.conftest import Room, openssl
from tests.pki.test_issuance import WatchedKeys
from tests.pki.test_unfinished import crash_after_signing
from tests.tools_needed import needs_openssl

STATUS = x509_ocsp.OCSPCertStatus


def request_for(room: Room, certificate: Certificate, algorithm: str = "sha256") -> bytes:
    leaf = x509.load_der_x509_certificate(certificate.der)
    pem = room.authority.authority(certificate.authority).certificate_pem
    issuer = x509.load_pem_x509_certificate(pem.encode())
    kinds = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}  # noqa: S303 - SHA-1 names, it does not sign
    builder = x509_ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, kinds[algorithm])
    return builder.build().public_bytes(Encoding.DER)


def ask(authority: Authority, request: bytes) -> x509_ocsp.OCSPResponse:
    return x509_ocsp.load_der_ocsp_response(authority.answer_ocsp(request))


def status_of(room: Room, certificate: Certificate) -> x509_ocsp.OCSPCertStatus:
    return ask(room.authority, request_for(room, certificate)).certificate_status


def cert_id(room: Room, authority: str, serial: int, algorithm: str = "sha256") -> ocsp.CertId:
    issuer = asn1_x509.Certificate.load(room.authority.authority(authority).der)
    bits = issuer.public_key["public_key"].contents[1:]
    return ocsp.CertId(
        {
            "hash_algorithm": {"algorithm": algorithm},
            "issuer_name_hash": hashlib.new(algorithm, issuer.subject.dump()).digest(),
            "issuer_key_hash": hashlib.new(algorithm, bits).digest(),
            "serial_number": serial,
        }
    )


def several(*ids: ocsp.CertId, nonce: bytes | None = None, odd: bool = False) -> bytes:
    fields: dict[str, object] = {"request_list": [{"req_cert": one} for one in ids]}
    extensions: list[dict[str, object]] = []
    if nonce is not None:
        value = core.ParsableOctetString(core.OctetString(nonce).dump())
        extensions.append({"extn_id": "nonce", "critical": False, "extn_value": value})
    if odd:
        value = core.ParsableOctetString(b"\x05\x00")
        extensions.append({"extn_id": "1.2.3.4", "critical": True, "extn_value": value})
    if extensions:
        fields["request_extensions"] = extensions
    return ocsp.OCSPRequest({"tbs_request": ocsp.TBSRequest(fields)}).dump()


@needs_openssl
@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@pytest.mark.parametrize("family", ["ec", "rsa"])
def test_openssl_verifies_good_and_revoked(room: Room, algorithm: str, family: str, rsa_key: rsa.RSAPrivateKey) -> None:
    certificate = room.issue(rsa_key if family == "rsa" else None)
    root, chain, leaf = room.trust(certificate)
    issuer = room.write("issuer.pem", room.authority.authority(certificate.authority).certificate_pem)
    query = room.folder / "query.der"
    asked = ("ocsp", f"-{algorithm}", "-issuer", issuer, "-cert", leaf)
    assert openssl(*asked, "-no_nonce", "-reqout", query).returncode == 0

    def judge() -> str:
        answer = room.write("answer.der", room.authority.answer_ocsp(query.read_bytes()))
        trusted = ("-CAfile", root, "-verify_other", chain)
        done = openssl(*asked, "-no_nonce", "-respin", answer, *trusted)
        assert done.returncode == 0, done.stderr
        assert "Response verify OK" in done.stderr
        return done.stdout

    assert "leaf.pem: good" in judge()
    room.authority.revoke(certificate.serial, RevocationReason.KEY_COMPROMISE, "user:admin")
    told = judge()
    assert "leaf.pem: revoked" in told
    assert "Reason: keyCompromise" in told


@needs_openssl
def test_openssl_finds_its_nonce_again(room: Room) -> None:
    certificate = room.issue()
    root, chain, leaf = room.trust(certificate)
    issuer = room.write("issuer.pem", room.authority.authority(certificate.authority).certificate_pem)
    query = room.folder / "query.der"
    openssl("ocsp", "-issuer", issuer, "-cert", leaf, "-nonce", "-reqout", query)
    answer = room.write("answer.der", room.authority.answer_ocsp(query.read_bytes()))
    done = openssl("ocsp", "-reqin", query, "-respin", answer, "-CAfile", root, "-verify_other", chain)
    assert "Response verify OK" in done.stderr
    assert "Nonce" not in done.stderr
    assert "WARNING" not in done.stderr


def test_a_held_certificate_is_revoked_for_now(room: Room) -> None:
    certificate = room.issue()
    room.authority.revoke(certificate.serial, RevocationReason.CERTIFICATE_HOLD, "user:admin")
    answer = ask(room.authority, request_for(room, certificate))
    assert answer.certificate_status is STATUS.REVOKED
    assert answer.revocation_reason is x509.ReasonFlags.certificate_hold
    room.authority.release(certificate.serial, "user:admin")
    assert status_of(room, certificate) is STATUS.GOOD


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_every_hash_that_ocpp_uses_is_understood(room: Room, algorithm: str) -> None:
    serial = int(room.issue().serial, 16)
    answer = ask(room.authority, several(cert_id(room, "stations", serial, algorithm)))
    assert answer.certificate_status is STATUS.GOOD


def assert_never_issued(answer: x509_ocsp.OCSPResponse) -> None:
    """RFC 6960 §2.2: revoked since 1970, on hold, and the extension that says how it is meant (§4.4.8)."""
    single = next(iter(answer.responses))
    assert single.certificate_status is STATUS.REVOKED
    assert single.revocation_time_utc == datetime(1970, 1, 1, tzinfo=UTC)
    assert single.revocation_reason is x509.ReasonFlags.certificate_hold
    (extension,) = answer.extensions
    assert (extension.oid.dotted_string, extension.critical) == ("1.3.6.1.5.5.7.48.1.9", False)


def test_a_serial_number_never_issued_is_revoked_in_the_extended_sense(room: Room) -> None:
    assert_never_issued(ask(room.authority, several(cert_id(room, "stations", 0x1234))))


def test_a_serial_number_of_another_authority_was_never_issued_by_this_one(room: Room) -> None:
    serial = int(room.issue().serial, 16)
    assert_never_issued(ask(room.authority, several(cert_id(room, "csms", serial))))


def test_what_was_issued_never_has_the_extended_sense(room: Room) -> None:
    certificate = room.issue()
    room.authority.revoke(certificate.serial, RevocationReason.CERTIFICATE_HOLD, "user:admin")
    assert len(ask(room.authority, request_for(room, certificate)).extensions) == 0


def test_for_a_foreign_issuer_we_have_no_authority(room: Room) -> None:
    """RFC 6960 §2.3, RFC 5019 §2.2.3: no signature is spent on strangers."""
    foreign = cert_id(room, "stations", 0x1234)
    foreign["issuer_key_hash"] = secrets.token_bytes(32)
    answer = ask(room.authority, several(foreign))
    assert answer.response_status is x509_ocsp.OCSPResponseStatus.UNAUTHORIZED


def test_a_foreign_issuer_beside_one_of_ours_is_unknown(room: Room) -> None:
    foreign = cert_id(room, "stations", 0x1234)
    foreign["issuer_key_hash"] = secrets.token_bytes(32)
    ours = cert_id(room, "stations", int(room.issue().serial, 16))
    answers = ask(room.authority, several(foreign, ours)).responses
    assert [answer.certificate_status for answer in answers] == [STATUS.UNKNOWN, STATUS.GOOD]


def test_several_certificates_in_one_request(room: Room) -> None:
    """RFC 6960 §4.1.1; the answers stand in the order of the questions."""
    good, bad = room.issue(), room.issue()
    room.authority.revoke(bad.serial, RevocationReason.SUPERSEDED, "user:admin")
    ids = [cert_id(room, "stations", int(serial, 16)) for serial in (good.serial, bad.serial, "77")]
    answers = list(ask(room.authority, several(*ids)).responses)
    expected = [STATUS.GOOD, STATUS.REVOKED, STATUS.REVOKED]
    assert [answer.certificate_status for answer in answers] == expected
    assert answers[1].serial_number == int(bad.serial, 16)


def test_certificates_of_two_authorities_are_answered_by_the_first(room: Room) -> None:
    """One response has one signer, which may speak for one authority (RFC 6960 §4.2.2.2)."""
    serial = int(room.issue().serial, 16)
    sub = int(room.authority.authority("stations").serial, 16)
    ids = [cert_id(room, "stations", serial), cert_id(room, "root", sub)]
    answers = list(ask(room.authority, several(*ids)).responses)
    assert [answer.certificate_status for answer in answers] == [STATUS.GOOD, STATUS.UNKNOWN]
    alone = ask(room.authority, several(ids[1]))
    assert alone.certificate_status is STATUS.GOOD


@pytest.mark.parametrize("length", [1, 16, 32, 128])
def test_a_nonce_is_echoed(room: Room, length: int) -> None:
    """RFC 9654 §2.1."""
    nonce = secrets.token_bytes(length)
    answer = ask(room.authority, several(cert_id(room, "stations", int(room.issue().serial, 16)), nonce=nonce))
    assert answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == nonce


def test_no_nonce_is_added_unasked(room: Room) -> None:
    answer = ask(room.authority, request_for(room, room.issue()))
    assert len(answer.extensions) == 0


def test_the_responder_is_delegated_short_lived_and_not_checked_itself(room: Room) -> None:
    """RFC 6960 §4.2.2.2."""
    answer = ask(room.authority, request_for(room, room.issue()))
    (responder,) = answer.certificates
    usage = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.ExtendedKeyUsageOID.OCSP_SIGNING]
    assert responder.extensions.get_extension_for_class(x509.OCSPNoCheck)
    issuer = room.authority.authority("stations").certificate_pem.encode()
    responder.verify_directly_issued_by(x509.load_pem_x509_certificate(issuer))
    assert responder.not_valid_after_utc - responder.not_valid_before_utc < timedelta(days=7)
    key = check_key_strength(responder.public_key())
    assert verify_signature(key, answer.signature, answer.tbs_response_bytes)


def test_the_responder_renews_itself_at_half_its_life(room: Room) -> None:
    certificate = room.issue()
    first = ask(room.authority, request_for(room, certificate)).certificates
    room.clock.advance(timedelta(days=3))
    assert ask(room.authority, request_for(room, certificate)).certificates == first
    room.clock.advance(timedelta(days=1))
    second = ask(room.authority, request_for(room, certificate))
    assert second.certificates != first
    room.clock.advance(timedelta(days=30))
    third = ask(room.authority, request_for(room, certificate)).certificates[0]
    assert third.not_valid_after_utc > room.clock.now


def test_answers_are_valid_for_a_day(room: Room) -> None:
    answer = next(iter(ask(room.authority, request_for(room, room.issue())).responses))
    assert answer.this_update_utc == room.clock.now
    assert answer.next_update_utc == room.clock.now + timedelta(hours=24)


HOSTILE = [
    b"",
    b"\x30\x00",
    b"hello",
    b"\x30\x80",
    b"\xff" * 100,
    b"\x30" * 70_000,
]


@pytest.mark.parametrize("request_der", HOSTILE)
def test_malformed_requests_are_answered_as_such(room: Room, request_der: bytes) -> None:
    answer = ask(room.authority, request_der)
    assert answer.response_status is x509_ocsp.OCSPResponseStatus.MALFORMED_REQUEST


def test_requests_that_go_too_far_are_malformed(room: Room) -> None:
    one = cert_id(room, "stations", 1)
    too_far = [
        several(*[one] * 101),
        several(),
        several(one, nonce=b""),
        several(one, nonce=bytes(129)),
        several(one, odd=True),
    ]
    for request in too_far:
        answer = ask(room.authority, request)
        assert answer.response_status is x509_ocsp.OCSPResponseStatus.MALFORMED_REQUEST


@given(st.binary(max_size=300))
def test_any_octets_are_malformed(octets: bytes) -> None:
    with pytest.raises(MalformedRequestError):
        read_status_request(octets)


def test_without_a_signer_one_shall_try_later(room: Room) -> None:
    certificate = room.issue()
    request = request_for(room, certificate)
    with capture_logs() as logs:
        answer = ask(room.rebuilt(keys=WatchedKeys(room.keys, "down")), request)
    assert answer.response_status is x509_ocsp.OCSPResponseStatus.TRY_LATER
    assert [entry["event"] for entry in logs] == ["ocsp_signer_unavailable"]


def test_a_responder_that_cannot_be_had_is_not_asked_for_with_every_request(room: Room) -> None:
    """Each try would leave an intent on record."""
    request = request_for(room, room.issue())
    without = room.rebuilt(keys=WatchedKeys(room.keys, "down"))
    room.clock.advance(timedelta(days=30))  # whoever signed until now has ended
    with capture_logs():
        ask(without, request)
        tried = room.acts().count(PkiAct.CERTIFICATE_FAILED) + room.acts().count(PkiAct.CERTIFICATE_INTENDED)
        for _ in range(5):
            answer = ask(without, request)
            assert answer.response_status is x509_ocsp.OCSPResponseStatus.TRY_LATER
    assert room.acts().count(PkiAct.CERTIFICATE_FAILED) + room.acts().count(PkiAct.CERTIFICATE_INTENDED) == tried
    room.clock.advance(timedelta(seconds=5))
    assert ask(room.authority, request).certificate_status is STATUS.GOOD


def test_a_fault_of_ours_is_an_internal_error_and_no_exception(room: Room) -> None:
    certificate = room.issue()
    request = request_for(room, certificate)
    with capture_logs() as logs:
        answer = ask(room.rebuilt(keys=WatchedKeys(room.keys, "cut before")), request)
    assert answer.response_status is x509_ocsp.OCSPResponseStatus.INTERNAL_ERROR
    assert [entry["event"] for entry in logs] == ["ocsp_failed"]


def test_what_was_abandoned_is_revoked_although_it_was_never_recorded(room: Room) -> None:
    serial = crash_after_signing(room)
    request = several(cert_id(room, "stations", int(serial, 16)))
    assert ask(room.authority, request).certificate_status is STATUS.UNKNOWN
    room.clock.advance(timedelta(minutes=11))
    room.authority.refresh_crls()
    assert ask(room.authority, request).certificate_status is STATUS.REVOKED


def lint_response(der: bytes) -> list[str]:
    decoders = [
        pkilint_ocsp.create_response_decoder(),
        pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
        pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
    ]
    linter = pkilint_ocsp.create_pkix_ocsp_response_validator_container(decoders, [])
    document = loader.RFC6960OCSPResponseDocumentLoader().load_document(der, "answer")
    return [
        found.finding.code
        for result in linter.validate(document.root)
        for found in result.finding_descriptions
        if found.finding.severity <= ValidationFindingSeverity.NOTICE
    ]


@pytest.mark.parametrize("reason", [None, *RevocationReason])
def test_pkilint_finds_nothing_in_an_answer(room: Room, reason: RevocationReason | None) -> None:
    certificate = room.issue()
    if reason is not None:
        room.authority.revoke(certificate.serial, reason, "user:admin")
    assert lint_response(room.authority.answer_ocsp(request_for(room, certificate))) == []


def test_pkilint_finds_nothing_in_odd_answers(room: Room) -> None:
    serial = int(room.issue().serial, 16)
    odd = [
        several(cert_id(room, "stations", 0x1234)),
        several(cert_id(room, "stations", serial), cert_id(room, "root", 5), nonce=bytes(range(32))),
        several(cert_id(room, "stations-rsa", 0x1234, "sha1")),
    ]
    for request in odd:
        assert lint_response(room.authority.answer_ocsp(request)) == []


def test_pkilint_would_find_something(room: Room) -> None:
    answer = ocsp.OCSPResponse.load(room.authority.answer_ocsp(request_for(room, room.issue())))
    single = answer.basic_ocsp_response["tbs_response_data"]["responses"][0]
    moved = single["this_update"].native + timedelta(days=900)
    old, new = (f"{moment:%Y%m%d%H%M%SZ}".encode() for moment in (single["next_update"].native, moved))
    assert lint_response(answer.dump().replace(new, old)) == []
    assert lint_response(answer.dump().replace(old, b"19990101000000Z")) != []


@given(
    st.lists(st.integers(0, 2**159), min_size=1, max_size=5), st.one_of(st.none(), st.binary(min_size=1, max_size=128))
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_another_parser_reads_what_was_asked(room: Room, numbers: list[int], nonce: bytes | None) -> None:
    ids = [cert_id(room, "stations", number) for number in numbers]
    body = ocsp.OCSPResponse.load(room.authority.answer_ocsp(several(*ids, nonce=nonce)), strict=True)
    data = body.basic_ocsp_response["tbs_response_data"]
    assert [single["cert_id"].dump() for single in data["responses"]] == [one.dump() for one in ids]
    assert data["response_extensions"].native[-1]["extn_id"] == "extended_revoke"
    assert (body.nonce_value.native if body.nonce_value else None) == nonce
