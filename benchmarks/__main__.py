"""`make bench`: every figure of the design that is measured here, beside the limit of the same run.

`python -m benchmarks issuing ocsp` runs some; `--json` prints them for programs. A missed goal is reported, no error.
"""

import argparse
import sys
from collections.abc import Callable

from benchmarks import connecting, custody, enrolling, issuing, lists, ocsp, passwords, revoking, searching, walking
from benchmarks.figures import Figure, as_json, machine, table
from web.garbage import collect_seldom

PARTS: dict[str, Callable[[], list[Figure]]] = {
    "issuing": issuing.measure,
    "custody": custody.measure,
    "ocsp": ocsp.measure,
    "revoking": revoking.measure,
    "searching": searching.measure,
    "lists": lists.measure,
    "connecting": connecting.measure,
    "enrolling": enrolling.measure,
    "passwords": passwords.measure,
    "walking": walking.measure_walks,
    "rotating": walking.measure_rotation,
}


def main() -> None:
    """Measure what is asked for, one part after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all when none is named")
    parser.add_argument("--json", action="store_true", help="for programs")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.parts) - set(PARTS)):
        parser.error(f"there is no part {', '.join(unknown)}; choose from {', '.join(PARTS)}")
    collect_seldom()  # as the service does
    figures: list[Figure] = []
    for name in asked.parts or PARTS:
        print(f"measuring: {name}", file=sys.stderr, flush=True)  # noqa: T201
        figures += PARTS[name]()
    print(as_json(figures) if asked.json else f"{machine()}\n{table(figures)}")  # noqa: T201 -- a report is what it is for


if __name__ == "__main__":
    main()
