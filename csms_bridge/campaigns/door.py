"""The door to campaigns: made, looked at, started, paused, and carried on round by round."""

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, or_, select

from csms_bridge.acts import FleetAct
from csms_bridge.campaigns.book import Progress, campaign_of, campaign_row, progress_of, target_of
from csms_bridge.campaigns.forecasts import LATELY, Estimate, time_left
from csms_bridge.campaigns.kinds.kind import CampaignKind, Work
from csms_bridge.campaigns.previews import Planned, Preview, estimate_of, plan, preview, rules_of
from csms_bridge.campaigns.roll import cancel_waiting, look_again, put_down, why_not
from csms_bridge.campaigns.rounds import Rounds, alarm_of
from csms_bridge.campaigns.rows import CampaignRow, CampaignTargetRow
from csms_bridge.campaigns.selecting import Model
from csms_bridge.campaigns.shut import shut_among
from csms_bridge.campaigns.sites import Sites
from csms_bridge.campaigns.spelling import goal_text, pace_text, selection_text
from csms_bridge.campaigns.turn import Turn
from csms_bridge.campaigns.turns import pause
from csms_bridge.campaigns.words import (
    ACTIVE,
    BAD,
    AbortMode,
    Campaign,
    CampaignState,
    Goal,
    Kind,
    Pace,
    Selection,
    Target,
    TargetState,
)
from csms_bridge.errors import CampaignNotNow, CampaignRefused, UnknownCampaign
from csms_bridge.tables import StationRow
from pki.alarms import AlarmKind, Alarms
from pki.audit import JSON, AuditRecord, AuditTrail
from pki.clock import Clock
from pki.store import Store, hold_lock

_FRESH = timedelta(minutes=1)

Blocking = Callable[[Goal, Sequence[Model]], Sequence[Model]]
"""Which of these models cannot reach the goal."""


def nothing_blocks(_goal: Goal, _models: Sequence[Model]) -> Sequence[Model]:
    """For want of anybody who knows models."""
    return ()


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """What is asked for. Raises CampaignRefused."""

    name: str
    goal: Goal
    selection: Selection
    pace: Pace

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > 100 or not self.name.isprintable():
            raise CampaignRefused("name", "a name of 1 to 100 printable characters is wanted")


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign with its numbers. `rate` is stations done in an hour of late; `left` how long the rest takes by it.

    Of one that has ended the rate is that of its whole length.
    """

    campaign: Campaign
    progress: Progress
    rate: float
    left: timedelta | None
    estimate: Estimate | None


class Campaigns:
    """What pages, routes and rounds call."""

    def __init__(
        self,
        store: Store,
        trail: AuditTrail,
        alarms: Alarms,
        kinds: Mapping[Kind, CampaignKind],
        clock: Clock,
        blocking: Blocking = nothing_blocks,
    ) -> None:
        self._store = store
        self._trail = trail
        self._alarms = alarms
        self._kinds = kinds
        self._clock = clock
        self._blocking = blocking
        self._models: dict[Goal, tuple[datetime, Sequence[Model]]] = {}
        self._rounds = Rounds(store, trail, alarms, self._turn, clock)
        self.sites = Sites(store, trail, clock)

    # --- looking

    def preview(self, new: NewCampaign) -> Preview:
        """What it would do; nothing is kept. Raises CampaignRefused, UnknownRoot, RootRefused."""
        kind = self._kind(new.goal)
        kind.check(new.goal)
        now = self._clock()
        with self._store.reading() as session:
            rules = rules_of(kind, new.goal, new.pace, "", now, now, self._bad_models(session, new.goal))
            return preview(session, new.selection, rules, new.pace, new.goal)

    def campaign(self, campaign: str) -> CampaignView:
        """One of them. Raises UnknownCampaign."""
        with self._store.reading() as session:
            return self._view(session, campaign_row(session, campaign))

    def page(self, *, state: str | None = None, after: str | None = None, limit: int = 100) -> list[CampaignView]:
        """The newest first; `after` is the last id of the page before."""
        query = select(CampaignRow).order_by(col(CampaignRow.created_at).desc(), col(CampaignRow.id).desc())
        if state is not None:
            query = query.where(CampaignRow.state == state)
        with self._store.reading() as session:
            last = session.get(CampaignRow, after) if after else None
            if last is not None:
                older = col(CampaignRow.created_at) < last.created_at
                same = (col(CampaignRow.created_at) == last.created_at) & (col(CampaignRow.id) < last.id)
                query = query.where(or_(older, same))
            return [self._view(session, row) for row in session.exec(query.limit(limit))]

    def changed_since(self, since: datetime, limit: int) -> list[CampaignView]:
        """Those that moved after `since`, the oldest change first."""
        query = select(CampaignRow).where(col(CampaignRow.updated_at) > since).order_by(col(CampaignRow.updated_at))
        with self._store.reading() as session:
            return [self._view(session, row) for row in session.exec(query.limit(limit))]

    def targets(
        self, campaign: str, *, state: TargetState | None = None, after: str | None = None, limit: int = 100
    ) -> list[Target]:
        """Its stations by identity, after the given one. One that waits tells why it cannot be begun now.

        Raises UnknownCampaign.
        """
        with self._store.reading() as session:
            row = campaign_row(session, campaign)
            goal = goal_of_row(row)
            why = why_not(row, self._kind(goal), self._bad_models(session, goal), self._clock())
            query = select(CampaignTargetRow, StationRow.online, why).where(
                CampaignTargetRow.campaign == campaign, CampaignTargetRow.station == StationRow.id
            )
            if state is not None:
                query = query.where(CampaignTargetRow.state == state)
            if after is not None:
                query = query.where(col(CampaignTargetRow.station) > after)
            found = session.exec(query.order_by(col(CampaignTargetRow.station)).limit(limit)).all()
        return [target_of(target, _waits(target, online, why)) for target, online, why in found]

    def plan(self, campaign: str, *, after: str | None = None, limit: int = 100) -> list[Planned]:
        """The dry run: who comes in which wave, and when at the earliest. Raises UnknownCampaign."""
        with self._store.reading() as session:
            row = campaign_row(session, campaign)
            return plan(session, campaign_of(row), after, limit, self._clock())

    def history(self, campaign: str, limit: int = 100) -> list[AuditRecord]:
        """What happened to it, newest first. Raises UnknownCampaign."""
        with self._store.reading() as session:
            campaign_row(session, campaign)
            return self._trail.records(session, kind="campaign", thing=campaign, limit=limit, newest_first=True)

    def shut_among(self, stations: Collection[str]) -> set[str]:
        """Those of these stations whose walk has to wait for a maintenance window (see campaigns.shut)."""
        with self._store.reading() as session:
            return shut_among(session, stations, self._clock())

    def figures(self) -> tuple[dict[str, int], dict[str, int]]:
        """How many campaigns there are by state, and the stations of the active ones by state."""
        by_state = select(CampaignRow.state, func.count()).group_by(col(CampaignRow.state))
        active = select(CampaignRow.id).where(col(CampaignRow.state).in_(ACTIVE))
        stations = select(CampaignTargetRow.state, func.count()).where(col(CampaignTargetRow.campaign).in_(active))
        with self._store.reading() as session:
            campaigns = dict.fromkeys(CampaignState, 0) | dict(session.exec(by_state).all())
            found = session.exec(stations.group_by(col(CampaignTargetRow.state))).all()
            return campaigns, dict.fromkeys(TargetState, 0) | dict(found)

    # --- changing

    def create(self, new: NewCampaign, by: str) -> CampaignView:
        """Write down a campaign and its stations; nothing is begun.

        Raises CampaignRefused, UnknownRoot, RootRefused.
        """
        kind = self._kind(new.goal)
        kind.check(new.goal)
        now = self._clock()
        row = _row(new, by, now)
        with self._store.writing() as session:
            session.add(row)
            session.flush()
            put_down(session, row, kind, self._bad_models(session, new.goal), now)
            if row.total == 0 and row.excluded == 0:
                raise CampaignRefused("selection", "no station is like that")
            details: Mapping[str, JSON] = {
                "kind": row.kind, "goal": row.goal, "selection": row.selection, "pace": row.pace,
                "stations": row.total, "excluded": row.excluded,
            }  # fmt: skip
            self._record(session, FleetAct.CAMPAIGN_CREATED, row, by, now, new.name, details)
        return self.campaign(row.id)

    def start(self, campaign: str, by: str) -> CampaignView:
        """Begin: the goal and whom it takes are looked at once more.

        Raises UnknownCampaign, CampaignNotNow, CampaignRefused, UnknownRoot, RootRefused.
        """
        goal = self.campaign(campaign).campaign.goal
        self._kind(goal).check(goal)
        now = self._clock()
        with self._store.writing() as session:
            hold_lock(session, "campaigns")  # two that begin at once must not both take a station
            row = _held(session, campaign)
            _check(row, (CampaignState.READY,), "started")
            look_again(session, row, self._kind(goal_of_row(row)), self._bad_models(session, goal_of_row(row)), now)
            if row.total == 0:
                raise CampaignNotNow(f"campaign {campaign}: none of its stations can be begun", "see why: voltward "
                                     f"campaign targets {campaign} --state excluded")  # fmt: skip
            row.state, row.started_at, row.until = CampaignState.RUNNING.value, now, now + campaign_of(row).pace.until
            row.wave, row.wave_since, row.updated_at = 1, now, now
            session.add(row)
            details: Mapping[str, JSON] = {
                "stations": row.total,
                "waves": row.sizes,
                "at_any_hour": campaign_of(row).pace.at_any_hour,
            }
            self._record(session, FleetAct.CAMPAIGN_STARTED, row, by, now, row.name, details)
        return self.campaign(campaign)

    def pause(self, campaign: str, reason: str, by: str) -> CampaignView:
        """Begin nothing more; what is under way goes on. Raises UnknownCampaign, CampaignNotNow."""
        now = self._clock()
        with self._store.writing() as session:
            row = _held(session, campaign)
            _check(row, (CampaignState.RUNNING,), "paused")
            turn = self._turn(session, row, now)
            pause(turn, reason, by)
            self._trail.record_all(session, turn.entries, now)
        return self.campaign(campaign)

    def resume(self, campaign: str, by: str, reason: str = "") -> CampaignView:
        """Go on. The errors so far, and a wave that ended badly, are let pass.

        Raises UnknownCampaign, CampaignNotNow.
        """
        now = self._clock()
        with self._store.writing() as session:
            row = _held(session, campaign)
            _check(row, (CampaignState.PAUSED,), "resumed")
            bad = select(func.count()).where(
                CampaignTargetRow.campaign == campaign, CampaignTargetRow.wave == row.wave,
                or_(
                    col(CampaignTargetRow.state).in_(BAD), col(CampaignTargetRow.state) == TargetState.PENDING
                ),
            )  # fmt: skip
            row.forgiven, row.let_pass = session.exec(bad).one(), row.wave
            row.state, row.reason, row.wave_since, row.updated_at = CampaignState.RUNNING.value, "", now, now
            session.add(row)
            self._record(session, FleetAct.CAMPAIGN_RESUMED, row, by, now, reason, {"forgiven": row.forgiven})
        self._alarms.settle(AlarmKind.CAMPAIGN_PAUSED, alarm_of(row), by)
        self._rounds.look_now(campaign)
        return self.campaign(campaign)

    def abort(self, campaign: str, mode: AbortMode, reason: str, by: str) -> CampaignView:
        """End it: nothing more is begun, and what is under way comes to its end or is cancelled.

        Raises UnknownCampaign, CampaignNotNow.
        """
        now = self._clock()
        with self._store.writing() as session:
            row = _held(session, campaign)
            _check(row, (CampaignState.READY, CampaignState.RUNNING, CampaignState.PAUSED), "aborted")
            row.state, row.abort_mode, row.reason = CampaignState.ABORTING.value, mode.value, reason
            row.updated_at = now
            session.add(row)
            self._cancel_the_rest(session, row, mode, now)
            self._record(session, FleetAct.CAMPAIGN_ABORTED, row, by, now, reason, {"mode": mode.value})
        self._alarms.settle(AlarmKind.CAMPAIGN_PAUSED, alarm_of(row), by)
        self._rounds.look_now(campaign)
        return self.campaign(campaign)

    def round(self) -> int:
        """To be called every second, by any number of processes; how many stations were begun."""
        return self._rounds.round()

    # --- inside

    def _kind(self, goal: Goal) -> CampaignKind:
        return self._kinds[goal.kind]

    def _turn(self, session: Session, row: CampaignRow, now: datetime) -> Turn:
        goal = campaign_of(row).goal
        kind = self._kind(goal)
        return Turn(session, row, kind, self._bad_models(session, goal), now)

    def _view(self, session: Session, row: CampaignRow) -> CampaignView:
        campaign, now = campaign_of(row), self._clock()
        progress = progress_of(session, row, now - LATELY)
        running_for = (row.ended_at or now) - row.started_at if row.started_at is not None else timedelta(0)
        span = max(running_for if row.counts else min(running_for, LATELY), timedelta(seconds=1))
        open_ones = sum(progress.states[state] for state in (TargetState.PENDING, TargetState.RUNNING))
        is_ready = campaign.state is CampaignState.READY
        return CampaignView(
            campaign=campaign,
            progress=progress,
            rate=progress.done_lately / (span / timedelta(hours=1)),
            left=time_left(open_ones, progress.done_lately, running_for) if campaign.state in ACTIVE else None,
            estimate=estimate_of(session, campaign.goal.kind, campaign.total, campaign.pace) if is_ready else None,
        )

    def _cancel_the_rest(self, session: Session, row: CampaignRow, mode: AbortMode, now: datetime) -> None:
        """Those that are not under way here and now; what is queued for one that is away would reach it much later."""
        if mode is AbortMode.CANCEL:
            kind = self._kind(goal_of_row(row))
            away = select(CampaignTargetRow).where(
                CampaignTargetRow.campaign == row.id, CampaignTargetRow.state == TargetState.AWAY
            )
            for target in session.exec(away):
                kind.cancel(session, Work(target.station, target.work), f"campaign:{row.id}", row.reason)
        cancel_waiting(session, row, now)

    def _bad_models(self, session: Session, goal: Goal) -> Sequence[Model]:
        """A fleet's models change seldom, and it takes a look at every station to list them."""
        now = self._clock()
        asked_at, known = self._models.get(goal, (None, ()))
        if self._blocking is nothing_blocks or (asked_at is not None and now - asked_at < _FRESH):
            return known
        models = select(StationRow.vendor, StationRow.model, StationRow.firmware).distinct()
        found = tuple(self._blocking(goal, list(session.exec(models).all())))
        self._models[goal] = (now, found)
        return found

    def _record(
        self, session: Session, act: FleetAct, row: CampaignRow, by: str, now: datetime, why: str,
        details: Mapping[str, JSON],
    ) -> None:  # fmt: skip
        self._trail.record(session, act, by=by, kind="campaign", thing=row.id, reason=why, now=now, details=details)


def goal_of_row(row: CampaignRow) -> Goal:
    """What is to be reached."""
    return campaign_of(row).goal


def _row(new: NewCampaign, by: str, now: datetime) -> CampaignRow:
    return CampaignRow(
        id=f"c{secrets.token_hex(6)}",
        name=new.name.strip(),
        kind=new.goal.kind.value,
        goal=goal_text(new.goal),
        selection=selection_text(new.selection),
        pace=pace_text(new.pace),
        state=CampaignState.READY.value,
        created_by=by,
        created_at=now,
        updated_at=now,
    )


def _held(session: Session, campaign: str) -> CampaignRow:
    """The row, which nobody else changes until the transaction ends."""
    row = session.exec(select(CampaignRow).where(CampaignRow.id == campaign).with_for_update()).first()
    if row is None:
        raise UnknownCampaign(campaign)
    return row


def _check(row: CampaignRow, allowed: Sequence[CampaignState], participle: str) -> None:
    if row.state not in allowed:
        raise CampaignNotNow(f"campaign {row.id} is {row.state}: it cannot be {participle}")


def _waits(target: CampaignTargetRow, online: bool, why: str) -> str | None:
    """Why one that was never begun is not, beyond its turn not having come."""
    if target.state != TargetState.PENDING or target.wave is not None:
        return None
    return why or ("" if online else "it is offline; it is taken in when it is back")
