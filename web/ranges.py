"""Which octets of a file are asked for (RFC 9110 §14), and what is answered. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Slice:
    """The octets from `start` to before `end`; `status` 200, 206, 304 or 416."""

    status: int
    start: int
    end: int
    size: int

    @property
    def length(self) -> int:
        """Octets that go out."""
        return self.end - self.start

    @property
    def is_last(self) -> bool:
        """Whether it reaches the end of the file."""
        return self.status in (200, 206) and self.end == self.size

    def headers(self, tag: str) -> dict[str, str]:
        """What is said of them; `tag` is the entity tag, quotes and all."""
        said = {"ETag": tag, "Accept-Ranges": "bytes"}
        if self.status == 416:
            return {**said, "Content-Range": f"bytes */{self.size}"}
        if self.status == 206:
            said["Content-Range"] = f"bytes {self.start}-{self.end - 1}/{self.size}"
        return said if self.status == 304 else {**said, "Content-Length": str(self.length)}


def slice_of(headers: Mapping[str, str], size: int, tag: str) -> Slice:
    """One range is served; none, several, or one that is no range at all is answered with the whole (§14.2).

    With If-Range a piece is served only of the very same file (§13.1.5): a strong tag, compared octet by octet.
    """
    whole = Slice(200, 0, size, size)
    if _names(headers.get("if-none-match", ""), tag):
        return Slice(304, 0, 0, size)
    asked = headers.get("range")
    condition = headers.get("if-range")
    if asked is None or (condition is not None and condition.strip() != tag):
        return whole
    match = _RANGE.fullmatch(asked)
    if match is None or not (match[1] or match[2]):
        return whole
    if not match[1]:  # the last so many
        last = min(int(match[2]), size)
        return Slice(206, size - last, size, size) if last else Slice(416, 0, 0, size)
    start, end = int(match[1]), int(match[2]) + 1 if match[2] else size
    if match[2] and end <= start:
        return whole  # no range at all (§14.1.1)
    return Slice(206, start, min(end, size), size) if start < size else Slice(416, 0, 0, size)


def _names(said: str, tag: str) -> bool:
    """Whether If-None-Match names the tag; weakly, as §13.1.2 has it."""
    return any(part.strip().removeprefix("W/") in (tag, "*") for part in said.split(",")) if said else False
