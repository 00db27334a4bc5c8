"""/authorities: both hierarchies as trees, what waits for a certificate from elsewhere, and ceremonies on record."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pki.authority import AuthorityInfo
from pki.ceremony_records import CeremonyRecord, Signatory, check_record
from pki.errors import RecordRefused
from pki.keys import KeyAlgorithm
from web.api.asked import Doors
from web.pages.rendering import render
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission

router = APIRouter(prefix="/authorities", include_in_schema=False)
Pem = Annotated[str, Form(min_length=1, max_length=262_144)]


@dataclass(frozen=True, slots=True)
class Branch:
    """An authority at its depth in the tree."""

    info: AuthorityInfo
    depth: int


@dataclass(frozen=True, slots=True)
class ShownRecord:
    """A ceremony's record, with who signed it; `fault` says what is wrong with it, if anything is."""

    record: CeremonyRecord
    signed_by: Sequence[Signatory]
    fault: str


@router.get("")
def show(doors: Doors, visitor: Visitor = Depends(Seen(Permission.AUTHORITIES_READ))) -> HTMLResponse:
    """The trees, the requests, the records."""
    every = doors.authority.authorities()
    trees = {name: list(_tree(every, name)) for name in ("operator", "manufacturer")}
    return render(
        "authorities.html",
        visitor,
        trees={name: branches for name, branches in trees.items() if branches},
        places={place.authority: place for place in doors.authority.key_places()},
        pending=doors.authority.elsewhere.pending(),
        records=[_shown(record) for record in doors.authority.ceremonies()],
    )


@router.get("/requests/{name}.csr")
def request_file(doors: Doors, name: str, _visitor: Visitor = Depends(Seen(Permission.AUTHORITIES_READ))) -> Response:
    """The request, to be carried to where the parent's key is."""
    return _file(doors.authority.elsewhere.find(name).csr_pem, f"{name}.csr", "application/pkcs10")


@router.get("/records/{record_id}.json")
def record_file(
    doors: Doors, record_id: str, _visitor: Visitor = Depends(Seen(Permission.AUTHORITIES_READ))
) -> Response:
    """A record, exactly as it was signed."""
    return _file(doors.authority.ceremony(record_id).statement, f"ceremony-{record_id}.json", "application/json")


@router.post("/requests")
def request_authority(
    doors: Doors,
    name: Annotated[str, Form(min_length=1, max_length=40)],
    post: Annotated[str, Form(max_length=20)],
    algorithm: Annotated[KeyAlgorithm, Form()],
    visitor: Visitor = Depends(Submitted(Permission.AUTHORITIES_CHANGE)),
) -> Response:
    """Make a key here, and the request for its certificate; it then waits on the page."""
    doors.authority.elsewhere.request(name, post, algorithm, visitor.name)
    return RedirectResponse("/authorities", status_code=303)


@router.post("/requests/{name}/withdraw")
def withdraw_request(
    doors: Doors, name: str, visitor: Visitor = Depends(Submitted(Permission.AUTHORITIES_CHANGE))
) -> Response:
    """Give a request up and delete its key."""
    doors.authority.elsewhere.withdraw(name, visitor.name)
    return RedirectResponse("/authorities", status_code=303)


@router.post("/requests/{name}/certificate")
def take_in_certificate(
    doors: Doors,
    name: str,
    certificate: Pem,
    visitor: Visitor = Depends(Submitted(Permission.AUTHORITIES_CHANGE)),
) -> Response:
    """Take in what came back for a request: the certificate and those above it in one text."""
    doors.authority.elsewhere.take_in(name, certificate, "", [], visitor.name)
    return RedirectResponse("/authorities", status_code=303)


@router.post("/crls")
def take_in_crl(
    doors: Doors, crl: Pem, visitor: Visitor = Depends(Submitted(Permission.AUTHORITIES_CHANGE))
) -> Response:
    """Publish the revocation list of an authority whose key is elsewhere."""
    doors.authority.elsewhere.take_in_crl(crl.encode(), visitor.name)
    return RedirectResponse("/crls", status_code=303)


def _tree(every: Sequence[AuthorityInfo], hierarchy: str) -> Iterator[Branch]:
    of_it = [info for info in every if info.hierarchy == hierarchy]

    def below(parent: str | None, depth: int) -> Iterator[Branch]:
        for info in of_it:
            if info.parent == parent:
                yield Branch(info, depth)
                yield from below(info.name, depth + 1)

    return below(None, 0)


def _shown(record: CeremonyRecord) -> ShownRecord:
    try:
        return ShownRecord(record, check_record(record.statement, record.signatures), "")
    except RecordRefused as refusal:
        return ShownRecord(record, (), refusal.sentence)


def _file(text: str, name: str, media_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=media_type, headers=headers)
