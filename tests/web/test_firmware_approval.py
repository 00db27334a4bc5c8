"""Approval over REST, on the console and on the command line; orders with files; what bad orders get."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.web.commands import Command
from tests.web.conftest import token
from tests.web.passkey_device import Device, encoded
from web.permissions import Principal, Role
from web.service import Service

FIRMWARE = "/api/v1/firmware"
IMAGE = b"firmware image " * 1000
DIGEST = hashlib.sha256(IMAGE).hexdigest()
ORDER = {"vendor": "Acme", "model": "Wall 1", "version": "1.2.3", "digest": DIGEST}
SBOM = json.dumps({"bomFormat": "CycloneDX"}).encode()
RULE = {"vendor": "Acme", "model": "*", "approvals": 1}


def of(service: Service, person: str, role: Role = Role.OPERATOR) -> dict[str, str]:
    text = service.accounts.make_token(f"of {person[5:]}", role, person)[1].text()
    return {"Authorization": f"Bearer {text}"}


async def test_an_order_waits_until_somebody_else_approves(api: httpx.AsyncClient, service: Service) -> None:
    assert (await api.post("/api/v1/firmware-rules", json=RULE)).status_code == 201
    ci = of(service, "user:anna", Role.CI)
    waiting = (await api.post(FIRMWARE, json=ORDER, headers=ci)).json()
    assert (waiting["state"], waiting["missing"], waiting["requested_for"]) == ("pending", 1, "user:anna")
    approve = f"{FIRMWARE}/{waiting['id']}/approve"
    own = await api.post(approve, json={}, headers=of(service, "user:anna"))
    assert (own.status_code, own.json()["type"]) == (403, "urn:voltward:problem:approver-refused")
    assert (await api.post(approve, json={}, headers=ci)).status_code == 403
    done = (await api.post(approve, json={"note": "fine"}, headers=of(service, "user:ben"))).json()
    assert (done["state"], done["approvals"][0]["person"]) == ("signed", "user:ben")
    assert (await api.post(approve, json={})).status_code == 409
    report = (await api.get(f"{FIRMWARE}/{waiting['id']}/report")).json()
    assert [act["act"] for act in report["acts"]] == ["firmware:ordered", "firmware:approved", "firmware:signed"]
    entry = json.loads((await api.get("/api/v1/firmware-log/entries")).json()["items"][0]["entry"])
    assert entry["names_sha256"] == report["names_sha256"]


async def test_a_token_that_a_token_made_belongs_to_the_same_person(api: httpx.AsyncClient, service: Service) -> None:
    admin = of(service, "user:anna", Role.ADMIN)
    made = (await api.post("/api/v1/tokens", json={"name": "second", "role": "operator"}, headers=admin)).json()
    service.authority.firmware_rules.add("*", "*", 1, [], "user:admin")
    waiting = (await api.post(FIRMWARE, json=ORDER, headers=admin)).json()
    second = {"Authorization": f"Bearer {made['token']}"}
    assert (await api.post(f"{FIRMWARE}/{waiting['id']}/approve", json={}, headers=second)).status_code == 403


async def test_a_refusal_needs_a_reason_and_shows_it(api: httpx.AsyncClient) -> None:
    await api.post("/api/v1/firmware-rules", json=RULE)
    waiting = (await api.post(FIRMWARE, json=ORDER)).json()
    assert (await api.post(f"{FIRMWARE}/{waiting['id']}/refuse", json={})).status_code == 422
    refused = (await api.post(f"{FIRMWARE}/{waiting['id']}/refuse", json={"reason": "too soon"})).json()
    assert (refused["state"], refused["reason"]) == ("refused", "too soon")
    assert [one["id"] for one in (await api.get(FIRMWARE, params={"state": "refused"})).json()["items"]] == [
        waiting["id"]
    ]
    assert (await api.get(f"{FIRMWARE}/{waiting['id']}/bundle")).status_code == 422


async def test_a_rule_may_ask_for_a_passkey(api: httpx.AsyncClient, service: Service) -> None:
    service.accounts.add_user("ben", Role.OPERATOR, "operator")
    await api.post("/api/v1/firmware-rules", json={**RULE, "passkey": True})
    waiting = (await api.post(FIRMWARE, json=ORDER)).json()
    approve, ben = f"{FIRMWARE}/{waiting['id']}/approve", of(service, "user:ben")
    bare = await api.post(approve, json={}, headers=ben)
    assert (bare.status_code, bare.json()["detail"]) == (403, "the rule asks for approval with a passkey")
    assert (await api.post(f"{approve}/options", headers=ben)).json()["detail"] == "you have no passkey here"
    device = Device(service.passkeys.origin, "localhost")
    service.passkeys.add("ben", "key", device.make(service.passkeys.begin_adding("ben")))
    answer = device.sign((await api.post(f"{approve}/options", headers=ben)).json())
    changed = await api.post(approve, json={"passkey": answer.replace(encoded(device.id), "AAAA")}, headers=ben)
    assert changed.status_code == 403
    answer = device.sign((await api.post(f"{approve}/options", headers=ben)).json())
    done = (await api.post(approve, json={"passkey": answer}, headers=ben)).json()
    assert done["state"] == "signed"
    evidence = json.loads(done["approvals"][0]["passkey"])
    assert json.loads(evidence["about"])["digest"] == DIGEST


async def test_a_passkey_of_one_approval_is_no_other(api: httpx.AsyncClient, service: Service) -> None:
    service.accounts.add_user("ben", Role.OPERATOR, "operator")
    await api.post("/api/v1/firmware-rules", json={**RULE, "passkey": True})
    first = (await api.post(FIRMWARE, json=ORDER)).json()["id"]
    second = (await api.post(FIRMWARE, json={**ORDER, "version": "1.2.4"})).json()["id"]
    device, ben = Device(service.passkeys.origin, "localhost"), of(service, "user:ben")
    service.passkeys.add("ben", "key", device.make(service.passkeys.begin_adding("ben")))
    answer = device.sign((await api.post(f"{FIRMWARE}/{first}/approve/options", headers=ben)).json())
    other = await api.post(f"{FIRMWARE}/{second}/approve", json={"passkey": answer}, headers=ben)
    assert (other.status_code, other.json()["detail"]) == (403, "the passkey signed something else than this")


async def test_tokens_that_belong_to_nobody_have_no_passkey(api: httpx.AsyncClient) -> None:
    await api.post("/api/v1/firmware-rules", json={**RULE, "passkey": True})
    waiting = (await api.post(FIRMWARE, json=ORDER)).json()
    answer = await api.post(f"{FIRMWARE}/{waiting['id']}/approve/options")
    assert (answer.status_code, answer.json()["detail"]) == (403, "only people have passkeys")


async def test_rules_are_for_admins(api: httpx.AsyncClient, service: Service) -> None:
    denied = await api.post(
        "/api/v1/firmware-rules", json=RULE, headers={"Authorization": f"Bearer {token(service, Role.OPERATOR)}"}
    )
    assert denied.status_code == 403
    rule = (await api.post("/api/v1/firmware-rules", json=RULE)).json()
    assert (await api.get("/api/v1/firmware-rules")).json()["items"] == [rule]
    assert (await api.delete(f"/api/v1/firmware-rules/{rule['id']}")).status_code == 204
    assert (await api.delete(f"/api/v1/firmware-rules/{rule['id']}")).status_code == 404


async def test_a_form_carries_image_counters_hardware_and_files(api: httpx.AsyncClient) -> None:
    fields = {
        "vendor": "Acme",
        "model": "Wall 1",
        "version": "1",
        "release_counter": "7",
        "hardware": ["a", "b"],
        "digest": DIGEST,
    }
    files = [("image", ("image.bin", IMAGE)), ("sbom", ("sbom.json", SBOM))]
    signed = (await api.post(FIRMWARE, data=fields, files=files)).json()
    assert (signed["digest"], signed["release_counter"], signed["hardware"]) == (DIGEST, 7, ["a", "b"])
    bound = signed["attachments"][0]
    assert bound["sha256"] == hashlib.sha256(SBOM).hexdigest()
    assert (await api.get(f"{FIRMWARE}/{signed['id']}/attachments/{bound['sha256']}")).content == SBOM
    assert (await api.get(f"{FIRMWARE}/{signed['id']}/attachments/00")).status_code == 404


NAMES = {"vendor": "Acme", "model": "Wall 1", "version": "1"}


@pytest.mark.parametrize(
    ("fields", "image", "field"),
    [
        ({}, b"", "image"),
        ({"digest": "00" * 32}, IMAGE, "digest"),
        ({"release_counter": "-1"}, IMAGE, "release_counter"),
    ],
)
async def test_a_form_that_is_wrong_leaves_nothing(
    api: httpx.AsyncClient, fields: dict[str, str], image: bytes, field: str
) -> None:
    refused = await api.post(FIRMWARE, data={**NAMES, **fields}, files={"image": ("image.bin", image)})
    problem = refused.json()
    assert (refused.status_code, problem.get("field") or problem["errors"][0]["field"]) == (422, field)
    assert (await api.get(FIRMWARE)).json()["items"] == []


# Starlette forgets to close the file of a form that breaks off; it goes with the request.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_an_upload_over_the_limit_is_refused_and_a_broken_one_leaves_nothing(api: httpx.AsyncClient) -> None:
    limit = str(5 * 1024**3)
    too_long = await api.post(
        FIRMWARE, content=b"x", headers={"Content-Length": limit, "Content-Type": "multipart/form-data; boundary=x"}
    )
    assert too_long.status_code == 413
    cut = b"--x\r\nContent-Disposition: form-data; name=image; filename=i\r\n\r\nhalf"
    broken = await api.post(FIRMWARE, content=cut, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert broken.status_code in (400, 422)
    assert (await api.get(FIRMWARE)).json()["items"] == []


async def test_a_file_that_is_not_base64_is_refused(api: httpx.AsyncClient) -> None:
    wrong = {**ORDER, "attachments": [{"kind": "sbom", "name": "s.json", "content": "!"}]}
    assert (await api.post(FIRMWARE, json=wrong)).json()["field"] == "attachments"
    right = {**ORDER, "attachments": [{"kind": "sbom", "name": "s.json", "content": base64.b64encode(SBOM).decode()}]}
    assert (await api.post(FIRMWARE, json=right)).status_code == 201


# --- the console


async def signed_in(client: httpx.AsyncClient, service: Service, name: str) -> None:
    user, password = service.accounts.add_user(name, Role.OPERATOR, "operator")
    assert password is not None
    client.cookies.set("voltward_session", service.accounts.sign_in(user.name, password, "test").text())


async def test_the_console_approves(anonymous: httpx.AsyncClient, service: Service) -> None:
    await signed_in(anonymous, service, "ben")
    service.authority.firmware_rules.add("Acme", "*", 2, [], "user:admin")
    waiting = service.authority.sign_firmware(_order(), "token:ci", "user:anna")
    assert "2 wanting" in (await anonymous.get("/firmware")).text
    page = (await anonymous.get(f"/firmware/{waiting.id}/show")).text
    assert "0 of 2 approvals" in page
    form = {"form_token": page.partition('name="form_token" value="')[2].partition('"')[0], "note": "seen"}
    done = await anonymous.post(f"/firmware/{waiting.id}/approve", data=form)
    assert done.status_code == 303
    assert "1 of 2 approvals" in (await anonymous.get(f"/firmware/{waiting.id}/show")).text
    forged = await anonymous.post(f"/firmware/{waiting.id}/refuse", data={"reason": "x"})
    assert forged.status_code == 403
    await anonymous.post(f"/firmware/{waiting.id}/refuse", data={**form, "reason": "no notes"})
    assert "no notes" in (await anonymous.get(f"/firmware/{waiting.id}/show")).text
    assert service.authority.firmware(waiting.id).reason == "no notes"


async def test_who_asked_sees_no_button(anonymous: httpx.AsyncClient, service: Service) -> None:
    await signed_in(anonymous, service, "ben")
    service.authority.firmware_rules.add("Acme", "*", 1, [], "user:admin")
    waiting = service.authority.sign_firmware(_order(), "token:ci", "user:ben")
    page = (await anonymous.get(f"/firmware/{waiting.id}/show")).text
    assert "somebody else must approve" in page
    assert "/approve" not in page


def _order() -> Any:
    from pki.authority import FirmwareOrder

    return FirmwareOrder("Acme", "Wall 1", "1", bytes.fromhex(DIGEST))


# --- the command line


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.bin"
    path.write_bytes(IMAGE)
    return path


SIGN = ("--vendor", "Acme", "--model", "Wall", "--version", "1", "--json")


def test_approval_on_the_command_line(voltward: Command, image: Path, service: Service) -> None:
    rule = voltward("firmware", "rule", "add", "--vendor", "Acme", "--approvals", "1", "--json").json
    assert voltward("firmware", "rule", "list", "--json").json["items"] == [rule]
    waiting = voltward("firmware", "sign", str(image), *SIGN)
    assert (waiting.code, waiting.json["state"]) == (0, "pending")
    assert "waits for 1 more" in waiting.err
    own = voltward("firmware", "approve", waiting.json["id"])
    assert (own.code, "never approves" in own.err) == (2, True)
    service.authority.approve_firmware(waiting.json["id"], "user:anna")
    assert voltward("firmware", "sign", str(image), *SIGN, "--wait").json["state"] == "signed"
    assert voltward("firmware", "report", waiting.json["id"]).code == 0
    assert voltward("firmware", "rule", "remove", rule["id"]).code == 0


def test_waiting_ends_with_the_refusal_or_with_time(voltward: Command, image: Path, service: Service) -> None:
    service.authority.firmware_rules.add("*", "*", 1, [], "user:admin")
    late = voltward("firmware", "sign", str(image), *SIGN, "--wait", "--timeout", "0")
    assert (late.code, "not signed yet" in late.err) == (1, True)
    assert voltward("firmware", "refuse", late.json["id"], "--reason", "no notes").code == 0
    assert voltward("firmware", "show", late.json["id"], "--json").json["reason"] == "no notes"


def test_bad_files_are_exit_code_two_with_the_reason(voltward: Command, image: Path, tmp_path: Path) -> None:
    sbom = tmp_path / "sbom.json"
    sbom.write_text("{}")
    wrong = voltward("firmware", "sign", str(image), *SIGN, "--sbom", str(sbom))
    assert (wrong.code, "neither CycloneDX nor SPDX" in wrong.err) == (2, True)
    image.write_bytes(b"")
    assert voltward("firmware", "sign", str(image), *SIGN).code == 2


@pytest.mark.parametrize("options", [["--oidc-env", "NOT_THERE"], ["--oidc-token-file", "/none"]])
def test_a_token_that_is_not_there_is_wrong_use(bare: Command, image: Path, options: list[str]) -> None:
    assert bare("firmware", "sign", str(image), *SIGN, *options).code == 2


def test_a_release_pattern_bars_other_firmware() -> None:
    from web.errors import NotAllowed

    ci = Principal("oidc:x", Role.CI, release=("Acme", "Wall*"))
    ci.require_release("Acme", "Wall 1")
    for vendor, model in (("Acme", "Pole"), ("Other", "Wall 1")):
        with pytest.raises(NotAllowed):
            ci.require_release(vendor, model)
