"""What the endpoint counted, as Prometheus reads it."""

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from csms_bridge.endpoint_settings import EndpointSettings
from csms_bridge.tally import Dropped, Tally, Turned
from web.endpoint_metrics import endpoint_metrics
from web.exposition import counter
from web.metrics_port import make_metrics_app
from web.service import Service


def samples(text: str) -> dict[str, float]:
    pairs = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


@pytest.fixture
def tally() -> Tally:
    return Tally()


def test_every_reason_stands_there_before_it_happens(tally: Tally) -> None:
    """An alert on a rate needs the 0 before the 1."""
    told = samples(endpoint_metrics(tally, EndpointSettings()))
    for reason in Turned:
        assert told[f'voltward_ocpp_turned_away_total{{reason="{reason}"}}'] == 0
    for dropped in Dropped:
        assert told[f'voltward_ocpp_dropped_total{{reason="{dropped}"}}'] == 0


def test_tells_what_was_counted(tally: Tally) -> None:
    tally.turned[Turned.SLOW_TLS] += 2
    tally.dropped[Dropped.FLOOD] += 1
    tally.upgrades[503] += 1
    tally.handshakes["TLSv1.2", "AES128-GCM-SHA256"] += 4
    tally.connections, tally.open_handshakes = 7, 3
    told = samples(endpoint_metrics(tally, EndpointSettings(open_handshakes=11)))
    assert told['voltward_ocpp_turned_away_total{reason="slow_tls"}'] == 2
    assert told['voltward_ocpp_dropped_total{reason="flood"}'] == 1
    assert told['voltward_ocpp_upgrades_total{status="503"}'] == 1
    assert told['voltward_ocpp_tls_handshakes_total{version="TLSv1.2",suite="AES128-GCM-SHA256"}'] == 4
    assert told['voltward_ocpp_limit{of="handshakes"}'] == 11
    assert (told["voltward_ocpp_lines"], told["voltward_ocpp_handshakes_open"]) == (7, 3)


def test_each_family_has_its_help_and_its_type(tally: Tally) -> None:
    text = endpoint_metrics(tally, EndpointSettings())
    families = {name.partition("{")[0] for name in samples(text)}
    for family in families:
        kind = "counter" if family.endswith("_total") else "gauge"
        assert f"# TYPE {family} {kind}\n" in text
        assert f"# HELP {family} " in text


def test_labels_are_escaped() -> None:
    assert counter("a_total", "A.", [({"b": 'c"\\\n'}, 1)]).endswith('a_total{b="c\\"\\\\\\n"} 1\n')


async def test_a_database_that_is_down_hides_nothing(
    anonymous: httpx.AsyncClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down() -> None:
        raise OperationalError("SELECT 1", {}, Exception("it is down"))

    monkeypatch.setattr(service.fleet, "overview", down)
    answer = await anonymous.get("/metrics")
    told = samples(answer.text)
    assert answer.status_code == 200
    assert told["voltward_database_up"] == 0
    assert "voltward_ocpp_lines" in told
    assert "voltward_stations" not in told


async def test_a_process_without_a_console_tells_its_own(service: Service) -> None:
    service.fleet.tally.turned[Turned.LEFT] += 5
    transport = httpx.ASGITransport(make_metrics_app(service))
    async with httpx.AsyncClient(transport=transport, base_url="http://metrics") as client:
        answer = await client.get("/metrics")
        assert samples(answer.text)['voltward_ocpp_turned_away_total{reason="left"}'] == 5
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert (await client.get("/healthz")).json() == {"status": "alive"}
        assert (await client.get("/")).status_code == 404
