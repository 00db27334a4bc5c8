"""A campaign's turn: the campaign, what it is done with, and what is to be told when it is over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from csms_bridge.acts import FleetAct
from csms_bridge.campaigns.book import campaign_of
from csms_bridge.campaigns.kinds.kind import CampaignKind, Starter
from csms_bridge.campaigns.previews import rules_of
from csms_bridge.campaigns.rows import CampaignRow, CampaignTargetRow
from csms_bridge.campaigns.selecting import Exclusion, Model, Rule
from csms_bridge.campaigns.words import Campaign, Outcome, TargetState
from pki.audit import JSON, Entry

UNDER_WAY = (TargetState.RUNNING, TargetState.AWAY)
ASKED_TO_END = "cancelling"
"""In place of an outcome: it was cancelled, and is not at its end yet."""


@dataclass(slots=True)
class Turn:
    """A campaign's turn. One that writes has a `starter`; `entries` are for the audit trail, `begun` for it."""

    session: Session
    row: CampaignRow
    kind: CampaignKind
    bad_models: Sequence[Model]
    now: datetime
    starter: Starter | None = None
    entries: list[Entry] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)

    @property
    def campaign(self) -> Campaign:
        """As it stands in this transaction."""
        return campaign_of(self.row)

    @property
    def by(self) -> str:
        """Who stands in the audit records of what it does."""
        return f"campaign:{self.row.id}"

    @property
    def own_rules(self) -> Sequence[Rule]:
        """Whom its kind leaves out."""
        return self.kind.rules(self.campaign.goal, self.row.created_at)

    @property
    def rules(self) -> list[Rule]:
        """Whom it leaves out now. Another campaign cannot have them: that was settled when this one was started."""
        campaign = self.campaign
        since, now, models = self.row.created_at, self.now, self.bad_models
        rules = rules_of(self.kind, campaign.goal, campaign.pace, campaign.id, since, now, models)
        return [rule for rule in rules if rule.why is not Exclusion.OTHER_CAMPAIGN]

    def note(self, act: FleetAct, by: str, why: str, details: Mapping[str, JSON]) -> None:
        """For the audit trail."""
        self.entries.append(Entry(act, by, "campaign", self.row.id, why, details))


def settle(
    turn: Turn, target: CampaignTargetRow, state: TargetState, outcome: Outcome | None, not_before: datetime | None
) -> None:
    """Where a station stands from now on."""
    if target.state == TargetState.AWAY and state is TargetState.RUNNING:
        target.started_at = turn.now  # its time begins anew
    target.state, target.not_before, target.updated_at = state.value, not_before, turn.now
    if outcome is not None:
        target.outcome, target.reason = outcome.kind.value, outcome.reason
    if state not in (*UNDER_WAY, TargetState.PENDING):
        target.ended_at = turn.now
    turn.session.add(target)
    turn.row.updated_at = turn.now
