"""The stations of a campaign: written down, looked at once more, counted. A statement each, however many there are."""

import json
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import ColumnElement, case, func, insert, literal, update
from sqlmodel import Session, col

from csms_bridge.campaigns.book import campaign_of
from csms_bridge.campaigns.engine import wave_sizes
from csms_bridge.campaigns.kinds.kind import CampaignKind
from csms_bridge.campaigns.previews import rules_of
from csms_bridge.campaigns.rows import CampaignRow, CampaignTargetRow
from csms_bridge.campaigns.selecting import Model, certificate_end, chosen, reason
from csms_bridge.campaigns.words import TargetState
from csms_bridge.tables import StationRow
from pki.store import UtcDateTime

_QUIETLY = {"synchronize_session": False}
_COLUMNS = ["campaign", "station", "state", "tries", "work", "outcome", "reason", "rank", "due_at", "updated_at"]


def why_not(row: CampaignRow, kind: CampaignKind, models: Sequence[Model], now: datetime) -> ColumnElement[str]:
    """Why a station cannot be begun now; empty when it can."""
    campaign = campaign_of(row)
    return reason(rules_of(kind, campaign.goal, campaign.pace, row.id, row.created_at, now, models))


def put_down(session: Session, row: CampaignRow, kind: CampaignKind, models: Sequence[Model], now: datetime) -> None:
    """All that the campaign has selected, those that are left out with the reason."""
    why, at = why_not(row, kind, models, now), literal(now, UtcDateTime())
    due = func.coalesce(certificate_end(), at) if kind.most_urgent_first() else at
    state = case((why == "", TargetState.PENDING.value), else_=TargetState.EXCLUDED.value)
    blank = literal("")
    fleet = sa.select(literal(row.id), col(StationRow.id), state, literal(0), blank, blank, why, literal(0), due, at)
    selected = fleet.where(*chosen(campaign_of(row).selection))
    session.execute(insert(CampaignTargetRow).from_select(_COLUMNS, selected))
    _rank(session, row)
    count(session, row)


def look_again(session: Session, row: CampaignRow, kind: CampaignKind, models: Sequence[Model], now: datetime) -> None:
    """Things have changed since it was made; and who is another campaign's by now is left out."""
    why = sa.select(why_not(row, kind, models, now)).where(col(StationRow.id) == col(CampaignTargetRow.station))
    ours = update(CampaignTargetRow).where(col(CampaignTargetRow.campaign) == row.id)
    session.execute(ours.values(reason=why.scalar_subquery(), updated_at=now).execution_options(**_QUIETLY))
    is_free = col(CampaignTargetRow.reason) == ""
    state = case((is_free, TargetState.PENDING.value), else_=TargetState.EXCLUDED.value)
    session.execute(ours.values(state=state).execution_options(**_QUIETLY))
    _rank(session, row)
    count(session, row)


def _rank(session: Session, row: CampaignRow) -> None:
    """One station of each model, firmware and OCPP version goes first, the most frequent first.

    A canary of one model would prove nothing for the others. One that is connected is the better sample.
    """
    ours = (col(CampaignTargetRow.campaign) == row.id, col(CampaignTargetRow.state) == TargetState.PENDING.value)
    alike = [col(one) for one in (StationRow.vendor, StationRow.model, StationRow.firmware, StationRow.ocpp_version)]
    order = (col(StationRow.online).desc(), col(CampaignTargetRow.due_at), col(StationRow.id))
    numbered = (
        sa.select(
            col(CampaignTargetRow.station).label("station"),
            func.row_number().over(partition_by=alike, order_by=order).label("number"),
            func.count().over(partition_by=alike).label("alike"),
        )
        .where(*ours, col(StationRow.id) == col(CampaignTargetRow.station))
        .subquery()
    )
    rank = case((numbered.c.number == 1, -numbered.c.alike), else_=0)
    ranked = update(CampaignTargetRow).where(*ours, col(CampaignTargetRow.station) == numbered.c.station)
    session.execute(ranked.values(rank=rank).execution_options(**_QUIETLY))


def cancel_waiting(session: Session, row: CampaignRow, now: datetime) -> None:
    """Those that have not been begun, and those that are gone since."""
    rest = update(CampaignTargetRow).where(
        col(CampaignTargetRow.campaign) == row.id,
        col(CampaignTargetRow.state).in_([TargetState.PENDING, TargetState.AWAY]),
    )
    ended = {"state": TargetState.CANCELLED.value, "reason": row.reason, "ended_at": now, "updated_at": now}
    session.execute(rest.values(**ended).execution_options(**_QUIETLY))


def count(session: Session, row: CampaignRow) -> None:
    """How many it takes and leaves out, and what that makes of its waves."""
    query = sa.select(col(CampaignTargetRow.state), func.count()).where(col(CampaignTargetRow.campaign) == row.id)
    counts: dict[str, int] = dict(session.execute(query.group_by(col(CampaignTargetRow.state))).all())
    row.total = counts.get(TargetState.PENDING.value, 0)
    row.excluded = counts.get(TargetState.EXCLUDED.value, 0)
    row.sizes = json.dumps(wave_sizes(row.total, campaign_of(row).pace))
    session.add(row)
    session.flush()
