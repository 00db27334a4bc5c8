"""The stations of the demo: one of each kind that is met in the field, and one that falls back on purpose."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice

from csms_bridge.simulator.config import Fault
from csms_bridge.station import OcppVersion, SecurityProfile


@dataclass(frozen=True, slots=True)
class Part:
    """One simulated station: how it speaks, where it begins, what is wrong with it."""

    id: str
    version: OcppVersion
    profile: SecurityProfile
    vendor: str
    faults: frozenset[Fault] = frozenset()

    @property
    def serial(self) -> str:
        """Unlike the identity, so that nobody confuses the two."""
        return f"SN-{self.id}"


V16, V201, V21 = OcppVersion.V16, OcppVersion.V201, OcppVersion.V21
NONE, BASIC, TLS = SecurityProfile.NONE, SecurityProfile.BASIC, SecurityProfile.TLS_BASIC

CAST = (
    Part("HARBOUR-01", V16, NONE, "Oldtimer"),
    Part("HARBOUR-02", V16, BASIC, "Oldtimer"),
    Part("STATION-SQ-01", V201, BASIC, "Midway"),
    Part("STATION-SQ-02", V201, TLS, "Midway"),
    Part("AIRPORT-01", V21, BASIC, "Newcomer"),
    Part("AIRPORT-02", V16, BASIC, "Stumbler", frozenset({Fault.FALL_BACK})),
)
EXTRAS = CAST[:5]


def cast(stations: int) -> tuple[Part, ...]:
    """The first six in their order; beyond them, more of the five that arrive."""
    return (*CAST[:stations], *islice(_extras(), max(0, stations - len(CAST))))


def _extras() -> Iterator[Part]:
    for number, part in enumerate(cycle(EXTRAS), start=1):
        yield Part(f"EXTRA-{number:03}", part.version, part.profile, part.vendor, part.faults)
