"""The door to the OCPP side: pages, REST routes, the command line and the OCPP endpoint all come through here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from csms_bridge.campaigns.door import Campaigns, CampaignView
from csms_bridge.campaigns.kinds import every_kind
from csms_bridge.campaigns.kinds.firmware import Doors as FirmwareDoors
from csms_bridge.campaigns.kinds.firmware import FirmwareKind
from csms_bridge.campaigns.retention import CampaignRetention
from csms_bridge.campaigns.selecting import Model
from csms_bridge.campaigns.words import Goal, Kind
from csms_bridge.certificate_watch import CHAIN_LIMITS, CertificateWatch, Told
from csms_bridge.charging_book import ChargingBook
from csms_bridge.charging_retention import ChargingRetention
from csms_bridge.charging_room import ChargingRoom
from csms_bridge.desk import Desk
from csms_bridge.dialects import DIALECTS
from csms_bridge.dialects.wire import WireFault
from csms_bridge.enrolment import Enrolment
from csms_bridge.enrolment_counter import EnrolmentCounter
from csms_bridge.errands import Errand
from csms_bridge.errors import CommandRefused, StationRefused
from csms_bridge.event_intake import EventIntake
from csms_bridge.firmware.desk import open_firmware
from csms_bridge.id_tokens import IdTokens
from csms_bridge.journal import Journal
from csms_bridge.log_errand import LogErrand
from csms_bridge.log_fetches import LogFetches
from csms_bridge.log_store import LogStore
from csms_bridge.lots import Lots
from csms_bridge.migration.door import Migrations
from csms_bridge.migration.mixed_fleet import MixedFleets
from csms_bridge.migration.preparing import Preparing
from csms_bridge.orders import Orders
from csms_bridge.outside_enrolment import Asked, OutsideEnrolment
from csms_bridge.password_book import PasswordBook
from csms_bridge.password_errand import PasswordErrand
from csms_bridge.password_rotations import PasswordRotations
from csms_bridge.posture.desk import open_desk
from csms_bridge.posture.device_model import DeviceModel
from csms_bridge.pruning import Pruning
from csms_bridge.questions import Questions
from csms_bridge.quiet import QuietMode
from csms_bridge.quirks.door import StationQuirks
from csms_bridge.quirks.learned import LearnedQuirks
from csms_bridge.readiness.door import Readiness
from csms_bridge.recovery.door import Custom, Recoveries
from csms_bridge.recovery.finishing import Finishing
from csms_bridge.registry import Place, Registry, StationFilter
from csms_bridge.renewal.allowance import Limits
from csms_bridge.renewal.allowances import Allowances
from csms_bridge.renewal.door import RenewalDesk
from csms_bridge.renewal.habit import SIGNING
from csms_bridge.renewal.pace import Pace as RenewalPace
from csms_bridge.renewals import Renewal, Renewals
from csms_bridge.rush import Rush
from csms_bridge.safety import objection
from csms_bridge.sealed_payloads import PayloadSeal
from csms_bridge.security_events import SecurityEvents
from csms_bridge.settings import BridgeSettings
from csms_bridge.sightings import Sightings
from csms_bridge.standing import Standing, may_ask
from csms_bridge.station import (
    AddedStation,
    CommandOrder,
    JournalEntry,
    NewStation,
    Overview,
    Posture,
    SecurityProfile,
    Station,
    TimelineEntry,
    check_password,
)
from csms_bridge.station_roots.door import StationRoots
from csms_bridge.status.desk import status_desk
from csms_bridge.strangers import Bounds, Strangers
from csms_bridge.tally import Tally
from csms_bridge.timeline import timeline_of
from csms_bridge.trust.door import Trust
from csms_bridge.two_places import TwoPlaces
from csms_bridge.variables import Variable
from csms_bridge.walk_moves import WalkMoves, pace_of
from csms_bridge.walks.acts import Acts, Address
from csms_bridge.walks.ledger import Ledger
from csms_bridge.walks.replanning import Replanning
from csms_bridge.walks.rows import WalkView
from pki.anchor_use import AnchorUse
from pki.audit import AuditTrail
from pki.authority import Authority, Certificate
from pki.clock import Clock, utc_now
from pki.enrolment_codes import EnrolmentCode, EnrolmentCodes, NewCode
from pki.secret_text import Secret
from pki.store import Store


@dataclass(frozen=True, slots=True)
class Changes:
    """What moved since a moment; `until` is the moment to ask from next time."""

    stations: tuple[Station, ...]
    walks: tuple[WalkView, ...]
    until: datetime
    campaigns: tuple[CampaignView, ...] = ()


class Fleet:
    """Stations, walks and commands. `password_key`: 32 bytes for the keyed hash of generated passwords.

    `order_key`: 32 bytes that seal commands with secrets in them.

    Stations upload their logs to `public_url` unless a setting says otherwise; `log_folder` is where these are kept.
    """

    def __init__(
        self,
        store: Store,
        trail: AuditTrail,
        authority: Authority,
        settings: BridgeSettings,
        *,
        password_key: bytes,
        order_key: bytes,
        organisation: str,
        hostname: str,
        public_url: str,
        log_folder: Path,
        firmware_folder: Path | None = None,
        node: str = "main",
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._trail = trail
        self._settings = settings
        self._hostname = hostname
        self._clock = clock
        passwords = PasswordBook(store, trail, password_key, clock, settings.password_queue)
        self.quirks = StationQuirks(store, trail, clock)
        self.lessons = LearnedQuirks(store, trail, clock, self.quirks)
        quirks_of = self.quirks.of_stations
        sightings = Sightings(store, trail, passwords, clock, node, settings.heartbeat * 2, quirks_of)
        model = DeviceModel(store, clock, settings.variables_per_station, settings.variable_octets_per_station)
        watch = CertificateWatch(authority.alarms, lambda stations: _told(model, stations, CHAIN_LIMITS))
        limits = Limits(settings.certificate_requests_per_hour, settings.certificate_requests_quiet)
        self.allowances = Allowances(store, trail, authority.alarms, clock, limits)
        enrolment = Enrolment(
            store, trail, authority, clock, watch=watch, allowances=self.allowances, quirks_of=quirks_of
        )
        address = Address(organisation, settings.country, self._public_url(settings.ocpp_port, settings.ocpp_tls_port))
        acts = Acts(authority, enrolment, passwords, address)
        self._registry = Registry(store, trail, passwords, clock)
        self._codes = EnrolmentCodes(store, trail)
        self._outside = OutsideEnrolment(
            store, trail, authority, sightings, self._codes, clock, settings.failures_per_minute, quirks_of
        )
        self._ledger = Ledger(store, trail, clock, self.lessons.from_walk)
        self._orders = Orders(store, trail, clock, PayloadSeal(order_key))
        self.roots = StationRoots(store, trail, authority, self._orders, settings, clock, node, self.quirks.in_session)
        self._pruning = Pruning(store, settings, clock)
        self._campaign_retention = CampaignRetention(store, settings.keep_campaigns, clock)
        self._renewals = Renewals(store, trail, self._orders, clock, self.quirks.in_session, self.allowances)
        self.trust = Trust(
            store, trail, authority, self.roots, self._renewals, clock, node, settings.handshake_timeout, self.quirks.of
        )  # fmt: skip
        self.renewing = RenewalDesk(
            store, trail, authority.alarms, self._orders, self._renewals, self.allowances,
            RenewalPace(settings.renewals_per_minute, settings.renewals_in_flight), clock,
            told_of=lambda stations: _told(model, stations, SIGNING), on=settings.renew_unasked,
        )  # fmt: skip
        self._authority = authority
        self.lanes = sightings.lanes
        finishing = Finishing(
            store, trail, authority, self._ledger, sightings.closing,
            lambda station: acts.first_facts(self.quirks.of_station(station)), clock,
        )  # fmt: skip
        custom = Custom(settings.recovery_approvals, settings.heartbeat * 2, self.makers, limits)
        self.two_places = TwoPlaces(authority.alarms, clock)
        self.recoveries = Recoveries(
            store, trail, authority, passwords, self._ledger, sightings.closing, finishing, custom, clock
        )
        self.strangers = Strangers(
            store, trail, clock, Bounds(settings.unknown_limit, settings.unknown_per_address, settings.keep_unknown)
        )
        self.quiet = QuietMode(store, trail, clock)
        self.tally = Tally()
        room = ChargingRoom(store, authority.alarms, clock, settings.charging_octets_per_station, self.tally)
        self.charging = ChargingBook(store, trail, clock, room)
        self._charging_retention = ChargingRetention(store, authority.alarms, settings, clock)
        self.id_tokens = IdTokens(store, trail, settings.authorize, clock)
        questions = Questions(status_desk(authority, settings, clock), self.id_tokens)
        self.journal = Journal(store, clock)
        self.rush = Rush()
        self.events = SecurityEvents(store, trail, authority.alarms, clock)
        intake = EventIntake(self.events)
        self.rotations = PasswordRotations(store, trail, self._orders, clock)
        preparing = Preparing(trail, self._orders, self.quirks, lambda: acts.url)
        self.migrations = Migrations(
            store, trail, authority.alarms, self.rotations, preparing, self._orders, clock
        )  # fmt: skip
        self.mixed = MixedFleets(store, clock)
        rotate = PasswordErrand(self.rotations, passwords, self._orders, self.quiet, quirks_of)
        firmware = open_firmware(
            store, trail, authority, self._orders, self.roots, self.quirks, PayloadSeal(order_key), settings, clock,
            public_url=public_url, folder=firmware_folder or log_folder.parent / "firmware", node=node,
        )  # fmt: skip
        self.firmware, self.images, self.links = firmware.updates, firmware.images, firmware.links
        self.emergencies, self.versions = firmware.emergencies, firmware.versions
        self.firmware_kind = FirmwareKind(
            FirmwareDoors(
                firmware.updates,
                firmware.asking,
                firmware.releases,
                firmware.images,
                self.migrations,
                self._orders,
                self.quirks.in_session,
                clock,
                settings.firmware_return_within,
            )
        )
        kinds = every_kind(
            self._ledger,
            lambda model: acts.first_facts(self.quirks.of(*model)),
            self._renewals,
            self.rotations,
            self.roots,
            self._orders,
            trail,
            clock,
            self.firmware_kind,
        )
        self.campaigns = Campaigns(store, trail, authority.alarms, kinds, clock, self._that_cannot)
        posture = open_desk(store, trail, authority, settings, clock, node=node, organisation=organisation)
        self.postures = posture.postures
        self.readiness = Readiness(
            store, authority, posture, self.roots, self.quirks, settings, clock, organisation=organisation
        )
        self.logs = LogFetches(
            store, trail, self._orders, LogStore(log_folder, settings.log_upload_limit), clock,
            address=settings.log_upload_url or public_url, node=node, good_for=settings.log_upload_within,
            kept=settings.keep_logs,
        )  # fmt: skip
        self.desk = Desk(
            sightings=sightings,
            passwords=passwords,
            enrolment=enrolment,
            counter=EnrolmentCounter(enrolment),
            moves=WalkMoves(self._ledger, self.charging, self.campaigns.shut_among, pace_of(settings), clock),
            rush=self.rush,
            arriving=Lots(sightings.arrivals.note_each),
            leaving=Lots(sightings.disconnected_each),
            ledger=self._ledger,
            replanning=Replanning(self._ledger, lambda station: acts.first_facts(self.quirks.of_station(station))),
            orders=self._orders,
            acts=acts,
            events=intake,
            charging=self.charging,
            tokens=self.id_tokens,
            quiet=self.quiet,
            questions=questions,
            roots=self.roots,
            password_errand=rotate,
            errands={
                Errand.ROTATE_PASSWORD: rotate,
                Errand.FETCH_LOG: LogErrand(self.logs, self._orders),
                **firmware.errands,
            },
            firmware=self.firmware,
            logs=self.logs,
            renewals=self._renewals,
            posture=posture,
            settings=settings,
            clock=clock,
        )

    # --- stations

    def add_station(self, new: NewStation, by: str) -> AddedStation:
        """Register a station. Raises StationExists, StationRefused."""
        self._check_maker(new.bootstrap)
        return self._registry.add([new], by)[0]

    def import_stations(self, stations: Sequence[NewStation], by: str) -> list[AddedStation]:
        """Register all of them or none. Raises StationExists, StationRefused."""
        for vendor in {new.bootstrap for new in stations}:
            self._check_maker(vendor)
        return self._registry.add(stations, by)

    def stations(
        self,
        *,
        search: str = "",
        profile: int | None = None,
        held: bool | None = None,
        online: bool | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> list[Station]:
        """Stations by id, from `after` on."""
        return self._registry.search(StationFilter(search, profile, held, online), after, limit)

    def station(self, station: str) -> Station:
        """One station. Raises UnknownStation."""
        return self._registry.station(station)

    def remove_station(self, station: str, by: str, reason: str) -> None:
        """Forget a station; its audit records stay. Raises UnknownStation, StationRefused while it is online."""
        if self._registry.station(station).online:
            raise StationRefused("id", f"station {station!r} is connected; revoke its certificate or wait")
        self.roots.forget(station)
        self.recoveries.forget(station)
        self._registry.remove(station, by, reason)

    def set_password(self, station: str, password: Secret | None, by: str, reason: str) -> AddedStation:
        """Set the Basic password that a station has, or make one; every other is refused from then on.

        The station is told nothing: this is for one that cannot come back with what we know. Raises UnknownStation,
        StationRefused, RecoveryNotNow.
        """
        check_password(password)
        found = self._registry.station(station)
        self.recoveries.check_by_oneself(found)
        return AddedStation(found, self.desk.passwords.replace(station, password, by, reason))

    def place_stations(self, places: Sequence[Place], by: str, reason: str) -> list[Station]:
        """Say where stations stand and which tags they have; all of them or none. Raises UnknownStation."""
        return self._registry.place(places, by, reason)

    def permit_profile(self, station: str, profile: int, by: str, reason: str) -> Station:
        """Allow profile 2 again for a station that reached 3. Raises UnknownStation, StationRefused, RecoveryNotNow."""
        found, lower = self._registry.station(station), _profile(profile)
        if found.floor is SecurityProfile.MUTUAL_TLS and lower is SecurityProfile.TLS_BASIC:
            self.recoveries.check_by_oneself(found)
        return self._registry.permit(station, lower, by, reason)

    def make_quiet(self, station: str, quiet: bool, by: str, reason: str) -> Station:
        """Send a station nothing unasked from now on, or talk to it again. Raises UnknownStation."""
        self.quiet.turn(station, quiet, by, reason)
        return self._registry.station(station)

    def allow_bootstrap(self, station: str, vendor: str, by: str, reason: str) -> Station:
        """Let a station begin with a certificate of this maker alone; empty ends it (A00.FR.404/.406/.801-807).

        Raises UnknownStation, StationRefused when no anchor is of this maker, RecoveryNotNow.
        """
        self._check_maker(vendor)
        if vendor:
            self.recoveries.check_by_oneself(self._registry.station(station))
        self.lanes.allow_bootstrap(station, vendor, by, reason)
        return self._registry.station(station)

    def adopt(self, new: NewStation, by: str, *, keep_password: bool = False) -> AddedStation:
        """Register an unknown station. Raises UnknownStranger, StationExists, StationRefused."""
        self._check_maker(new.bootstrap)
        return self._registry.adopt(new, by, keep_password=keep_password)

    def makers(self) -> list[str]:
        """The makers of whom a root is an anchor for first contacts."""
        return sorted({anchor.vendor for anchor in self._authority.anchors.all(AnchorUse.FIRST_CONTACT)})

    def _check_maker(self, vendor: str) -> None:
        if vendor and vendor.casefold() not in {maker.casefold() for maker in self.makers()}:
            raise StationRefused(
                "bootstrap", f"there is no anchor of {vendor!r}: add its root with voltward anchor add"
            )

    def posture(self, station: str) -> Posture:
        """What was observed of a station. Raises UnknownStation."""
        return self._registry.posture(station)

    def messages(self, station: str, *, before: int | None = None, limit: int = 100) -> list[JournalEntry]:
        """A station's OCPP messages without their secrets, newest first. Raises UnknownStation."""
        self._registry.station(station)
        return self.journal.read(station, before, limit)

    def timeline(self, station: str, limit: int = 200) -> list[TimelineEntry]:
        """A station's story, newest first. Raises UnknownStation."""
        posture = self._registry.posture(station)
        with self._store.reading() as session:
            records = self._trail.records(session, kind="station", thing=station, limit=limit, newest_first=True)
        return timeline_of(records, posture.admissions)[:limit]

    def overview(self) -> Overview:
        """The fleet in numbers."""
        return self._registry.overview()

    # --- walks

    def start_walk(self, station: str, to: int, by: str, permit_lower: str = "") -> WalkView:
        """Begin to walk a station to profile `to`; down from 3 to 2 only with `permit_lower`, a reason.

        Raises UnknownStation, WalkRefused.
        """
        facts = self.desk.acts.first_facts(self.quirks.of_station(station))
        return self._ledger.start(station, to, facts, by, permit_lower)

    def walk(self, walk: str) -> WalkView:
        """One walk. Raises UnknownWalk."""
        return self._ledger.walk(walk)

    def walks(
        self, *, station: str | None = None, state: str | None = None, after: str | None = None, limit: int = 100
    ) -> list[WalkView]:
        """Walks, newest first."""
        return self._ledger.search(station=station, state=state, after=after, limit=limit)

    def current_walk(self, station: str) -> WalkView | None:
        """The station's walk under way, else its last one."""
        return self._ledger.current(station)

    def hold_walk(self, walk: str, reason: str, by: str) -> WalkView:
        """Put a running walk on hold. Raises UnknownWalk, WalkRefused."""
        return self._ledger.hold(walk, reason, by)

    def resume_walk(self, walk: str, by: str) -> WalkView:
        """Let a held walk go on. Raises UnknownWalk, WalkRefused."""
        return self._ledger.resume(walk, by)

    def retry_step(self, walk: str, by: str) -> WalkView:
        """Let a held walk go on with the step at hand alone. Raises UnknownWalk, WalkRefused."""
        return self._ledger.retry(walk, by)

    def skip_step(self, walk: str, step: str, reason: str, by: str) -> WalkView:
        """Leave out the next step of this name, or the one at hand. Raises UnknownWalk, WalkRefused."""
        return self._ledger.skip(walk, step, reason, by)

    def cancel_walk(self, walk: str, reason: str, by: str, *, as_it_is: bool = False) -> WalkView:
        """Give a walk up; what was begun is undone first, unless `as_it_is`. Raises UnknownWalk, WalkRefused."""
        return self._ledger.cancel(walk, reason, by, as_it_is=as_it_is)

    # --- certificates outside OCPP

    def make_enrolment_codes(self, stations: Sequence[str], life: timedelta, by: str) -> list[NewCode]:
        """A fresh one-time code for each; older open ones are withdrawn.

        Raises UnknownStation, OrderRefused, and RecoveryNotNow where others must approve what lets a station back in.
        """
        self._registry.check_registered(stations)
        if self._settings.recovery_approvals:
            for found in map(self._registry.station, stations):
                if found.floor is SecurityProfile.MUTUAL_TLS:
                    self.recoveries.check_by_oneself(found)
        return self._codes.make(stations, life, by, self._clock())

    def stations_at(self, site: str) -> list[str]:
        """The identities of a site's stations."""
        return self._registry.at_site(site)

    def enrolment_codes(
        self, *, station: str | None = None, only_open: bool = False, after: str | None = None, limit: int = 100
    ) -> list[EnrolmentCode]:
        """The newest first; `after` is the last id of the page before. Raises UnknownCode."""
        return self._codes.page(self._clock(), station=station, only_open=only_open, after=after, limit=limit)

    def withdraw_enrolment_code(self, code_id: str, by: str) -> EnrolmentCode:
        """Make a code good for nothing. Raises UnknownCode."""
        return self._codes.withdraw(code_id, by, self._clock())

    def enrol_by_code(self, station: str, typed: Secret, asked: Asked) -> Certificate:
        """A certificate for a one-time code. Raises what `OutsideEnrolment.by_code` raises."""
        return self._outside.by_code(station, typed, asked)

    def enrol_by_certificate(self, asked: Asked, *, renewing: bool) -> Certificate:
        """A certificate for one that is good. Raises what `OutsideEnrolment.by_certificate` raises."""
        return self._outside.by_certificate(asked, renewing=renewing)

    # --- commands

    def order_command(
        self, station: str, action: str, payload: Mapping[str, object], by: str, *, force: bool = False
    ) -> CommandOrder:
        """Have a message sent to a station that is connected.

        The payload must fit the schema of the station's version. What could strand a station or weaken it is
        refused unless `force`, which is for laboratories and needs an administrator.
        Raises UnknownStation, CommandRefused.
        """
        target = self._registry.station(station)
        if not target.online or target.ocpp_version is None:
            raise CommandRefused(
                f"station {station!r} is not connected", "commands are sent to connected stations only"
            )
        if target.lane is not None and not may_ask(Standing.PENDING, target.lane, action):
            raise CommandRefused(
                f"{action} is not sent: the station is in the {target.lane} lane", "it is not accepted"
            )
        dialect = DIALECTS[target.ocpp_version]
        try:
            dialect.check_request(action, dict(payload))
        except WireFault as fault:
            raise CommandRefused(f"{action} breaks the schema of OCPP {dialect.version}: {fault.sentence}") from None
        if not force and (why := objection(action, payload)):
            raise CommandRefused(f"{action} is not sent: {why}", "an administrator may send it with force")
        return self._orders.place(station, action, payload, by, reason="forced" if force else "")

    def command_order(self, command: int) -> CommandOrder:
        """One command and its answer. Raises UnknownCommand."""
        return self._orders.order(command)

    def withdraw_command(self, command: int) -> CommandOrder:
        """Give up on a command that was not sent yet; one that was sent goes on. Raises UnknownCommand."""
        return self._orders.withdraw(command, "it was not sent in time and is withdrawn")

    # --- renewals

    def ask_for_renewal(self, stations: Sequence[str], by: str) -> list[Renewal]:
        """Ask each station to renew its certificate now; for each what was done, or why nothing could be."""
        return self._renewals.ask(stations, by)

    def renewals(
        self, *, stations: Sequence[str] | None = None, after: str | None = None, limit: int = 100
    ) -> list[Renewal]:
        """How far renewals are: of these stations, or of all, by station."""
        return self._renewals.page(after, limit) if stations is None else self._renewals.progress(stations)

    def renewals_moved(self, since: datetime, limit: int = 200) -> list[tuple[Renewal, datetime]]:
        """Renewals that moved after `since`, for the live stream."""
        return self._renewals.moved_since(since, limit)

    def renew_due(self) -> int:
        """To be called every few seconds: asks stations whose certificates are due; how many."""
        return self.renewing.round()

    def prune(self) -> int:
        """To be called every few seconds: deletes some of what is old enough; how many rows."""
        self._orders.give_up_stale()
        rounds = (self._pruning, self._charging_retention, self._campaign_retention)
        return sum(one.round() for one in rounds) + self.logs.prune()

    # --- for the live pages

    def changes(self, since: datetime, limit: int = 200) -> Changes:
        """Stations, walks and campaigns that changed after `since`, for the live stream."""
        stations = self._registry.changed_since(since, limit)
        walks = self._ledger.changed_since(since, limit)
        campaigns = self.campaigns.changed_since(since, limit)
        moments = [one.updated_at for one in stations] + [one.updated_at for one in walks]
        moments += [one.campaign.updated_at for one in campaigns]
        return Changes(tuple(stations), tuple(walks), max(moments, default=since), tuple(campaigns))

    def tell_ports(self, main: int | None, tls: int | None) -> None:
        """The ports as bound: 2.x stations are sent there for profiles 2 and 3."""
        self.desk.acts.move_to(self._public_url(main, tls))

    def _that_cannot(self, goal: Goal, models: Sequence[Model]) -> list[Model]:
        """Models that the quirk book walks no further than to a profile below the goal; versions that run a release."""
        if goal.kind is Kind.FIRMWARE:
            return self.firmware_kind.unfit_models(goal, models)
        if goal.kind is not Kind.WALK or goal.to is None:
            return []
        return [model for model in models if self.quirks.of(*model).walks_to < goal.to]

    def _public_url(self, main: int | None, tls: int | None) -> str:
        if self._settings.ocpp_public_url:
            return self._settings.ocpp_public_url
        host = f"[{self._hostname}]" if ":" in self._hostname else self._hostname
        return f"wss://{host}:{main if main is not None else tls}/ocpp"


def _profile(number: int) -> SecurityProfile:
    try:
        return SecurityProfile(number)
    except ValueError:
        raise StationRefused("profile", f"there is no security profile {number}") from None


def _told(model: DeviceModel, stations: Collection[str], names: Sequence[Variable]) -> dict[str, Told]:
    told = model.of_many(list(stations), names)
    return {station: {name: one.value for name, one in of_it.items()} for station, of_it in told.items()}
