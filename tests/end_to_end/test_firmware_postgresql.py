"""Firmware over PostgreSQL: the whole way of one update, a campaign with two processes, and every count and page."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlmodel import SQLModel

from csms_bridge.campaigns.words import CampaignState, TargetState
from csms_bridge.firmware.asking import NewUpdate
from pki.keystore import KeyStore
from pki.store import Store
from tests.csms_bridge.campaigns.test_firmware_kind import ANNA, GOOD, Rollout
from tests.csms_bridge.firmware.conftest import ACCEPTED, IMAGE, URL, Works
from tests.csms_bridge.room import PASSPHRASE, SetClock, SigningRoom
from tests.csms_bridge.test_password_rotations import Station as Line
from tests.end_to_end.postgres import needs_postgresql, running_postgres

pytestmark = [pytest.mark.end_to_end, needs_postgresql]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningRoom]:
    folder = tmp_path_factory.mktemp("postgresql") / "data"
    folder.mkdir()
    with running_postgres() as server, pytest.MonkeyPatch.context() as patch:
        store = Store(server.new_database("firmware").replace("postgresql://", "postgresql+psycopg://"))
        SQLModel.metadata.create_all(store.engine)
        patch.setattr("tests.csms_bridge.room.Store", lambda _: store)
        KeyStore.create(folder / "keys", PASSPHRASE, scrypt_cost=2**4)
        made = SigningRoom(folder, SetClock())
        made.authority.establish("operator")
        yield made
        store.close()


async def test_an_update_from_image_to_proof(room: SigningRoom) -> None:
    works = Works(room)
    works.station("PG-1")
    signed = works.sign()
    works.images.announce(signed.id, len(IMAGE), ANNA)
    with works.images.parts.writing(signed.digest, 0, len(IMAGE)) as part:
        part.write(IMAGE)
    works.images.finish(signed.id, len(IMAGE), ANNA)
    works.updates.ask("PG-1", NewUpdate(signed.id), ANNA)
    await works.carry_out(Line(), "PG-1")
    works.passes(seconds=1)
    (request,) = await works.carry_out(Line(ACCEPTED), "PG-1")
    link = works.links.follow(request.url.text().split("/")[4])
    works.links.fetched(link, len(IMAGE), whole=True)
    works.tell(*GOOD, name="PG-1")
    works.boot("PG-1")
    works.passes(seconds=1)
    works.passes(minutes=16)
    assert works.last("PG-1").state.value == "done"
    assert works.made.versions.counts(signed) == (1, {"done": 1})
    assert [one.station for one in works.made.versions.runners(signed, None, 10)] == ["PG-1"]
    assert [one.stations for one in works.made.versions.of_fleet()] == [1]
    asked = works.made.emergencies.ask(signed.id, "trial", timedelta(days=1), ANNA)
    works.made.emergencies.approve(asked.id, "user:ben")
    assert works.made.emergencies.approve(asked.id, "user:carl").state == "open"
    with room.store.writing() as session:
        assert works.made.emergencies.open_in(session, signed.id, room.clock()) == asked.id


async def test_two_processes_take_a_campaign_to_its_end(room: SigningRoom) -> None:
    rollout = Rollout(Works(room), ("PG-11", "PG-12", "PG-13"))
    rollout.begin()
    for _ in range(4):
        for name in rollout.running():
            await rollout.station_takes(name, *GOOD)
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda work: work(), [rollout.campaigns.round, rollout.works.updates.round] * 3))
        rollout.round()
    assert rollout.view().state is CampaignState.DONE
    done = [name for name, state in rollout.states().items() if state is TargetState.DONE]
    assert done == ["PG-11", "PG-12", "PG-13"]
    assert URL in {one.location for one in rollout.works.updates.page(firmware=rollout.release.id)}
