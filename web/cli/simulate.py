"""voltward simulate: stations of our own, with real keys and real TLS, for trials and load."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from csms_bridge.simulator.config import Fault, StationConfig
from csms_bridge.simulator.events import StationEvent
from web import loop
from web.cli.client import Data, ServiceClient, segment, service
from web.cli.failures import CommandFailed, WrongUse
from web.cli.files import read_text
from web.cli.output import Json, plain, say, show_list
from web.cli.station import Ocpp
from web.factory_passwords import factory_password, keep_factory_password

_RAMP = 50.0  # stations a second


class KeyKind(StrEnum):
    """The keys a simulated station makes."""

    EC = "ec"
    RSA = "rsa"


def _show_faults(asked: bool) -> None:
    """Not eager: it comes after --json, and before it is missed that --url is not there."""
    if asked:
        faults = [{"fault": fault.value, "rule": fault.rule} for fault in Fault]
        show_list({"items": faults, "next": None}, ("fault", "rule"))
        raise typer.Exit


def simulate(
    url: Annotated[str, typer.Option("--url", metavar="URL", help="ws://host:port/path, without the identity.")],
    count: Annotated[int, typer.Option("--count", min=1, max=20_000, help="How many stations.")] = 1,
    ocpp: Annotated[Ocpp, typer.Option("--ocpp", help="What they speak.")] = Ocpp.V16,
    profile: Annotated[int, typer.Option("--profile", min=0, max=3, help="The profile they begin on.")] = 1,
    prefix: Annotated[str, typer.Option("--prefix", help="Their identities are PREFIX-0001 and so on.")] = "SIM",
    password: Annotated[str | None, typer.Option("--password", help="The Basic password of all of them.")] = None,
    fault: Annotated[
        list[Fault] | None,
        typer.Option("--fault", metavar="FAULT", help="A way to misbehave, see --list-faults; repeatable."),
    ] = None,
    _list_faults: Annotated[
        bool, typer.Option("--list-faults", help="List the faults with their rules.", callback=_show_faults)
    ] = False,
    key: Annotated[KeyKind, typer.Option("--key", help="The kind of key they make.")] = KeyKind.EC,
    register: Annotated[
        bool, typer.Option("--register", help="Register them first, at VOLTWARD_URL or in --data.")
    ] = False,
    root: Annotated[
        Path | None,
        typer.Option("--root", metavar="FILE", exists=True, dir_okay=False, help="A root they have from the factory."),
    ] = None,
    state: Annotated[
        Path | None, typer.Option("--state", metavar="DIR", help="Where they remember keys and settings.")
    ] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Run simulated stations until SIGTERM or Ctrl-C. What happens to them goes to standard error."""
    identities = [f"{prefix}-{number:04}" for number in range(1, count + 1)]
    passwords = dict.fromkeys(identities, password)
    if register:
        with service(data) as client:
            passwords |= register_all(client, identities, ocpp, profile, password)
    if state is not None:
        passwords = with_kept(state, passwords)
    common = {
        "url": url,
        "version": ocpp.value,
        "profile": profile,
        "roots": (read_text(root),) if root else (),
        "key_kind": key.value,
        "faults": frozenset(fault or ()),
    }
    configs = [_config(identity, passwords[identity], state, common) for identity in identities]
    say(f"{count} simulated stations dial {url}; Ctrl-C stops them")
    loop.run(_run(configs))


def register_all(
    client: ServiceClient, identities: Sequence[str], ocpp: Ocpp, profile: int, password: str | None
) -> dict[str, str | None]:
    """Register those stations that are not registered yet; their passwords, where one was made or given."""
    new = [identity for identity in identities if not _is_registered(client, identity)]
    if not new:
        return {}
    rows = [
        {
            "id": identity,
            "serial": serial_of(identity),
            "ocpp_version": ocpp.value,
            "profile": profile,
            "password": password,
            "tags": ["simulated"],
        }
        for identity in new
    ]
    added = client.post("stations/import", {"stations": rows})["items"]
    say(f"registered {len(added)} stations")
    return {one["id"]: password if password is not None else one["password"] for one in added}


def with_kept(state: Path, passwords: Mapping[str, str | None]) -> dict[str, str | None]:
    """Keep the passwords that are known, and recall those that an earlier run kept."""
    for identity, password in passwords.items():
        if password is not None:
            keep_factory_password(state / identity, password)
    return {identity: password or factory_password(state / identity) for identity, password in passwords.items()}


def serial_of(identity: str) -> str:
    """A simulated station's serial number: unlike its identity, so that nobody confuses the two."""
    return f"SN-{identity}"


def _is_registered(client: ServiceClient, identity: str) -> bool:
    try:
        client.get(f"stations/{segment(identity)}")
    except CommandFailed as refusal:
        if "no station" in refusal.sentence:
            return False
        raise
    return True


def _config(identity: str, password: str | None, state: Path | None, common: Mapping[str, object]) -> StationConfig:
    try:
        return StationConfig(
            identity=identity,
            serial=serial_of(identity),
            password=password.encode() if password is not None else None,
            state_dir=state / identity if state else None,
            **common,  # type: ignore[arg-type]
        )
    except ValueError as wrong:
        hint = "Give --password, or --register stations that are not registered yet."
        raise WrongUse(str(wrong), hint if str(wrong).startswith("password") else "") from None


async def _run(configs: Sequence[StationConfig]) -> None:
    from csms_bridge.simulator.crowd import run_crowd  # loaded when needed: OCPP's schemas are large

    running = asyncio.ensure_future(run_crowd(configs, on_event=_tell, ramp_per_second=_RAMP))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        say("stopped")


def _tell(event: StationEvent) -> None:
    facts = {name: value for name, value in vars(event).items() if name != "identity" and value is not None}
    told = " ".join(f"{name}={plain(value)}" for name, value in facts.items())
    say(f"{plain(event.identity)}  {type(event).__name__}  {told}".rstrip())
