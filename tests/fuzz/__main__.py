"""Runs the fuzz targets for a while: `make fuzz`, or `python -m tests.fuzz --seconds 600 --target root-file`.

An input that makes a target raise, or take more than a second of the processor, is written to `fuzz-findings/`;
the exit code is then 1. A finding becomes a case in the tests before it is mended.
"""

import argparse
import hashlib
import random
import sys
import time
import traceback
from pathlib import Path

from tests.fuzz.mutations import Mutator
from tests.fuzz.targets import TARGETS, Target

FINDINGS = Path("fuzz-findings")
TOO_LONG = 1.0  # seconds of the processor
MOST_FINDINGS = 20


def fuzz(target: Target, seconds: float, seed: int) -> int:
    """How many findings there are."""
    inputs = Mutator(target.seeds(), random.Random(seed))  # noqa: S311 - to be repeated, not to be secret
    end = time.monotonic() + seconds
    tried, seen, slowest = 0, set[str](), 0.0
    while time.monotonic() < end and len(seen) < MOST_FINDINGS:
        data = inputs.next()
        before = time.process_time()
        try:
            target.run(data)
        except Exception as fault:
            place = traceback.extract_tb(fault.__traceback__)[-1]
            _keep(target, data, f"{type(fault).__name__} at {place.filename}:{place.lineno}: {fault}", seen)
        took = time.process_time() - before
        slowest = max(slowest, took)
        if took > TOO_LONG:
            _keep(target, data, f"took {took:.1f} s", seen)
        tried += 1
    print(f"{target}: {tried} inputs, {len(seen)} findings, the slowest took {slowest * 1000:.1f} ms")  # noqa: T201
    return len(seen)


def _keep(target: Target, data: bytes, what: str, seen: set[str]) -> None:
    """One file for each place where a fault shows."""
    kind = what.partition(": ")[0]
    if kind in seen:
        return
    seen.add(kind)
    FINDINGS.mkdir(exist_ok=True)
    path = FINDINGS / f"{target}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    print(f"{target}: {what}\n  {path}", file=sys.stderr)  # noqa: T201


def main() -> int:
    """The exit code."""
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz")
    asked.add_argument("--seconds", type=float, default=60, help="for all targets together")
    asked.add_argument("--target", choices=[target.name for target in TARGETS], help="only this one")
    asked.add_argument("--seed", type=int, default=int(time.time()), help="the same seed makes the same inputs")
    options = asked.parse_args()
    chosen = [target for target in TARGETS if options.target in (None, target.name)]
    print(f"seed {options.seed}")  # noqa: T201
    found = [fuzz(target, options.seconds / len(chosen), options.seed) for target in chosen]
    return 1 if any(found) else 0


if __name__ == "__main__":
    sys.exit(main())
