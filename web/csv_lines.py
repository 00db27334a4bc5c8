"""Tables as CSV (RFC 4180), line by line: a fleet's table is never whole in memory.

A spreadsheet takes a cell that begins with = + - @ for a formula, and cells come from stations: such a cell gets an
apostrophe in front, which spreadsheets do not show.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

MEDIA_TYPE = "text/csv; charset=utf-8"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The header and the rows."""
    yield _line(columns)
    for row in rows:
        yield _line([_safe(cell) for cell in row])


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def _safe(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text
