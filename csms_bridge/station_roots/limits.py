"""What a station has told of its certificate store, out of its settings."""

from dataclasses import replace

from sqlmodel import Session, col, select

from csms_bridge.posture.rows import VariableRow
from csms_bridge.posture.subjects import Subject, variable_of
from csms_bridge.quirks.quirks import NewRoot, Quirks
from csms_bridge.station import OcppVersion
from csms_bridge.station_roots.rules import Limits
from csms_bridge.tables import StationRow
from csms_bridge.variables import Attribute


def limits_of(session: Session, station: StationRow) -> Limits:
    """As far as its settings have been read; what makes no sense counts as not told."""
    if station.ocpp_version is None:
        return Limits()
    version = OcppVersion(station.ocpp_version)
    check, room = (
        _told(session, station.id, subject, version) for subject in (Subject.ROOT_CHECK, Subject.ROOM_FOR_ROOTS)
    )
    said = _number(room.value) if room is not None else None
    if version is OcppVersion.V16:  # CertificateStoreMaxLength
        return Limits(_truth(check), capacity=said)
    highest = room.highest if room is not None else None  # CertificateEntries: the value counts, the limit is the room
    return Limits(_truth(check), int(highest) if highest is not None and 0 <= highest < 2**31 else None, said)


def with_quirks(limits: Limits, quirks: Quirks) -> Limits:
    """What the quirk book says of such a station where the station itself has told nothing."""
    checks = limits.checks_new_root
    if checks is None and quirks.new_root is NewRoot.SIGNED_BY_OLD:
        checks = True
    replaces = quirks.new_root is NewRoot.REPLACES
    return replace(limits, checks_new_root=checks, csms_room=quirks.room_for_roots, replaces=replaces)


def _told(session: Session, station: str, subject: Subject, version: OcppVersion) -> VariableRow | None:
    variable = variable_of(subject, version)
    if variable is None:
        return None
    query = select(VariableRow).where(
        VariableRow.station == station,
        VariableRow.component == variable.component,
        VariableRow.name == variable.name,
        VariableRow.attribute == Attribute.ACTUAL.value,
    )
    return session.exec(query.order_by(col(VariableRow.id))).first()


def _truth(row: VariableRow | None) -> bool | None:
    said = (row.value or "").strip().lower() if row is not None else ""
    return {"true": True, "false": False}.get(said)


def _number(text: str | None) -> int | None:
    said = (text or "").strip()
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else None
