"""What goes over the wire about campaigns and sites."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from csms_bridge.campaigns.door import CampaignView
from csms_bridge.campaigns.forecasts import Estimate
from csms_bridge.campaigns.previews import Planned, Preview
from csms_bridge.campaigns.sites import Site
from csms_bridge.campaigns.spelling import selection_fields
from csms_bridge.campaigns.windows import spell
from csms_bridge.campaigns.words import Target
from pki.audit import AuditRecord
from web.api.shapes import Out
from web.campaign_asks import pace_written


class EstimateOut(Out):
    """How long it takes at least, in seconds, everybody being there; `limited_by` the pace or the authority.

    `issued_per_second` is null when the authority was never busy enough to tell.
    """

    stations: int
    seconds: float
    seconds_per_station: float
    issued_per_second: float | None
    limited_by: str

    @classmethod
    def made(cls, estimate: Estimate) -> Self:
        """The wire's shape of an estimate."""
        return cls(
            stations=estimate.stations,
            seconds=estimate.takes.total_seconds(),
            seconds_per_station=estimate.per_station.total_seconds(),
            issued_per_second=estimate.issued_per_second,
            limited_by=estimate.limited_by,
        )


class PreviewOut(Out):
    """What a campaign would do: whom it takes, whom it leaves out (`excluded`: reason and number), in which waves.

    Of those that it takes `blocked` are known to end on hold, or cannot be begun (`blocked_by`: reason and number).
    """

    selected: int
    taken: int
    offline: int
    excluded: dict[str, int]
    waves: list[int]
    sites: int
    estimate: EstimateOut
    blocked: int
    blocked_by: dict[str, int]

    @classmethod
    def made(cls, preview: Preview) -> Self:
        """The wire's shape of a preview."""
        return cls(
            selected=preview.selected,
            taken=preview.taken,
            offline=preview.offline,
            excluded=dict(preview.excluded),
            waves=list(preview.waves),
            sites=preview.sites,
            estimate=EstimateOut.made(preview.estimate),
            blocked=preview.blocked,
            blocked_by=dict(preview.blocked_by),
        )


class WaveOut(Out):
    """A wave: how many stations it takes, and how many of them stand where."""

    wave: int
    size: int
    states: dict[str, int]


class CampaignOut(Out):
    """A campaign and its numbers. `state`: ready, running, paused, aborting, done, aborted; `reason` of a pause or end.

    `rate` is stations done in an hour of late, `seconds_left` what the rest takes by it (null: nothing was done of
    late); `estimate` is there until it is started.
    """

    id: str
    name: str
    kind: str
    to: int | None
    root: str
    only_ready: bool
    release: str
    location: str
    to_ocpp: str | None
    selection: dict[str, Any]
    pace: dict[str, Any]
    state: str
    reason: str
    wave: int
    waves: list[WaveOut]
    stations: int
    excluded: int
    states: dict[str, int]
    rate: float
    seconds_left: float | None
    estimate: EstimateOut | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    until: datetime | None
    updated_at: datetime

    @classmethod
    def made(cls, view: CampaignView) -> Self:
        """The wire's shape of a campaign."""
        one = view.campaign
        waves = [
            WaveOut(wave=wave.wave, size=wave.size, states={str(state): n for state, n in wave.states.items()})
            for wave in view.progress.waves
        ]
        return cls(
            id=one.id,
            name=one.name,
            kind=one.goal.kind,
            to=one.goal.to,
            root=one.goal.root,
            only_ready=one.goal.only_ready,
            release=one.goal.release,
            location=one.goal.location,
            to_ocpp=one.goal.ocpp or None,
            selection=selection_fields(one.selection),
            pace=pace_written(one.pace),
            state=one.state,
            reason=one.reason,
            wave=one.wave,
            waves=waves,
            stations=one.total,
            excluded=one.excluded,
            states={str(state): number for state, number in view.progress.states.items()},
            rate=round(view.rate, 1),
            seconds_left=view.left.total_seconds() if view.left is not None else None,
            estimate=EstimateOut.made(view.estimate) if view.estimate is not None else None,
            created_by=one.created_by,
            created_at=one.created_at,
            started_at=one.started_at,
            ended_at=one.ended_at,
            until=one.until,
            updated_at=one.updated_at,
        )


class CreatedCampaignOut(CampaignOut):
    """A campaign just made, with what it will do."""

    preview: PreviewOut

    @classmethod
    def with_preview(cls, view: CampaignView, preview: Preview) -> Self:
        """Both."""
        return cls(**CampaignOut.made(view).model_dump(), preview=PreviewOut.made(preview))


class TargetOut(Out):
    """One station in a campaign.

    `state`: pending, running, away, done, failed, held, late, absent, excluded or cancelled. `work` names the walk,
    the command or the act; `reason` tells why it is where it is, or is not begun.
    """

    station: str
    state: str
    wave: int | None
    tries: int
    work: str
    reason: str
    not_before: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime

    @classmethod
    def made(cls, target: Target) -> Self:
        """The wire's shape of a target."""
        return cls(**{name: getattr(target, name) for name in cls.model_fields})


class PlannedOut(Out):
    """The dry run of one station: its wave, and the moment before which it is not begun (null: none in sight)."""

    station: str
    site: str
    online: bool
    wave: int
    earliest: datetime | None

    @classmethod
    def made(cls, planned: Planned) -> Self:
        """The wire's shape of a dry run's line."""
        return cls(**{name: getattr(planned, name) for name in cls.model_fields})


class CampaignEventOut(Out):
    """Something that happened to a campaign, from the audit trail."""

    at: datetime
    act: str
    by: str
    reason: str
    details: dict[str, Any]

    @classmethod
    def made(cls, record: AuditRecord) -> Self:
        """The wire's shape of a record."""
        return cls(at=record.at, act=record.act, by=record.by, reason=record.reason, details=dict(record.details))


class SiteOut(Out):
    """A site on record: its windows by its own clock, whether one is open now, and when the next opens."""

    name: str
    time_zone: str
    windows: str
    max_share: int
    stations: int
    open_now: bool
    opens_at: datetime | None
    changed_by: str
    changed_at: datetime

    @classmethod
    def made(cls, site: Site) -> Self:
        """The wire's shape of a site."""
        return cls(
            name=site.name,
            time_zone=site.hours.time_zone,
            windows=spell(site.hours),
            max_share=site.max_share,
            stations=site.stations,
            open_now=site.open_now,
            opens_at=site.opens_at,
            changed_by=site.changed_by,
            changed_at=site.changed_at,
        )


class SitesOut(Out):
    """Sites that were written down."""

    items: Sequence[SiteOut]
