"""Warnings before something ends, each told once.

Stations' certificates are warned of by the ISO week that they end in: one alarm for each week and threshold, with the
number of them, however many stations there are. It is raised when the first of the week comes nearer than the
threshold, and counts those in use only, so that a renewed one is no news. Roots, issuing authorities,
cross-certificates, makers' anchors and firmware signers that cannot be renewed here are warned of one by one. A
nearer threshold takes the place of the wider one; what was renewed, revoked or retired settles its alarm. Which
warning was raised before is known from the alarms' rows, cleared ones too.

A threshold of more than half of a certificate's whole life is none: it would always be crossed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pki.alarms import AlarmKind, Alarms, Severity
from pki.forecast import Ending, EndingKind, Forecast, Forecasts, Week

LEAF_THRESHOLDS = {
    timedelta(days=30): Severity.NOTICE,
    timedelta(days=14): Severity.NOTICE,
    timedelta(days=7): Severity.WARNING,
    timedelta(days=3): Severity.CRITICAL,
    timedelta(days=1): Severity.CRITICAL,
}
AUTHORITY_THRESHOLDS = {
    timedelta(days=730): Severity.NOTICE,
    timedelta(days=365): Severity.WARNING,
    timedelta(days=182): Severity.CRITICAL,
}
SIGNER_THRESHOLDS = AUTHORITY_THRESHOLDS | {timedelta(days=30): Severity.CRITICAL}
_WORDS = {730: "2 years", 365: "a year", 182: "6 months", 1: "a day"}
_WARNED_OF = {
    EndingKind.ROOT: "the root",
    EndingKind.ISSUING: "the issuing authority",
    EndingKind.CROSS_CERTIFICATE: "the cross-certificate of",
    EndingKind.ANCHOR: "the maker's anchor",
    EndingKind.SIGNER: "the firmware signer",
}
_WEEKS = 6  # the widest threshold of leaves, and the week that it falls into


@dataclass(frozen=True, slots=True)
class ExpiryWarning:
    """One warning. `about` is what ends (a week, an authority); the alarm's thing is that and the threshold."""

    kind: AlarmKind
    about: str
    threshold: timedelta
    sentence: str
    severity: Severity

    @property
    def thing(self) -> str:
        """`2026-W50 14d`."""
        return f"{self.about} {self.threshold.days}d"


def warnings_of(forecast: Forecast, station_life: timedelta, now: datetime) -> list[ExpiryWarning]:
    """What there is to warn of: of each thing the narrowest threshold that it has crossed."""
    leaves = {span: severity for span, severity in LEAF_THRESHOLDS.items() if 2 * span <= station_life}
    found = [_of_week(week, leaves, now) for week in forecast.weeks]
    found += [_of_authority(ending, now) for ending in forecast.endings]
    return [warning for warning in found if warning is not None]


def _of_week(week: Week, thresholds: dict[timedelta, Severity], now: datetime) -> ExpiryWarning | None:
    crossed = [span for span in thresholds if week.first_end is not None and week.first_end - now <= span]
    if not crossed or week.first_end is None:
        return None
    span = min(crossed)
    subject = "1 station's certificate ends" if week.total == 1 else f"the certificates of {week.total} stations end"
    sentence = f"{subject} in week {week.name}, the first on {_spelt(week.first_end)}: in {_words(span)} or less"
    return ExpiryWarning(AlarmKind.CERTIFICATES_ENDING, week.name, span, sentence, thresholds[span])


def _of_authority(ending: Ending, now: datetime) -> ExpiryWarning | None:
    if ending.kind not in _WARNED_OF:
        return None
    life = ending.not_after - ending.not_before if ending.not_before else timedelta.max
    thresholds = SIGNER_THRESHOLDS if ending.kind is EndingKind.SIGNER else AUTHORITY_THRESHOLDS
    crossed = [span for span in thresholds if 2 * span <= life and ending.not_after - now <= span]
    if not crossed:
        return None
    span = min(crossed)
    when = f"ends on {_spelt(ending.not_after)}: in {_words(span)} or less"
    if ending.not_after < now:
        when = f"ended on {_spelt(ending.not_after)}"
    sentence = f"{_WARNED_OF[ending.kind]} {ending.name} {when}"
    if ending.kind is EndingKind.SIGNER:
        sentence += f"; ask for another: voltward ca request {ending.name} --post firmware"
    about = f"{ending.name} ({ending.serial[:8]})"
    return ExpiryWarning(AlarmKind.AUTHORITY_ENDING, about, span, sentence, thresholds[span])


class ExpiryWarnings:
    """Raises warnings and settles those that are over."""

    def __init__(self, alarms: Alarms, forecasts: Forecasts, station_life: timedelta) -> None:
        self._alarms = alarms
        self._forecasts = forecasts
        self._station_life = station_life

    def round(self, now: datetime) -> None:
        """To be called every few minutes; its cost is one forecast's, whatever ends."""
        due = warnings_of(self._forecasts.forecast(_WEEKS, now), self._station_life, now)
        for warning in due:
            self._alarms.sound_once(warning.kind, warning.thing, warning.sentence, warning.severity)
        self._settle(due)

    def _settle(self, due: Iterable[ExpiryWarning]) -> None:
        stand = {(warning.kind, warning.thing) for warning in due}
        replaced = {(warning.kind, warning.about) for warning in due}
        for kind in (AlarmKind.CERTIFICATES_ENDING, AlarmKind.AUTHORITY_ENDING):
            for alarm in self._alarms.open_of(kind):
                about = alarm.thing.rpartition(" ")[0]
                is_over = (kind, about) in replaced or not self._still_ends(kind, about)
                if (kind, alarm.thing) not in stand and is_over:
                    self._alarms.settle(kind, alarm.thing)

    def _still_ends(self, kind: AlarmKind, about: str) -> bool:
        """Whether somebody should still look: of a week that is past, those who were not renewed in time."""
        return kind is AlarmKind.CERTIFICATES_ENDING and self._forecasts.count_in_use(_begin(about)) > 0


def _begin(week: str) -> datetime:
    year, _, number = week.partition("-W")
    monday = date.fromisocalendar(int(year), int(number), 1)
    return datetime(monday.year, monday.month, monday.day, tzinfo=UTC)


def _spelt(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _words(span: timedelta) -> str:
    return _WORDS.get(span.days, f"{span.days} days")
