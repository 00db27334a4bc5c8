"""What everybody may fetch: certificates of the authorities, revocation lists, OCSP (RFC 5280 §4.2.2.1, RFC 6960).

These addresses stand in the certificates that we issue. They carry only signed or public data and ask for nobody's
name, since a station must be able to check a certificate before it trusts anybody.
"""

import binascii
from base64 import b64decode
from urllib.parse import unquote

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from web.api.asked import Doors
from web.auth import open_to_anyone

router = APIRouter(prefix="/pki", tags=["publications"], dependencies=[Depends(open_to_anyone)])
_LONGEST_OCSP_REQUEST = 16 * 1024


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


@router.get("/crl/{authority}/{shard}.crl", response_class=Response)
def revocation_list(doors: Doors, authority: str, shard: int) -> Response:
    """One shard of an authority's revocation list in DER (application/pkix-crl, RFC 2585)."""
    return Response(doors.authority.crl(authority, shard), media_type="application/pkix-crl")


@router.post("/ocsp", response_class=Response)
async def ocsp_post(doors: Doors, request: Request) -> Response:
    """OCSP over HTTP POST (RFC 6960 Appendix A.1)."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_OCSP_REQUEST:
            break  # too long for a request of one: the responder calls it malformed
    return _ocsp_answer(await run_in_threadpool(doors.authority.answer_ocsp, body))


@router.get("/ocsp/{encoded:path}", response_class=Response)
def ocsp_get(doors: Doors, encoded: str) -> Response:
    """OCSP over HTTP GET: the request in base64 as the path (RFC 6960 Appendix A.1)."""
    try:
        request = b64decode(unquote(encoded), validate=True)
    except (binascii.Error, ValueError):
        request = b""
    return _ocsp_answer(doors.authority.answer_ocsp(request))


def _ocsp_answer(answer: bytes) -> Response:
    return Response(answer, media_type="application/ocsp-response")


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
