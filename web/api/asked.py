"""What every route asks for in the same words: the service, a page of a list, and the caller's permission."""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request

from web.api.shapes import Page
from web.errors import RequestRefused
from web.service import Service

Thing = TypeVar("Thing")
Shape = TypeVar("Shape")


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Doors = Annotated[Service, Depends(_service)]
Limit = Annotated[int, Query(ge=1, le=1000, description="how many items at most")]
After = Annotated[str | None, Query(description="the `next` of the page before")]


def page(
    things: Sequence[Thing], limit: int, shape: Callable[[Thing], Shape], cursor: Callable[[Thing], object]
) -> Page[Shape]:
    """One page out of `things`, which were fetched with one more than `limit` to see whether there is a next."""
    shown = things[:limit]
    following = str(cursor(shown[-1])) if len(things) > limit else None
    return Page(items=[shape(thing) for thing in shown], next=following)


def number_cursor(after: str | None) -> int | None:
    """A cursor that is a number. Raises RequestRefused."""
    if after is None:
        return None
    if not after.isascii() or not after.isdigit() or len(after) > 18:
        raise RequestRefused("after", f"after: {after!r} is not the `next` of a page")
    return int(after)
