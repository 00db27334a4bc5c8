"""/.well-known/est: RFC 7030 over the TLS web port. What is decided is decided behind the fleet's door (ADR 0014).

A label chooses the kind of key: `/.well-known/est/rsa/simpleenroll`. Without one, any kind is taken.
"""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from csms_bridge.admission import BasicCredentials, read_basic
from csms_bridge.outside_enrolment import Asked
from pki.authority import AuthorityInfo, Certificate, CertificateState
from pki.hierarchy import AuthorityKind, AuthorityStatus, HierarchyName
from pki.keys import KeyFamily
from pki.secret_text import Secret
from web.api.asked import Doors
from web.auth import open_to_anyone
from web.est.answers import BASIC, EstRoute
from web.est.messages import certs_only, csr_attributes
from web.service import Service
from web.tls_port import TlsConnection, connection_of

PREFIX = "/.well-known/est"
_PKCS7 = "application/pkcs7-mime"
_LONGEST_BODY = 32 * 1024  # twice what any request may have
_BODY_WITHIN = 20.0  # seconds
_NOT_ABOVE = (AuthorityStatus.PENDING, AuthorityStatus.RETIRED)
_BASE64 = {"Content-Transfer-Encoding": "base64"}  # RFC 8951 §3 drops it; clients of RFC 7030 look for it


def _connection(request: Request) -> TlsConnection:
    found = connection_of(request.scope)
    if found is None:
        raise HTTPException(403, "EST is spoken over TLS only, on the port that VOLTWARD_WEB_TLS_PORT names")
    return found


def _family(request: Request) -> KeyFamily | None:
    label = request.path_params.get("label")
    if label is not None and label not in set(KeyFamily):
        raise HTTPException(404, f"there is no label {label!r}: use {' or '.join(KeyFamily)}, or none")
    return KeyFamily(label) if label is not None else None


Connection = Annotated[TlsConnection, Depends(_connection)]
Family = Annotated[KeyFamily | None, Depends(_family)]

router = APIRouter(prefix=PREFIX, tags=["EST"], route_class=EstRoute, dependencies=[Depends(open_to_anyone)])


@router.get("/{label}/cacerts", include_in_schema=False)
@router.get("/cacerts", response_class=Response)
def ca_certificates(doors: Doors, _connection: Connection, family: Family) -> Response:
    """The operator's roots and what stands between them and certificates (RFC 7030 §4.1)."""
    return Response(certs_only(_above(doors, family)), media_type=_PKCS7, headers=_BASE64)


@router.get("/{label}/csrattrs", include_in_schema=False)
@router.get("/csrattrs", response_class=Response)
def csr_attrs(_connection: Connection, family: Family) -> Response:
    """The key and the digest that a request should have (RFC 7030 §4.5)."""
    wanted = csr_attributes(family or KeyFamily.EC)
    return Response(wanted, media_type="application/csrattrs", headers=_BASE64)


@router.post("/{label}/simpleenroll", include_in_schema=False)
@router.post("/simpleenroll", response_class=Response)
async def simple_enroll(doors: Doors, request: Request, connection: Connection, family: Family) -> Response:
    """A certificate for a one-time code (HTTP Basic), or for a station's certificate (RFC 7030 §4.2.1)."""
    basic = _credentials(request)
    if basic is None and connection.certificate is None:
        raise HTTPException(401, "neither an enrolment code nor a client certificate was presented", BASIC)
    asked = await _asked(request, connection, family)
    if basic is None:
        return _issued(await run_in_threadpool(doors.fleet.enrol_by_certificate, asked, renewing=False))
    station, _, code = basic.pair.rpartition(b":")
    return _issued(
        await run_in_threadpool(doors.fleet.enrol_by_code, station.decode("utf-8", "replace"), Secret(code), asked)
    )


@router.post("/{label}/simplereenroll", include_in_schema=False)
@router.post("/simplereenroll", response_class=Response)
async def simple_reenroll(doors: Doors, request: Request, connection: Connection, family: Family) -> Response:
    """A new certificate for the names of the one that was presented; the key may be another (RFC 7030 §4.2.2)."""
    if connection.certificate is None:
        raise HTTPException(403, "no client certificate was presented: to renew one, connect with it")
    asked = await _asked(request, connection, family)
    return _issued(await run_in_threadpool(doors.fleet.enrol_by_certificate, asked, renewing=True))


def _above(doors: Service, family: KeyFamily | None) -> list[bytes]:
    """DER: the roots, the issuing authorities, and the certificates across that lead from one root to another."""

    def is_wanted(info: AuthorityInfo) -> bool:
        is_above = info.kind is not AuthorityKind.SIGNER and info.hierarchy is HierarchyName.OPERATOR
        return is_above and family in (None, info.algorithm.family) and info.status not in _NOT_ABOVE

    above = [info for info in doors.authority.authorities() if is_wanted(info)]
    names = {info.name for info in above}
    across = [one for one in doors.authority.cross_certificates() if one.state is CertificateState.GOOD]
    return [info.der for info in above] + [one.der for one in across if one.authority in names]


def _credentials(request: Request) -> BasicCredentials | None:
    try:
        return read_basic(request.headers.get("authorization"))
    except ValueError as fault:
        raise HTTPException(401, str(fault), BASIC) from None


async def _asked(request: Request, connection: TlsConnection, family: KeyFamily | None) -> Asked:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/pkcs10":
        raise HTTPException(415, f"Content-Type: application/pkcs10 is expected, not {kind[:100] or 'nothing'}")
    return Asked(
        csr=await _body(request),
        address=request.client.host if request.client else "",
        presented=connection.certificate,
        tls_unique=connection.tls_unique,
        family=family,
    )


async def _body(request: Request) -> bytes:
    body = b""
    try:
        async with asyncio.timeout(_BODY_WITHIN):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _LONGEST_BODY:
                    raise HTTPException(413, f"the request is longer than {_LONGEST_BODY} octets")
    except TimeoutError:
        raise HTTPException(408, f"the request did not come within {_BODY_WITHIN:.0f} seconds") from None
    return body


def _issued(certificate: Certificate) -> Response:
    """The certificate alone, as RFC 7030 §4.2.3 has it; what stands above it is in `cacerts`."""
    return Response(certs_only([certificate.der]), media_type=f"{_PKCS7}; smime-type=certs-only", headers=_BASE64)
