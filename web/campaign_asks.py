"""What people and scripts ask of a campaign, and what it means. For the API and the page alike."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field

from csms_bridge.campaigns.door import NewCampaign
from csms_bridge.campaigns.words import Goal, Kind, OutcomeKind, Pace, Retry, Selection, size_of
from csms_bridge.station import OcppVersion
from web.api.shapes import In
from web.errors import RequestRefused

_SPAN = re.compile(r"([0-9]{1,6})([smhdw])")
_UNIT = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_RETRY = re.compile(r"(failed|held|late)=([0-9]{1,3})@([0-9]{1,6}[smhdw])")
_USUAL = Pace()


class SelectionIn(In):
    """Which stations: all that fit every part, or `everything`."""

    vendor: str = Field(default="", max_length=100)
    model: str = Field(default="", max_length=100)
    site: str = Field(default="", max_length=100)
    tag: str = Field(default="", max_length=100)
    profile: int | None = Field(default=None, ge=0, le=3, description="the one that was observed last")
    ocpp_version: OcppVersion | None = None
    firmware: str = Field(default="", max_length=100)
    expires_before: str = Field(default="", max_length=40, description="RFC 3339, a date, or a span from now: 30d")
    stations: tuple[str, ...] = Field(default=(), max_length=10_000)
    everything: bool = False

    def meaning(self, now: datetime) -> Selection:
        """Raises CampaignRefused, RequestRefused."""
        before = _moment("expires_before", self.expires_before, now)
        return Selection(**self.model_dump() | {"expires_before": before, "stations": self.stations})


class PaceIn(In):
    """How fast. Spans are written 90s, 30m, 2h, 14d; sizes of waves 5 or 2%; retries failed=2@1h."""

    waves: tuple[str, ...] = Field(default=("5",), max_length=50, description="the first waves' sizes: 5 or 2%")
    growth: int = Field(default=_USUAL.growth, description="each further wave is so many times the one before")
    in_flight: int = Field(default=_USUAL.in_flight, description="stations at work at a time")
    errors: int = Field(default=_USUAL.errors, description="per cent of a wave that may fail, be held or late")
    success: int = Field(default=_USUAL.success, description="per cent of a wave that must be done at its end")
    wave_within: str = Field(default="", max_length=10, description="how long a wave may last; empty: any time")
    target_within: str = Field(default="1d", max_length=10, description="how long one station may take")
    absent_for: str = Field(default="1h", max_length=10, description="how long one that is gone is waited for")
    until: str = Field(default="14d", max_length=10, description="how long those that were away are waited for")
    offline_for: str = Field(default="30d", max_length=10, description="whoever is offline longer is left out")
    site_share: int = Field(default=_USUAL.site_share, description="per cent of a site at a time")
    retries: tuple[str, ...] = Field(default=(), max_length=3, description="held=2@1h: twice, an hour later")
    at_any_hour: bool = Field(default=False, description="maintenance windows do not count")

    def meaning(self) -> Pace:
        """Raises CampaignRefused, RequestRefused."""
        spans = {name: span(name, getattr(self, name)) for name in ("target_within", "absent_for", "until")}
        return Pace(
            waves=tuple(size_of(size) for size in self.waves),
            growth=self.growth,
            in_flight=self.in_flight,
            errors=self.errors,
            success=self.success,
            wave_within=span("wave_within", self.wave_within) if self.wave_within else None,
            site_share=self.site_share,
            offline_for=span("offline_for", self.offline_for),
            retries=dict(_retry(text) for text in self.retries),
            at_any_hour=self.at_any_hour,
            **spans,
        )


class CampaignIn(In):
    """A campaign: what is done (`kind`; `to` for a walk, `root`, `release` of firmware), with whom, and how fast."""

    name: str = Field(min_length=1, max_length=100)
    kind: Kind
    to: int | None = Field(default=None, description="the profile that a walk leads to")
    root: str = Field(default="", max_length=100, description="our name for the root")
    restart: bool = Field(default=False, description="restart a station that wants it for its new password")
    only_ready: bool = Field(default=False, description="leave out whom a walk is known to lead nowhere with")
    release: str = Field(default="", max_length=32, description="the signed firmware that is installed")
    location: str = Field(default="", max_length=2000, description="where it is; empty: it is published here")
    to_ocpp: OcppVersion | None = Field(default=None, description="the version of OCPP that the firmware brings")
    selection: SelectionIn
    pace: PaceIn = PaceIn()

    def meaning(self, now: datetime) -> NewCampaign:
        """Raises CampaignRefused, RequestRefused."""
        brings = self.to_ocpp.value if self.to_ocpp is not None else ""
        goal = Goal(
            self.kind, self.to, self.root, self.restart, self.only_ready, self.release, self.location, brings
        )  # fmt: skip
        return NewCampaign(self.name, goal, self.selection.meaning(now), self.pace.meaning())


def span(field: str, text: str) -> timedelta:
    """`90s`, `30m`, `2h`, `14d` or `2w`. Raises RequestRefused."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise RequestRefused(field, f"{field}: {text!r} is not a span like 90s, 30m, 2h or 14d")
    return timedelta(**{_UNIT[found[2]]: int(found[1])})


def spelt(length: timedelta) -> str:
    """A span as it is written, in the largest unit that fits."""
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def pace_written(pace: Pace) -> dict[str, Any]:
    """A pace as one asks for it."""
    retries = [f"{kind}={retry.times}@{spelt(retry.after)}" for kind, retry in pace.retries.items()]
    return {
        "waves": [str(size) for size in pace.waves],
        "growth": pace.growth,
        "in_flight": pace.in_flight,
        "errors": pace.errors,
        "success": pace.success,
        "wave_within": spelt(pace.wave_within) if pace.wave_within is not None else "",
        "target_within": spelt(pace.target_within),
        "absent_for": spelt(pace.absent_for),
        "until": spelt(pace.until),
        "offline_for": spelt(pace.offline_for),
        "site_share": pace.site_share,
        "retries": retries,
        "at_any_hour": pace.at_any_hour,
    }


def _retry(text: str) -> tuple[OutcomeKind, Retry]:
    found = _RETRY.fullmatch(text.strip())
    if found is None:
        raise RequestRefused("retries", f"retries: {text!r} is not like held=2@1h (failed, held or late)")
    return OutcomeKind(found[1]), Retry(int(found[2]), span("retries", found[3]))


def _moment(field: str, text: str, now: datetime) -> datetime | None:
    """A moment, a date at midnight UTC, or a span from now."""
    if not text.strip():
        return None
    if _SPAN.fullmatch(text.strip()):
        return now + span(field, text)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise RequestRefused(field, f"{field}: {text!r} is no time: write 2026-12-31, or 30d from now") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
