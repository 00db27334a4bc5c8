"""Revoking many in the console, and how the lists stand: in the console, by REST and by command."""

import html

import httpx
import pytest

from pki.authority import Certificate, CertificateState, Order, RevocationReason
from tests.web.commands import Command
from tests.web.requests import request_pem
from tests.web.test_pages import browser, form_token
from web.service import Service

__all__ = ["browser"]


@pytest.fixture
def certificates(service: Service) -> list[Certificate]:
    """Two of one station, one of another."""
    made = []
    for name in ("SN-1", "SN-1", "SN-2"):
        request = service.authority.read_request(request_pem(name))
        station = name.replace("SN", "CS")
        made.append(service.authority.issue(Order(request, "station", name, station=station), "operator"))
    return made


def serials(certificates: list[Certificate]) -> list[str]:
    return [certificate.serial for certificate in certificates]


def states(service: Service, certificates: list[Certificate]) -> list[CertificateState]:
    return [service.authority.certificate(certificate.serial).state for certificate in certificates]


async def test_the_list_offers_what_can_be_revoked(
    browser: httpx.AsyncClient, service: Service, certificates: list[Certificate]
) -> None:
    service.authority.revoke(certificates[0].serial, RevocationReason.SUPERSEDED, "operator")
    shown = (await browser.get("/certificates?station=CS-1")).text
    assert f'name="serial" value="{certificates[1].serial}"' in shown
    assert f'name="serial" value="{certificates[0].serial}"' not in shown
    assert 'href="/certificates/revoke?station=CS-1"' in shown


async def test_chosen_ones_are_shown_first_and_revoked_when_the_words_are_typed(
    browser: httpx.AsyncClient, service: Service, certificates: list[Certificate]
) -> None:
    chosen = serials(certificates[1:])
    page = await browser.get("/certificates/revoke", params={"serial": [*chosen, "1234"]})
    assert "2 would be revoked" in page.text
    assert "1 are not ours" in page.text
    assert states(service, certificates) == [CertificateState.GOOD] * 3
    form = {"form_token": form_token(page), "serial": chosen, "reason": "keyCompromise", "note": "a box was stolen"}
    wrong = await browser.post("/certificates/revoke", data={**form, "typed": "revoke 3"})
    assert wrong.status_code == 422
    assert states(service, certificates) == [CertificateState.GOOD] * 3
    done = await browser.post("/certificates/revoke", data={**form, "typed": "revoke 2"})
    assert done.status_code == 200
    assert all(serial in done.text for serial in chosen)
    assert states(service, certificates) == [CertificateState.GOOD, *[CertificateState.REVOKED] * 2]


async def test_what_was_shown_and_is_no_more_must_be_looked_at_again(
    browser: httpx.AsyncClient, service: Service, certificates: list[Certificate]
) -> None:
    page = await browser.get("/certificates/revoke", params={"serial": serials(certificates)})
    service.authority.revoke(certificates[0].serial, RevocationReason.SUPERSEDED, "operator")
    form = {"form_token": form_token(page), "serial": serials(certificates), "reason": "superseded", "note": "x"}
    assert (await browser.post("/certificates/revoke", data={**form, "typed": "revoke 3"})).status_code == 422
    assert states(service, certificates)[1:] == [CertificateState.GOOD] * 2


async def test_all_of_a_station(browser: httpx.AsyncClient, service: Service, certificates: list[Certificate]) -> None:
    form = {
        "form_token": form_token(await browser.get("/stations/new")),
        "id": "CS-1",
        "serial": "SN-1",
        "profile": "1",
    }
    await browser.post("/stations/new", data=form)
    assert 'href="/certificates/revoke?station=CS-1"' in (await browser.get("/stations/CS-1")).text
    page = await browser.get("/certificates/revoke", params={"station": "CS-1"})
    assert "revoke 2 of CS-1" in html.unescape(page.text)
    asked = {
        "form_token": form_token(page), "serial": serials(certificates[:2]), "station": "CS-1",
        "reason": "certificateHold", "note": "under inspection", "typed": "revoke 2 of CS-1",
    }  # fmt: skip
    done = await browser.post("/certificates/revoke", data=asked)
    assert "put on hold" in done.text
    assert states(service, certificates) == [*[CertificateState.HELD] * 2, CertificateState.GOOD]


@pytest.mark.parametrize("query", ["", "?serial=ab&station=CS-1", "?station=nobody"])
async def test_nothing_chosen_is_told(browser: httpx.AsyncClient, query: str) -> None:
    assert (await browser.get(f"/certificates/revoke{query}")).status_code in (404, 422)


async def test_what_is_revoked_already_cannot_be_again(
    browser: httpx.AsyncClient, service: Service, certificates: list[Certificate]
) -> None:
    service.authority.revoke(certificates[0].serial, RevocationReason.SUPERSEDED, "operator")
    page = await browser.get("/certificates/revoke", params={"serial": certificates[0].serial})
    assert "None of these can be revoked" in page.text
    assert '<button class="danger">' not in page.text


async def test_the_lists_are_shown_by_authority_and_by_shard(
    browser: httpx.AsyncClient, service: Service, certificates: list[Certificate]
) -> None:
    assert "No list has been signed yet" in (await browser.get("/crls")).text
    service.authority.refresh_crls()
    shown = (await browser.get("/crls")).text
    assert 'href="/crls?authority=stations"' in shown
    assert ">current<" in shown
    service.authority.revoke(certificates[0].serial, RevocationReason.SUPERSEDED, "operator")
    shard = int(certificates[0].serial, 16) % 16
    shards = (await browser.get("/crls?authority=stations")).text
    assert f'href="/pki/crl/stations/{shard}.crl"' in shards
    assert ">due<" in shards
    assert (await browser.get("/crls?authority=nobody")).status_code == 404


async def test_the_api_tells_how_lists_stand(api: httpx.AsyncClient, service: Service) -> None:
    service.authority.refresh_crls()
    told = (await api.get("/api/v1/authorities/stations/crls")).json()
    assert told["next"] is None
    full, first = told["items"][:2]
    assert (full["shard"], first["shard"], first["entries"], first["is_late"]) == (None, 0, 0, False)
    crl = await api.get(first["address"])
    assert len(crl.content) == first["size"]
    assert (await api.get("/api/v1/authorities/nobody/crls")).status_code == 404


def test_the_command_tells_it_too(voltward: Command) -> None:
    assert "this update" in voltward("ca", "crls", "stations").out
    assert len(voltward("ca", "crls", "stations", "--json").json["items"]) >= 16
    assert voltward("ca", "crls", "nobody").code == 2
