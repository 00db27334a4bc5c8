"""The password a simulated station leaves the factory with, kept beside its memory: it is told once, at registering."""

from pathlib import Path

_FILE = "factory-password"


def keep_factory_password(memory: Path, password: str) -> None:
    """Write it into the station's folder, readable by its owner alone. Empty: the station has none."""
    memory.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = memory / _FILE
    file.touch(mode=0o600)
    file.write_text(password, encoding="utf-8")


def factory_password(memory: Path) -> str | None:
    """What was kept; None for a station without one, or one that was never here."""
    try:
        return (memory / _FILE).read_text(encoding="utf-8") or None
    except FileNotFoundError:
        return None
