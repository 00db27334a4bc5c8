"""Alarms reach a real HTTP server on the loopback: signed, repeated until they are taken, and nobody hangs."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from structlog.testing import capture_logs

from pki.alarm_telling import LEASE, AlarmTelling
from pki.alarms import AlarmKind, Alarms
from pki.audit import AuditTrail
from pki.clock import utc_now
from pki.secret_text import Secret
from pki.store import Store
from tests.end_to_end.running_service import PASSPHRASE, RunningService, free_ports
from tests.pki.conftest import Room, established, room  # noqa: F401 -- fixtures
from web import webhook as sender
from web.data_folder import make_folder
from web.webhook import Webhook, tell_alarms

pytestmark = pytest.mark.end_to_end
SECRET = Secret.of("sixteen letters or more")
Answer = Callable[[BaseHTTPRequestHandler], None]


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent; `answer` is how it answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages: list[tuple[dict[str, str], bytes]] = []
        self.answer: Answer = ok

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/alarms"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.messages.append((dict(self.headers), body))
        self.server.answer(self)

    def log_message(self, *_: Any) -> None:
        pass


def status(number: int, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(number)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


ok = status(204)


def silence(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


def drip(handler: BaseHTTPRequestHandler) -> None:
    """A header a moment, for ever: no single read ever takes long."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(60):
        handler.wfile.write(f"X-{number}: y\r\n".encode())
        handler.wfile.flush()
        time.sleep(0.05)


def flood(handler: BaseHTTPRequestHandler) -> None:
    """A body that never ends."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"x" * 65536)
    except OSError:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


class Bench:
    """An alarm that waits, and what sends it."""

    def __init__(self, room: Room, url: str) -> None:  # noqa: F811
        self.room = room
        self.webhook = Webhook(url, SECRET, "main", room.clock)
        self.telling = AlarmTelling(room.store, room.clock)

    def sound(self, thing: str = "ab12") -> None:
        with capture_logs():
            self.room.authority.alarms.sound(AlarmKind.LINT_FINDING, thing, "broken")

    def tell(self) -> tuple[int, list[Any]]:
        """How many arrived, and what was logged."""
        with capture_logs() as logs:
            arrived = asyncio.run(tell_alarms(self.webhook, self.telling))
        return arrived, list(logs)


@pytest.fixture
def bench(room: Room, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Bench:  # noqa: F811
    monkeypatch.setattr(sender, "_PATIENCE", 1.0)
    made = Bench(room, receiver.url)
    made.sound()
    return made


def test_an_alarm_arrives_signed_and_once(bench: Bench, receiver: Receiver) -> None:
    assert bench.tell()[0] == 1
    assert bench.tell()[0] == 0
    ((headers, body),) = receiver.messages
    told = json.loads(body)
    assert (told["version"], told["type"], told["node"]) == (1, "alarm.raised", "main")
    assert (told["alarm"]["kind"], told["alarm"]["thing"], told["alarm"]["link"]) == ("lint-finding", "ab12", "/alarms")
    assert headers["Idempotency-Key"] == told["id"]
    signed = headers["Voltward-Timestamp"].encode() + b"." + body
    assert headers["Voltward-Signature"] == "v1=" + hmac.new(SECRET.reveal, signed, hashlib.sha256).hexdigest()
    assert SECRET.reveal not in body
    assert bench.room.authority.alarms.page()[0].cleared_at is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (status(500), "it answered 500"),
        (status(404), "it answered 404"),
        (status(302, Location="/elsewhere"), "redirects are not followed"),
        (silence, "no answer within"),
        (drip, "no answer within"),
    ],
)
def test_what_is_not_taken_is_sent_again_with_the_same_id(
    bench: Bench, receiver: Receiver, answer: Answer, why: str
) -> None:
    receiver.answer = answer
    began = time.monotonic()
    arrived, logs = bench.tell()
    assert (arrived, logs[0]["event"], logs[0]["again_in"]) == (0, "alarm_not_told", 5)
    assert why in logs[0]["why"]
    assert time.monotonic() - began < 2.5
    assert len(receiver.messages) == 1  # nothing was asked at /elsewhere
    assert bench.tell()[0] == 0  # not before its time
    receiver.answer = ok
    bench.room.clock.advance(LEASE)
    assert bench.tell()[0] == 1
    ids = [json.loads(body)["id"] for _, body in receiver.messages]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    assert SECRET.text() not in str(logs)


def test_a_receiver_that_is_away_is_waited_for(bench: Bench, receiver: Receiver) -> None:
    (closed,) = free_ports(1)
    away = Bench(bench.room, f"http://127.0.0.1:{closed}/")
    arrived, logs = away.tell()
    assert (arrived, "Connect" in logs[0]["why"]) == (0, True)
    bench.room.clock.advance(LEASE)
    assert bench.tell()[0] == 1


def test_an_answer_without_end_is_not_read(bench: Bench, receiver: Receiver) -> None:
    receiver.answer = flood
    assert bench.tell()[0] == 1


def test_one_failure_does_not_hold_up_the_others(bench: Bench, receiver: Receiver) -> None:
    bench.sound("cd34")
    receiver.answer = status(500)
    bench.tell()
    receiver.answer = ok
    assert bench.tell()[0] == 1
    assert json.loads(receiver.messages[-1][1])["alarm"]["thing"] == "cd34"


def test_the_service_tells_alarms_and_tests_its_webhook(tmp_path: Path, receiver: Receiver) -> None:
    """The whole way: a running service, `voltward alarm test`, and an alarm that outlasts a restart."""
    folder = tmp_path / "data"
    make_folder(folder, "Test", [], {"VOLTWARD_PASSPHRASE": PASSPHRASE})
    service = RunningService(folder)
    service.extra = {"VOLTWARD_WEBHOOK_URL": receiver.url, "VOLTWARD_WEBHOOK_SECRET": SECRET.text()}
    service.start()
    try:
        service.api().close()
        tried = service.cli("alarm", "test", "--json")
        assert tried.returncode == 0, tried.stderr
        assert json.loads(tried.stdout) == {"delivered": True, "status": 204, "why": ""}
        assert json.loads(receiver.messages[0][1])["type"] == "test"
        receiver.answer = status(503)
        failed = service.cli("alarm", "test")
        assert failed.returncode == 1
        assert "error: the webhook did not take it: it answered 503" in failed.stderr
        sound(folder)
        wait_until(lambda: "alarm_not_told" in service.log.read_text())
        service.stop()
        receiver.answer = ok
        service.start()
        wait_until(lambda: '"alarm_told"' in service.log.read_text())
        assert json.loads(receiver.messages[-1][1])["alarm"]["thing"] == "ab12"
        assert SECRET.text() not in service.log.read_text()
    finally:
        service.stop()


def sound(folder: Path) -> None:
    """An alarm, raised by another process."""
    store = Store(f"sqlite:///{folder}/voltward.db")
    with capture_logs():
        Alarms(store, AuditTrail(bytes(32), "test"), utc_now).sound(AlarmKind.LINT_FINDING, "ab12", "broken")
    store.close()


def wait_until(happened: Callable[[], bool], within: float = 25.0) -> None:
    end = time.monotonic() + within
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.1)
