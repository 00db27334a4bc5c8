"""The firmware log over REST, at its public addresses and on the command line; bundles from one end to the other."""

import hashlib
import json
from pathlib import Path

import httpx
import pytest

from pki.hash_tree import is_consistent, is_included
from pki.log_heads import LogKey
from tests.web.commands import Command
from tests.web.conftest import token
from web.permissions import Role
from web.service import Service

LOG = "/api/v1/firmware-log"
IMAGE = b"firmware image " * 1000


async def sign(api: httpx.AsyncClient, version: str) -> dict[str, str]:
    digest = hashlib.sha256(IMAGE).hexdigest()
    order = {"vendor": "Acme", "model": "Wall 1", "version": version, "digest": digest}
    signed: dict[str, str] = (await api.post("/api/v1/firmware", json=order)).json()
    return signed


async def test_proofs_over_rest_hold_against_the_published_head(api: httpx.AsyncClient) -> None:
    for version in "123":
        await sign(api, version)
    key = LogKey.read((await api.get(f"{LOG}/key")).json()["pem"])
    api.headers.pop("Authorization")
    published = key.opened((await api.get("/pki/firmware-log/head")).text)
    earlier = key.opened((await api.get("/pki/firmware-log/heads/2")).text)
    grown = (await api.get("/pki/firmware-log/consistency", params={"old": 2})).json()
    assert is_consistent(2, 3, [bytes.fromhex(node) for node in grown["proof"]], earlier.root, published.root)
    assert (await api.get("/pki/firmware-log/key.pem")).text == key.pem
    assert (await api.get(f"{LOG}/entries")).status_code == 401


async def test_an_entry_is_proved(api: httpx.AsyncClient) -> None:
    made = [await sign(api, version) for version in "123"]
    shown = (await api.get(f"{LOG}/entries/1/proof")).json()
    nodes = [bytes.fromhex(node) for node in shown["proof"]]
    assert shown["entry"]["firmware_id"] == made[1]["id"]
    leaf, root = bytes.fromhex(shown["entry"]["leaf"]), bytes.fromhex(shown["head"]["root"])
    assert is_included(leaf, 1, 3, nodes, root)
    listed = (await api.get(f"{LOG}/entries", params={"limit": 2})).json()
    assert ([one["number"] for one in listed["items"]], listed["next"]) == ([0, 1], "1")
    assert (await api.get(f"{LOG}/verify")).json() == {"whole": True, "size": 3, "findings": []}


@pytest.mark.parametrize("path", ["entries/0/proof", "consistency?old=1", "?size=1"])
async def test_what_is_not_in_the_log_is_not_found(api: httpx.AsyncClient, path: str) -> None:
    missing = await api.get(f"{LOG}/{path}" if not path.startswith("?") else LOG + path)
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:voltward:problem:unknown-log-entry")


async def test_a_build_server_reads_the_log_and_does_not_verify_the_trail(
    anonymous: httpx.AsyncClient, service: Service
) -> None:
    anonymous.headers["Authorization"] = f"Bearer {token(service, Role.CI)}"
    assert (await anonymous.get(LOG)).json()["size"] == 0
    assert (await anonymous.get(f"{LOG}/verify")).status_code == 403


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.bin"
    path.write_bytes(IMAGE)
    return path


SIGN = ("--vendor", "Acme", "--model", "Wall", "--version", "1", "--json")


def test_a_bundle_from_signing_to_verifying_offline(
    voltward: Command, bare: Command, image: Path, tmp_path: Path
) -> None:
    signed = voltward("firmware", "sign", str(image), *SIGN).json
    bundle, root, key = (tmp_path / name for name in ("fw.bundle", "root.pem", "log.pem"))
    assert voltward("firmware", "bundle", signed["id"], "--out", str(bundle)).code == 0
    assert voltward("firmware", "log", "key", "--out", str(key)).code == 0
    assert voltward("ca", "export", "manufacturer", "--out", str(root)).code == 0
    verify = ("firmware", "verify", str(image), "--bundle", str(bundle), "--root", str(root), "--log-key", str(key))
    good = bare(*verify)
    assert (good.code, good.err) == (0, "the signature is good\n"), good
    image.write_bytes(IMAGE + b"!")
    bad = bare(*verify, "--json")
    assert (bad.code, bad.json["genuine"]) == (1, False)
    assert bad.json["faults"][0] == "the image is not the one that was signed"
    bundle.write_text("hello")
    assert "the bundle is none" in bare(*verify).err


@pytest.mark.parametrize(
    "options", [[], ["--bundle", "{image}"], ["--bundle", "{image}", "--root", "{image}"], ["--signature", "{image}"]]
)
def test_verifying_needs_one_of_the_two_ways_whole(bare: Command, image: Path, options: list[str]) -> None:
    ran = bare("firmware", "verify", str(image), *(option.format(image=image) for option in options))
    assert (ran.code, "needed" in ran.err or "needs" in ran.err) == (2, True)


def test_trust_that_cannot_be_read_is_wrong_use(voltward: Command, bare: Command, image: Path) -> None:
    given = ("--bundle", str(image), "--root", str(image), "--log-key", str(image))
    assert bare("firmware", "verify", str(image), *given).code == 2


def test_the_log_on_the_command_line(voltward: Command, image: Path) -> None:
    voltward("firmware", "sign", str(image), *SIGN)
    assert voltward("firmware", "log", "head", "--json").json["size"] == 1
    assert voltward("firmware", "log", "list", "--json").json["items"][0]["number"] == 0
    assert voltward("firmware", "log", "prove", "0", "--json").json["proof"] == []
    assert voltward("firmware", "log", "consistency", "1", "--json").json["proof"] == []
    assert voltward("firmware", "log", "verify").err == "the firmware log is whole, 1 entries\n"
    assert voltward("firmware", "log", "prove", "7").code == 2


def test_a_log_that_was_tampered_with_fails(voltward: Command, image: Path, service: Service) -> None:
    voltward("firmware", "sign", str(image), *SIGN)
    with service.store.writing() as session:
        session.connection().exec_driver_sql("DROP TRIGGER firmware_log_not_changed")
        session.connection().exec_driver_sql("UPDATE firmware_log SET entry = '{}'")
    ran = voltward("firmware", "log", "verify", "--json")
    assert (ran.code, json.loads(ran.out)["whole"]) == (1, False)
    assert voltward("audit", "verify").code == 1
