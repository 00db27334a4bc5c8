"""An update asked for: guarded, written down, and its request or its root's installation put in the queue."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.arrivals import ACTIVE_WALKS
from csms_bridge.errands import Errand
from csms_bridge.errors import FirmwareNotNow, RootRefused, UnknownStation
from csms_bridge.firmware.book import moved, open_of
from csms_bridge.firmware.guards import (
    OUTSIDE,
    check_address,
    check_fits,
    check_is_new,
    downgrade,
)
from csms_bridge.firmware.releases import ManufacturerRoot, machine_of
from csms_bridge.firmware.rows import FirmwareUpdateRow
from csms_bridge.firmware.states import UpdateState
from csms_bridge.orders import Orders
from csms_bridge.quirks.lookup import QuirksIn
from csms_bridge.redaction import redact
from csms_bridge.sealed_payloads import PayloadSeal
from csms_bridge.station import OcppVersion
from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.door import StationRoots
from csms_bridge.station_roots.inventory import rows_of
from csms_bridge.tables import StationRow, WalkRow
from pki.audit import AuditTrail, Entry
from pki.clock import Clock
from pki.firmware_book import SignedFirmware
from pki.store import hold_lock

_MOST_RETRIES = 100
_ACTION = {
    OcppVersion.V16: "SignedUpdateFirmware",
    OcppVersion.V201: "UpdateFirmware",
    OcppVersion.V21: "UpdateFirmware",
}
_FARTHEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class NewUpdate:
    """What is asked for. `location` empty: the image is published here; `version` is for an unsigned image alone.

    `instead`: one that is under way is given up for it. `again`: also when the station runs the version already.
    """

    firmware: str = ""
    version: str = ""
    location: str = ""
    retrieve_at: datetime | None = None
    install_at: datetime | None = None
    retries: int | None = 3
    retry_interval: int | None = 60
    instead: bool = False
    again: bool = False
    why: str = ""
    campaign: str = ""

    @property
    def signed(self) -> bool:
        """Whether it is of a release that is signed."""
        return bool(self.firmware)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is to be installed on a station of a kind; for an unsigned image there is neither."""

    signed: SignedFirmware | None = None
    root: ManufacturerRoot | None = None


class Publisher(Protocol):
    """Whoever has images and gives each station an address of its own."""

    def check_in(
        self, session: Session, signed: SignedFirmware, version: OcppVersion, protocols: frozenset[str]
    ) -> None:
        """The image is here and a station can be told where. Raises FirmwareNotNow."""


class Emergencies(Protocol):
    """Whoever knows which way back two people have allowed."""

    def open_in(self, session: Session, firmware: str, now: datetime) -> int | None:
        """The number of an emergency that allows this release; None when there is none."""


class Asking:
    """Everything happens in the caller's transaction."""

    def __init__(
        self, trail: AuditTrail, orders: Orders, roots: StationRoots, odd: QuirksIn, seal: PayloadSeal, clock: Clock,
        *, signed_only: bool, publisher: Publisher | None = None, emergencies: Emergencies | None = None,
    ) -> None:  # fmt: skip
        self._trail = trail
        self._orders = orders
        self._roots = roots
        self._odd = odd
        self._seal = seal
        self._clock = clock
        self._publisher = publisher
        self._emergencies = emergencies
        self._signed_only = signed_only

    def ask(self, session: Session, station: str, new: NewUpdate, chosen: Chosen, by: str) -> FirmwareUpdateRow:
        """Write an update down. Raises UnknownStation, FirmwareNotNow."""
        hold_lock(session, f"firmware-updates:{station}")
        row = session.get(StationRow, station, populate_existing=True)
        if row is None:
            raise UnknownStation(station)
        emergency = self._guard(session, row, new, chosen)
        others = open_of(session, station)
        if others and not new.instead:
            raise FirmwareNotNow(
                "under-way",
                f"update {others[0].id} of it is under way",
                "Let it end, cancel it, or have it given up for this one: --instead",
            )
        update = self._row(row, new, chosen, emergency, by)
        update.replaces = others[0].id if others else None
        session.add(update)
        session.flush()
        self._begin(session, row, update, chosen, by)
        now = self._clock()
        entry = moved(update, by)
        ordered = Entry(FleetAct.FIRMWARE_ORDERED, by, "station", station, new.why, entry.details)
        self._trail.record_all(session, [ordered], now)
        return update

    def send(self, session: Session, station: StationRow, update: FirmwareUpdateRow) -> None:
        """Put the request in the queue."""
        action = "UpdateFirmware" if not update.signed else _ACTION[OcppVersion(station.ocpp_version or "1.6")]
        command = self._orders.enlist(
            session, station, action, {}, update.asked_by, self._clock(), errand=Errand.UPDATE_FIRMWARE
        )
        update.command = command.id or 0
        session.add(update)

    def cancel(self, session: Session, station: StationRow, update: FirmwareUpdateRow, by: str) -> None:
        """Put the second request in the queue, which is to end the first (L01.FR.24)."""
        action = "UpdateFirmware" if not update.signed else _ACTION[OcppVersion(station.ocpp_version or "1.6")]
        command = self._orders.enlist(session, station, action, {}, by, self._clock(), errand=Errand.CANCEL_UPDATE)
        update.cancel_command = command.id
        session.add(update)

    # --- inside

    def _guard(self, session: Session, row: StationRow, new: NewUpdate, chosen: Chosen) -> int | None:
        """Raises FirmwareNotNow; the emergency that an older version needs."""
        if row.ocpp_version is None:
            raise FirmwareNotNow("never-seen", f"station {row.id!r} has never connected")
        if chosen.signed is None and self._signed_only:
            raise FirmwareNotNow(
                "signed-only", "only signed firmware is installed here",
                "Sign it: voltward firmware sign. The policy is VOLTWARD_FIRMWARE_SIGNED_ONLY.",
            )  # fmt: skip
        _check_walk(session, row.id)
        _check_request(new, self._clock())
        machine = machine_of(session, row, self._odd(session, row))
        version = OcppVersion(row.ocpp_version)
        if chosen.signed is not None:
            check_fits(chosen.signed, machine)
        wanted = chosen.signed.version if chosen.signed is not None else new.version
        if not new.again:
            check_is_new(wanted, machine)
        if new.location:
            check_address(new.location, version, machine.protocols)
        elif chosen.signed is None or self._publisher is None:
            raise FirmwareNotNow("location", "name the address where the image is: --location URL")
        else:
            self._publisher.check_in(session, chosen.signed, version, frozenset(machine.protocols))
        counter = chosen.signed.release_counter if chosen.signed is not None else None
        why = downgrade(wanted, counter, machine)
        return self._allowed_back(session, chosen, why) if why else None

    def _allowed_back(self, session: Session, chosen: Chosen, why: str) -> int:
        firmware = chosen.signed.id if chosen.signed is not None else ""
        found = self._emergencies.open_in(session, firmware, self._clock()) if self._emergencies else None
        if found is None:
            raise FirmwareNotNow(
                "downgrade",
                why,
                "Two people may allow it in an emergency: voltward firmware emergency ask",
            )
        return found

    def _row(
        self, station: StationRow, new: NewUpdate, chosen: Chosen, emergency: int | None, by: str
    ) -> FirmwareUpdateRow:
        now, signed = self._clock(), chosen.signed
        shown = str(redact(new.location))
        return FirmwareUpdateRow(
            station=station.id, firmware=signed.id if signed else "", campaign=new.campaign,
            version=signed.version if signed else new.version, digest=signed.digest if signed else "",
            signing_serial=(signed.signing_serial or "") if signed else "", location=shown,
            sealed=self._seal.seal(station.id, {"location": new.location}) if shown != new.location else None,
            command=0, emergency=emergency, retries=new.retries, retry_interval=new.retry_interval,
            retrieve_at=new.retrieve_at, install_at=new.install_at, why=new.why, asked_by=by, created_at=now,
            look_at=now, looked_at=now, before=station.firmware, request_id=secrets.randbelow(2**31 - 1) + 1,
            signed=signed is not None, state=UpdateState.QUEUED.value, since=now,
        )  # fmt: skip

    def _begin(self, session: Session, station: StationRow, update: FirmwareUpdateRow, chosen: Chosen, by: str) -> None:
        """The root first where the station does not list it; then, or else at once, the request."""
        if chosen.root is not None and not _lists(session, station.id, chosen.root.name):
            try:
                act = self._roots.install_in(
                    session, station.id, CertificateKind.MANUFACTURER, self._roots.forms_of(chosen.root.name), by,
                    f"for firmware {update.version}",
                )  # fmt: skip
            except RootRefused as refused:  # the station may hold it all the same: its answer decides
                update.reason = f"the manufacturer root was not sent: {refused.sentence}"
            else:
                update.root_act = act.id
                update.reason = "its manufacturer root is being installed first"
                session.add(update)
                return
        self.send(session, station, update)


def _lists(session: Session, station: str, root: str) -> bool:
    name = root.rpartition(":")[2]
    held = (row for row in rows_of(session, station) if row.kind == CertificateKind.MANUFACTURER)
    return any(row.known_name == name for row in held)


def _check_walk(session: Session, station: str) -> None:
    walking = select(WalkRow.id).where(WalkRow.station == station, col(WalkRow.outcome).in_(ACTIVE_WALKS))
    if session.exec(walking.limit(1)).first() is not None:
        raise FirmwareNotNow("walking", "a walk of it is under way or on hold", "Let it end, or cancel it.")


def _check_request(new: NewUpdate, now: datetime) -> None:
    """Whether the request makes sense. Raises FirmwareNotNow."""
    if not new.signed and not new.version.strip():
        raise FirmwareNotNow("version", "an unsigned image needs the version that the station will report")
    if new.location:
        parts = urlsplit(new.location)
        if parts.scheme.lower() not in OUTSIDE or not parts.hostname or not new.location.isprintable():
            raise FirmwareNotNow("location", f"the address must begin with {', '.join(sorted(OUTSIDE))}")
    for name, number in (("retries", new.retries), ("retry_interval", new.retry_interval)):
        most = _MOST_RETRIES if name == "retries" else 86_400
        if number is not None and not 0 <= number <= most:
            raise FirmwareNotNow(name, f"{name}: 0 to {most}")
    for moment in (new.retrieve_at, new.install_at):
        if moment is not None and moment > now + _FARTHEST:
            raise FirmwareNotNow("time", "within a year, please")
    if new.retrieve_at is not None and new.install_at is not None and new.install_at < new.retrieve_at:
        raise FirmwareNotNow("time", "it cannot be installed before it is fetched")
