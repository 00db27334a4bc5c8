"""/api/v1/alarms: what a person should look at."""

from fastapi import APIRouter, Depends
from pydantic import Field

from web.api.asked import After, Doors, Limit, number_cursor, page
from web.api.shapes import AlarmOut, In, Out, Page
from web.auth import Needs
from web.errors import RequestRefused, WebhookMissing
from web.permissions import Permission, Principal

router = APIRouter(prefix="/alarms", tags=["alarms"])


class ClearingIn(In):
    """What was found or done; it stands in the audit trail."""

    note: str = Field(default="", max_length=500)


class DeliveryOut(Out):
    """Whether the other side took it: its HTTP status (null without an answer), and why it did not."""

    delivered: bool
    status: int | None
    why: str


@router.get("")
def list_alarms(
    doors: Doors,
    open: bool = True,  # noqa: A002 -- the query's name
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.ALARMS_READ)),
) -> Page[AlarmOut]:
    """Alarms, newest first; with `open=false` the cleared ones too."""
    found = doors.authority.alarms.page(only_open=open, after=number_cursor(after), limit=limit + 1)
    return page(found, limit, AlarmOut.of, lambda alarm: alarm.id)


@router.post("/test")
async def try_webhook(doors: Doors, _caller: Principal = Depends(Needs(Permission.ALARMS_TEST))) -> DeliveryOut:
    """Send a test message to the webhook now, and say whether it was taken."""
    if doors.webhook is None:
        raise WebhookMissing("no webhook is set")
    return DeliveryOut.of(await doors.webhook.test())


@router.post("/{alarm_id}/clear")
def clear_alarm(
    doors: Doors, alarm_id: str, body: ClearingIn, caller: Principal = Depends(Needs(Permission.ALARMS_CLEAR))
) -> AlarmOut:
    """Say that it was looked at. The same thing happening again raises a new alarm."""
    number = number_cursor(alarm_id)
    if number is None:
        raise RequestRefused("alarm_id", "an alarm is named by its number")
    return AlarmOut.of(doors.authority.alarms.clear(number, caller.name, body.note))
