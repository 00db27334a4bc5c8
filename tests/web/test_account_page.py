"""The account page: passkeys are added with the password once more, and are one's own."""

import html

import httpx

from tests.web.passkey_device import Device
from tests.web.test_pages import browser, form_token, submit
from web.data_folder import NewFolder
from web.permissions import Role
from web.service import Service

__all__ = ["browser"]
ADD = {"name": "key on my ring"}


async def add(browser: httpx.AsyncClient, device: Device, password: str) -> httpx.Response:
    options = await submit(browser, "/account", "/account/passkeys/options", password=password, **ADD)
    return await submit(browser, "/account", "/account/passkeys", answer=device.make(options.json()), **ADD)


async def test_a_passkey_is_added_shown_and_removed(
    browser: httpx.AsyncClient, made: NewFolder, service: Service
) -> None:
    device = Device(service.passkeys.origin, "localhost")
    assert (await add(browser, device, made.password.text())).status_code == 303
    assert "key on my ring" in (await browser.get("/account")).text
    (one,) = service.passkeys.of(made.admin)
    await submit(browser, "/account", "/account/passkeys/remove", passkey=one.id)
    assert service.passkeys.of() == []


async def test_a_session_left_open_adds_none(browser: httpx.AsyncClient, service: Service) -> None:
    refused = await submit(browser, "/account", "/account/passkeys/options", password="wrong", **ADD)
    assert refused.status_code in (401, 303)
    assert service.passkeys.of() == []


async def test_a_forged_form_adds_none(browser: httpx.AsyncClient, made: NewFolder) -> None:
    answer = await browser.post("/account/passkeys/options", data={"password": made.password.text(), **ADD})
    assert answer.status_code == 403


async def test_approving_on_the_page_takes_the_passkey(
    browser: httpx.AsyncClient, made: NewFolder, service: Service
) -> None:
    device = Device(service.passkeys.origin, "localhost")
    await add(browser, device, made.password.text())
    service.authority.firmware_rules.add("Acme", "*", 1, [], "user:else", passkey=True)
    order = {"vendor": "Acme", "model": "Wall", "version": "1", "digest": "ab" * 32}
    token = {"Authorization": f"Bearer {service.accounts.make_token('ci', Role.CI, 'user:else')[1].text()}"}
    waiting = (await browser.post("/api/v1/firmware", json=order, headers=token)).json()["id"]
    page = html.unescape((await browser.get(f"/firmware/{waiting}/show")).text)
    assert "Approve with a passkey" in page
    bare = await submit(browser, f"/firmware/{waiting}/show", f"/firmware/{waiting}/approve")
    assert bare.status_code == 403
    options = await submit(browser, f"/firmware/{waiting}/show", f"/firmware/{waiting}/approve/options")
    answer = device.sign(options.json())
    shown = f"/firmware/{waiting}/show"
    assert (await submit(browser, shown, f"/firmware/{waiting}/approve", answer=answer)).status_code == 303
    assert "signed with a passkey" in (await browser.get(shown)).text
    assert form_token(await browser.get("/account"))
