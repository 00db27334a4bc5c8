"""voltward station: the register of stations."""

import csv
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from web.cli import (
    enrolment_code,
    lanes,
    log_fetch,
    password_rotation,
    placing,
    posture,
    readiness,
    station_roots,
    unknown,
)
from web.cli.client import Data, segment, service
from web.cli.failures import WrongUse
from web.cli.output import Json, say, show_fields, show_json, show_list, show_table, wants_json

app = typer.Typer(help="Register stations, look at them, remove them.", no_args_is_help=True)
app.command("code")(enrolment_code.make)
app.command("codes")(enrolment_code.list_codes)
app.command("withdraw-code")(enrolment_code.withdraw)
app.command("rotate-password")(password_rotation.rotate)
app.command("fetch-log")(log_fetch.fetch)
app.command("logs")(log_fetch.list_logs)
app.command("roots")(station_roots.roots)
app.command("install-root")(station_roots.install)
app.command("delete-root")(station_roots.delete)
app.command("posture")(posture.show)
app.command("readiness")(readiness.show)
app.command("variables")(posture.variables)
app.command("differences")(posture.differences)
app.command("recover")(lanes.recover)
app.command("bootstrap")(lanes.bootstrap)
app.command("place")(placing.place)
app.command("export")(placing.export)
app.add_typer(unknown.app, name="unknown")

_COLUMNS = ("id", "serial", "ocpp_version", "profile", "wanted_profile", "online", "hold", "last_seen")
_CSV_COLUMNS = ("id", "serial", "ocpp_version", "profile", "password", "site", "tags", "quiet", "bootstrap")
_SHOWN_ONCE = "This password is shown once; set it in the station:"

Id = Annotated[str, typer.Argument(metavar="ID", help="The station's identity, as in its URL.")]


class Ocpp(StrEnum):
    """The versions a station may be registered with."""

    V16 = "1.6"
    V201 = "2.0.1"
    V21 = "2.1"


class Switch(StrEnum):
    """What can be switched."""

    ON = "on"
    OFF = "off"


@app.command()
def add(
    id: Id,  # noqa: A002 -- the argument's name in help texts
    serial: Annotated[str, typer.Option("--serial", metavar="SN", help="Its serial number: CN of its certificate.")],
    ocpp: Annotated[Ocpp | None, typer.Option("--ocpp", help="Its OCPP version; found out when left out.")] = None,
    profile: Annotated[int, typer.Option("--profile", min=0, max=3, help="The profile it is on now.")] = 1,
    password: Annotated[
        str | None, typer.Option("--password", help="Its Basic password; made and shown once when left out.")
    ] = None,
    site: Annotated[str, typer.Option("--site", help="Where it stands.")] = "",
    tag: Annotated[list[str] | None, typer.Option("--tag", help="A label; repeatable.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Send it nothing unasked.")] = False,
    bootstrap: Annotated[
        str,
        typer.Option("--bootstrap", metavar="VENDOR", help="The maker whose certificate alone lets it in at first."),
    ] = "",
    data: Data = None,
    _json: Json = False,
) -> None:
    """Register a station."""
    asked = {
        "id": id,
        "serial": serial,
        "ocpp_version": ocpp.value if ocpp else None,
        "profile": profile,
        "password": password,
        "site": site,
        "tags": tag or [],
        "quiet": quiet,
        "bootstrap": bootstrap,
    }
    with service(data) as client:
        added = client.post("stations", asked)
    if not wants_json() and added["password"]:
        say(_SHOWN_ONCE)
    show_fields(added, ("id", "serial", "password"))


@app.command("import")
def import_csv(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", exists=True, dir_okay=False, readable=True)],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Register many stations: all rows or none. Columns: id, serial, and if wanted ocpp_version, profile,
    password, site, tags (separated by `;`), quiet (yes or no), bootstrap."""
    rows = list(read_rows(file))
    with service(data) as client:
        added = client.post("stations/import", {"stations": rows})["items"]
    if wants_json():
        show_json({"items": added})
        return
    say(f"{len(added)} stations registered")
    made = [[one["id"], one["serial"], one["password"]] for one in added if one["password"]]
    if made:
        say("These passwords are shown once; set them in the stations:")
        show_table(("id", "serial", "password"), made)


@app.command("list")
def list_stations(
    search: Annotated[str | None, typer.Option("--search", help="Text in id, serial number, vendor …")] = None,
    profile: Annotated[int | None, typer.Option("--profile", min=0, max=3, help="Observed profile.")] = None,
    held: Annotated[bool | None, typer.Option("--held/--not-held", help="On hold.")] = None,
    online: Annotated[bool | None, typer.Option("--online/--offline", help="Connected now.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="The id that the page before ended with.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List stations."""
    with service(data) as client:
        found = client.get(
            "stations", search=search, profile=profile, held=held, online=online, limit=limit, after=after
        )
    show_list(found, _COLUMNS)


@app.command()
def show(id: Id, data: Data = None, _json: Json = False) -> None:  # noqa: A002
    """Show a station and what was observed of it."""
    with service(data) as client:
        station = client.get(f"stations/{segment(id)}")
        if not wants_json():
            observed = client.get(f"stations/{segment(id)}/posture")
            seen = ("transport", "tls_version", "cipher", "certificate_serial", "address", "proof")
            station |= {name: observed[name] for name in seen}
    show_fields(station)


@app.command()
def remove(
    id: Id,  # noqa: A002
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")] = (
        "removed on the command line"
    ),
    data: Data = None,
    _json: Json = False,
) -> None:
    """Take a station off the register. Its certificates and its history stay."""
    with service(data) as client:
        client.post(f"stations/{segment(id)}/remove", {"reason": reason})
    if wants_json():
        show_json({"id": id, "removed": True})
    else:
        say(f"{id} is removed")


@app.command()
def permit(
    id: Id,  # noqa: A002
    profile: Annotated[int, typer.Option("--profile", min=0, max=3, help="The profile it may come back on.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Let a station come back on a lower profile: 3 to 2, or where it was before it was merely seen higher."""
    with service(data) as client:
        station = client.post(f"stations/{segment(id)}/permit", {"profile": profile, "reason": reason})
    show_fields(station)


@app.command()
def password(
    id: Id,  # noqa: A002
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")],
    password: Annotated[str | None, typer.Option("--password", help="What the station has; else one is made.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Record the Basic password a station has, or have one made; every other is refused from then on."""
    with service(data) as client:
        station = client.post(f"stations/{segment(id)}/password", {"password": password, "reason": reason})
    show_fields(station, ["id", "serial", "profile", "floor", "password"])


@app.command()
def quiet(
    id: Id,  # noqa: A002
    state: Annotated[Switch, typer.Argument(metavar="on|off", help="On: it is sent nothing unasked.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")] = (
        "switched on the command line"
    ),
    data: Data = None,
    _json: Json = False,
) -> None:
    """Send a station nothing unasked, or talk to it again."""
    with service(data) as client:
        asked = {"quiet": state is Switch.ON, "reason": reason}
        station = client.post(f"stations/{segment(id)}/quiet", asked)
    show_fields(station, ["id", "serial", "quiet"])


@app.command()
def chain(
    id: Id,  # noqa: A002
    root: Annotated[
        str | None, typer.Option("--root", metavar="NAME", help="The root that its chain shall end in.")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="The chain to the issuer's own root again.")] = False,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Show or choose the root that a station's certificate chain ends in."""
    if root is not None and plain:
        raise WrongUse("--root and --plain exclude each other")
    with service(data) as client:
        path = f"stations/{segment(id)}/chain"
        found = client.put(path, {"root": root}) if root is not None or plain else client.get(path)
    if wants_json():
        show_json(found)
        return
    show_fields(found, ("station", "root", "chosen_by", "chosen_at"))
    show_list({"items": found["ways"]}, ("authority", "root", "through", "length", "sentence"))


def read_rows(file: Path) -> Iterator[dict[str, Any]]:
    """The rows of a CSV file as the API wants them. Raises WrongUse with the line's number."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text, strict=True)
            _check_columns(reader.fieldnames)
            for row in reader:
                yield _row(row, reader.line_num)
    except (UnicodeDecodeError, csv.Error) as fault:
        raise WrongUse(f"{file} is not CSV in UTF-8: {fault}") from None


def _check_columns(names: object) -> None:
    columns = list(names) if isinstance(names, list | tuple) else []
    missing = [name for name in ("id", "serial") if name not in columns]
    others = [name for name in columns if name not in _CSV_COLUMNS]
    hint = f"The first line names the columns: {', '.join(_CSV_COLUMNS)}."
    if missing:
        raise WrongUse(f"the column {missing[0]!r} is missing", hint)
    if others:
        raise WrongUse(f"there is no column {others[0]!r}", hint)


def _row(row: dict[str | Any, str | Any], line: int) -> dict[str, Any]:
    if None in row or None in row.values():
        raise WrongUse(f"line {line}: the number of fields differs from the first line's")
    station: dict[str, Any] = {name: value.strip() for name, value in row.items() if value.strip()}
    if "profile" in station:
        if station["profile"] not in {"0", "1", "2", "3"}:
            raise WrongUse(f"line {line}: profile: must be 0, 1, 2 or 3, not {station['profile']!r}")
        station["profile"] = int(station["profile"])
    if "tags" in station:
        station["tags"] = [tag.strip() for tag in station["tags"].split(";") if tag.strip()]
    if "quiet" in station:
        if station["quiet"] not in {"yes", "no"}:
            raise WrongUse(f"line {line}: quiet: must be yes or no, not {station['quiet']!r}")
        station["quiet"] = station["quiet"] == "yes"
    return {"id": "", "serial": "", **station}
