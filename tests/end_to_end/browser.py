"""A real browser, driven over its debugging socket: what the console's script does, only a browser can tell."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-port=0",
)  # fmt: skip
_STARTED_WITHIN = 30.0


class Page:
    """One tab. `complaints` are what the browser logged: refused scripts, failed requests, exceptions."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Go there and wait until the page is whole."""
        self.call("Page.navigate", url=url)
        self.wait_for(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    def wait_for(self, expression: str, within: float = 20.0) -> None:
        """Wait until the expression holds. Raises AssertionError when it does not in time."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            if self.run(expression) is True:
                return
            time.sleep(0.1)
        raise AssertionError(f"never came true: {expression}; complaints: {self.complaints}")

    def set_cookie(self, url: str, name: str, value: str) -> None:
        """A cookie for the site at `url`."""
        self.call("Network.setCookie", url=url, name=name, value=value)

    def call(self, method: str, **parameters: Any) -> Any:
        """A command of the DevTools protocol, and its result."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=20))
            if message.get("id") == self._number:
                return message.get("result", {})
            if _is_complaint(message):
                self.complaints.append(json.dumps(message["params"]))


def _is_complaint(message: dict[str, Any]) -> bool:
    if message.get("method") == "Log.entryAdded":
        return message["params"]["entry"]["level"] in {"warning", "error"}
    return message.get("method") == "Runtime.exceptionThrown"


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """A browser with an empty profile, for the length of the block."""
    assert CHROMIUM is not None
    process = subprocess.Popen(
        [CHROMIUM, *_QUIET, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with connect(_debugging_address(profile), max_size=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait(20)


def _debugging_address(profile: Path) -> str:
    told = profile / "DevToolsActivePort"
    end = time.monotonic() + _STARTED_WITHIN
    while time.monotonic() < end:
        if told.exists() and len(lines := told.read_text().splitlines()) >= 2:
            tabs = httpx.get(f"http://127.0.0.1:{lines[0]}/json").json()
            return str(next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"))
        time.sleep(0.1)
    raise AssertionError("the browser did not start")
