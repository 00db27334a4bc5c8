import httpx
import pytest

from csms_bridge import errors as bridge
from pki import errors as pki
from web import errors as web
from web import problems
from web.service import Service


def errors_of(module: object, base: type[Exception]) -> list[type[Exception]]:
    return [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, base)]


ELSEWHERE = {bridge.StationSilent, bridge.NotSent, bridge.ImageNoRoom, bridge.ImageUnreachable}
"""Nobody's fault who asked: the station, the disk, the store for images (RFC 9110 §15.6, RFC 4918 §11.5)."""


@pytest.mark.parametrize("kind", errors_of(bridge, bridge.BridgeError), ids=lambda kind: kind.__name__)
def test_the_bridges_refusals_are_the_callers_not_ours(kind: type[Exception]) -> None:
    status = next(problems.STATUS[one] for one in kind.__mro__ if one in problems.STATUS)
    assert 400 <= status < 500 or kind in ELSEWHERE


def test_a_problem_carries_the_fields_of_its_error() -> None:
    problem = problems.problem_of(pki.CsrRejected("wrong-common-name", "the request names …", "A00.FR.405"))
    assert problem == {
        "type": "urn:voltward:problem:csr-rejected",
        "title": "csr rejected",
        "status": 422,
        "detail": "the request names …",
        "code": "wrong-common-name",
        "clause": "A00.FR.405",
    }


def test_too_many_tries_says_when_to_come_back() -> None:
    answer = problems.answer_error(web.TooManyTries(42))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "42")


async def test_no_such_route_and_wrong_method_are_problems(api: httpx.AsyncClient) -> None:
    missing = await api.get("/api/v1/nothing")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    wrong = await api.put("/api/v1/stations")
    assert (wrong.status_code, wrong.json()["status"]) == (405, 405)


async def test_an_unreadable_body_is_a_problem(api: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    broken = await api.post("/api/v1/stations", content=b"{", headers=headers)
    assert (broken.status_code, broken.json()["title"]) == (422, "request refused")


async def test_an_unknown_fault_says_little_outside(
    api: httpx.AsyncClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(type(service.fleet), "overview", fail)
    broken = await api.get("/api/v1/overview")
    assert broken.status_code == 500
    assert "secret inside" not in broken.text
    assert "incident" in broken.json()["detail"]


async def test_a_body_may_not_be_longer_than_its_route_needs(api: httpx.AsyncClient) -> None:
    announced = await api.post("/login", content=b"x" * (1024 * 1024 + 1))
    assert (announced.status_code, announced.json()["status"]) == (413, 413)

    async def endless():  # type: ignore[no-untyped-def]
        for _ in range(40):
            yield b"x" * 1024 * 1024

    counted = await api.post("/api/v1/stations", content=endless(), headers={"Content-Type": "application/json"})
    assert counted.status_code == 413


async def test_every_answer_keeps_browsers_in_check(anonymous: httpx.AsyncClient) -> None:
    for path in ("/login", "/api/v1/stations", "/healthz", "/nothing"):
        headers = (await anonymous.get(path)).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
