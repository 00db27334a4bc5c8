"""/api/v1/roots: the trust map. Which roots there are, who certifies whom, and where stations' chains end."""

from datetime import datetime

from fastapi import APIRouter, Depends
from pydantic import Field

from csms_bridge.station_roots.holders import Holders
from pki.authority import AuthorityInfo
from web.api.asked import After, Doors, Limit, page
from web.api.rollovers import RolloverOut
from web.api.shapes import AuthorityOut, In, Out, Page
from web.auth import Needs
from web.permissions import Permission, Principal
from web.service import Service

router = APIRouter(tags=["authorities"])


class RootOut(AuthorityOut):
    """A root and what hangs on it.

    `authorities` stand below it, `certified_by` and `certifies` name roots and authorities across (good
    cross-certificates only), `rollover` is under way. Numbers of stations: `chosen_by` of those whose chain shall end
    in it, `listed_by` of those that list it, `believed_by` that accepted it and do not list it, `unknown_at` of which
    we know neither.
    """

    authorities: tuple[str, ...]
    certified_by: tuple[str, ...]
    certifies: tuple[str, ...]
    chosen_by: int
    listed_by: int
    believed_by: int
    unknown_at: int
    rollover: RolloverOut | None


class ChainChoiceOut(Out):
    """A station that chose a root."""

    station: str
    root: str
    chosen_by: str
    chosen_at: datetime


class CrossCertificateOut(Out):
    """A certificate for the key of `authority` by `issuer`, which is not its parent."""

    serial: str
    authority: str
    issuer: str
    not_before: datetime
    not_after: datetime
    state: str
    pem: str


class CrossIn(In):
    """Whose key is certified, by whom."""

    authority: str = Field(min_length=1, max_length=100)
    issuer: str = Field(min_length=1, max_length=100)


@router.get("/roots")
def list_roots(doors: Doors, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))) -> Page[RootOut]:
    """The roots: what stations and build servers must trust, and what is planned with each."""
    authorities = doors.authority.authorities()
    holders = doors.fleet.roots.holders([info.name for info in authorities if info.kind == "root"])
    return Page(
        items=[_root(doors, info, authorities, holders[info.name]) for info in authorities if info.kind == "root"],
        next=None,
    )


@router.get("/roots/{name}/stations")
def list_stations_of_root(
    doors: Doors,
    name: str,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> Page[ChainChoiceOut]:
    """The stations whose chain shall end in this root, by name."""
    root = doors.authority.authority(name).name
    found = doors.authority.chains.stations_of(root, after, limit + 1)
    return page(found, limit, ChainChoiceOut.of, lambda choice: choice.station)


@router.get("/cross-certificates")
def list_cross_certificates(
    doors: Doors, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))
) -> Page[CrossCertificateOut]:
    """All cross-certificates, newest first. They are revoked as every certificate is."""
    return Page(items=[CrossCertificateOut.of(one) for one in doors.authority.cross_certificates()], next=None)


@router.post("/cross-certificates", status_code=201)
def cross_certify(
    doors: Doors, body: CrossIn, caller: Principal = Depends(Needs(Permission.ROLLOVERS_CHANGE))
) -> CrossCertificateOut:
    """Have one authority certify another's key (RFC 5280 §3.2)."""
    return CrossCertificateOut.of(doors.authority.cross_certify(body.authority, body.issuer, caller.name))


def _root(doors: Service, info: AuthorityInfo, authorities: list[AuthorityInfo], holders: Holders) -> RootOut:
    authority = doors.authority
    good = [one for one in authority.cross_certificates() if one.state == "good"]
    rollovers = [one for one in authority.rollovers.all() if one.next is not None and info.name in (one.old, one.new)]
    return RootOut(
        **AuthorityOut.made(info, authority.chain_pem(info.name)).model_dump(),
        authorities=tuple(one.name for one in authorities if one.parent == info.name),
        certified_by=tuple(one.issuer for one in good if one.authority == info.name),
        certifies=tuple(one.authority for one in good if one.issuer == info.name),
        chosen_by=authority.chains.counts().get(info.name, 0),
        listed_by=holders.listed,
        believed_by=holders.believed,
        unknown_at=holders.unknown,
        rollover=RolloverOut.of(rollovers[0]) if rollovers else None,
    )
