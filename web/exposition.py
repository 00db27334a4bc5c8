"""The Prometheus text format 0.0.4."""

from collections.abc import Mapping, Sequence
from typing import Final

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[Mapping[str, str], float]


def gauge(name: str, meaning: str, samples: Sequence[Sample]) -> str:
    """What goes up and down, with its help line."""
    return _family(name, meaning, "gauge", samples)


def counter(name: str, meaning: str, samples: Sequence[Sample]) -> str:
    """What only goes up, until the process ends; `name` ends in `_total`."""
    return _family(name, meaning, "counter", samples)


def _family(name: str, meaning: str, kind: str, samples: Sequence[Sample]) -> str:
    lines = [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{_labels(labels)} {value}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
