"""What came of what a campaign has begun: outcomes, time-outs, stations that are gone or back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial

from sqlalchemy import and_, exists, false, or_, update
from sqlmodel import Session, col, select

from csms_bridge.campaigns.engine import after, is_late, late
from csms_bridge.campaigns.kinds.kind import Work
from csms_bridge.campaigns.rows import CampaignTargetRow, SiteRow
from csms_bridge.campaigns.selecting import Condition, Exclusion
from csms_bridge.campaigns.turn import ASKED_TO_END, UNDER_WAY, Turn
from csms_bridge.campaigns.windows import Hours, hours_of
from csms_bridge.campaigns.words import BAD, CampaignState, Outcome, OutcomeKind, Pace, TargetState
from csms_bridge.tables import StationRow


@dataclass(frozen=True, slots=True)
class _Station:
    """What there is to know of a station: whether it is there, when it was heard of, where it stands."""

    online: bool
    seen: datetime | None
    site: str


News = tuple[CampaignTargetRow, TargetState, Outcome | None, datetime | None]


def news(turn: Turn, late_too: bool) -> Iterator[News]:
    """Those whose state changes, and to what. `late_too`: also whether one that ended badly is done after all."""
    pace, is_aborting = turn.campaign.pace, turn.row.state == CampaignState.ABORTING
    under_way = _targets(turn, col(CampaignTargetRow.state).in_(UNDER_WAY))
    outcomes = _outcomes(turn, [target for target, _ in under_way])
    hours_at = cache(partial(_hours_at, turn.session))
    for target, station in under_way:
        outcome = outcomes.get(target.station)
        started = target.started_at or turn.now
        may_be_late = target.state == TargetState.RUNNING and turn.now >= started + pace.target_within
        if outcome is None and may_be_late and is_late(started, hours_at(station.site), pace, turn.now):
            outcome = late(pace)
        if outcome is not None:
            borne = Pace() if is_aborting else pace
            state, not_before = after(outcome, target.tries, borne, turn.now)
            if target.outcome == ASKED_TO_END and outcome.kind is not OutcomeKind.DONE:
                state = TargetState.CANCELLED
            yield target, state, outcome, not_before
            continue
        state = _presence(target, station.online, max(station.seen or started, started), pace, turn.now)
        if state != target.state:
            yield target, state, None, None
    if late_too:
        yield from _done_after_all(turn)


def _presence(target: CampaignTargetRow, online: bool, seen: datetime, pace: Pace, now: datetime) -> TargetState:
    if online:
        return TargetState.RUNNING
    return TargetState.AWAY if now - seen >= pace.absent_for else TargetState(target.state)


def _done_after_all(turn: Turn) -> Iterator[News]:
    """What is seen counts more than what was given up: a walk on hold goes on when the station arrives after all."""
    ended = or_(
        col(CampaignTargetRow.state).in_(BAD),
        and_(col(CampaignTargetRow.state) == TargetState.PENDING, col(CampaignTargetRow.work) != ""),
    )
    badly = [target for target, _ in _targets(turn, ended)]
    outcomes = _outcomes(turn, badly)
    for target in badly:
        outcome = outcomes.get(target.station)
        if outcome is not None and outcome.kind is OutcomeKind.DONE:
            yield target, TargetState.DONE, outcome, None


def _targets(turn: Turn, condition: Condition) -> list[tuple[CampaignTargetRow, _Station]]:
    query = select(CampaignTargetRow, StationRow.online, StationRow.last_seen, StationRow.site).where(
        CampaignTargetRow.campaign == turn.row.id, condition, CampaignTargetRow.station == StationRow.id
    )
    return [(target, _Station(online, seen, site)) for target, online, seen, site in turn.session.exec(query)]


def _hours_at(session: Session, site: str) -> Hours:
    row = session.get(SiteRow, site) if site else None
    return hours_of(row.time_zone, row.windows) if row is not None else Hours()


def _outcomes(turn: Turn, targets: Sequence[CampaignTargetRow]) -> Mapping[str, Outcome]:
    works = [Work(target.station, target.work) for target in targets]
    return turn.kind.outcomes(turn.session, turn.campaign.goal, works, turn.now) if works else {}


def _there(turn: Turn) -> Condition:
    """Fresh ones that have reached the goal without the campaign."""
    reached = or_(*(rule.condition for rule in turn.own_rules if rule.why is Exclusion.THERE), false())
    return and_(
        col(CampaignTargetRow.campaign) == turn.row.id,
        col(CampaignTargetRow.state) == TargetState.PENDING,
        col(CampaignTargetRow.wave).is_(None),
        exists().where(col(StationRow.id) == col(CampaignTargetRow.station), reached),
    )


def some_are_there(turn: Turn) -> bool:
    """Whether any is."""
    return turn.session.exec(select(CampaignTargetRow.station).where(_there(turn)).limit(1)).first() is not None


def note_those_there(turn: Turn) -> None:
    """They are done, without having been begun."""
    done = {"state": TargetState.DONE.value, "reason": Exclusion.THERE.value, "ended_at": turn.now}
    turn.session.execute(
        update(CampaignTargetRow)
        .where(_there(turn))
        .values(updated_at=turn.now, **done)
        .execution_options(synchronize_session=False)
    )
