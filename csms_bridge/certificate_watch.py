"""What a person should know about stations' certificate requests, and which of them are the same one again.

How many are taken in is a matter of `csms_bridge.renewal.allowance`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from sqlmodel import Session, col, select

from csms_bridge.certificate_asks import LONGEST_CHAIN, OPEN, Ask, AskState, csr_of
from csms_bridge.tables import CertificateAskRow
from csms_bridge.variables import Variable, configuration_key
from pki.alarms import AlarmKind, Alarms

ADVISED_CHAIN = 5_600
"""Characters that every station is advised to take at least (2.0.1 `MaxCertificateChainSize`)."""
CHAIN_LIMITS = (
    Variable("SecurityCtrlr", "MaxCertificateChainSize"),
    configuration_key("CertificateSignedMaxChainSize"),
    configuration_key("CertificateSignedMaxSize"),  # as the white paper's field description calls it
)
NONSENSE = 500  # no chain is shorter; a smaller limit was never meant
_EVERYBODY = "stations"

Told = Mapping[Variable, str | None]


def chain_limit(told: Told) -> int:
    """The longest chain that a station takes, in characters, by what it told of itself."""
    numbers = [int(value) for value in told.values() if value and value.isascii() and value.isdigit()]
    return min([LONGEST_CHAIN, *(number for number in numbers if number >= NONSENSE)])


@dataclass(slots=True)
class OpenAsks:
    """What some stations asked for and have not got yet. For one transaction."""

    _open: dict[tuple[str, str, int | None], list[CertificateAskRow]] = field(default_factory=dict)

    @classmethod
    def of(cls, session: Session, stations: Collection[str]) -> Self:
        """The open requests of these stations."""
        found = cls()
        query = select(CertificateAskRow).where(
            col(CertificateAskRow.station).in_(set(stations)), col(CertificateAskRow.state).in_(OPEN)
        )
        for row in session.exec(query):
            found._open.setdefault((row.station, row.csr, row.request_id), []).append(row)
        return found

    def waits(self, one: Ask) -> bool:
        """Whether the same request waits to be signed. What was signed is brought anew: the first may be lost."""
        return any(row.state == AskState.ASKED for row in self._open.get(_key(one), ()))

    def replaced_by(self, one: Ask, now: datetime) -> None:
        """The same request came again: the older ones are brought no more."""
        for row in self._open.pop(_key(one), ()):
            row.state, row.reason, row.updated_at = AskState.REFUSED, "the station asked again", now


def _key(one: Ask) -> tuple[str, str, int | None]:
    return one.station, csr_of(one), one.asked.request_id


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

    def all_is_well(self, stations: Collection[str]) -> None:
        """These stations have taken a certificate."""
        for one in self._alarms.open_of(AlarmKind.CERTIFICATE_TURNED_DOWN):
            if one.thing in stations:
                self._alarms.settle(AlarmKind.CERTIFICATE_TURNED_DOWN, one.thing)
