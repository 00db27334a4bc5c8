"""Campaigns that ended long ago, or were never begun, are forgotten bit by bit; the audit trail keeps its own."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, or_
from sqlmodel import col, select

from csms_bridge.campaigns.rows import CampaignRow, CampaignTargetRow
from csms_bridge.campaigns.words import CampaignState
from pki.clock import Clock
from pki.store import Store

log = structlog.get_logger()

BATCH = 500  # stations of one transaction: some milliseconds
_BATCHES = 20  # of one round


class CampaignRetention:
    """Deletes what is older than `kept`; to be called every few seconds."""

    def __init__(self, store: Store, kept: timedelta, clock: Clock) -> None:
        self._store = store
        self._kept = kept
        self._clock = clock

    def round(self) -> int:
        """How many rows were deleted: the stations of a campaign first, then the campaign."""
        campaign = self._oldest(self._clock() - self._kept)
        if campaign is None:
            return 0
        deleted = sum(self._delete_some(campaign) for _ in range(_BATCHES))
        with self._store.writing() as session:
            left = select(CampaignTargetRow.station).where(CampaignTargetRow.campaign == campaign).limit(1)
            if session.exec(left).first() is None:
                session.delete(session.get_one(CampaignRow, campaign))
                deleted += 1
                log.info("campaign_forgotten", campaign=campaign)
        return deleted

    def _oldest(self, limit: datetime) -> str | None:
        never_begun = (col(CampaignRow.state) == CampaignState.READY.value) & (col(CampaignRow.updated_at) < limit)
        old = select(CampaignRow.id).where(or_(col(CampaignRow.ended_at) < limit, never_begun))
        with self._store.reading() as session:
            return session.exec(old.order_by(col(CampaignRow.created_at)).limit(1)).first()

    def _delete_some(self, campaign: str) -> int:
        ours = col(CampaignTargetRow.campaign) == campaign
        with self._store.reading() as session:
            some = session.exec(select(CampaignTargetRow.station).where(ours).limit(BATCH)).all()
        if some:
            with self._store.writing() as session:
                session.execute(delete(CampaignTargetRow).where(ours, col(CampaignTargetRow.station).in_(some)))
        return len(some)
