"""The documents say what the program does: generated parts are fresh, tables complete, commands run."""

import asyncio
import contextlib
import io
import re
import runpy
import shlex
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, TypeAdapter
from pydantic_core import PydanticUndefined
from websockets.exceptions import InvalidMessage

from csms_bridge.settings import BridgeSettings
from pki.custody import CustodySettings
from pki.settings import PkiSettings
from tests.end_to_end.running_service import PASSPHRASE, RunningService, running
from tests.end_to_end.stations import knock, register, trusting
from tests.tools_needed import needs_openssl
from web import firmware_publications, health, publications
from web.app import API_MODULES
from web.cli.main import exit_code_of
from web.data_folder import make_folder
from web.est import routes as est
from web.settings import WebSettings, read_settings

ROOT = Path(__file__).resolve().parent.parent
REFRESH = runpy.run_path(str(ROOT / "docs" / "refresh.py"))
DOCUMENTS: tuple[Path, ...] = REFRESH["DOCUMENTS"]
PAGES = sorted({*DOCUMENTS, *ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("certs-dev/*.md")})


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows(text: str) -> Iterator[list[str]]:
    """The cells of every table row."""
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


# --- generated parts


@pytest.mark.parametrize("page", DOCUMENTS, ids=name_of)
def test_generated_parts_are_fresh(page: Path) -> None:
    """`python docs/refresh.py` mends it."""
    text = page.read_text(encoding="utf-8")
    assert text == REFRESH["refreshed"](text), f"{name_of(page)} has grown old: run `python docs/refresh.py`"


@pytest.mark.parametrize(
    "part", ["routes", "roles", "problems", "refusals", "faults", "acts", "walk 1.6 0 3", "walk 2.1 1 3"]
)
def test_the_generated_parts_are_somewhere(part: str) -> None:
    assert any(f"<!-- generated: {part} -->" in page.read_text(encoding="utf-8") for page in DOCUMENTS)


def test_the_routes_are_those_of_the_openapi_document() -> None:
    """The table is made from the routers; FastAPI's own view of them must be the same."""
    app = FastAPI()
    for module in API_MODULES:
        app.include_router(module.router, prefix="/api/v1")
    app.include_router(publications.router)
    app.include_router(firmware_publications.router)
    app.include_router(est.router)
    app.include_router(health.router)
    known = {(method.upper(), path) for path, item in app.openapi()["paths"].items() for method in item}
    told = {(row[0], row[1].strip("`").replace(":path", "")) for row in rows(REFRESH["part"]("routes"))}
    assert told - {("method", "path")} == known


# --- tables written by hand


def settings() -> dict[str, Any]:
    """Every setting as the environment spells it, with its default."""
    sections: tuple[type[BaseModel], ...] = (PkiSettings, CustodySettings, BridgeSettings, WebSettings)
    return {f"VOLTWARD_{name.upper()}": field for model in sections for name, field in model.model_fields.items()}


def told_settings() -> dict[str, str]:
    text = text_of("docs/operations.md").split("## Settings")[1].split("Commands read")[0]
    return {row[0].strip("`"): row[1].strip("`") for row in rows(text) if row[0].startswith("`VOLTWARD_")}


def test_every_setting_is_told() -> None:
    assert sorted(told_settings().keys() ^ settings().keys()) == [], "docs/operations.md has a table for it"


@pytest.mark.parametrize("name", settings())
def test_the_default_that_is_told_is_the_programs(name: str) -> None:
    field, told = settings()[name], told_settings()[name]
    if told == "required":
        assert field.default is PydanticUndefined
    elif told in ("empty", "none"):
        assert field.default in ("", None, ())
    elif isinstance(field.default, tuple):
        assert field.default == tuple(told.split(","))
    else:
        kind: TypeAdapter[object] = TypeAdapter(type(field.default))
        assert kind.validate_python(told) == field.default


def test_a_default_can_be_given_as_it_is_told() -> None:
    spelt = {name: told for name, told in told_settings().items() if told not in ("required", "empty", "none")}
    given = read_settings(None, {**spelt, "VOLTWARD_ORGANISATION": "Example"})
    assert given == read_settings(None, {"VOLTWARD_ORGANISATION": "Example", "VOLTWARD_HOSTNAMES": "localhost"})
    assert given.pki.station_validity == timedelta(days=90)


# Of single commands, not of the service.
PASSPHRASES = ("VOLTWARD_BACKUP_PASSPHRASE", "VOLTWARD_NEW_PASSPHRASE")


def test_settings_in_readme_and_docs_exist() -> None:
    known = {*settings(), "VOLTWARD_URL", "VOLTWARD_TOKEN", "VOLTWARD_DEBUG", *PASSPHRASES}
    for page in PAGES:
        named = set(re.findall(r"VOLTWARD_[A-Z0-9_]+[A-Z0-9]", page.read_text(encoding="utf-8")))
        assert named <= known, name_of(page)


def modules() -> list[str]:
    found = (path for room in ("pki", "csms_bridge", "web") for path in (ROOT / room).rglob("*.py"))
    return sorted(name_of(path) for path in found if path.name != "__init__.py")


def test_the_room_map_names_every_module_and_no_other() -> None:
    named = set(re.findall(r"`((?:pki|csms_bridge|web)/[\w/]+\.py)`", text_of("docs/architecture.md")))
    assert sorted(named ^ set(modules())) == [], "give it a line in docs/architecture.md, or take the line out"


def test_reasons_of_a_hold_are_those_of_the_machine() -> None:
    """What stands in quotes in the table of holds must be found in the program's own words."""
    words = "".join(text_of(module) for module in modules() if module.startswith("csms_bridge/walks/"))
    held = text_of("docs/walks.md").split("## When a walk is on hold")[1].split("```sh")[0]
    reasons = [row[0].strip("`") for row in rows(held) if row[0].startswith("`")]
    assert len(reasons) >= 8
    assert [reason for reason in reasons if reason not in words] == []


def test_log_events_that_are_told_exist() -> None:
    code = "".join(text_of(module) for module in modules())
    events = text_of("docs/operations.md").split("## Logs")[1].split("## Watching")[0]
    for row in rows(events):
        for event in re.findall(r"`([a-z_-]+)`", row[0]):
            assert f'"{event}"' in code, event


def test_metrics_that_are_told_exist() -> None:
    told = set(re.findall(r"`(voltward_\w+)`", text_of("docs/operations.md")))
    code = text_of("web/health.py") + text_of("web/endpoint_metrics.py")
    assert told == set(re.findall(r'"(voltward_\w+)"', code))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if not target.startswith("http"):
            place, _, anchor = target.partition("#")
            found = (page.parent / place).resolve() if place else page
            assert found.exists(), target
            assert not anchor or anchor in anchors(found), target


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_code_names_only_decisions_that_are_written_down() -> None:
    named = {number for module in modules() for number in re.findall(r"ADR (\d{4})", text_of(module))}
    written = {path.name[:4] for path in (ROOT / "docs" / "adr").glob("*.md")}
    assert named <= written


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "adr").glob("*.md")), ids=name_of)
def test_a_decision_has_its_four_parts(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.name[:4]}: ")
    titles = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert titles == ["Context", "Decision", "What else was thought of", "Consequences"]


def test_the_changelog_begins_with_what_is_not_released() -> None:
    assert re.findall(r"^## (.+)$", text_of("CHANGELOG.md"), flags=re.MULTILINE)[0] == "Unreleased"


# --- commands that are run

RUN = re.compile(r"<!-- run -->\n+```console\n(?P<body>.*?)```", re.DOTALL)


def sessions(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of the blocks to run, with the lines that it is said to answer."""
    lines = [line for block in RUN.finditer(text) for line in block["body"].splitlines()]
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[start].removeprefix("$ "), lines[start + 1 : end]


def run(command: str) -> tuple[int, str]:
    """One command: ours in this process, others in a shell. What it said on both outputs."""
    words = shlex.split(command)
    if words[0] != "voltward":
        ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
        return ran.returncode, ran.stdout + ran.stderr
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = exit_code_of(words[1:])
    return code, said.getvalue()


@needs_openssl
def test_the_firmware_commands_do_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOLTWARD_PASSPHRASE", PASSPHRASE)
    make_folder(tmp_path / "data", "Example Charging", [])
    (tmp_path / "image.bin").write_bytes(b"\x7fELF firmware" * 5000)
    ran = list(sessions(text_of("docs/firmware.md")))
    assert len(ran) >= 10
    for command, expected in ran:
        code, said = run(command)
        assert code == 0, f"{command}\n{said}"
        assert set(expected) <= set(said.splitlines()), f"{command}\n{said}"


def make_certificates(out: Path, *arguments: str) -> None:
    made = subprocess.run(
        ["sh", str(ROOT / "certs-dev" / "make.sh"), *arguments],
        env={"OUT": str(out), "PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert made.returncode == 0, made.stderr


def test_trial_certificates_are_kept_out_of_git() -> None:
    assert "/certs-dev/out/" in text_of(".gitignore").splitlines()


@needs_openssl
def test_the_recipe_makes_what_its_page_lists(tmp_path: Path) -> None:
    make_certificates(tmp_path, "SN-1")
    told = text_of("certs-dev/README.md").split("| in `out/` | what it is |")[1].split("##")[0]
    names = {Path(name).stem for row in rows(told) for name in re.findall(r"`([\w-]+)\.pem`", row[0])}
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.{kind}" for name in names for kind in ("pem", "key")}
    for leaf, issuer in (("bootstrap-station", "bootstrap-root"), ("impostor-station", "impostor-authority")):
        code, said = run(f"openssl verify -CAfile {tmp_path / issuer}.pem {tmp_path / leaf}.pem")
        assert code == 0, said


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("docs") / "data"
    make_folder(folder, "Example Charging", [], {"VOLTWARD_PASSPHRASE": PASSPHRASE})
    with running(folder) as started:
        register(started, "CS-1", "1.6")
        yield started


@needs_openssl
@pytest.mark.end_to_end
@pytest.mark.parametrize("foreign", ["bootstrap-station", "impostor-station"])
async def test_the_service_refuses_foreign_certificates(service: RunningService, tmp_path: Path, foreign: str) -> None:
    """The impostor authority has the very name of the one that issues stations' certificates."""
    (tmp_path / "issuer.pem").write_text(service.root_pem("stations"))
    make_certificates(tmp_path / "out", "SN-CS-1", str(tmp_path / "issuer.pem"))
    tls = trusting(service.root_pem())
    tls.load_cert_chain(tmp_path / "out" / f"{foreign}.pem", tmp_path / "out" / f"{foreign}.key")
    with pytest.raises((InvalidMessage, OSError)):  # it never comes to HTTP
        await knock(service, "CS-1", tls=tls)
    assert await knock(service, "CS-1", tls=trusting(service.root_pem())) == 401
    async with asyncio.timeout(10):  # the client hears of it before the service has written it down
        while "certificate verify failed" not in service.log.read_text():  # noqa: ASYNC110 -- a file tells nobody
            await asyncio.sleep(0.05)
