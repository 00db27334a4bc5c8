"""The door to firmware updates on stations: asked for, followed, cancelled, and moved on by what is seen."""

from datetime import datetime

from sqlmodel import Session, col, select

from csms_bridge.commands import Answer, Message, Outcome, Trigger
from csms_bridge.dialects import DIALECTS
from csms_bridge.errors import FirmwareNotNow, UnknownUpdate
from csms_bridge.events import FirmwareStatusTold
from csms_bridge.firmware.asking import Asking, Chosen, NewUpdate
from csms_bridge.firmware.book import (
    OPEN_STATES,
    SOON,
    Update,
    facts_of,
    find_row,
    held,
    keep,
    moved,
    of_cancel_command,
    of_command,
    progress_of,
    update_of,
)
from csms_bridge.firmware.machine import advance
from csms_bridge.firmware.releases import Releases
from csms_bridge.firmware.rounds import due, is_newest, nothing_new, unsent
from csms_bridge.firmware.rows import FirmwareUpdateRow
from csms_bridge.firmware.session_errors import count_errors
from csms_bridge.firmware.states import (
    Answered,
    Ask,
    CancelSent,
    GivenUp,
    Look,
    NotGivenUp,
    Patience,
    Progress,
    Reply,
    Seen,
    Sent,
    Told,
    UpdateState,
)
from csms_bridge.orders import AT_ONCE, Orders
from csms_bridge.quirks.door import StationQuirks
from csms_bridge.station import CommandOrder, OcppVersion
from csms_bridge.tables import CommandRow, StationRow
from pki.audit import AuditTrail
from pki.clock import Clock
from pki.store import Store

_REPLIES = {"InvalidCertificate": Reply.INVALID_CERTIFICATE, "RevokedCertificate": Reply.REVOKED_CERTIFICATE}
_UNASKED = "nothing, since it could not be asked"


class FirmwareUpdates:
    """Safe to use from several threads and processes: each change is one transaction over a locked row."""

    def __init__(
        self, store: Store, trail: AuditTrail, orders: Orders, releases: Releases, asking: Asking,
        quirks: StationQuirks, patience: Patience, clock: Clock,
    ) -> None:  # fmt: skip
        self._store = store
        self._trail = trail
        self._orders = orders
        self._releases = releases
        self._asking = asking
        self._quirks = quirks
        self._patience = patience
        self._clock = clock

    # --- for people and scripts

    def ask(self, station: str, new: NewUpdate, by: str) -> Update:
        """Have a station install an image, now or when it is back.

        Raises UnknownStation, UnknownFirmware, FirmwareNotNow.
        """
        chosen = self.choose(station, new)
        with self._store.writing() as session:
            made = update_of(self._asking.ask(session, station, new, chosen, by))
        self._orders.wake_those_here([station])
        return made

    def choose(self, station: str, new: NewUpdate) -> Chosen:
        """The signature for this station, verified again, and the root above it.

        Raises UnknownStation, UnknownFirmware, FirmwareNotNow.
        """
        if not new.signed:
            return Chosen()
        signed = self._releases.verified(self._releases.forms(new.firmware), self._quirks.of_station(station))
        return Chosen(signed, self._releases.root_above(signed))

    def cancel(self, station: str, update: int, reason: str, by: str) -> Update:
        """Give an update up. What is on its way is ended by a second request, if the station allows it.

        Raises UnknownUpdate, FirmwareNotNow.
        """
        with self._store.writing() as session:
            row = find_row(session, station, update)
            self._cancel(session, row, reason, by)
            made = update_of(row)
        self._orders.wake_those_here([station])
        return made

    def cancel_in(self, session: Session, station: str, update: int, reason: str, by: str) -> bool:
        """The same in the caller's transaction; whether it has ended with that. Raises UnknownUpdate."""
        row = find_row(session, station, update)
        try:
            self._cancel(session, row, reason, by)
        except FirmwareNotNow:  # it is at its end, or as good as there
            return False
        return row.state not in OPEN_STATES

    def update(self, station: str, update: int) -> Update:
        """One update of a station. Raises UnknownUpdate."""
        with self._store.reading() as session:
            row = session.get(FirmwareUpdateRow, update)
            if row is None or row.station != station:
                raise UnknownUpdate(update)
            return update_of(row)

    def page(
        self, *, station: str | None = None, firmware: str | None = None, signing_serial: str | None = None,
        state: UpdateState | None = None, before: int | None = None, limit: int = 100,
    ) -> list[Update]:  # fmt: skip
        """The newest first, from below the number `before`."""
        query = select(FirmwareUpdateRow).order_by(col(FirmwareUpdateRow.id).desc()).limit(limit)
        for column, wanted in (
            (FirmwareUpdateRow.station, station), (FirmwareUpdateRow.firmware, firmware),
            (FirmwareUpdateRow.signing_serial, signing_serial), (FirmwareUpdateRow.state, state and state.value),
        ):  # fmt: skip
            query = query.where(col(column) == wanted) if wanted else query
        if before is not None:
            query = query.where(col(FirmwareUpdateRow.id) < before)
        with self._store.reading() as session:
            return [update_of(row) for row in session.exec(query)]

    # --- for the line

    def sent(self, order: CommandOrder) -> bool:
        """The request goes out next: stored before it is sent. False when another command asks for it by now."""
        with self._store.writing() as session:
            row = held(session, of_command(session, order.id))
            if row is None or row.state != UpdateState.QUEUED:
                return False
            self._step(session, row, Sent(), "service")
            return True

    def answered(self, order: CommandOrder, answer: Answer | None) -> None:
        """What the station said to the request; None for nothing."""
        seen = _answered(answer)
        with self._store.writing() as session:
            row = held(session, of_command(session, order.id))
            if row is None:
                return
            self._step(session, row, seen, f"station:{row.station}")
            self._settle_replaced(session, row, seen)

    def refused(self, order: CommandOrder, why: str) -> None:
        """A guard stands against it now: nothing is sent."""
        self._apply(order, Answered(Reply.UNSENT, why), by="service")

    def cancel_answered(self, order: CommandOrder, answer: Answer | None) -> None:
        """What the station said to the request that was to end an update."""
        with self._store.writing() as session:
            row = held(session, of_cancel_command(session, order.id))
            if row is None:
                return
            if answer is None:
                seen: Seen = NotGivenUp("no answer came to the request that was to end it")
            elif answer.outcome is Outcome.ACCEPTED:
                seen = GivenUp(by_us=True, reason="cancelled")
            else:
                seen = NotGivenUp(f"the station does not give it up: {answer.words}")
            self._step(session, row, seen, f"station:{row.station}")

    def told(self, station: str, told: FirmwareStatusTold) -> None:
        """(Signed)FirmwareStatusNotification; it may come before the answer to our request (station-quirks 22)."""
        seen = Told(told.status, told.request_id, told.words)
        with self._store.reading() as session:
            found = self._meant(session, station, told.request_id)
        if found is None:
            return
        with self._store.writing() as session:
            row = find_row(session, station, found)
            self._step(session, row, seen, f"station:{station}")

    # --- rounds

    def round(self) -> int:
        """To be called every second: what time and what was seen of stations change; how many moved."""
        now = self._clock()
        with self._store.reading() as session:
            waiting, found = unsent(session, now, AT_ONCE), due(session, now, AT_ONCE * 5)
        for number, sentence in waiting:
            self._send(number, sentence)
        still = [row.id or 0 for row, station in found if self._stands_still(row, station, now)]
        if still:
            with self._store.writing() as session:
                nothing_new(session, still, now, now + SOON)
        return sum(self._look(row.id or 0, row.station) for row, _ in found if row.id not in set(still))

    # --- inside

    def _cancel(self, session: Session, row: FirmwareUpdateRow, reason: str, by: str) -> None:
        if row.state not in OPEN_STATES:
            raise FirmwareNotNow("over", f"update {row.id} is {row.state}")
        if row.cancelling:
            return
        unsent = not row.command or self._orders.withdraw_in(session, row.command, reason)
        if row.state == UpdateState.QUEUED and unsent:
            self._step(session, row, GivenUp(by_us=True, reason=reason), by)
            return
        if row.state in (UpdateState.INSTALLED, UpdateState.CONFIRMING):
            raise FirmwareNotNow("over", f"update {row.id} is {row.state}: there is nothing left to give up")
        station = session.get_one(StationRow, row.station)
        self._asking.cancel(session, station, row, by)
        self._step(session, row, CancelSent(), by)

    def _apply(self, order: CommandOrder, seen: Seen, by: str = "service") -> None:
        with self._store.writing() as session:
            row = held(session, of_command(session, order.id))
            if row is not None:
                self._step(session, row, seen, by)

    def _step(self, session: Session, row: FirmwareUpdateRow, seen: Seen, by: str) -> int:
        """Move one update on, with its audit record; whether it moved."""
        station = session.get(StationRow, row.station, populate_existing=True)
        if station is None:
            return 0
        now, before = self._clock(), progress_of(row)
        after = advance(before, seen, facts_of(station), now, self._patience)
        is_news = (before.state, before.cause) != (after.progress.state, after.progress.cause)
        keep(row, after.progress, now)
        self._count_errors(session, row, before, now)
        if (since := after.progress.steady_since) is not None and after.progress.is_open:
            row.look_at = max(now, min(row.look_at, since + self._patience.steady))
        session.add(row)
        session.flush()
        for ask in after.asks:
            self._ask(session, station, row, ask)
        if is_news:
            station.updated_at = now  # its page is live
            session.add(station)
            self._trail.record_all(session, [moved(row, by)], now)
        return int(is_news)

    def _count_errors(self, session: Session, row: FirmwareUpdateRow, before: Progress, now: datetime) -> None:
        """What went wrong at the station in as long a time before and after."""
        span = self._patience.steady
        if before.state is UpdateState.QUEUED and row.state == UpdateState.ASKED:
            row.errors_before = count_errors(session, row.station, now - span, now)
        if before.state is UpdateState.CONFIRMING and row.state == UpdateState.DONE:
            row.errors_after = count_errors(session, row.station, max(before.since, now - 2 * span), now)

    def _ask(self, session: Session, station: StationRow, row: FirmwareUpdateRow, ask: Ask) -> None:
        if station.ocpp_version is None:
            return
        version = OcppVersion(station.ocpp_version)
        plain = version is OcppVersion.V16 and (ask is Ask.VERSION or not row.signed)
        message = Message.BOOT if ask is Ask.VERSION else Message.FIRMWARE_STATUS
        request = DIALECTS[version].request(Trigger(message, plain=plain))
        self._orders.enlist(session, station, request.action, request.payload, f"firmware:{row.id}", self._clock())

    def _settle_replaced(self, session: Session, row: FirmwareUpdateRow, seen: Answered) -> None:
        """What became of the update that this one was to take the place of (TC_L_10, TC_L_11)."""
        if row.replaces is None or seen.reply in (Reply.SILENT, Reply.UNSENT):
            return
        old = session.get(FirmwareUpdateRow, row.replaces, populate_existing=True, with_for_update=True)
        if old is None or old.state not in OPEN_STATES:
            return
        if seen.reply is Reply.ACCEPTED:
            self._step(session, old, GivenUp(by_us=False, reason=f"given up for update {row.id}"), "service")
        else:
            self._step(session, old, NotGivenUp(f"it was not given up for update {row.id}"), "service")

    def _meant(self, session: Session, station: str, request_id: int | None) -> int | None:
        """The update that a status is about: by its request's id, else the newest that was sent."""
        query = select(FirmwareUpdateRow.id).where(FirmwareUpdateRow.station == station)
        if request_id is not None:
            query = query.where(FirmwareUpdateRow.request_id == request_id)
        else:
            query = query.where(col(FirmwareUpdateRow.sent_at).is_not(None))
        return session.exec(query.order_by(col(FirmwareUpdateRow.id).desc())).first()

    def _stands_still(self, row: FirmwareUpdateRow, station: StationRow, now: datetime) -> bool:
        """Whether a look would change nothing: most updates wait most of the time, and cost no transaction each."""
        progress = progress_of(row)
        after = advance(progress, Look(), facts_of(station), now, self._patience)
        return row.state in OPEN_STATES and after.progress == progress and not after.asks

    def _look(self, number: int, station: str) -> int:
        with self._store.writing() as session:
            row = session.get(FirmwareUpdateRow, number, populate_existing=True, with_for_update=True)
            if row is None or not (row.state in OPEN_STATES or is_newest(session, row)):
                return 0
            return self._step(session, row, Look(), f"station:{station}")

    def _send(self, number: int, sentence: str) -> None:
        with self._store.writing() as session:
            row = session.get(FirmwareUpdateRow, number, populate_existing=True, with_for_update=True)
            station = session.get(StationRow, row.station) if row is not None else None
            if row is None or station is None or row.state != UpdateState.QUEUED:
                return
            command = session.get(CommandRow, row.command) if row.command else None
            if command is not None and command.state not in ("failed", "sent"):
                return
            if command is not None and command.ending == "unsent":
                self._step(session, row, Answered(Reply.UNSENT, command.error), "service")
                return
            row.reason = f"its manufacturer root: {sentence}" if row.root_act and not row.command else ""
            self._asking.send(session, station, row)
        self._orders.wake_those_here([row.station])


def _answered(answer: Answer | None) -> Answered:
    """What an answer to a request means for its update."""
    if answer is None:
        return Answered(Reply.SILENT)
    if answer.outcome is Outcome.ACCEPTED:
        return Answered(Reply.ACCEPTED, answer.words)
    if answer.words.startswith(_UNASKED):
        return Answered(Reply.UNSENT, answer.words.removeprefix(_UNASKED).lstrip(": "))
    status = answer.words.partition(" ")[0]
    return Answered(_REPLIES.get(status, Reply.REFUSED), answer.words)
