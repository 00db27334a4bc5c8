"""Alarms about signers: raised once when a key or the place of keys is missed, settled when it signs again.

What went wrong is noted where it happens, often within a transaction, and told later, in a round of its own.
"""

import threading
from collections.abc import Callable, Sequence

import structlog

from pki.alarms import AlarmKind, Alarms, Severity
from pki.errors import PkiError, SignerRefused, SignerUnavailable

log = structlog.get_logger()


class SignerWatch:
    """What this process knows about missing signers. `check` makes a test signature with a key."""

    def __init__(self, alarms: Alarms, check: Callable[[str], object], keys: Callable[[], Sequence[str]]) -> None:
        self._alarms = alarms
        self._check = check
        self._keys = keys
        self._lock = threading.Lock()
        self._news: dict[tuple[AlarmKind, str], str] = {}
        self._missed: set[str] | None = None  # unknown until the first round: an earlier process may have raised some

    def heard(self, fault: SignerUnavailable | SignerRefused) -> None:
        """Note a failure; nothing is written here."""
        kind = AlarmKind.SIGNER_REFUSED if isinstance(fault, SignerRefused) else AlarmKind.SIGNER_UNAVAILABLE
        with self._lock:
            self._news[kind, fault.name] = fault.sentence

    def round(self) -> None:
        """Raise and settle alarms; to be called every few seconds, outside any transaction."""
        with self._lock:
            news, self._news = self._news, {}
        missed = self._known() | {thing for kind, thing in news if kind is AlarmKind.SIGNER_UNAVAILABLE}
        for (kind, thing), sentence in news.items():
            self._alarms.sound(kind, thing, sentence, Severity.CRITICAL)
        back = {thing for thing in missed if self._is_back(thing)}
        for thing in back:
            self._alarms.settle(AlarmKind.SIGNER_UNAVAILABLE, thing)
            log.info("signer_is_back", thing=thing)
        self._missed = missed - back

    def _known(self) -> set[str]:
        if self._missed is not None:
            return self._missed
        alarms = self._alarms.page(limit=1000)
        return {alarm.thing for alarm in alarms if alarm.kind is AlarmKind.SIGNER_UNAVAILABLE}

    def _is_back(self, thing: str) -> bool:
        """`thing` is the name of a key, or of a place; a place is back when one of the authorities' keys signs."""
        keys = self._keys()
        try:
            self._check(keys[0] if " " in thing and keys else thing)
        except (PkiError, ValueError):  # ValueError: a place, and no authority yet
            return False
        return True
