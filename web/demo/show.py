"""What the viewer of the demo sees: a live table at a terminal, a line per change elsewhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from csms_bridge.station import Station
from csms_bridge.walks.rows import WalkView
from csms_bridge.walks.steps import StepState, WalkState
from web.service import Service

SETTLED = (StepState.DONE, StepState.SKIPPED)
STYLES = {
    WalkState.RUNNING: "cyan",
    WalkState.DONE: "green",
    WalkState.HELD: "yellow",
    WalkState.CANCELLED: "dim",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One station and its walk."""

    station: Station
    walk: WalkView | None

    @property
    def over(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.walk is None or self.walk.state is not WalkState.RUNNING


def look(service: Service, stations: Sequence[str]) -> list[Row]:
    """The stations of the demo as they stand now."""
    return [Row(service.fleet.station(one), service.fleet.current_walk(one)) for one in stations]


def table_of(rows: Sequence[Row]) -> Table:
    """The live table."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("station", "OCPP", "profile", "line", "step", "now"):
        table.add_column(title, no_wrap=title != "now", overflow="fold" if title == "now" else "ellipsis")
    for row in rows:
        table.add_row(
            row.station.id,
            row.station.ocpp_version or "-",
            ladder(row),
            Text("on", "green") if row.station.online else Text("off", "dim"),
            progress(row.walk),
            doing(row.walk),
        )
    return table


def ladder(row: Row) -> Text:
    """`0 · 1 · 2 · 3`: the profile it is on stands out, those it has left behind are dim."""
    text = Text()
    for rung in range(4):
        reached = row.station.profile
        style = "bold green" if rung == reached else ("dim" if reached is None or rung < reached else "")
        text.append("●" if rung == reached else str(rung), style).append(" " if rung < 3 else "")
    return text.append(f"  {'-' if row.station.profile is None else int(row.station.profile)}", "bold")


def progress(walk: WalkView | None) -> str:
    """`7/21`."""
    return f"{sum(step.state in SETTLED for step in walk.steps)}/{len(walk.steps)}" if walk else "-"


def doing(walk: WalkView | None) -> Text:
    """The step at hand, or how it ended."""
    if walk is None:
        return Text("-")
    words = {
        WalkState.DONE: f"arrived on profile {walk.to_profile:d}",
        WalkState.HELD: f"on hold: {walk.reason}",
        WalkState.CANCELLED: f"cancelled: {walk.reason}",
    }
    at_hand = next((step.name for step in walk.steps if step.state not in SETTLED), "")
    return Text(words.get(walk.state, at_hand), STYLES[walk.state])


Screen = Callable[[Sequence[Row]], None]


class Screens:
    """A place to show rows; use it as a context."""

    def __init__(self, console: Console, foot: str) -> None:
        self._console = console
        self._foot = Text(foot, "dim")
        self._live: Live | None = None
        self._told: dict[str, str] = {}

    def __enter__(self) -> Screen:
        if not self._console.is_terminal:
            return self._tell_changes
        self._live = Live(console=self._console, auto_refresh=False, transient=False)
        self._live.start()
        return self._paint

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def _paint(self, rows: Sequence[Row]) -> None:
        if self._live is not None:
            self._live.update(Group(table_of(rows), Text(), self._foot), refresh=True)

    def _tell_changes(self, rows: Sequence[Row]) -> None:
        for row in rows:
            profile = "-" if row.station.profile is None else int(row.station.profile)
            line = f"{row.station.id:<14} profile {profile}  {progress(row.walk):>5}  {doing(row.walk).plain}"
            if self._told.get(row.station.id) != line:
                self._told[row.station.id] = line
                self._console.print(line, soft_wrap=True, highlight=False, markup=False)
