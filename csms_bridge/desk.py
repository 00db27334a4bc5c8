"""Everything that the stations' sessions work with: one desk for all stations of a process."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from csms_bridge.arrivals import Arrived, Incoming
from csms_bridge.charging_book import ChargingBook
from csms_bridge.enrolment import Enrolment
from csms_bridge.enrolment_counter import EnrolmentCounter
from csms_bridge.errands import ErrandRunner
from csms_bridge.event_intake import EventIntake
from csms_bridge.firmware.updates import FirmwareUpdates
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
from csms_bridge.walk_moves import WalkMoves
from csms_bridge.walks.acts import Acts
from csms_bridge.walks.ledger import Ledger
from csms_bridge.walks.replanning import Replanning
from pki.clock import Clock


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything a session works with: the same for all stations of a process."""

    sightings: Sightings
    passwords: PasswordBook
    enrolment: Enrolment
    counter: EnrolmentCounter
    moves: WalkMoves
    rush: Rush
    arriving: Lots[Incoming, Arrived]
    leaving: Lots[tuple[str, datetime], bool]
    ledger: Ledger
    replanning: Replanning
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
    firmware: FirmwareUpdates
    renewals: Renewals
    settings: BridgeSettings
    clock: Clock
