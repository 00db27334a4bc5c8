"""Peers at the door judged together: what is on record of them is read, `admission` decides, the verdicts are written.

A fleet comes back at once, so that a lot of peers costs one reading and one transaction (`csms_bridge.lots`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cryptography import x509
from websockets.datastructures import MultipleValuesError
from websockets.http11 import Request

from csms_bridge.admission import (
    Admitted,
    MakersCertificate,
    Peer,
    PresentedCertificate,
    Refused,
    Registered,
    Verdict,
    decide,
    presented_of,
    read_basic,
)
from csms_bridge.arrivals import Line
from csms_bridge.edge_chain import UntrustedChain, VerifiedChain
from csms_bridge.edge_headers import ShownChain
from csms_bridge.edges import Edges
from csms_bridge.password_book import PasswordBook, PasswordsOf
from csms_bridge.sightings import Judged, OnRecord, Sightings
from csms_bridge.strangers import network_of
from pki.alarms import AlarmKind
from pki.anchors import Anchor
from pki.authority import Authority, Certificate
from pki.foreign_certificates import UNREADABLE
from pki.secret_text import Secret

_NAMES = (x509.NameOID.COMMON_NAME, x509.NameOID.SERIAL_NUMBER)
_LONGEST_NAME, _MOST_NAMES = 64, 4  # of a stranger's certificate, for the record

Shown: TypeAlias = VerifiedChain | ShownChain | None
"""A client certificate: verified by our own TLS, passed on by an edge, or none."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """An admitted peer: who it is, what it proved, and the id of the password it used."""

    identity: str
    serial: str
    admitted: Admitted
    password: str | None
    line: Line


@dataclass(frozen=True, slots=True)
class Knocking:
    """A peer's upgrade request. `fault` is what is wrong with the word of the edge that passed it on."""

    identity: str
    line: Line
    request: Request
    shown: Shown
    fault: Refused | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a peer asks to be let in with, and what is on record for it.

    `is_at_home`: it comes from where the station came from last.
    """

    station: Registered
    line: Line
    offered: tuple[str, ...]
    basic_present: bool
    password: Secret | None
    known: PasswordsOf
    certificate: PresentedCertificate | None
    is_at_home: bool = False


Outcome: TypeAlias = Welcome | Refused | Asked | None
_Presented: TypeAlias = PresentedCertificate | Refused | None


class Judging:
    """Synchronous, from any thread."""

    def __init__(self, sightings: Sightings, passwords: PasswordBook, authority: Authority, edges: Edges) -> None:
        self._sightings = sightings
        self._passwords = passwords
        self._authority = authority
        self._edges = edges

    def judge_each(self, lot: Sequence[Knocking]) -> list[Outcome]:
        """For each the verdict, which is on record; or what was asked, when it takes a slow hash to tell.

        None for an identity that nobody registered.
        """
        known = self._sightings.registered_each({one.identity for one in lot})
        registered = [one for one in lot if one.identity in known]
        shown = self._presented_each(registered)
        asked = iter([self._read(one, known[one.identity], what) for one, what in zip(registered, shown, strict=True)])
        outcomes = [self._outcome(next(asked)) if one.identity in known else None for one in lot]
        self._write([(one.identity, one.line, outcome) for one, outcome in zip(lot, outcomes, strict=True)])
        return outcomes

    def conclude(self, asked: Asked, used: str | None, *, is_retired: bool) -> Welcome | Refused:
        """The verdict, which is on record, once it is known which password was used."""
        verdict = _verdict(asked, used, is_retired=is_retired)
        self._write([(asked.station.id, asked.line, verdict)])
        return verdict

    def presented(self, shown: VerifiedChain) -> PresentedCertificate:
        """What our records say of a certificate."""
        return self._presented(shown, self._authority.identify(shown.leaf))

    def _write(self, outcomes: Sequence[tuple[str, Line, Outcome]]) -> None:
        judged = [
            Judged(station, line, _verdict_of(outcome))
            for station, line, outcome in outcomes
            if isinstance(outcome, Welcome | Refused)
        ]
        if judged:
            self._sightings.judged_each(judged)
        for one in judged:
            if isinstance(one.verdict, Refused) and one.verdict.alarming:
                self._sound(one, one.verdict.alarming)

    def _sound(self, one: Judged, thing: str) -> None:
        """Somebody shows what the true station would not. Counted by what was shown, so that it fills no list."""
        sentence = f"refused as {one.station} from {one.line.address}: {one.reason}"
        self._authority.alarms.sound(AlarmKind.PROOF_OF_ANOTHER, thing, sentence)

    def _presented_each(self, lot: Sequence[Knocking]) -> list[_Presented]:
        """What each shows, as far as it leads to an anchor; refused when it leads to none."""
        chains = [self._verified(one) for one in lot]
        verified = [chain for chain in chains if isinstance(chain, VerifiedChain)]
        records = iter(self._authority.identify_each([chain.leaf for chain in verified]))
        return [
            self._presented(chain, next(records)) if isinstance(chain, VerifiedChain) else chain for chain in chains
        ]

    def _verified(self, one: Knocking) -> VerifiedChain | Refused | None:
        try:
            return self._edges.verify(one.shown) if isinstance(one.shown, ShownChain) else one.shown
        except UntrustedChain as error:
            return Refused(401, f"the edge passed on a client certificate that leads to no anchor: {error}")

    def _presented(self, shown: VerifiedChain, record: Certificate | None) -> PresentedCertificate:
        if record is None:
            anchor = self._authority.anchors.identify(shown.root)
            maker = makers_certificate(shown.leaf, anchor) if anchor is not None else None
            return PresentedCertificate("", None, "", "unknown", "", maker=maker)
        return presented_of(record, is_retired=self._authority.is_retired(record.authority))

    def _read(self, one: Knocking, known: OnRecord, shown: _Presented) -> Asked | Refused:
        if isinstance(shown, Refused):
            return shown
        if one.fault is not None:
            return one.fault
        try:
            basic = read_basic(single(one.request, "Authorization"))
            offered = offered_of(one.request)
        except (ValueError, MultipleValuesError) as error:
            return Refused(400, str(error))
        password = basic.password_for(one.identity) if basic else None
        at_home = network_of(one.line.address) == network_of(known.address)
        return Asked(known.station, one.line, offered, basic is not None, password, known.passwords, shown, at_home)

    def _outcome(self, asked: Asked | Refused) -> Welcome | Refused | Asked:
        """The verdict, if no slow hash is needed for it."""
        if isinstance(asked, Refused):
            return asked
        if asked.password is None:
            return _verdict(asked, None, is_retired=False)
        at_once = self._passwords.checks.at_once
        found, unsure = at_once(asked.station.id, asked.password, [*asked.known.good, *asked.known.recovery])
        if found is not None:
            return _verdict(asked, found, is_retired=False)
        stale, also_unsure = at_once(asked.station.id, asked.password, asked.known.retired)
        return asked if unsure or also_unsure else _verdict(asked, None, is_retired=stale is not None)


def _verdict(asked: Asked, used: str | None, *, is_retired: bool) -> Welcome | Refused:
    station, line = asked.station, asked.line
    peer = Peer(
        password_retired=is_retired,
        identity=station.id,
        tls=line.tls_version is not None,
        offered=asked.offered,
        basic_present=asked.basic_present,
        password_fits=used is not None if asked.basic_present else None,
        by_recovery=used is not None and used in {one.id for one in asked.known.recovery},
        certificate=asked.certificate,
    )
    verdict = decide(peer, station)
    if isinstance(verdict, Refused):
        return verdict
    return Welcome(station.id, station.serial, verdict, used if verdict.lane is None else None, line)


def _verdict_of(outcome: Welcome | Refused) -> Verdict:
    return outcome.admitted if isinstance(outcome, Welcome) else outcome


def makers_certificate(leaf: bytes, anchor: Anchor) -> MakersCertificate:
    """What a certificate (DER) under an anchor says. One that cannot be read says nothing."""
    try:
        subject = x509.load_der_x509_certificate(leaf).subject
    except UNREADABLE:
        return MakersCertificate(anchor.vendor, anchor.name, ())
    stated = [one.value for kind in _NAMES for one in subject.get_attributes_for_oid(kind)]
    names = tuple(dict.fromkeys(name[:_LONGEST_NAME] for name in stated if isinstance(name, str)))
    return MakersCertificate(anchor.vendor, anchor.name, names[:_MOST_NAMES])


def offered_of(request: Request) -> tuple[str, ...]:
    """The subprotocols that are offered, in the peer's order."""
    offered = request.headers.get_all("Sec-WebSocket-Protocol")
    return tuple(name.strip() for value in offered for name in value.split(","))


def single(request: Request, name: str) -> str | None:
    """A header's one value, None without it. Raises MultipleValuesError when it is repeated."""
    return request.headers.get(name)
