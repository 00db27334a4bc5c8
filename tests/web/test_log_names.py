"""Log events are found by their names, so these are all spelt alike."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EVENT = re.compile(r"(?:\b|_)log\.(?:debug|info|warning|error|exception)\(\s*\"([^\"]+)\"", re.IGNORECASE)


def test_event_names_are_words_joined_by_underscores() -> None:
    sources = [path.read_text(encoding="utf-8") for room in ("pki", "web") for path in (ROOT / room).rglob("*.py")]
    names = [name for source in sources for name in EVENT.findall(source)]
    assert {"round_failed", "request_failed", "ocsp_failed"} <= set(names)
    assert [name for name in names if not re.fullmatch("[a-z0-9]+(_[a-z0-9]+)*", name)] == []
