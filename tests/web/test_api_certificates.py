import re

import httpx
import pytest
from cryptography import x509

from csms_bridge.tables import StationRow
from pki.key_files import fingerprint_in
from tests.web.requests import request_pem
from web.service import Service

CERTIFICATES = "/api/v1/certificates"


@pytest.fixture
async def station(api: httpx.AsyncClient) -> httpx.AsyncClient:
    await api.post("/api/v1/stations", json={"id": "CS-1", "serial": "SN-1"})
    return api


async def issue(api: httpx.AsyncClient, **more: object) -> httpx.Response:
    order = {"csr": request_pem("SN-1"), "profile": "station", "station": "CS-1", **more}
    return await api.post(CERTIFICATES, json=order)


async def test_a_certificate_has_the_shape_of_the_contract(station: httpx.AsyncClient) -> None:
    issued = await issue(station)
    certificate = issued.json()
    assert issued.status_code == 201
    wanted = "serial subject station authority profile not_before not_after state revoked_at reason pem chain_pem"
    assert set(wanted.split()) <= set(certificate)
    assert re.fullmatch("[1-7][0-9a-f]+", certificate["serial"])
    parsed = x509.load_pem_x509_certificate(certificate["pem"].encode())
    assert f"{parsed.serial_number:x}" == certificate["serial"]
    assert parsed.subject.rfc4514_string().startswith("CN=SN-1")
    assert len(x509.load_pem_x509_certificates(certificate["chain_pem"].encode())) == 2
    assert (await station.get(f"{CERTIFICATES}/{certificate['serial']}")).json() == certificate
    assert (await station.get("/api/v1/stations/CS-1/certificates")).json()["items"] == [certificate]


async def test_a_serial_number_is_known_as_other_tools_print_it(station: httpx.AsyncClient) -> None:
    """`openssl x509 -serial` prints capitals, a browser colons."""
    serial = (await issue(station)).json()["serial"]
    colons = ":".join(serial[start : start + 2] for start in range(0, len(serial), 2)).upper()
    for spelt in (serial.upper(), colons):
        assert (await station.get(f"{CERTIFICATES}/{spelt}")).json()["serial"] == serial
    held = await station.post(f"{CERTIFICATES}/{serial.upper()}/revoke", json={"reason": "certificateHold"})
    assert (held.status_code, held.json()["state"]) == (200, "held")
    assert (await station.post(f"{CERTIFICATES}/{colons}/release")).json()["state"] == "good"


async def test_the_name_comes_from_the_register_not_from_the_request(station: httpx.AsyncClient) -> None:
    refused = await issue(station, csr=request_pem("SN-2"))
    assert (refused.status_code, refused.json()["code"]) == (422, "wrong-common-name")
    assert "A00.FR.405" in refused.json()["clause"]


async def test_an_order_may_name_who_issues(station: httpx.AsyncClient) -> None:
    """For a station with an EC key that can check RSA alone."""
    issued = await issue(station, authority="stations-rsa")
    assert (issued.status_code, issued.json()["authority"]) == (201, "stations-rsa")
    refused = await issue(station, authority="csms")
    assert (refused.status_code, refused.json()["field"]) == (422, "authority")
    assert (await issue(station, authority="nobody")).status_code == 404


async def test_the_quirk_book_decides_who_issues_where_the_order_does_not(
    station: httpx.AsyncClient, service: Service
) -> None:
    toml = '[[row]]\nname = "rsa-boxes"\nvendor = "Acme"\n[row.quirks]\nroots = "rsa"\n'
    assert (await station.post("/api/v1/quirks", json={"toml": toml, "reason": "seen"})).status_code == 200
    with service.store.writing() as session:
        session.get_one(StationRow, "CS-1").vendor = "Acme"
    assert (await issue(station)).json()["authority"] == "stations-rsa"
    assert (await issue(station, authority="stations")).json()["authority"] == "stations"


async def test_a_key_seen_at_another_station_is_refused(station: httpx.AsyncClient) -> None:
    await station.post("/api/v1/stations", json={"id": "CS-2", "serial": "SN-1-b"})
    csr = request_pem("SN-1-b")
    assert (await issue(station, csr=csr)).status_code == 201
    refused = await issue(station, csr=csr, station="CS-2")
    assert (refused.status_code, refused.json()["code"]) == (422, "key-used-elsewhere")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"csr": "no request"}, 422),
        ({"csr": ""}, 422),
        ({"profile": "none"}, 422),
        ({"station": "none"}, 404),
        ({"station": None}, 422),
        ({"hostnames": ["a.example"]}, 422),
    ],
)
async def test_refuses_a_wrong_order(station: httpx.AsyncClient, change: dict[str, object], status: int) -> None:
    refused = await issue(station, **change)
    assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json")


async def test_what_cannot_be_ordered_names_what_can(station: httpx.AsyncClient) -> None:
    refused = await issue(station, profile="firmware", station=None, hostnames=["SN-1"])
    assert (refused.status_code, refused.json()["field"]) == (422, "profile")
    assert "server, station" in refused.json()["hint"]


async def test_a_server_gets_its_host_names(station: httpx.AsyncClient) -> None:
    names = ["csms.example.org", "10.0.0.1"]
    order = {"csr": request_pem("csms.example.org"), "profile": "server", "hostnames": names}
    certificate = (await station.post(CERTIFICATES, json=order)).json()
    parsed = x509.load_pem_x509_certificate(certificate["pem"].encode())
    alternatives = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternatives.get_values_for_type(x509.DNSName) == ["csms.example.org"]
    assert certificate["station"] is None


async def test_revoking_is_for_good_and_a_hold_is_not(station: httpx.AsyncClient) -> None:
    serial = (await issue(station)).json()["serial"]
    held = await station.post(f"{CERTIFICATES}/{serial}/revoke", json={"reason": "certificateHold"})
    assert (held.json()["state"], held.json()["reason"]) == ("held", "certificateHold")
    assert (await station.post(f"{CERTIFICATES}/{serial}/release")).json()["state"] == "good"
    body = {"reason": "keyCompromise", "note": "stolen"}
    revoked = (await station.post(f"{CERTIFICATES}/{serial}/revoke", json=body)).json()
    assert (revoked["state"], revoked["reason"]) == ("revoked", "keyCompromise")
    assert revoked["revoked_at"].endswith("Z")
    assert (await station.post(f"{CERTIFICATES}/{serial}/revoke", json=body)).status_code == 409
    assert (await station.post(f"{CERTIFICATES}/{serial}/release")).status_code == 409
    listed = (await station.get(CERTIFICATES, params={"state": "revoked"})).json()["items"]
    assert [certificate["serial"] for certificate in listed] == [serial]


async def test_refuses_reasons_that_are_none(station: httpx.AsyncClient) -> None:
    serial = (await issue(station)).json()["serial"]
    assert (await station.post(f"{CERTIFICATES}/{serial}/revoke", json={"reason": "bored"})).status_code == 422
    assert (await station.get(f"{CERTIFICATES}/00ff")).status_code == 404
    assert (await station.get(CERTIFICATES, params={"state": "lost"})).status_code == 422


async def test_authorities_and_roots_with_their_chains(api: httpx.AsyncClient) -> None:
    authorities = {one["name"]: one for one in (await api.get("/api/v1/authorities")).json()["items"]}
    assert {"root", "root-rsa", "stations", "csms", "manufacturer"} <= set(authorities)
    chain = x509.load_pem_x509_certificates(authorities["stations"]["chain_pem"].encode())
    chain[0].verify_directly_issued_by(chain[1])
    assert chain[1].issuer == chain[1].subject
    roots = (await api.get("/api/v1/roots")).json()["items"]
    assert {one["kind"] for one in roots} == {"root"}
    assert (await api.get("/api/v1/authorities/none")).status_code == 404


async def test_all_certificates_of_a_station_are_revoked_at_once(station: httpx.AsyncClient) -> None:
    serials = [(await issue(station, csr=request_pem("SN-1"))).json()["serial"] for _ in range(2)]
    asked = {"station": "CS-1", "reason": "keyCompromise"}
    planned = await station.post(f"{CERTIFICATES}/revoke", json={**asked, "dry_run": True})
    assert planned.json() == {"revoked": serials, "already": [], "unknown": [], "dry_run": True}
    assert (await station.get(f"{CERTIFICATES}/{serials[0]}")).json()["state"] == "good"
    assert (await station.post(f"{CERTIFICATES}/revoke", json=asked)).json()["revoked"] == serials
    assert (await station.get(f"{CERTIFICATES}/{serials[0]}")).json()["state"] == "revoked"


async def test_serial_numbers_are_taken_as_openssl_prints_them(station: httpx.AsyncClient) -> None:
    serial = (await issue(station)).json()["serial"]
    spelt = ":".join(serial[i : i + 2] for i in range(0, len(serial), 2)).upper()
    body = {"serials": [spelt, "00ff"], "reason": "superseded"}
    report = (await station.post(f"{CERTIFICATES}/revoke", json=body)).json()
    assert (report["revoked"], report["unknown"]) == ([serial], ["00ff"])


async def test_all_certificates_of_a_key_are_found_and_revoked(station: httpx.AsyncClient) -> None:
    csr = request_pem("SN-1")
    serials = [(await issue(station, csr=csr)).json()["serial"] for _ in range(2)]
    key = fingerprint_in(csr)
    found = (await station.get(f"{CERTIFICATES}/of-key/{key}")).json()["items"]
    assert [one["serial"] for one in found] == serials[::-1]
    report = (await station.post(f"{CERTIFICATES}/revoke", json={"spki_sha256": key, "reason": "superseded"})).json()
    assert sorted(report["revoked"]) == sorted(serials)


@pytest.mark.parametrize("choice", [{}, {"station": "CS-1", "serials": ["ab"]}, {"spki_sha256": "zz"}])
async def test_what_to_revoke_is_named_in_one_way(station: httpx.AsyncClient, choice: dict[str, object]) -> None:
    assert (await station.post(f"{CERTIFICATES}/revoke", json={"reason": "superseded", **choice})).status_code == 422


async def test_certificates_are_searched(api: httpx.AsyncClient) -> None:
    await api.post("/api/v1/stations", json={"id": "CS-9", "serial": "SN-9"})
    made = (
        await api.post(CERTIFICATES, json={"csr": request_pem("SN-9"), "profile": "station", "station": "CS-9"})
    ).json()

    async def serials(**asked: str) -> list[str]:
        answer = await api.get(CERTIFICATES, params=asked)
        assert answer.status_code == 200, answer.text
        return [one["serial"] for one in answer.json()["items"]]

    assert await serials(serial=made["serial"][:12].upper()) == [made["serial"]]
    assert await serials(common_name="SN-9", expires_within="90d", in_use="true") == [made["serial"]]
    assert await serials(station="CS-9", expires_within="4w") == []
    assert await serials(profile="station", state="good") == [made["serial"]]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"expires_within": "soon"}, "'soon' is not a span like 48h, 30d or 4w"),
        ({"expires_in": "30d"}, "expires_in: Extra inputs are not permitted"),
        ({"state": "bad"}, "'bad' is none of good, held"),
        ({"serial": "xyz"}, "serial: a serial number is 1 to 40 hexadecimal digits"),
        ({"limit": "0"}, "limit: Input should be greater than or equal to 1"),
    ],
)
async def test_a_search_that_cannot_be_right_is_refused(
    api: httpx.AsyncClient, asked: dict[str, str], words: str
) -> None:
    answer = await api.get(CERTIFICATES, params=asked)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]
