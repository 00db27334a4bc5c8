"""Everything that the stations' sessions work with: one desk for all stations of a process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from csms_bridge.arrivals import Arrived, Incoming
from csms_bridge.charging_book import ChargingBook
from csms_bridge.enrolment import Enrolment
from csms_bridge.enrolment_counter import EnrolmentCounter
from csms_bridge.errands import ErrandRunner
from csms_bridge.event_intake import EventIntake
from csms_bridge.id_tokens import IdTokens
from csms_bridge.log_fetches import LogFetches
from csms_bridge.lots import Lots
from csms_bridge.orders import Orders
from csms_bridge.password_book import PasswordBook
from csms_bridge.password_errand import PasswordErrand
from csms_bridge.posture.desk import PostureDesk
from csms_bridge.questions import Questions
from csms_bridge.quiet import QuietMode
from csms_bridge.renewals import Renewals
from csms_bridge.rush import Rush
from csms_bridge.settings import BridgeSettings
from csms_bridge.sightings import Sightings
from csms_bridge.station_roots.door import StationRoots
from csms_bridge.walks import machine
from csms_bridge.walks.acts import Acts
from csms_bridge.walks.ledger import Change, Ledger
from csms_bridge.walks.rows import WalkUnderWay
from csms_bridge.walks.steps import Do, Pace, Progress, Seen, Tick, WeWereAway
from pki.clock import Clock


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything a session works with: the same for all stations of a process."""

    sightings: Sightings
    passwords: PasswordBook
    enrolment: Enrolment
    counter: EnrolmentCounter
    walking: Lots[str, bool]
    rush: Rush
    arriving: Lots[Incoming, Arrived]
    leaving: Lots[tuple[str, datetime], bool]
    ledger: Ledger
    orders: Orders
    acts: Acts
    events: EventIntake
    charging: ChargingBook
    tokens: IdTokens
    quiet: QuietMode
    questions: Questions
    password_errand: PasswordErrand
    errands: Mapping[str, ErrandRunner]
    roots: StationRoots
    posture: PostureDesk
    logs: LogFetches
    renewals: Renewals
    settings: BridgeSettings
    clock: Clock

    @property
    def pace(self) -> Pace:
        """The walks' patience, from the settings."""
        settings = self.settings
        return Pace(
            settings.walk_settle, settings.walk_grace, silence=settings.call_timeout * 3, asleep=settings.walk_asleep
        )

    def tell_walks_we_were_away(self) -> None:
        """At start: stations may have knocked in vain since the last process ended."""
        for station in self.ledger.running_stations():
            self.ledger.apply(station, self.advancing(WeWereAway()))

    def let_time_pass(self, station: str) -> None:
        """A tick for the walk of a station that is not connected: it may be late."""
        self.ledger.apply(station, self.advancing(Tick(ready=False)))

    def advancing(self, seen: Seen) -> Change:
        """What `seen` does to a walk, for the ledger."""

        def change(under_way: WalkUnderWay, now: datetime) -> tuple[Progress, Sequence[Do]]:
            return machine.advance(under_way.walk, under_way.at, seen, now, self.pace)

        return change
