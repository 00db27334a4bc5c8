"""A person adds a passkey and approves firmware with it: a real browser with a security key made of software."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.browser import CHROMIUM, Page, browser
from tests.end_to_end.running_service import RunningService

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium"),
]
KEY = {
    "protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True,
    "automaticPresenceSimulation": True,
}  # fmt: skip


def test_an_approval_is_signed_with_a_passkey(shared_service: RunningService, tmp_path: Path) -> None:
    added = shared_service.cli(
        "user", "add", "ben", "--role", "operator", "--data", str(shared_service.folder), "--json"
    )
    shared_service.post("firmware-rules", {"vendor": "Keyed", "approvals": 1, "passkey": True})
    order = {"vendor": "Keyed", "model": "Wall", "version": "1", "digest": "ab" * 32}
    waiting = shared_service.post("firmware", order)["id"]
    site = f"http://localhost:{shared_service.web_port}"
    with browser(tmp_path / "profile") as page:
        page.call("WebAuthn.enable")
        page.call("WebAuthn.addVirtualAuthenticator", options=KEY)
        _sign_in(page, site, json.loads(added.stdout)["password"])
        page.open(f"{site}/account")
        _send(page, "form[data-passkey]", name="my key", password="wrong password")
        page.wait_for("document.querySelector('[data-said]').textContent.includes('wrong')")
        _send(page, "form[data-passkey]", name="my key", password=json.loads(added.stdout)["password"])
        page.wait_for("document.body.textContent.includes('Remove')")
        page.open(f"{site}/firmware/{waiting}/show")
        _send(page, "form[data-passkey]", note="SBOM read")
        page.wait_for("document.body.textContent.includes('signed with a passkey')")
    done = shared_service.get(f"firmware/{waiting}")
    assert (done["state"], done["approvals"][0]["person"]) == ("signed", "user:ben")
    assert json.loads(json.loads(done["approvals"][0]["passkey"])["about"])["digest"] == "ab" * 32
    (passkey,) = shared_service.get("passkeys", user="ben")["items"]
    removed = shared_service.cli("user", "remove-passkey", "--reason", "lost", "--", passkey["id"])
    assert removed.returncode == 0, removed.stderr


def _sign_in(page: Page, site: str, password: str) -> None:
    page.open(f"{site}/login")
    _send(page, "form[action='/login']", user="ben", password=password)
    page.wait_for("location.pathname === '/' && document.readyState === 'complete'")


def _send(page: Page, form: str, **fields: str) -> None:
    named = f"document.querySelector({json.dumps(form)})"
    for name, value in fields.items():
        page.run(f"{named}.elements[{json.dumps(name)}].value = {json.dumps(value)}")
    page.run(f"{named}.requestSubmit()")
