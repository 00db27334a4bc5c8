"""Messages about certificates put down for sending: the command, the act that it carries out, and the audit record."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.arrivals import ACTIVE_WALKS
from csms_bridge.dialects.wire import Request
from csms_bridge.errors import RootRefused, UnknownStation
from csms_bridge.orders import Orders
from csms_bridge.station import OcppVersion
from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.book import act_of, asked_for, begun, open_list
from csms_bridge.station_roots.entries import Deed, Entry, RootAct
from csms_bridge.station_roots.messages import delete_request, install_request, kinds_of, list_requests
from csms_bridge.station_roots.rows import RootActRow
from csms_bridge.station_roots.rules import WORDS, Root
from csms_bridge.tables import CommandRow, StationRow, WalkRow
from pki.audit import AuditTrail
from pki.store import hold_lock

_PATIENCE = timedelta(minutes=10)  # a question that is on its way and has no end by then died with its process


class Asking:
    """Everything happens in the caller's transaction."""

    def __init__(self, trail: AuditTrail, orders: Orders) -> None:
        self._trail = trail
        self._orders = orders

    def for_lists(
        self, session: Session, station: StationRow, kinds: Sequence[CertificateKind], by: str, now: datetime
    ) -> list[RootAct]:
        """Have it list these kinds (none: all); a question that is under way is not asked twice. Raises RootRefused."""
        version = version_of(station)
        _check_kinds(kinds, version)
        found = []
        for asked, request in list_requests(version, kinds):
            under_way = open_list(session, station.id, asked, now - _PATIENCE)
            found.append(under_way or self._ask_for_list(session, station, asked, request, by, now))
        return found

    def to_install(
        self,
        session: Session,
        station: StationRow,
        kind: CertificateKind,
        root: Root,
        by: str,
        reason: str,
        now: datetime,
    ) -> RootAct:
        """Have it install a root."""  # fmt: skip
        command = self._put(session, station, install_request(version_of(station), kind, root.pem), by, now, reason)
        row = begun(
            station.id, Deed.INSTALL, (kind,), by, now, command=command, name=root.name,
            sha256=hashlib.sha256(root.der).hexdigest(), signed_by=root.signed_by, reason=reason,
        )  # fmt: skip
        return self._record(session, row, now)

    def to_delete(
        self, session: Session, station: StationRow, entry: Entry, by: str, reason: str, now: datetime, *, forced: bool
    ) -> RootAct:
        """Have it delete a certificate, named as it named it itself."""
        command = self._put(session, station, delete_request(version_of(station), entry.hash_data), by, now, reason)
        name = entry.recognised.name if entry.recognised is not None else entry.hash_data.serial_number
        kinds = (entry.kind,) if entry.kind is not None else ()
        row = begun(
            station.id, Deed.DELETE, kinds, by, now, command=command, name=name, entry=entry.id, reason=reason
        )  # fmt: skip
        return self._record(session, row, now, forced=forced)

    def _ask_for_list(
        self,
        session: Session,
        station: StationRow,
        kinds: tuple[CertificateKind, ...],
        request: Request,
        by: str,
        now: datetime,
    ) -> RootAct:
        command = self._put(session, station, request, by, now)
        row = begun(station.id, Deed.LIST, kinds, by, now, command=command)
        session.add(row)
        asked_for(session, station.id, kinds or kinds_of(version_of(station)), now)
        session.flush()
        return act_of(session, row)

    def _put(
        self, session: Session, station: StationRow, request: Request, by: str, now: datetime, reason: str = ""
    ) -> CommandRow:
        row = self._orders.enlist(session, station, request.action, request.payload, by, now)
        details = {"command": row.id, "action": row.action, "payload": row.payload, "queued": row.state == "queued"}
        self._trail.record(
            session, FleetAct.COMMAND_ORDERED, by=by, kind="station", thing=station.id, reason=reason, now=now,
            details=details,
        )  # fmt: skip
        return row

    def _record(self, session: Session, row: RootActRow, now: datetime, *, forced: bool = False) -> RootAct:
        session.add(row)
        session.flush()
        details = {"act": row.id, "deed": row.deed, "kinds": row.kinds, "name": row.name, "sha256": row.sha256}
        self._trail.record(
            session, FleetAct.ROOT_ORDERED, by=row.by, kind="station", thing=row.station, reason=row.reason, now=now,
            details={**details, "forced": forced},
        )  # fmt: skip
        return act_of(session, row)


def hold_station(session: Session, station: str) -> None:
    """Whoever reads and changes what is known of a station's roots comes one after the other."""
    hold_lock(session, f"roots:{station}")


def registered(session: Session, station: str) -> StationRow:
    """The station's row. Raises UnknownStation."""
    row = session.get(StationRow, station, populate_existing=True)
    if row is None:
        raise UnknownStation(station)
    return row


def version_of(station: StationRow) -> OcppVersion:
    """Raises RootRefused for a station whose version we do not know."""
    if station.ocpp_version is None:
        raise RootRefused(
            "never-seen", f"station {station.id!r} has never connected, so that its version of OCPP is not known"
        )
    return OcppVersion(station.ocpp_version)


def is_walking(session: Session, station: str) -> bool:
    """Whether a walk of it is under way or on hold."""
    active = select(WalkRow.id).where(WalkRow.station == station, col(WalkRow.outcome).in_(ACTIVE_WALKS))
    return session.exec(active.limit(1)).first() is not None


def _check_kinds(kinds: Sequence[CertificateKind], version: OcppVersion) -> None:
    for kind in kinds:
        if kind not in kinds_of(version):
            raise RootRefused("kind", f"OCPP {version} cannot list {WORDS[kind]} roots")
