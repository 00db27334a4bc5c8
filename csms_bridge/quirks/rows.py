"""Rows of the quirk book: which stations one is about, what is odd about them, and where that is known from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from csms_bridge.quirks.versions import Firmware


class Confidence(StrEnum):
    """How well a row is known."""

    SEEN = "seen"
    """A station of this kind did so before our eyes, or before those of whom we have it."""
    READ = "read"
    """It stands so in its source or its manual."""
    TOLD = "told"
    """Somebody reported it."""
    GUESSED = "guessed"


class Origin(StrEnum):
    """Whose row it is. The operator knows better than what is shipped."""

    SHIPPED = "shipped"
    OPERATOR = "operator"


ANY = Firmware()


@dataclass(frozen=True, slots=True)
class QuirkRow:
    """One row. `vendor` and `model` are patterns (`*`, `?`), compared without regard to case and outer blanks.

    `like` names a shipped row whose oddities this kind of station has too; its own come on top. One that is
    `only_by_name` is about no station by itself: it is there for others to be like it.
    """

    name: str
    vendor: str = "*"
    model: str = "*"
    firmware: Firmware = ANY
    quirks: Mapping[str, Any] = field(default_factory=dict)
    like: str = ""
    only_by_name: bool = False
    source: str = ""
    confidence: Confidence = Confidence.TOLD
    origin: Origin = Origin.SHIPPED

    def covers(self, vendor: str, model: str, firmware: str) -> bool:
        """Whether a station that says this of itself is meant."""
        if self.only_by_name:
            return False
        return _fits(self.vendor, vendor) and _fits(self.model, model) and self.firmware.covers(firmware)

    @property
    def rank(self) -> tuple[int, tuple[int, int], int, tuple[int, int]]:
        """How narrow it is: the operator's first, then by model, firmware and vendor."""
        return int(self.origin is Origin.OPERATOR), _rank(self.model), self.firmware.rank, _rank(self.vendor)


def _fits(pattern: str, text: str) -> bool:
    return fnmatchcase(text.strip().casefold(), pattern.strip().casefold())


def _rank(pattern: str) -> tuple[int, int]:
    """A name is narrower than a pattern, and a pattern the narrower the more it says."""
    said = len(pattern.replace("*", "").replace("?", ""))
    return (2 if said == len(pattern) else int(said > 0)), said
