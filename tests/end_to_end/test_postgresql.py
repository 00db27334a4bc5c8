"""The whole service over PostgreSQL: what SQLite shows, several processes on one database must show too."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session, SQLModel
from websockets.exceptions import ConnectionClosed

from pki.audit import AuditTrail, PkiAct
from pki.store import Store
from pki.tables import MarkRow
from tests.end_to_end.postgres import Postgres, needs_postgresql, running_postgres
from tests.end_to_end.running_service import RunningService, voltward
from tests.end_to_end.stations import Version, register, station, trusting, walk_until, wire
from tests.end_to_end.test_admission_lanes import until

pytestmark = [pytest.mark.end_to_end, needs_postgresql]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def on_postgres(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    service = RunningService(tmp_path_factory.mktemp("on-postgres") / "data")
    service.extra["VOLTWARD_DATABASE_URL"] = postgres.new_database("whole")
    made = voltward("init", "--data", str(service.folder), "--organisation", "Test Operator", env=service.environment)
    assert made.returncode == 0, made.stderr
    service.start()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def second_node(on_postgres: RunningService) -> Iterator[RunningService]:
    """A process for stations alone, with the keys of the first one's folder and its database."""
    node = RunningService(shutil.copytree(on_postgres.folder, on_postgres.folder.with_name("second-node")))
    node.extra.update(on_postgres.extra, VOLTWARD_NODE="second", VOLTWARD_PUBLIC_URL=on_postgres.url)
    node.roles = ("bridge",)
    node.start()
    yield node
    node.stop()


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_station_walks_from_1_to_3(on_postgres: RunningService, version: Version) -> None:
    password = await asyncio.to_thread(register, on_postgres, f"PG-{version}", version)
    async with station(on_postgres, f"PG-{version}", version, password):
        started = await asyncio.to_thread(on_postgres.post, "walks", {"station": f"PG-{version}", "to": 3})
        walk = await walk_until(on_postgres, started["id"], "done", "held")
        assert walk["state"] == "done", json.dumps(walk, indent=1)


async def test_a_revocation_on_one_node_closes_the_line_on_another(
    on_postgres: RunningService, second_node: RunningService
) -> None:
    """DESIGN §3.5, over two processes that share nothing but the database and the keys."""
    password = await asyncio.to_thread(register, on_postgres, "NODE-2", "2.0.1")
    async with station(second_node, "NODE-2", "2.0.1", password) as walked:
        started = await asyncio.to_thread(on_postgres.post, "walks", {"station": "NODE-2", "to": 3})
        walk = await walk_until(on_postgres, started["id"], "done", "held")
        assert walk["state"] == "done", json.dumps(walk, indent=1)
        serial = walked.client_serial
        body = {"reason": "keyCompromise"}
        await asyncio.to_thread(on_postgres.post, f"certificates/{serial}/revoke", body)
        await _until_offline(on_postgres, "NODE-2")


async def test_a_way_back_is_opened_once_and_held_at_one_of_two_nodes(
    on_postgres: RunningService, second_node: RunningService
) -> None:
    """Of operators who ask at once one is heard; of two who come at two nodes, who came first stays; then it walks."""
    identity, service = "NODE-BACK", on_postgres
    await asyncio.to_thread(register, service, identity, "2.0.1", 3)
    body = {"loss": "lost", "reason": "flash memory broken"}
    with service.api() as api:
        asked = [asyncio.to_thread(api.post, f"stations/{identity}/recovery", json=body) for _ in range(3)]
        answers = await asyncio.gather(*asked)
    assert sorted(one.status_code for one in answers) == [200, 409, 409]
    (password,) = [one.json()["password"] for one in answers if one.is_success]
    root = await asyncio.to_thread(service.root_pem)
    how: dict[str, Any] = {"password": password, "tls": trusting(root)}
    first = wire(service, identity, "2.0.1", **how)
    async with first, wire(second_node, identity, "2.0.1", source="127.0.0.2", **how) as second:
        with pytest.raises(ConnectionClosed, match="already connected"):
            await second.until(lambda _: False)
    async with station(second_node, identity, "2.0.1", password, profile=2, roots=(root,)):
        await until(service, identity, lambda one: one["profile"] == 3)
    (recovery,) = (await asyncio.to_thread(service.get, "recoveries", station=identity))["items"]
    assert recovery["state"] == "done"


def test_a_record_and_a_row_may_be_written_in_either_order(postgres: Postgres) -> None:
    """All acts of one writer queue for its chain; nobody may hold the chain and wait for somebody else's row."""
    store = Store(postgres.new_database("either-order"))
    SQLModel.metadata.create_all(store.engine)
    trail = AuditTrail(b"k" * 32, "node")
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    with store.writing() as session:
        session.add(MarkRow(job="both", position=0))
    recorded, counted = Event(), Event()

    def record(session: Session) -> None:
        trail.record(session, PkiAct.ALARM_CLEARED, by="test", kind="alarm", thing="x", now=now)

    def count(session: Session) -> None:
        session.execute(update(MarkRow).values(position=MarkRow.position + 1))

    def record_first() -> None:
        with store.writing() as session:
            record(session)
            recorded.set()
            assert counted.wait(10)
            count(session)

    def count_first() -> None:
        with store.writing() as session:
            assert recorded.wait(10)
            count(session)
            counted.set()
            record(session)

    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(record_first), pool.submit(count_first)]:
            done.result(timeout=30)
    with store.reading() as session:
        assert session.get_one(MarkRow, "both").position == 2
        assert trail.verify(session) == []
    store.close()


def test_a_second_node_of_the_same_name_does_not_start(on_postgres: RunningService, tmp_path: Path) -> None:
    """They would take each other's lines for their own; each has a folder, so that the folder's lock tells nothing."""
    node = RunningService(shutil.copytree(on_postgres.folder, tmp_path / "same-name"))
    node.extra.update(on_postgres.extra)
    ended = voltward("serve", "--data", str(node.folder), "--roles", "bridge", env=node.environment)
    assert ended.returncode == 1
    assert "another process serves stations as the node 'main' on this database already" in ended.stderr
    assert "Give each process a VOLTWARD_NODE of its own" in ended.stderr


def test_a_folder_on_an_occupied_database_is_refused(on_postgres: RunningService, tmp_path: Path) -> None:
    made = voltward("init", "--data", str(tmp_path / "second"), "--organisation", "Other", env=on_postgres.environment)
    assert made.returncode == 2
    assert "holds a Voltward installation already" in made.stderr


def test_the_trail_verifies(on_postgres: RunningService) -> None:
    found = on_postgres.cli("audit", "verify", "--data", str(on_postgres.folder), "--json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["findings"] == []


def test_a_database_that_is_not_in_unicode_is_refused(postgres: Postgres, tmp_path: Path) -> None:
    database = {"VOLTWARD_DATABASE_URL": postgres.new_database("ascii", encoding="SQL_ASCII")}
    made = voltward("init", "--data", str(tmp_path / "data"), "--organisation", "Test Operator", env=database)
    assert made.returncode == 2
    assert "UTF8" in made.stderr
    assert not (tmp_path / "data").exists()


async def _until_offline(service: RunningService, identity: str, within: float = 10) -> None:
    async with asyncio.timeout(within):
        while True:
            seen = await asyncio.to_thread(service.get, f"stations/{identity}")
            if not seen["online"]:
                return
            await asyncio.sleep(0.1)
