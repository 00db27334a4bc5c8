"""`voltward`: the commands joined together, and the one place where a failure becomes an exit code."""

import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version

import typer

from csms_bridge.errors import BridgeError
from pki.errors import PkiError
from web.cli import (
    alarm,
    anchor,
    audit,
    backup,
    ca,
    campaign,
    cert,
    demo,
    event,
    firmware,
    id_token,
    init,
    key,
    lanes,
    migration,
    passphrase,
    quirk,
    renewal,
    report,
    serve,
    simulate,
    site,
    station,
    station_roots,
    token,
    transactions,
    trust,
    user,
    walk,
)
from web.cli.failures import FAILED, REFUSED, CommandFailed, of_domain
from web.cli.output import Json, forget_wishes, show_text
from web.errors import WebError
from web.logs import set_up_logs

app = typer.Typer(
    name="voltward",
    help="Security and PKI for fleets of EV charging stations that speak OCPP.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(init.init)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("simulate")(simulate.simulate)
for noun, group in {
    "station": station.app,
    "recovery": lanes.app,
    "walk": walk.app,
    "quirk": quirk.app,
    "campaign": campaign.app,
    "report": report.app,
    "site": site.app,
    "cert": cert.app,
    "renewal": renewal.app,
    "key": key.app,
    "ca": ca.app,
    "trust": trust.app,
    "migration": migration.app,
    "anchor": anchor.app,
    "recorded-root": station_roots.recorded,
    "id-token": id_token.app,
    "transactions": transactions.app,
    "firmware": firmware.app,
    "token": token.app,
    "user": user.app,
    "alarm": alarm.app,
    "event": event.app,
    "audit": audit.app,
    "passphrase": passphrase.app,
}.items():
    app.add_typer(group, name=noun)


def _show_version(value: bool) -> None:
    if value:
        show_text(f"voltward {version('voltward')}")
        raise typer.Exit


@app.callback()
def _everywhere(
    _json: Json = False,
    _version: bool = typer.Option(False, "--version", help="Print the version.", callback=_show_version, is_eager=True),
) -> None:
    """What comes before the command."""


def run(arguments: Sequence[str] | None = None) -> None:
    """The entry point: ends the process with 0, 1 (failed) or 2 (wrong use, refused input)."""
    sys.exit(exit_code_of(arguments))


def exit_code_of(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and say how it ended. Nothing but its exit code and its words leave it."""
    forget_wishes()
    set_up_logs("warning")  # `serve` and `demo` say more, where they want it
    try:
        given = list(arguments) if arguments is not None else None
        code = app(args=given, prog_name="voltward", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except CommandFailed as failure:
        return _fail(failure)
    except (PkiError, BridgeError, WebError) as error:
        return _fail(of_domain(error))
    except typer.TyperException as wrong:
        return _fail(CommandFailed(_words(wrong), f"See: {_path(wrong)} --help", REFUSED))
    except (typer.Abort, KeyboardInterrupt):
        return _fail(CommandFailed("interrupted"))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read us has gone
        return FAILED
    except Exception as fault:
        return _fail(_unknown(fault))


def _words(wrong: typer.TyperException) -> str:
    describe = getattr(wrong, "format_message", None)
    return (str(describe()) if describe else str(wrong)).rstrip(".")


def _path(wrong: typer.TyperException) -> str:
    context = getattr(wrong, "ctx", None)
    return context.command_path if context is not None else "voltward"


def _unknown(fault: Exception) -> CommandFailed:
    if os.environ.get("VOLTWARD_DEBUG") == "1":
        traceback.print_exception(fault)
    hint = "Set VOLTWARD_DEBUG=1 and repeat to see where; please report it."
    return CommandFailed(f"unexpected fault: {type(fault).__name__}: {fault}", hint)


def _fail(failure: CommandFailed) -> int:
    sys.stderr.write(f"error: {failure.sentence}\n")
    if failure.hint:
        sys.stderr.write(f"hint: {failure.hint}\n")
    return failure.exit_code
