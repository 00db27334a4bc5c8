"""Campaigns that install a root of ours on stations, or take one off them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import exists
from sqlmodel import Session, col, select

from csms_bridge.campaigns.kinds.kind import Starter, Work
from csms_bridge.campaigns.rows import CampaignRow
from csms_bridge.campaigns.selecting import Condition, Exclusion, Rule
from csms_bridge.campaigns.words import Goal, Kind, Outcome, OutcomeKind
from csms_bridge.errors import CampaignRefused, UnknownRoot
from csms_bridge.orders import Orders
from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.door import StationRoots
from csms_bridge.station_roots.entries import ActState, KnownAs, ListingState
from csms_bridge.station_roots.rows import RootActRow, RootListingRow, StationRootRow
from csms_bridge.tables import StationRow

_CSMS = CertificateKind.CSMS
_AT_ONCE = 500


class RootKind:
    """Roots by the door to what stations hold, whose rules stand: what would strand a station is refused there."""

    def __init__(self, roots: StationRoots, orders: Orders, *, removes: bool) -> None:
        self._roots = roots
        self._orders = orders
        self._removes = removes

    def check(self, goal: Goal) -> None:
        """The root is one that we know. Raises CampaignRefused, UnknownRoot, RootRefused."""
        if not goal.root:
            raise CampaignRefused("root", "name the root", "its names: voltward ca list")
        if not self._removes:
            self._roots.forms_of(goal.root)

    def rules(self, goal: Goal, since: datetime) -> Sequence[Rule]:
        """Installed is what a station lists; what is to go must be on its list."""
        if not self._removes:
            return [Rule(Exclusion.THERE, holds(goal.root), "it lists the root already")]
        return [
            Rule(Exclusion.UNLISTED, ~_has_listed()),
            Rule(Exclusion.THERE, ~holds(goal.root), "it does not list the root"),
        ]

    def starter(self, goal: Goal, campaign: str) -> Starter:
        """The acts of that door, with the campaign as the reason."""
        reason = f"campaign {campaign}"
        if self._removes:
            return _Starter(self._orders, lambda session, station, by: self._remove(session, station, goal, by, reason))
        forms = self._roots.forms_of(goal.root)

        def install(session: Session, station: str, by: str) -> int:
            return self._roots.install_in(session, station, _CSMS, forms, by, reason).id

        return _Starter(self._orders, install)

    def outcomes(self, session: Session, goal: Goal, works: Sequence[Work], now: datetime) -> Mapping[str, Outcome]:
        """What the station answered; when no answer came, what it lists."""
        acts = {int(work.work): work.station for work in works if work.work.isdecimal()}
        names, found = list(acts), {}
        for start in range(0, len(names), _AT_ONCE):
            query = select(RootActRow).where(
                col(RootActRow.id).in_(names[start : start + _AT_ONCE]), col(RootActRow.state).not_in(_UNDER_WAY)
            )
            for row in session.exec(query):
                if (outcome := self._outcome(session, goal, row)) is not None:
                    found[row.station] = outcome
        return found

    def cancel(self, session: Session, work: Work, by: str, reason: str) -> bool:
        """What was not sent yet is withdrawn; the act finds out in the next round of its door."""
        row = session.get(RootActRow, int(work.work)) if work.work.isdecimal() else None
        return row is not None and row.command is not None and self._orders.withdraw_in(session, row.command, reason)

    def why_stop(self, session: Session, campaign: CampaignRow, goal: Goal) -> str:
        """Only numbers stop it."""
        return ""

    def most_urgent_first(self) -> bool:
        """No station before another."""
        return False

    def _remove(self, session: Session, station: str, goal: Goal, by: str, reason: str) -> int:
        listed = session.exec(select(StationRootRow.id).where(StationRootRow.station == station, *_is(goal.root)))
        entry = listed.first()
        if entry is None:
            raise UnknownRoot(goal.root)
        return self._roots.delete_in(session, station, entry, by, reason).id

    def _outcome(self, session: Session, goal: Goal, row: RootActRow) -> Outcome | None:
        if row.state == ActState.DONE or (self._removes and row.state == ActState.NOT_FOUND):
            return Outcome(OutcomeKind.DONE, row.sentence)
        if row.state != ActState.UNKNOWN:
            return Outcome(OutcomeKind.FAILED, row.sentence)
        is_there = select(StationRow.id).where(StationRow.id == row.station, holds(goal.root))
        if (session.exec(is_there).first() is None) == self._removes:
            return Outcome(OutcomeKind.DONE, "no answer came; its list shows that it was done")
        return None


class _Starter:
    def __init__(self, orders: Orders, act: Callable[[Session, str, str], int]) -> None:
        self._orders = orders
        self._act = act

    def start(self, session: Session, station: str, by: str) -> str:
        return str(self._act(session, station, by))

    def again(self, session: Session, before: Work, by: str) -> str:
        return self.start(session, before.station, by)

    def committed(self, stations: Sequence[str]) -> None:
        self._orders.wake_those_here(stations)


_UNDER_WAY = (ActState.QUEUED, ActState.SENT)


def root_kinds(roots: StationRoots, orders: Orders) -> dict[Kind, RootKind]:
    """The two of them."""
    return {
        Kind.INSTALL_ROOT: RootKind(roots, orders, removes=False),
        Kind.REMOVE_ROOT: RootKind(roots, orders, removes=True),
    }


def holds(root: str) -> Condition:
    """Whether a station lists this root of ours."""
    return exists().where(col(StationRootRow.station) == col(StationRow.id), *_is(root))


def _is(root: str) -> tuple[Condition, ...]:
    name = root.rpartition(":")[2]
    return (
        col(StationRootRow.known_as).in_([KnownAs.AUTHORITY, KnownAs.CROSS, KnownAs.RECORDED, KnownAs.ANCHOR]),
        col(StationRootRow.known_name) == name,
        col(StationRootRow.gone_at).is_(None),
    )


def _has_listed() -> Condition:
    return exists().where(
        col(RootListingRow.station) == col(StationRow.id),
        col(RootListingRow.kind) == _CSMS,
        col(RootListingRow.state) == ListingState.LISTED,
    )
