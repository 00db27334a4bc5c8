"""Ceremonies and authorities elsewhere on PostgreSQL, also held by two processes at the same time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pki.audit import AuditTrail
from pki.authority import Authority, RevocationReason
from pki.errors import CsrRejected, PkiError
from pki.keys import KeyAlgorithm
from pki.keystore import KeyStore
from pki.store import Store
from tests.end_to_end.ceremony_crashes import FILE, MADE
from tests.end_to_end.crash_points import PASSPHRASE, SETTINGS
from tests.end_to_end.postgres import Postgres, needs_postgresql, running_postgres
from web.schema import migrate

pytestmark = [pytest.mark.end_to_end, needs_postgresql]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


def store_of(postgres: Postgres, name: str) -> Store:
    store = Store(postgres.new_database(name).replace("postgresql://", "postgresql+psycopg://", 1))
    migrate(store)
    return store


def node(store: Store, keys: KeyStore, name: str) -> Authority:
    return Authority(store, keys, AuditTrail(keys.secret("audit"), name), SETTINGS)


def test_two_nodes_that_hold_the_same_ceremony_make_it_once(postgres: Postgres, tmp_path: Path) -> None:
    store = store_of(postgres, "ceremonies")
    keys = KeyStore.create(tmp_path / "keys", PASSPHRASE, scrypt_cost=2**4)
    nodes = [node(store, keys, "one"), node(store, KeyStore.open(tmp_path / "keys", PASSPHRASE), "two")]

    def hold(authority: Authority) -> object:
        try:
            return authority.hold_ceremony(FILE, "test")
        except PkiError as refusal:
            return refusal

    with ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(hold, nodes))
    assert nodes[0].hold_ceremony(FILE, "test") is None or all(isinstance(one, PkiError) for one in outcomes)
    assert {info.name for info in nodes[1].authorities()} == MADE
    assert len(nodes[1].ceremonies()) == 1
    assert len(nodes[1].cross_certificates()) == 1
    with store.reading() as session:
        assert nodes[0].trail.verify(session) == []
    store.close()


def test_an_authority_under_another_root_is_taken_in_and_revoked(postgres: Postgres, tmp_path: Path) -> None:
    far_store, near_store = store_of(postgres, "far"), store_of(postgres, "near")
    far = node(far_store, KeyStore.create(tmp_path / "far", PASSPHRASE, scrypt_cost=2**4), "far")
    near = node(near_store, KeyStore.create(tmp_path / "near", PASSPHRASE, scrypt_cost=2**4), "near")
    far.hold_ceremony('title = "Far"\n[[root]]\nname = "root"\n', "test")
    asked = near.elsewhere.request("stations", "stations", KeyAlgorithm.EC_P256, "test")
    with pytest.raises(CsrRejected):  # the key of a request that travels is certified for nobody else
        near.elsewhere.certify(asked.csr_pem, near_root(near), asked.spki_sha256, "test")
    signed = far.elsewhere.certify(asked.csr_pem, "root", asked.spki_sha256, "test")
    info = near.elsewhere.take_in("stations", signed.certificate_pem, signed.chain_pem, [far.crl("root", 0)], "test")
    assert info.parent == "root"
    far.revoke(info.serial, RevocationReason.KEY_COMPROMISE, "test")
    assert near.elsewhere.take_in_crl(far.crl("root", 0), "test").revoked == ("stations",)
    near.refresh_crls()
    assert "authority-revoked" in {alarm.kind for alarm in near.alarms.page()}
    for store in (far_store, near_store):
        store.close()


def near_root(near: Authority) -> str:
    near.hold_ceremony('title = "Near"\n[[root]]\nname = "near"\n', "test")
    return "near"
