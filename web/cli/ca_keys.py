"""voltward ca keys: where the authorities' keys are, and what the signer was asked to sign."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from pki.signer_process.log import LogBroken, read_log
from pki.signer_process.segments import sealed
from web.cli.client import Data, service
from web.cli.failures import CommandFailed
from web.cli.output import Json, say, show_json, show_list, show_table, wants_json
from web.errors import SignerLogBroken

_COLUMNS = ("authority", "algorithm", "where", "can_sign", "why")
_ELSEWHERE = "elsewhere"


def keys(data: Data = None, _json: Json = False) -> None:
    """Tell where each authority's key is, and whether it can sign now (exit code 1 when one cannot)."""
    with service(data) as client:
        page = client.get("authority-keys")
    show_list(page, _COLUMNS)
    if any(not one["can_sign"] and one["where"] != _ELSEWHERE for one in page["items"]):
        raise typer.Exit(1)


def signer_log(
    log: Annotated[Path, typer.Argument(metavar="FILE", help="The signer's log.", exists=True, dir_okay=False)],
    _json: Json = False,
) -> None:
    """Verify the chain of a signer's log through all its files, and count what was asked."""
    counted: Counter[str] = Counter()
    files = 1 + len(sealed(log))
    try:
        for entry in read_log(log):
            if "verdict" in entry:  # else it is about the log itself
                counted[f"{entry['do']} {entry.get('kind', '')}".strip() + f": {entry['verdict']}"] += 1
    except LogBroken as broken:
        raise CommandFailed(str(broken), SignerLogBroken.hint) from None
    if wants_json():
        show_json({"lines": counted.total(), "files": files, "requests": dict(sorted(counted.items()))})
        return
    say(f"{counted.total()} lines in {files} {'file' if files == 1 else 'files'}, and the chain holds")
    show_table(("request", "times"), [(name, str(times)) for name, times in sorted(counted.items())])
