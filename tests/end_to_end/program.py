"""`voltward` as a process, without the seconds that loading it takes.

A server that has everything loaded forks a process for each start (multiprocessing's forkserver). Each has its own
memory, environment, output and exit code, runs from the entry point on, and can be killed like any other; only its
modules are there at once. test_demo, test_signer and the kills of test_backup start it as a shell does.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.end_to_end.preloaded"])


class Program:
    """One process; its output and its errors are added to files."""

    def __init__(self, arguments: tuple[str, ...], env: Mapping[str, str], out: Path, err: Path) -> None:
        environment = {**os.environ, **env}
        # Daemonic in multiprocessing's sense: whoever forgot to stop it does not wait for it at the end.
        self._process = _CONTEXT.Process(target=_run, args=(arguments, environment, str(out), str(err)), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired("voltward", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """One that has ended gets none: its number may be another's."""
        if self.poll() is None:
            os.kill(self.pid, number)


def run(*arguments: str, env: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
    """Run one command line to its end."""
    with tempfile.TemporaryDirectory() as room:
        out, err = Path(room, "out"), Path(room, "err")
        program = Program(arguments, env, out, err)
        try:
            code = program.wait(timeout)
        except subprocess.TimeoutExpired:
            program.send_signal(9)
            raise
        return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())


def _run(arguments: tuple[str, ...], environment: Mapping[str, str], out: str, err: str) -> None:
    """In the new process."""
    from web.cli import main

    os.environ.clear()
    os.environ.update(environment)
    for number, path in ((1, out), (2, err)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = ["voltward", *arguments]
    main.run(arguments)
