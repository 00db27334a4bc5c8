"""Answers stations that ask whether a certificate of somebody else's is good (2.x M06 and C07, 2.1 M07)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

import structlog
from cryptography import x509

from csms_bridge.answers import (
    CertificateChainStatus,
    CertificateStanding,
    CertificateStatus,
    ContractVerdict,
    EvCertificate,
    StandingOf,
)
from csms_bridge.errors import StatusUnavailable
from csms_bridge.events import AuthorizeAsked
from csms_bridge.settings import BridgeSettings
from csms_bridge.station import OcppVersion
from csms_bridge.station_certificates import StatusRequest, StatusSource
from csms_bridge.status.contracts import ChainRefused, ContractPath, Inquiry, is_same_emaid, prove_chain
from csms_bridge.status.fetcher import Fetcher, Question
from csms_bridge.status.kept_answers import FAULT_KEPT, KeptAnswers
from csms_bridge.status.subjects import Subject
from csms_bridge.status.targets import AllowList
from csms_bridge.status.verdicts import Verdict, kept_until, list_kept_until, list_verdict, ocsp_verdict, status_request
from pki.anchor_use import AnchorUse
from pki.authority import Authority
from pki.clock import Clock
from pki.foreign_crls import LONGEST as LONGEST_LIST

log = structlog.get_logger(__name__)

_LONGEST_RESULT = {OcppVersion.V201: 5500, OcppVersion.V21: 18_000}
"""Characters of `ocspResult`, which is base64."""
LONGEST_RESPONSE = 64 * 1024  # octets; what a station can take is much less
WITHIN = 15.0
"""Seconds for one certificate in all; stations wait 30 s and more for an answer."""
_MOST_URLS = 5
_NO_POOL = "this CSMS has no contract certificate pool; vehicles get their contracts elsewhere"

Found = TypeVar("Found")
Certificates = Callable[[], Sequence[x509.Certificate]]


class Asks(Protocol):
    """Whoever puts questions to responders."""

    async def fetch(self, station: str, question: Question, /) -> bytes:
        """The answer's body. Raises StatusUnavailable."""


class StatusDesk:
    """`anchors` lists the authorities that contracts may end in, `issuers` all whose signatures are known here."""

    def __init__(self, fetcher: Asks, anchors: Certificates, issuers: Certificates, clock: Clock) -> None:
        self._fetcher = fetcher
        self._anchors = anchors
        self._issuers = issuers
        self._clock = clock
        self._kept = KeptAnswers()

    async def fetch(self, station: str, request: StatusRequest, version: OcppVersion) -> CertificateStatus:
        """M06: the responder's answer in DER, if it fits into the version's message. It may well say "revoked"."""
        longest = _LONGEST_RESULT[version] // 4 * 3
        try:
            subject = Subject.read(request.hash_data)
            der = await self._ask_each(station, subject, request.urls, lambda der, now: der)
        except StatusUnavailable as fault:
            return CertificateStatus(None, fault.sentence)
        if len(der) > longest:
            return CertificateStatus(None, f"the responder's answer has {len(der)} octets, and {longest} fit")
        return CertificateStatus(der)

    async def standings(self, station: str, requests: Sequence[StatusRequest]) -> CertificateChainStatus:
        """M07: what is proven about each."""
        standings = await asyncio.gather(*(self._standing(station, request) for request in requests))
        return CertificateChainStatus(tuple(standings))

    async def contract(self, station: str, asked: AuthorizeAsked, token_is_good: bool) -> ContractVerdict | None:
        """C07.FR.13–.17: what is to be thought of the contract certificate; None when the station showed none.

        A certificate whose status nobody proves is as good as a broken chain. The worst answer counts.
        """
        if not asked.certificate and not asked.statuses:
            return None
        try:
            path = await asyncio.to_thread(self._prove, asked.certificate) if asked.certificate else None
            inquiries = _inquiries(path, asked.statuses)
            found = await asyncio.gather(*(self._inquire(station, one, path) for one in inquiries))
        except (ChainRefused, StatusUnavailable) as refused:
            log.info("contract_refused", station=station, why=str(refused))
            return refused.verdict if isinstance(refused, ChainRefused) else ContractVerdict.CHAIN_ERROR
        if any(verdict.standing is CertificateStanding.REVOKED for verdict in found):
            return ContractVerdict.REVOKED
        if any(verdict.standing is not CertificateStanding.GOOD for verdict in found):
            return ContractVerdict.CHAIN_ERROR
        belongs = path is None or is_same_emaid(asked.token, path.holder)
        return ContractVerdict.ACCEPTED if token_is_good and belongs else ContractVerdict.CANCELLED

    def contract_certificate(self) -> EvCertificate:
        """M01, M02: contract certificates come from a pool, and this product has none."""
        return EvCertificate(None, _NO_POOL)

    def _prove(self, pem: str) -> ContractPath:
        return prove_chain(pem, self._anchors(), self._clock())

    async def _standing(self, station: str, request: StatusRequest) -> StandingOf:
        try:
            inquiry = Inquiry(Subject.read(request.hash_data), request.source, request.urls)
            verdict = await self._inquire(station, inquiry, None)
        except StatusUnavailable as fault:
            log.info("certificate_status_unknown", station=station, why=fault.sentence)
            return StandingOf(request, CertificateStanding.FAILED, self._clock() + FAULT_KEPT)
        return StandingOf(request, verdict.standing, verdict.next_update)

    async def _inquire(self, station: str, inquiry: Inquiry, path: ContractPath | None) -> Verdict:
        """What is proven about a certificate. Raises StatusUnavailable."""
        issuers = [*(path.certificates if path else ()), *await asyncio.to_thread(self._issuers)]
        if inquiry.source is StatusSource.CRL:
            return await self._read_lists(station, inquiry, issuers)

        def judge(der: bytes, now: datetime) -> Verdict:
            return ocsp_verdict(der, inquiry.subject, issuers, now)

        return await self._ask_each(station, inquiry.subject, inquiry.urls, judge)

    async def _ask_each(
        self, station: str, subject: Subject, urls: Sequence[str], judge: Callable[[bytes, datetime], Found]
    ) -> Found:
        """What `judge` makes of the first OCSP response that it takes."""
        body = status_request(subject)

        async def one(url: str) -> Found:
            question = Question(url, LONGEST_RESPONSE, body, "application/ocsp-request")
            der = await self._get(station, question, lambda answer, now: kept_until(answer, subject, now))
            return judge(der, self._clock())

        return await _first(urls, one)

    async def _read_lists(self, station: str, inquiry: Inquiry, issuers: Sequence[x509.Certificate]) -> Verdict:
        async def one(url: str) -> Verdict:
            content = await self._get(station, Question(url, LONGEST_LIST), list_kept_until)
            now = self._clock()
            return await asyncio.to_thread(list_verdict, content, url, inquiry.subject, issuers, now)

        return await _first(inquiry.urls, one)

    async def _get(self, station: str, question: Question, until: Callable[[bytes, datetime], datetime]) -> bytes:
        """An answer, fresh or kept. `until` says how long it counts, and raises StatusUnavailable when it does not."""
        key = (question.url, question.body)
        if (kept := self._kept.find(key, self._clock())) is not None:
            return kept
        try:
            answer = await self._fetcher.fetch(station, question)
            now = self._clock()
            self._kept.keep(key, answer, until(answer, now), now)
        except StatusUnavailable as fault:
            if fault.code != "RateLimited":  # that is about the station, and not about the responder
                self._kept.keep_fault(key, fault, self._clock())
            raise
        return answer


async def _first(urls: Sequence[str], ask: Callable[[str], Awaitable[Found]]) -> Found:
    """The first that is found, asking one after the other. Raises StatusUnavailable: what went wrong last."""
    fault = StatusUnavailable("InvalidURL", "nobody is named who knows the status of the certificate")
    try:
        async with asyncio.timeout(WITHIN):
            for url in urls[:_MOST_URLS]:
                try:
                    return await ask(url)
                except StatusUnavailable as failed:
                    fault = failed
    except TimeoutError:
        raise StatusUnavailable("Timeout", "the responders did not answer in time") from None
    raise fault


def _inquiries(path: ContractPath | None, told: Sequence[StatusRequest]) -> list[Inquiry]:
    """Of a chain, what its certificates name; else, and for certificates that name nobody, what the station names."""
    asked = [Inquiry(Subject.read(one.hash_data), one.source, one.urls) for one in told]
    if path is None:
        return asked
    found = []
    for inquiry, issuer in zip(path.inquiries(), path.certificates[1:], strict=True):
        same = [
            one for one in asked if one.subject.serial == inquiry.subject.serial and one.subject.is_issued_by(issuer)
        ]
        asked = [one for one in asked if one not in same]
        found.append(inquiry if inquiry.urls or not same else same[0])
    return found + asked


def status_desk(authority: Authority, settings: BridgeSettings, clock: Clock) -> StatusDesk:
    """The desk of a service: its own authorities are issuers like others, and no place for contracts to end in."""
    fetcher = Fetcher(
        AllowList.of(settings.status_responders),
        clock,
        patience=settings.status_timeout.total_seconds(),
        per_minute=settings.status_questions_per_minute,
    )

    def anchors() -> list[x509.Certificate]:
        return authority.anchors.certificates(AnchorUse.CONTRACTS)

    def issuers() -> list[x509.Certificate]:
        return [*anchors(), *(x509.load_der_x509_certificate(info.der) for info in authority.authorities())]

    return StatusDesk(fetcher, anchors, issuers, clock)
