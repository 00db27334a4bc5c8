"""One walk, three shapes: a row, what people see of it, and what the runner works with."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csms_bridge.quirks.quirks import read_spelt
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.tables import WalkRow
from csms_bridge.walks.counsel import Advice, advice
from csms_bridge.walks.plans import plan
from csms_bridge.walks.steps import Progress, StepState, StepView, Walk, WalkState
from csms_bridge.walks.way_back import with_way_back


@dataclass(frozen=True, slots=True)
class WalkView:
    """A walk as people see it."""

    id: str
    station: str
    from_profile: SecurityProfile
    to_profile: SecurityProfile
    state: WalkState
    reason: str
    steps: tuple[StepView, ...]
    created_at: datetime
    updated_at: datetime
    next: tuple[Advice, ...] = ()
    """What may safely be done about it now."""


@dataclass(frozen=True, slots=True)
class WalkUnderWay:
    """A walk as the runner sees it: the table and how far it came, as it was stored last at `stored_at`."""

    id: str
    station: str
    walk: Walk
    at: Progress
    stored_at: datetime


def view_of(row: WalkRow) -> WalkView:
    """The domain object of a row."""
    under_way = under_way_of(row)
    return WalkView(
        id=row.id,
        station=row.station,
        from_profile=SecurityProfile(row.start),
        to_profile=SecurityProfile(row.goal),
        state=WalkState(row.outcome),
        reason=row.reason,
        steps=_views(row.views),
        created_at=row.created_at,
        updated_at=row.updated_at,
        next=advice(under_way.walk, under_way.at),
    )


def under_way_of(row: WalkRow) -> WalkUnderWay:
    """A row as the runner sees it."""
    facts = json.loads(row.facts)
    progress = Progress(
        views=_views(row.views),
        moved=row.moved,
        index=row.step,
        tries=row.tries,
        outcome=WalkState(row.outcome),
        reason=row.reason,
        facts=facts,
    )
    return WalkUnderWay(row.id, row.station, _table_of(row, progress), progress, row.updated_at)


def _table_of(row: WalkRow, at: Progress) -> Walk:
    """The table that the progress stands in."""
    quirks = read_spelt(at.facts.get("quirks", ""))
    walk = plan(OcppVersion(row.ocpp_version), SecurityProfile(row.start), SecurityProfile(row.goal), quirks)
    return with_way_back(walk, at.facts)


def fields_of(at: Progress) -> dict[str, Any]:
    """Progress as columns; beside `under_way_of`, its inverse."""
    views = [
        {"name": v.name, "state": v.state, "at": v.at.isoformat() if v.at else None, "note": v.note} for v in at.views
    ]
    return {
        "views": json.dumps(views),
        "moved": at.moved,
        "step": at.index,
        "tries": at.tries,
        "outcome": at.outcome,
        "reason": at.reason,
        "facts": json.dumps(dict(at.facts)),
    }


def _views(text: str) -> tuple[StepView, ...]:
    return tuple(
        StepView(
            view["name"],
            StepState(view["state"]),
            datetime.fromisoformat(view["at"]) if view["at"] else None,
            view["note"],
        )
        for view in json.loads(text)
    )
