"""A reason, as a value, and what all checks are given."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from csms_bridge.quirks.book import Explanation
from csms_bridge.quirks.quirks import Quirks
from csms_bridge.readiness.codes import Code, Effect
from csms_bridge.readiness.facts import Facts
from csms_bridge.station import OcppVersion, SecurityProfile, Station

BLOCKED = 100


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that matters for the walk. `weight` is what it takes off the score of 100; what blocks takes all.

    `source` is the clause, the row of the quirk book, or where else it comes from. `next_act` mends it, or finds out.
    """

    code: Code
    effect: Effect
    weight: int
    sentence: str
    source: str
    next_act: str

    @property
    def blocks(self) -> bool:
        """Whether a walk cannot be begun, or is known to end on hold."""
        return self.effect is Effect.BLOCKS


def blocks(code: Code, sentence: str, source: str, next_act: str) -> Reason:
    """A walk cannot be begun, or is known to end on hold."""
    return Reason(code, Effect.BLOCKS, BLOCKED, sentence, source, next_act)


def risk(code: Code, weight: int, sentence: str, source: str, next_act: str) -> Reason:
    """The walk may end on hold."""
    return Reason(code, Effect.RISK, weight, sentence, source, next_act)


def unknown(code: Code, weight: int, sentence: str, source: str, next_act: str) -> Reason:
    """Nobody knows, and `next_act` finds out."""
    return Reason(code, Effect.UNKNOWN, weight, sentence, source, next_act)


def note(code: Code, weight: int, sentence: str, source: str, next_act: str = "") -> Reason:
    """It changes the path, or costs time."""
    return Reason(code, Effect.NOTE, weight, sentence, source, next_act)


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged: a station, the profile that it shall come to, and what the quirk book says of it."""

    facts: Facts
    book: Explanation
    goal: SecurityProfile
    now: datetime

    @property
    def station(self) -> Station:
        """The station."""
        return self.facts.known.station

    @property
    def quirks(self) -> Quirks:
        """What is odd about it."""
        return self.book.quirks

    @property
    def start(self) -> SecurityProfile:
        """Where its walk would begin: where it was seen last, or is registered (see walks.ledger)."""
        station = self.station
        return station.floor if station.profile is None else max(station.profile, station.floor)

    @property
    def is_16(self) -> bool:
        """Whether it speaks 1.6."""
        return self.station.ocpp_version is OcppVersion.V16

    @property
    def needs_root(self) -> bool:
        """Whether the walk takes it to TLS for the first time."""
        return self.start < SecurityProfile.TLS_BASIC <= self.goal

    @property
    def needs_certificate(self) -> bool:
        """Whether the walk gives it a certificate."""
        return self.goal is SecurityProfile.MUTUAL_TLS

    @property
    def sets_password(self) -> bool:
        """Whether the walk gives it a password."""
        return self.start < SecurityProfile.TLS_BASIC

    @property
    def was_read(self) -> bool:
        """Whether its settings were ever told."""
        return self.facts.reading.told_at is not None

    @property
    def read_it(self) -> str:
        """The command that finds out."""
        return f"voltward station readiness {self.station.id} --read"

    def by_the_book(self, key: str) -> str:
        """The row that has the word for this key, as a source."""
        row = next((row for row in self.book.rows if row.name == self.book.decided_by.get(key)), None)
        return f"quirk book: {row.name} ({row.confidence}; {row.source})" if row else "quirk book"


Check = Callable[[Case], Iterator[Reason]]
