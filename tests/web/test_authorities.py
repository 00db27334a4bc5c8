"""Ceremonies and authorities elsewhere, through REST, the console and the command line."""

import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from pki.authority import Authority
from pki.keys import KeyAlgorithm
from tests.pki.conftest import SetClock, bare_folder, open_room
from tests.web.commands import Command
from tests.web.conftest import token
from tests.web.test_pages import browser, submit  # noqa: F401 -- browser is a fixture
from web.data_folder import NewFolder
from web.permissions import Role
from web.service import Service

FILE = """\
title = "A <second> pair"
[[root]]
name = "root-2"
algorithm = "ec-p384"
[[issuing]]
name = "stations-2"
parent = "root-2"
post = "stations"
algorithm = "ec-p384"
"""
CEREMONIES = "/api/v1/ceremonies"
REQUESTS = "/api/v1/authority-requests"


async def test_a_ceremony_is_looked_at_agreed_to_and_held_once(api: httpx.AsyncClient) -> None:
    preview = (await api.post(f"{CEREMONIES}/preview", json={"file": FILE})).json()
    assert preview["has_work"]
    assert [one["standing"] for one in preview["authorities"]] == ["is to be made"] * 2
    assert preview["authorities"][1]["station_chain"] > 1000
    refused = await api.post(CEREMONIES, json={"file": FILE, "agreement": "0" * 64})
    assert (refused.status_code, refused.json()["title"]) == (422, "ceremony refused")
    held = await api.post(CEREMONIES, json={"file": FILE, "agreement": preview["agreement"]})
    assert held.status_code == 201, held.text
    record = held.json()["record"]
    assert (await api.get(f"{CEREMONIES}/{record['id']}")).json() == record
    assert (await api.get(CEREMONIES)).json()["items"][0] == record
    again = (await api.post(f"{CEREMONIES}/preview", json={"file": FILE})).json()
    second = await api.post(CEREMONIES, json={"file": FILE, "agreement": again["agreement"]})
    assert (second.status_code, second.json()) == (200, {"record": None})
    shown = (await api.get("/api/v1/authorities/stations-2")).json()
    assert (shown["post"], shown["status"], shown["custody"]) == ("stations", "active", "here")
    assert (await api.get(f"{CEREMONIES}/nothing")).status_code == 404


async def test_a_wrong_file_is_answered_with_all_its_findings(api: httpx.AsyncClient) -> None:
    wrong = FILE.replace('"root-2"\npost', '"root-3"\npost')
    answer = await api.post(f"{CEREMONIES}/preview", json={"file": wrong})
    assert answer.status_code == 422
    assert answer.json()["findings"] == [
        "[[issuing]] \"stations-2\", parent: there is no authority 'root-3', neither in this file nor here"
    ]
    assert (await api.post(f"{CEREMONIES}/preview", json={"file": "x" * 10_000_000})).status_code == 422


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR, Role.CI])
async def test_only_an_admin_makes_authorities(anonymous: httpx.AsyncClient, service: Service, role: Role) -> None:
    anonymous.headers["Authorization"] = f"Bearer {token(service, role)}"
    for path, body in (
        (f"{CEREMONIES}/preview", {"file": FILE}),
        (CEREMONIES, {"file": FILE, "agreement": "0" * 64}),
        (REQUESTS, {"name": "x", "post": "stations"}),
        (f"{REQUESTS}/x/certificate", {"certificate": "x"}),
        ("/api/v1/authorities/root/certify", {"csr": "x", "spki_sha256": "0" * 64}),
        ("/api/v1/crls", {"crl": "x"}),
    ):
        assert (await anonymous.post(path, json=body)).status_code == 403, path
    assert (await anonymous.get(CEREMONIES)).status_code == 200


async def test_a_request_goes_out_and_the_certificate_of_another_root_comes_in(
    api: httpx.AsyncClient, tmp_path: Path
) -> None:
    asked = await api.post(REQUESTS, json={"name": "stations-off", "post": "stations"})
    assert asked.status_code == 201
    request = asked.json()
    assert [one["name"] for one in (await api.get(REQUESTS)).json()["items"]] == ["stations-off"]
    room = open_room(bare_folder(tmp_path / "offline"), SetClock())
    other = room.rebuilt(settings=room.authority.settings.model_copy(update={"organisation": "Test Operator"}))
    other.hold_ceremony('title = "T"\n[[root]]\nname = "far"\n', "operator")
    signed = other.elsewhere.certify(request["csr_pem"], "far", request["spki_sha256"], "operator")
    room.store.close()
    wrong = await api.post(f"{REQUESTS}/stations-off/certificate", json={"certificate": signed.certificate_pem})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "incomplete-chain")
    body = {"certificate": signed.certificate_pem + signed.chain_pem}
    taken = await api.post(f"{REQUESTS}/stations-off/certificate", json=body)
    assert taken.status_code == 201, taken.text
    assert (taken.json()["status"], taken.json()["custody"]) == ("prepared", "here")
    assert (await api.get(REQUESTS)).json()["items"] == []
    assert (await api.delete(f"{REQUESTS}/stations-off")).status_code == 404


MAKER = 'title = "T"\n[[root]]\nname = "maker"\nhierarchy = "manufacturer"\npath_length = 0\n'


@contextmanager
def makers_machine(folder: Path) -> Iterator[Authority]:
    """The machine with the manufacturer's root, on no network."""
    room = open_room(bare_folder(folder), SetClock())
    other = room.rebuilt(settings=room.authority.settings.model_copy(update={"organisation": "Test Operator"}))
    other.hold_ceremony(MAKER, "operator")
    yield other
    room.store.close()


async def test_a_firmware_signer_is_certified_elsewhere_over_rest(api: httpx.AsyncClient, tmp_path: Path) -> None:
    request = (await api.post(REQUESTS, json={"name": "firmware", "post": "firmware"})).json()
    assert (request["post"], request["hierarchy"]) == ("firmware", "manufacturer")
    with makers_machine(tmp_path / "offline") as maker:
        signed = maker.elsewhere.certify(request["csr_pem"], "maker", request["spki_sha256"], "operator")
    body = {"certificate": signed.certificate_pem, "chain": signed.chain_pem}
    taken = await api.post(f"{REQUESTS}/firmware/certificate", json=body)
    assert taken.status_code == 201, taken.text
    assert (taken.json()["kind"], taken.json()["hierarchy"]) == ("signer", "manufacturer")
    parent = (await api.get(f"/api/v1/authorities/{taken.json()['parent']}")).json()
    assert (parent["kind"], parent["custody"]) == ("root", "elsewhere")
    order = {"digest": "0" * 64, "vendor": "A", "model": "B", "version": "1", "scheme": "ecdsa-sha256"}
    made = (await api.post("/api/v1/firmware", json=order)).json()
    assert made["signing_certificate"] == signed.certificate_pem
    renewed = await api.post("/api/v1/certificates/renew", json={"serials": [signed.serial]})
    assert "voltward ca request firmware" in renewed.text


async def test_a_firmware_signer_is_certified_elsewhere_in_the_console(
    browser: httpx.AsyncClient,  # noqa: F811
    service: Service,
    tmp_path: Path,
) -> None:
    wanted = {"name": "firmware", "post": "firmware", "algorithm": "ec-p256"}
    assert (await submit(browser, "/authorities", "/authorities/requests", **wanted)).status_code == 303
    csr = (await browser.get("/authorities/requests/firmware.csr")).text
    with makers_machine(tmp_path / "offline") as maker:
        seen = maker.elsewhere.preview(csr, "maker")
        signed = maker.elsewhere.certify(csr, "maker", seen.spki_sha256, "operator")
    whole = signed.certificate_pem + signed.chain_pem
    path = "/authorities/requests/firmware/certificate"
    assert (await submit(browser, "/authorities", path, certificate=whole)).status_code == 303
    page = (await browser.get("/authorities")).text
    parent = service.authority.authority("firmware").parent
    assert f"below {parent}" in page
    assert "Waiting for a certificate" not in page
    assert service.authority.authority(parent).custody == "elsewhere"


async def test_a_request_is_withdrawn_in_the_console(
    browser: httpx.AsyncClient,  # noqa: F811
    service: Service,
) -> None:
    service.authority.elsewhere.request("firmware", "firmware", KeyAlgorithm.EC_P256, "user:admin")
    assert (await submit(browser, "/authorities", "/authorities/requests/firmware/withdraw")).status_code == 303
    assert service.authority.elsewhere.pending() == []


async def test_the_side_with_the_key_signs_and_hands_out_its_list(api: httpx.AsyncClient) -> None:
    request = (await api.post(REQUESTS, json={"name": "s", "post": "csms"})).json()
    path = "/api/v1/authorities/root/certify"
    seen = await api.post(f"{path}/preview", json={"csr": request["csr_pem"], "validity_days": 100})
    assert (seen.status_code, seen.json()["spki_sha256"]) == (200, request["spki_sha256"])
    refused = await api.post(path, json={"csr": request["csr_pem"], "spki_sha256": "0" * 64})
    assert refused.status_code == 422
    crl = (await api.get("/api/v1/authorities/root/crl")).json()
    assert crl["pem"].startswith("-----BEGIN X509 CRL-----")
    stranger = await api.post("/api/v1/crls", json={"crl": crl["pem"]})
    assert stranger.json()["code"] == "unknown-issuer"  # its key is here, so nobody brings its list


async def test_the_page_shows_both_trees_requests_and_records(
    browser: httpx.AsyncClient,  # noqa: F811
    service: Service,
    made: NewFolder,
) -> None:
    service.authority.elsewhere.request("late", "csms", service.authority.authority("root").algorithm, "user:admin")
    service.authority.hold_ceremony(FILE, "user:admin")
    page = (await browser.get("/authorities")).text
    for text in (
        "The operator's hierarchy",
        "stations-2",
        "firmware-rsa",
        "A &lt;second&gt; pair",
        "/pki/root-2.cer",
        "Waiting for a certificate",
    ):
        assert text in page, text
    record = service.authority.ceremonies()[0]
    assert (await browser.get(f"/authorities/records/{record.id}.json")).text == record.statement
    assert "BEGIN CERTIFICATE REQUEST" in (await browser.get("/authorities/requests/late.csr")).text
    answer = await submit(browser, "/authorities", "/authorities/crls", crl="x")
    assert answer.status_code == 422
    assert "not a revocation list" in answer.text
    answer = await submit(browser, "/authorities", "/authorities/requests/late/certificate", certificate="x")
    assert "no PEM block" in answer.text


def test_a_ceremony_by_command_leaves_a_record_that_the_command_checks(
    voltward: Command, bare: Command, tmp_path: Path
) -> None:
    file, record = tmp_path / "c.toml", tmp_path / "record.json"
    file.write_text(FILE)
    shown = voltward("ca", "ceremony", str(file), "--dry-run")
    assert shown.code == 0, shown.err
    assert "stations-2 is to be made: issuing, operator's hierarchy, ec-p384" in shown.out
    unasked = voltward("ca", "ceremony", str(file))
    assert (unasked.code, "nobody is there to be asked" in unasked.err) == (2, True)
    held = voltward("ca", "ceremony", str(file), "--yes", "--record", str(record), "--json")
    assert held.code == 0, held.err
    signature = json.loads(held.out)["signatures"][0]
    assert (tmp_path / "record.json.root-2.sig").read_bytes() == b64decode(signature["signature"])
    again = voltward("ca", "ceremony", str(file), "--yes", "--record", str(record))
    assert (again.code, "never overwritten" in again.err) == (2, True)
    twice = voltward("ca", "ceremony", str(file), "--yes")
    assert "nothing was done" in twice.err
    checked = bare("ca", "record", "verify", str(record), "--json")
    assert json.loads(checked.out)["signed_by"][0]["authority"] == "root-2"
    record.write_text(record.read_text().replace("ec-p384", "ec-p256"))
    changed = bare("ca", "record", "verify", str(record))
    assert (changed.code, "was changed" in changed.err) == (2, True)


def test_listing_and_showing_tell_post_status_and_custody(voltward: Command) -> None:
    listed = voltward("ca", "list")
    assert listed.out.split()[:6] == ["name", "kind", "hierarchy", "post", "status", "custody"]
    shown = json.loads(voltward("ca", "show", "root", "--json").out)
    assert (shown["status"], shown["custody"], len(shown["sha256"])) == ("active", "here", 64)


def test_a_signer_that_waits_for_its_certificate_is_listed_as_one(voltward: Command) -> None:
    assert voltward("ca", "request", "firmware", "--post", "firmware").code == 0
    [waits] = [line for line in voltward("ca", "list").out.splitlines() if "pending" in line]
    assert waits.split()[:4] == ["firmware", "signer", "manufacturer", "firmware"]
