import httpx
from structlog.testing import capture_logs

from pki.alarms import AlarmKind
from tests.pki.stored_certificates import Stored, store_certificates
from web.service import Service

ALARMS = "/api/v1/alarms"


def sound(service: Service) -> int:
    with capture_logs():
        return service.authority.alarms.sound(AlarmKind.LINT_FINDING, "ab12", "<b>broken</b>").id


async def test_alarms_are_listed_and_cleared(api: httpx.AsyncClient, service: Service) -> None:
    number = sound(service)
    listed = (await api.get(ALARMS)).json()["items"]
    assert [(alarm["id"], alarm["kind"], alarm["cleared_at"]) for alarm in listed] == [(number, "lint-finding", None)]
    cleared = await api.post(f"{ALARMS}/{number}/clear", json={"note": "looked at it"})
    assert cleared.json()["cleared_by"].startswith("token:")
    assert (await api.get(ALARMS)).json()["items"] == []
    assert len((await api.get(ALARMS, params={"open": "false"})).json()["items"]) == 1
    assert (await api.post(f"{ALARMS}/99/clear", json={})).status_code == 404
    assert (await api.post(f"{ALARMS}/x/clear", json={})).status_code == 422


async def test_keys_are_blocked_and_unblocked(api: httpx.AsyncClient) -> None:
    key = "ab" * 32
    blocked = await api.post("/api/v1/blocked-keys", json={"spki_sha256": key, "note": "leaked"})
    assert (blocked.status_code, blocked.json()["note"]) == (201, "leaked")
    assert [one["spki_sha256"] for one in (await api.get("/api/v1/blocked-keys")).json()["items"]] == [key]
    assert (await api.delete(f"/api/v1/blocked-keys/{key}")).status_code == 204
    assert (await api.delete(f"/api/v1/blocked-keys/{key}")).status_code == 404
    assert (await api.post("/api/v1/blocked-keys", json={"spki_sha256": "x", "note": "n"})).status_code == 422


async def test_open_alarms_and_ends_are_metrics(anonymous: httpx.AsyncClient, service: Service) -> None:
    sound(service)
    store_certificates(service.store, [Stored("4a01", ends=20), Stored("4a02", "CS-2", ends=-2)], service.clock())
    lines = (await anonymous.get("/metrics")).text.splitlines()
    assert 'voltward_alarms_open{severity="warning"} 1' in lines
    assert 'voltward_alarms_open{severity="critical"} 0' in lines
    assert 'voltward_certificates_ending{weeks="13"} 1' in lines
    assert 'voltward_certificates_ending{weeks="1"} 0' in lines
    assert "voltward_certificates_overdue 1" in lines
    root = int(service.authority.authority("root").not_after.timestamp())
    assert f'voltward_end_timestamp_seconds{{kind="root",name="root"}} {root}' in lines
