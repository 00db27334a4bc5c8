"""Campaigns over one real SQLite database: stations that connect, walk and fail when they are told to."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlmodel import Session, select

from csms_bridge.campaigns.door import Campaigns, NewCampaign
from csms_bridge.campaigns.kinds.certificates import RenewalKind
from csms_bridge.campaigns.kinds.password import PasswordKind
from csms_bridge.campaigns.kinds.walk import WalkKind
from csms_bridge.campaigns.words import Goal, Kind, Pace, Selection, Size, Target, TargetState
from csms_bridge.password_rotations import PasswordRotations
from csms_bridge.renewals import Renewals
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.tables import StationRow, WalkRow
from csms_bridge.walks.steps import WalkState
from pki.alarms import Alarms
from pki.audit import AuditRecord
from pki.store import Store
from tests.csms_bridge.room import Room

ANNA = "user:anna"
FACTS = {"csms_root": "operator-root", "csms_root_serial": "1a"}
BASIC, MUTUAL = SecurityProfile.BASIC, SecurityProfile.MUTUAL_TLS
EVERYTHING = Selection(everything=True)
WALK_TO_3 = Goal(Kind.WALK, to=3)
QUICK = Pace(waves=(Size(2),), growth=2, errors=50, success=50, site_share=100)


class Killed(BaseException):
    """The process died here."""


class MortalStore:
    """The same database in a process that dies before or after its nth commit."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.commits = 0
        self.dies_before: int | None = None
        self.dies_after: int | None = None

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with self._store.writing() as session:
            yield session
            session.flush()
            self.commits += 1
            if self.commits == self.dies_before:
                raise Killed
        if self.commits == self.dies_after:
            raise Killed

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


class FleetRoom:
    """A room with campaigns over it; `process` makes them anew, as after a restart."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.clock = room.clock
        self.store = MortalStore(room.store)
        self.alarms = Alarms(room.store, room.trail, room.clock)
        self.campaigns = self.process()

    def process(self) -> Campaigns:
        """A process that has just begun."""
        room, store = self.room, self.store
        renewals = Renewals(store, room.trail, room.orders, room.clock)  # type: ignore[arg-type]
        rotations = PasswordRotations(store, room.trail, room.orders, room.clock)  # type: ignore[arg-type]
        renewal = RenewalKind(renewals, room.orders, room.trail, room.clock)
        kinds = {
            Kind.WALK: WalkKind(room.ledger, lambda _model: FACTS),
            Kind.RENEWAL: renewal,
            Kind.REKEY: renewal,
            Kind.PASSWORD: PasswordKind(rotations, room.orders, room.trail, room.clock),
        }
        return Campaigns(store, room.trail, self.alarms, kinds, room.clock)  # type: ignore[arg-type]

    def add(self, *names: str, profile: SecurityProfile = BASIC, online: bool = True, **more: object) -> None:
        """Register stations; they are connected unless they are not to be."""
        for name in names:
            self.room.add(name, profile=profile, version=OcppVersion.V16, **more)
            at = self.room.connect(name, profile, certificate="ab12" if profile is MUTUAL else None)
            if not online:
                self.room.sightings.disconnected(name, at)

    def is_a(self, station: str, model: str) -> None:
        """The station told that it is one of these."""
        with self.room.store.writing() as session:
            row = session.get(StationRow, station)
            assert row is not None
            row.vendor, row.model = "Acme", model
            session.add(row)

    def make(self, goal: Goal = WALK_TO_3, pace: Pace = QUICK, selection: Selection = EVERYTHING) -> str:
        """A campaign that is ready; its id."""
        return self.campaigns.create(NewCampaign("upgrade", goal, selection, pace), ANNA).campaign.id

    def begin(self, goal: Goal = WALK_TO_3, pace: Pace = QUICK, selection: Selection = EVERYTHING) -> str:
        """A campaign that runs; its id."""
        campaign = self.make(goal, pace, selection)
        self.campaigns.start(campaign, ANNA)
        return campaign

    def round(self, campaigns: Campaigns | None = None, **span: float) -> int:
        """Time goes by, a minute unless it is said, and then there is a round."""
        self.clock.advance(**(span or {"minutes": 1}))
        return (campaigns or self.campaigns).round()

    def walk_ends(self, station: str, state: WalkState = WalkState.DONE, reason: str = "") -> None:
        """The station's walk has come to this."""
        with self.room.store.writing() as session:
            walk = session.exec(select(WalkRow).where(WalkRow.station == station, WalkRow.outcome == "running")).one()
            walk.outcome, walk.reason, walk.updated_at = state.value, reason, self.clock()
            row = session.get(StationRow, station)
            assert row is not None
            row.hold = reason if state is WalkState.HELD else None
            if state is WalkState.DONE:
                row.profile = walk.goal
            session.add_all([walk, row])

    def walks(self) -> list[tuple[str, str]]:
        """Every walk there ever was: station and state."""
        with self.room.store.reading() as session:
            return sorted((walk.station, walk.outcome) for walk in session.exec(select(WalkRow)))

    def stands(self, campaign: str) -> dict[str, TargetState]:
        """Where each station stands."""
        return {target.station: target.state for target in self.targets(campaign)}

    def targets(self, campaign: str) -> list[Target]:
        """All of them."""
        return self.campaigns.targets(campaign, limit=1000)

    def in_state(self, campaign: str, state: TargetState) -> list[str]:
        """Who stands there."""
        return [target.station for target in self.campaigns.targets(campaign, state=state, limit=1000)]

    def acts(self, campaign: str) -> list[str]:
        """What the audit trail says of the campaign, oldest first."""
        return [record.act for record in self.history(campaign)]

    def history(self, campaign: str) -> list[AuditRecord]:
        """The records, oldest first."""
        return self.campaigns.history(campaign)[::-1]


def days(number: float) -> timedelta:
    return timedelta(days=number)
