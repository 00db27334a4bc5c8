"""Answers from memory: as true as new ones, and gone when they are not."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as x509_ocsp
from structlog.testing import capture_logs

from pki.authority import Authority, Certificate
from pki.ocsp import OcspResponder
from pki.ocsp_cache import LOOK_EVERY
from pki.revocation import RevocationReason
from pki.settings import PkiSettings
from pki.store import Store
from tests.pki.conftest import SETTINGS, Room

STATUS = x509_ocsp.OCSPCertStatus
HOLD, COMPROMISE = RevocationReason.CERTIFICATE_HOLD, RevocationReason.KEY_COMPROMISE


def request_for(room: Room, certificate: Certificate, nonce: bytes | None = None) -> bytes:
    leaf = x509.load_der_x509_certificate(certificate.der)
    issuer = x509.load_der_x509_certificate(room.authority.authority(certificate.authority).der)
    builder = x509_ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA256())
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def status(der: bytes) -> x509_ocsp.OCSPCertStatus:
    return x509_ocsp.load_der_ocsp_response(der).certificate_status


def times(der: bytes) -> Any:
    answer = x509_ocsp.load_der_ocsp_response(der)
    return answer.produced_at_utc, answer.this_update_utc, answer.next_update_utc


def elsewhere(room: Room) -> Authority:
    """As another process: connections of its own, and only the database between them."""
    return room.rebuilt(store=Store(f"sqlite:///{room.folder}/voltward.db"))


def test_the_same_question_gets_the_same_octets(room: Room) -> None:
    request = request_for(room, room.issue())
    assert room.authority.remembered_answer(request) is None
    first = room.authority.answer_ocsp(request)
    remembered = room.authority.remembered_answer(request)
    assert remembered is not None
    assert remembered.der == first == room.authority.answer_ocsp(request)


def test_a_revocation_here_is_seen_at_once_and_so_is_a_release(room: Room) -> None:
    certificate = room.issue()
    request = request_for(room, certificate)
    seen = [status(room.authority.answer_ocsp(request))]
    for act in (HOLD, None, COMPROMISE):
        if act is None:
            room.authority.release(certificate.serial, "user:admin")
        else:
            room.authority.revoke(certificate.serial, act, "user:admin")
        assert room.authority.remembered_answer(request) is None
        seen.append(status(room.authority.answer_ocsp(request)))
    assert seen == [STATUS.GOOD, STATUS.REVOKED, STATUS.GOOD, STATUS.REVOKED]


def test_a_revocation_elsewhere_is_seen_within_a_second_and_so_is_a_release(room: Room) -> None:
    assert timedelta(seconds=1) > LOOK_EVERY
    certificate, other = room.issue(), elsewhere(room)
    request = request_for(room, certificate)
    seen = [status(room.authority.answer_ocsp(request))]
    for act in (HOLD, None, COMPROMISE):
        if act is None:
            other.release(certificate.serial, "user:admin")
        else:
            other.revoke(certificate.serial, act, "user:admin")
        room.clock.advance(LOOK_EVERY)
        assert room.authority.remembered_answer(request) is None
        seen.append(status(room.authority.answer_ocsp(request)))
    assert seen == [STATUS.GOOD, STATUS.REVOKED, STATUS.GOOD, STATUS.REVOKED]


def test_what_did_not_change_elsewhere_stays(room: Room) -> None:
    kept, changed = shards_apart(room)
    request = request_for(room, kept)
    answer = room.authority.answer_ocsp(request)
    elsewhere(room).revoke(changed.serial, COMPROMISE, "user:admin")
    room.clock.advance(LOOK_EVERY)
    assert room.authority.answer_ocsp(request) == answer


def shards_apart(room: Room) -> tuple[Certificate, Certificate]:
    """Two certificates in shards that are neither each other's nor the responder's."""
    first = room.issue()
    room.authority.answer_ocsp(request_for(room, first))
    (responder,) = [one for one in room.authority.certificates(authority="stations") if one.profile == "ocsp"]
    taken = {int(one.serial, 16) % 16 for one in (first, responder)}
    for number in range(200):
        certificate = room.issue(serial=f"SN-{number}", station=f"CS-{number}")
        if int(certificate.serial, 16) % 16 not in taken:
            return first, certificate
    raise AssertionError


def test_memory_alone_is_asked_only_as_long_as_it_is_certain(room: Room) -> None:
    request = request_for(room, room.issue())
    room.authority.answer_ocsp(request)
    room.clock.advance(LOOK_EVERY)
    assert room.authority.remembered_answer(request) is None
    room.authority.answer_ocsp(request)
    assert room.authority.remembered_answer(request) is not None
    room.clock.advance(timedelta(seconds=-1))  # the clock was set back: look again
    assert room.authority.remembered_answer(request) is None


def test_answers_are_signed_again_at_half_their_life(room: Room) -> None:
    request = request_for(room, room.issue())
    first = room.authority.answer_ocsp(request)
    room.clock.advance(timedelta(hours=12, seconds=-1))
    assert room.authority.answer_ocsp(request) == first
    room.clock.advance(timedelta(seconds=1))
    produced, this_update, next_update = times(room.authority.answer_ocsp(request))
    assert produced == this_update == room.clock.now
    assert next_update == room.clock.now + timedelta(hours=24)


def test_what_is_asked_with_a_nonce_is_never_remembered(room: Room) -> None:
    certificate = room.issue()
    request = request_for(room, certificate, nonce=bytes(range(32)))
    room.authority.answer_ocsp(request)
    assert room.authority.remembered_answer(request) is None


def test_what_is_not_on_record_is_never_remembered(room: Room) -> None:
    """Strangers who make numbers up must not push out what stations ask for."""
    issuer = x509.load_der_x509_certificate(room.authority.authority("stations").der)
    builder = x509_ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        hashlib_of(issuer.subject.public_bytes()), key_hash(issuer), 0x1234, hashes.SHA256()
    )
    request = builder.build().public_bytes(Encoding.DER)
    assert status(room.authority.answer_ocsp(request)) is STATUS.REVOKED
    assert room.authority.remembered_answer(request) is None


def hashlib_of(octets: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(octets)
    return digest.finalize()


def key_hash(certificate: x509.Certificate) -> bytes:
    identifier = x509_ocsp.OCSPRequestBuilder().add_certificate(certificate, certificate, hashes.SHA256())
    return identifier.build().issuer_key_hash


def test_the_least_used_is_forgotten_first(room: Room) -> None:
    small = room.rebuilt(settings=SETTINGS.model_copy(update={"ocsp_cache_size": 2}))
    requests = [request_for(room, room.issue(serial=f"SN-{n}", station=f"CS-{n}")) for n in range(3)]
    small.answer_ocsp(requests[0])
    small.answer_ocsp(requests[1])
    small.answer_ocsp(requests[0])
    small.answer_ocsp(requests[2])
    assert [small.remembered_answer(request) is not None for request in requests] == [True, False, True]


def test_no_memory_at_all_answers_as_well(room: Room) -> None:
    without = room.rebuilt(settings=PkiSettings(**{**SETTINGS.model_dump(), "ocsp_cache_size": 0}))
    assert status(without.answer_ocsp(request_for(room, room.issue()))) is STATUS.GOOD


def test_what_was_read_before_a_revocation_is_not_remembered_after_it(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = room.issue()
    request = request_for(room, certificate)
    real = OcspResponder.answer

    def overtaken(self: OcspResponder, *arguments: Any) -> Any:
        answer = real(self, *arguments)
        room.authority.revoke(certificate.serial, COMPROMISE, "user:admin")
        return answer

    room.authority.answer_ocsp(request_for(room, room.issue()))
    monkeypatch.setattr(OcspResponder, "answer", overtaken)
    assert status(room.authority.answer_ocsp(request)) is STATUS.GOOD  # it was, when it was read
    monkeypatch.setattr(OcspResponder, "answer", real)
    assert room.authority.remembered_answer(request) is None
    assert status(room.authority.answer_ocsp(request)) is STATUS.REVOKED


def test_when_the_responder_is_revoked_nothing_that_it_signed_is_given_out(room: Room) -> None:
    request = request_for(room, room.issue())
    first = x509_ocsp.load_der_ocsp_response(room.authority.answer_ocsp(request)).certificates[0]
    room.authority.revoke(f"{first.serial_number:x}", COMPROMISE, "user:admin")
    second = x509_ocsp.load_der_ocsp_response(room.authority.answer_ocsp(request)).certificates[0]
    assert second != first


def test_without_the_database_one_shall_try_later(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    request = request_for(room, room.issue())
    room.authority.answer_ocsp(request)
    room.clock.advance(LOOK_EVERY)
    monkeypatch.setattr(room.store, "reading", lambda: 1 / 0)
    with capture_logs() as logs:
        answer = x509_ocsp.load_der_ocsp_response(room.authority.answer_ocsp(request))
    assert answer.response_status is x509_ocsp.OCSPResponseStatus.TRY_LATER
    assert [entry["event"] for entry in logs] == ["ocsp_failed"]


def test_asked_from_many_threads_while_statuses_change_the_last_word_is_right(room: Room) -> None:
    certificates = [room.issue(serial=f"SN-{n}", station=f"CS-{n}") for n in range(6)]
    requests = [request_for(room, certificate) for certificate in certificates]
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            for request in requests:
                room.authority.answer_ocsp(request)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for certificate, request in zip(certificates, requests, strict=True):
        room.authority.revoke(certificate.serial, COMPROMISE, "user:admin")
        assert status(room.authority.answer_ocsp(request)) is STATUS.REVOKED
    stop.set()
    for thread in threads:
        thread.join()
    assert {status(room.authority.answer_ocsp(request)) for request in requests} == {STATUS.REVOKED}
