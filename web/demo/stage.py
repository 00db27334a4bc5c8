"""Setting the demo up: a data folder with its passphrase beside the keys, stations on record, walks begun.

Everything is kept, so that a second run goes on where the first one stopped. A real installation keeps its
passphrase elsewhere; the folder says so in its name.
"""

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from csms_bridge.errors import UnknownStation, WalkRefused
from csms_bridge.simulator.config import StationConfig
from csms_bridge.station import NewStation, SecurityProfile
from pki.secret_text import Secret
from web.data_folder import make_folder, open_folder
from web.demo.cast import Part
from web.errors import FolderMissing
from web.factory_passwords import factory_password, keep_factory_password
from web.permissions import FOLDER_OPERATOR
from web.service import Service
from web.settings import TOML_NAME

NOTES = "demo-not-for-production"
GOAL = SecurityProfile.MUTUAL_TLS


@dataclass(frozen=True, slots=True)
class Login:
    """Who may sign in to the console."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Stage:
    """The opened folder, the login, and where the simulated stations keep their memory."""

    service: Service
    login: Login
    memories: Path


def open_stage(folder: Path, organisation: str = "Voltward Demo") -> Stage:
    """Make the demo's folder, or open the one of an earlier run.

    Raises FolderMissing for a folder that is not a demo's, and what `make_folder` and `open_folder` raise.
    """
    notes = folder / NOTES
    if not (folder / TOML_NAME).exists():
        _make(folder, notes, organisation)
    if not (notes / "login.json").exists():
        raise FolderMissing(f"{folder} was not made by `voltward demo`", "Name another folder with --data.")
    service = open_folder(folder, _environment(notes), migrating=True)
    return Stage(service, Login(**json.loads((notes / "login.json").read_text())), notes / "stations")


def put_on_record(service: Service, parts: Sequence[Part], memories: Path) -> None:
    """Register the stations that are new, and remember their factory passwords for the simulated side."""
    for part in parts:
        memory = memories / part.id
        try:
            service.fleet.station(part.id)
        except UnknownStation:
            new = NewStation(part.id, part.serial, part.version, part.profile, site=part.id.rsplit("-", 1)[0])
            added = service.fleet.add_station(new, FOLDER_OPERATOR.name)
            keep_factory_password(memory, added.password.text() if added.password else "")


def begin_walks(service: Service, parts: Sequence[Part]) -> None:
    """Walk every station up to profile 3, unless it is there or on its way."""
    for part in parts:
        if service.fleet.current_walk(part.id) is None:
            try:
                service.fleet.start_walk(part.id, GOAL, FOLDER_OPERATOR.name)
            except WalkRefused:
                continue  # it is there already


def factory_settings(part: Part, stage: Stage, port: int) -> StationConfig:
    """A station as it leaves the factory; what it has learned since lies in its memory."""
    tls = part.profile >= SecurityProfile.TLS_BASIC
    memory = stage.memories / part.id
    password = factory_password(memory)
    return StationConfig(
        identity=part.id,
        serial=part.serial,
        url=f"{'wss' if tls else 'ws'}://localhost:{port}/ocpp",
        version=part.version.value,
        profile=int(part.profile),
        password=password.encode() if password else None,
        roots=(stage.service.authority.operator_root().certificate_pem,) if tls else (),
        faults=part.faults,
        vendor=part.vendor,
        state_dir=memory,
    )


def _make(folder: Path, notes: Path, organisation: str) -> None:
    passphrase = secrets.token_urlsafe(24)
    made = make_folder(folder, organisation, ("localhost", "127.0.0.1"), _with(Secret.of(passphrase)))
    notes.mkdir(mode=0o700)
    _write(notes / "passphrase", passphrase)
    password = made.password.text() if made.password is not None else ""
    _write(notes / "login.json", json.dumps({"user": made.admin, "password": password}))


def _environment(notes: Path) -> dict[str, str]:
    return _with(Secret.of((notes / "passphrase").read_text()))


def _with(passphrase: Secret) -> dict[str, str]:
    """The environment, with the demo's passphrase and stations met on this machine only."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("VOLTWARD_PASSPHRASE")}
    return {"VOLTWARD_OCPP_HOST": "127.0.0.1", **given, "VOLTWARD_PASSPHRASE": passphrase.text()}


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
