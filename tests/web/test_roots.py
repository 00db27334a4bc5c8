"""The trust map, roll-overs, cross-certificates and chains: over REST, in commands and on the page."""

import re

import httpx
import pytest
from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki.authority import RevocationReason
from tests.pki.makers import maker_root
from tests.web.commands import Command
from tests.web.conftest import token
from tests.web.test_pages import form_token, sign_in
from web.data_folder import NewFolder
from web.permissions import Role
from web.service import Service

API = "/api/v1"


async def cross(api: httpx.AsyncClient) -> dict[str, str]:
    made = await api.post(f"{API}/cross-certificates", json={"authority": "root", "issuer": "root-rsa"})
    assert made.status_code == 201, made.text
    body: dict[str, str] = made.json()
    return body


async def test_the_trust_map_tells_what_hangs_on_each_root(api: httpx.AsyncClient) -> None:
    await cross(api)
    await api.post(f"{API}/stations", json={"id": "CS-1", "serial": "SN-1"})
    await api.put(f"{API}/stations/CS-1/chain", json={"root": "root-rsa"})
    roots = {one["name"]: one for one in (await api.get(f"{API}/roots")).json()["items"]}
    assert set(roots) == {"root", "root-rsa", "manufacturer", "manufacturer-rsa"}
    assert set(roots["root"]["authorities"]) == {"stations", "csms"}
    assert (roots["root"]["certified_by"], roots["root-rsa"]["certifies"]) == (["root-rsa"], ["root"])
    assert (roots["root"]["chosen_by"], roots["root-rsa"]["chosen_by"]) == (0, 1)
    assert roots["root"]["rollover"] is None
    listed = (await api.get(f"{API}/roots/root-rsa/stations")).json()["items"]
    assert [(one["station"], one["root"]) for one in listed] == [("CS-1", "root-rsa")]
    assert (await api.get(f"{API}/roots/nobody/stations")).status_code == 404


async def test_a_stations_chain_is_chosen_and_released(api: httpx.AsyncClient) -> None:
    await cross(api)
    await api.post(f"{API}/stations", json={"id": "CS-1", "serial": "SN-1"})
    chosen = (await api.put(f"{API}/stations/CS-1/chain", json={"root": "root-rsa"})).json()
    ways = {one["authority"]: (one["root"], one["through"]) for one in chosen["ways"]}
    assert (chosen["root"], ways["stations"]) == ("root-rsa", ("root-rsa", ["stations", "root"]))
    assert (await api.get(f"{API}/stations/CS-1/chain")).json() == chosen
    released = (await api.put(f"{API}/stations/CS-1/chain", json={"root": None})).json()
    assert (released["root"], released["chosen_by"]) == (None, None)


@pytest.mark.parametrize(
    ("station", "root", "status"),
    [("CS-1", "nobody", 404), ("CS-1", "stations", 422), ("CS-1", "manufacturer", 422), ("CS-2", "root", 404)],
)
async def test_a_choice_that_makes_no_sense_is_refused(
    api: httpx.AsyncClient, station: str, root: str, status: int
) -> None:
    await api.post(f"{API}/stations", json={"id": "CS-1", "serial": "SN-1"})
    refused = await api.put(f"{API}/stations/{station}/chain", json={"root": root})
    assert refused.status_code == status, refused.text


async def test_cross_certificates_are_published(api: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    """RFC 2585; RFC 5280 §4.2.2.1: several at once as a certs-only CMS message."""
    made = await cross(api)
    der = x509.load_pem_x509_certificate(made["pem"].encode()).public_bytes(Encoding.DER)
    one = await anonymous.get(f"/pki/cross/{made['serial']}.cer")
    assert (one.content, one.headers["content-type"]) == (der, "application/pkix-cert")
    both = await anonymous.get("/pki/root.p7c")
    assert both.headers["content-type"] == "application/pkcs7-mime"
    inside = cms.ContentInfo.load(both.content)["content"]["certificates"]
    found = {asn1_x509.Certificate.load(each.chosen.dump()).issuer.human_friendly for each in inside}
    assert len(found) == len(inside) == 2
    assert (await anonymous.get("/pki/cross/5eed.cer")).status_code == 404
    assert (await anonymous.get("/pki/nobody.p7c")).status_code == 404
    await api.post(f"{API}/certificates/{made['serial']}/revoke", json={"reason": "superseded"})
    assert len(cms.ContentInfo.load((await anonymous.get("/pki/root.p7c")).content)["content"]["certificates"]) == 1
    assert (await api.get(f"{API}/cross-certificates")).json()["items"][0]["state"] == "revoked"


async def test_a_roll_over_by_rest(api: httpx.AsyncClient, service: Service) -> None:
    plan = (await api.get(f"{API}/rollovers/plan/stations")).json()["ceremony"]
    assert 'name = "stations-2"' in plan
    started = await api.post(f"{API}/rollovers", json={"authority": "stations"})
    assert (started.status_code, started.json()["next"]) == (201, "distribute")
    path = f"{API}/rollovers/{started.json()['id']}"
    early = await api.post(f"{path}/advance", json={"step": "distribute"})
    assert (early.status_code, early.json()["type"]) == (409, "urn:voltward:problem:rollover-refused")
    assert early.json()["findings"] == [
        "there is no revocation list yet of 'stations-2'; the service publishes it soon"
    ]
    service.authority.refresh_crls()
    for step in ("distribute", "issue from new"):
        done = await api.post(f"{path}/advance", json={"step": step, "note": "by hand"})
        assert (done.status_code, done.json()["step"]) == (200, step)
    assert (await api.get(path)).json()["moves"] == {"stations": "retired", "stations-2": "active"}
    assert (await api.post(f"{path}/abandon", json={"note": "too late"})).status_code == 409
    assert [one["id"] for one in (await api.get(f"{API}/rollovers")).json()["items"]] == [started.json()["id"]]
    assert (await api.get(f"{API}/rollovers/nobody")).status_code == 404
    assert (await api.post(f"{path}/advance", json={"step": "dance"})).status_code == 422


async def test_who_runs_the_fleet_rolls_nothing_over(api: httpx.AsyncClient, service: Service) -> None:
    operator = {"Authorization": f"Bearer {token(service, Role.OPERATOR)}"}
    for path, body in (
        ("rollovers", {"authority": "stations"}),
        ("cross-certificates", {"authority": "root", "issuer": "root-rsa"}),
    ):
        assert (await api.post(f"{API}/{path}", json=body, headers=operator)).status_code == 403
        assert (await api.get(f"{API}/{path}", headers=operator)).status_code == 200


def test_the_commands(voltward: Command, tmp_path) -> None:  # type: ignore[no-untyped-def]
    root = tmp_path / "maker.der"
    root.write_bytes(maker_root().der)
    assert voltward("anchor", "add", str(root), "--vendor", "Volt Motors", "--name", "volt").code == 0
    assert voltward("anchor", "show", "volt", "--json").json["vendor"] == "Volt Motors"
    assert "Volt Motors" in voltward("anchor", "list").out
    refused = voltward("anchor", "add", str(root), "--vendor", "V", "--name", "other")
    assert (refused.code, refused.err.splitlines()[0]) == (2, "error: this root is the anchor 'volt' already")
    assert voltward("anchor", "remove", "volt", "--note", "sold").code == 0

    made = voltward("ca", "cross", "root", "--by", "root-rsa", "--json").json
    assert made["serial"] in voltward("ca", "cross-certificates").out
    voltward("station", "add", "CS-1", "--serial", "SN-1")
    assert voltward("station", "chain", "CS-1", "--root", "root-rsa", "--json").json["root"] == "root-rsa"
    assert "root-rsa" in voltward("station", "chain", "CS-1").out
    assert voltward("station", "chain", "CS-1", "--plain", "--json").json["root"] is None
    assert voltward("station", "chain", "CS-1", "--plain", "--root", "root").code == 2
    assert "root-rsa" in voltward("ca", "roots").out

    assert 'name = "csms-2"' in voltward("ca", "rollover", "start", "csms", "--plan").out
    started = voltward("ca", "rollover", "start", "csms", "--json").json
    waiting = voltward("ca", "rollover", "advance", started["id"])
    assert (waiting.code, waiting.out) == (2, "")
    assert "in the way: there is no revocation list yet" in voltward("ca", "rollover", "show", started["id"]).err
    assert (
        voltward("ca", "rollover", "abandon", started["id"], "--note", "a trial", "--json").json["step"] == "abandoned"
    )
    assert "abandoned" in voltward("ca", "rollover", "list").out
    assert voltward("ca", "rollover", "advance", started["id"]).code == 2


@pytest.fixture
async def browser(anonymous: httpx.AsyncClient, made: NewFolder) -> httpx.AsyncClient:
    assert (await sign_in(anonymous, made.admin, made.password.text())).status_code == 303
    return anonymous


async def test_the_page_rolls_over_after_the_name_was_typed(browser: httpx.AsyncClient, service: Service) -> None:
    async def submit(action: str, **fields: str) -> httpx.Response:
        token = form_token(await browser.get("/roots"))
        return await browser.post(f"/roots/{action}", data={"form_token": token, **fields})

    assert (await submit("rollovers", authority="stations", typed="station")).status_code == 422
    assert service.authority.rollovers.all() == []
    assert (await submit("rollovers", authority="stations", typed="stations")).status_code == 303
    page = (await browser.get("/roots")).text
    assert "stations → stations-2" in page
    assert "there is no revocation list yet" in page
    rollover = service.authority.rollovers.all()[0]
    service.authority.refresh_crls()
    how = {"note": "by hand", "typed": "stations", "step": "distribute"}
    assert (await submit(f"rollovers/{rollover.id}/advance", **how)).status_code == 303
    assert re.search(r"Next: <b>issue from new</b>", (await browser.get("/roots")).text)
    assert (await submit(f"rollovers/{rollover.id}/abandon", note="a trial")).status_code == 303
    assert "Over: abandoned" in (await browser.get("/roots")).text


async def test_the_stations_page_chooses_a_root(browser: httpx.AsyncClient, service: Service) -> None:
    async def choose(root: str) -> httpx.Response:
        token = form_token(await browser.get("/stations/CS-1"))
        return await browser.post("/stations/CS-1/chain", data={"form_token": token, "root": root})

    new = form_token(await browser.get("/stations/new"))
    added = {"form_token": new, "id": "CS-1", "serial": "SN-1", "profile": "1"}
    assert (await browser.post("/stations/new", data=added)).status_code == 200
    assert "no other was chosen" in (await browser.get("/stations/CS-1")).text
    cross = service.authority.cross_certify("root", "root-rsa", "user:admin")
    assert (await choose("root-rsa")).status_code == 303
    assert "In <b>root-rsa</b>, chosen by user:admin" in (await browser.get("/stations/CS-1")).text
    service.authority.revoke(cross.serial, RevocationReason.SUPERSEDED, "user:admin")
    service.authority.chains.choose("CS-1", "root-rsa", "user:admin")
    assert (
        "no chain leads from &#39;stations&#39; to &#39;root-rsa&#39; now" in (await browser.get("/stations/CS-1")).text
    )
    assert (await choose("nobody")).status_code == 404
    assert (await choose("")).status_code == 303
    assert service.authority.chains.of("CS-1") is None


async def test_the_page_adds_and_removes_makers_roots(browser: httpx.AsyncClient) -> None:
    async def submit(action: str, **fields: str) -> httpx.Response:
        token = form_token(await browser.get("/roots"))
        return await browser.post(f"/roots/{action}", data={"form_token": token, **fields})

    root = {"name": "volt", "vendor": "Volt & <Motors>", "certificate": maker_root().pem.decode()}
    assert (await submit("anchors", **root)).status_code == 303
    assert "Volt &amp; &lt;Motors&gt;" in (await browser.get("/roots")).text
    assert (await submit("anchors/volt/remove", note="sold", typed="vol")).status_code == 422
    assert (await submit("anchors/volt/remove", note="sold", typed="volt")).status_code == 303
    refused = await submit("anchors", **{**root, "certificate": "nonsense"})
    assert refused.status_code == 422
    assert "not a certificate" in refused.text
