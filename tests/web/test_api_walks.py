import httpx
import pytest

WALKS = "/api/v1/walks"


@pytest.fixture
async def fleet(api: httpx.AsyncClient) -> httpx.AsyncClient:
    rows = [{"id": f"CS-{n}", "serial": f"S{n}", "ocpp_version": "1.6"} for n in (1, 2, 3)]
    await api.post("/api/v1/stations/import", json={"stations": rows})
    return api


async def test_a_walk_has_the_shape_of_the_contract(fleet: httpx.AsyncClient) -> None:
    started = await fleet.post(WALKS, json={"station": "CS-1", "to": 3})
    walk = started.json()
    assert started.status_code == 201
    assert {"id", "station", "from_profile", "to_profile", "state", "reason", "steps"} <= set(walk)
    assert (walk["station"], walk["from_profile"], walk["to_profile"], walk["state"]) == ("CS-1", 1, 3, "running")
    assert {"name", "state", "at"} <= set(walk["steps"][0])
    assert (await fleet.get(f"{WALKS}/{walk['id']}")).json() == walk
    assert (await fleet.get("/api/v1/stations/CS-1")).json()["wanted_profile"] == 3


async def test_a_walk_is_held_resumed_and_cancelled(fleet: httpx.AsyncClient) -> None:
    walk = (await fleet.post(WALKS, json={"station": "CS-1", "to": 2})).json()["id"]
    assert (await fleet.post(f"{WALKS}/{walk}/hold", json={})).status_code == 422
    held = (await fleet.post(f"{WALKS}/{walk}/hold", json={"reason": "site visit"})).json()
    assert (held["state"], held["reason"]) == ("held", "site visit")
    assert (await fleet.post(f"{WALKS}/{walk}/hold", json={"reason": "again"})).status_code == 409
    assert (await fleet.post(f"{WALKS}/{walk}/resume")).json()["state"] == "running"
    assert (await fleet.post(f"{WALKS}/{walk}/cancel", json={"reason": "sold"})).json()["state"] == "cancelled"
    assert (await fleet.post(f"{WALKS}/{walk}/resume")).status_code == 409


async def test_a_step_is_tried_again_and_left_out(fleet: httpx.AsyncClient) -> None:
    walk = (await fleet.post(WALKS, json={"station": "CS-1", "to": 2})).json()
    address = f"{WALKS}/{walk['id']}"
    assert (await fleet.post(f"{address}/retry")).status_code == 409
    await fleet.post(f"{address}/hold", json={"reason": "site visit"})
    assert (await fleet.post(f"{address}/retry")).json()["state"] == "running"
    assert (await fleet.post(f"{address}/skip", json={"step": "change the password"})).status_code == 422
    refused = await fleet.post(f"{address}/skip", json={"step": "change the password", "reason": "quicker"})
    assert (refused.status_code, "sent in clear" in refused.json()["detail"]) == (409, True)
    skipped = await fleet.post(f"{address}/skip", json={"step": "install the RSA root too", "reason": "no room"})
    assert skipped.status_code == 200
    assert {"act", "why"} == set(skipped.json()["next"][0])


async def test_the_way_down_needs_permission_and_a_reason(fleet: httpx.AsyncClient) -> None:
    station = {"id": "CS-9", "serial": "S9", "ocpp_version": "2.1", "profile": 3}
    await fleet.post("/api/v1/stations", json=station)
    assert (await fleet.post(WALKS, json={"station": "CS-9", "to": 2})).status_code == 409
    unreasoned = {"station": "CS-9", "to": 2, "permit_lower": True}
    assert (await fleet.post(WALKS, json=unreasoned)).status_code == 422
    started = await fleet.post(WALKS, json={**unreasoned, "reason": "broken slot"})
    assert (started.status_code, started.json()["from_profile"], started.json()["to_profile"]) == (201, 3, 2)


async def test_many_stations_start_together_and_refusals_are_told(fleet: httpx.AsyncClient) -> None:
    await fleet.post(WALKS, json={"station": "CS-2", "to": 3})
    started = (await fleet.post(WALKS, json={"stations": ["CS-1", "CS-2", "CS-3"], "to": 3})).json()
    assert [walk["station"] for walk in started["items"]] == ["CS-1", "CS-3"]
    assert [refusal["station"] for refusal in started["refused"]] == ["CS-2"]


async def test_one_unknown_station_among_many_starts_none(fleet: httpx.AsyncClient) -> None:
    refused = await fleet.post(WALKS, json={"stations": ["CS-1", "none"], "to": 3})
    assert refused.status_code == 404
    assert (await fleet.get(WALKS)).json()["items"] == []


@pytest.mark.parametrize(
    "body",
    [{"to": 3}, {"station": "CS-1", "stations": ["CS-2"], "to": 3}, {"station": "CS-1"}, {"station": "CS-1", "to": 9}],
)
async def test_refuses_what_names_no_walk(fleet: httpx.AsyncClient, body: dict[str, object]) -> None:
    assert (await fleet.post(WALKS, json=body)).status_code == 422


@pytest.mark.parametrize("to", [0, 1])
async def test_a_walk_goes_upwards(fleet: httpx.AsyncClient, to: int) -> None:
    assert (await fleet.post(WALKS, json={"station": "CS-1", "to": to})).status_code == 409


async def test_lists_by_station_and_state(fleet: httpx.AsyncClient) -> None:
    await fleet.post(WALKS, json={"stations": ["CS-1", "CS-2"], "to": 3})
    only = (await fleet.get(WALKS, params={"station": "CS-2", "state": "running"})).json()["items"]
    assert [walk["station"] for walk in only] == ["CS-2"]
    page = (await fleet.get(WALKS, params={"limit": 1})).json()
    rest = (await fleet.get(WALKS, params={"limit": 1, "after": page["next"]})).json()
    assert {page["items"][0]["station"], rest["items"][0]["station"]} == {"CS-1", "CS-2"}
    assert rest["next"] is None


async def test_unknown_walks_are_not_found(fleet: httpx.AsyncClient) -> None:
    assert (await fleet.get(f"{WALKS}/none")).status_code == 404
    assert (await fleet.post(f"{WALKS}/none/resume")).status_code == 404


async def test_a_page_after_an_unknown_walk_is_refused(fleet: httpx.AsyncClient) -> None:
    refused = await fleet.get(WALKS, params={"after": "nonsense"})
    assert (refused.status_code, refused.json()["type"]) == (404, "urn:voltward:problem:unknown-walk")
    assert "'nonsense'" in refused.json()["detail"]
