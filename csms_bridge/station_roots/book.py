"""What was done about stations' roots, and when they listed them last: rows and their conversions."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.entries import (
    OPEN,
    ActState,
    Deed,
    Listing,
    ListingState,
    RootAct,
)
from csms_bridge.station_roots.rows import RootActRow, RootListingRow
from csms_bridge.tables import CommandRow
from pki.audit import AuditTrail

_SENDING = ("waiting", "sent")


def begun(
    station: str,
    deed: Deed,
    kinds: Iterable[CertificateKind],
    by: str,
    now: datetime,
    *,
    command: CommandRow | None = None,
    name: str = "",
    sha256: str = "",
    signed_by: str = "",
    entry: int | None = None,
    reason: str = "",
) -> RootActRow:
    """A new act; without a command it is one whose message goes out by other means."""
    queued = command is not None and command.state == "queued"
    return RootActRow(
        station=station,
        deed=deed.value,
        kinds=",".join(kinds),
        name=name,
        sha256=sha256,
        signed_by=signed_by,
        entry=entry,
        command=command.id if command is not None else None,
        state=(ActState.QUEUED if queued else ActState.SENT).value,
        reason=reason,
        by=by,
        at=now,
    )


def settle(
    session: Session, trail: AuditTrail, row: RootActRow, state: ActState, sentence: str, by: str, now: datetime
) -> None:
    """What came of it, with its audit record; a mere list leaves none, since what it changed has its own."""
    row.state, row.sentence, row.settled_at = state.value, sentence, now
    session.add(row)
    session.flush()
    if row.deed == Deed.LIST:
        return
    details = {"act": row.id, "deed": row.deed, "kinds": row.kinds, "name": row.name, "sha256": row.sha256}
    trail.record(
        session, FleetAct.ROOT_SETTLED, by=by, kind="station", thing=row.station, reason=sentence, now=now,
        details={**details, "state": state.value},
    )  # fmt: skip


def act_of_command(session: Session, command: int) -> RootActRow | None:
    """The act that a command carries out."""
    return session.exec(select(RootActRow).where(RootActRow.command == command)).first()


def acts_of(session: Session, station: str, limit: int) -> list[RootAct]:
    """The newest first."""
    query = select(RootActRow).where(RootActRow.station == station).order_by(col(RootActRow.id).desc()).limit(limit)
    return [act_of(session, row) for row in session.exec(query)]


def open_list(session: Session, station: str, kinds: Sequence[CertificateKind], since: datetime) -> RootAct | None:
    """A question for these kinds that waits for its answer, asked after `since`."""
    query = select(RootActRow).where(
        RootActRow.station == station,
        RootActRow.deed == Deed.LIST.value,
        RootActRow.kinds == ",".join(kinds),
        col(RootActRow.state).in_(OPEN),
        (col(RootActRow.at) >= since) | (col(RootActRow.state) == ActState.QUEUED.value),
    )
    found = session.exec(query.order_by(col(RootActRow.id).desc())).first()
    return None if found is None else act_of(session, found)


def act_of(session: Session, row: RootActRow) -> RootAct:
    """The domain object of a row. One that was queued is on its way once its command is."""
    state = ActState(row.state)
    if state is ActState.QUEUED and row.command is not None:
        command = session.get(CommandRow, row.command)
        if command is not None and command.state in _SENDING:
            state = ActState.SENT
    return RootAct(
        id=row.id or 0,
        station=row.station,
        deed=Deed(row.deed),
        kinds=kinds_in(row.kinds),
        name=row.name,
        sha256=row.sha256,
        signed_by=row.signed_by,
        entry=row.entry,
        command=row.command,
        state=state,
        sentence=row.sentence,
        reason=row.reason,
        by=row.by,
        at=row.at,
        settled_at=row.settled_at,
    )


def kinds_in(text: str) -> tuple[CertificateKind, ...]:
    """The kinds of an act; empty: all."""
    return tuple(CertificateKind(kind) for kind in text.split(",") if kind)


# --- when it listed what


def listings_of(session: Session, station: str) -> list[Listing]:
    """By kind."""
    query = select(RootListingRow).where(RootListingRow.station == station).order_by(col(RootListingRow.kind))
    return [listing_of(row) for row in session.exec(query)]


def asked_for(session: Session, station: str, kinds: Iterable[CertificateKind], now: datetime) -> None:
    """It is asked for these kinds; whatever was due is no more."""
    for kind in kinds:
        row = _listing(session, station, kind)
        row.asked_at, row.due_at = now, None
        session.add(row)


def heard_of(
    session: Session,
    station: str,
    kind: CertificateKind,
    state: ListingState,
    sentence: str,
    now: datetime,
) -> None:
    """What came of asking for this kind."""
    row = _listing(session, station, kind)
    row.state, row.sentence = state.value, sentence
    row.asked_at = row.asked_at or now
    if state is ListingState.LISTED:
        row.listed_at = now
    session.add(row)


def make_due(session: Session, station: str, kinds: Iterable[CertificateKind], at: datetime) -> None:
    """It shall be asked for these kinds then, unless it does not know the question."""
    for kind in kinds:
        row = _listing(session, station, kind)
        if row.state != ListingState.UNABLE:
            row.due_at = at
            session.add(row)


def listing_of(row: RootListingRow) -> Listing:
    """The domain object of a row."""
    return Listing(CertificateKind(row.kind), ListingState(row.state), row.sentence, row.asked_at, row.listed_at)


def _listing(session: Session, station: str, kind: CertificateKind) -> RootListingRow:
    found = session.get(RootListingRow, (station, kind.value))
    return found or RootListingRow(station=station, kind=kind.value, state=ListingState.DUE.value)
