"""/api/v1/campaigns: the same change on many stations, in waves."""

from fastapi import APIRouter, Depends
from pydantic import Field

from csms_bridge.campaigns.words import AbortMode, CampaignState, TargetState
from web.api.asked import After, Doors, Limit, page
from web.api.campaign_shapes import (
    CampaignEventOut,
    CampaignOut,
    CreatedCampaignOut,
    PlannedOut,
    PreviewOut,
    TargetOut,
)
from web.api.shapes import In, Page, ReasonIn
from web.auth import Needs
from web.campaign_asks import CampaignIn
from web.permissions import Permission, Principal

router = APIRouter(prefix="/campaigns", tags=["campaigns"])


class ResumeIn(In):
    """Why it goes on, if that is to be said."""

    reason: str = Field(default="", max_length=500)


class AbortIn(ReasonIn):
    """`finish` lets what is under way come to its end, `cancel` cancels it where that can be done."""

    mode: AbortMode = AbortMode.FINISH


@router.post("/preview")
def preview_campaign(
    doors: Doors, body: CampaignIn, _caller: Principal = Depends(Needs(Permission.CAMPAIGNS_READ))
) -> PreviewOut:
    """What a campaign would do; nothing is kept."""
    return PreviewOut.made(doors.fleet.campaigns.preview(body.meaning(doors.clock())))


@router.post("", status_code=201)
def create_campaign(
    doors: Doors, body: CampaignIn, caller: Principal = Depends(Needs(Permission.CAMPAIGNS_CHANGE))
) -> CreatedCampaignOut:
    """Write a campaign down, with its preview. Nothing is begun before it is started."""
    asked = body.meaning(doors.clock())
    preview = doors.fleet.campaigns.preview(asked)
    return CreatedCampaignOut.with_preview(doors.fleet.campaigns.create(asked, caller.name), preview)


@router.get("")
def list_campaigns(
    doors: Doors,
    state: CampaignState | None = None,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.CAMPAIGNS_READ)),
) -> Page[CampaignOut]:
    """Campaigns, newest first. `after` is the id of a campaign."""
    if after is not None:
        doors.fleet.campaigns.campaign(after)  # an unknown place is no empty page
    found = doors.fleet.campaigns.page(state=state, after=after, limit=limit + 1)
    return page(found, limit, CampaignOut.made, lambda view: view.campaign.id)


@router.get("/{campaign_id}")
def show_campaign(
    doors: Doors, campaign_id: str, _caller: Principal = Depends(Needs(Permission.CAMPAIGNS_READ))
) -> CampaignOut:
    """One campaign with its numbers, wave by wave."""
    return CampaignOut.made(doors.fleet.campaigns.campaign(campaign_id))


@router.get("/{campaign_id}/targets")
def list_targets(
    doors: Doors,
    campaign_id: str,
    state: TargetState | None = None,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.CAMPAIGNS_READ)),
) -> Page[TargetOut]:
    """Its stations by identity."""
    found = doors.fleet.campaigns.targets(campaign_id, state=state, after=after, limit=limit + 1)
    return page(found, limit, TargetOut.made, lambda target: target.station)


@router.get("/{campaign_id}/plan")
def plan_campaign(
    doors: Doors,
    campaign_id: str,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.CAMPAIGNS_READ)),
) -> Page[PlannedOut]:
    """The dry run: who comes in which wave, and when at the earliest."""
    found = doors.fleet.campaigns.plan(campaign_id, after=after, limit=limit + 1)
    return page(found, limit, PlannedOut.made, lambda planned: planned.station)


@router.get("/{campaign_id}/events")
def list_campaign_events(
    doors: Doors,
    campaign_id: str,
    limit: Limit = 100,
    _caller: Principal = Depends(Needs(Permission.CAMPAIGNS_READ)),
) -> Page[CampaignEventOut]:
    """What happened to it, newest first."""
    found = doors.fleet.campaigns.history(campaign_id, limit)
    return Page(items=[CampaignEventOut.made(record) for record in found], next=None)


@router.post("/{campaign_id}/start")
def start_campaign(
    doors: Doors, campaign_id: str, caller: Principal = Depends(Needs(Permission.CAMPAIGNS_CHANGE))
) -> CampaignOut:
    """Begin. Whom it takes is looked at once more."""
    return CampaignOut.made(doors.fleet.campaigns.start(campaign_id, caller.name))


@router.post("/{campaign_id}/pause")
def pause_campaign(
    doors: Doors, campaign_id: str, body: ReasonIn, caller: Principal = Depends(Needs(Permission.CAMPAIGNS_CHANGE))
) -> CampaignOut:
    """Begin nothing more; what is under way goes on."""
    return CampaignOut.made(doors.fleet.campaigns.pause(campaign_id, body.reason, caller.name))


@router.post("/{campaign_id}/resume")
def resume_campaign(
    doors: Doors, campaign_id: str, body: ResumeIn, caller: Principal = Depends(Needs(Permission.CAMPAIGNS_CHANGE))
) -> CampaignOut:
    """Go on; the errors so far are let pass."""
    return CampaignOut.made(doors.fleet.campaigns.resume(campaign_id, caller.name, body.reason))


@router.post("/{campaign_id}/abort")
def abort_campaign(
    doors: Doors, campaign_id: str, body: AbortIn, caller: Principal = Depends(Needs(Permission.CAMPAIGNS_CHANGE))
) -> CampaignOut:
    """End it for good."""
    return CampaignOut.made(doors.fleet.campaigns.abort(campaign_id, body.mode, body.reason, caller.name))
