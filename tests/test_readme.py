"""What README.md and the documents show of the command line is what the program does."""

import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from csms_bridge.simulator.config import Fault
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.walks.plans import plan
from web.cli.main import app
from web.demo.cast import CAST
from web.demo.stage import GOAL

ROOT = Path(__file__).resolve().parent.parent
REFRESH = runpy.run_path(str(ROOT / "docs" / "refresh.py"))
PAGES = [*REFRESH["DOCUMENTS"], *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "certs-dev/README.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")

BLOCK = re.compile(r"^```(?:sh|console)\n(?P<body>.*?)^```", re.DOTALL | re.MULTILINE)
GENERATED = re.compile(r"<!-- generated: help: (?P<command>[^>]+?) -->")
# Between these a shell begins another command.
SEPARATORS = re.compile(r"\|\|?|&&?|;|\$\(|\)|(?<=\s)>")


def command_lines(page: Path) -> Iterator[list[str]]:
    """Every `voltward …` in the shell blocks of a page, without the program's name."""
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        for line in block["body"].replace("\\\n", " ").splitlines():
            yield from in_line(line, console="$ " in block["body"])


def in_line(line: str, *, console: bool) -> Iterator[list[str]]:
    if line.startswith("#") or (console and not line.startswith("$ ")):
        return
    for command in SEPARATORS.split(line.removeprefix("$ ")):
        try:
            words = shlex.split(command, comments=True)
        except ValueError:  # half of something quoted, where a separator stood inside
            words = []
        while words and re.fullmatch(r"(export|[A-Z_]+=.*)", words[0]):
            words.pop(0)
        if words and Path(words[0]).name == "voltward":
            yield words[1:]


def complaint(words: list[str]) -> str | None:
    """What the command line's own parser says against these words; None when they are right."""
    command = typer.main.get_command(app)
    options, left = parsed(command, words)
    while (inner := getattr(command, "commands", {}).get(left[0] if left else "")) is not None:
        command = inner
        options, left = parsed(command, left[1:])
    if left:
        return f"not understood: {left}"
    missing = [one.name for one in command.params if one.required and options.get(one.name) is None]
    return f"missing: {missing}" if missing and not {"help", "_version"} & set(options) else None


def parsed(command: object, words: list[str]) -> tuple[dict[str, object], list[str]]:
    context = command.make_context("voltward", [], resilient_parsing=True)  # type: ignore[attr-defined]
    with context:
        options, left, _ = command.make_parser(context).parse_args(list(words))  # type: ignore[attr-defined]
    return options, left


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_line_parses(page: Path) -> None:
    wrong = {shlex.join(words): why for words in command_lines(page) if (why := complaint(words))}
    assert not wrong


def test_the_pages_show_commands_at_all() -> None:
    shown = {tuple(words[:2]) for page in PAGES for words in command_lines(page)}
    assert {("walk", "start"), ("station", "add"), ("firmware", "sign"), ("cert", "revoke")} <= shown


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["station", "add", "CS-1"], "missing"),
        (["station", "add", "CS-1", "--serial", "X", "--colour", "red"], "not understood"),
        (["station", "paint", "CS-1"], "not understood"),
        (["station", "add", "CS-1", "--serial", "X"], None),
        (["--version"], None),
    ],
)
def test_the_parser_tells_right_from_wrong(words: list[str], why: str | None) -> None:
    said = complaint(words)
    assert said is None if why is None else said is not None and why in said


@pytest.mark.parametrize("command", GENERATED.findall(README))
def test_quoted_help_is_the_programs_own(command: str) -> None:
    """The first screen's promise: what one reads is what one gets (`python docs/refresh.py` mends it)."""
    quoted = README.split(f"<!-- generated: help: {command} -->\n")[1].split("<!-- end -->")[0]
    assert quoted == REFRESH["part"](f"help: {command}")


def test_the_help_of_every_group_is_reached_from_the_quoted_one() -> None:
    quoted = README.split("<!-- generated: help: voltward -->")[1].split("<!-- end -->")[0]
    for name in typer.main.get_command(app).commands:  # type: ignore[attr-defined]
        assert f"\n  {name} " in quoted


def test_the_example_shows_the_demos_stations() -> None:
    """Each station of the cast stands in the example with its version and the length of its walk."""
    for part in CAST:
        steps = len(plan(part.version, part.profile, GOAL).steps)
        row = next(line for line in README.splitlines() if line.startswith(part.id))
        assert part.version.value in row.split()
        done = "5" if Fault.FALL_BACK in part.faults else str(steps)
        assert f" {done}/{steps} " in row


def test_the_example_walk_is_the_plan() -> None:
    shown = README.split("step                           state    at")[1].split("```")[0]
    names = [step.name for step in plan(OcppVersion.V16, SecurityProfile.BASIC, GOAL).steps]
    assert [re.split(r"\s{2,}", line)[0] for line in shown.splitlines()[1:]] == names


def test_the_number_of_faults_is_the_one_that_is_told() -> None:
    assert int(re.search(r"with (\d+) ways to misbehave", README)[1]) == len(Fault)  # type: ignore[index]
