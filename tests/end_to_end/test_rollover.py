"""Authorities are rolled over while stations are on line: by the real program, with real sockets and TLS."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import SQLModel

from pki.audit import AuditTrail
from pki.authority import Authority
from pki.keystore import KeyStore
from pki.rollover_steps import StepName
from pki.secret_text import Secret
from pki.settings import PkiSettings
from pki.store import Store
from tests.end_to_end.postgres import needs_postgresql, running_postgres
from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import register, station, walk_until
from tests.pki.makers import maker_root

pytestmark = pytest.mark.end_to_end
SOON = 90  # seconds; the service needs some ten for its first lists, and the machine may be busy


async def until(look: Callable[[], Any], is_good: Callable[[Any], bool]) -> Any:
    """What `look` sees once it is good."""
    async with asyncio.timeout(SOON):
        while True:
            seen = await asyncio.to_thread(look)
            if is_good(seen):
                return seen
            await asyncio.sleep(0.2)


async def roll(service: RunningService, authority: str, *steps: str) -> str:
    """Start a roll-over and take these steps, each once nothing stands in its way any more; its path."""
    started = await asyncio.to_thread(service.post, "rollovers", {"authority": authority})
    path = f"rollovers/{started['id']}"
    for step in steps:
        await until(lambda: service.get(path), lambda seen: not seen["obstacles"])
        await asyncio.to_thread(service.post, f"{path}/advance", {"step": step, "note": "end to end"})
    return path


async def on_profile_3(service: RunningService, identity: str) -> None:
    started = await asyncio.to_thread(service.post, "walks", {"station": identity, "to": 3})
    assert (await walk_until(service, started["id"], "done", "held"))["state"] == "done"


async def renewed(service: RunningService, identity: str) -> dict[str, Any]:
    """The station's newest certificate, after it was asked to renew and came back."""
    asked = ("cert", "renew", "--station", identity, "--wait", "--within", "60")
    done = await asyncio.to_thread(service.cli, *asked)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = (await asyncio.to_thread(service.get, f"stations/{identity}/certificates"))["items"][0]
    return found


async def comes_in(service: RunningService, identity: str, serial: str | None) -> None:
    """The station is on line, on profile 3, by this certificate."""
    await until(
        lambda: service.get(f"stations/{identity}/posture"),
        lambda seen: (
            seen["station"]["online"] and seen["station"]["profile"] == 3 and seen["certificate_serial"] == serial
        ),
    )


async def test_stations_change_over_and_both_authorities_count(service: RunningService, tmp_path: Path) -> None:
    """No restart in between; the old authority is not retired while a certificate of its own is in use."""
    passwords = {name: await asyncio.to_thread(register, service, name, "2.0.1") for name in ("CHANGES-1", "KEEPS-1")}
    async with station(service, "KEEPS-1", "2.0.1", passwords["KEEPS-1"], state_dir=tmp_path) as keeps:
        await on_profile_3(service, "KEEPS-1")
    async with station(service, "CHANGES-1", "2.0.1", passwords["CHANGES-1"]) as changes:
        await on_profile_3(service, "CHANGES-1")
        path = await roll(service, "stations", "distribute", "issue from new")
        certificate = await renewed(service, "CHANGES-1")
        assert certificate["authority"] == "stations-2"
        await comes_in(service, "CHANGES-1", changes.client_serial)
        assert changes.client_serial == certificate["serial"]
    async with station(service, "KEEPS-1", "2.0.1", passwords["KEEPS-1"], state_dir=tmp_path):
        await comes_in(service, "KEEPS-1", keeps.client_serial)
    refused = await asyncio.to_thread(
        service.cli, "ca", "rollover", "advance", path.rpartition("/")[2], "--note", "now"
    )
    assert refused.returncode == 2
    assert "good certificates were issued by 'stations'" in refused.stderr


async def test_a_station_with_the_old_root_alone_follows_to_the_new_one(service: RunningService) -> None:
    """Our server's chain goes on to the old root; the station's own chain ends where its root is."""
    password = await asyncio.to_thread(register, service, "OLD-ROOT-1", "1.6")
    async with station(service, "OLD-ROOT-1", "1.6", password) as simulated:
        await on_profile_3(service, "OLD-ROOT-1")
        await asyncio.to_thread(service.cli, "station", "chain", "OLD-ROOT-1", "--root", "root")
        await roll(service, "root", "distribute", "issue from new")
        certificate = await renewed(service, "OLD-ROOT-1")
        assert certificate["authority"] == "stations-2"
        assert certificate["chain_pem"].count("BEGIN CERTIFICATE") == 3
        await comes_in(service, "OLD-ROOT-1", simulated.client_serial)
        assert simulated.client_serial == certificate["serial"]


@needs_postgresql
def test_every_step_works_on_postgresql(tmp_path: Path) -> None:
    with running_postgres() as postgres:
        store = Store(postgres.new_database("rollover").replace("postgresql://", "postgresql+psycopg://"))
        SQLModel.metadata.create_all(store.engine)
        keys = KeyStore.create(tmp_path / "keys", Secret.of("only for this test"), scrypt_cost=16)
        trail = AuditTrail(keys.secret("audit"), "test")
        settings = PkiSettings(organisation="Acme Charging", hostnames=("csms.example",))
        authority = Authority(store, keys, trail, settings)
        authority.establish("operator")
        rollovers, chains = authority.rollovers, authority.chains
        rollover = rollovers.start("root", "operator").id
        authority.refresh_crls()
        for step in (StepName.DISTRIBUTE, StepName.ISSUE_FROM_NEW):
            rollovers.advance(rollover, step, "operator", "on PostgreSQL")
        chains.choose("CS-1", "root", "operator")
        assert chains.counts() == {"root": 1}
        assert [one.station for one in chains.stations_of("root")] == ["CS-1"]
        rollovers.advance(rollover, StepName.RETIRE_OLD, "operator", "on PostgreSQL", force=True)
        assert chains.of("CS-1") is None
        assert rollovers.abandon(rollovers.start("csms-rsa", "operator").id, "operator", "no").step == "abandoned"
        authority.anchors.add(maker_root().pem, "Volt Motors", "volt", "operator")
        authority.anchors.remove("volt", "operator")
        store.close()
