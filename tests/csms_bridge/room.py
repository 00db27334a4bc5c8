"""The OCPP side's parts on one real SQLite database, with a clock that goes only when told."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from csms_bridge.admission import Admitted
from csms_bridge.arrivals import Line
from csms_bridge.charging import Phase
from csms_bridge.charging_book import ChargingBook, Told
from csms_bridge.edge_chain import VerifiedChain
from csms_bridge.enrolment import Enrolment
from csms_bridge.events import ChargingTold
from csms_bridge.journal import Journal
from csms_bridge.orders import Orders
from csms_bridge.password_book import PasswordBook
from csms_bridge.recovery.door import Custom, Recoveries
from csms_bridge.recovery.finishing import Finishing
from csms_bridge.registry import Registry
from csms_bridge.renewal.allowance import Limits
from csms_bridge.sealed_payloads import PayloadSeal
from csms_bridge.settings import BridgeSettings
from csms_bridge.sightings import Sightings
from csms_bridge.standing import Lane
from csms_bridge.station import AddedStation, NewStation, OcppVersion, SecurityProfile
from csms_bridge.station_roots.door import StationRoots
from csms_bridge.tables import StationRow
from csms_bridge.walks.acts import Acts, Address
from csms_bridge.walks.ledger import Ledger
from pki.audit import AuditRecord, AuditTrail
from pki.authority import Authority, Certificate, Order
from pki.csr import read_request
from pki.keystore import KeyStore
from pki.secret_text import Secret
from pki.settings import PkiSettings
from pki.store import Store
from tests.pki.requests import der_request

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PASSPHRASE = Secret.of("correct horse")
PASSWORD_KEY = bytes(range(32))
PLAIN_LINE = Line("192.0.2.7")
TLS_LINE = Line("192.0.2.7", "TLSv1.3", "TLS_AES_128_GCM_SHA256")
SUBPROTOCOL = {OcppVersion.V16: "ocpp1.6", OcppVersion.V201: "ocpp2.0.1", OcppVersion.V21: "ocpp2.1"}


@dataclass
class SetClock:
    """A clock that goes only when told."""

    now: datetime = field(default=NOON)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


class Room:
    """Every part of the OCPP side that keeps something in the database."""

    def __init__(self, store: Store, clock: SetClock) -> None:
        self.store = store
        self.clock = clock
        self.trail = AuditTrail(b"a key for the audit trail of tests", "test")
        self.passwords = PasswordBook(store, self.trail, PASSWORD_KEY, clock)
        self.sightings = Sightings(store, self.trail, self.passwords, clock, "this-node")
        self.registry = Registry(store, self.trail, self.passwords, clock)
        self.ledger = Ledger(store, self.trail, clock)
        self.orders = Orders(store, self.trail, clock, PayloadSeal(PASSWORD_KEY))
        self.journal = Journal(store, clock)
        self.charging = ChargingBook(store, self.trail, clock)

    def add(
        self,
        station: str = "CS-1",
        serial: str = "",
        profile: SecurityProfile = SecurityProfile.BASIC,
        version: OcppVersion | None = OcppVersion.V16,
        **more: object,
    ) -> AddedStation:
        """Register a station; its serial number is `SN-` and the end of its identity unless one is given."""
        new = NewStation(station, serial or f"SN-{station[3:]}", version, profile, **more)
        return self.registry.add([new], "user:anna")[0]

    def connect(
        self,
        station: str = "CS-1",
        profile: SecurityProfile = SecurityProfile.BASIC,
        *,
        certificate: str | None = None,
        password: str | None = None,
        version: OcppVersion = OcppVersion.V16,
        line: Line | None = None,
    ) -> datetime:
        """Note a connection that was admitted."""
        line = line or (TLS_LINE if profile >= SecurityProfile.TLS_BASIC else PLAIN_LINE)
        admitted = Admitted(profile, SUBPROTOCOL[version], certificate)
        return self.sightings.connected(station, admitted, version, password, line)

    def open_lane(self, lane: Lane, station: str = "CS-1") -> None:
        """Let somebody in through this lane for a day."""
        now = self.clock.now
        with self.store.writing() as session:
            row = session.get_one(StationRow, station)
            row.recovery_lane, row.recovery_since, row.recovery_until = lane.value, now, now + timedelta(days=1)
            session.add(row)

    def began(self, station: str, transaction: str) -> None:
        """A transaction of 2.x began."""
        self._charging(station, transaction, Phase.BEGAN)

    def ended(self, station: str, transaction: str) -> None:
        """It ended."""
        self._charging(station, transaction, Phase.ENDED)

    def _charging(self, station: str, transaction: str, phase: Phase) -> None:
        payload: dict[str, object] = {"eventType": phase.value, "transactionInfo": {"transactionId": transaction}}
        event = ChargingTold(phase, transaction)
        self.charging.take(Told(station, OcppVersion.V201, "TransactionEvent", payload, event))

    def records(self, thing: str = "CS-1") -> list[AuditRecord]:
        """Everything on the audit trail about a station, oldest first."""
        with self.store.reading() as session:
            return self.trail.records(session, kind="station", thing=thing, limit=10_000)

    def acts(self, thing: str = "CS-1") -> list[str]:
        """The acts on the audit trail about a station, oldest first."""
        return [record.act for record in self.records(thing)]


class SigningRoom(Room):
    """A room with a real authority beneath it."""

    def __init__(self, folder: Path, clock: SetClock, store: Store | None = None) -> None:
        super().__init__(store or Store(f"sqlite:///{folder}/voltward.db"), clock)
        self.folder = folder
        self.keys = KeyStore.open(folder / "keys", PASSPHRASE)
        settings = PkiSettings(organisation="Acme Charging", hostnames=("csms.example",))
        self.authority = Authority(self.store, self.keys, self.trail, settings, clock)
        self.enrolment = Enrolment(self.store, self.trail, self.authority, clock)
        self.settings = BridgeSettings()
        self.roots = StationRoots(
            self.store, self.trail, self.authority, self.orders, self.settings, clock, "this-node"
        )
        address = Address("Acme Charging", "NL", "wss://csms.example:8887/ocpp")
        finishing = Finishing(
            self.store, self.trail, self.authority, self.ledger, self.sightings.closing, lambda _: {}, clock
        )
        self._finishing = finishing
        self.recoveries = self.recoveries_approved_by(0)
        self.walk_acts = Acts(self.authority, self.enrolment, self.passwords, address)

    def recoveries_approved_by(self, people: int, *makers: str) -> Recoveries:
        """Ways back that so many other people must approve; these makers have anchors."""
        custom = Custom(people, timedelta(minutes=10), lambda: makers, Limits(20, timedelta(hours=6)))
        return Recoveries(
            self.store, self.trail, self.authority, self.passwords, self.ledger, self.sightings.closing,
            self._finishing, custom, self.clock,
        )  # fmt: skip

    def certified(self, station: str = "CS-1", serial: str = "") -> tuple[Certificate, VerifiedChain]:
        """A certificate of ours for a station, a new key each time, and as TLS shows it."""
        name = serial or f"SN-{station[3:]}"
        csr = der_request(ec.generate_private_key(ec.SECP256R1()), name)
        made = self.authority.issue(Order(read_request(csr), "station", name, station=station), "test")
        return made, VerifiedChain(made.der, b"")


def pem_blocks(text: str) -> list[str]:
    """The certificates of a chain, one PEM block each."""
    return re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", text, re.DOTALL)
