"""One turn of a campaign: what came of what was begun, and what is done next; all of it in one transaction."""

from collections.abc import Sequence

from sqlalchemy import and_, case, literal, update
from sqlmodel import col, func, select

from csms_bridge.acts import FleetAct
from csms_bridge.campaigns.book import ORDER, counts_of, keep_counts
from csms_bridge.campaigns.candidates import AT_ONCE, anybody_there, candidates, sites_now
from csms_bridge.campaigns.engine import Decision, after, decide
from csms_bridge.campaigns.kinds.kind import Work
from csms_bridge.campaigns.news import news, note_those_there, some_are_there
from csms_bridge.campaigns.rows import CampaignTargetRow
from csms_bridge.campaigns.selecting import reason
from csms_bridge.campaigns.turn import ASKED_TO_END, Turn, settle
from csms_bridge.campaigns.words import AbortMode, CampaignState, Outcome, OutcomeKind, TargetState
from csms_bridge.errors import BridgeError
from csms_bridge.tables import StationRow

_NOT_THERE = "it was not there until the campaign ended"


def is_due(turn: Turn, *, late_too: bool) -> bool:
    """Whether anything would change; costs no write."""
    if next(news(turn, late_too), None) is not None or _cancellable(turn, 1):
        return True
    return not _decision(turn).is_nothing or (late_too and some_are_there(turn))


def take(turn: Turn, *, late_too: bool) -> None:
    """Write down what came of it and do what is next."""
    for target, state, outcome, not_before in list(news(turn, late_too)):
        settle(turn, target, state, outcome, not_before)
    _cancel_some(turn)
    turn.session.flush()
    if late_too:
        note_those_there(turn)
    for _ in range(len(turn.campaign.sizes) + 2):
        decision = _decision(turn)
        _carry_out(turn, decision)
        turn.session.flush()
        if decision.is_nothing or decision.starts or decision.end or decision.pause:
            return


def _decision(turn: Turn) -> Decision:
    campaign = turn.campaign
    if campaign.state is not CampaignState.RUNNING:
        return decide(campaign, counts_of(turn.session, turn.row, there=True), (), {}, turn.now)
    if why := turn.kind.why_stop(turn.session, turn.row, campaign.goal):
        return Decision(pause=why)
    counts = counts_of(turn.session, turn.row, there=True)
    if not counts.wave.running and not anybody_there(turn):
        counts = counts_of(turn.session, turn.row, there=False)
    free = min(campaign.pace.in_flight - counts.running, AT_ONCE)
    some = candidates(turn, campaign.pace) if free > 0 else []
    sites = sites_now(turn, {candidate.site for candidate in some} - {""})
    decision = decide(campaign, counts, some, sites, turn.now)
    return Decision(starts=decision.starts[:AT_ONCE]) if decision.starts else decision


def _carry_out(turn: Turn, decision: Decision) -> None:
    begun = _locked(turn, [station for station, _ in decision.starts]) if decision.starts else {}
    for station, wave in decision.starts:
        if station in begun:
            _begin(turn, begun[station][0], wave)
    if decision.wave is not None:
        _next_wave(turn, decision.wave)
    if decision.pause:
        pause(turn, decision.pause, "service")
    if decision.give_up:
        _give_up(turn)
    if decision.end:
        _end(turn)


def _locked(turn: Turn, stations: Sequence[str]) -> dict[str, tuple[CampaignTargetRow, StationRow]]:
    """These stations, locked in one order: two transactions with some of the same cannot wait for each other."""
    query = select(CampaignTargetRow, StationRow).where(
        CampaignTargetRow.campaign == turn.row.id,
        CampaignTargetRow.state == TargetState.PENDING,
        col(CampaignTargetRow.station).in_(stations),
        col(StationRow.id) == col(CampaignTargetRow.station),
    )
    rows = turn.session.exec(query.order_by(col(StationRow.id)).with_for_update())
    return {target.station: (target, station) for target, station in rows}


def _begin(turn: Turn, target: CampaignTargetRow, wave: int) -> None:
    target.wave, target.tries, target.updated_at = wave, target.tries + 1, turn.now
    turn.row.updated_at = turn.now
    try:
        with turn.session.begin_nested():
            target.work = _work(turn, target)
    except BridgeError as refused:
        outcome = Outcome(OutcomeKind.FAILED, refused.sentence)
        state, not_before = after(outcome, target.tries, turn.campaign.pace, turn.now)
        settle(turn, target, state, outcome, not_before)
        return
    target.state, target.reason, target.not_before = TargetState.RUNNING.value, "", None
    target.started_at, target.ended_at = turn.now, None
    turn.session.add(target)
    turn.begun.append(target.station)


def _work(turn: Turn, target: CampaignTargetRow) -> str:
    if turn.starter is None:
        raise AssertionError("a turn that only looks begins nothing")
    if target.work:
        return turn.starter.again(turn.session, Work(target.station, target.work), turn.by)
    return turn.starter.start(turn.session, target.station, turn.by)


def _next_wave(turn: Turn, wave: int) -> None:
    turn.row.wave, turn.row.wave_since, turn.row.forgiven, turn.row.updated_at = wave, turn.now, 0, turn.now
    turn.session.add(turn.row)
    sizes = turn.campaign.sizes
    size = sizes[wave - 1] if wave <= len(sizes) else None
    turn.note(FleetAct.CAMPAIGN_WAVE, "service", "", {"wave": wave, "size": size})


def pause(turn: Turn, why: str, by: str) -> None:
    """Nothing new is begun from now on."""
    turn.row.state, turn.row.reason, turn.row.paused_by = CampaignState.PAUSED.value, why, by
    turn.row.pauses += 1
    turn.row.updated_at = turn.now
    turn.session.add(turn.row)
    turn.note(FleetAct.CAMPAIGN_PAUSED, by, why, {"wave": turn.row.wave})


def _give_up(turn: Turn) -> None:
    """Those that were away till the end; one that was to be tried again stays as its last try has ended."""
    ours = col(CampaignTargetRow.campaign) == turn.row.id
    state = col(CampaignTargetRow.state)
    at_end = {"ended_at": turn.now, "updated_at": turn.now}
    tried = and_(state == TargetState.PENDING, col(CampaignTargetRow.outcome) != "")
    turn.session.execute(
        update(CampaignTargetRow).where(ours, tried).values(state=col(CampaignTargetRow.outcome), **at_end)
    )
    waiting = state.in_([TargetState.PENDING, TargetState.AWAY])
    why = select(case((col(StationRow.online), reason(turn.rules)), else_=literal(""))).where(
        col(StationRow.id) == col(CampaignTargetRow.station)
    )
    words = func.coalesce(func.nullif(why.scalar_subquery(), ""), _NOT_THERE)
    turn.session.execute(
        update(CampaignTargetRow)
        .where(ours, waiting)
        .values(state=TargetState.ABSENT.value, reason=words, **at_end)
        .execution_options(synchronize_session=False)
    )
    turn.session.expire_all()
    turn.row.updated_at = turn.now
    turn.session.add(turn.row)
    turn.note(FleetAct.CAMPAIGN_GAVE_UP, "service", "those that were not there in time", {})


def _end(turn: Turn) -> None:
    was_aborted = turn.row.state == CampaignState.ABORTING
    turn.row.state = (CampaignState.ABORTED if was_aborted else CampaignState.DONE).value
    turn.row.ended_at = turn.row.updated_at = turn.now
    turn.row.reason = turn.row.reason if was_aborted else ""
    turn.session.add(turn.row)
    keep_counts(turn.session, turn.row)
    counted = select(CampaignTargetRow.state, func.count()).where(CampaignTargetRow.campaign == turn.row.id)
    states = dict(turn.session.exec(counted.group_by(col(CampaignTargetRow.state))).all())
    turn.note(FleetAct.CAMPAIGN_ENDED, "service", turn.row.reason, {"state": turn.row.state, **states})


def _cancellable(turn: Turn, limit: int) -> list[CampaignTargetRow]:
    if turn.row.state != CampaignState.ABORTING or turn.row.abort_mode != AbortMode.CANCEL:
        return []
    query = select(CampaignTargetRow).where(
        CampaignTargetRow.campaign == turn.row.id, CampaignTargetRow.state == TargetState.RUNNING,
        CampaignTargetRow.outcome != ASKED_TO_END,
    )  # fmt: skip
    return list(turn.session.exec(query.order_by(*ORDER).limit(limit)))


def _cancel_some(turn: Turn) -> None:
    """Once each: what cannot be cancelled any more comes to its own end."""
    for target in _cancellable(turn, AT_ONCE):
        if turn.kind.cancel(turn.session, Work(target.station, target.work), turn.by, turn.row.reason):
            settle(turn, target, TargetState.CANCELLED, None, None)
            target.reason = turn.row.reason
        else:
            target.outcome = ASKED_TO_END
            turn.session.add(target)
