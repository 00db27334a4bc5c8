"""Rules about firmware in the console: for admins, with a reason when one goes."""

import httpx

from tests.web.test_pages import browser, form_token, sign_in, submit
from web.permissions import Role
from web.service import Service

__all__ = ["browser"]
RULE = {"vendor": "Acme", "model": "*", "approvals": "1", "people": "anna, user:ben", "passkey": "true"}


async def test_an_admin_adds_and_removes_a_rule(browser: httpx.AsyncClient, service: Service) -> None:
    assert (await submit(browser, "/firmware", "/firmware/rules", **RULE)).status_code == 303
    (rule,) = service.authority.firmware_rules.all()
    assert (rule.vendor, rule.people, rule.passkey) == ("Acme", ("user:anna", "user:ben"), True)
    assert "with a passkey" in (await browser.get("/firmware")).text
    removal = f"/firmware/rules/{rule.id}/remove"
    assert (await submit(browser, "/firmware", removal, reason="")).status_code == 422
    assert (await submit(browser, "/firmware", removal, reason="wound up")).status_code == 303
    assert service.authority.firmware_rules.all() == []


async def test_a_rule_that_cannot_be_is_refused(browser: httpx.AsyncClient, service: Service) -> None:
    refused = await submit(browser, "/firmware", "/firmware/rules", **{**RULE, "approvals": "3"})
    assert (refused.status_code, "at least as many people" in refused.text) == (422, True)
    assert service.authority.firmware_rules.all() == []


async def test_an_operator_is_offered_none(anonymous: httpx.AsyncClient, service: Service) -> None:
    _, password = service.accounts.add_user("ola", Role.OPERATOR, "operator")
    await sign_in(anonymous, "ola", password.text())
    page = await anonymous.get("/firmware")
    assert "/firmware/rules" not in page.text
    denied = await anonymous.post("/firmware/rules", data={**RULE, "form_token": form_token(page)})
    assert denied.status_code == 403
