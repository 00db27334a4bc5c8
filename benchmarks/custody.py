"""What it costs to have the keys in another process: certificates per second, beside keys in the same one."""

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.issuing import ORGANISATION, Bench, establish, in_batches, per_second, requests, through_the_door
from pki.audit import AuditTrail
from pki.authority import Authority
from pki.clock import utc_now
from pki.key_check import check_key
from pki.signer_process.client import ProcessVault

RATIO = 0.5
_GOAL = f">= {RATIO} of keys in the same process"


def measure(count: int = 2000, threads: int = 64) -> list[Figure]:
    """Issue `count` certificates in each way; then test signatures, one round trip and one line of the log each."""
    with tempfile.TemporaryDirectory(prefix="vw") as place:
        bench = establish(Path(place))
        with _signer(Path(place)) as vault:
            trail = AuditTrail(bench.keys.secret("audit"), "bench")
            apart = replace(bench, authority=Authority(bench.store, bench.keys, trail, bench.settings, utc_now, vault))
            for one, lot in ((bench, "warm here"), (apart, "warm there")):
                through_the_door(one, requests(200), threads, lot)
            figures = [
                _compared(f"issue, {threads} callers, keys in a signer process", bench, apart, count, threads),
                _compared("issue, one caller with batches, keys in a signer process", bench, apart, count, None),
            ]
            key = vault.signer("stations")
            rate = per_second(lambda: [check_key(key) for _ in range(500)] and None, 500)
            figures.append(Figure("signer process, one round trip after another", rate, "/s", "-", True))
        bench.store.close()
    return figures


def _compared(name: str, here: Bench, there: Bench, count: int, threads: int | None) -> Figure:
    limit, rate = (per_second(_work(bench, count, threads), count) for bench in (here, there))
    return Figure(name, rate, "/s", _GOAL, rate >= RATIO * limit, limit)


def _work(bench: Bench, count: int, threads: int | None) -> Callable[[], None]:
    """Issuing, with requests made beforehand; None threads is one caller with batches."""
    asked, lot = requests(count), secrets.token_hex(4)
    if threads is None:
        return lambda: in_batches(bench, asked, lot)
    return lambda: through_the_door(bench, asked, threads, lot)


@contextmanager
def _signer(folder: Path) -> Iterator[ProcessVault]:
    """The real process, over the folder's own keys."""
    (folder / "voltward.toml").write_text(f'organisation = "{ORGANISATION}"\n', encoding="utf-8")
    command = [sys.executable, "-m", "web.cli", "serve", "--data", str(folder), "--roles", "signer"]
    process = subprocess.Popen(  # noqa: S603 -- ourselves
        command, env={**os.environ, "VOLTWARD_PASSPHRASE": "for a benchmark", "VOLTWARD_LOG_LEVEL": "error"}
    )
    vault = ProcessVault(folder / "signer.sock", timedelta(seconds=30))
    try:
        end = time.monotonic() + 30
        while not (folder / "signer.sock").exists():
            if time.monotonic() > end or process.poll() is not None:
                raise RuntimeError("the signer did not come up")
            time.sleep(0.05)
        yield vault
    finally:
        vault.close()
        process.terminate()
        process.wait(10)
