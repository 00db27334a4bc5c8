"""/campaigns: what changes in waves, how far each wave is, and who lags behind."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from csms_bridge.campaigns.door import CampaignView
from csms_bridge.campaigns.words import AbortMode, CampaignState, Kind, TargetState
from csms_bridge.errors import CampaignRefused, RootRefused, UnknownRoot
from csms_bridge.station import OcppVersion
from pki.firmware_book import FirmwareState
from web.api.asked import Doors
from web.campaign_asks import CampaignIn, spelt
from web.errors import RequestRefused
from web.pages.rendering import render
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission

router = APIRouter(prefix="/campaigns", include_in_schema=False)
_PAGE = 50
_TARGETS = 100
_SELECTION = (
    "vendor", "model", "site", "tag", "profile", "ocpp_version", "firmware", "expires_before", "everything", "stations",
)  # fmt: skip
_RELEASES = 100
_GOAL = ("name", "kind", "to", "root", "restart", "release", "location", "to_ocpp", "only_ready")
_LISTED = ("waves", "retries")
Reason = Annotated[str, Form(min_length=1, max_length=500)]
Changing = Annotated[Visitor, Depends(Submitted(Permission.CAMPAIGNS_CHANGE))]


@router.get("")
def list_campaigns(
    doors: Doors,
    state: CampaignState | None = None,
    after: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.CAMPAIGNS_READ)),
) -> HTMLResponse:
    """Campaigns, newest first."""
    found = doors.fleet.campaigns.page(state=state, after=after, limit=_PAGE + 1)
    following = found[_PAGE - 1].campaign.id if len(found) > _PAGE else None
    return render(
        "campaigns.html", visitor, views=found[:_PAGE], state=state, states=list(CampaignState), next=following,
        after=after,
    )  # fmt: skip


@router.get("/new")
def ask(doors: Doors, visitor: Visitor = Depends(Seen(Permission.CAMPAIGNS_CHANGE))) -> HTMLResponse:
    """An empty form."""
    return _form(doors, visitor, {})


async def _filled_in(request: Request) -> dict[str, str]:
    return {name: str(value).strip() for name, value in (await request.form()).items() if name != "form_token"}


@router.post("/new")
def make(doors: Doors, visitor: Changing, filled: Annotated[dict[str, str], Depends(_filled_in)]) -> Response:
    """Show what it would do, or write it down."""
    try:
        asked = _asked(filled).meaning(doors.clock())
        if filled.get("act") == "create":
            made = doors.fleet.campaigns.create(asked, visitor.name)
            return RedirectResponse(f"/campaigns/{made.campaign.id}", status_code=303)
        return _form(doors, visitor, filled, preview=doors.fleet.campaigns.preview(asked))
    except ValidationError as wrong:
        first = wrong.errors()[0]
        where = first["loc"][-1] if first["loc"] else "the form"
        return _form(doors, visitor, filled, f"{where}: {first['msg']}")
    except (CampaignRefused, RequestRefused, UnknownRoot, RootRefused) as refused:
        return _form(doors, visitor, filled, refused.sentence)


@router.get("/{campaign_id}")
def show(
    doors: Doors,
    campaign_id: str,
    state: TargetState | None = None,
    after: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.CAMPAIGNS_READ)),
) -> HTMLResponse:
    """One campaign: its waves, its stations by where they stand, and its story."""
    campaigns = doors.fleet.campaigns
    targets = campaigns.targets(campaign_id, state=state, after=after, limit=_TARGETS + 1)
    following = targets[_TARGETS - 1].station if len(targets) > _TARGETS else None
    view = campaigns.campaign(campaign_id)
    planned = campaigns.plan(campaign_id, limit=20) if view.campaign.state is CampaignState.READY else []
    return render(
        "campaign.html", visitor, view=view, targets=targets[:_TARGETS], state=state, next=following, after=after,
        history=campaigns.history(campaign_id, 20), planned=planned, left=_words(view.left),
        states=list(TargetState), spelt=spelt, words=_words,
    )  # fmt: skip


@router.post("/{campaign_id}/start")
def start(doors: Doors, campaign_id: str, visitor: Changing) -> Response:
    """Begin."""
    return _back(doors.fleet.campaigns.start(campaign_id, visitor.name))


@router.post("/{campaign_id}/pause")
def pause(doors: Doors, campaign_id: str, reason: Reason, visitor: Changing) -> Response:
    """Begin nothing more."""
    return _back(doors.fleet.campaigns.pause(campaign_id, reason, visitor.name))


@router.post("/{campaign_id}/resume")
def resume(
    doors: Doors, campaign_id: str, visitor: Changing, reason: Annotated[str, Form(max_length=500)] = ""
) -> Response:
    """Go on."""
    return _back(doors.fleet.campaigns.resume(campaign_id, visitor.name, reason))


@router.post("/{campaign_id}/abort")
def abort(
    doors: Doors, campaign_id: str, reason: Reason, visitor: Changing, mode: Annotated[AbortMode, Form()]
) -> Response:
    """End it for good."""
    return _back(doors.fleet.campaigns.abort(campaign_id, mode, reason, visitor.name))


def _asked(filled: dict[str, str]) -> CampaignIn:
    """What a form says, in the API's words. Raises ValidationError."""
    given = {name: value for name, value in filled.items() if value and name != "act"}
    selection: dict[str, object] = {name: given.pop(name) for name in _SELECTION if name in given}
    if "stations" in selection:
        selection["stations"] = str(selection["stations"]).split()
    top = {name: given.pop(name) for name in _GOAL if name in given}
    pace = {name: value.replace(",", " ").split() if name in _LISTED else value for name, value in given.items()}
    return CampaignIn.model_validate({**top, "selection": selection, "pace": pace})


def _form(
    doors: Doors, visitor: Visitor, filled: dict[str, str], wrong: str = "", preview: object = None
) -> HTMLResponse:
    roots = doors.fleet.roots.installable()
    return render(
        "campaign_new.html", visitor, 422 if wrong else 200, filled=filled, wrong=wrong, preview=preview,
        kinds=list(Kind), versions=list(OcppVersion), roots=roots,
        releases=doors.authority.firmware_book.page(None, _RELEASES, FirmwareState.SIGNED),
    )  # fmt: skip


def _words(span: timedelta | None) -> str:
    if span is None:
        return ""
    minutes = int(span.total_seconds()) // 60
    return "less than a minute" if not minutes else f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def _back(view: CampaignView) -> Response:
    return RedirectResponse(f"/campaigns/{view.campaign.id}", status_code=303)
