"""Renewal by itself over PostgreSQL: several nodes share one pace and one allowance, and nobody waits for ever."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlmodel import SQLModel, func, select

from csms_bridge.enrolment import Enrolment
from csms_bridge.events import CertificateAsked
from csms_bridge.renewal.allowance import Limits, Standing
from csms_bridge.renewal.allowances import Allowances
from csms_bridge.renewal.states import DueState
from csms_bridge.renewals import Renewals
from csms_bridge.tables import CertificateAskRow
from pki.keys import KeyAlgorithm, generate_key
from pki.keystore import KeyStore
from pki.store import Store
from pki.tables import CertificateRow
from tests.csms_bridge.renewal.fleet import LIFE, MUTUAL, asked, certify, crowd, desk, settled
from tests.csms_bridge.room import PASSPHRASE, SetClock, SigningRoom
from tests.end_to_end.postgres import needs_postgresql, running_postgres
from tests.pki.requests import pem_request

pytestmark = [pytest.mark.end_to_end, needs_postgresql]
NODES = 4


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningRoom]:
    folder = tmp_path_factory.mktemp("node")
    KeyStore.create(folder / "keys", PASSPHRASE, scrypt_cost=2**4)
    with running_postgres() as server:
        store = Store(server.new_database("renewals").replace("postgresql://", "postgresql+psycopg://"))
        SQLModel.metadata.create_all(store.engine)
        room = SigningRoom(folder, SetClock(), store)
        room.authority.establish("operator")
        yield room
        store.close()


def test_nodes_at_the_same_moment_share_one_pace_and_ask_each_station_once(room: SigningRoom) -> None:
    begin = room.clock.now - timedelta(days=66)
    settled(desk(room, per_minute=10, in_flight=100), room)
    crowd(room, 30, begin)
    nodes = [desk(room, per_minute=10, in_flight=100) for _ in range(NODES)]
    with ThreadPoolExecutor(NODES) as threads:
        for minute in range(1, 4):
            list(threads.map(lambda node: node.round(), nodes))
            list(threads.map(lambda node: node.round(), nodes))
            assert len(asked(room)) == 10 * minute
            room.clock.advance(minutes=1)
    assert sorted(asked(room)) == sorted(f"CS-{number}" for number in range(30))
    assert nodes[0].overview().counts[DueState.UNDER_WAY] == 30
    assert nodes[0].states.page(DueState.UNDER_WAY, "CS-1", 3)
    assert sum(week.stations for week in nodes[0].overview().weeks) == 30
    assert nodes[0].overview().reasons == ()


def test_a_station_that_hammers_several_nodes_has_one_allowance(room: SigningRoom) -> None:
    limits = Limits(per_hour=5, quiet=timedelta(hours=1))
    parts = (room.store, room.trail, room.authority.alarms, room.clock, limits)
    allowances = [Allowances(*parts) for _ in range(NODES)]
    enrolments = [
        Enrolment(room.store, room.trail, room.authority, room.clock, allowances=one) for one in allowances
    ]  # fmt: skip
    room.add("CS-900", "SN-900", MUTUAL)
    csrs = [pem_request(generate_key(KeyAlgorithm.EC_P256), "SN-900") for _ in range(40)]

    def ask(number: int) -> bool:
        return enrolments[number % NODES].ask("CS-900", CertificateAsked(csrs[number]), MUTUAL).accepted

    with ThreadPoolExecutor(NODES) as threads:
        answers = list(threads.map(ask, range(40)))
    assert sum(answers) == 5
    assert [one.of("CS-900").standing for one in allowances] == [Standing.PAUSED] * NODES
    with room.store.reading() as session:
        rows = select(func.count()).where(CertificateAskRow.station == "CS-900")
        assert session.exec(rows).one() == 5
    room.clock.advance(minutes=61)
    with ThreadPoolExecutor(NODES) as threads:
        assert sum(threads.map(lambda one: one.round(), allowances)) == 1


def test_requests_deliveries_people_and_rounds_at_once_wait_for_nobody_for_ever(room: SigningRoom) -> None:
    """Each locks stations, accounts and requests; PostgreSQL would break a circle off with an error."""
    names = [f"CS-9{number:02}" for number in range(10, 18)]
    for name in names:
        room.add(name, f"SN-{name}", MUTUAL)
        certify(room, name, room.clock.now - LIFE * 0.8)
    people = Renewals(room.store, room.trail, room.orders, room.clock, allowances=desk(room).allowances)
    nodes = [desk(room, 1000, 1000) for _ in range(2)]

    def hammer(name: str) -> None:
        for _ in range(6):
            csr = pem_request(generate_key(KeyAlgorithm.EC_P256), f"SN-{name}")
            for _ in range(2):
                room.enrolment.ask(name, CertificateAsked(csr), MUTUAL)
                for delivery in room.enrolment.sign_waiting(name):
                    room.enrolment.sent(delivery)
            room.enrolment.taken(delivery)

    def ask_all(backwards: int) -> None:
        for _ in range(8):
            people.ask(names[::backwards], "user:anna")

    with ThreadPoolExecutor(12) as threads:
        work = [threads.submit(hammer, name) for name in names]
        work += [threads.submit(ask_all, way) for way in (1, -1)]
        work += [threads.submit(lambda node=node: [node.round() for _ in range(8)]) for node in nodes]
        for one in work:
            one.result(120)
    with room.store.reading() as session:
        made = session.exec(select(func.count()).where(CertificateRow.station.in_(names))).one()
    assert made == len(names) * 7


def test_renewed_stations_are_planned_anew_and_unused_ones_are_found(room: SigningRoom) -> None:
    here = desk(room)
    certify(room, "CS-1")
    serial, now = certify(room, "CS-2", used=False), room.clock.now
    with room.store.writing() as session:
        row = CertificateAskRow(station="CS-2", csr="x", state="taken", serial=serial, asked_at=now, updated_at=now)
        session.add(row)
    room.clock.advance(days=2)
    room.connect("CS-2", MUTUAL, certificate=f"4b{2:030x}")
    for _ in range(3):
        here.round()
    assert here.states.station("CS-1").state is DueState.LATER
    assert here.states.station("CS-2").state is DueState.UNUSED


def test_people_pause_what_all_nodes_do(room: SigningRoom) -> None:
    nodes = [desk(room) for _ in range(2)]
    nodes[0].pause("user:anna", "a bad firmware")
    assert (nodes[1].overview().pace.paused_by, nodes[1].round()) == ("user:anna", 0)
    nodes[1].resume("user:bert", "mended")
    assert nodes[0].overview().pace.paused_by == ""
