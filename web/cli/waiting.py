"""Waiting for many stations to come to an end, with a bar."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

from rich.console import Console
from rich.progress import Progress

_LOOK = 1.0  # seconds between two looks


def awaited(
    found: list[dict[str, Any]],
    under_way: set[str],
    look: Callable[[dict[str, Any]], dict[str, Any]],
    within: float,
    label: str,
) -> list[dict[str, Any]]:
    """The same list when the `state` of all has come to an end, or `within` seconds are over.

    `look` gives the fields of one that may have changed.
    """
    end = monotonic() + within
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=len(found))
        while True:
            open_ones = [one for one in found if one["state"] in under_way]
            bar.update(task, completed=len(found) - len(open_ones))
            if not open_ones or monotonic() > end:
                return found
            sleep(_LOOK)
            for one in open_ones:
                one.update(look(one))
