"""How many stations one process holds over mutual TLS, what each costs, and how fast they are back after a restart."""

import resource
import tempfile
from pathlib import Path

from benchmarks.crowd import CrowdProcess, crowd
from benchmarks.figures import Figure
from benchmarks.fleet import make_fleet
from benchmarks.serving import free_ports, process, program

COUNT = 9000
MEMORY = 64.0  # KiB for each station
RATIO = 0.5  # of bare handshakes: the fleet is back within twice their time
_FEW = 200  # stations after whose coming memory is first looked at: what the first ones load is nobody's own
_SPARE = 500  # file descriptors for the rest


def measure(count: int = 10_000) -> list[Figure]:
    """Connect so many (or what the limit of file descriptors allows), restart the service, and see them come back."""
    count = min(count, _descriptors() - _SPARE)
    with tempfile.TemporaryDirectory(prefix="vw") as place:
        folder, stations = Path(place) / "data", Path(place) / "stations"
        root = make_fleet(folder, stations, count)
        with crowd(stations, root, count) as everybody, crowd(stations, root, _FEW) as few:
            limit = _bare(folder, everybody, count)
            held, kib = _held(folder, few, everybody)
            back = _served(folder, everybody)
    goal = f">= {RATIO} of bare handshakes"
    return [
        Figure("stations connected over mTLS, one process", held, "stations", f">= {COUNT:,}", held >= COUNT),
        Figure("memory of one of them", kib, "KiB", f"<= {MEMORY:g} KiB", kib <= MEMORY),
        Figure("the fleet back after a restart", back, "/s", goal, back >= RATIO * limit, limit),
    ]


def _descriptors() -> int:
    """As many as this process, and those that it starts, may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def _bare(folder: Path, everybody: CrowdProcess, count: int) -> float:
    """Handshakes a second, of a server that does nothing else."""
    (port,) = free_ports(1)
    with process("benchmarks.tls_server", [str(folder), str(port)], {}, port):
        told = everybody.tell("handshake", port)
        everybody.tell("leave")
    return float(count / told["seconds"])


def _held(folder: Path, few: CrowdProcess, everybody: CrowdProcess) -> tuple[int, float]:
    """How many are connected at the same time, and KiB for each of those who came after the first few."""
    web, plain, tls = free_ports(3)
    with program("web.cli", ["serve", "--data", str(folder)], environment(web, plain, tls), tls) as service:
        few.tell("connect", tls)
        before = _resident(service.pid)
        few.tell("leave")
        held = int(everybody.tell("connect", tls)["through"])
        return held, (_resident(service.pid) - before) / (held - _FEW)


def _served(folder: Path, everybody: CrowdProcess) -> float:
    """Connections a second of a fleet that was cut off, from when the service listens again."""
    web, plain, tls = free_ports(3)
    with program("web.cli", ["serve", "--data", str(folder)], environment(web, plain, tls), tls):
        told = everybody.tell("connect", tls)
    return float(told["through"] / told["seconds"])


def environment(web: int, plain: int, tls: int) -> dict[str, str]:
    """The service on these ports of the loopback."""
    return {
        "VOLTWARD_OCPP_HOST": "127.0.0.1",
        "VOLTWARD_WEB_PORT": str(web),
        "VOLTWARD_OCPP_PORT": str(plain),
        "VOLTWARD_OCPP_TLS_PORT": str(tls),
    }


def _resident(pid: int) -> int:
    """KiB of memory that a process has."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
