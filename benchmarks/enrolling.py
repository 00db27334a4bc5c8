"""SignCertificate → CertificateSigned over mutual TLS, by many stations at once."""

import tempfile
from pathlib import Path

from benchmarks.connecting import environment
from benchmarks.crowd import crowd
from benchmarks.figures import Figure
from benchmarks.fleet import make_fleet
from benchmarks.serving import free_ports, program

RATE = 500.0  # a second
LATEST = 1.0  # seconds for 99 of 100


def measure(count: int = 1000) -> list[Figure]:
    """Connect so many stations, boot them, and have all of them ask at the same time."""
    with tempfile.TemporaryDirectory(prefix="vw") as place:
        folder, stations = Path(place) / "data", Path(place) / "stations"
        root = make_fleet(folder, stations, count)
        web, plain, tls = free_ports(3)
        serve = ["serve", "--data", str(folder)]
        with program("web.cli", serve, environment(web, plain, tls), tls), crowd(stations, root, count) as everybody:
            everybody.tell("connect", tls)
            everybody.tell("boot")
            told = everybody.tell("ask")
    if told["through"] < count:
        raise RuntimeError(f"{count - told['through']} of {count} stations got no certificate")
    rate, what = count / told["seconds"], f"SignCertificate to CertificateSigned, {count:,} stations at once"
    return [
        Figure(what, rate, "/s", f">= {RATE:g}/s", rate >= RATE),
        Figure(f"{what}, p50", told["p50"], "s", "-", True),
        Figure(f"{what}, p99", told["p99"], "s", f"< {LATEST:g} s", told["p99"] < LATEST),
    ]
