"""The rooms' arrows: web → csms_bridge → pki, and `ocpp` behind the dialects (docs: STYLE, "The rooms")."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("pki", "csms_bridge", "web")
MAY_IMPORT = {"pki": {"pki"}, "csms_bridge": {"csms_bridge", "pki"}, "web": {"web", "csms_bridge", "pki"}}
SPEAKS_OCPP = ("csms_bridge/dialects", "csms_bridge/simulator")
MODULES = sorted(path.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def imported(source: str, module: str) -> Iterator[str]:
    """The full name of everything that is imported anywhere in a module, at its top or inside a function."""
    package = module.removesuffix(".py").split("/")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            yield from (".".join([*above, *(node.module or "").split("."), alias.name]) for alias in node.names)


def wrong_imports(source: str, module: str) -> list[str]:
    """Imports that go against an arrow, and imports of `ocpp` where it must not be known."""
    room = module.split("/", 1)[0]
    names = list(imported(source, module))
    against = [n for n in names if n.split(".")[0] in {*ROOMS, "tests"} - MAY_IMPORT[room]]
    may_speak = module.startswith(tuple(f"{folder}/" for folder in SPEAKS_OCPP))
    return against + [n for n in names if n.split(".")[0] == "ocpp" and not may_speak]


@pytest.mark.parametrize("module", MODULES)
def test_every_module_imports_along_the_arrows_only(module):
    assert wrong_imports((ROOT / module).read_text(), module) == []


def test_there_are_modules_in_every_room():
    assert {module.split("/", 1)[0] for module in MODULES} == set(ROOMS)


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("import web.app", "csms_bridge/fleet.py"),
        ("from csms_bridge import fleet", "pki/authority.py"),
        ("def f():\n    from web import app", "pki/store.py"),
        ("from ..web import app", "pki/store.py"),
        ("import tests.pki", "pki/store.py"),
        ("import ocpp", "csms_bridge/link.py"),
        ("from ocpp.v16 import call", "web/app.py"),
        ("if True:\n    import ocpp.messages as m", "pki/store.py"),
        ("from ocpp import v16", "csms_bridge/dialects.py"),
    ],
)
def test_finds_an_import_against_an_arrow(source, module):
    assert len(wrong_imports(source, module)) == 1


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("import pki.store\nfrom csms_bridge import fleet", "web/app.py"),
        ("from pki.clock import Clock", "csms_bridge/fleet.py"),
        ("from . import keys\nfrom .store import Store", "pki/authority.py"),
        ("from ocpp.v16 import call", "csms_bridge/dialects/v16.py"),
        ("import ocpp", "csms_bridge/simulator/wire.py"),
        ("import webbrowser, pkilint, ocpp_extras", "pki/lint.py"),
    ],
)
def test_finds_nothing_wrong_with_others(source, module):
    assert wrong_imports(source, module) == []
