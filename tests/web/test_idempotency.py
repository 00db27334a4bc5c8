import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlmodel import select

from tests.web.conftest import token
from web.idempotency import forget_old_keys
from web.permissions import Role
from web.service import Service
from web.tables import IdempotencyRow

STATIONS = "/api/v1/stations"
BODY = {"id": "CS-1", "serial": "SN-1"}
KEY = {"Idempotency-Key": "import-2026-03-01"}


async def test_the_same_key_and_body_get_the_first_answer_again(api: httpx.AsyncClient) -> None:
    first = await api.post(STATIONS, json=BODY, headers=KEY)
    again = await api.post(STATIONS, json=BODY, headers=KEY)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers


async def test_the_same_key_with_another_body_is_refused(api: httpx.AsyncClient) -> None:
    await api.post(STATIONS, json=BODY, headers=KEY)
    other = await api.post(STATIONS, json={**BODY, "id": "CS-2"}, headers=KEY)
    assert (other.status_code, other.json()["type"]) == (422, "urn:voltward:problem:key-reused")
    elsewhere = await api.post("/api/v1/walks", json=BODY, headers=KEY)
    assert elsewhere.status_code == 422


async def test_two_at_once_do_the_thing_once(api: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(api.post(STATIONS, json=BODY, headers=KEY) for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    created = [answer.json()["password"] for answer in answers if answer.status_code == 201]
    assert len(set(created)) == 1


async def test_refusals_are_remembered_and_faults_are_not(
    api: httpx.AsyncClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = await api.post(STATIONS, json={"id": "", "serial": ""}, headers=KEY)
    again = await api.post(STATIONS, json={"id": "", "serial": ""}, headers=KEY)
    assert (refused.status_code, again.json()) == (422, refused.json())
    with monkeypatch.context() as patch:
        patch.setattr(type(service.fleet), "add_station", lambda *_: 1 / 0)
        broken = await api.post(STATIONS, json=BODY, headers={"Idempotency-Key": "other"})
        assert broken.status_code == 500
    mended = await api.post(STATIONS, json=BODY, headers={"Idempotency-Key": "other"})
    assert mended.status_code == 201


async def test_keys_of_different_callers_do_not_meet(api: httpx.AsyncClient, service: Service) -> None:
    await api.post(STATIONS, json=BODY, headers=KEY)
    other = {**KEY, "Authorization": f"Bearer {token(service, Role.OPERATOR)}"}
    assert (await api.post(STATIONS, json=BODY, headers=other)).status_code == 409
    nobody = await api.post(STATIONS, json=BODY, headers={**KEY, "Authorization": ""})
    assert nobody.status_code == 401


async def test_a_password_in_an_answer_is_not_kept_in_clear(api: httpx.AsyncClient, service: Service) -> None:
    password = (await api.post(STATIONS, json=BODY, headers=KEY)).json()["password"]
    with service.store.reading() as session:
        row = session.exec(select(IdempotencyRow)).one()
    assert row.answer is not None
    assert password.encode() not in row.answer


async def test_keys_are_forgotten_after_a_day(api: httpx.AsyncClient, service: Service) -> None:
    await api.post(STATIONS, json=BODY, headers=KEY)
    with service.store.writing() as session:
        row = session.exec(select(IdempotencyRow)).one()
        row.created_at -= timedelta(days=1, seconds=1)
        session.add(row)
    forget_old_keys(service)
    assert (await api.post(STATIONS, json=BODY, headers=KEY)).status_code == 409  # runs again: it exists


async def test_a_request_that_died_with_its_process_can_be_repeated(api: httpx.AsyncClient, service: Service) -> None:
    await api.post(STATIONS, json=BODY, headers=KEY)
    with service.store.writing() as session:
        row = session.exec(select(IdempotencyRow)).one()
        row.answer = None
        session.add(row)
    assert (await api.post(STATIONS, json=BODY, headers=KEY)).json()["title"] == "still under way"
    with service.store.writing() as session:
        row = session.exec(select(IdempotencyRow)).one()
        row.created_at -= timedelta(minutes=11)
        session.add(row)
    assert (await api.post(STATIONS, json=BODY, headers=KEY)).json()["title"] == "station exists"


@pytest.mark.parametrize("key", ["", "x" * 201])
async def test_refuses_keys_that_are_none(api: httpx.AsyncClient, key: str) -> None:
    refused = await api.post(STATIONS, json=BODY, headers={"Idempotency-Key": key})
    assert (refused.status_code, refused.json()["field"]) == (422, "Idempotency-Key")


async def test_an_upload_takes_no_key(api: httpx.AsyncClient) -> None:
    refused = await api.post("/api/v1/firmware", files={"image": b"x"}, headers=KEY)
    assert refused.status_code == 422
