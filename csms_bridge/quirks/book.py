"""The quirk book, pure: several rows may be about one station, and for each key the narrowest has the word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from csms_bridge.errors import QuirkRefused
from csms_bridge.quirks.quirks import Quirks
from csms_bridge.quirks.reading import read_file
from csms_bridge.quirks.rows import Origin, QuirkRow


@dataclass(frozen=True, slots=True)
class Explanation:
    """Which rows are about a station, the narrowest first, and which of them has the word for each odd key."""

    rows: tuple[QuirkRow, ...]
    quirks: Quirks
    decided_by: Mapping[str, str]


class QuirkBook:
    """Shipped rows with the operator's on top. Raises QuirkRefused when a row is like one that is not there."""

    def __init__(self, operators: Sequence[QuirkRow] = ()) -> None:
        self.rows = (*operators, *shipped_rows())
        self._shipped = {row.name: row for row in shipped_rows()}
        for row in operators:
            if row.like and row.like not in self._shipped:
                raise QuirkRefused(f"row ({row.name})", "like", f"no shipped row is called {row.like!r}")

    def of(self, vendor: str, model: str, firmware: str) -> Quirks:
        """What is odd about a station that says this of itself in its BootNotification."""
        return self.explain(vendor, model, firmware).quirks

    def explain(self, vendor: str, model: str, firmware: str) -> Explanation:
        """The same, with the rows that it comes from. Of two as narrow as each other the later one has the word."""
        covering = [row for row in reversed(self.rows) if row.covers(vendor, model, firmware)]
        covering.sort(key=lambda row: row.rank, reverse=True)
        values: dict[str, Any] = {}
        decided_by: dict[str, str] = {}
        for row in covering:
            for key, value in self.quirks_of(row).items():
                if key not in values:
                    values[key], decided_by[key] = value, row.name
        return Explanation(tuple(covering), Quirks(**values), decided_by)

    def quirks_of(self, row: QuirkRow) -> dict[str, Any]:
        """A row's oddities: those of the row that it is like, and its own on top."""
        like = self._shipped[row.like].quirks if row.like else {}
        return {**like, **row.quirks}


@cache
def shipped_rows() -> tuple[QuirkRow, ...]:
    """The rows that come with the program."""
    text = files("csms_bridge.quirks").joinpath("shipped.toml").read_text(encoding="utf-8")
    return read_file(text, Origin.SHIPPED)
