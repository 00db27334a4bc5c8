"""Firmware versions as makers write them, compared leniently: `V1.05-rc2`, `fw 3.2.1b`, `2023.11`."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

_PARTS = re.compile(r"[0-9]+|[a-z]+")
_BEFORE = frozenset({"alpha", "beta", "dev", "pre", "preview", "rc", "snapshot", "test"})
_RANGE = re.compile(r"\s*(>=|<=|>|<|==|=)\s*(\S.*?)\s*")
_LONGEST_NUMBER = 18
"""Digits; a longer number is no part of a version."""

Key = tuple[tuple[int, ...], tuple[tuple[int, str, int], ...]]


def version_key(text: str) -> Key | None:
    """What a version is compared by; None for a text without a number.

    Words before the first number and what follows a plus sign say nothing. `1.4`, `1.4.0` and `V1.04` are the same,
    `1.4-rc1` comes before them, `1.4b` after them and before `1.4.1`.
    """
    parts = _PARTS.findall(text.casefold().partition("+")[0])
    while parts and not parts[0].isdigit():
        parts.pop(0)
    if not parts or any(len(part) > _LONGEST_NUMBER for part in parts):
        return None
    count = next((place for place, part in enumerate(parts) if not part.isdigit()), len(parts))
    release = [int(part) for part in parts[:count]]
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    return tuple(release), (*(_rest(part) for part in parts[count:]), _END)


_END = (1, "", 0)


def _rest(part: str) -> tuple[int, str, int]:
    if part.isdigit():
        return 3, "", int(part)
    return (0 if part in _BEFORE else 2), part, 0


_COMPARE: dict[str, Callable[[Key, Key], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
    "==": operator.eq,
}


@dataclass(frozen=True, slots=True)
class Firmware:
    """Which versions a row is about: `*`, a pattern like `1.4.*`, one version, or bounds like `>=1.4, <2`."""

    text: str = "*"

    def __post_init__(self) -> None:
        """Raise ValueError for what cannot be compared."""
        for sign, version in self._bounds():
            if version_key(version) is None:
                raise ValueError(f"{sign}{version}: there is no number in it")
        bare = not self._is_pattern and not self._bounds()
        if bare and ("," in self.text or version_key(self.text) is None):
            raise ValueError('write it like ">=1.4, <2", "1.4.*" or "1.4.2"')

    @property
    def rank(self) -> int:
        """How narrow it is: any version 0, bounded on one side 1, on both or a pattern 2, one version 3."""
        if self.text == "*":
            return 0
        bounds = self._bounds()
        if not bounds:
            return 2 if self._is_pattern else 3
        return 3 if any(sign in ("=", "==") for sign, _ in bounds) else min(len(bounds), 2)

    def covers(self, version: str) -> bool:
        """Whether this version is meant. One that is not told, or has no number, is meant by `*` and patterns only."""
        if self._is_pattern:
            return fnmatchcase(version.strip().casefold(), self.text.casefold())
        key, bounds = version_key(version), self._bounds() or [("=", self.text)]
        return key is not None and all(_COMPARE[sign](key, _key(bound)) for sign, bound in bounds)

    @property
    def _is_pattern(self) -> bool:
        return "*" in self.text or "?" in self.text

    def _bounds(self) -> list[tuple[str, str]]:
        found = [_RANGE.fullmatch(part) for part in self.text.split(",")]
        if not any(found):
            return []
        if not all(found):
            raise ValueError(f"{self.text!r}: each bound begins with >=, <=, >, < or =")
        return [(one[1], one[2]) for one in found if one]


def _key(version: str) -> Key:
    key = version_key(version)
    if key is None:
        raise ValueError(f"{version}: there is no number in it")
    return key
