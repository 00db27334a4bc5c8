"""Campaigns that change stations' Basic passwords."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlmodel import Session, col

from csms_bridge.campaigns.kinds.kind import Starter, Work
from csms_bridge.campaigns.rows import CampaignRow
from csms_bridge.campaigns.selecting import Exclusion, Rule
from csms_bridge.campaigns.words import Goal, Outcome, OutcomeKind
from csms_bridge.errors import CommandRefused
from csms_bridge.orders import Orders
from csms_bridge.password_rotations import PasswordRotations, RotationState
from csms_bridge.station import SecurityProfile
from csms_bridge.tables import StationRow
from pki.audit import AuditTrail, Entry
from pki.clock import Clock


class PasswordKind:
    """Has each station get a new password (A01). It is done when the station took it; the old one is refused then."""

    def __init__(self, rotations: PasswordRotations, orders: Orders, trail: AuditTrail, clock: Clock) -> None:
        self._rotations = rotations
        self._orders = orders
        self._trail = trail
        self._clock = clock

    def check(self, goal: Goal) -> None:
        """There is nothing that cannot be chosen."""

    def rules(self, goal: Goal, since: datetime) -> Sequence[Rule]:
        """On profile 0 there is no password."""
        on_0 = col(StationRow.profile) == SecurityProfile.NONE
        return [Rule(Exclusion.UNFIT, on_0, "it is on profile 0 and proves nothing: walk it up")]

    def starter(self, goal: Goal, campaign: str) -> Starter:
        """Rotations by their door."""
        return _PasswordStarter(self._rotations, self._orders, self._trail, self._clock, goal.restart)

    def outcomes(self, session: Session, goal: Goal, works: Sequence[Work], now: datetime) -> Mapping[str, Outcome]:
        """*Accepted* ends it: 1.6 and 2.x stations need not connect anew for a new password (A01.FR.10)."""
        found: dict[str, Outcome] = {}
        for rotation in self._rotations.progress_in(session, [work.station for work in works]):
            if rotation.state in _DONE:
                found[rotation.station] = Outcome(OutcomeKind.DONE)
            elif rotation.state in _BAD:
                found[rotation.station] = Outcome(OutcomeKind.FAILED, rotation.reason)
            elif rotation.state is RotationState.RESTART_NEEDED and not goal.restart:
                found[rotation.station] = Outcome(OutcomeKind.DONE, rotation.reason)
        return found

    def cancel(self, session: Session, work: Work, by: str, reason: str) -> bool:
        """What was not sent yet is withdrawn."""
        return self._orders.withdraw_in(session, int(work.work), reason)

    def why_stop(self, session: Session, campaign: CampaignRow, goal: Goal) -> str:
        """Only numbers stop it."""
        return ""

    def most_urgent_first(self) -> bool:
        """A password has no end."""
        return False


class _PasswordStarter:
    def __init__(
        self, rotations: PasswordRotations, orders: Orders, trail: AuditTrail, clock: Clock, restart: bool
    ) -> None:
        self._rotations = rotations
        self._orders = orders
        self._trail = trail
        self._clock = clock
        self._restart = restart

    def start(self, session: Session, station: str, by: str) -> str:
        entries: list[Entry] = []
        rotation = self._rotations.ask_in(session, station, by, self._restart, entries)
        if rotation.state is RotationState.UNABLE:
            raise CommandRefused(rotation.reason)
        self._trail.record_all(session, entries, self._clock())
        return str(rotation.command)

    def again(self, session: Session, before: Work, by: str) -> str:
        return self.start(session, before.station, by)

    def committed(self, stations: Sequence[str]) -> None:
        self._orders.wake_those_here(stations)


_DONE = (RotationState.ACCEPTED, RotationState.ROTATED)
_BAD = (RotationState.FAILED, RotationState.UNABLE, RotationState.UNANSWERED)
