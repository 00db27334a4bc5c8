"""What a person should know about stations' certificate requests: the rules that slow them down, and the alarms.

A station whose certificate does not come, or does not suit it, goes on asking; some do so without a pause. Each
request costs a signature and leaves a certificate behind, so a station gets so many in an hour, until it has taken one
or somebody asks it to renew.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from sqlmodel import Session, col, or_, select

from csms_bridge.certificate_asks import LONGEST_CHAIN, OPEN, Ask, AskState, csr_of
from csms_bridge.tables import CertificateAskRow, RenewalAskRow
from csms_bridge.variables import Variable, configuration_key
from pki.alarms import AlarmKind, Alarms

ADVISED_CHAIN = 5_600
"""Characters that every station is advised to take at least (2.0.1 `MaxCertificateChainSize`)."""
CHAIN_LIMITS = (
    Variable("SecurityCtrlr", "MaxCertificateChainSize"),
    configuration_key("CertificateSignedMaxChainSize"),
    configuration_key("CertificateSignedMaxSize"),  # as the white paper's field description calls it
)
_NONSENSE = 500  # no chain is shorter; a smaller limit was never meant
_HOUR = timedelta(hours=1)
_EVERYBODY = "stations"

Told = Mapping[Variable, str | None]


def chain_limit(told: Told) -> int:
    """The longest chain that a station takes, in characters, by what it told of itself."""
    numbers = [int(value) for value in told.values() if value and value.isascii() and value.isdigit()]
    return min([LONGEST_CHAIN, *(number for number in numbers if number >= _NONSENSE)])


@dataclass(slots=True)
class Recent:
    """What some stations asked within an hour, and what of it is open. For one transaction.

    Only what came after a station's last success counts, or after somebody had it renew. Refused requests are counted
    apart: they keep no good one out.
    """

    _most: int
    _open: dict[tuple[str, str, int | None], list[CertificateAskRow]] = field(default_factory=dict)
    _counts: Counter[tuple[str, bool]] = field(default_factory=Counter)
    paused: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, session: Session, stations: Sequence[str], now: datetime, most: int) -> Self:
        """The recent requests of these stations; each may have `most` in an hour."""
        found = cls(most)
        query = select(CertificateAskRow).where(
            col(CertificateAskRow.station).in_(set(stations)),
            or_(
                col(CertificateAskRow.asked_at) >= now - _HOUR,
                col(CertificateAskRow.updated_at) >= now - _HOUR,
                col(CertificateAskRow.state).in_(OPEN),
            ),
        )
        rows = session.exec(query).all()
        since = _counted_since(session, set(stations), rows, now)
        for row in rows:
            if row.state in OPEN:
                found._open.setdefault((row.station, row.csr, row.request_id), []).append(row)
            if row.asked_at >= since[row.station]:
                found._counts[row.station, row.state == AskState.REFUSED] += 1
        return found

    def waits(self, one: Ask) -> bool:
        """Whether the same request waits to be signed. What was signed is brought anew: the first may be lost."""
        return any(row.state == AskState.ASKED for row in self._open.get(_key(one), ()))

    def one_too_many(self, station: str, *, refused: bool) -> bool:
        """Whether a further request is one too many; else it is counted."""
        if self._counts[station, refused] >= self._most:
            if not refused:
                self.paused.add(station)
            return True
        self._counts[station, refused] += 1
        return False

    def replaced_by(self, one: Ask, now: datetime) -> None:
        """The same request came again: the older ones are brought no more."""
        for row in self._open.pop(_key(one), ()):
            row.state, row.reason, row.updated_at = AskState.REFUSED, "the station asked again", now


def _key(one: Ask) -> tuple[str, str, int | None]:
    return one.station, csr_of(one), one.asked.request_id


def _counted_since(
    session: Session, stations: Collection[str], rows: Sequence[CertificateAskRow], now: datetime
) -> dict[str, datetime]:
    since = dict.fromkeys(stations, now - _HOUR)
    renewals = session.exec(select(RenewalAskRow).where(col(RenewalAskRow.station).in_(stations))).all()
    moments = [(renewal.station, renewal.asked_at) for renewal in renewals]
    moments += [(row.station, row.updated_at) for row in rows if row.state == AskState.TAKEN]
    for station, moment in moments:
        since[station] = max(since[station], moment)
    return since


class CertificateWatch:
    """Raises and settles the alarms. `told_of`: what stations told of their chain limits."""

    def __init__(self, alarms: Alarms, told_of: Callable[[Collection[str]], Mapping[str, Told]] = lambda _: {}) -> None:
        self._alarms = alarms
        self._told_of = told_of

    def limits(self, stations: Collection[str]) -> dict[str, int]:
        """For each of these stations, the characters of a chain that it takes."""
        told = self._told_of(stations) if stations else {}
        return {station: chain_limit(told.get(station, {})) for station in stations}

    @property
    def somebody_waited(self) -> bool:
        """Whether the alarm about waiting requests is open."""
        return bool(self._alarms.open_of(AlarmKind.CERTIFICATES_WAITING))

    def signer_is_away(self) -> None:
        """A request was accepted and cannot be signed now; its station never learns why."""
        if not self.somebody_waited:
            sentence = "stations' certificate requests were accepted and wait for the authority's signer"
            self._alarms.sound(AlarmKind.CERTIFICATES_WAITING, _EVERYBODY, sentence)

    def nobody_waits(self) -> None:
        """All that was accepted is signed."""
        self._alarms.settle(AlarmKind.CERTIFICATES_WAITING, _EVERYBODY)

    def turned_down(self, station: str, serial: str, words: str) -> None:
        """The station did not take its certificate: it will not ask again by itself (A02.FR.20)."""
        sentence = f"station {station!r} did not take certificate {serial}" + (f": {words}" if words else "")
        self._alarms.sound(AlarmKind.CERTIFICATE_TURNED_DOWN, station, sentence)

    def too_long(self, station: str, length: int, limit: int) -> None:
        """A chain was not sent."""
        sentence = f"the chain for station {station!r} has {length} characters, and it takes {limit}: it was not sent"
        self._alarms.sound(AlarmKind.CERTIFICATE_TURNED_DOWN, station, sentence)

    def too_many(self, stations: Collection[str], limit: int) -> None:
        """These stations are told to wait."""
        known = {one.thing for one in self._alarms.open_of(AlarmKind.CERTIFICATE_REQUESTS)} if stations else set()
        for station in set(stations) - known:  # raised once, however often it comes: each time would be a write
            sentence = f"station {station!r} asked for more than {limit} certificates within an hour and took none"
            self._alarms.sound(AlarmKind.CERTIFICATE_REQUESTS, station, sentence)

    def all_is_well(self, stations: Collection[str]) -> None:
        """These stations have taken a certificate."""
        for kind in (AlarmKind.CERTIFICATE_TURNED_DOWN, AlarmKind.CERTIFICATE_REQUESTS):
            for one in self._alarms.open_of(kind):
                if one.thing in stations:
                    self._alarms.settle(kind, one.thing)
