"""What a kind of campaign is: one small file that says whom it leaves out, how work begins, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlmodel import Session

from csms_bridge.campaigns.rows import CampaignRow
from csms_bridge.campaigns.selecting import Rule
from csms_bridge.campaigns.words import Goal, Outcome


@dataclass(frozen=True, slots=True)
class Work:
    """What does it for a station: `work` is what `Starter.start` has called it."""

    station: str
    work: str


class Starter(Protocol):
    """Begins work within the caller's transaction, which also writes down that it did: both are there, or neither."""

    def start(self, session: Session, station: str, by: str) -> str:
        """Begin; the name of the work. Raises BridgeError when the station cannot be begun."""

    def again(self, session: Session, before: Work, by: str) -> str:
        """Try once more what ended badly; the name of the work. Raises BridgeError."""

    def committed(self, stations: Sequence[str]) -> None:
        """After the transaction: have those told that wait."""


class CampaignKind(Protocol):
    """One kind. What it does is done by the same doors that people use."""

    def check(self, goal: Goal) -> None:
        """Whether the goal makes sense. Raises CampaignRefused."""

    def rules(self, goal: Goal, since: datetime) -> Sequence[Rule]:
        """Who is left out of a campaign that was made at `since`."""

    def starter(self, goal: Goal, campaign: str) -> Starter:
        """Made outside the transaction: what it reads from other doors is read before."""

    def outcomes(self, session: Session, goal: Goal, works: Sequence[Work], now: datetime) -> Mapping[str, Outcome]:
        """What came of them, by station; those without an outcome yet are left out."""

    def cancel(self, session: Session, work: Work, by: str, reason: str) -> bool:
        """End it within the caller's transaction; whether it has ended: what is on its way comes to its own end."""

    def why_stop(self, session: Session, campaign: CampaignRow, goal: Goal) -> str:
        """Why nobody more may be begun, beyond numbers; empty when nothing stands against it."""

    def most_urgent_first(self) -> bool:
        """Whether the station goes first whose certificate ends first."""
