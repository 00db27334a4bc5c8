"""/api/v1/transactions: what stations told of charging, kept for a CSMS that bills."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, Field

from csms_bridge.charging_book import MOST_HANDED_OVER
from web.api.asked import After, Doors, Limit, number_cursor, page
from web.api.shapes import In, Out, Page
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/transactions", tags=["charging"])


class TransactionOut(Out):
    """A charging transaction. `name` is the station's own in 2.x; 1.6 was given `id`. `ended_at` null: it goes on."""

    id: int
    station: str
    name: str
    evse: int | None
    connector: int | None
    token: str
    began_at: datetime
    ended_at: datetime | None


class ChargingMessageOut(Out):
    """A message as the station sent it. `transaction` is the `id` of the one that it belongs to."""

    id: int
    station: str
    ocpp_version: str
    action: str
    payload: dict[str, Any]
    transaction: int | None
    received_at: datetime
    handed_over_at: datetime | None


class HandOverIn(In):
    """Messages, by their `id`, that a CSMS has now."""

    messages: tuple[Annotated[int, Field(ge=1, lt=2**63)], ...] = Field(min_length=1, max_length=MOST_HANDED_OVER)


class HandedOverOut(Out):
    """How many of them were not handed over before."""

    handed_over: int


@router.get("")
def list_transactions(
    doors: Doors,
    station: str | None = None,
    open: bool = False,  # noqa: A002 -- the query's word
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.CHARGING_READ)),
) -> Page[TransactionOut]:
    """Transactions, newest first; with `open` those that go on."""
    before = number_cursor(after)
    found = doors.fleet.charging.transactions(station=station, only_open=open, before=before, limit=limit + 1)
    return page(found, limit, TransactionOut.of, lambda one: one.id)


@router.get("/messages")
def list_messages(
    doors: Doors,
    station: str | None = None,
    since: Annotated[AwareDatetime | None, Query(description="received at this moment or later")] = None,
    kept_here: Annotated[bool, Query(description="only what was not handed over yet")] = False,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.CHARGING_READ)),
) -> Page[ChargingMessageOut]:
    """StartTransaction, StopTransaction, MeterValues and TransactionEvent as they came, oldest first, each once."""
    found = doors.fleet.charging.messages(
        station=station, since=since, only_kept_here=kept_here, after=number_cursor(after) or 0, limit=limit + 1
    )
    return page(found, limit, ChargingMessageOut.of, lambda one: one.id)


@router.post("/handed-over")
def hand_over(
    doors: Doors, body: HandOverIn, caller: Principal = Depends(Needs(Permission.CHARGING_HAND_OVER))
) -> HandedOverOut:
    """Note that a CSMS has these messages: they are deleted when they are old enough."""
    return HandedOverOut(handed_over=doors.fleet.charging.hand_over(body.messages, caller.name))
