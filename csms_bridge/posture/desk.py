"""The parts of the posture put together for one process."""

from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom

from csms_bridge.dialects.wire import Dialect
from csms_bridge.posture.book import PostureBook
from csms_bridge.posture.clock_offset import ClockWatch, Stamp
from csms_bridge.posture.device_model import DeviceModel
from csms_bridge.posture.pacing import ReadingQueue
from csms_bridge.posture.postures import Postures
from csms_bridge.posture.reader import Ask, SettingsReader, Shelf
from csms_bridge.posture.rounds import ReadingRounds
from csms_bridge.settings import BridgeSettings
from pki.audit import AuditTrail
from pki.authority import Authority
from pki.clock import Clock
from pki.store import Store


@dataclass(frozen=True, slots=True)
class PostureDesk:
    """What sessions and the service work with."""

    postures: Postures
    rounds: ReadingRounds
    shelf: Shelf
    patience: float

    def reader(self, station: str, dialect: Dialect, ask: Ask) -> SettingsReader:
        """The reader of one connected station's settings."""
        return SettingsReader(station, dialect, ask, self.shelf, self.patience)

    def heard(self, station: str, stamp: Stamp | None, now: datetime) -> None:
        """A message came that may tell the station's time."""
        self.shelf.clocks.heard(station, stamp, now)


def open_desk(
    store: Store, trail: AuditTrail, authority: Authority, settings: BridgeSettings, clock: Clock,
    *, node: str, organisation: str,
) -> PostureDesk:  # fmt: skip
    """All of it over one database. The reading queue and the clocks live in this process alone."""
    book = PostureBook(store, trail, clock, node)
    model = DeviceModel(store, clock, settings.variables_per_station, settings.variable_octets_per_station)
    postures = Postures(
        store, book, model, authority, clock,
        organisation=organisation, tolerance=settings.clock_tolerance, age=settings.settings_age,
    )  # fmt: skip
    clocks = ClockWatch()
    rounds = ReadingRounds(
        postures, book, clocks, ReadingQueue(settings.settings_rate, SystemRandom()), clock,
        unasked=settings.settings_unasked, pause=settings.settings_pause,
    )  # fmt: skip
    return PostureDesk(postures, rounds, Shelf(book, model, clocks), settings.call_timeout.total_seconds() * 2)
