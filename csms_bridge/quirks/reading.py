"""Rows from TOML or JSON, read strictly: what is not understood is refused with the row and the key it stands in.

[[row]]
name = "acme-boxes"          # how it is called, once in the book
vendor = "Acme*"             # patterns; without one any
model = "Box ?0"
firmware = ">=1.4, <2"       # or "1.4.*", or one version; without one any
like = "everest"             # a shipped row that this kind of station is like
only_by_name = false         # true: about no station by itself, there for others to be like it
source = "site visit, March" # where it is known from
confidence = "seen"          # seen, read, told or guessed
[row.quirks]
chain = "root"
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from csms_bridge.errors import QuirkRefused
from csms_bridge.quirks.quirks import check_value
from csms_bridge.quirks.rows import Confidence, Origin, QuirkRow
from csms_bridge.quirks.versions import Firmware

LONGEST = 256 * 1024
"""Octets of a file of rows."""
MOST = 1_000
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,59}")
_TEXTS = {"vendor": 60, "model": 60, "firmware": 100, "like": 60, "source": 500}
_KNOWN = {"name", *_TEXTS, "only_by_name", "confidence", "quirks"}


def read_file(text: str, origin: Origin) -> tuple[QuirkRow, ...]:
    """The rows of a TOML file. Raises QuirkRefused."""
    return read_rows(tables_in(text), origin)


def tables_in(text: str) -> list[object]:
    """The tables of a TOML file, not looked into. Raises QuirkRefused."""
    if len(text.encode()) > LONGEST:
        raise QuirkRefused("file", "", f"it is longer than {LONGEST} octets")
    try:
        file = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise QuirkRefused("file", "", f"it is not TOML: {error}") from None
    if set(file) - {"row"}:
        raise QuirkRefused("file", min(set(file) - {"row"}), "only [[row]] tables are known")
    tables = file.get("row", [])
    if not isinstance(tables, list) or not tables:
        raise QuirkRefused("file", "row", "write at least one [[row]]")
    return tables


def read_rows(tables: Sequence[object], origin: Origin) -> tuple[QuirkRow, ...]:
    """Rows from tables. Raises QuirkRefused."""
    if len(tables) > MOST:
        raise QuirkRefused("file", "row", f"more than {MOST} rows")
    rows = tuple(read_row(table, origin, f"row {number}") for number, table in enumerate(tables, 1))
    names = [row.name for row in rows]
    for number, name in enumerate(names, 1):
        if name in names[: number - 1]:
            raise QuirkRefused(f"row {number} ({name})", "name", "another row is called so")
    return rows


def read_row(table: object, origin: Origin, where: str = "row") -> QuirkRow:
    """One row. Raises QuirkRefused."""
    if not isinstance(table, Mapping):
        raise QuirkRefused(where, "", "it is no table of keys")
    name = table.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise QuirkRefused(where, "name", "give it one: lower-case letters, digits, points and hyphens, at most 60")
    where = f"{where} ({name})"
    if unknown := set(table) - _KNOWN:
        raise QuirkRefused(
            where, min(map(str, unknown)), f"there is no such key; known are {', '.join(sorted(_KNOWN))}"
        )
    texts = {key: _text(table[key], where, key) for key in _TEXTS if key in table}
    quirks = _quirks(table.get("quirks", {}), where)
    if not quirks and not texts.get("like"):
        raise QuirkRefused(where, "quirks", "it says nothing: write [row.quirks], or name a row that it is like")
    firmware = _firmware(texts.pop("firmware", "*"), where)
    confidence = _confidence(table.get("confidence", Confidence.TOLD.value), where)
    by_name = table.get("only_by_name", False)
    if not isinstance(by_name, bool):
        raise QuirkRefused(where, "only_by_name", "true or false")
    return QuirkRow(
        name, firmware=firmware, quirks=quirks, confidence=confidence, origin=origin, only_by_name=by_name, **texts
    )


def _text(value: object, where: str, key: str) -> str:
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value.strip()) <= _TEXTS[key]:
        raise QuirkRefused(where, key, f"1 to {_TEXTS[key]} printable characters")
    return value.strip()


def _firmware(text: str, where: str) -> Firmware:
    try:
        return Firmware(text)
    except ValueError as error:
        raise QuirkRefused(where, "firmware", str(error)) from None


def _confidence(value: object, where: str) -> Confidence:
    try:
        return Confidence(str(value))
    except ValueError:
        raise QuirkRefused(where, "confidence", f"one of {', '.join(Confidence)}") from None


def _quirks(table: object, where: str) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        raise QuirkRefused(where, "quirks", "it is no table of keys")
    found = {}
    for key, value in table.items():
        try:
            found[str(key)] = check_value(str(key), value)
        except ValueError as error:
            raise QuirkRefused(where, f"quirks.{key}", str(error)) from None
    return found
