"""Run in a process of its own: acts while no file may grow, as on a full disk. Prints what came of each.

python -m tests.pki.full_disk DATA-FOLDER SERIAL
"""

import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path

from pki.authority import RevocationReason
from tests.pki.conftest import SetClock, open_room


def tried(act: Callable[[], object]) -> str:
    try:
        act()
    except Exception as fault:
        return type(fault).__name__
    return "done"


def main(folder: Path, serial: str, limit: int) -> None:
    room = open_room(folder, SetClock())
    room.acts()  # the database is open and read before the disk is full
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    outcomes = {
        "issue": [tried(lambda number=number: room.issue(serial=f"SN-{number}")) for number in range(10, 20)][-1],
        "revoke": tried(lambda: room.authority.revoke(serial, RevocationReason.SUPERSEDED, "user:a")),
        "block": tried(lambda: room.authority.block_key("0" * 64, "user:a")),
    }
    print(json.dumps(outcomes))  # noqa: T201 -- read by the test


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
