"""Each shipped row of the quirk book against a simulated station that is odd in that way, over real sockets."""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from csms_bridge.quirks.book import shipped_rows
from csms_bridge.quirks.rows import QuirkRow
from csms_bridge.simulator.config import Fault
from tests.end_to_end.running_service import RunningService, running
from tests.end_to_end.stations import Version, known_by_name, register, station, walk_until

pytestmark = pytest.mark.soak


@dataclass(frozen=True)
class Nature:
    """What a station of a row does. `stuck`: what its walk comes to without the row; empty when it arrives anyway."""

    faults: tuple[Fault, ...] = ()
    version: Version = "1.6"
    stuck: str = ""
    goal: int = 3
    more: dict[str, Any] = field(default_factory=dict)


NATURES = {
    "open-ocpp": Nature((Fault.URL_KEY, Fault.CHAIN_NEEDS_ROOT), stuck="fell back"),
    "everest": Nature((Fault.NEEDS_COUNTRY, Fault.ONE_REQUEST, Fault.ABRUPT_CLOSE), "2.0.1"),
    "everest-strict": Nature((Fault.NEEDS_COUNTRY, Fault.ROOTS_FROM_TLS), "2.0.1", more={"roots": True}),
    "micro-ocpp": Nature((Fault.ACCEPT_AND_IDLE,), goal=1),
    "virtual-charge-point": Nature((Fault.ACCEPT_AND_IDLE,), goal=1),
    "shiv3": Nature((Fault.SHORT_PASSWORD, Fault.NEEDS_REBOOT), stuck="change the password"),
    "sap-simulator": Nature((Fault.DROP_ANSWER,)),
    "first-edition": Nature((Fault.REFUSE_CERTIFICATE,), goal=2, stuck="deliver the certificate"),
    "text-key": Nature((Fault.SHORT_PASSWORD,), stuck="change the password"),
    "long-key": Nature((Fault.LONG_PASSWORD,), stuck="change the password"),
    "root-by-hand": Nature((Fault.ROOTS_FROM_TLS,), more={"roots": True}),
    "tls-1.0": Nature((Fault.FALL_BACK,), goal=1),
    "rsa-tls": Nature((Fault.RSA_ONLY_TLS,)),
    "ec-tls": Nature(),
    "small-memory": Nature((Fault.ONE_ROOT,), stuck="confirm the root"),
    "one-root": Nature((Fault.ONE_ROOT,), stuck="confirm the root"),
    "checked-root": Nature((Fault.ADDITIONAL_ROOT_CHECK,)),
    "lists-nothing": Nature((Fault.LISTS_NOTHING,)),
    "url-key": Nature((Fault.URL_KEY, Fault.NEEDS_RESTART), stuck="fell back"),
    "reset-soft": Nature((Fault.SOFT_RESET_ONLY, Fault.NEEDS_REBOOT), stuck="was not seen"),
    "own-renewal": Nature((Fault.ASKS_BY_ITSELF,)),
    "asks-at-boot": Nature((Fault.ASKS_AT_BOOT,), stuck="ask for a certificate request"),
    "leaf-only": Nature((Fault.LEAF_ONLY,), stuck="deliver the certificate"),
    "leaf-last": Nature((Fault.LEAF_LAST,), stuck="deliver the certificate"),
    "fixed-slots": Nature((), "2.0.1"),
    "sftp-firmware": Nature(),
}
ROWS = [row for row in shipped_rows() if not row.like]
MATTERING = [row for row in ROWS if NATURES[row.name].stuck and row.name != "reset-soft"]


@pytest.fixture(scope="module")
def shared(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """One service for all of them."""
    with running(Path(shutil.copytree(template, tmp_path_factory.mktemp("quirks") / "data"))) as started:
        yield started


def test_every_shipped_row_has_a_station_that_behaves_so() -> None:
    assert {row.name for row in ROWS} == NATURES.keys()


async def walked(service: RunningService, row: QuirkRow, identity: str, to: int, *, known: bool) -> dict[str, Any]:
    """The walk of a station of this nature to its end; `known`: the book has its row."""
    nature, model = NATURES[row.name], identity[:20]
    if known:
        mine = {"name": f"like-{row.name}", "vendor": "Quirky", "model": model, "like": row.name}
        await asyncio.to_thread(service.post, "quirks", {"rows": [mine]})
    more: dict[str, Any] = {"vendor": "Quirky", "model": model}
    if "roots" in nature.more:
        more["roots"] = (await asyncio.to_thread(service.root_pem),)
    password = await asyncio.to_thread(register, service, identity, nature.version)
    async with station(service, identity, nature.version, password, *nature.faults, **more):
        await known_by_name(service, identity)
        started = await asyncio.to_thread(service.post, "walks", {"station": identity, "to": to})
        return await walk_until(service, started["id"], "done", "held")


@pytest.mark.parametrize("row", [row for row in ROWS if NATURES[row.name].goal > 1], ids=lambda row: row.name)
async def test_with_its_row_a_station_is_walked(shared: RunningService, row: QuirkRow) -> None:
    walk = await walked(shared, row, f"Q-{row.name}", NATURES[row.name].goal, known=True)
    assert walk["state"] == "done", walk["reason"]


@pytest.mark.parametrize("row", MATTERING, ids=lambda row: row.name)
async def test_without_its_row_a_station_is_held(shared: RunningService, row: QuirkRow) -> None:
    """Else the row would be of no use."""
    walk = await walked(shared, row, f"N-{row.name}", 3, known=False)
    assert walk["state"] == "held"
    assert NATURES[row.name].stuck in walk["reason"]


@pytest.mark.parametrize("row", [row for row in ROWS if NATURES[row.name].goal == 1], ids=lambda row: row.name)
async def test_no_walk_is_begun_that_its_row_says_leads_nowhere(shared: RunningService, row: QuirkRow) -> None:
    """It stays where it is, online, with its password; without the row its walk would be held (accept-and-idle)."""
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        await walked(shared, row, f"U-{row.name}", 2, known=True)
    shown = await asyncio.to_thread(shared.get, f"stations/U-{row.name}")
    assert (shown["profile"], shown["hold"]) == (1, None)


@pytest.mark.parametrize("row", [row for row in ROWS if NATURES[row.name].goal == 1], ids=lambda row: row.name)
async def test_without_the_row_such_a_walk_is_held_and_the_station_stays_reachable(
    shared: RunningService, row: QuirkRow
) -> None:
    walk = await walked(shared, row, f"V-{row.name}", 2, known=False)
    assert walk["state"] == "held"
    assert "fell back" in walk["reason"]
