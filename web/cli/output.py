"""Results on standard output, talk on standard error; JSON when asked for, tables otherwise.

Everything that came from a station or a person is stripped of control characters first: a terminal obeys them.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WANTS_JSON: ContextVar[bool] = ContextVar("wants_json", default=False)


def _remember(value: bool) -> bool:
    if value:
        _WANTS_JSON.set(True)
    return value


Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.", callback=_remember, is_eager=True)]


def wants_json() -> bool:
    """Whether `--json` was given, before or after the command."""
    return _WANTS_JSON.get()


def forget_wishes() -> None:
    """Begin a new command line in the same process."""
    _WANTS_JSON.set(False)


def say(text: str) -> None:
    """Talk: standard error, so that standard output stays a result."""
    sys.stderr.write(text + "\n")


def show_json(thing: object) -> None:
    """A result as JSON."""
    sys.stdout.write(json.dumps(thing, indent=2, ensure_ascii=False) + "\n")


def show_text(text: str) -> None:
    """A result that is text already: PEM, a token."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def show_fields(thing: Mapping[str, Any], names: Sequence[str] | None = None) -> None:
    """One thing: JSON, or a line per field."""
    if wants_json():
        show_json(thing)
        return
    chosen = [name for name in names or thing if name in thing]
    width = max((len(name) for name in chosen), default=0)
    for name in chosen:
        text = plain(thing[name])
        body = ("\n" + text.rstrip()) if "\n" in text else text
        show_text(f"{name.replace('_', ' '):<{width}}  {body}".rstrip())


def show_list(page: Mapping[str, Any], columns: Sequence[str]) -> None:
    """A list of things: JSON as the API gives it, or a table."""
    if wants_json():
        show_json(page)
        return
    show_table(columns, ([plain(item.get(name)) for name in columns] for item in page["items"]))
    if page.get("next"):
        say(f"there are more: --after {page['next']}")


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table for people; in a pipe, plain columns that are never cut."""
    titles = [column.replace("_", " ") for column in columns]
    if sys.stdout.isatty():
        table = Table(*titles, box=None, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        Console().print(table)
        return
    lines = [titles, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(titles))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        show_text("  ".join(cells).rstrip())


def plain(value: object) -> str:
    """A value as a person reads it, without characters that a terminal would obey."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(plain(one) for one in value)
        case dict():
            return plain(json.dumps(value, ensure_ascii=False))
    text = str(value)
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text)
