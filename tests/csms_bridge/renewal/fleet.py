"""A fleet on profile 3, written into the database: certificates that only these tests read need no signature."""

from datetime import datetime, timedelta

from sqlmodel import select

from csms_bridge.events import CertificateAsked
from csms_bridge.renewal.allowance import Limits
from csms_bridge.renewal.allowances import Allowances
from csms_bridge.renewal.door import RenewalDesk
from csms_bridge.renewal.pace import Pace
from csms_bridge.renewals import Renewals
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.tables import CommandRow, StationRow
from pki.alarms import Alarms
from pki.keys import KeyAlgorithm, generate_key
from pki.tables import CertificateRow
from tests.csms_bridge.room import Room, SigningRoom
from tests.pki.requests import pem_request

LIFE = timedelta(days=90)
MUTUAL = SecurityProfile.MUTUAL_TLS


def desk(room: Room, per_minute: int = 10, in_flight: int = 10, told=None, *, on: bool = True) -> RenewalDesk:
    """Renewal by itself, as the fleet's door makes it; one that has looked around, so that the pace is the set one."""
    alarms = Alarms(room.store, room.trail, room.clock)
    allowances = Allowances(room.store, room.trail, alarms, room.clock, Limits(20, timedelta(hours=1)))
    renewals = Renewals(room.store, room.trail, room.orders, room.clock, allowances=allowances)
    return RenewalDesk(
        room.store, room.trail, alarms, room.orders, renewals, allowances, Pace(per_minute, in_flight), room.clock,
        told_of=told or (lambda _: {}), on=on,
    )  # fmt: skip


def settled(desk: RenewalDesk, room: Room) -> RenewalDesk:
    """The same after the fleet has gone quietly for some minutes: as many may be under way as are set."""
    for _ in range(12):
        desk.round()
        room.clock.advance(seconds=10)
    return desk


def certify(room: Room, station: str, not_before: datetime | None = None, life: timedelta = LIFE, *, used=True) -> str:
    """A certificate for a station, with which it is connected; its serial number."""
    begin = not_before or room.clock.now
    with room.store.writing() as session:
        number = len(session.exec(select(CertificateRow.id)).all()) + 1
        serial = f"4a{number:030x}"
        session.add(_certificate(station, serial, begin, begin + life))
    if used:
        room.connect(station, MUTUAL, certificate=serial, version=OcppVersion.V201)
        with room.store.writing() as session:
            session.get(StationRow, station).newest_used = begin
    return serial


def join(room: Room, station: str, not_before: datetime | None = None, life: timedelta = LIFE, **more: object) -> str:
    """A registered station on profile 3 with a certificate of this age."""
    room.add(station, profile=MUTUAL, version=OcppVersion.V201, **more)
    return certify(room, station, not_before, life)


def crowd(room: Room, number: int, not_before: datetime) -> None:
    """So many stations on profile 3 at once, CS-0 and so on, connected some time ago."""
    now, version = room.clock.now, OcppVersion.V201
    with room.store.writing() as session:
        for one in range(number):
            station, serial = f"CS-{one}", f"4b{one:030x}"
            session.add(
                StationRow(
                    id=station, serial=f"SN-{one}", ocpp_version=version, floor=3, settled_floor=3, wanted_profile=3,
                    added_at=now, updated_at=now, profile=3, online=True, connected_at=now,
                    certificate_serial=serial, newest_used=not_before,
                )
            )  # fmt: skip
            session.add(_certificate(station, serial, not_before, not_before + LIFE))


def _certificate(station: str, serial: str, begin: datetime, end: datetime) -> CertificateRow:
    return CertificateRow(
        serial=serial, sha256=serial, spki_sha256=serial, subject="", common_name="", station=station,
        authority="stations", profile="station", not_before=begin, not_after=end, crl_shard=0, created_at=begin,
        der=b"",
    )  # fmt: skip


def leave(room: Room, station: str) -> None:
    """Its line is gone."""
    with room.store.reading() as session:
        since = session.get(StationRow, station).connected_at
    room.sightings.disconnected(station, since)


def asked(room: Room) -> list[str]:
    """Stations that a command was made for, in that order."""
    with room.store.reading() as session:
        return list(session.exec(select(CommandRow.station).order_by(CommandRow.id)))


def answer(room: Room, status: str = "Accepted") -> list[str]:
    """Send what waits, and have every station answer it so; who was sent something."""
    names = set(asked(room))
    orders = room.orders.claim(names)
    for order in orders:
        room.orders.finish(order, {"status": status})
    return [order.station for order in orders]


def request(room: SigningRoom, station: str) -> None:
    """The station asks for a certificate over a new key."""
    csr = pem_request(generate_key(KeyAlgorithm.EC_P256), f"SN-{station[3:]}")
    room.enrolment.ask(station, CertificateAsked(csr), MUTUAL)
