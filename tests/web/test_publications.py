from base64 import b64encode
from datetime import timedelta
from email.utils import parsedate_to_datetime
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


def ocsp_request(certificate: Certificate, nonce: bytes | None = None) -> bytes:
    leaf, issuer = x509.load_pem_x509_certificates(certificate.chain_pem.encode())[:2]
    builder = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA1())  # noqa: S303 -- a name
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
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


FORMS = {
    "as the RFC has it": lambda text: quote(text, safe=""),
    "not escaped": lambda text: text,
    "escaped twice": lambda text: quote(quote(text, safe=""), safe=""),
    "a second slash": lambda text: "/" + quote(text, safe=""),
    "no = at the end": lambda text: quote(text.rstrip("="), safe=""),
    "blanks for +": lambda text: quote(text.replace("+", " "), safe=""),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("remembered", [False, True])
async def test_a_get_is_understood_as_clients_in_the_field_write_it(
    anonymous: httpx.AsyncClient, service: Service, certificate: Certificate, form: str, remembered: bool
) -> None:
    """RFC 6960 Appendix A.1, and what comes instead."""
    request = ocsp_request(certificate)
    if remembered:
        service.authority.answer_ocsp(request)
    answer = await anonymous.get("/pki/ocsp/" + FORMS[form](b64encode(request).decode()))
    assert ocsp.load_der_ocsp_response(answer.content).certificate_status is ocsp.OCSPCertStatus.GOOD


def get_address(request: bytes) -> str:
    return "/pki/ocsp/" + quote(b64encode(request).decode(), safe="")


@pytest.mark.parametrize("remembered", [False, True])
async def test_caches_are_told_what_they_may_do(
    anonymous: httpx.AsyncClient, service: Service, certificate: Certificate, remembered: bool
) -> None:
    """RFC 5019 §6.2; but no cache may hide a revocation for longer than a minute."""
    request = ocsp_request(certificate)
    if remembered:
        service.authority.answer_ocsp(request)
    answer = await anonymous.get(get_address(request))
    single = ocsp.load_der_ocsp_response(answer.content)
    assert answer.headers["cache-control"] == "public, no-transform, must-revalidate, max-age=60"
    assert parsedate_to_datetime(answer.headers["last-modified"]) == single.this_update_utc
    assert parsedate_to_datetime(answer.headers["expires"]) == single.next_update_utc
    assert answer.headers["x-content-type-options"] == "nosniff"
    for name, value in (
        ("If-None-Match", answer.headers["etag"]),
        ("If-None-Match", f'"other", W/{answer.headers["etag"]}'),
        ("If-Modified-Since", answer.headers["last-modified"]),
    ):
        again = await anonymous.get(get_address(request), headers={name: value})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == answer.headers["etag"]
    changed = await anonymous.get(get_address(request), headers={"If-None-Match": '"other"'})
    assert changed.content == answer.content
    head = await anonymous.head(get_address(request))
    assert (head.content, head.headers["content-length"]) == (b"", str(len(answer.content)))


async def test_what_is_meant_for_one_caller_is_kept_by_nobody(
    anonymous: httpx.AsyncClient, certificate: Certificate
) -> None:
    with_nonce = await anonymous.get(get_address(ocsp_request(certificate, bytes(range(16)))))
    error = await anonymous.get("/pki/ocsp/AAAA")
    posted = await anonymous.post("/pki/ocsp", content=ocsp_request(certificate))
    again = await anonymous.post("/pki/ocsp", content=ocsp_request(certificate))
    assert again.content == posted.content
    for answer in (with_nonce, error, posted, again):
        assert answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers


async def test_a_body_in_parts_is_put_together(anonymous: httpx.AsyncClient, certificate: Certificate) -> None:
    request = ocsp_request(certificate)

    async def parts():  # type: ignore[no-untyped-def]
        for octet in request:
            yield bytes((octet,))

    answer = await anonymous.post("/pki/ocsp", content=parts())
    assert ocsp.load_der_ocsp_response(answer.content).certificate_status is ocsp.OCSPCertStatus.GOOD


async def test_other_methods_are_refused(anonymous: httpx.AsyncClient, certificate: Certificate) -> None:
    assert (await anonymous.put("/pki/ocsp", content=ocsp_request(certificate))).status_code == 405
    assert (await anonymous.get("/pki/ocspx")).status_code == 404
    assert (await anonymous.post("/pki/ocsp/x")).status_code == 405


async def test_lists_are_for_caches_too(
    anonymous: httpx.AsyncClient, service: Service, certificate: Certificate
) -> None:
    service.authority.revoke(certificate.serial, RevocationReason.KEY_COMPROMISE, "operator")
    shard = int(certificate.serial, 16) % 16
    for address in (f"/pki/crl/stations/{shard}.crl", "/pki/crl/stations.crl"):
        answer = await anonymous.get(address)
        crl = x509.load_der_x509_crl(answer.content)
        assert crl.get_revoked_certificate_by_serial_number(int(certificate.serial, 16)) is not None
        assert answer.headers["content-type"] == "application/pkix-crl"
        assert answer.headers["cache-control"].endswith("max-age=60")
        assert parsedate_to_datetime(answer.headers["last-modified"]) == crl.last_update_utc
        assert parsedate_to_datetime(answer.headers["expires"]) == crl.next_update_utc
        same = await anonymous.get(address, headers={"If-None-Match": answer.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")
        head = await anonymous.head(address)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(answer.content))
    assert (await anonymous.get("/pki/crl/nobody.crl")).status_code == 404
    assert (await anonymous.get("/pki/crl/stations/-1.crl")).status_code == 404


async def test_a_list_near_its_end_is_not_kept_beyond_it(
    anonymous: httpx.AsyncClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    crl = service.authority.published_crl("stations", 0)
    monkeypatch.setattr(type(service.authority), "published_crl", lambda *_: crl)
    later = crl.next_update - timedelta(seconds=5, milliseconds=1)
    object.__setattr__(service, "clock", lambda: later)
    answer = await anonymous.get("/pki/crl/stations/0.crl")
    assert answer.headers["cache-control"].endswith("max-age=5")


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
