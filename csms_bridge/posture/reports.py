"""A report as it comes in: parts in any order, some twice, some never, and no end at all (2.x B07). Pure."""

from dataclasses import dataclass, field

MOST_PARTS = 500
"""Of one report. EVerest sends its whole model in some ten."""
_MOST_NAMED = 5


@dataclass(slots=True)
class ReportStream:
    """One report under way: which parts came, and which is the last."""

    request_id: int
    seen: set[int] = field(default_factory=set)
    last: int | None = None
    repeated: int = 0

    def take(self, part: int, more: bool) -> bool:
        """Note a part; whether it is to be taken in, which a part that came already is not."""
        if part in self.seen or len(self.seen) >= MOST_PARTS:
            self.repeated += 1
            return False
        self.seen.add(part)
        if not more:
            self.last = part
        return True

    @property
    def is_complete(self) -> bool:
        """Whether every part up to the last has come."""
        return self.last is not None and not self.lost

    @property
    def is_endless(self) -> bool:
        """Whether the station goes on and on."""
        return self.last is None and len(self.seen) >= MOST_PARTS

    @property
    def lost(self) -> int:
        """How many parts before the newest never came. Parts are numbered from 0 (2.x NotifyReport.seqNo)."""
        newest = self.last if self.last is not None else max(self.seen, default=-1)
        return max(newest + 1 - sum(1 for part in self.seen if 0 <= part <= newest), 0)

    @property
    def words(self) -> str:
        """What is wrong with it; empty for a good one."""
        if self.is_endless:
            return f"the report has no end; after {MOST_PARTS} parts no more were taken in"
        if not self.seen:
            return "the report never came"
        if self.last is None:
            return f"the report stopped after part {max(self.seen) + 1}"
        missing = [str(part + 1) for part in range(min(self.last + 1, MOST_PARTS)) if part not in self.seen]
        named = ", ".join(missing[:_MOST_NAMED]) + (" …" if len(missing) > _MOST_NAMED else "")
        return f"parts {named} of {self.last + 1} never came" if self.lost else ""
