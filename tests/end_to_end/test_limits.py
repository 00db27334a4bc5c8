"""Every limit of the stations' endpoint, reached over real sockets, and the metric that tells of it.

The service is given small limits, and every test dials from an address of its own so that none uses up another's.
"""

import json
import shutil
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.running_service import RunningService, free_ports
from tests.end_to_end.sockets import closed_with, dial, frame, request, status_of, upgrade
from tests.end_to_end.stations import register

pytestmark = pytest.mark.end_to_end

HEARTBEAT = b'[2,"%d","Heartbeat",{}]'
BOMB = 100 * 1024 * 1024
DEFLATE = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
LIMITS = {
    "VOLTWARD_HANDSHAKE_TIMEOUT": "PT2S",
    "VOLTWARD_OPEN_HANDSHAKES": "60",
    "VOLTWARD_HANDSHAKES_PER_ADDRESS": "20",
    "VOLTWARD_CONNECTIONS_PER_ADDRESS": "25",
    "VOLTWARD_ARRIVALS_PER_MINUTE": "8",
    "VOLTWARD_FAILURES_PER_ADDRESS": "15",
    "VOLTWARD_MESSAGES_PER_SECOND": "20",
    "VOLTWARD_MESSAGES_BURST": "40",
    "VOLTWARD_FLOOD_PATIENCE": "PT1S",
    "VOLTWARD_READER_PATIENCE": "PT2S",
    "VOLTWARD_UNSENT_LIMIT": "65536",
}


@pytest.fixture(scope="module")
def service(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    started = RunningService(Path(shutil.copytree(template, tmp_path_factory.mktemp("limits") / "data")))
    started.extra = LIMITS
    started.start()
    try:
        yield started
    finally:
        started.stop()


def metric(service: RunningService, name: str, **labels: str) -> float:
    """One sample of /metrics."""
    inside = ",".join(f'{key}="{value}"' for key, value in labels.items())
    sample = f"{name}{{{inside}}}" if inside else name
    for line in httpx.get(f"{service.url}/metrics").text.splitlines():
        if line.startswith(f"{sample} "):
            return float(line.rpartition(" ")[2])
    raise AssertionError(f"no {sample}")


def turned_away(service: RunningService, reason: str) -> float:
    return metric(service, "voltward_ocpp_turned_away_total", reason=reason)


def dropped(service: RunningService, reason: str) -> float:
    return metric(service, "voltward_ocpp_dropped_total", reason=reason)


def until(holds: Callable[[], bool], within: float = 8) -> None:
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@contextmanager
def line(
    service: RunningService, identity: str, source: str, headers: dict[str, str] | None = None, *, deaf: bool = False
) -> Iterator[socket.socket]:
    """An admitted station that says what the test has it say; a deaf one has hardly any room for what comes."""
    password = register(service, identity, "1.6", 1)
    with socket.socket() if deaf else dial(service.ocpp_port, source) as peer:
        if deaf:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            peer.bind((source, 0))
            peer.connect(("127.0.0.1", service.ocpp_port))
        peer.sendall(request(identity, password, headers))
        assert status_of(peer) == 101
        yield peer


def memory(service: RunningService) -> int:
    """KiB that the process has at this moment."""
    assert service._process is not None
    status = Path(f"/proc/{service._process.pid}/status").read_text()
    return int(next(row for row in status.splitlines() if row.startswith("VmRSS")).split()[1])


def deflated(payload: bytes, window: int = 12) -> bytes:
    """As permessage-deflate has it (RFC 7692 §7.2.1)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -window)
    return (packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


# --- before the line


def test_a_silent_peer_is_hung_up_on(service: RunningService) -> None:
    with dial(service.ocpp_port, "127.1.0.1") as peer:
        assert peer.recv(1) == b""
    assert turned_away(service, "slow_first_byte") >= 1


def test_half_a_tls_handshake_is_hung_up_on(service: RunningService) -> None:
    before = turned_away(service, "slow_tls")
    with dial(service.tls_port, "127.1.0.2") as peer:
        peer.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert closed_with(peer) is None
    until(lambda: turned_away(service, "slow_tls") == before + 1)


def test_a_slow_request_is_hung_up_on(service: RunningService) -> None:
    before = turned_away(service, "slow_upgrade")
    with dial(service.ocpp_port, "127.1.0.3") as peer:
        peer.sendall(request("SLOW-1")[:-2])
        assert closed_with(peer) is None
    until(lambda: turned_away(service, "slow_upgrade") == before + 1)


def test_a_large_request_is_431(service: RunningService) -> None:
    with dial(service.ocpp_port, "127.1.0.4") as peer:
        peer.sendall(request("LARGE-1", headers={f"X-{number}": "a" * 1000 for number in range(17)}))
        assert status_of(peer) == 431
    assert turned_away(service, "large_request") >= 1


@pytest.mark.parametrize("octets", [b"\x00\xff" * 500, b"SSH-2.0-OpenSSH_9.9\r\n", b"\x16\x03\x01\x00\x05hello"])
def test_garbage_is_hung_up_on(service: RunningService, octets: bytes) -> None:
    with dial(service.ocpp_port, "127.1.0.5") as peer:
        peer.sendall(octets)
        assert closed_with(peer) is None


def test_one_address_has_so_many_handshakes(service: RunningService) -> None:
    with ExitStack() as open_ones:
        for _ in range(20):
            open_ones.enter_context(dial(service.ocpp_port, "127.1.0.6"))
        until(lambda: metric(service, "voltward_ocpp_handshakes_open") >= 20)
        assert upgrade(service.ocpp_port, "NOBODY", source="127.1.0.6") is None
        assert turned_away(service, "handshakes_of_address") >= 1
        assert upgrade(service.ocpp_port, "NOBODY", source="127.1.0.7") == 404


def test_a_crowd_of_silent_peers_makes_room(service: RunningService) -> None:
    """From as many addresses as there are: whoever had half its time goes for those that speak."""
    with ExitStack() as open_ones:
        for number in range(60):
            open_ones.enter_context(dial(service.ocpp_port, f"127.1.{1 + number // 15}.8"))
        assert upgrade(service.ocpp_port, "NOBODY", source="127.1.0.9") is None
        assert turned_away(service, "handshakes_full") >= 1
        until(lambda: upgrade(service.ocpp_port, "NOBODY", source="127.1.0.9") == 404)
        assert turned_away(service, "made_room") >= 1


def test_an_identity_that_dials_again_and_again_waits(service: RunningService) -> None:
    password = register(service, "AGAIN-1", "1.6", 1)
    statuses = [upgrade(service.ocpp_port, "AGAIN-1", password, source="127.1.0.10") for _ in range(9)]
    assert statuses == [101] * 8 + [429]
    assert upgrade(service.ocpp_port, "AGAIN-1", password, source="127.1.0.11") == 429
    assert metric(service, "voltward_ocpp_upgrades_total", status="429") >= 2


def test_an_address_that_tries_name_after_name_waits(service: RunningService) -> None:
    statuses = [upgrade(service.ocpp_port, f"GUESS-{n}", source="127.1.0.12") for n in range(16)]
    assert statuses == [404] * 15 + [429]


def test_connections_of_one_address_are_limited(service: RunningService) -> None:
    with ExitStack() as lines:
        for number in range(25):
            lines.enter_context(line(service, f"MANY-{number}", "127.1.0.13"))
        assert metric(service, "voltward_ocpp_lines") >= 25
        assert upgrade(service.ocpp_port, "NOBODY", source="127.1.0.13") is None
        assert turned_away(service, "connections_of_address") >= 1


# --- on the line


def test_a_frame_over_the_limit_closes_with_1009(service: RunningService) -> None:
    with line(service, "LARGE-2", "127.1.0.14") as peer:
        peer.sendall(frame(b"x" * (256 * 1024 + 1))[:4096])  # its head tells already
        assert closed_with(peer) == 1009
    until(lambda: dropped(service, "large_frame") >= 1)


def test_fragments_add_up(service: RunningService) -> None:
    with line(service, "LARGE-3", "127.1.0.14") as peer:
        peer.sendall(frame(b"x" * 200_000, fin=False))
        peer.sendall(frame(b"x" * 100_000, opcode=0))
        assert closed_with(peer) == 1009


def test_a_bomb_is_not_inflated(service: RunningService) -> None:
    """A hundred MiB of zeros in a hundred KiB: no more than the limit of a frame comes out."""
    bomb = deflated(bytes(BOMB))
    assert len(bomb) < BOMB // 900
    before = memory(service)
    with line(service, "BOMB-1", "127.1.0.15", DEFLATE) as peer:
        peer.sendall(frame(bomb, compressed=True))
        assert closed_with(peer) == 1009
    assert memory(service) < before + 30 * 1024


def test_many_small_bombs_in_one_read_do_not_add_up(service: RunningService) -> None:
    """Each inflates to just below the limit; all of them together would be a hundred MiB."""
    filling = frame(deflated(b" " * 262_000), compressed=True)
    before = memory(service)
    with line(service, "BOMB-2", "127.1.0.15", DEFLATE) as peer:
        peer.settimeout(20)
        try:
            peer.sendall(filling * (BOMB // 262_000))
            closed_with(peer)
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert memory(service) < before + 60 * 1024


def test_a_flood_is_slowed_and_then_closed_with_1008(service: RunningService) -> None:
    slowed = metric(service, "voltward_ocpp_slowed_total")
    with line(service, "FLOOD-1", "127.1.0.16") as peer:
        peer.settimeout(15)
        flood = b"".join(frame(HEARTBEAT % number) for number in range(400))
        peer.sendall(flood)
        assert closed_with(peer) == 1008
    until(lambda: dropped(service, "flood") + dropped(service, "unanswered") >= 1)
    assert metric(service, "voltward_ocpp_slowed_total") >= slowed


def test_a_busy_station_that_waits_for_its_answers_is_slowed_and_stays(service: RunningService) -> None:
    """What it stored while it was away: more than its share, one call after the other."""
    slowed = metric(service, "voltward_ocpp_slowed_total")
    with line(service, "BUSY-1", "127.1.0.17") as peer:
        answers = peer.makefile("rb")
        for number in range(90):
            peer.sendall(frame(HEARTBEAT % number))
            head = answers.read(2)
            assert json.loads(answers.read(head[1]))[:2] == [3, str(number)]
    assert metric(service, "voltward_ocpp_slowed_total") > slowed


def test_pings_that_flood_end_the_line(service: RunningService) -> None:
    with line(service, "PING-1", "127.1.0.18") as peer:
        peer.settimeout(5)
        try:
            for _ in range(50):
                peer.sendall(frame(b"", opcode=9) * 100)
            assert closed_with(peer) is None
        except (BrokenPipeError, ConnectionResetError):
            pass
    until(lambda: dropped(service, "flood") >= 1)


def test_a_station_that_never_reads_is_dropped(service: RunningService) -> None:
    """It is told more than the network between holds."""
    before = dropped(service, "slow_reader")
    order = {"action": "DataTransfer", "payload": {"vendorId": "tests", "data": "x" * 250_000}}
    with line(service, "DEAF-1", "127.1.0.19", deaf=True) as peer:
        peer.sendall(frame(b'[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]'))
        answer = service.post("stations/DEAF-1/commands", order)
    assert answer["state"] == "failed", answer
    until(lambda: dropped(service, "slow_reader") == before + 1)


def test_a_second_connection_takes_the_line_over_and_is_counted(service: RunningService) -> None:
    before = dropped(service, "replaced")
    password = register(service, "TWICE-1", "1.6", 1)
    with dial(service.ocpp_port, "127.1.0.20") as first, dial(service.ocpp_port, "127.1.0.20") as second:
        for peer in (first, second):
            peer.sendall(request("TWICE-1", password))
            assert status_of(peer) == 101
        assert closed_with(first) == 1000
    until(lambda: dropped(service, "replaced") == before + 1)


def test_no_place_is_lost(service: RunningService) -> None:
    """After all of the above."""
    until(lambda: metric(service, "voltward_ocpp_handshakes_open") == 0)
    until(lambda: metric(service, "voltward_ocpp_lines") == 0)


def test_a_process_without_a_console_tells_its_own_numbers(folder: Path) -> None:
    """Its stations are counted where they are, whether the database answers or not."""
    bridge = RunningService(folder)
    [port] = free_ports(1)
    bridge.roles, bridge.extra = ("bridge",), {"VOLTWARD_METRICS_PORT": str(port)}
    bridge.start()
    try:
        assert upgrade(bridge.ocpp_port, "NOBODY") == 404
        told = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    finally:
        bridge.stop()
    assert 'voltward_ocpp_upgrades_total{status="404"} 1\n' in told
