"""A station of each version walks 1 → 3 against the real service, and what that must prove is proved."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from csms_bridge.simulator.config import Fault
from tests.end_to_end.credentials import own
from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import (
    SUBPROTOCOL,
    Version,
    knock,
    known_by_name,
    register,
    station,
    trusting,
    walk_until,
)
from tests.tools_needed import needs_openssl

pytestmark = pytest.mark.end_to_end

ACTS = {
    "station:added",
    "station:seen-on-profile",
    "station:booted",
    "station:lower-profile-barred",
    "station:password-offered",
    "station:password-changed",
    "station:certificate-asked",
    "station:certificate-sent",
    "walk:started",
    "walk:step",
    "walk:done",
}


@needs_openssl
@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_a_station_walks_from_1_to_3(shared_service: RunningService, tmp_path: Path, version: Version) -> None:
    service, identity = shared_service, f"WALK-{version}"
    password = await asyncio.to_thread(register, service, identity, version)
    async with station(service, identity, version, password) as walked:
        started = await asyncio.to_thread(service.post, "walks", {"station": identity, "to": 3})
        walk = await walk_until(service, started["id"], "done", "held")
        assert walk["state"] == "done", walk
        assert all(step["at"] for step in walk["steps"])

        posture = await asyncio.to_thread(service.get, f"stations/{identity}/posture")
        certificates = await asyncio.to_thread(service.get, f"stations/{identity}/certificates")
        issued = certificates["items"][0]
        assert posture["certificate_serial"] == issued["serial"] == walked.client_serial
        _openssl_accepts(service, issued, tmp_path)
        _names_every_act(service, identity, issued["serial"])
    await _refuses_the_way_back(service, identity, version, password)


@pytest.mark.parametrize(
    "faults",
    [(Fault.DROP_ANSWER,), (Fault.NEEDS_REBOOT, Fault.CHAIN_NEEDS_ROOT), (Fault.REPEAT_CSR,), (Fault.RSA_ONLY_TLS,)],
)
async def test_an_odd_16_station_arrives_all_the_same(
    shared_service: RunningService, faults: tuple[Fault, ...]
) -> None:
    await _arrives(shared_service, f"ODD16-{faults[0]}"[:20], "1.6", faults)


@pytest.mark.parametrize(
    ("version", "faults"),
    [
        ("2.1", (Fault.NO_NETWORK_VARIABLES, Fault.NEEDS_COUNTRY)),
        ("2.0.1", (Fault.OTHER_SLOTS, Fault.ABRUPT_CLOSE)),
        ("2.0.1", (Fault.CSR_VERSION_2,)),
    ],
)
async def test_an_odd_2x_station_arrives_all_the_same(
    shared_service: RunningService, version: Version, faults: tuple[Fault, ...]
) -> None:
    await _arrives(shared_service, f"ODD2-{faults[0]}"[:20], version, faults)


async def test_an_rsa_station_gets_the_rsa_hierarchy(shared_service: RunningService) -> None:
    """The issuer follows the key in the request, and the root above it is installed first (DESIGN §3.3)."""
    await _arrives(shared_service, "RSA-1", "1.6", (), key_kind="rsa")
    certificates = await asyncio.to_thread(shared_service.get, "stations/RSA-1/certificates")
    assert certificates["items"][0]["authority"] == "stations-rsa"


async def test_a_station_with_another_cn_is_held_and_still_served(shared_service: RunningService) -> None:
    """A00.FR.405: its request is answered with Rejected, and the operator reads why."""
    service = shared_service
    password = await asyncio.to_thread(register, service, "WRONG-CN", "2.0.1")
    async with station(service, "WRONG-CN", "2.0.1", password, Fault.WRONG_CN) as wrong:
        started = await asyncio.to_thread(service.post, "walks", {"station": "WRONG-CN", "to": 3})
        walk = await walk_until(service, started["id"], "done", "held")
        assert walk["state"] == "held"
        assert "SN-WRONG-CN" in walk["reason"]
        assert wrong.connected
        assert wrong.profile == 2


async def test_a_profile_0_station_walks_to_3(shared_service: RunningService) -> None:
    await _arrives(shared_service, "ZERO-1", "1.6", (), profile=0)


async def test_a_fallen_back_station_is_held_and_still_served(shared_service: RunningService) -> None:
    """1.6 A05.FR.08: the station falls back; it must not be shut out for that."""
    service = shared_service
    password = await asyncio.to_thread(register, service, "FALL-1", "1.6")
    async with station(service, "FALL-1", "1.6", password, Fault.FALL_BACK):
        started = await asyncio.to_thread(service.post, "walks", {"station": "FALL-1", "to": 3})
        walk = await walk_until(service, started["id"], "held", "done")
        assert walk["state"] == "held"
        assert "fell back" in walk["reason"]
        shown = await asyncio.to_thread(service.get, "stations/FALL-1")
        assert shown["online"]
        assert shown["profile"] == 1
        assert shown["hold"] == walk["reason"]


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_a_station_is_walked_down_to_2_by_permission(shared_service: RunningService, version: Version) -> None:
    """2.0.1 errata 2025-01, 2.1: A05.FR.08, B09.FR.31/.32. Without the permission it stays where it is."""
    service, identity = shared_service, f"DOWN-{version}"
    await asyncio.to_thread(register, service, identity, version, 3)
    credential = await asyncio.to_thread(own, service, identity)
    more = {"profile": 3, "credential": credential, "roots": (await asyncio.to_thread(service.root_pem),)}
    async with station(service, identity, version, None, **more) as lowered:
        await lowered.until(lambda one: one.connected, timeout=20)
        down = {"station": identity, "to": 2}
        with pytest.raises(httpx.HTTPStatusError, match="409"):
            await asyncio.to_thread(service.post, "walks", down)
        permitted = {**down, "permit_lower": True, "reason": "broken slot"}
        started = await asyncio.to_thread(service.post, "walks", permitted)
        walk = await walk_until(service, started["id"], "done", "held")
        assert walk["state"] == "done", walk["reason"]
        assert lowered.profile == 2
        seen = await asyncio.to_thread(service.get, f"stations/{identity}")
        assert (seen["profile"], seen["floor"], seen["wanted_profile"]) == (2, 2, 2)
        shown = await asyncio.to_thread(service.get, f"certificates/{credential.serial}")
        assert shown["state"] == "good", "it may be walked up again"
    trail = await asyncio.to_thread(service.get, "audit", kind="station", thing=identity, limit=200)
    (permission,) = [entry for entry in trail["items"] if entry["act"] == "station:lower-profile-permitted"]
    assert permission["reason"] == "broken slot"


@pytest.mark.parametrize(
    ("row", "version", "to", "faults"),
    [
        ("open-ocpp", "1.6", 2, (Fault.URL_KEY,)),
        ("leaf-only", "2.0.1", 3, (Fault.LEAF_ONLY,)),
        ("fixed-slots", "2.1", 2, ()),
    ],
)
async def test_an_odd_station_is_walked_by_its_row_of_the_quirk_book(
    shared_service: RunningService, row: str, version: Version, to: int, faults: tuple[Fault, ...]
) -> None:
    """Every row is walked by tests/soak/test_quirk_rows.py; without its row each of the first two is held."""
    service, identity = shared_service, f"ROW-{row}"
    mine = {"name": f"e2e-{row}", "vendor": "Quirky", "model": identity, "like": row}
    await asyncio.to_thread(service.post, "quirks", {"rows": [mine]})
    password = await asyncio.to_thread(register, service, identity, version)
    async with station(service, identity, version, password, *faults, vendor="Quirky", model=identity):
        await known_by_name(service, identity)
        started = await asyncio.to_thread(service.post, "walks", {"station": identity, "to": to})
        walk = await walk_until(service, started["id"], "done", "held")
    assert walk["state"] == "done", walk["reason"]


async def test_a_row_keeps_stations_from_a_walk_that_leads_nowhere(shared_service: RunningService) -> None:
    service, identity = shared_service, "ROW-micro-ocpp"
    mine = {"name": "e2e-micro", "vendor": "Quirky", "model": identity, "like": "micro-ocpp"}
    await asyncio.to_thread(service.post, "quirks", {"rows": [mine]})
    password = await asyncio.to_thread(register, service, identity, "1.6")
    async with station(service, identity, "1.6", password, vendor="Quirky", model=identity):
        await known_by_name(service, identity)
        with pytest.raises(httpx.HTTPStatusError, match="409"):
            await asyncio.to_thread(service.post, "walks", {"station": identity, "to": 3})


async def test_a_revoked_certificate_ends_the_line_and_bars_the_next(shared_service: RunningService) -> None:
    """DESIGN §3.5: the live socket is closed at once, the next connection is refused."""
    service = shared_service
    password = await asyncio.to_thread(register, service, "REVOKED-1", "2.0.1")
    async with station(service, "REVOKED-1", "2.0.1", password) as revoked:
        started = await asyncio.to_thread(service.post, "walks", {"station": "REVOKED-1", "to": 3})
        assert (await walk_until(service, started["id"], "done", "held"))["state"] == "done"
        serial = revoked.client_serial
        await asyncio.to_thread(service.post, f"certificates/{serial}/revoke", {"reason": "keyCompromise"})
        await revoked.until(lambda one: not one.connected, timeout=3)
        await revoked.until(lambda one: any(type(event).__name__ == "Refused" for event in one.history), timeout=10)
        posture = await asyncio.to_thread(service.get, "stations/REVOKED-1/posture")
        assert "revoked" in posture["admissions"][0]["reason"]


async def _arrives(
    service: RunningService, identity: str, version: Version, faults: tuple[Fault, ...], **more: Any
) -> None:
    profile = more.get("profile", 1)
    password = await asyncio.to_thread(register, service, identity, version, profile)
    async with station(service, identity, version, password, *faults, **more):
        started = await asyncio.to_thread(service.post, "walks", {"station": identity, "to": 3})
        walk = await walk_until(service, started["id"], "done", "held", within=120)
        assert walk["state"] == "done", walk


def _openssl_accepts(service: RunningService, issued: dict[str, Any], folder: Path) -> None:
    root, chain, leaf = (folder / name for name in ("root.pem", "chain.pem", "leaf.pem"))
    root.write_text(service.root_pem())
    chain.write_text(issued["chain_pem"])
    leaf.write_text(issued["pem"])
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", root, "-untrusted", chain, leaf]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stderr


def _names_every_act(service: RunningService, identity: str, serial: str) -> None:
    records = service.get("audit", kind="station", thing=identity, limit=1000)["items"]
    assert {record["act"] for record in records} >= ACTS
    about = {record["act"] for record in service.get("audit", kind="certificate", thing=serial, limit=100)["items"]}
    assert {"certificate:intended", "certificate:issued"} <= about


async def _refuses_the_way_back(service: RunningService, identity: str, version: str, password: str | None) -> None:
    """A05.FR.07, 1.6 A05.FR.09: neither plain nor Basic over TLS is good any more."""
    offered = (SUBPROTOCOL[version],)
    assert await knock(service, identity, password=password, subprotocols=offered) == 401
    tls = trusting(await asyncio.to_thread(service.root_pem))
    assert await knock(service, identity, password=password, tls=tls, subprotocols=offered) == 401
    assert await knock(service, identity, tls=tls, subprotocols=offered) == 401
