"""Writes the parts of the documents that follow from the program: help texts, routes, walks, faults, roles, acts.

    python docs/refresh.py

Such a part stands between `<!-- generated: NAME -->` and `<!-- end -->`. tests/test_docs.py makes them again and
compares, so a part that has grown old fails a test, and this script mends it.
"""

import contextlib
import io
import json
import os
import re
import runpy
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from csms_bridge import commands as c
from csms_bridge.acts import FleetAct
from csms_bridge.commands import Command, Outcome
from csms_bridge.dialects import DIALECTS
from csms_bridge.dialects.wire import Request
from csms_bridge.quirks.book import shipped_rows
from csms_bridge.quirks.quirks import DEFAULTS, MEANINGS
from csms_bridge.quirks.rows import QuirkRow
from csms_bridge.simulator.config import Fault
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.variables import Setting
from csms_bridge.walks.acts import MAY_STEP_DOWN
from csms_bridge.walks.plans import plan
from csms_bridge.walks.steps import Do, Lost, Needed, Step, Until
from pki.audit import PkiAct
from pki.refusals import Refusal
from pki.secret_text import Secret
from web import firmware_publications, health, publications
from web.acts import ConsoleAct
from web.app import API_MODULES
from web.auth import Needs
from web.cli.main import exit_code_of
from web.est import routes as est
from web.permissions import ALLOWED, Permission, Role
from web.problems import DOMAIN_ERRORS, STATUS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
PART = re.compile(r"(<!-- generated: (?P<name>[^>]+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def refreshed(text: str) -> str:
    """A document with every generated part made anew. Raises KeyError for a part that nobody knows."""
    return PART.sub(lambda found: f"{found[1]}{part(found['name'])}{found[3]}", text)


def part(name: str) -> str:
    """One generated part between blank lines: `help: voltward walk`, `routes`, `walk 1.6 0 3` …"""
    kind, _, rest = name.partition(" ")
    return f"\n{PARTS[kind](rest)}\n"


# --- help texts


def help_text(command: str) -> str:
    """What `voltward … --help` prints on a terminal of 80 columns."""
    said = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "80"
    try:
        with contextlib.redirect_stdout(said):
            exit_code_of([*command.split()[1:], "--help"])
    finally:
        os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)
    lines = "\n".join(line.rstrip() for line in said.getvalue().splitlines())
    return f"```text\n{lines}\n```\n"


# --- routes and roles


def routes(_: str) -> str:
    """Every route outside the console, with the permission that it asks for."""
    rows = [
        (method, f"`{prefix}{route.path}`", _permission(route), _first_sentence(route.description))
        for prefix, modules in (("/api/v1", API_MODULES), ("", (publications, firmware_publications, est, health)))
        for module in modules
        for route in module.router.routes
        if isinstance(route, APIRoute) and (prefix or route.include_in_schema)
        for method in sorted(route.methods or ())
    ]
    return table(("method", "path", "permission", "what it does"), rows)


def roles(_: str) -> str:
    """Which role holds which permission."""
    rows = [
        (f"`{permission}`", *("yes" if permission in ALLOWED[role] else "" for role in Role))
        for permission in Permission
    ]
    return table(("permission", *(f"`{role}`" for role in Role)), rows)


def _permission(route: APIRoute) -> str:
    asked = [call.permission for call in _dependencies(route.dependant) if isinstance(call, Needs)]
    return f"`{asked[0]}`" if asked else "none"


def _dependencies(dependant: Dependant) -> Iterator[object]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _dependencies(inner)


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.])\s", " ".join(text.split()), maxsplit=1)[0]


def problems(_: str) -> str:
    """Every domain error that the API answers with, with its HTTP status."""
    named = [(status, kind) for kind, status in STATUS.items() if kind not in DOMAIN_ERRORS]
    rows = sorted((str(status), _kebab(kind.__name__), _first_sentence(kind.__doc__ or "")) for status, kind in named)
    return table(("status", "name", "meaning"), [(status, f"`{name}`", meaning) for status, name, meaning in rows])


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def refusals(_: str) -> str:
    """Every reason to refuse a certificate request."""
    rules = [refusal.value for refusal in Refusal]
    rows = [(f"`{rule.code}`", rule.sentence, rule.clause, rule.advice) for rule in rules]
    return table(("code", "what is wrong", "clause", "what to do"), rows)


# --- audit acts and faults


def acts(_: str) -> str:
    """Every tag that may stand in the audit trail."""
    rooms: tuple[tuple[str, type[StrEnum]], ...] = (
        ("the authority", PkiAct),
        ("stations and walks", FleetAct),
        ("accounts and the service", ConsoleAct),
    )
    return table(("about", "acts"), [(about, ", ".join(f"`{act}`" for act in room)) for about, room in rooms])


def faults(_: str) -> str:
    """Every fault a simulated station can be given, with its rule."""
    return table(("`--fault`", "what the station does"), [(f"`{fault}`", fault.rule) for fault in Fault])


# --- the quirk book


def quirk_keys(_: str) -> str:
    """Every key of the quirk book, what it means, and what is so without a row."""
    rows = [(f"`{key}`", MEANINGS[key], f"`{json.dumps(default)}`") for key, default in DEFAULTS.items()]
    return table(("key", "what it means", "without a row"), rows)


def quirk_rows(_: str) -> str:
    """Every shipped row."""
    rows = [
        (f"`{row.name}`", "by name" if row.only_by_name else f"{row.vendor} / {row.model}", _oddities(row),
         row.confidence.value, row.source)
        for row in shipped_rows()
    ]  # fmt: skip
    return table(("name", "vendor / model", "what is odd", "known", "from"), rows)


def _oddities(row: QuirkRow) -> str:
    like = [f"like `{row.like}`"] if row.like else []
    return ", ".join([*like, *(f"`{key} = {json.dumps(value)}`" for key, value in row.quirks.items())])


# --- walks


def walk(asked: str) -> str:
    """`walk 1.6 0 3`: the plan as a table."""
    number, start, goal = asked.split()
    version = OcppVersion(number)
    steps = plan(version, SecurityProfile(int(start)), SecurityProfile(int(goal))).steps
    rows = [
        (
            str(row),
            f"{step.leg:d}",
            step.name,
            _sent(version, step.do),
            _done(step),
            _otherwise(version, step),
            "no" if step.must else "yes",
            "; ".join(one.name for one in step.undo),
        )
        for row, step in enumerate(steps, start=1)
    ]
    return table(("", "leg to", "step", "message", "done when", "and if not", "may be skipped", "undone by"), rows)


_PROFILE = SecurityProfile.MUTUAL_TLS
# One command of each kind: only its message's name is shown.
_SAMPLES: dict[Do, Command] = {
    Do.INSTALL_ROOT: c.InstallRoot(""),
    Do.INSTALL_ISSUER_ROOT: c.InstallRoot(""),
    Do.LIST_ROOTS: c.ListRoots(),
    Do.NAME_OPERATOR: c.NameOperator(""),
    Do.TRIGGER_CSR: c.TriggerCertificateRequest(),
    Do.DELIVER: c.DeliverCertificate(""),
    Do.DELIVER_WITH_ROOT: c.DeliverCertificate(""),
    Do.SET_PASSWORD: c.SetPassword(Secret.of("")),
    Do.RAISE_PROFILE: c.RaiseProfile(_PROFILE),
    Do.LIST_SLOTS: c.ListSlots(1),
    Do.LIST_ALL: c.ListSlots(1, whole=True),
    Do.READ_NETWORK: c.ReadNetwork(),
    Do.FREE_SLOT: c.PreferSlots((1,)),
    Do.WRITE_SLOT: c.WriteSlot(1, "", _PROFILE),
    Do.WRITE_SLOT_VARIABLES: c.WriteSlotVariables(1, "", _PROFILE),
    Do.PREFER_SLOT: c.PreferSlots((1, 2)),
    Do.RESTART: c.Restart(),
    Do.READ_DOWNGRADE: c.ReadSettings((MAY_STEP_DOWN,)),
    Do.ALLOW_DOWNGRADE: c.WriteSettings((Setting(MAY_STEP_DOWN, "true"),)),
    Do.FORBID_DOWNGRADE: c.WriteSettings((Setting(MAY_STEP_DOWN, "false"),)),
}
_SKIPPED = {
    Needed.IF_STILL_THERE: "skipped when the station dropped the line by itself and asked for no restart",
    Needed.IF_OTHER_ROOT: "skipped when that root is the one installed before",
    Needed.IF_SLOT_LISTED: "skipped when the priority does not list the slot",
    Needed.UNLESS_ISSUED: "skipped when it has asked already",
    Needed.UNLESS_SLOTS_TOLD: "skipped when it reported them on the leg before",
    Needed.IF_NOT_ALLOWED: "skipped when it says that it may",
    Needed.IF_WE_ALLOWED: "skipped when this walk did not let it",
}


def _sent(version: OcppVersion, do: Do) -> str:
    return f"`{_spelt(DIALECTS[version].request(_SAMPLES[do]))}`" if do in _SAMPLES else "none"


def _spelt(request: Request) -> str:
    """`ChangeConfiguration(SecurityProfile)`: the action and what it is about."""
    payload = request.payload
    told = [payload[name] for name in ("key", "requestedMessage", "certificateType", "type") if name in payload]
    about = [", ".join(one) if isinstance(one, list) else str(one) for one in told]
    data = payload.get("setVariableData") or payload.get("getVariableData")
    if isinstance(data, list):
        about = list(dict.fromkeys(_setting(entry) for entry in data))
    return f"{request.action}({', '.join(about)})" if about else request.action


def _setting(entry: dict[str, dict[str, str]]) -> str:
    component, variable = entry["component"]["name"], entry["variable"]["name"]
    return component if component == "NetworkConfiguration" else variable


def _done(step: Step) -> str:
    within = step.until in (Until.ISSUED, Until.SEEN, Until.PASSWORD_SEEN, Until.SLOTS_TOLD)
    counted = f"{_long(step.within)} on the line" if step.online else _long(step.within)
    return f"{step.until}, within {counted}" if within else step.until.value


def _long(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return next(
        f"{seconds // size} {name}" for size, name in ((3600, "h"), (60, "min"), (1, "s")) if not seconds % size
    )


def _otherwise(version: OcppVersion, step: Step) -> str:
    told = []
    if step.needed in _SKIPPED:
        told.append(_SKIPPED[step.needed])
    if step.otherwise:
        told.append(f"refused: tries to {step.otherwise} ({_sent(version, step.otherwise)})")
    if Outcome.REJECTED in step.tolerate:
        told.append("any refusal: goes on")
    elif step.tolerate:
        told.append("not supported: goes on")
    if step.tries > 1:
        told.append(f"refused: asks again, {step.tries} times in all")
    if step.optional:
        told.append("late: goes on without")
    if step.lost is Lost.GO_ON:
        told.append("no answer: goes on")
    return "; ".join(told)


# --- Markdown


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table, its columns not aligned, so that a changed row changes one line."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


# --- conformance


def conformance(title: str) -> str:
    """One table of the conformance cases, or their `summary`."""
    listing = runpy.run_path(str(ROOT / "tests" / "conformance" / "listing.py"))
    made: str = listing["summary"]() if title == "summary" else listing["table"](title)
    return made


PARTS: dict[str, Callable[[str], str]] = {
    "conformance": conformance,
    "help:": help_text,
    "routes": routes,
    "roles": roles,
    "problems": problems,
    "refusals": refusals,
    "acts": acts,
    "faults": faults,
    "quirk-keys": quirk_keys,
    "quirk-rows": quirk_rows,
    "walk": walk,
}


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(refreshed(document.read_text(encoding="utf-8")), encoding="utf-8")
