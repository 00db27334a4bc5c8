from base64 import b64encode
from urllib.parse import quote

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from pki.authority import Certificate, Order, RevocationReason
from tests.web.requests import request_pem
from web.service import Service


@pytest.fixture
def certificate(service: Service) -> Certificate:
    request = service.authority.read_request(request_pem("SN-1"))
    return service.authority.issue(Order(request, "station", "SN-1", station="CS-1"), "operator")


def ocsp_request(certificate: Certificate) -> bytes:
    leaf, issuer = x509.load_pem_x509_certificates(certificate.chain_pem.encode())[:2]
    builder = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA1())  # noqa: S303 -- a name
    return builder.build().public_bytes(Encoding.DER)


async def test_certificates_in_der_and_pem(anonymous: httpx.AsyncClient) -> None:
    der = await anonymous.get("/pki/root.cer")
    pem = await anonymous.get("/pki/root.pem")
    assert der.headers["content-type"] == "application/pkix-cert"
    assert x509.load_der_x509_certificate(der.content) == x509.load_pem_x509_certificate(pem.content)
    assert (await anonymous.get("/pki/none.cer")).status_code == 404


async def test_ocsp_by_post_and_by_get(
    anonymous: httpx.AsyncClient, service: Service, certificate: Certificate
) -> None:
    request = ocsp_request(certificate)
    headers = {"Content-Type": "application/ocsp-request"}
    posted = await anonymous.post("/pki/ocsp", content=request, headers=headers)
    assert posted.headers["content-type"] == "application/ocsp-response"
    good = ocsp.load_der_ocsp_response(posted.content)
    assert good.certificate_status is ocsp.OCSPCertStatus.GOOD
    service.authority.revoke(certificate.serial, RevocationReason.KEY_COMPROMISE, "operator")
    fetched = await anonymous.get("/pki/ocsp/" + quote(b64encode(request).decode(), safe=""))
    assert ocsp.load_der_ocsp_response(fetched.content).certificate_status is ocsp.OCSPCertStatus.REVOKED


@pytest.mark.parametrize("encoded", ["!!!", "AAAA", "%FF%FE"])
async def test_a_request_that_is_none_gets_an_ocsp_error(anonymous: httpx.AsyncClient, encoded: str) -> None:
    answer = await anonymous.get(f"/pki/ocsp/{encoded}")
    status = ocsp.load_der_ocsp_response(answer.content).response_status
    assert status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST
    long = await anonymous.post("/pki/ocsp", content=b"0" * 100_000)
    assert ocsp.load_der_ocsp_response(long.content).response_status is status


async def test_a_revoked_certificate_is_in_its_list(
    anonymous: httpx.AsyncClient, service: Service, certificate: Certificate
) -> None:
    service.authority.revoke(certificate.serial, RevocationReason.KEY_COMPROMISE, "operator")
    service.authority.refresh_crls()
    leaf = x509.load_pem_x509_certificate(certificate.pem.encode())
    points = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert points[0].full_name is not None
    answer = await anonymous.get(points[0].full_name[0].value)
    assert answer.headers["content-type"] == "application/pkix-crl"
    found = x509.load_der_x509_crl(answer.content).get_revoked_certificate_by_serial_number(leaf.serial_number)
    assert found is not None
    assert (await anonymous.get("/pki/crl/stations/99999.crl")).status_code == 404


async def test_health_readiness_and_metrics_ask_for_no_name(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/healthz")).json() == {"status": "alive"}
    assert (await anonymous.get("/readyz")).json() == {"status": "ready"}
    metrics = await anonymous.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "voltward_stations 0\n" in metrics.text
    assert 'voltward_stations_by_profile{profile="3"} 0\n' in metrics.text
