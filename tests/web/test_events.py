"""Security events through the API, the console and the command line."""

from datetime import timedelta

import httpx
import pytest

from csms_bridge.events import SecurityEventTold
from csms_bridge.station import NewStation
from pki.alarms import AlarmKind
from tests.web.commands import Command
from tests.web.test_pages import browser  # noqa: F401 -- a fixture
from web.alarm_links import console_path
from web.service import Service

EVENTS = "/api/v1/events"


@pytest.fixture
def told(service: Service) -> Service:
    """Two stations have told three events."""
    for station in ("CS-1", "CS 2"):
        service.fleet.add_station(NewStation(station, f"SN-{station}"), "operator")
    now = service.clock()
    for station, type_, at in (
        ("CS-1", "InvalidChargePointCertificate", now - timedelta(days=3)),
        ("CS 2", "TamperDetectionActivated", now + timedelta(days=1)),
        ("CS 2", "<Vendor>", None),
    ):
        service.fleet.events.record(station, SecurityEventTold(type_, at, "<b>lid</b>"))
    return service


async def types(api: httpx.AsyncClient, **wanted: str) -> list[str]:
    return [one["type"] for one in (await api.get(EVENTS, params=wanted)).json()["items"]]


async def test_events_are_listed_newest_first_and_narrowed(api: httpx.AsyncClient, told: Service) -> None:
    assert await types(api) == ["<Vendor>", "TamperDetectionActivated", "InvalidChargingStationCertificate"]
    assert await types(api, station="CS-1") == ["InvalidChargingStationCertificate"]
    assert await types(api, severity="unknown") == ["<Vendor>"]
    assert await types(api, type="InvalidChargePoint Certificate") == ["InvalidChargingStationCertificate"]
    assert await types(api, since=(told.clock() + timedelta(hours=1)).isoformat()) == []
    assert (await api.get(EVENTS, params={"severity": "grave"})).status_code == 422
    assert (await api.get(EVENTS, params={"since": "2026-03-02T12:00:00"})).status_code == 422


async def test_an_event_shows_both_clocks_and_both_names(api: httpx.AsyncClient, told: Service) -> None:
    (event,) = (await api.get(EVENTS, params={"station": "CS-1"})).json()["items"]
    assert (event["told"], event["severity"], event["times"]) == ("InvalidChargePointCertificate", "critical", 1)
    assert event["at"] < event["received_at"]
    assert [one["clock"] for one in (await api.get(EVENTS)).json()["items"]] == ["unreadable", "ahead", "fits"]


async def test_events_are_read_page_by_page(api: httpx.AsyncClient, told: Service) -> None:
    first = (await api.get(EVENTS, params={"limit": 2})).json()
    second = (await api.get(EVENTS, params={"limit": 2, "after": first["next"]})).json()
    assert [one["id"] for one in first["items"] + second["items"]] == [3, 2, 1]


async def test_the_console_shows_them(browser: httpx.AsyncClient, told: Service) -> None:  # noqa: F811
    page = await browser.get("/events", params={"station": "CS 2", "within": "day"})
    assert page.status_code == 200
    assert "TamperDetectionActivated</th>" in page.text
    assert "InvalidChargingStationCertificate <span" not in page.text
    assert "<b>lid</b>" not in page.text
    assert '<span class="bad">ahead</span>' in page.text
    station = await browser.get("/stations/CS-1")
    assert "told as InvalidChargePointCertificate" in station.text


async def test_an_alarm_leads_to_its_events(browser: httpx.AsyncClient, told: Service) -> None:  # noqa: F811
    (alarm,) = [one for one in told.authority.alarms.open_of(AlarmKind.SECURITY_EVENT) if one.thing.startswith("CS 2")]
    page = await browser.get(console_path(alarm.kind, alarm.thing))
    assert "TamperDetectionActivated</th>" in page.text
    assert console_path(alarm.kind, "InvalidTLSVersion") == "/events?type=InvalidTLSVersion"


def test_the_command_line_lists_them(voltward: Command, told: Service) -> None:
    ran = voltward("event", "list", "--severity", "critical", "--json")
    assert [one["station"] for one in ran.json["items"]] == ["CS 2", "CS-1"]
    table = voltward("event", "list", "--type", "TamperDetectionActivated")
    assert (table.code, table.out.count("TamperDetectionActivated")) == (0, 1)
