"""One measured figure, beside the limit measured in the same run and the goal of the design."""

import json
import os
import platform
import ssl
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` in `unit`; `limit` is what the machine could do at best (same unit); `goal` is prose from the design."""

    name: str
    value: float
    unit: str
    goal: str
    met: bool
    limit: float | None = None

    @property
    def ratio(self) -> float | None:
        """value / limit."""
        return self.value / self.limit if self.limit else None


def machine() -> str:
    """What the figures were measured on, in one line."""
    return (
        f"{os.cpu_count()} cores ({_processor()}), {_memory()} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}"
    )


def table(figures: Iterable[Figure]) -> str:
    """The figures as text, one line each."""
    lines = [("figure", "measured", "limit", "ratio", "goal", "met")]
    for one in figures:
        limit = f"{one.limit:,.6g} {one.unit}" if one.limit else "-"
        ratio = f"{one.ratio:.2f}" if one.ratio is not None else "-"
        lines.append((one.name, f"{one.value:,.6g} {one.unit}", limit, ratio, one.goal, "yes" if one.met else "NO"))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def as_json(figures: Iterable[Figure]) -> str:
    """The same for programs."""
    return json.dumps({"machine": machine(), "figures": [asdict(one) | {"ratio": one.ratio} for one in figures]})


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
