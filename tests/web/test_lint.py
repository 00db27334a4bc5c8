"""What the full linter says, over REST, by command and on the page."""

import httpx
import pytest

from tests.web.commands import Command
from web.service import Service


def _some_serial(service: Service) -> str:
    return service.authority.certificates(limit=1)[0].serial


async def test_the_linted_shapes_are_listed(api: httpx.AsyncClient, service: Service) -> None:
    found = (await api.get("/api/v1/lint")).json()
    assert {"root", "issuing", "firmware"} <= {shape["profile"] for shape in found["shapes"]}
    assert found["relinted"] + found["waiting"] >= len(service.authority.authorities())


async def test_one_certificate_is_linted_now(api: httpx.AsyncClient, service: Service) -> None:
    serial = _some_serial(service)
    found = await api.get(f"/api/v1/lint/{serial.upper()}")
    assert found.json() == {"serial": serial, "findings": []}
    assert (await api.get("/api/v1/lint/77")).status_code == 404


def test_by_command(voltward: Command, service: Service) -> None:
    assert "nothing found" in voltward("cert", "lint", _some_serial(service)).out
    assert "pkilint" in voltward("cert", "lint").out


def test_a_finding_is_exit_code_1(voltward: Command, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pki.authority.full_lint", lambda _: ("pkix.something: error",))
    found = voltward("cert", "lint", _some_serial(service))
    assert found.code == 1
    assert "pkix.something" in found.out
