"""How long a revocation list takes, from the rows in the database to the signed list that is stored there."""

import tempfile
import time
import tracemalloc
from datetime import timedelta
from pathlib import Path

from sqlalchemy import insert
from sqlmodel import SQLModel

from benchmarks.figures import Figure
from benchmarks.issuing import Bench, establish
from pki.clock import utc_now
from pki.revocation import RevocationReason, count_change
from pki.to_be_signed import new_serial

GOAL = 20.0  # seconds; with the pause between two full lists it leaves half a minute of the promised one
MEMORY = 100.0  # MiB


def measure(sizes: tuple[int, ...] = (10_000, 100_000)) -> list[Figure]:
    """A full list of as many entries, and what it needs of memory beyond what was there."""
    figures = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            bench = establish(Path(folder))
            for authority in ("stations", "csms"):
                _revoke(bench, authority, size)
            seconds = _publish(bench, "stations")
            tracemalloc.start()
            _publish(bench, "csms")  # another one, as a full list rests after it was signed
            peak = tracemalloc.get_traced_memory()[1] / 2**20
            tracemalloc.stop()
            bench.store.close()
        name = f"full CRL of {size:,} entries"
        figures.append(Figure(name, seconds, "s", f"< {GOAL:g} s", seconds < GOAL))
        figures.append(Figure(f"{name}, memory", peak, "MiB", f"< {MEMORY:g} MiB", peak < MEMORY))
    return figures


def _publish(bench: Bench, authority: str) -> float:
    start = time.perf_counter()
    bench.authority.full_crl(authority)
    return time.perf_counter() - start


def _revoke(bench: Bench, authority: str, count: int) -> None:
    """As many synthetic rows, in the shard 0."""
    now = utc_now() - timedelta(minutes=1)
    rows = [
        {
            "serial": new_serial(),
            "authority": authority,
            "shard": 0,
            "not_after": now + timedelta(days=90),
            "revoked_at": now,
            "recorded_at": now,
            "reason": RevocationReason.KEY_COMPROMISE.value,
            "note": "",
            "by": "bench",
        }
        for _ in range(count)
    ]
    with bench.store.writing() as session:
        session.execute(insert(SQLModel.metadata.tables["revoked"]), rows)
        count_change(session, authority, 0)
