"""EST (RFC 7030, RFC 8951) over the application, with the TLS connection laid beside each request as its port does."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import AttributeOID, NameOID
from starlette.types import Receive, Scope, Send

from csms_bridge.station import NewStation, SecurityProfile
from pki.authority import Authority, RevocationReason
from pki.errors import SignerUnavailable
from tests.web.conftest import BASE_URL
from web.app import make_app
from web.est.routes import PREFIX
from web.service import Service
from web.tls_port import CONNECTION, TlsConnection

PKCS10 = {"Content-Type": "application/pkcs10"}
ORGANISATION = "Test Operator"


class Line:
    """A TLS connection to the application; its certificate may be changed."""

    def __init__(self, service: Service) -> None:
        self._app = make_app(service)
        self.certificate: bytes | None = None
        self.tls_unique: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = TlsConnection(self.certificate, "TLSv1.2", self.tls_unique)
        await self._app({**scope, CONNECTION: connection}, receive, send)


@pytest.fixture
def line(service: Service) -> Line:
    for number in (1, 2):
        service.fleet.add_station(NewStation(f"CS-{number}", f"SN-{number}", None, SecurityProfile.MUTUAL_TLS), "test")
    return Line(service)


@pytest.fixture
def est(line: Line) -> Iterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(line, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL)


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def request_of(
    key: ec.EllipticCurvePrivateKey, serial: str = "SN-1", organisation: str = ORGANISATION, challenge: bytes = b""
) -> bytes:
    """The body of an enrolment: a PKCS#10 request in base64."""
    names = [(NameOID.ORGANIZATION_NAME, organisation), (NameOID.COMMON_NAME, serial)]
    subject = x509.Name([x509.NameAttribute(oid, text) for oid, text in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if challenge:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, challenge)
    return b64encode(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))


def code_for(service: Service, station: str = "CS-1", life: timedelta = timedelta(days=1)) -> tuple[str, str]:
    """What to give as HTTP Basic credentials."""
    return station, service.fleet.make_enrolment_codes([station], life, "user:test")[0].text.text()


def certificates_in(answer: httpx.Response) -> list[x509.Certificate]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/pkcs7-mime")
    return pkcs7.load_der_pkcs7_certificates(b64decode(answer.content))


async def enrolled(est: httpx.AsyncClient, service: Service, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    answer = await est.post(f"{PREFIX}/simpleenroll", content=request_of(key), headers=PKCS10, auth=code_for(service))
    return certificates_in(answer)[0]


@contextmanager
def signers_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def away(*_: object) -> None:
        raise SignerUnavailable("stations", "it is away")

    with monkeypatch.context() as while_away:
        while_away.setattr(Authority, "issue", away)
        yield


@pytest.mark.parametrize("operation", ["cacerts", "csrattrs", "simpleenroll", "simplereenroll", "rsa/cacerts"])
async def test_est_is_not_spoken_in_clear(anonymous: httpx.AsyncClient, operation: str) -> None:
    """RFC 7030 §3.3: TLS is required."""
    method = "POST" if "enroll" in operation else "GET"
    refused = await anonymous.request(method, f"{PREFIX}/{operation}", content=b"MII", headers=PKCS10)
    assert refused.status_code == 403
    assert refused.headers["content-type"].startswith("text/plain")
    assert "VOLTWARD_WEB_TLS_PORT" in refused.text


async def test_no_header_can_make_a_clear_line_look_like_tls(anonymous: httpx.AsyncClient) -> None:
    headers = {"X-Forwarded-Proto": "https", CONNECTION: "yes"}
    assert (await anonymous.get(f"{PREFIX}/cacerts", headers=headers)).status_code == 403


async def test_cacerts_has_the_operators_roots_and_issuers_and_nothing_of_the_maker(
    est: httpx.AsyncClient, service: Service
) -> None:
    """RFC 7030 §4.1.3."""
    answer = await est.get(f"{PREFIX}/cacerts")
    assert answer.headers["content-transfer-encoding"] == "base64"
    got = {one.public_bytes(Encoding.DER) for one in certificates_in(answer)}
    assert got == {one.der for one in service.authority.authorities() if one.hierarchy == "operator"}


async def test_cacerts_has_the_certificates_that_lead_from_one_root_to_another(
    est: httpx.AsyncClient, service: Service
) -> None:
    """RFC 7030 §4.1.3: during a roll-over a client that knows one root learns of the other."""
    across = service.authority.cross_certify("root-rsa", "root", "user:test")
    got = {one.public_bytes(Encoding.DER) for one in certificates_in(await est.get(f"{PREFIX}/cacerts"))}
    assert across.der in got
    got = {one.public_bytes(Encoding.DER) for one in certificates_in(await est.get(f"{PREFIX}/ec/cacerts"))}
    assert across.der not in got
    service.authority.revoke(across.serial, RevocationReason.SUPERSEDED, "user:test")
    got = {one.public_bytes(Encoding.DER) for one in certificates_in(await est.get(f"{PREFIX}/cacerts"))}
    assert across.der not in got


@pytest.mark.parametrize(("label", "algorithm"), [("ec", "ecdsa"), ("rsa", "RSA")])
async def test_a_label_chooses_the_kind_of_key(est: httpx.AsyncClient, label: str, algorithm: str) -> None:
    """RFC 7030 §3.2.2."""
    names = {one.signature_algorithm_oid._name for one in certificates_in(await est.get(f"{PREFIX}/{label}/cacerts"))}
    assert all(algorithm in name for name in names)
    attributes = await est.get(f"{PREFIX}/{label}/csrattrs")
    assert attributes.headers["content-type"] == "application/csrattrs"
    assert (attributes.content == (await est.get(f"{PREFIX}/csrattrs")).content) is (label == "ec")


async def test_an_unknown_label_or_operation_is_not_found(est: httpx.AsyncClient) -> None:
    unknown = await est.get(f"{PREFIX}/gold/cacerts")
    assert (unknown.status_code, "ec or rsa" in unknown.text) == (404, True)
    assert (await est.get(f"{PREFIX}/fullcmc")).status_code == 404
    assert (await est.get(f"{PREFIX}/simpleenroll")).status_code == 405


async def test_a_code_leads_to_the_certificate_alone(
    est: httpx.AsyncClient, service: Service, key: ec.EllipticCurvePrivateKey
) -> None:
    """RFC 7030 §4.2.3: the certificate that was issued, and nothing but it."""
    auth = code_for(service)
    answer = await est.post(f"{PREFIX}/simpleenroll", content=request_of(key), headers=PKCS10, auth=auth)
    assert "smime-type=certs-only" in answer.headers["content-type"]
    [leaf] = certificates_in(answer)
    assert leaf.public_key() == key.public_key()
    assert service.authority.identify(leaf.public_bytes(Encoding.DER)).station == "CS-1"
    again = await est.post(f"{PREFIX}/simpleenroll", content=request_of(key), headers=PKCS10, auth=auth)
    assert certificates_in(again) == [leaf]


@pytest.mark.parametrize("spelling", ["wrapped", "crlf", "pem", "der", "one line"])
async def test_bodies_are_read_however_clients_spell_them(
    est: httpx.AsyncClient, service: Service, key: ec.EllipticCurvePrivateKey, spelling: str
) -> None:
    """RFC 8951 §3: white space in base64 is passed over, Content-Transfer-Encoding means nothing."""
    plain = request_of(key)
    wrapped = b"\n".join(plain[start : start + 64] for start in range(0, len(plain), 64)) + b"\n"
    body = {
        "wrapped": wrapped,
        "crlf": wrapped.replace(b"\n", b"\r\n"),
        "pem": b"-----BEGIN CERTIFICATE REQUEST-----\n" + wrapped + b"-----END CERTIFICATE REQUEST-----\n",
        "der": b64decode(plain),
        "one line": plain,
    }[spelling]
    headers = {"Content-Type": "application/pkcs10; charset=utf-8", "Content-Transfer-Encoding": "binary"}
    answer = await est.post(f"{PREFIX}/simpleenroll", content=body, headers=headers, auth=code_for(service))
    assert len(certificates_in(answer)) == 1


async def test_without_a_proof_one_is_asked_for(est: httpx.AsyncClient, key: ec.EllipticCurvePrivateKey) -> None:
    """RFC 7030 §3.2.3."""
    refused = await est.post(f"{PREFIX}/simpleenroll", content=request_of(key), headers=PKCS10)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize("header", ["Bearer vw_abc", "Basic !!!", "Basic", f"Basic {b64encode(b'no colon').decode()}"])
async def test_a_broken_authorization_is_no_proof(
    est: httpx.AsyncClient, key: ec.EllipticCurvePrivateKey, header: str
) -> None:
    headers = {**PKCS10, "Authorization": header}
    refused = await est.post(f"{PREFIX}/simpleenroll", content=request_of(key), headers=headers)
    assert (refused.status_code, "www-authenticate" in refused.headers) == (401, True)


async def test_bad_codes_are_told_apart_for_those_who_hold_one(
    est: httpx.AsyncClient, service: Service, key: ec.EllipticCurvePrivateKey
) -> None:
    _, others = code_for(service, "CS-2")
    for code, why in ((("00000-" * 4)[:-1], "unknown"), ("nonsense", "mistyped"), (others, "other-station")):
        refused = await est.post(f"{PREFIX}/simpleenroll", content=request_of(key), headers=PKCS10, auth=("CS-1", code))
        assert (refused.status_code, refused.text.split(":")[0]) == (401, why)
        assert refused.headers["www-authenticate"].startswith("Basic")
        assert code not in refused.text
    unknown = [
        (await est.post(f"{PREFIX}/simpleenroll", content=request_of(key), headers=PKCS10, auth=(station, "0" * 20)))
        for station in ("CS-1", "NOT-ONE")
    ]
    assert unknown[0].text == unknown[1].text, "a stranger must not learn which stations there are"


async def test_another_stations_request_is_forbidden_and_names_the_rule(
    est: httpx.AsyncClient, service: Service, key: ec.EllipticCurvePrivateKey
) -> None:
    auth = code_for(service)
    body = request_of(key, "SN-2")
    refused = await est.post(f"{PREFIX}/simpleenroll", content=body, headers=PKCS10, auth=auth)
    assert refused.status_code == 403
    assert refused.text.startswith("wrong-common-name: the request names 'SN-2', but 'SN-1' is on record")
    assert "A00.FR.405" in refused.text


@pytest.mark.parametrize("body", [b"", b"garbage", b"MIIB" * 30, b"\x30\x82\xff\xff", bytes(1000), b"-----BEGIN"])
async def test_garbage_is_a_bad_request(est: httpx.AsyncClient, service: Service, body: bytes) -> None:
    refused = await est.post(f"{PREFIX}/simpleenroll", content=body, headers=PKCS10, auth=code_for(service))
    assert refused.status_code == 400
    assert refused.headers["content-type"].startswith("text/plain")


async def test_other_content_is_not_read(est: httpx.AsyncClient, service: Service) -> None:
    for headers in ({"Content-Type": "application/json"}, {}):
        refused = await est.post(f"{PREFIX}/simpleenroll", content=b"{}", headers=headers, auth=code_for(service))
        assert (refused.status_code, "application/pkcs10" in refused.text) == (415, True)


async def test_a_long_body_is_not_read_to_its_end(est: httpx.AsyncClient, service: Service) -> None:
    sent = 0

    async def endless() -> object:
        nonlocal sent
        while sent < 10 << 20:
            sent += 1 << 16
            yield b"A" * (1 << 16)

    refused = await est.post(f"{PREFIX}/simpleenroll", content=endless(), headers=PKCS10, auth=code_for(service))
    assert (refused.status_code, refused.headers["content-type"]) == (413, "text/plain; charset=utf-8")
    assert sent <= 1 << 17


async def test_a_signer_that_is_away_says_when_to_come_again(
    est: httpx.AsyncClient, service: Service, key: ec.EllipticCurvePrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = code_for(service)
    with signers_away(monkeypatch):
        refused = await est.post(f"{PREFIX}/simpleenroll", content=request_of(key), headers=PKCS10, auth=auth)
    assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (503, True)
    answer = await est.post(f"{PREFIX}/simpleenroll", content=request_of(key), headers=PKCS10, auth=auth)
    assert len(certificates_in(answer)) == 1


async def test_a_code_at_work_asks_for_patience(
    est: httpx.AsyncClient, service: Service, key: ec.EllipticCurvePrivateKey
) -> None:
    """RFC 7030 §4.2.3: 202 with Retry-After, and the same request again."""
    auth = code_for(service)
    [code] = service.fleet.enrolment_codes(station="CS-1")
    request = service.authority.read_request(b64decode(request_of(key)))
    service.fleet._codes.claim(code.id, request.spki_sha256, service.clock())
    answer = await est.post(f"{PREFIX}/simpleenroll", content=request_of(key), headers=PKCS10, auth=auth)
    assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (202, True)


async def test_too_many_refusals_make_one_wait(
    est: httpx.AsyncClient, service: Service, key: ec.EllipticCurvePrivateKey
) -> None:
    for _ in range(service.settings.bridge.failures_per_minute):
        await est.post(f"{PREFIX}/simpleenroll", content=request_of(key), headers=PKCS10, auth=("CS-1", "0" * 20))
    refused = await est.post(f"{PREFIX}/simpleenroll", content=request_of(key), headers=PKCS10, auth=code_for(service))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")


# --- by certificate


async def test_a_certificate_is_renewed_for_a_new_key(
    est: httpx.AsyncClient, line: Line, service: Service, key: ec.EllipticCurvePrivateKey
) -> None:
    old = await enrolled(est, service, key)
    line.certificate = old.public_bytes(Encoding.DER)
    new_key = ec.generate_private_key(ec.SECP256R1())
    for operation in ("simplereenroll", "simpleenroll"):
        answer = await est.post(f"{PREFIX}/{operation}", content=request_of(new_key), headers=PKCS10)
        [new] = certificates_in(answer)
        assert new.subject == old.subject
        assert new.public_key() == new_key.public_key()


async def test_a_renewal_keeps_the_subject(
    est: httpx.AsyncClient, line: Line, service: Service, key: ec.EllipticCurvePrivateKey
) -> None:
    """RFC 7030 §4.2.2."""
    line.certificate = (await enrolled(est, service, key)).public_bytes(Encoding.DER)
    body = request_of(key, organisation="Somebody Else")
    refused = await est.post(f"{PREFIX}/simplereenroll", content=body, headers=PKCS10)
    assert (refused.status_code, refused.text.split(":")[0]) == (403, "other-subject")


async def test_a_renewal_needs_the_certificate(
    est: httpx.AsyncClient, service: Service, key: ec.EllipticCurvePrivateKey
) -> None:
    refused = await est.post(
        f"{PREFIX}/simplereenroll", content=request_of(key), headers=PKCS10, auth=code_for(service)
    )
    assert (refused.status_code, "no client certificate" in refused.text) == (403, True)


async def test_a_revoked_certificate_is_refused_with_the_reason(
    est: httpx.AsyncClient, line: Line, service: Service, key: ec.EllipticCurvePrivateKey
) -> None:
    line.certificate = (await enrolled(est, service, key)).public_bytes(Encoding.DER)
    serial = service.authority.identify(line.certificate).serial
    service.authority.revoke(serial, RevocationReason.KEY_COMPROMISE, "user:test")
    for operation in ("simplereenroll", "simpleenroll"):
        refused = await est.post(f"{PREFIX}/{operation}", content=request_of(key), headers=PKCS10)
        assert (refused.status_code, f"{serial} is revoked" in refused.text) == (403, True)


async def test_a_foreign_certificate_proves_nothing(
    est: httpx.AsyncClient, line: Line, key: ec.EllipticCurvePrivateKey
) -> None:
    line.certificate = b"some maker's"
    refused = await est.post(f"{PREFIX}/simpleenroll", content=request_of(key), headers=PKCS10)
    assert refused.status_code == 403


async def test_a_request_that_names_its_connection_must_name_this_one(
    est: httpx.AsyncClient, line: Line, service: Service, key: ec.EllipticCurvePrivateKey
) -> None:
    """RFC 7030 §3.5: somebody in the middle would show another tls-unique."""
    line.tls_unique = bytes(range(12))
    auth = code_for(service)
    forged = request_of(key, challenge=b64encode(bytes(12)))
    refused = await est.post(f"{PREFIX}/simpleenroll", content=forged, headers=PKCS10, auth=auth)
    assert (refused.status_code, refused.text.split(":")[0]) == (400, "other-channel")
    bound = request_of(key, challenge=b64encode(line.tls_unique))
    answer = await est.post(f"{PREFIX}/simpleenroll", content=bound, headers=PKCS10, auth=auth)
    assert len(certificates_in(answer)) == 1
