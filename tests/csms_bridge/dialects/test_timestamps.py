from datetime import UTC, datetime

import pytest

from csms_bridge.dialects.timestamps import stamp_of
from csms_bridge.posture.clock_offset import Stamp

TEXT, AT = "2026-03-02T12:00:00.000Z", datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("action", "payload", "may_wait"),
    [
        ("StatusNotification", {"timestamp": TEXT}, False),
        ("NotifyReport", {"generatedAt": TEXT}, False),
        ("SecurityEventNotification", {"timestamp": TEXT}, True),
        ("StartTransaction", {"timestamp": TEXT}, True),
        ("TransactionEvent", {"timestamp": TEXT, "offline": False}, True),
        ("MeterValues", {"meterValue": [{"timestamp": "2026-03-02T11:00:00Z"}, {"timestamp": TEXT}]}, True),
    ],
)
def test_reads_the_stations_time(action, payload, may_wait):
    assert stamp_of(action, payload) == Stamp(AT, may_wait)


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("BootNotification", {"timestamp": TEXT}),
        ("Heartbeat", {}),
        ("StatusNotification", {}),
        ("StatusNotification", {"timestamp": "yesterday"}),
        ("StatusNotification", {"timestamp": 12}),
        ("TransactionEvent", {"timestamp": TEXT, "offline": True}),
        ("MeterValues", {"meterValue": []}),
        ("MeterValues", {"meterValue": ["x"]}),
        ("MeterValues", {}),
    ],
)
def test_other_messages_tell_none(action, payload):
    assert stamp_of(action, payload) is None
