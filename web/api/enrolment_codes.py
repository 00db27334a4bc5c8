"""/api/v1/enrolment-codes: one-time codes with which stations get their first certificate over EST."""

from datetime import datetime
from typing import Self

from fastapi import APIRouter, Depends
from pydantic import Field

from pki.enrolment_codes import NewCode
from web.api.asked import After, Doors, Limit, page
from web.api.shapes import In, Out, Page
from web.auth import Needs
from web.certificate_queries import span_of
from web.errors import RequestRefused
from web.permissions import Permission, Principal
from web.service import Service

router = APIRouter(prefix="/enrolment-codes", tags=["certificates"])


class CodesIn(In):
    """For which stations, or for which site's."""

    stations: tuple[str, ...] = Field(default=(), max_length=10_000)
    site: str | None = Field(default=None, min_length=1, max_length=200)
    valid_for: str = Field(default="7d", max_length=20, description="48h, 7d, 4w")


class EnrolmentCodeOut(Out):
    """A code without its text. `state` is open, bound (tried with a key), used, withdrawn or expired."""

    id: str
    station: str
    state: str
    made_by: str
    made_at: datetime
    expires_at: datetime
    spki_sha256: str | None
    used_at: datetime | None
    used_for: str | None
    withdrawn_at: datetime | None


class NewCodeOut(EnrolmentCodeOut):
    """A new code, with its text this once."""

    code: str

    @classmethod
    def made(cls, new: NewCode) -> Self:
        """The wire's shape of a new code."""
        return cls(**EnrolmentCodeOut.of(new.code).model_dump(), code=new.text.text())


@router.get("")
def list_codes(
    doors: Doors,
    station: str | None = None,
    only_open: bool = False,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.CERTIFICATES_READ)),
) -> Page[EnrolmentCodeOut]:
    """Enrolment codes, newest first, without their text."""
    found = doors.fleet.enrolment_codes(station=station, only_open=only_open, after=after, limit=limit + 1)
    return page(found, limit, EnrolmentCodeOut.of, lambda code: code.id)


@router.post("", status_code=201)
def make_codes(
    doors: Doors, body: CodesIn, caller: Principal = Depends(Needs(Permission.CERTIFICATES_ISSUE))
) -> Page[NewCodeOut]:
    """Make a one-time code for each station, shown this once. An older one that is still open is withdrawn."""
    life = span_of("valid_for", body.valid_for)
    made = doors.fleet.make_enrolment_codes(_chosen(doors, body), life, caller.name)
    return Page(items=[NewCodeOut.made(one) for one in made], next=None)


@router.delete("/{code_id}")
def withdraw_code(
    doors: Doors, code_id: str, caller: Principal = Depends(Needs(Permission.CERTIFICATES_ISSUE))
) -> EnrolmentCodeOut:
    """Make a code good for nothing. One that was used stays used; its certificate is revoked separately."""
    return EnrolmentCodeOut.of(doors.fleet.withdraw_enrolment_code(code_id, caller.name))


def _chosen(doors: Service, body: CodesIn) -> list[str]:
    if bool(body.stations) == (body.site is not None):
        raise RequestRefused("stations", "name stations, or a site: one of the two")
    if body.site is None:
        return list(body.stations)
    found = doors.fleet.stations_at(body.site)
    if not found:
        raise RequestRefused("site", f"site: there is no station at {body.site!r}")
    return found
