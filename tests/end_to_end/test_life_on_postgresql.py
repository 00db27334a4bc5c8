"""Finding, forecasting, telling and deleting over PostgreSQL, with the tables as the migrations make them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from csms_bridge.admission import Admitted
from csms_bridge.arrivals import Line
from csms_bridge.errors import LineOutranked
from csms_bridge.password_book import PasswordBook
from csms_bridge.pruning import Pruning
from csms_bridge.registry import Registry
from csms_bridge.settings import BridgeSettings
from csms_bridge.sightings import Sightings
from csms_bridge.station import NewStation, OcppVersion, SecurityProfile
from csms_bridge.tables import MessageRow, StationRow
from pki.alarm_telling import AlarmTelling
from pki.alarms import AlarmKind, Alarms
from pki.audit import AuditTrail
from pki.certificate_search import CertificateFilter, ids_query, matching_ids
from pki.certificates import CertificateState
from pki.clock import utc_now
from pki.forecast import Forecasts, week_name
from pki.revocation import RevocationReason
from pki.store import Store
from tests.end_to_end.postgres import needs_postgresql, running_postgres
from tests.pki.stored_certificates import Stored, store_certificates
from web.schema import migrate

pytestmark = [pytest.mark.end_to_end, needs_postgresql]
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOLD = RevocationReason.CERTIFICATE_HOLD


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with running_postgres() as server:
        store = Store(server.new_database("life").replace("postgresql://", "postgresql+psycopg://"))
        migrate(store)
        stored = [Stored(f"4a{n:04x}", f"CS-{n}", ends=n / 10 - 5, made=-60, name=f"SN_{n}%") for n in range(300)]
        stored += [Stored(f"4b{n:04x}", f"CS-{n}", ends=80, name=f"SN_{n}%") for n in range(0, 300, 2)]
        stored += [Stored(f"4c{n:04x}", "CS-X", ends=n, reason=HOLD) for n in range(1, 20)]
        store_certificates(store, stored, NOW)
        with store.writing() as session:
            session.connection().execute(text("ANALYZE"))
        yield store
        store.close()


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        ({}, 469),
        ({"serial": "4b"}, 150),
        ({"common_name": "SN_1*"}, 166),  # the underscore is itself, and no wildcard
        ({"common_name": "sn_1*"}, 0),
        ({"common_name": "SN_7%"}, 1),
        ({"state": CertificateState.HELD, "authority": "stations"}, 19),
        ({"state": CertificateState.EXPIRED}, 50),
        ({"state": CertificateState.GOOD, "in_use": True}, 275),
        ({"ends_from": NOW, "ends_before": NOW + timedelta(days=25), "in_use": True}, 125 + 1),
        ({"station": "CS-4", "ends_from": NOW}, 1),
    ],
)
def test_what_matches_is_the_same_and_pages_join(store: Store, wanted: dict[str, object], number: int) -> None:
    asked = CertificateFilter(**wanted)  # type: ignore[arg-type]
    with store.reading() as session:
        whole = matching_ids(session, asked, NOW, None, 1000)
        assert len(whole) == number
        pages: list[int] = []
        while part := matching_ids(session, asked, NOW, _serial(session, pages[-1]) if pages else None, 40):
            pages += part
    assert pages == whole


def _serial(session: object, row: int) -> str:
    found = session.execute(text("SELECT serial FROM certificates WHERE id = :id"), {"id": row})  # type: ignore[attr-defined]
    return str(found.scalar_one())


def test_the_beginning_of_a_name_is_found_by_its_index(store: Store) -> None:
    query = ids_query("postgresql", CertificateFilter(common_name="SN_1*"), NOW)
    compiled = query.compile(store.engine, compile_kwargs={"literal_binds": True})
    with store.reading() as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = session.connection().exec_driver_sql("EXPLAIN " + str(compiled).replace("%", "%%")).scalars().all()
    assert any("ix_certificates_common_name" in step for step in plan), plan


def test_the_forecast_counts_the_same(store: Store) -> None:
    forecasts = Forecasts(store)
    forecast = forecasts.forecast(26, NOW)
    later = NOW + timedelta(days=80)
    by_name = {week.name: week.total for week in forecast.weeks}
    assert by_name[week_name(later)] == 150
    assert sum(by_name.values()) == 150 + 125 + 1
    assert forecast.overdue == {"stations": 25}


def test_two_processes_never_tell_the_same_alarm(store: Store) -> None:
    with capture_logs():
        for number in range(40):
            Alarms(store, AuditTrail(bytes(32), "test"), lambda: NOW).sound(AlarmKind.LINT_FINDING, str(number), "x")
    telling = AlarmTelling(store, lambda: NOW)
    with ThreadPoolExecutor(8) as pool:
        claimed = [alarm.id for alarm in pool.map(lambda _: telling.claim(), range(60)) if alarm is not None]
    while (alarm := telling.claim()) is not None:  # who found a row locked went away with nothing
        claimed.append(alarm.id)
    assert len(claimed) == len(set(claimed)) == 40


def test_of_two_nodes_that_take_a_station_in_at_once_the_one_with_more_proof_keeps_it(store: Store) -> None:
    def node(name: str) -> Sightings:
        trail = AuditTrail(bytes(32), name)
        return Sightings(store, trail, PasswordBook(store, trail, bytes(32), utc_now), utc_now, name)

    def take_in(sightings: Sightings, admitted: Admitted) -> None:
        with suppress(LineOutranked):
            sightings.connected("CS-7", admitted, OcppVersion.V16, None, Line("192.0.2.7", "TLSv1.3"))

    nodes = (node("a"), node("b"))
    trail = AuditTrail(bytes(32), "a")
    new = NewStation("CS-7", "SN-7", OcppVersion.V16, SecurityProfile.TLS_BASIC)
    Registry(store, trail, PasswordBook(store, trail, bytes(32), utc_now), utc_now).add([new], "user:anna")
    strong = Admitted(SecurityProfile.MUTUAL_TLS, "ocpp1.6", "5eed")
    weak = Admitted(SecurityProfile.TLS_BASIC, "ocpp1.6", None)
    with ThreadPoolExecutor(2) as pool:
        for turn in range(20):
            keeper, other = nodes[turn % 2], nodes[1 - turn % 2]
            list(pool.map(take_in, (keeper, other), (strong, weak)))
            with store.reading() as session:
                row = session.get_one(StationRow, "CS-7")
                assert (row.node, row.certificate_serial) == ("ab"[turn % 2], "5eed")


def test_old_rows_are_deleted(store: Store) -> None:
    def message(days: int) -> MessageRow:
        at = NOW - timedelta(days=days)
        return MessageRow(station="CS-1", at=at, direction="in", kind="call", action="Heartbeat", payload="{}")

    with store.writing() as session:
        session.add_all([message(days) for days in (40, 31, 2, 1)])
    with capture_logs():
        assert Pruning(store, BridgeSettings(), lambda: NOW).round() == 2
