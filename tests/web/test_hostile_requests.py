"""Bad certificate requests through REST: a clear problem, never a traceback, and no row half written."""

import json

import httpx
import pytest
from sqlalchemy import func, select

from pki.tables import CertificateRow, IntentRow, SerialRow
from tests.pki.hostile.pieces import as_text
from tests.pki.hostile_requests import HOSTILE, TOLERATED
from tests.web.requests import request_pem
from web.service import Service

CERTIFICATES = "/api/v1/certificates"


@pytest.fixture
async def station(api: httpx.AsyncClient) -> httpx.AsyncClient:
    await api.post("/api/v1/stations", json={"id": "CS-1", "serial": "SN-1"})
    return api


async def issue(api: httpx.AsyncClient, made: str | bytes) -> httpx.Response:
    body = json.dumps(
        {"csr": as_text(made), "profile": "station", "station": "CS-1"}
    )  # escapes what UTF-8 has no octets for
    return await api.post(CERTIFICATES, content=body, headers={"Content-Type": "application/json"})


def rows(service: Service) -> list[int]:
    """How many reservations, intents and certificates there are."""
    with service.store.reading() as session:
        return [session.execute(select(func.count()).select_from(table)).scalar_one() for table in TABLES]


TABLES = (SerialRow, IntentRow, CertificateRow)


async def test_every_bad_request_is_answered_by_a_problem_and_leaves_no_row(
    station: httpx.AsyncClient, service: Service
) -> None:
    before = rows(service)
    for case in HOSTILE:
        answer = await issue(station, case.make())
        assert answer.headers["content-type"] == "application/problem+json", case.name
        assert answer.status_code in (413, 422), case.name
        assert "Traceback" not in answer.text, case.name
        problem = answer.json()
        if "code" in problem:  # the others are too long for the route, or no text for JSON
            assert problem["code"] == case.code, case.name
            assert problem["detail"], case.name
            assert problem["clause"], case.name
            assert problem["hint"], case.name
        else:
            assert case.code in ("too-long", "not-pem"), case.name
    assert rows(service) == before
    assert (await issue(station, request_pem("SN-1"))).status_code == 201


async def test_every_odd_request_gets_its_certificate(station: httpx.AsyncClient) -> None:
    """And nothing of its extensions (RFC 5280 §4.2.1.9: no station becomes an authority)."""
    for case in TOLERATED:
        answer = await issue(station, case.make())
        assert answer.status_code == 201, f"{case.name}: {answer.text}"
        assert answer.json()["subject"].startswith("CN=SN-1")


async def test_a_refusal_by_the_records_is_audited_and_leaves_no_row(
    station: httpx.AsyncClient, service: Service
) -> None:
    before = rows(service)
    assert (await issue(station, request_pem("SN-2"))).json()["code"] == "wrong-common-name"
    assert rows(service) == before
    records = (await station.get("/api/v1/audit", params={"limit": 1000})).json()["items"]
    [refused] = [one["details"] for one in records if one["act"] == "certificate:refused"]
    assert (refused["code"], refused["station"]) == ("wrong-common-name", "CS-1")
