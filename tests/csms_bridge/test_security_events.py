"""Security events are kept once each, and a station can bury neither the database nor the people who watch."""

from dataclasses import asdict
from datetime import timedelta

import pytest

from csms_bridge.event_severity import EventSeverity
from csms_bridge.events import SecurityEventTold
from csms_bridge.security_events import EventFilter, SecurityEvents
from csms_bridge.security_vocabulary import ALARMING, SEVERITY, ClockFit
from pki.alarms import AlarmKind, Alarms, Severity
from tests.csms_bridge.room import NOON, Room

ALL = EventFilter()
TAMPER = "TamperDetectionActivated"


class Watch:
    """The events of a room and the alarms that they raise."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.alarms = Alarms(room.store, room.trail, room.clock)
        self.events = SecurityEvents(room.store, room.trail, self.alarms, room.clock)

    def tell(self, type_: str, at=None, info: str = "", station: str = "CS-1"):
        return self.events.record(station, SecurityEventTold(type_, at or self.room.clock.now, info))

    def kept(self, limit: int = 1000):
        return self.events.page(ALL, None, limit)

    def raised(self):
        return [(one.thing, one.severity, one.times) for one in self.alarms.open_of(AlarmKind.SECURITY_EVENT)]


@pytest.fixture
def watch(room):
    room.add()
    return Watch(room)


def test_keeps_an_event_of_any_type_with_the_stations_time(watch):
    """A04: the list of types is open, and old events may come late."""
    watch.tell("VendorSpecificThing", NOON - timedelta(days=40), "what happened")
    assert asdict(watch.kept()[0]) == {
        "id": 1,
        "station": "CS-1",
        "type": "VendorSpecificThing",
        "told": "VendorSpecificThing",
        "severity": EventSeverity.UNKNOWN,
        "at": NOON - timedelta(days=40),
        "last_at": NOON - timedelta(days=40),
        "received_at": NOON,
        "last_received_at": NOON,
        "times": 1,
        "clock": ClockFit.FITS,
        "tech_info": "what happened",
    }
    assert watch.room.acts()[-1] == "station:security-event"
    assert watch.raised() == []


def test_keeps_the_stations_own_spelling_beside_the_canonical_name(watch):
    event = watch.tell("InvalidCentralSystemCertificate")
    assert (event.type, event.told) == ("InvalidCsmsCertificate", "InvalidCentralSystemCertificate")


def test_an_unreadable_time_becomes_ours_and_is_flagged(watch):
    watch.events.record("CS-1", SecurityEventTold("FirmwareUpdated", None, ""))
    (event,) = watch.kept()
    assert (event.at, event.clock) == (NOON, ClockFit.UNREADABLE)


def test_an_absurd_time_is_kept_and_flagged(watch):
    far = NOON.replace(year=2099)
    watch.tell("StartupOfTheDevice", far)
    assert (watch.kept()[0].at, watch.kept()[0].clock) == (far, ClockFit.ABSURD)


def test_what_is_told_again_since_the_answer_was_lost_is_counted(watch):
    watch.tell(TAMPER, NOON, "lid")
    watch.room.clock.advance(days=2)
    event = watch.tell(TAMPER, NOON, "lid")
    assert [(one.times, one.at, one.last_received_at) for one in watch.kept()] == [(2, NOON, watch.room.clock.now)]
    assert event.id == 1
    assert watch.room.acts().count("station:security-event") == 1


def test_another_detail_or_another_station_is_another_event(watch):
    watch.tell("MaintenanceLoginFailed", NOON, "user anna")
    watch.tell("MaintenanceLoginFailed", NOON, "user bert")
    watch.tell("MaintenanceLoginFailed", NOON, "user bert", station="CS-2")
    assert [one.times for one in watch.kept()] == [1, 1, 1]


def test_a_burst_is_one_row_that_counts(watch):
    for second in range(200):
        watch.tell("InvalidMessages", NOON + timedelta(seconds=second))
        watch.room.clock.advance(seconds=1)
    (event,) = watch.kept()
    assert (event.times, event.at, event.last_at) == (200, NOON, NOON + timedelta(seconds=199))
    assert event.last_received_at == NOON + timedelta(seconds=199)


def test_a_queue_from_days_offline_keeps_each_day(watch):
    """They come within a second, and happened days apart."""
    for day in (5, 4, 3):
        watch.tell(TAMPER, NOON - timedelta(days=day))
    assert [one.at for one in watch.kept()] == [NOON - timedelta(days=day) for day in (3, 4, 5)]


def test_the_same_an_hour_later_is_a_new_event(watch):
    watch.tell("InvalidMessages")
    watch.room.clock.advance(minutes=61)
    watch.tell("InvalidMessages")
    assert [one.times for one in watch.kept()] == [1, 1]


def test_one_type_with_ever_new_details_is_bounded(watch):
    for number in range(60):
        watch.tell("InvalidMessages", info=f"message {number}")
    kept = watch.kept()
    assert len(kept) == 10
    assert sum(one.times for one in kept) == 60


def test_ever_new_types_are_bounded(watch):
    for number in range(60):
        watch.tell(f"Vendor{number}")
    kept = watch.kept()
    assert len(kept) == 10
    assert sum(one.times for one in kept) == 60


def test_no_flood_hides_an_event_of_another_type(watch):
    for number in range(60):
        watch.tell(f"Vendor{number}", info=str(number))
        watch.tell("InvalidMessages", info=str(number))
    watch.tell(TAMPER)
    assert [one.type for one in watch.kept(1)] == [TAMPER]
    assert watch.raised() == [(f"CS-1 {TAMPER}", Severity.CRITICAL, 1)]


def test_what_one_station_adds_in_an_hour_is_bounded(watch):
    for number in range(12):
        for name in (*SEVERITY, f"Vendor{number}"):
            watch.tell(name, info=str(number))
    assert len(watch.kept()) == 10 * (len(SEVERITY) + 1)
    assert len(watch.raised()) == len(ALARMING)


def test_an_alarm_is_raised_once_for_each_station_and_type(watch):
    for info in ("lid", "door", "lid"):
        watch.tell(TAMPER, info=info)
    watch.tell(TAMPER, station="CS-2")
    assert watch.raised() == [(f"CS-1 {TAMPER}", Severity.CRITICAL, 2), (f"CS-2 {TAMPER}", Severity.CRITICAL, 1)]
    assert watch.alarms.open_of(AlarmKind.SECURITY_EVENT)[0].sentence == f"station 'CS-1' reports {TAMPER}: door"


def test_when_many_stations_say_the_same_they_share_an_alarm(watch):
    """A root that ends makes a whole fleet tell the same: a person needs to see it once."""
    for number in range(50):
        watch.tell("InvalidCsmsCertificate", station=f"CS-{number}")
    raised = watch.raised()
    assert len(raised) == 21
    assert raised[-1] == ("InvalidCsmsCertificate", Severity.WARNING, 30)
    watch.tell("InvalidTLSVersion", station="CS-1")
    assert len(watch.raised()) == 22


def test_a_nul_character_is_no_reason_to_lose_an_event(watch):
    """PostgreSQL keeps none."""
    event = watch.tell("Vendor\0Thing", info="a\0b")
    assert "\0" not in event.type + event.told + event.tech_info


def test_the_filter_narrows(watch):
    watch.tell(TAMPER)
    watch.tell("InvalidChargePointCertificate", station="CS-2")
    watch.room.clock.advance(hours=2)
    watch.tell("Vendor")

    def types(**wanted):
        return [one.type for one in watch.events.page(EventFilter(**wanted), None, 10)]

    assert types(station="CS-2") == ["InvalidChargingStationCertificate"]
    assert types(severity=EventSeverity.UNKNOWN) == ["Vendor"]
    assert types(type="InvalidChargePoint Certificate") == ["InvalidChargingStationCertificate"]
    assert types(since=NOON + timedelta(hours=1)) == ["Vendor"]


def test_reads_newest_first_page_by_page(watch):
    for station in ("CS-1", "CS-2", "CS-1"):
        watch.tell("X", station=station)
        watch.room.clock.advance(hours=2)
    assert [(one.id, one.station) for one in watch.events.page(ALL, None, 2)] == [(3, "CS-1"), (2, "CS-2")]
    assert [one.id for one in watch.events.page(EventFilter(station="CS-1"), 3, 2)] == [1]
