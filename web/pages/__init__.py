"""The console: plain HTML pages over the two doors. Script only decorates."""

from pathlib import Path

TEMPLATES = Path(__file__).parent.parent / "templates"
STATIC = Path(__file__).parent.parent / "static"
