"""What each station listed, in the database: taken in, recognised, marked as gone."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from csms_bridge.hash_data import Deviation, normal
from csms_bridge.station_certificates import CertificateKind, HashData, ListedCertificate
from csms_bridge.station_roots.entries import Entry, KnownAs, Recognised
from csms_bridge.station_roots.rows import StationRootRow

_GONE_KEPT = 100  # of one station: who lists other roots every time shall not fill the database

Recognise = Callable[[HashData], Recognised | None]


@dataclass(frozen=True, slots=True)
class Taken:
    """What a list changed: entries that are new (or back), and those that are gone."""

    present: tuple[Entry, ...]
    came: tuple[Entry, ...]
    gone: tuple[Entry, ...]


def take_in(
    session: Session,
    station: str,
    asked: Sequence[CertificateKind],
    listed: Sequence[ListedCertificate],
    recognise: Recognise,
    now: datetime,
) -> Taken:
    """Write down what a station listed when asked for these kinds (none: all).

    What it does not list any more of these kinds is gone. A listed certificate keeps its entry, whatever its spelling.
    """
    known = {_key(row): row for row in rows_of(session, station, gone=True)}
    seen = [_seen(session, station, one, known, recognise, now) for one in _each_once(listed)]
    listed_now = {row.id for row, _ in seen}
    asked_for = {kind.value for kind in asked}
    gone = [
        row
        for row in known.values()
        if row.gone_at is None and row.id not in listed_now and (not asked or row.kind in asked_for)
    ]
    for row in gone:
        _leave(session, row, now)
    session.flush()
    _prune_gone(session, station)
    came = [entry_of(row) for row, is_new in seen if is_new]
    present = [entry_of(row) for row in rows_of(session, station)]
    return Taken(tuple(present), tuple(came), tuple(entry_of(row) for row in gone))


def mark_gone(session: Session, entry: int, now: datetime) -> Entry | None:
    """The station has deleted it; None when there is no such entry any more."""
    row = session.get(StationRootRow, entry)
    if row is None:
        return None
    _leave(session, row, now)
    return entry_of(row)


def rows_of(session: Session, station: str, *, gone: bool = False) -> list[StationRootRow]:
    """What a station lists, in the order in which it was first seen; with `gone` also what it did list once."""
    query = select(StationRootRow).where(StationRootRow.station == station).order_by(col(StationRootRow.id))
    if not gone:
        query = query.where(col(StationRootRow.gone_at).is_(None))
    return list(session.exec(query))


def note_recognised(row: StationRootRow, found: Recognised | None) -> None:
    """Whose it is, as far as we know now."""
    row.known_as, row.known_name, row.known_by, row.deviations = "", "", "", ""
    if found is not None:
        row.known_as, row.known_name, row.known_by = found.known_as.value, found.name, found.by
        row.deviations = ",".join(found.deviations)


def entry_of(row: StationRootRow) -> Entry:
    """The domain object of a row."""
    deviations = tuple(Deviation(one) for one in row.deviations.split(",") if one)
    return Entry(
        id=row.id or 0,
        station=row.station,
        kind=CertificateKind(row.kind) if row.kind else None,
        hash_data=told_of(row),
        children=tuple(HashData(**child) for child in json.loads(row.children)),
        recognised=Recognised(KnownAs(row.known_as), row.known_name, row.known_by, deviations)
        if row.known_as
        else None,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        gone_at=row.gone_at,
    )


def _each_once(listed: Iterable[ListedCertificate]) -> list[ListedCertificate]:
    """A station that lists a certificate twice means one."""
    return list({(one.kind, normal(one.hash_data)): one for one in listed}.values())


def _seen(
    session: Session,
    station: str,
    one: ListedCertificate,
    known: dict[tuple[str, HashData], StationRootRow],
    recognise: Recognise,
    now: datetime,
) -> tuple[StationRootRow, bool]:
    """Its row, and whether it was not there before."""
    kind = one.kind.value if one.kind else ""
    row = known.get((kind, normal(one.hash_data)))
    is_new = row is None or row.gone_at is not None
    row = row or StationRootRow(
        station=station, kind=kind, algorithm="", issuer_name_hash="", issuer_key_hash="", serial_number="",
        first_seen=now, last_seen=now,
    )  # fmt: skip
    for name, text in asdict(one.hash_data).items():
        setattr(row, name, text)
    row.children = json.dumps([asdict(child) for child in one.children])
    row.last_seen, row.gone_at = now, None
    note_recognised(row, recognise(one.hash_data))
    session.add(row)
    session.flush()
    return row, is_new


def _leave(session: Session, row: StationRootRow, now: datetime) -> None:
    row.gone_at = now
    session.add(row)


def _prune_gone(session: Session, station: str) -> None:
    gone = (col(StationRootRow.station) == station, col(StationRootRow.gone_at).is_not(None))
    beyond = select(StationRootRow.id).where(*gone).order_by(col(StationRootRow.id).desc()).offset(_GONE_KEPT)
    if old := session.exec(beyond).all():
        session.execute(delete(StationRootRow).where(col(StationRootRow.id).in_(old)))


def _key(row: StationRootRow) -> tuple[str, HashData]:
    return row.kind, normal(told_of(row))


def told_of(row: StationRootRow) -> HashData:
    """How the station spelt it."""
    return HashData(row.algorithm, row.issuer_name_hash, row.issuer_key_hash, row.serial_number)
