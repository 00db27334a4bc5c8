"""Campaigns and the stations in them in the database: rows, counts, and their conversions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from csms_bridge.campaigns.engine import Counts, WaveCount
from csms_bridge.campaigns.rows import CampaignRow, CampaignTargetRow
from csms_bridge.campaigns.spelling import goal_of, pace_of, selection_of
from csms_bridge.campaigns.words import (
    BAD,
    AbortMode,
    Campaign,
    CampaignState,
    Target,
    TargetState,
)
from csms_bridge.errors import UnknownCampaign


@dataclass(frozen=True, slots=True)
class WaveProgress:
    """One wave in numbers: its planned size, and how many stations of it stand where."""

    wave: int
    size: int
    states: Mapping[TargetState, int]


@dataclass(frozen=True, slots=True)
class Progress:
    """A campaign in numbers. `done_lately`: stations done of late; of one that has ended, all that were."""

    states: Mapping[TargetState, int]
    waves: tuple[WaveProgress, ...]
    done_lately: int


def campaign_row(session: Session, campaign: str) -> CampaignRow:
    """Raises UnknownCampaign."""
    row = session.get(CampaignRow, campaign, populate_existing=True)
    if row is None:
        raise UnknownCampaign(campaign)
    return row


def counts_of(session: Session, row: CampaignRow, *, there: bool) -> Counts:
    """Where its stations stand."""
    waves: dict[int | None, dict[TargetState, int]] = {}
    for wave, state, number in _by_wave(session, row.id):
        waves.setdefault(wave, {})[state] = number
    at_hand = waves.get(row.wave, {})

    def in_waves(state: TargetState) -> int:
        return sum(states.get(state, 0) for wave, states in waves.items() if wave is not None)

    return Counts(
        fresh=waves.get(None, {}).get(TargetState.PENDING, 0),
        retrying=in_waves(TargetState.PENDING),
        running=in_waves(TargetState.RUNNING),
        away=in_waves(TargetState.AWAY),
        wave=WaveCount(
            taken=sum(at_hand.values()),
            running=at_hand.get(TargetState.RUNNING, 0),
            away=at_hand.get(TargetState.AWAY, 0),
            done=at_hand.get(TargetState.DONE, 0),
            bad=sum(at_hand.get(state, 0) for state in BAD),
            retrying=at_hand.get(TargetState.PENDING, 0),
        ),
        there=there,
    )


def progress_of(session: Session, row: CampaignRow, since: datetime) -> Progress:
    """The campaign in numbers; `done_lately` since then, if it has not ended."""
    waves: dict[int, dict[TargetState, int]] = {}
    states: dict[TargetState, int] = dict.fromkeys(TargetState, 0)
    for wave, state, number in _counted(row) if row.counts else _by_wave(session, row.id):
        states[state] += number
        if wave is not None:
            waves.setdefault(wave, {})[state] = number
    sizes = json.loads(row.sizes)
    listed = tuple(
        WaveProgress(number, sizes[number - 1] if number <= len(sizes) else 0, waves.get(number, {}))
        for number in range(1, max([len(sizes), *waves], default=0) + 1)
    )
    return Progress(states, listed, states[TargetState.DONE] if row.counts else _done_since(session, row, since))


def keep_counts(session: Session, row: CampaignRow) -> None:
    """At its end: nothing moves any more, and nobody need count again for a list of all campaigns."""
    row.counts = json.dumps(_by_wave(session, row.id))


def _counted(row: CampaignRow) -> list[tuple[int | None, TargetState, int]]:
    return [(wave, TargetState(state), number) for wave, state, number in json.loads(row.counts)]


def _done_since(session: Session, row: CampaignRow, since: datetime) -> int:
    lately = select(func.count()).where(
        CampaignTargetRow.campaign == row.id,
        CampaignTargetRow.state == TargetState.DONE,
        col(CampaignTargetRow.ended_at) > since,
    )
    return session.exec(lately).one()


def _by_wave(session: Session, campaign: str) -> Sequence[tuple[int | None, TargetState, int]]:
    columns = (col(CampaignTargetRow.wave), col(CampaignTargetRow.state))
    query = select(*columns, func.count()).where(CampaignTargetRow.campaign == campaign)
    return [(wave, TargetState(state), number) for wave, state, number in session.exec(query.group_by(*columns))]


def campaign_of(row: CampaignRow) -> Campaign:
    """The domain object of a row."""
    return Campaign(
        id=row.id,
        name=row.name,
        goal=goal_of(row.goal),
        selection=selection_of(row.selection),
        pace=pace_of(row.pace),
        state=CampaignState(row.state),
        reason=row.reason,
        wave=row.wave,
        wave_since=row.wave_since,
        sizes=tuple(json.loads(row.sizes)),
        total=row.total,
        excluded=row.excluded,
        forgiven=row.forgiven,
        let_pass=row.let_pass,
        abort=AbortMode(row.abort_mode) if row.abort_mode else None,
        created_by=row.created_by,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        until=row.until,
        updated_at=row.updated_at,
    )


def target_of(row: CampaignTargetRow, reason: str | None = None) -> Target:
    """The domain object of a row; `reason` in place of the one in it."""
    return Target(
        campaign=row.campaign,
        station=row.station,
        state=TargetState(row.state),
        wave=row.wave,
        tries=row.tries,
        work=row.work,
        reason=row.reason if reason is None else reason,
        due_at=row.due_at,
        not_before=row.not_before,
        started_at=row.started_at,
        ended_at=row.ended_at,
        updated_at=row.updated_at,
    )


ORDER = (col(CampaignTargetRow.rank), col(CampaignTargetRow.due_at), col(CampaignTargetRow.station))
