"""/walks: what moves, and how far it has come."""

from dataclasses import dataclass
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from csms_bridge.walks.rows import WalkView
from csms_bridge.walks.steps import StepState, WalkState
from web.api.asked import Doors
from web.pages.rendering import render
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission

router = APIRouter(prefix="/walks", include_in_schema=False)
_PAGE = 50
_BEHIND = (StepState.DONE, StepState.SKIPPED)


@dataclass(frozen=True, slots=True)
class Moving:
    """A walk with how far it has come."""

    walk: WalkView
    behind: int
    total: int
    at_hand: str

    @classmethod
    def of(cls, walk: WalkView) -> Self:
        """Count the steps that are behind; `at_hand` is the first that is not."""
        open_steps = [step.name for step in walk.steps if step.state not in _BEHIND]
        behind = len(walk.steps) - len(open_steps)
        return cls(walk, behind, len(walk.steps), open_steps[0] if open_steps else "")


@router.get("")
def list_walks(
    doors: Doors,
    state: WalkState | None = None,
    after: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.WALKS_READ)),
) -> HTMLResponse:
    """Walks, newest first."""
    found = doors.fleet.walks(state=state, after=after, limit=_PAGE + 1)
    shown = [Moving.of(walk) for walk in found[:_PAGE]]
    following = found[_PAGE - 1].id if len(found) > _PAGE else None
    return render("walks.html", visitor, walks=shown, state=state, states=list(WalkState), next=following, after=after)


@router.get("/{walk_id}")
def show(doors: Doors, walk_id: str, visitor: Visitor = Depends(Seen(Permission.WALKS_READ))) -> HTMLResponse:
    """One walk, every step with its time."""
    return render("walk.html", visitor, moving=Moving.of(doors.fleet.walk(walk_id)))


@router.post("/{walk_id}/hold")
def hold(
    doors: Doors,
    walk_id: str,
    reason: Annotated[str, Form(min_length=1, max_length=500)],
    visitor: Visitor = Depends(Submitted(Permission.WALKS_CHANGE)),
) -> Response:
    """Stop a walk where it is."""
    return _back(doors.fleet.hold_walk(walk_id, reason, visitor.name))


@router.post("/{walk_id}/resume")
def resume(doors: Doors, walk_id: str, visitor: Visitor = Depends(Submitted(Permission.WALKS_CHANGE))) -> Response:
    """Go on."""
    return _back(doors.fleet.resume_walk(walk_id, visitor.name))


@router.post("/{walk_id}/retry")
def retry(doors: Doors, walk_id: str, visitor: Visitor = Depends(Submitted(Permission.WALKS_CHANGE))) -> Response:
    """Try the step at hand again."""
    return _back(doors.fleet.retry_step(walk_id, visitor.name))


@router.post("/{walk_id}/skip")
def skip(
    doors: Doors,
    walk_id: str,
    reason: Annotated[str, Form(min_length=1, max_length=500)],
    visitor: Visitor = Depends(Submitted(Permission.WALKS_CHANGE)),
) -> Response:
    """Leave out the step at hand."""
    return _back(doors.fleet.skip_step(walk_id, "", reason, visitor.name))


@router.post("/{walk_id}/cancel")
def cancel(
    doors: Doors,
    walk_id: str,
    reason: Annotated[str, Form(min_length=1, max_length=500)],
    as_it_is: Annotated[bool, Form()] = False,
    visitor: Visitor = Depends(Submitted(Permission.WALKS_CHANGE)),
) -> Response:
    """Give it up for good; what was begun is undone, unless it is to be left as it is."""
    return _back(doors.fleet.cancel_walk(walk_id, reason, visitor.name, as_it_is=as_it_is))


def _back(walk: WalkView) -> Response:
    return RedirectResponse(f"/walks/{walk.id}", status_code=303)
