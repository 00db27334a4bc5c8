"""Publishing in rounds, and the alarm when a list does not come (CRL_LATE)."""

from datetime import datetime, timedelta

from pki.alarms import AlarmKind, Alarms, Severity
from pki.crl import CrlPublisher
from pki.crl_status import CrlStatus
from pki.errors import PkiError

_PATIENCE = timedelta(seconds=60)  # a revocation shall be listed within a minute
_CLOCKS_DIFFER = timedelta(minutes=5)
_SAID_AGAIN = timedelta(minutes=10)  # also when somebody cleared the alarm and nothing got better


class CrlWatch:
    """One alarm per authority, however many of its lists are late: they have one key and so one cause."""

    def __init__(self, publisher: CrlPublisher, alarms: Alarms) -> None:
        self._publisher = publisher
        self._alarms = alarms
        self._failing_since: dict[tuple[str, int], datetime] = {}
        self._told: dict[str, tuple[str, datetime]] = {}  # what was said last of each authority, and when

    def make_round(self, now: datetime) -> None:
        """Publish what is due; raise and settle alarms."""
        faults = {key: fault for key, fault in self._publisher.refresh(now).items() if fault is not None}
        self._failing_since = {key: min(now, self._failing_since.get(key, now)) for key in faults}
        by_authority: dict[str, list[CrlStatus]] = {}
        for status in self._publisher.standing(None, now):
            by_authority.setdefault(status.authority, []).append(status)
        for authority, lists in by_authority.items():
            self._tell(authority, *self._judge(authority, lists, faults, now), now)

    def _judge(
        self, authority: str, lists: list[CrlStatus], faults: dict[tuple[str, int], PkiError], now: datetime
    ) -> tuple[str, Severity]:
        """What is wrong with an authority's lists, in a sentence; empty when nothing is."""
        if any(one.is_awaited for one in lists):
            sentence = f"the revocation list of {authority} was never brought; bring it with `voltward ca import-crl`"
            return sentence, Severity.WARNING
        failing = [
            key for key, since in self._failing_since.items() if key[0] == authority and now - since >= _PATIENCE
        ]
        why = f": {faults[failing[0]].sentence}" if failing else ""
        if late := [one for one in lists if one.is_late]:
            return f"{len(late)} of {len(lists)} lists of {authority} are past their end{why}", Severity.CRITICAL
        if failing:
            return (
                f"{len(failing)} of {len(lists)} lists of {authority} are due and cannot be signed{why}",
                Severity.WARNING,
            )
        if any(one.this_update is not None and one.this_update > now + _CLOCKS_DIFFER for one in lists):
            sentence = (
                f"lists of {authority} begin in the future: the clock was set back, and no list may go back with it"
            )
            return sentence, Severity.WARNING
        if ending := [one for one in lists if one.is_ending]:
            sentence = f"the revocation list of {authority} ends on {ending[0].next_update:%Y-%m-%d}; bring a fresh one"
            return sentence, Severity.WARNING
        return "", Severity.NOTICE

    def _tell(self, authority: str, sentence: str, severity: Severity, now: datetime) -> None:
        """Not sounded with every round; settled also when it was another process that sounded it."""
        if not sentence:
            self._alarms.settle(AlarmKind.CRL_LATE, authority)
            self._told.pop(authority, None)
            return
        before, at = self._told.get(authority, ("", now))
        if before != sentence or now - at >= _SAID_AGAIN:
            self._alarms.sound(AlarmKind.CRL_LATE, authority, sentence, severity)
            self._told[authority] = (sentence, now)
