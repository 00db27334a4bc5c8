"""Finding certificates: what matches, in which order, page by page, and by which index."""

from datetime import timedelta

import pytest

from pki.authority import CertificateFilter, CertificateState
from pki.certificate_search import ids_query
from pki.errors import SearchRefused, UnknownCertificate
from pki.revocation import RevocationReason
from tests.pki.conftest import Room
from tests.pki.stored_certificates import Stored, store_certificates

KEY = "ab" * 32
STOLEN, HOLD = RevocationReason.KEY_COMPROMISE, RevocationReason.CERTIFICATE_HOLD
FLEET = (
    Stored("1a01", "CS-1", ends=5, name="SN-1"),
    Stored("1a02", "CS-2", ends=40, name="SN-2", authority="stations-rsa"),
    Stored("2b03", "CS-1", ends=65, name="SN-1"),  # takes the place of the first
    Stored("2b04", "CS-3", ends=20, name="SN-30", reason=HOLD),
    Stored("3c05", "CS-4", ends=10, name="sn-3", key=KEY),
    Stored("3c06", "CS-4", ends=70, name="sn-3", reason=STOLEN),  # so the one before still counts
    Stored("4d07", "CS-5", ends=-3, name="SN-5"),
    Stored("4d08", None, ends=0.5, name="host", profile="server", authority="csms"),
    Stored("4d09", "CS-6", ends=-9, name="SN-6"),
)


@pytest.fixture
def fleet(room: Room) -> Room:
    store_certificates(room.store, FLEET, room.clock.now)
    return room


def found(room: Room, **wanted: object) -> list[str]:
    """Serial numbers, without those of the authority's own certificates."""
    listed = room.authority.search_certificates(CertificateFilter(**wanted))  # type: ignore[arg-type]
    return [one.serial for one in listed if len(one.serial) == 4]


@pytest.mark.parametrize(
    ("wanted", "serials"),
    [
        ({"serial": "1a01"}, ["1a01"]),
        ({"serial": "4d0"}, ["4d09", "4d08", "4d07"]),
        ({"common_name": "SN-3"}, []),
        ({"common_name": "SN-3*"}, ["2b04"]),  # capitals count
        ({"common_name": "sn-3"}, ["3c06", "3c05"]),
        ({"station": "CS-1"}, ["2b03", "1a01"]),
        ({"station": "CS-1", "in_use": True}, ["2b03"]),
        ({"station": "CS-4", "in_use": True}, ["3c05"]),
        ({"spki_sha256": KEY}, ["3c05"]),
        ({"authority": "stations-rsa"}, ["1a02"]),
        ({"profile": "server", "common_name": "host"}, ["4d08"]),
        ({"state": CertificateState.REVOKED}, ["3c06"]),
        ({"state": CertificateState.HELD}, ["2b04"]),
        ({"state": CertificateState.HELD, "authority": "stations-rsa"}, []),
        ({"state": CertificateState.REVOKED, "profile": "station"}, ["3c06"]),
        ({"state": CertificateState.EXPIRED}, ["4d07", "4d09"]),  # the latest end first
        ({"state": CertificateState.GOOD, "station": "CS-4"}, ["3c05"]),
        ({"state": CertificateState.UNFINISHED}, []),
        ({"in_use": True}, ["4d09", "4d07", "3c05", "2b04", "2b03", "1a02"]),
    ],
)
def test_what_matches_comes_newest_first(fleet: Room, wanted: dict[str, object], serials: list[str]) -> None:
    assert found(fleet, **wanted) == serials


def test_what_is_asked_for_by_its_end_comes_the_soonest_first(fleet: Room) -> None:
    now = fleet.clock.now
    window = {"ends_from": now, "ends_before": now + timedelta(days=41), "profile": "station"}
    assert found(fleet, **window) == ["1a01", "3c05", "2b04", "1a02"]
    assert found(fleet, **window, in_use=True) == ["3c05", "2b04", "1a02"]
    assert found(fleet, **window, station="CS-1") == ["1a01"]


def test_a_window_counts_its_beginning_and_not_its_end(fleet: Room) -> None:
    end = fleet.clock.now + timedelta(days=5)
    assert found(fleet, ends_from=end, ends_before=end + timedelta(seconds=1)) == ["1a01"]
    assert found(fleet, station="CS-1", ends_before=end) == []


ORDERS = [
    {},
    {"serial": "4"},
    {"state": CertificateState.EXPIRED},
    {"state": CertificateState.HELD},
    {"ends_from": True},
    {"common_name": "SN-*"},
]


@pytest.mark.parametrize("wanted", ORDERS)
def test_pages_join_without_a_gap_or_a_double(room: Room, wanted: dict[str, object]) -> None:
    """Also where many end, or were held, in the same moment."""
    same = [Stored(f"4{n:03d}", f"CS-{n}", ends=n // 7 - 3, name=f"SN-{n}", reason=HOLD if n % 2 else None)
            for n in range(40)]  # fmt: skip
    store_certificates(room.store, same, room.clock.now)
    if "ends_from" in wanted:
        wanted = {"ends_from": room.clock.now - timedelta(days=9), "profile": "station"}
    asked = CertificateFilter(**wanted)  # type: ignore[arg-type]
    whole = [one.serial for one in room.authority.search_certificates(asked, limit=1000)]
    pages: list[str] = []
    while part := room.authority.search_certificates(asked, after=pages[-1] if pages else None, limit=3):
        pages += [one.serial for one in part]
    assert pages == whole
    assert len(set(whole)) == len(whole) >= 10


def test_a_page_after_nothing_we_know_is_refused(fleet: Room) -> None:
    with pytest.raises(UnknownCertificate):
        fleet.authority.search_certificates(CertificateFilter(), after="9999")


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"serial": "xyz"}, "serial"),
        ({"serial": "a" * 41}, "serial"),
        ({"spki_sha256": "ab"}, "spki_sha256"),
        ({"common_name": "*"}, "common_name"),
    ],
)
def test_what_can_never_match_is_refused(wanted: dict[str, str], field: str) -> None:
    with pytest.raises(SearchRefused) as refusal:
        CertificateFilter(**wanted)  # type: ignore[arg-type]
    assert refusal.value.field == field


def test_an_empty_window_is_refused(room: Room) -> None:
    with pytest.raises(SearchRefused, match="closes before it opens"):
        CertificateFilter(ends_from=room.clock.now, ends_before=room.clock.now)


def plan(room: Room, wanted: CertificateFilter) -> str:
    query = ids_query("sqlite", wanted, room.clock.now).limit(51).compile(room.store.engine)
    with room.store.reading() as session:
        nothing = tuple(None for _ in query.positiontup or ())
        steps = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", nothing).all()
    return " | ".join(step[3] for step in steps)


GOOD, REVOKED, HELD, EXPIRED = (
    CertificateState.GOOD, CertificateState.REVOKED, CertificateState.HELD, CertificateState.EXPIRED,
)  # fmt: skip
BY_ID, BY_REVOCATION, BY_END = "SCAN certificates", "SCAN revoked USING INDEX ix_revoked_recorded_at", "_not_after"


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({}, BY_ID),
        ({"state": GOOD}, BY_ID),
        ({"in_use": True}, BY_ID),
        ({"state": REVOKED}, BY_REVOCATION),
        ({"state": HELD, "profile": "station"}, BY_REVOCATION),
        ({"state": EXPIRED}, BY_END),
        ({"window": True}, BY_END),
        ({"window": True, "in_use": True}, BY_END),
        ({"window": True, "state": GOOD}, BY_END),
        ({"window": True, "authority": "stations"}, "ix_certificates_authority (authority=? AND not_after>?"),
        ({"authority": "stations"}, "ix_certificates_authority_id"),
        ({"authority": "stations", "state": GOOD}, "ix_certificates_authority_id"),
        ({"profile": "server"}, "ix_certificates_profile_id"),
        ({"common_name": "SN-1"}, "ix_certificates_common_name (common_name=?"),
        ({"station": "CS-1"}, "ix_certificates_station (station=?"),
        ({"station": "CS-1", "window": True}, "ix_certificates_station (station=?"),
        ({"spki_sha256": KEY}, "ix_certificates_spki_sha256 (spki_sha256=?"),
    ],
)
def test_an_index_gives_the_order(room: Room, wanted: dict[str, object], index: str) -> None:
    """With a million certificates a page must be found, not sorted (DESIGN §5: 150 ms)."""
    if wanted.pop("window", False):
        wanted |= {"ends_from": room.clock.now, "ends_before": room.clock.now + timedelta(days=30)}
    steps = plan(room, CertificateFilter(**wanted))  # type: ignore[arg-type]
    assert index in steps
    assert "TEMP B-TREE" not in steps, steps


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({"serial": "1a"}, "COVERING INDEX sqlite_autoindex_certificates_1 (serial>? AND serial<?)"),
        ({"common_name": "SN-*"}, "COVERING INDEX ix_certificates_common_name (common_name>? AND common_name<?)"),
        ({"station": "CS-1", "state": REVOKED}, "ix_certificates_station (station=?"),
    ],
)
def test_what_must_be_sorted_is_found_by_an_index_first(room: Room, wanted: dict[str, object], index: str) -> None:
    assert index in plan(room, CertificateFilter(**wanted))  # type: ignore[arg-type]
