"""Logs that stations are asked for (N01), and how far each is: asked, uploading, received, or why not.

The address that a station uploads to holds a secret of its own, made when the request is sent and good once. Of it
only a digest is kept. A station whose answer was lost may send the same once more, soon after: that is compared with
what is here and written nowhere. What a station says of its upload is kept beside what arrived: the two need not agree.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.commands import Answer, LogKind, Outcome
from csms_bridge.errands import Errand
from csms_bridge.errors import (
    CommandRefused,
    LogElsewhere,
    LogNotThere,
    UnknownLog,
    UnknownStation,
    UploadDiffers,
    UploadOver,
)
from csms_bridge.events import LogStatusTold
from csms_bridge.log_store import Content, LogStore
from csms_bridge.orders import Orders
from csms_bridge.station import CommandOrder, OcppVersion
from csms_bridge.tables import CommandRow, StationLogRow, StationRow
from pki.audit import JSON, AuditTrail
from pki.clock import Clock
from pki.secret_text import Secret
from pki.store import Store

LONGEST_ADDRESS = {OcppVersion.V16: 512, OcppVersion.V201: 512, OcppVersion.V21: 2000}
"""Characters of `remoteLocation` (reference §3.11)."""
TOKEN = 32  # octets; 43 characters in an address
PATH = "/logs"
REPEATED_FOR = timedelta(minutes=15)
"""How long after a log came a station may send it again: its answer was lost, and it tries a few times."""
_FAILED = {"BadMessage", "NotSupportedOperation", "PermissionDenied", "UploadFailure"}
_BATCH = 200


class LogState(StrEnum):
    """How far a log is."""

    QUEUED = "queued"
    """The station is away; it is asked when it is back."""
    SENT = "sent"
    """The request is on its way."""
    ACCEPTED = "accepted"
    """The station will upload."""
    UPLOADING = "uploading"
    """It says that it does."""
    RECEIVED = "received"
    """The log is here."""
    MISSING = "missing"
    """It says that it has uploaded, and nothing came."""
    REPLACED = "replaced"
    """It gave this upload up for a newer request."""
    EXPIRED = "expired"
    """Nothing came while the address was good."""
    FAILED = "failed"


UNDER_WAY = (LogState.QUEUED, LogState.SENT, LogState.ACCEPTED, LogState.UPLOADING)


@dataclass(frozen=True, slots=True)
class StationLog:
    """A log of a station. `told` is the station's last word on it, `filename` what it calls it; `node` has it."""

    id: int
    station: str
    type: LogKind
    state: LogState
    reason: str
    command: int
    oldest: datetime | None
    latest: datetime | None
    told: str
    told_at: datetime | None
    filename: str
    received_at: datetime | None
    size: int | None
    sha256: str | None
    node: str | None
    asked_at: datetime
    asked_by: str


@dataclass(frozen=True, slots=True)
class Expected:
    """The log that an upload is, and what came of it already; None when this is the first upload."""

    log: int
    here: Content | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: which log, and of what time."""

    kind: LogKind
    oldest: datetime | None = None
    latest: datetime | None = None


class LogFetches:
    """Logs in the database, and their files. `address`: where uploads go, without the path; `node` is this process."""

    def __init__(
        self, store: Store, trail: AuditTrail, orders: Orders, files: LogStore, clock: Clock, *,
        address: str, node: str, good_for: timedelta, kept: timedelta,
    ) -> None:  # fmt: skip
        self._store = store
        self._trail = trail
        self._orders = orders
        self.files = files
        self._clock = clock
        self._address = address.rstrip("/")
        self._node = node
        self._good_for = good_for
        self._kept = kept

    # --- for people and scripts

    def ask(self, station: str, wanted: Wanted, by: str) -> StationLog:
        """Ask a station for a log, now or when it is back. Raises UnknownStation, CommandRefused."""
        now = self._clock()
        with self._store.writing() as session:
            row = session.get(StationRow, station)
            if row is None:
                raise UnknownStation(station)
            self._check(row, wanted)
            command = self._orders.enlist(session, row, "GetLog", {}, by, now, errand=Errand.FETCH_LOG)
            log = StationLogRow(
                station=station, kind=wanted.kind, request_id=secrets.randbelow(2**31), command=command.id or 0,
                oldest=wanted.oldest, latest=wanted.latest, asked_by=by, asked_at=now,
            )  # fmt: skip
            session.add(log)
            session.flush()
            details = {"command": command.id, "action": "GetLog", "log": log.id, "type": wanted.kind}
            self._trail.record(
                session, FleetAct.COMMAND_ORDERED, by=by, kind="station", thing=station, details=details, now=now
            )
            made = self._view(session, log, now)
        self._orders.wake_those_here([station])
        return made

    def log(self, station: str, log: int) -> StationLog:
        """One log of a station. Raises UnknownLog."""
        with self._store.reading() as session:
            row = session.get(StationLogRow, log)
            if row is None or row.station != station:
                raise UnknownLog(log)
            return self._view(session, row, self._clock())

    def page(self, station: str | None, before: int | None, limit: int) -> list[StationLog]:
        """The newest first, from below the id `before`."""
        query = select(StationLogRow).order_by(col(StationLogRow.id).desc()).limit(limit)
        if station is not None:
            query = query.where(StationLogRow.station == station)
        if before is not None:
            query = query.where(col(StationLogRow.id) < before)
        with self._store.reading() as session:
            return [self._view(session, row, self._clock()) for row in session.exec(query)]

    def content(self, station: str, log: int, by: str) -> Path:
        """The file of a log, for somebody who downloads it. Raises UnknownLog, LogNotThere, LogElsewhere."""
        found = self.log(station, log)
        if found.sha256 is None:
            raise LogNotThere(log)
        path = self.files.find(log, found.sha256)
        if path is None and found.node is not None and found.node != self._node:
            raise LogElsewhere(log, found.node)
        if path is None:
            raise LogNotThere(log)
        with self._store.writing() as session:
            self._trail.record(
                session, FleetAct.LOG_READ, by=by, kind="station", thing=station, details={"log": log},
                now=self._clock(),
            )  # fmt: skip
        return path

    # --- for the line that asks

    def issue(self, order: CommandOrder) -> tuple[StationLog, int, Secret] | None:
        """The log that an order asks for, its request id, and a fresh address to upload to; None when it is gone."""
        token = secrets.token_urlsafe(TOKEN)
        with self._store.writing() as session:
            row = _of_command(session, order.id)
            if row is None:
                return None
            row.token_sha256, row.good_until = _digest(token), self._clock() + self._good_for
            session.add(row)
            view = self._view(session, row, self._clock())
            return view, row.request_id, Secret.of(f"{self._address}{PATH}/{token}")

    def answered(self, order: CommandOrder, answer: Answer | None) -> None:
        """The station's answer to the request; None for silence, after which it may upload all the same."""
        with self._store.writing() as session:
            row = _of_command(session, order.id)
            if row is None or answer is None:
                return
            row.outcome, row.reason = answer.outcome, answer.words
            row.filename = _plain(answer.facts.get("filename", ""), 255)
            session.add(row)
            if answer.facts.get("instead"):
                _give_up_others(session, row)

    def told(self, station: str, told: LogStatusTold) -> None:
        """LogStatusNotification; it may come before the answer to our request (station-quirks 22)."""
        with self._store.writing() as session:
            row = _meant(session, station, told.request_id)
            if row is None or told.status == "Idle":
                return
            row.told, row.told_at = _plain(told.status, 50), self._clock()
            row.told_words = _plain(told.words, 500)
            session.add(row)

    # --- for the upload

    def expect(self, token: str) -> Expected:
        """What this upload is. Raises UnknownLog, UploadOver."""
        with self._store.reading() as session:
            row = session.exec(select(StationLogRow).where(StationLogRow.token_sha256 == _digest(token))).first()
        if row is None or row.id is None or row.good_until is None:
            raise UnknownLog(0)
        if row.received_at is None:
            if row.given_up or self._clock() > row.good_until:
                raise UploadOver
            return Expected(row.id, None)
        if self._clock() > row.received_at + REPEATED_FOR:
            raise UploadOver
        return Expected(row.id, Content(row.size or 0, row.sha256 or ""))

    def received(self, log: int, content: Content) -> bool:
        """The upload is on the disk. False for the same once more, since the answer was lost. Raises UploadDiffers."""
        now = self._clock()
        with self._store.writing() as session:
            row = session.get(StationLogRow, log, populate_existing=True, with_for_update=True)
            if row is None:
                raise UnknownLog(log)
            if row.received_at is not None:
                if row.sha256 == content.sha256:
                    return False
                raise UploadDiffers
            row.received_at, row.size, row.sha256, row.node = now, content.size, content.sha256, self._node
            session.add(row)
            details: dict[str, JSON] = {"log": log, "type": row.kind, "size": content.size, "sha256": content.sha256}
            self._trail.record(
                session, FleetAct.LOG_RECEIVED, by=f"station:{row.station}", kind="station", thing=row.station,
                details=details, now=now,
            )  # fmt: skip
            return True

    def drop_stray(self, log: int, content: Content) -> None:
        """An upload that was not taken leaves no file; one that somebody else has had taken stays."""
        with self._store.reading() as session:
            row = session.get(StationLogRow, log)
        if row is None or row.sha256 != content.sha256:
            self.files.forget(log, content.sha256)

    # --- housekeeping

    def prune(self) -> int:
        """Forget logs that are old enough, some at a time; how many. Their files go with `sweep`."""
        old = col(StationLogRow.asked_at) < self._clock() - self._kept
        newest = select(StationLogRow.id).order_by(col(StationLogRow.id).desc()).limit(1)
        with self._store.reading() as session:
            last = session.exec(newest).first()
            query = select(StationLogRow.id).where(old, col(StationLogRow.id) != last).limit(_BATCH)
            found = session.exec(query).all()
        if found:
            with self._store.writing() as session:
                session.execute(delete(StationLogRow).where(col(StationLogRow.id).in_(found)))
        return len(found)

    def sweep(self) -> None:
        """Delete files on this machine that no log points to any more."""
        self.files.sweep_parts()
        here = self.files.names()
        for start in range(0, len(here), _BATCH):
            part = here[start : start + _BATCH]
            with self._store.reading() as session:
                query = select(StationLogRow.id, StationLogRow.sha256)
                known = set(session.exec(query.where(col(StationLogRow.id).in_([number for number, _ in part]))).all())
            for number, digest in part:
                if (number, digest) not in known and not self._is_coming(number, digest):
                    self.files.forget(number, digest)

    def _is_coming(self, number: int, digest: str) -> bool:
        """A file is named a moment before its row says so; a young one is left for the next round."""
        path = self.files.find(number, digest)
        return path is not None and self._clock().timestamp() - path.stat().st_mtime < 60

    def _check(self, station: StationRow, wanted: Wanted) -> None:
        if station.ocpp_version is None:
            raise CommandRefused(
                f"station {station.id!r} has never connected", "its version of OCPP tells how it is asked"
            )
        version = OcppVersion(station.ocpp_version)
        if wanted.kind is LogKind.DATA_COLLECTOR and version is not OcppVersion.V21:
            raise CommandRefused(f"OCPP {version} has no data collector's log", "2.1 has")
        if wanted.oldest and wanted.latest and wanted.oldest > wanted.latest:
            raise CommandRefused("the oldest entry wanted is younger than the latest")
        length = len(f"{self._address}{PATH}/") + len(secrets.token_urlsafe(TOKEN))
        if length > LONGEST_ADDRESS[version]:
            raise CommandRefused(
                f"the address to upload to has {length} characters; OCPP {version} allows {LONGEST_ADDRESS[version]}",
                "shorten VOLTWARD_LOG_UPLOAD_URL",
            )

    def _view(self, session: Session, row: StationLogRow, now: datetime) -> StationLog:
        state, reason = _state(row, session.get(CommandRow, row.command), now)
        return StationLog(
            id=row.id or 0, station=row.station, type=LogKind(row.kind), state=state, reason=reason,
            command=row.command, oldest=row.oldest, latest=row.latest, told=row.told, told_at=row.told_at,
            filename=row.filename, received_at=row.received_at, size=row.size, sha256=row.sha256, node=row.node,
            asked_at=row.asked_at, asked_by=row.asked_by,
        )  # fmt: skip


def _state(row: StationLogRow, command: CommandRow | None, now: datetime) -> tuple[LogState, str]:
    """What is known of a log. What arrived counts before what the station says."""
    if row.received_at is not None:
        return LogState.RECEIVED, ""
    if row.given_up or row.told == "AcceptedCanceled":
        return LogState.REPLACED, "the station gave it up for a newer request"
    if row.told in _FAILED:
        return LogState.FAILED, f"the station says {row.told}" + (f": {row.told_words}" if row.told_words else "")
    if row.told in ("Uploaded",):
        return LogState.MISSING, "the station says Uploaded, but nothing was uploaded here"
    if row.outcome and row.outcome != Outcome.ACCEPTED:
        return LogState.FAILED, f"the station answered {row.reason}".strip()
    if row.good_until is not None and now > row.good_until:
        return LogState.EXPIRED, "nothing was uploaded while the address was good"
    if row.told:
        return LogState.UPLOADING, "" if row.told == "Uploading" else f"the station says {row.told}"
    if row.outcome:
        return LogState.ACCEPTED, ""
    return _of_command_state(command)


def _of_command_state(command: CommandRow | None) -> tuple[LogState, str]:
    if command is None:
        return LogState.FAILED, "what was asked is not kept any more"
    if command.state == "queued":
        return LogState.QUEUED, "it is offline, and is asked when it is back"
    return (LogState.FAILED, command.error) if command.state == "failed" else (LogState.SENT, "")


def _of_command(session: Session, command: int) -> StationLogRow | None:
    return session.exec(select(StationLogRow).where(StationLogRow.command == command)).first()


def _meant(session: Session, station: str, request_id: int | None) -> StationLogRow | None:
    """The log that a status is about: by its request id, else the only one that is open (1.6 may leave it out)."""
    asked = select(StationLogRow).where(StationLogRow.station == station, col(StationLogRow.token_sha256).is_not(None))
    newest = asked.order_by(col(StationLogRow.id).desc())
    if request_id is not None:
        return session.exec(newest.where(StationLogRow.request_id == request_id)).first()
    return session.exec(newest.where(col(StationLogRow.received_at).is_(None))).first()


def _give_up_others(session: Session, kept: StationLogRow) -> None:
    others = (
        col(StationLogRow.station) == kept.station,
        col(StationLogRow.id) < kept.id,
        col(StationLogRow.received_at).is_(None),
        col(StationLogRow.token_sha256).is_not(None),
    )
    session.execute(update(StationLogRow).where(*others).values(given_up=True))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _plain(text: str, longest: int) -> str:
    """Without NUL characters, which PostgreSQL does not keep."""
    return text.replace("\0", "\ufffd")[:longest]
