"""How a command fails: `error: …`, `hint: …` on standard error, and an exit code that scripts can tell apart."""

from collections.abc import Mapping
from typing import Any

from web.errors import AddressRefused, FolderServed, NodeServed, PortInUse

FAILED = 1
REFUSED = 2


class CommandFailed(Exception):
    """A command that cannot go on. `exit_code` is FAILED, or REFUSED for wrong use and refused input."""

    def __init__(self, sentence: str, hint: str = "", exit_code: int = FAILED) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.exit_code = exit_code


class WrongUse(CommandFailed):
    """An argument that cannot be right."""

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence, hint, REFUSED)


def of_problem(status: int, problem: Mapping[str, Any]) -> CommandFailed:
    """What the service refused (4xx: exit code 2) or could not do (5xx: exit code 1)."""
    sentence = str(problem.get("detail") or problem.get("title") or f"the service answered {status}")
    clause = problem.get("clause")
    if clause:
        sentence += f" ({clause})"
    return CommandFailed(sentence, str(problem.get("hint", "")), REFUSED if status < 500 else FAILED)


def of_domain(error: Exception) -> CommandFailed:
    """An error of one of the rooms, met before there was a service to call."""
    sentence = getattr(error, "sentence", str(error))
    return CommandFailed(sentence, getattr(error, "hint", ""), _exit_code(error))


def _exit_code(error: Exception) -> int:
    return FAILED if isinstance(error, PortInUse | AddressRefused | FolderServed | NodeServed) else REFUSED
