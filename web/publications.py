"""What everybody may fetch: certificates of the authorities, revocation lists, OCSP (RFC 5280 §4.2.2.1, RFC 6960).

These addresses stand in the certificates that we issue. They carry only signed or public data and ask for nobody's
name, since a station must be able to check a certificate before it trusts anybody.
"""

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from web import ocsp_over_http
from web.api.asked import Doors
from web.auth import open_to_anyone
from web.caching import Freshness, Header, is_unchanged

router = APIRouter(prefix="/pki", tags=["publications"], dependencies=[Depends(open_to_anyone)])


@router.get("/{authority}.cer", response_class=Response)
def certificate_der(doors: Doors, authority: str) -> Response:
    """An authority's certificate in DER (application/pkix-cert, RFC 2585)."""
    pem = doors.authority.authority(authority).certificate_pem
    der = load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    return Response(der, media_type="application/pkix-cert", headers=_named(f"{authority}.cer"))


@router.get("/{authority}.pem", response_class=Response)
def certificate_pem(doors: Doors, authority: str) -> Response:
    """An authority's certificate in PEM."""
    pem = doors.authority.authority(authority).certificate_pem
    return Response(pem, media_type="application/x-pem-file", headers=_named(f"{authority}.pem"))


@router.head("/crl/{authority}.crl", include_in_schema=False)
@router.get("/crl/{authority}.crl", response_class=Response)
def full_revocation_list(doors: Doors, request: Request, authority: str) -> Response:
    """The revocation list of all that an authority issued, in DER (application/pkix-crl, RFC 2585)."""
    return _revocation_list(doors, request, authority, None)


@router.head("/crl/{authority}/{shard}.crl", include_in_schema=False)
@router.get("/crl/{authority}/{shard}.crl", response_class=Response)
def revocation_list(doors: Doors, request: Request, authority: str, shard: int) -> Response:
    """One shard of an authority's revocation list in DER (application/pkix-crl, RFC 2585)."""
    return _revocation_list(doors, request, authority, shard)


@router.post("/ocsp", response_class=Response)
async def ocsp_post(doors: Doors, request: Request) -> Response:
    """OCSP over HTTP POST (RFC 6960 Appendix A.1)."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > ocsp_over_http.LONGEST_REQUEST:
            body = b""  # the responder calls it malformed
            break
    answer = await run_in_threadpool(doors.authority.status_answer, body)
    return Response(answer.der, media_type="application/ocsp-response", headers={"Cache-Control": "no-store"})


@router.head("/ocsp/{encoded:path}", include_in_schema=False)
@router.get("/ocsp/{encoded:path}", response_class=Response)
def ocsp_get(doors: Doors, request: Request, encoded: str) -> Response:
    """OCSP over HTTP GET: the request in base64 as the path (RFC 6960 Appendix A.1)."""
    answer = doors.authority.status_answer(ocsp_over_http.request_in(request.scope["raw_path"]))
    headers = ocsp_over_http.headers_of(answer, doors.settings.pki.publication_max_age)
    return _conditional(request, answer.der, headers)


def _revocation_list(doors: Doors, request: Request, authority: str, shard: int | None) -> Response:
    crl = doors.authority.published_crl(authority, shard)
    age = min(doors.settings.pki.publication_max_age, crl.next_update - doors.clock())
    freshness = Freshness(str(crl.number), crl.this_update, crl.next_update, age)
    return _conditional(request, crl.der, [(b"content-type", b"application/pkix-crl"), *freshness.headers()])


def _conditional(request: Request, content: bytes, headers: list[Header]) -> Response:
    """The content, or 304 when the caller has it already."""
    named = {name.decode(): value.decode() for name, value in headers}
    if is_unchanged(request.scope["headers"], headers):
        return Response(status_code=304, headers=named)
    return Response(content, headers=named)


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
