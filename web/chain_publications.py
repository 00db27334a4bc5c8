"""Cross-certificates for everybody: one by one, and with an authority's own certificate as a certs-only CMS message.

RFC 5280 §4.2.2.1: whoever looks for issuers may fetch several at once, as application/pkcs7-mime (RFC 5272).
"""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from fastapi import APIRouter, Depends, Response

from pki.errors import UnknownCertificate
from web.api.asked import Doors
from web.auth import open_to_anyone

router = APIRouter(prefix="/pki", tags=["publications"], dependencies=[Depends(open_to_anyone)])


@router.get("/{authority}.p7c", response_class=Response)
def certificates_of_authority(doors: Doors, authority: str) -> Response:
    """An authority's own certificate and the good cross-certificates for its key, DER (certs-only CMS)."""
    info = doors.authority.authority(authority)
    across = [
        one.der for one in doors.authority.cross_certificates() if _is_good_for(one.authority, one.state, info.name)
    ]
    certificates = [x509.load_der_x509_certificate(der) for der in (info.der, *across)]
    message = pkcs7.serialize_certificates(certificates, Encoding.DER)
    headers = {"Content-Disposition": f'attachment; filename="{info.name}.p7c"'}
    return Response(message, media_type="application/pkcs7-mime", headers=headers)


@router.get("/cross/{serial}.cer", response_class=Response)
def cross_certificate(doors: Doors, serial: str) -> Response:
    """One cross-certificate in DER (application/pkix-cert, RFC 2585), whatever its state."""
    for one in doors.authority.cross_certificates():
        if one.serial == serial:
            headers = {"Content-Disposition": f'attachment; filename="{one.serial}.cer"'}
            return Response(one.der, media_type="application/pkix-cert", headers=headers)
    raise UnknownCertificate(serial)


def _is_good_for(subject: str, state: str, name: str) -> bool:
    return subject == name and state == "good"
