"""Who issues: by post, kind of key and status, also when another process changed it."""

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import update
from sqlmodel import col

from pki.errors import OrderRefused, PostVacant, UnknownAuthority
from pki.hierarchy import AuthorityStatus, Custody, Hierarchy
from pki.keys import KeyFamily
from pki.tables import AuthorityRow
from tests.pki.conftest import Room

EC, RSA = KeyFamily.EC, KeyFamily.RSA
STRONG = ec.generate_private_key(ec.SECP384R1()).public_key()


def change(room: Room, name: str, **values: object) -> None:
    """As another process would: behind the back of the hierarchy."""
    with room.store.writing() as session:
        session.execute(update(AuthorityRow).where(col(AuthorityRow.name) == name).values(**values))


def copied(room: Room, name: str, new: str, **values: object) -> None:
    with room.store.writing() as session:
        row = session.get_one(AuthorityRow, name)
        fields = row.model_dump() | {"name": new, "serial": f"5{len(new):x}"} | values
        session.add(AuthorityRow(**fields))


def test_the_post_and_the_family_of_the_key_decide(room: Room) -> None:
    hierarchy = Hierarchy(room.store)
    assert hierarchy.issuer_for("stations", EC).name == "stations"
    assert hierarchy.issuer_for("stations", RSA).name == "stations-rsa"
    assert hierarchy.issuer_for("manufacturer", RSA).name == "manufacturer-rsa"


def test_a_strong_key_is_certified_by_a_strong_authority_where_there_is_one(room: Room) -> None:
    hierarchy = Hierarchy(room.store)
    assert hierarchy.issuer_for("stations", EC, STRONG).name == "stations"
    copied(room, "stations", "stations-384", algorithm="ec-p384")
    hierarchy.reload()
    assert hierarchy.issuer_for("stations", EC, STRONG).name == "stations-384"
    assert hierarchy.issuer_for("stations", EC).name == "stations"


@pytest.mark.parametrize("status", [status for status in AuthorityStatus if status is not AuthorityStatus.ACTIVE])
def test_only_an_active_authority_issues(room: Room, status: AuthorityStatus) -> None:
    change(room, "stations", status=status.value)
    hierarchy = Hierarchy(room.store)
    with pytest.raises(PostVacant, match="EC key fills the post 'stations'"):
        hierarchy.issuer_for("stations", EC)
    with pytest.raises(OrderRefused, match="issues nothing new"):
        hierarchy.issuer_named("stations", "stations")
    assert hierarchy.issuer("stations").name == "stations"  # its lists and answers are signed all the same


def test_an_authority_whose_key_is_elsewhere_issues_nothing_here(room: Room) -> None:
    change(room, "stations", custody=Custody.ELSEWHERE.value)
    with pytest.raises(PostVacant):
        Hierarchy(room.store).issuer_for("stations", EC)


def test_a_successor_takes_over_the_post(room: Room) -> None:
    hierarchy = Hierarchy(room.store)
    assert hierarchy.issuer_for("stations", EC).name == "stations"
    copied(room, "stations", "stations-2")
    change(room, "stations", status=AuthorityStatus.RETIRING.value)
    hierarchy.reload()
    assert hierarchy.issuer_for("stations", EC).name == "stations-2"
    assert hierarchy.issuer_for("stations", RSA).name == "stations-rsa"


def test_a_change_of_another_process_is_noticed_within_a_second(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    passed = [0.0]
    monkeypatch.setattr("pki.hierarchy.time.monotonic", lambda: passed[0])
    hierarchy = Hierarchy(room.store)
    assert hierarchy.issuer_for("stations", EC).name == "stations"
    copied(room, "stations", "stations-2")
    change(room, "stations", status=AuthorityStatus.RETIRING.value)
    passed[0] += timedelta(seconds=0.9).total_seconds()
    assert hierarchy.issuer_for("stations", EC).name == "stations"
    passed[0] += timedelta(seconds=0.2).total_seconds()
    assert hierarchy.issuer_for("stations", EC).name == "stations-2"


def test_an_authority_made_by_another_process_is_found_at_once(room: Room) -> None:
    hierarchy = Hierarchy(room.store)
    hierarchy.reload()
    copied(room, "stations", "depots", post="depots")
    assert hierarchy.info("depots").post == "depots"
    assert hierarchy.issuer_for("depots", EC).name == "depots"


def test_issuers_stay_the_same_objects_while_nothing_changes(room: Room) -> None:
    """They are keys of caches, which a new object each second would fill and never hit."""
    hierarchy = Hierarchy(room.store)
    before = hierarchy.issuer("stations")
    hierarchy.reload()
    assert hierarchy.issuer("stations") is before


def test_the_named_issuer_must_fill_the_post(room: Room) -> None:
    hierarchy = Hierarchy(room.store)
    assert hierarchy.issuer_named("stations-rsa", "stations").name == "stations-rsa"
    with pytest.raises(OrderRefused, match="does not issue for 'stations'"):
        hierarchy.issuer_named("csms", "stations")
    with pytest.raises(UnknownAuthority):
        hierarchy.issuer_named("nobody", "stations")


def test_of_a_crowd_that_finds_it_old_one_reads_for_all(room: Room) -> None:
    """Else each of 64 callers would read all authorities again, one after the other, every second."""
    hierarchy, reads = Hierarchy(room.store), []
    hierarchy.reload()
    real = hierarchy._read

    def read() -> None:
        reads.append(1)
        real()

    hierarchy._read = read  # type: ignore[method-assign]
    hierarchy._seen.read_at = -math.inf
    barrier = Barrier(8)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: barrier.wait() >= 0 and hierarchy.info("stations").name, range(8)))
    assert found == ["stations"] * 8
    assert len(reads) == 1


def test_what_stands_above_is_that_of_the_moment(room: Room) -> None:
    hierarchy = Hierarchy(room.store)
    assert hierarchy.above("stations") is hierarchy.above("stations")
    assert hierarchy.above("stations").root == "root"
    change(room, "stations", der=room.authority.authority("csms").der)
    hierarchy.reload()
    assert hierarchy.above("stations").chain_pem == room.authority.authority("csms").certificate_pem
