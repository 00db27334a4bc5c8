import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from csms_bridge.fleet import Changes
from csms_bridge.station import SecurityProfile, Station
from pki.alarms import Alarm, AlarmKind, Severity
from web.api.stream import _LIMIT, SentAlready, next_look

NOW = datetime(2026, 3, 1, tzinfo=UTC)
STATION = Station(
    id="CS-1",
    serial="SN-1",
    ocpp_version=None,
    profile=None,
    floor=SecurityProfile.BASIC,
    wanted_profile=SecurityProfile.BASIC,
    online=False,
    hold=None,
    charging=False,
    last_seen=None,
    connected_at=None,
    vendor="",
    model="",
    firmware="",
    site="",
    tags=(),
    quiet=False,
    updated_at=NOW,
)


def changes(*stations: Station) -> Changes:
    return Changes(stations, (), NOW)


def test_each_version_goes_out_once() -> None:
    sent = SentAlready()
    assert len(sent.fresh(changes(STATION))) == 1
    assert sent.fresh(changes(STATION)) == []
    moved = replace(STATION, online=True, updated_at=NOW + timedelta(seconds=1))
    assert len(sent.fresh(changes(moved))) == 1


def test_an_event_is_named_and_one_line_of_json() -> None:
    (text,) = SentAlready().fresh(changes(replace(STATION, site="two\nlines")))
    name, data, *end = text.split("\n")
    assert (name, end) == ("event: stations", ["", ""])
    assert json.loads(data.removeprefix("data: "))[0]["id"] == "CS-1"


def test_looks_overlap_because_changes_are_stamped_before_they_are_committed() -> None:
    assert next_look(changes(STATION), NOW) < NOW


def test_a_full_look_goes_on_where_it_ended() -> None:
    many = [replace(STATION, id=str(n), updated_at=NOW - timedelta(seconds=_LIMIT - n)) for n in range(_LIMIT)]
    assert next_look(changes(*many), NOW) == many[-1].updated_at


def test_memory_is_bounded() -> None:
    sent = SentAlready()
    for number in range(20 * _LIMIT + 50):
        sent.fresh(changes(replace(STATION, id=str(number), updated_at=NOW + timedelta(seconds=number))))
    assert len(sent._versions) < 20 * _LIMIT


def test_alarms_go_out_when_raised_repeated_and_cleared() -> None:
    sent = SentAlready()
    alarm = Alarm(7, AlarmKind.CRL_LATE, Severity.WARNING, "stations", "late", NOW, NOW, 1, None, None)
    (text,) = sent.fresh(changes(), [alarm])
    assert text.startswith("event: alarms\ndata: [{")
    assert sent.fresh(changes(), [alarm]) == []
    again = replace(alarm, repeated_at=NOW + timedelta(seconds=5), times=2)
    cleared = replace(again, cleared_at=NOW + timedelta(seconds=9), cleared_by="user:ada")
    assert [json.loads(text.split("data: ")[1])[0]["times"] for text in sent.fresh(changes(), [again])] == [2]
    assert len(sent.fresh(changes(), [cleared])) == 1
