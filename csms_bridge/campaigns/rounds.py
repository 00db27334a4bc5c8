"""The rounds in which campaigns are carried on, by any number of processes; a campaign is one process's at a time."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session, col, select

from csms_bridge.campaigns.book import campaign_row
from csms_bridge.campaigns.rows import CampaignRow
from csms_bridge.campaigns.turn import Turn
from csms_bridge.campaigns.turns import is_due, take
from csms_bridge.campaigns.words import ACTIVE, CampaignState
from pki.alarms import AlarmKind, Alarms
from pki.audit import AuditTrail
from pki.clock import Clock
from pki.store import Store

log = structlog.get_logger(__name__)

SERVICE = "service"
_TURNS = 5
"""Of one campaign in one round: each begins some of its stations."""
_IDLE = timedelta(seconds=2)
_LATE_LOOK = timedelta(seconds=15)

MakeTurn = Callable[[Session, CampaignRow, datetime], Turn]


class Rounds:
    """What it remembers of campaigns is when to look again, and costs nothing when it is lost."""

    def __init__(self, store: Store, trail: AuditTrail, alarms: Alarms, make_turn: MakeTurn, clock: Clock) -> None:
        self._store = store
        self._trail = trail
        self._alarms = alarms
        self._make_turn = make_turn
        self._clock = clock
        self._look_at: dict[str, datetime] = {}
        self._late_look: dict[str, datetime] = {}

    def look_now(self, campaign: str) -> None:
        """Somebody has changed it."""
        self._look_at.pop(campaign, None)

    def round(self) -> int:
        """To be called every second: what is due of every campaign; how many stations were begun.

        A fault in one campaign is logged, and the others go on.
        """
        begun = 0
        for campaign in self._due():
            try:
                begun += self._carry_on(campaign)
            except Exception:
                log.exception("campaign_round_failed", campaign=campaign)
        self._sound_alarms()
        return begun

    def _due(self) -> list[str]:
        now = self._clock()
        with self._store.reading() as session:
            active = session.exec(select(CampaignRow.id).where(col(CampaignRow.state).in_(ACTIVE))).all()
        for memory in (self._look_at, self._late_look):
            for campaign in memory.keys() - set(active):
                del memory[campaign]
        return [campaign for campaign in active if self._look_at.get(campaign, now) <= now]

    def _carry_on(self, campaign: str) -> int:
        total = 0
        for _ in range(_TURNS):
            begun = self._turn(campaign)
            if not begun:
                if begun is None and not total:
                    self._look_at[campaign] = self._clock() + _IDLE
                break
            total += begun
        return total

    def _turn(self, campaign: str) -> int | None:
        """How many stations it began; None when nothing was due."""
        now = self._clock()
        late_too = self._late_look.get(campaign, now) <= now
        with self._store.reading() as session:
            turn = self._make_turn(session, campaign_row(session, campaign), now)
            due = is_due(turn, late_too=late_too)
        begun = self._take(campaign, turn, late_too) if due else None
        if late_too:
            self._late_look[campaign] = now + _LATE_LOOK
        return begun

    def _take(self, campaign: str, looked: Turn, late_too: bool) -> int | None:
        """In one transaction, which looks at everything once more."""
        starter = looked.kind.starter(looked.campaign.goal, campaign)
        ours = select(CampaignRow).where(CampaignRow.id == campaign, col(CampaignRow.state).in_(ACTIVE))
        with self._store.writing() as session:
            row = session.exec(ours.with_for_update(skip_locked=True)).first()
            if row is None:  # another process has it, or it has just ended
                return None
            turn = Turn(session, row, looked.kind, looked.bad_models, looked.now, starter)
            take(turn, late_too=late_too)
            session.flush()
            self._trail.record_all(session, turn.entries, looked.now)
        if turn.begun:
            starter.committed(turn.begun)
        return len(turn.begun)

    def _sound_alarms(self) -> None:
        """Each pause that nobody ordered has its alarm as long as it lasts, whatever died in between."""
        paused = (CampaignRow.state == CampaignState.PAUSED, CampaignRow.paused_by == SERVICE)
        with self._store.reading() as session:
            rows = session.exec(select(CampaignRow).where(*paused)).all()
        for row in rows:
            self._alarms.sound_once(AlarmKind.CAMPAIGN_PAUSED, alarm_of(row), f"campaign {row.name!r}: {row.reason}")
        lasting = {alarm_of(row) for row in rows}
        for alarm in self._alarms.open_of(AlarmKind.CAMPAIGN_PAUSED):
            if alarm.thing not in lasting:
                self._alarms.settle(AlarmKind.CAMPAIGN_PAUSED, alarm.thing)


def alarm_of(row: CampaignRow) -> str:
    """Each pause is a thing of its own."""
    return f"{row.id} {row.pauses}"
