"""Images over HTTP: uploaded in parts, served in pieces, refused to whoever has no business with them."""

import hashlib

import httpx
import pytest

from csms_bridge.firmware.asking import NewUpdate
from csms_bridge.firmware.book import find_row
from csms_bridge.settings import BridgeSettings
from tests.web.conftest import token
from tests.web.test_firmware_updates import station
from web.download_gate import DownloadGate
from web.permissions import Role
from web.service import Service

__all__ = ["station"]

IMAGE = b"0123456789" * 1000
DIGEST = hashlib.sha256(IMAGE).hexdigest()


async def firmware(api: httpx.AsyncClient, content: bytes = IMAGE) -> str:
    names = {"vendor": "Acme", "model": "Wallbox", "version": "2.0.0"}
    signed = await api.post("/api/v1/firmware", json={**names, "digest": hashlib.sha256(content).hexdigest()})
    found: str = signed.json()["id"]
    return found


async def part(api: httpx.AsyncClient, at: str, content: bytes, offset: int, size: int = len(IMAGE)) -> httpx.Response:
    return await api.patch(at, content=content, headers={"Upload-Offset": str(offset)}, params={"size": size})


async def uploaded(api: httpx.AsyncClient) -> str:
    key = await firmware(api)
    kept = await part(api, f"/api/v1/firmware/{key}/image", IMAGE, 0)
    assert kept.json()["kept"], kept.text
    return key


async def test_an_image_comes_in_parts_and_goes_on_where_it_was(api: httpx.AsyncClient) -> None:
    at = f"/api/v1/firmware/{await firmware(api)}/image"
    begun = await api.post(at, json={"size": len(IMAGE)})
    assert (begun.status_code, begun.json()["received"], begun.json()["kept"]) == (201, 0, False)
    assert (await part(api, at, IMAGE[:4000], 0)).json()["received"] == 4000
    wrong = await part(api, at, IMAGE[3000:], 3000)
    assert (wrong.status_code, wrong.json()["received"]) == (409, 4000)
    assert (await api.get(at)).json()["received"] == 4000
    kept = (await part(api, at, IMAGE[4000:], 4000)).json()
    assert (kept["kept"], kept["size"], kept["digest"]) == (True, len(IMAGE), DIGEST)
    assert (await part(api, at, IMAGE, 0)).json() == kept


async def test_what_cannot_be_the_image_is_refused(api: httpx.AsyncClient) -> None:
    at = f"/api/v1/firmware/{await firmware(api)}/image"
    other = await part(api, at, b"x" * len(IMAGE), 0)
    assert (other.status_code, other.json()["code"]) == (422, "digest")
    assert (await api.get(at)).json()["received"] == 0
    empty = await api.post(at, json={"size": 0})
    assert (empty.status_code, empty.json()["code"]) == (422, "size")
    huge = await api.post(at, json={"size": BridgeSettings().firmware_image_limit + 1})
    assert (huge.status_code, huge.json()["code"]) == (422, "size")
    assert (await api.post("/api/v1/firmware/nothing/image", json={"size": 1})).status_code == 404
    longer = await part(api, at, IMAGE, 0, size=100)
    assert (longer.status_code, longer.json()["code"]) == (422, "size")


async def test_an_upload_is_given_up_or_an_image_removed_with_a_reason(api: httpx.AsyncClient) -> None:
    at = f"/api/v1/firmware/{await firmware(api)}/image"
    await part(api, at, IMAGE[:10], 0)
    assert (await api.delete(at, params={"reason": "wrong file"})).status_code == 204
    assert (await api.get(at)).json()["received"] == 0
    await part(api, at, IMAGE, 0)
    assert (await api.delete(at)).status_code == 422
    assert (await api.delete(at, params={"reason": "old"})).status_code == 204
    assert not (await api.get(at)).json()["kept"]


async def address(api: httpx.AsyncClient, service: Service) -> str:
    """What a station is told; the path alone."""
    key = await uploaded(api)
    updates, links = service.fleet.firmware, service.fleet.links
    update = updates.ask("CS-1", NewUpdate(key), "user:anna")
    signed = service.authority.firmware(key)
    with service.store.writing() as session:
        url = links.make(session, find_row(session, "CS-1", update.id), signed, ())
    return "/" + url.text().split("/", 3)[3]


@pytest.mark.usefixtures("station")
async def test_a_station_fetches_whole_or_in_pieces(api: httpx.AsyncClient, service: Service) -> None:
    at = await address(api, service)
    del api.headers["Authorization"]
    whole = await api.get(at)
    assert (whole.status_code, whole.content) == (200, IMAGE)
    assert (whole.headers["etag"], whole.headers["accept-ranges"]) == (f'"{DIGEST}"', "bytes")
    assert whole.headers["cache-control"] == "no-store"
    head = await api.head(at)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(IMAGE)))
    piece = await api.get(at, headers={"Range": "bytes=9990-", "If-Range": f'"{DIGEST}"'})
    assert (piece.status_code, piece.content) == (206, IMAGE[9990:])
    assert piece.headers["content-range"] == f"bytes 9990-9999/{len(IMAGE)}"
    assert (await api.get(at, headers={"Range": "bytes=5-", "If-Range": '"other"'})).status_code == 200
    beyond = await api.get(at, headers={"Range": "bytes=10000-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */10000")
    assert (await api.get(at, headers={"If-None-Match": f'"{DIGEST}"'})).status_code == 304


@pytest.mark.usefixtures("station")
async def test_nobody_else_gets_it(api: httpx.AsyncClient, service: Service) -> None:
    at = await address(api, service)
    key = at.split("/")[2]
    del api.headers["Authorization"]
    wrong = ("A" if key[0] != "A" else "B") + key[1:]
    assert (await api.get(at.replace(key, wrong))).status_code == 404
    service.fleet.firmware.cancel("CS-1", 1, "wrong", "user:anna")
    assert (await api.get(at)).status_code == 410


async def test_whoever_may_read_firmware_fetches_it_by_its_id(api: httpx.AsyncClient, service: Service) -> None:
    key = await uploaded(api)
    assert (await api.get(f"/firmware/{key}/image.bin")).content == IMAGE
    del api.headers["Authorization"]
    assert (await api.get(f"/firmware/{key}/image.bin")).status_code == 404
    api.headers["Authorization"] = "Bearer vw_wrong"
    assert (await api.get(f"/firmware/{key}/image.bin")).status_code == 401


@pytest.mark.usefixtures("station")
async def test_too_many_requests_of_one_address_are_told_to_come_again(
    api: httpx.AsyncClient, service: Service
) -> None:
    at = await address(api, service)
    del api.headers["Authorization"]
    api._transport.app.state.download_gate = DownloadGate(at_once=1, per_address=1, per_minute=3)
    answers = [await api.head(at) for _ in range(5)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].headers["retry-after"] == "10"


async def test_an_auditor_uploads_nothing(
    anonymous: httpx.AsyncClient, api: httpx.AsyncClient, service: Service
) -> None:
    at = f"/api/v1/firmware/{await firmware(api)}/image"
    anonymous.headers["Authorization"] = f"Bearer {token(service, Role.AUDITOR)}"
    assert (await part(anonymous, at, IMAGE, 0)).status_code == 403
