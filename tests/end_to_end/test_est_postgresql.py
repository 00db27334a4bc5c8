"""EST on two nodes over one PostgreSQL: the same renewal at the same moment makes one certificate."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from structlog.testing import capture_logs

from csms_bridge.outside_enrolment import Asked, OutsideEnrolment
from csms_bridge.password_book import PasswordBook
from csms_bridge.registry import Registry
from csms_bridge.sightings import Sightings
from csms_bridge.station import NewStation, SecurityProfile
from pki.audit import AuditTrail
from pki.authority import Authority, Certificate
from pki.clock import utc_now
from pki.enrolment_codes import EnrolmentCodes
from pki.errors import RequestAtWork
from pki.keys import KeyAlgorithm, generate_key
from pki.keystore import KeyStore
from pki.store import Store
from tests.end_to_end.crash_points import PASSPHRASE, SETTINGS
from tests.end_to_end.postgres import needs_postgresql, running_postgres
from tests.pki.requests import pem_request
from web.schema import migrate

pytestmark = [pytest.mark.end_to_end, needs_postgresql]
HIERARCHY = """title = "One"
[[root]]
name = "root"
[[issuing]]
name = "stations"
parent = "root"
post = "stations"
"""
ROUNDS = 12


@dataclass
class Node:
    """A process of its own, as far as the database can tell."""

    store: Store
    authority: Authority
    outside: OutsideEnrolment
    registry: Registry
    codes: EnrolmentCodes


def node(url: str, keys: KeyStore, name: str) -> Node:
    store = Store(url)
    trail = AuditTrail(keys.secret("audit"), name)
    passwords = PasswordBook(store, trail, bytes(32), utc_now)
    sightings = Sightings(store, trail, passwords, utc_now, name)
    authority, codes = Authority(store, keys, trail, SETTINGS), EnrolmentCodes(store, trail)
    outside = OutsideEnrolment(store, trail, authority, sightings, codes, utc_now, failures=5)
    return Node(store, authority, outside, Registry(store, trail, passwords, utc_now), codes)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    folder: Path = tmp_path_factory.mktemp("nodes")
    with running_postgres() as server:
        url = server.new_database("est").replace("postgresql://", "postgresql+psycopg://", 1)
        store = Store(url)
        migrate(store)
        store.close()
        KeyStore.create(folder / "keys", PASSPHRASE, scrypt_cost=2**4)
        one, two = (node(url, KeyStore.open(folder / "keys", PASSPHRASE), name) for name in ("one", "two"))
        one.authority.hold_ceremony(HIERARCHY, "test")
        yield one, two
        one.store.close()
        two.store.close()


def enrolled(nodes: tuple[Node, Node], station: str) -> Certificate:
    one, _ = nodes
    one.registry.add([NewStation(station, f"SN-{station}", None, SecurityProfile.MUTUAL_TLS)], "test")
    code = one.codes.make([station], timedelta(hours=1), "test", utc_now())[0].text
    csr = pem_request(generate_key(KeyAlgorithm.EC_P256), f"SN-{station}")
    return one.outside.by_code(station, code, Asked(csr.encode(), "192.0.2.7"))


def test_the_same_renewal_on_both_nodes_at_once_makes_one_certificate(nodes: tuple[Node, Node]) -> None:
    """RFC 7030 §4.2.3: who is told to wait asks again, and gets what the other node made."""

    def renew(at: Node, barrier: Barrier, asked: Asked) -> Certificate:
        barrier.wait()
        while True:
            try:
                return at.outside.by_certificate(asked, renewing=True)
            except RequestAtWork:
                time.sleep(0.01)

    with ThreadPoolExecutor(2) as pool, capture_logs():
        for number in range(ROUNDS):
            old = enrolled(nodes, f"CS-{number}")
            csr = pem_request(generate_key(KeyAlgorithm.EC_P256), f"SN-CS-{number}", SETTINGS.organisation)
            asked, barrier = Asked(csr.encode(), "192.0.2.7", presented=old.der), Barrier(2)
            made = list(pool.map(lambda at, barrier=barrier, asked=asked: renew(at, barrier, asked), nodes))
            assert made[0].serial == made[1].serial
            of_key = nodes[0].authority.certificates_of_key(made[0].spki_sha256)
            assert [one.serial for one in of_key] == [made[0].serial]
    with nodes[0].store.reading() as session:
        assert nodes[0].authority.trail.verify(session) == []
