"""Walks in the database: started, stored step by step with their audit records, shown, held, resumed, cancelled."""

import json
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.errors import UnknownStation, UnknownWalk, WalkRefused
from csms_bridge.quirks.quirks import Quirks, read_spelt
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.tables import StationRow, WalkRow
from csms_bridge.walks import machine
from csms_bridge.walks.causes import Cause
from csms_bridge.walks.marking import hold
from csms_bridge.walks.operating import cancel, leave, resume, retry, skip
from csms_bridge.walks.our_side import OurSide
from csms_bridge.walks.plans import plan
from csms_bridge.walks.rows import WalkUnderWay, WalkView, fields_of, under_way_of, view_of
from csms_bridge.walks.steps import ON_OUR_SIDE, Do, Progress, Walk, WalkState
from csms_bridge.walks.telling import told
from pki.audit import AuditTrail
from pki.clock import Clock
from pki.store import Store

ACTIVE = (WalkState.RUNNING, WalkState.HELD)


Change = Callable[[WalkUnderWay, datetime], tuple[Progress, Sequence[Do]]]
Moved: TypeAlias = tuple[WalkUnderWay, Sequence[Do]] | None
"""A walk as it stands now, and what is to be asked of its station; None when the station has no active walk."""


@dataclass(frozen=True, slots=True)
class Move:
    """A change for a station's walk. `is_news`: it moves the walk for certain, so that nobody need look before."""

    station: str
    change: Change
    is_news: bool = False


Taught = Callable[[Session, str, Walk, Progress, Progress, datetime], None]
"""Takes in what a move of a station's walk teaches: the walk, where it was, where it is."""


class Ledger:
    """Every walk's progress; a step and its audit record share a transaction."""

    def __init__(self, store: Store, trail: AuditTrail, clock: Clock, taught: Taught = lambda *_: None) -> None:
        self._taught = taught
        self._store = store
        self._trail = trail
        self._clock = clock
        self._our_side = OurSide(trail)

    def start(self, station: str, to: int, facts: Mapping[str, str], by: str, permit_lower: str = "") -> WalkView:
        """Begin a walk from where the station was seen last, or is registered, to profile `to`.

        Down only with `permit_lower`, an operator's reason. Raises UnknownStation, and WalkRefused when there is
        nothing to walk, a walk is under way, or nobody permits the way down.
        """
        with self._store.writing() as session:
            return self.start_in(session, station, to, facts, by, permit_lower)

    def start_in(
        self, session: Session, station: str, to: int, facts: Mapping[str, str], by: str, permit_lower: str = "",
        start: SecurityProfile | None = None,
    ) -> WalkView:  # fmt: skip
        """The same in the caller's transaction; from `start`, where the station has lost what it was seen on."""
        now = self._clock()
        row = session.get(StationRow, station)
        if row is None:
            raise UnknownStation(station)
        self._check_free(session, station)
        start = start or SecurityProfile(row.floor if row.profile is None else max(row.profile, row.floor))
        walk = _planned(row.ocpp_version, start, to, read_spelt(facts.get("quirks", "")))
        if walk.is_down:
            facts = {**facts, **_permission(by, permit_lower)}
        walk_row = WalkRow(
            id=f"w{secrets.token_hex(6)}",
            station=station,
            ocpp_version=row.ocpp_version or "",
            start=int(walk.start),
            goal=int(walk.goal),
            created_at=now,
            updated_at=now,
            **fields_of(machine.begin(walk, now, facts)),
        )
        row.wanted_profile, row.updated_at = int(walk.goal), now
        session.add(row)
        session.add(walk_row)
        self._trail.record(
            session, FleetAct.WALK_STARTED, by=by, kind="station", thing=station, now=now,
            details={"walk": walk_row.id, "from": int(walk.start), "to": int(walk.goal)},
        )  # fmt: skip
        return view_of(walk_row)

    def apply(self, station: str, change: Change, by: str = "service") -> Moved:
        """Let `change` move the station's active walk, and store what came out before anything is sent.

        None when the station has no active walk. The floor is raised in the same transaction.
        """
        return self.apply_each([Move(station, change)], by)[0]

    def apply_each(self, moves: Sequence[Move], by: str = "service") -> list[Moved]:
        """The same for many stations in one transaction; what is told of one station is taken in in this order."""
        now = self._clock()
        moving, at_rest = self._looked(moves, now)
        ours = [move for move in moves if move.station in moving]
        moved = iter(self._move_each(ours, now, by) if ours else ())
        return [next(moved) if move.station in moving else at_rest.get(move.station) for move in moves]

    def _looked(self, moves: Sequence[Move], now: datetime) -> tuple[set[str], dict[str, Moved]]:
        """The stations whose walks move, and how the others stand: a walk that nothing moves costs no write."""
        news = {move.station for move in moves if move.is_news}
        quiet = [move for move in moves if move.station not in news]
        with self._store.reading() as session:
            looked = {row.station: under_way_of(row) for row in _active(session, {move.station for move in quiet})}
            walking = set(session.exec(select(WalkRow.station).where(*_of(news)))) if news else set()
        moving = _moving(looked, quiet, now) | walking
        return moving, {station: (one, ()) for station, one in looked.items() if station not in moving}

    def _move_each(self, moves: Sequence[Move], now: datetime, by: str) -> list[Moved]:
        with self._store.writing() as session:
            rows = {row.station: row for row in _active(session, {move.station for move in moves}, lock=True)}
            at = {station: under_way_of(row) for station, row in rows.items()}
            moved: list[Moved] = []
            for move in moves:
                before = at.get(move.station)
                if before is None or before.at.outcome not in ACTIVE:
                    moved.append(None)
                    continue
                at[move.station], acts = self._move(session, rows[move.station], before, move.change, now, by)
                moved.append((at[move.station], acts))
            return moved

    def _move(
        self, session: Session, row: WalkRow, before: WalkUnderWay, change: Change, now: datetime, by: str
    ) -> tuple[WalkUnderWay, Sequence[Do]]:
        after, acts = change(before, now)
        if after != before.at:
            self._store_progress(session, row, before, after, now, by)
        for act in acts:
            self._our_side.do(session, act, before, now)
        return replace(before, at=after, stored_at=row.updated_at), [act for act in acts if act not in ON_OUR_SIDE]

    def under_way(self, station: str) -> WalkUnderWay | None:
        """The station's active walk."""
        with self._store.reading() as session:
            row = self._active(session, station)
            return None if row is None else under_way_of(row)

    def learn(self, station: str, **facts: str) -> None:
        """Note facts of the active walk (see Progress), quietly."""
        with self._store.writing() as session:
            row = self._active(session, station)
            if row is not None:
                row.facts = json.dumps({**json.loads(row.facts), **facts})
                session.add(row)

    def replan(self, station: str, change: Callable[[WalkUnderWay, OcppVersion], Progress]) -> None:
        """Let `change` put another plan in the place of one of which nothing was begun."""
        now = self._clock()
        with self._store.writing() as session:
            for row in _active(session, [station], lock=True):
                before = under_way_of(row)
                after = change(before, OcppVersion(row.ocpp_version))
                if after == before.at:
                    continue
                for name, value in fields_of(after).items():
                    setattr(row, name, value)
                row.updated_at = now
                session.add(row)
                session.flush()
                self._trail.record(
                    session, FleetAct.WALK_REPLANNED, by="service", kind="station", thing=station, now=now,
                    details={"walk": row.id, "quirks": after.facts.get("quirks", "")},
                )  # fmt: skip

    def hold(self, walk: str, reason: str, by: str) -> WalkView:
        """Put a running walk on hold. Raises UnknownWalk, WalkRefused."""

        def change(under_way: WalkUnderWay, now: datetime) -> tuple[Progress, Sequence[Do]]:
            return hold(under_way.at, reason, now, Cause.OPERATOR), ()

        return self._operate(walk, (WalkState.RUNNING,), "hold", change, by)

    def resume(self, walk: str, by: str) -> WalkView:
        """Let a held walk go on. Raises UnknownWalk, WalkRefused."""
        with self._store.writing() as session:
            return self.resume_in(session, walk, by)

    def resume_in(self, session: Session, walk: str, by: str) -> WalkView:
        """The same in the caller's transaction."""

        def change(under_way: WalkUnderWay, now: datetime) -> tuple[Progress, Sequence[Do]]:
            return resume(under_way.walk, under_way.at, now), ()

        return self._operate_in(session, walk, (WalkState.HELD,), "resume", change, by)

    def retry(self, walk: str, by: str) -> WalkView:
        """Let a held walk go on with the step at hand, and not the whole leg. Raises UnknownWalk, WalkRefused."""

        def change(under_way: WalkUnderWay, now: datetime) -> tuple[Progress, Sequence[Do]]:
            return retry(under_way.walk, under_way.at, now), ()

        return self._operate(walk, (WalkState.HELD,), "retry", change, by)

    def skip(self, walk: str, step: str, reason: str, by: str) -> WalkView:
        """Leave out the next step of this name; empty: the one at hand. Raises UnknownWalk, WalkRefused."""

        def change(under_way: WalkUnderWay, now: datetime) -> tuple[Progress, Sequence[Do]]:
            index = _index_of(under_way, step)
            return skip(under_way.walk, under_way.at, index, reason, now), ()

        return self._operate(walk, ACTIVE, "skip", change, by, reason)

    def cancel(self, walk: str, reason: str, by: str, *, as_it_is: bool = False) -> WalkView:
        """Give a walk up: what was begun is undone first; `as_it_is` ends it without. Raises UnknownWalk, WalkRefused.

        The station stays on the profile that it was seen on. Until the way back is proved, the walk is running.
        """
        with self._store.writing() as session:
            return self.cancel_in(session, walk, reason, by, as_it_is=as_it_is)

    def cancel_in(self, session: Session, walk: str, reason: str, by: str, *, as_it_is: bool = False) -> WalkView:
        """The same in the caller's transaction."""

        def change(under_way: WalkUnderWay, now: datetime) -> tuple[Progress, Sequence[Do]]:
            if as_it_is:
                return leave(under_way.at, reason), ()
            return cancel(under_way.walk, under_way.at, reason, now), ()

        return self._operate_in(session, walk, ACTIVE, "cancel", change, by)

    def walk(self, walk: str) -> WalkView:
        """One walk. Raises UnknownWalk."""
        with self._store.reading() as session:
            row = session.get(WalkRow, walk)
            if row is None:
                raise UnknownWalk(walk)
            return view_of(row)

    def search(self, *, station: str | None, state: str | None, after: str | None, limit: int) -> list[WalkView]:
        """Walks, newest first; `after` is the id of the last one seen."""
        query = select(WalkRow).order_by(col(WalkRow.created_at).desc(), col(WalkRow.id).desc()).limit(limit)
        if station is not None:
            query = query.where(WalkRow.station == station)
        if state is not None:
            query = query.where(WalkRow.outcome == state)
        with self._store.reading() as session:
            last = session.get(WalkRow, after) if after else None
            if last is not None:
                older = col(WalkRow.created_at) < last.created_at
                same = (col(WalkRow.created_at) == last.created_at) & (col(WalkRow.id) < last.id)
                query = query.where(older | same)
            return [view_of(row) for row in session.exec(query)]

    def changed_since(self, since: datetime, limit: int) -> list[WalkView]:
        """Walks that moved after `since`, oldest change first."""
        query = select(WalkRow).where(col(WalkRow.updated_at) > since).order_by(col(WalkRow.updated_at)).limit(limit)
        with self._store.reading() as session:
            return [view_of(row) for row in session.exec(query)]

    def running(self) -> dict[str, datetime]:
        """Stations with a running walk, and when it was stored last."""
        query = select(WalkRow.station, WalkRow.updated_at).where(WalkRow.outcome == WalkState.RUNNING)
        with self._store.reading() as session:
            return dict(session.exec(query).all())

    def current(self, station: str) -> WalkView | None:
        """The station's active walk, else its last one."""
        return next(iter(self.search(station=station, state=None, after=None, limit=1)), None)

    def _operate(
        self, walk: str, allowed: tuple[WalkState, ...], verb: str, change: Change, by: str, reason: str = ""
    ) -> WalkView:
        with self._store.writing() as session:
            return self._operate_in(session, walk, allowed, verb, change, by, reason)

    def _operate_in(
        self, session: Session, walk: str, allowed: tuple[WalkState, ...], verb: str, change: Change, by: str,
        reason: str = "",
    ) -> WalkView:  # fmt: skip
        now = self._clock()
        row = session.get(WalkRow, walk, populate_existing=True)
        if row is None:
            raise UnknownWalk(walk)
        if row.outcome not in allowed:
            raise WalkRefused(f"walk {walk} is {row.outcome}: it cannot be {_PARTICIPLE[verb]}")
        before = under_way_of(row)
        after, _ = change(before, now)
        self._store_progress(session, row, before, after, now, by, verb, reason)
        return view_of(row)

    def _store_progress(
        self, session: Session, row: WalkRow, before: WalkUnderWay, after: Progress, now: datetime, by: str,
        verb: str = "", reason: str = "",
    ) -> None:  # fmt: skip
        for name, value in fields_of(after).items():
            setattr(row, name, value)
        row.updated_at = now
        session.add(row)
        self._sync_station(session, row, before.at.outcome, now)
        self._taught(session, row.station, before.walk, before.at, after, now)
        for act, details in told(before.at, after, verb):
            self._trail.record(
                session, act, by=by, kind="station", thing=row.station, reason=reason or after.reason, now=now,
                details={"walk": row.id, **details},
            )  # fmt: skip

    def _sync_station(self, session: Session, row: WalkRow, before: WalkState, now: datetime) -> None:
        """A hold shows on the station, and a walk that is given up is wanted no more."""
        station = session.get(StationRow, row.station) if row.outcome != before else None
        if station is None:
            return
        station.hold = row.reason if row.outcome == WalkState.HELD else None
        station.updated_at = now
        if row.outcome == WalkState.CANCELLED:
            station.wanted_profile = station.floor
        session.add(station)

    def _active(self, session: Session, station: str) -> WalkRow | None:
        return next(iter(_active(session, [station])), None)

    def _check_free(self, session: Session, station: str) -> None:
        if row := self._active(session, station):
            raise WalkRefused(
                f"station {station!r} has walk {row.id}, which is {row.outcome}",
                f"resume or cancel it first: voltward walk cancel {row.id} --reason WHY",
            )


_PARTICIPLE = {"hold": "held", "resume": "resumed", "cancel": "cancelled", "retry": "retried", "skip": "changed"}


def _of(stations: Collection[str]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The active walks of these stations."""
    return col(WalkRow.station).in_(stations), col(WalkRow.outcome).in_(ACTIVE)


def _active(session: Session, stations: Collection[str], *, lock: bool = False) -> Sequence[WalkRow]:
    """Their active walks, locked in one order: two transactions with some of the same cannot wait for each other."""
    query = select(WalkRow).where(*_of(stations))
    query = query.order_by(col(WalkRow.station)).with_for_update() if lock else query
    return session.exec(query).all() if stations else []


def _moving(looked: Mapping[str, WalkUnderWay], moves: Sequence[Move], now: datetime) -> set[str]:
    """The stations of whose walks something would change."""
    at, found = dict(looked), set[str]()
    for station, change in [(move.station, move.change) for move in moves if move.station in at]:
        after, acts = change(at[station], now)
        if acts or after != at[station].at:
            found.add(station)
        at[station] = replace(at[station], at=after)
    return found


def _planned(version: str | None, start: SecurityProfile, to: int, quirks: Quirks) -> Walk:
    if version is None:
        raise WalkRefused(
            "the station's OCPP version is not known yet",
            "let it connect once, or register it with --ocpp",
        )
    try:
        return plan(OcppVersion(version), start, SecurityProfile(to), quirks)
    except ValueError as error:
        raise WalkRefused(f"no walk: {error}") from None


def _permission(by: str, reason: str) -> Mapping[str, str]:
    if not reason:
        raise WalkRefused(
            "the way down is walked by permission only",
            "say why, and that it may: voltward walk start ID --to 2 --permit-lower --reason WHY",
        )
    return {"permitted_by": by, "permitted_for": reason}


def _index_of(under_way: WalkUnderWay, step: str) -> int:
    """The next step of this name."""
    at, steps = under_way.at, under_way.walk.steps
    found = [i for i in range(at.index, len(steps)) if step in ("", steps[i].name)]
    if not found:
        raise WalkRefused(f"no step {step!r} is to come", "voltward walk show tells which are")
    return found[0]
