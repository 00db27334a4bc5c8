"""What stations are answered that ask whether a certificate is good."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from cryptography import x509

from csms_bridge.answers import CertificateStanding, CertificateStatus, ContractVerdict
from csms_bridge.errors import StatusUnavailable
from csms_bridge.events import AuthorizeAsked
from csms_bridge.station import OcppVersion
from csms_bridge.station_certificates import StatusRequest, StatusSource
from csms_bridge.status.desk import StatusDesk
from csms_bridge.status.fetcher import Question
from csms_bridge.status.subjects import Subject
from tests.csms_bridge.room import NOON, SetClock
from tests.csms_bridge.status.mobility import EMAID, a_world, hash_data, response, revocation_list
from tests.pki.others import RESPONDER, certified

Answer = bytes | StatusUnavailable
LIST = "http://mo.example/list.crl"
DOWN = StatusUnavailable("ResponderFailed", "the responder cannot be reached")


class Responders:
    """Answers in the fetcher's place, by URL and question; counts how often it is asked."""

    def __init__(self, answer: Callable[[Question], Answer]) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def fetch(self, _station: str, question: Question) -> bytes:
        self.asked.append(question.url)
        answer = self.answer(question)
        if isinstance(answer, StatusUnavailable):
            raise answer
        return answer


class Bench:
    """A desk in a small world, whose responder says of each certificate what the test wants."""

    def __init__(self, *, anchors: Sequence[x509.Certificate] | None = None, known: bool = True) -> None:
        self.world = a_world()
        self.clock = SetClock()
        self.revoked: set[int] = set()
        self.life = timedelta(hours=8)
        self.fault: StatusUnavailable | None = None
        self.responders = Responders(self._answer)
        roots = [self.world.root.certificate] if anchors is None else anchors
        issuers = [one.certificate for one in (self.world.lower, self.world.upper)] if known else []
        self.desk = StatusDesk(self.responders, lambda: roots, lambda: issuers, self.clock)

    def _answer(self, question: Question) -> Answer:
        if self.fault is not None:
            return self.fault
        if question.body is None:
            return revocation_list(self.world.lower, *self.revoked)
        asked = x509.ocsp.load_der_ocsp_request(question.body).serial_number
        bad = asked in self.revoked
        world = self.world
        for one, issuer in ((world.contract, world.lower), (world.lower, world.upper), (world.upper, world.root)):
            if one.certificate.serial_number == asked:
                return response(one.certificate, issuer, revoked=bad, at=self.clock.now, life=self.life)
        return DOWN

    @property
    def request(self) -> StatusRequest:
        return StatusRequest(hash_data(self.world.subject), (RESPONDER,))

    async def authorize(
        self,
        *,
        certificate: str | None = None,
        statuses: Sequence[StatusRequest] = (),
        token: str = EMAID,
        good: bool = True,
    ) -> ContractVerdict | None:
        shown = self.world.chain if certificate is None and not statuses else certificate or ""
        return await self.desk.contract("CS-1", AuthorizeAsked(token, "eMAID", shown, tuple(statuses)), good)


# --- GetCertificateStatus (M06)


async def test_hands_out_what_the_responder_said_be_it_good_or_not():
    bench = Bench(known=False)
    bench.revoked = {bench.world.subject.serial}
    fetched = await bench.desk.fetch("CS-1", bench.request, OcppVersion.V201)
    assert fetched.ocsp is not None
    status = x509.ocsp.load_der_ocsp_response(fetched.ocsp).certificate_status
    assert status is x509.ocsp.OCSPCertStatus.REVOKED


async def test_asks_once_until_the_answer_is_over():
    bench = Bench()
    for _ in range(3):
        await bench.desk.fetch("CS-1", bench.request, OcppVersion.V201)
        await bench.desk.fetch("CS-2", bench.request, OcppVersion.V201)
    assert len(bench.responders.asked) == 1
    bench.clock.advance(hours=8)
    await bench.desk.fetch("CS-1", bench.request, OcppVersion.V201)
    assert len(bench.responders.asked) == 2


async def test_does_not_ask_again_at_once_when_nobody_answered():
    bench = Bench()
    bench.fault = DOWN
    for _ in range(3):
        assert await bench.desk.fetch("CS-1", bench.request, OcppVersion.V201) == CertificateStatus(None, DOWN.sentence)
    assert len(bench.responders.asked) == 1
    bench.fault = None
    bench.clock.advance(seconds=30)
    assert (await bench.desk.fetch("CS-1", bench.request, OcppVersion.V201)).ocsp


async def test_one_stations_haste_is_not_kept_against_others():
    bench = Bench()
    bench.fault = StatusUnavailable("RateLimited", "slowly")
    assert (await bench.desk.fetch("CS-1", bench.request, OcppVersion.V201)).ocsp is None
    bench.fault = None
    assert (await bench.desk.fetch("CS-2", bench.request, OcppVersion.V201)).ocsp


async def test_one_stations_responder_does_not_speak_for_anothers():
    """An impostor's answer, passed on to whoever asked for it, reaches nobody who asks elsewhere."""
    bench = Bench()
    forged = response(bench.world.contract.certificate, bench.world.lower, signer=certified("Stranger"))
    true = bench.responders.answer
    bench.responders.answer = lambda asked: forged if asked.url == "http://evil.example/" else true(asked)
    evil = StatusRequest(hash_data(bench.world.subject), ("http://evil.example/",))
    assert (await bench.desk.fetch("CS-1", evil, OcppVersion.V201)).ocsp == forged
    assert (await bench.desk.fetch("CS-2", bench.request, OcppVersion.V201)).ocsp != forged


async def test_an_answer_must_fit_into_the_message():
    """5500 characters of base64 in 2.0.1, 18000 in 2.1."""
    bench = Bench()
    world = bench.world
    bench.responders.answer = lambda _: response(
        world.contract.certificate, world.lower, include=(world.lower.certificate,) * 10
    )
    assert (await bench.desk.fetch("CS-1", bench.request, OcppVersion.V201)).ocsp is None
    assert (await bench.desk.fetch("CS-1", bench.request, OcppVersion.V21)).ocsp


async def test_hash_data_that_name_nothing_are_refused_and_nobody_is_asked():
    bench = Bench()
    told = hash_data(Subject("SHA256", b"x", b"y", 1))
    fetched = await bench.desk.fetch("CS-1", StatusRequest(told, (RESPONDER,)), OcppVersion.V201)
    assert (fetched.ocsp, bench.responders.asked) == (None, [])


# --- GetCertificateChainStatus (M07)


async def test_tells_what_is_proven_of_each():
    bench = Bench()
    bench.revoked = {bench.world.subject.serial}
    sub_ca = hash_data(Subject.of(bench.world.lower.certificate, bench.world.upper.certificate))
    requests = (
        bench.request,
        StatusRequest(sub_ca, (RESPONDER,)),
        StatusRequest(bench.request.hash_data, (LIST,), StatusSource.CRL),
    )
    told = (await bench.desk.standings("CS-1", requests)).standings
    assert [one.request for one in told] == list(requests)
    assert [one.standing.value for one in told] == ["Revoked", "Good", "Revoked"]
    assert told[1].next_update == NOON + timedelta(hours=8)


async def test_what_is_not_proven_has_failed():
    bench = Bench(known=False)
    [told] = (await bench.desk.standings("CS-1", [bench.request])).standings
    assert told.standing is CertificateStanding.FAILED
    assert told.next_update > NOON


async def test_asks_the_next_when_one_does_not_answer():
    bench = Bench()
    true = bench.responders.answer
    bench.responders.answer = lambda asked: DOWN if "first" in asked.url else true(asked)
    request = StatusRequest(bench.request.hash_data, ("http://first.example/", RESPONDER))
    [told] = (await bench.desk.standings("CS-1", [request])).standings
    assert told.standing is CertificateStanding.GOOD


async def test_a_list_is_fetched_once_for_all_who_may_stand_on_it():
    bench = Bench()
    other = hash_data(Subject("SHA256", bench.world.subject.name_hash, bench.world.subject.key_hash, 77))
    for told in (bench.request.hash_data, other):
        await bench.desk.standings("CS-1", [StatusRequest(told, (LIST,), StatusSource.CRL)])
    assert bench.responders.asked == [LIST]


async def test_a_question_that_a_list_cannot_answer_does_not_spoil_it_for_others():
    bench = Bench()
    stranger = hash_data(Subject("SHA256", b"\x01" * 32, b"\x02" * 32, 5))
    [odd] = (await bench.desk.standings("CS-1", [StatusRequest(stranger, (LIST,), StatusSource.CRL)])).standings
    good = StatusRequest(bench.request.hash_data, (LIST,), StatusSource.CRL)
    [fine] = (await bench.desk.standings("CS-2", [good])).standings
    assert (odd.standing.value, fine.standing.value) == ("Failed", "Good")


# --- Authorize (C07)


async def test_without_contract_there_is_nothing_to_think_of_it():
    assert await Bench().authorize(certificate="", statuses=()) is not ContractVerdict.CANCELLED
    assert await Bench().desk.contract("CS-1", AuthorizeAsked("04A1", "ISO14443"), True) is None


async def test_tc_c_50_hash_data_that_are_good():
    bench = Bench()
    assert await bench.authorize(statuses=[bench.request]) is ContractVerdict.ACCEPTED


async def test_tc_c_51_hash_data_that_are_revoked():
    bench = Bench()
    bench.revoked = {bench.world.subject.serial}
    assert await bench.authorize(statuses=[bench.request]) is ContractVerdict.REVOKED


async def test_tc_c_52_a_chain_alone():
    bench = Bench(known=False)
    assert await bench.authorize() is ContractVerdict.ACCEPTED
    assert len(bench.responders.asked) == 3


@pytest.mark.parametrize("which", ["contract", "lower", "upper"])
async def test_a_revoked_certificate_anywhere_in_the_chain_revokes_the_contract(which):
    bench = Bench()
    bench.revoked = {getattr(bench.world, which).certificate.serial_number}
    assert await bench.authorize() is ContractVerdict.REVOKED


async def test_a_chain_that_ends_nowhere_is_broken_and_nobody_is_asked():
    bench = Bench(anchors=[])
    assert await bench.authorize() is ContractVerdict.CHAIN_ERROR
    assert bench.responders.asked == []


async def test_nobody_answers_is_as_bad_as_a_broken_chain():
    bench = Bench()
    bench.fault = DOWN
    assert await bench.authorize() is ContractVerdict.CHAIN_ERROR
    assert await bench.authorize(statuses=[bench.request]) is ContractVerdict.CHAIN_ERROR


async def test_an_expired_contract_is_expired():
    bench = Bench()
    over = certified("C", bench.world.lower, is_authority=False, end=NOON - timedelta(days=1))
    chain = over.pem + bench.world.lower.pem + bench.world.upper.pem
    assert await bench.authorize(certificate=chain) is ContractVerdict.EXPIRED


async def test_a_good_contract_with_a_token_that_may_not_charge_is_cancelled():
    assert await Bench().authorize(good=False) is ContractVerdict.CANCELLED


async def test_a_good_contract_of_somebody_else_is_cancelled():
    """The vehicle names its eMAID apart from the chain (ISO 15118-2); it must be the certificate's."""
    assert await Bench().authorize(token="NL-MOB-C99999999-9") is ContractVerdict.CANCELLED


async def test_the_stations_responder_stands_in_for_a_certificate_that_names_none():
    bench = Bench()
    world = bench.world
    silent = certified(EMAID.replace("-", ""), world.lower, is_authority=False, responder=None)
    chain = silent.pem + world.lower.pem + world.upper.pem
    true = bench.responders.answer
    bench.responders.answer = lambda asked: (
        response(silent.certificate, world.lower) if asked.url == "http://told.example/" else true(asked)
    )
    told = StatusRequest(hash_data(Subject.of(silent.certificate, world.lower.certificate)), ("http://told.example/",))
    assert await bench.authorize(certificate=chain) is ContractVerdict.CHAIN_ERROR
    assert await bench.authorize(certificate=chain, statuses=[told]) is ContractVerdict.ACCEPTED


def test_there_is_no_pool_of_contract_certificates():
    answer = Bench().desk.contract_certificate()
    assert answer.exi is None
    assert "pool" in answer.reason
