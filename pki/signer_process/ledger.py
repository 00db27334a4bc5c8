"""What the signer remembers of what it signed: no serial number stands for two certificates, no list goes backwards.

It is all in the log, and read from there at the start. The numbers of lists outlive a file of the log that is full:
they stand in the first line of the next.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from pki.signer_process.log import Bounds, Entry, SignerLog

SIGNED = "signed"
_MOST_SERIALS = 200_000  # the newest; what is older has an intent that is closed by now
_MOST_SIGNATURES = 20_000


class Ledger:
    """Admits what the rules let pass, and writes all of it down."""

    def __init__(self, path: Path, bounds: Bounds | None = None) -> None:
        """Raises LogBroken, OSError."""
        self._lock = threading.Lock()
        self._serials: OrderedDict[str, str] = OrderedDict()
        self._numbers: dict[tuple[str, str], tuple[int, str]] = {}
        self._signatures: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._log = SignerLog(path, self._remember, self._carried, bounds)

    def admit(self, entries: Sequence[Entry]) -> list[Entry]:
        """Judge by what was signed before, then write to the log. Each comes back as it was written.

        An entry has `verdict`, and for a certificate `serial`, for a list `scope` and `number`, and for either `key`
        and `sha256`. Raises OSError when the log cannot be written; then nothing may be signed. (What was judged then
        stays in memory: to refuse a second thing under the same number does no harm.)
        """
        with self._lock:
            judged = [self._judged(entry) for entry in entries]
            self._log.append(judged)
            return judged

    def signature_of(self, entry: Entry) -> bytes | None:
        """What was signed for the same octets a moment ago: who asks again gets the same."""
        with self._lock:
            return self._signatures.get((entry["key"], entry["sha256"]))

    def signed(self, entry: Entry, signature: bytes) -> None:
        """Remember a signature."""
        with self._lock:
            self._signatures[entry["key"], entry["sha256"]] = signature
            if len(self._signatures) > _MOST_SIGNATURES:
                self._signatures.popitem(last=False)

    def close(self) -> None:
        """Let go of the log."""
        self._log.close()

    def _judged(self, entry: Entry) -> Entry:
        if entry["verdict"] != SIGNED:
            return entry
        sentence = self._objection(entry)
        if sentence is not None:
            return {**entry, "verdict": "refused", "rule": "signed-once-and-forwards", "sentence": sentence}
        self._remember(entry)
        return entry

    def _objection(self, entry: Entry) -> str | None:
        if "serial" in entry:
            before = self._serials.get(entry["serial"])
            return (
                "this serial number stands for another certificate" if before not in (None, entry["sha256"]) else None
            )
        if "number" in entry:
            last, digest = self._numbers.get((entry["key"], entry["scope"]), (-1, ""))
            if entry["number"] < last or (entry["number"] == last and entry["sha256"] != digest):
                return f"a list with the number {last} was signed already"
        return None

    def _carried(self) -> Entry:
        return {"numbers": [[*which, *signed] for which, signed in sorted(self._numbers.items())]}

    def _remember(self, entry: Entry) -> None:
        for key, scope, number, digest in entry.get("numbers", ()):
            self._numbers[key, scope] = (number, digest)
        if entry.get("verdict") != SIGNED:
            return
        if "serial" in entry:
            self._serials[entry["serial"]] = entry["sha256"]
            if len(self._serials) > _MOST_SERIALS:
                self._serials.popitem(last=False)
        elif "number" in entry:
            self._numbers[entry["key"], entry["scope"]] = (entry["number"], entry["sha256"])
