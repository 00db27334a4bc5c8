import hashlib
from base64 import b64decode

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

FIRMWARE = "/api/v1/firmware"
IMAGE = b"firmware image " * 100_000
NAMES = {"vendor": "Acme", "model": "Wall 1", "version": "1.2.3"}


async def sign(api: httpx.AsyncClient, **more: object) -> httpx.Response:
    return await api.post(FIRMWARE, json={**NAMES, "digest": hashlib.sha256(IMAGE).hexdigest(), **more})


async def test_a_digest_is_signed_in_the_shape_of_the_contract(api: httpx.AsyncClient) -> None:
    signed = await sign(api)
    firmware = signed.json()
    assert signed.status_code == 201
    wanted = "id vendor model version digest scheme signature signing_certificate state"
    assert set(wanted.split()) <= set(firmware)
    assert (firmware["state"], firmware["scheme"]) == ("signed", "ecdsa-sha256")
    key = x509.load_pem_x509_certificate(firmware["signing_certificate"].encode()).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(b64decode(firmware["signature"]), IMAGE, ec.ECDSA(hashes.SHA256()))
    assert (await api.get(f"{FIRMWARE}/{firmware['id']}")).json() == firmware
    assert (await api.get(FIRMWARE)).json() == {"items": [firmware], "next": None}


async def test_an_uploaded_image_is_hashed_here(api: httpx.AsyncClient) -> None:
    uploaded = await api.post(FIRMWARE, data=NAMES, files={"image": ("image.bin", IMAGE)})
    assert uploaded.status_code == 201
    assert uploaded.json()["digest"] == hashlib.sha256(IMAGE).hexdigest()


async def test_asking_twice_gives_one_signature(api: httpx.AsyncClient) -> None:
    assert (await sign(api)).json() == (await sign(api)).json()


async def test_a_released_version_never_changes(api: httpx.AsyncClient) -> None:
    await sign(api)
    refused = await sign(api, digest="00" * 32)
    assert (refused.status_code, refused.json()["field"]) == (422, "digest")


@pytest.mark.parametrize(
    ("change", "field"), [({"digest": "zz"}, "digest"), ({"vendor": ""}, "vendor"), ({"scheme": "md5"}, "scheme")]
)
async def test_refuses_a_wrong_order_and_names_the_field(
    api: httpx.AsyncClient, change: dict[str, object], field: str
) -> None:
    refused = await sign(api, **change)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)


async def test_refuses_a_form_without_image_and_a_body_that_is_neither(api: httpx.AsyncClient) -> None:
    no_image = await api.post(FIRMWARE, files={"vendor": (None, "Acme")})
    assert (no_image.status_code, no_image.json()["field"]) == (422, "image")
    neither = await api.post(FIRMWARE, content=b"\x00", headers={"Content-Type": "text/plain"})
    assert (neither.status_code, neither.json()["field"]) == (422, "body")


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1", "2.1"])
async def test_the_payload_is_the_ocpp_request_body(api: httpx.AsyncClient, ocpp: str) -> None:
    firmware = (await sign(api)).json()
    query = {"ocpp": ocpp, "location": "https://files.example/fw.bin", "request_id": 7}
    payload = (await api.get(f"{FIRMWARE}/{firmware['id']}/payload", params=query)).json()
    assert payload["requestId"] == 7
    body = payload["firmware"]
    assert body["location"] == query["location"]
    assert body["signature"] == firmware["signature"]
    assert body["signingCertificate"] == firmware["signing_certificate"]
    assert body["retrieveDateTime"].endswith("Z")
    assert "installDateTime" not in body


async def test_the_payload_keeps_ocpps_lengths(api: httpx.AsyncClient) -> None:
    firmware = (await sign(api)).json()["id"]
    query = {"ocpp": "1.6", "location": "https://files.example/" + "x" * 500}
    assert (await api.get(f"{FIRMWARE}/{firmware}/payload", params=query)).status_code == 422
    assert (await api.get(f"{FIRMWARE}/{firmware}/payload", params=query | {"ocpp": "2.1"})).status_code == 200
    assert (await api.get(f"{FIRMWARE}/none/payload", params={"ocpp": "1.6", "location": "x"})).status_code == 404
