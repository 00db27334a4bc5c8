"""A station's story, read aloud."""

from datetime import timedelta

import pytest

from csms_bridge.acts import FleetAct
from csms_bridge.station import AdmissionRecord, SecurityProfile, TimelineEntry
from csms_bridge.timeline import timeline_of
from pki.audit import AuditRecord
from tests.csms_bridge.room import NOON


def record(act: str, reason: str = "", minutes: int = 0, **details: object) -> AuditRecord:
    at = NOON + timedelta(minutes=minutes)
    return AuditRecord(
        id=1, writer="test", sequence=1, at=at, by="user:anna", act=act, kind="station", thing="CS-1", reason=reason,
        details=details,
    )  # fmt: skip


def admission(admitted: bool, minutes: int = 0) -> AdmissionRecord:
    at = NOON + timedelta(minutes=minutes)
    return AdmissionRecord(at, "192.0.2.7", False, admitted, SecurityProfile.BASIC if admitted else None, "why")


@pytest.mark.parametrize("act", FleetAct)
def test_every_act_has_words_even_without_details(act):
    """Older records may lack a detail that a newer sentence names."""
    [line] = timeline_of([record(act)], [])
    assert line.text
    assert line.text != act.value
    assert "{" not in line.text
    assert line.text == " ".join(line.text.split())


def test_an_act_of_a_later_version_is_told_by_its_name():
    assert timeline_of([record("station:teleported")], [])[0].text == "station:teleported"


def test_tells_the_details():
    entry = timeline_of([record(FleetAct.STATION_SEEN, profile=2)], [])[0]
    assert entry == TimelineEntry(NOON, "station:seen-on-profile", "seen on profile 2", "user:anna")


def test_tells_the_reason_once():
    assert timeline_of([record(FleetAct.WALK_HELD, "it fell back", walk="w1")], [])[0].text == (
        "walk w1 on hold — it fell back"
    )
    step = record(FleetAct.WALK_STEP, "it fell back", step="see it", state="held", note="it fell back")
    assert timeline_of([step], [])[0].text == "see it: held it fell back"


def test_tells_the_newest_first():
    records = [record(FleetAct.STATION_ADDED, minutes=0), record(FleetAct.STATION_BOOTED, minutes=2)]
    told = timeline_of(records, [admission(True, minutes=1)])
    assert [entry.at for entry in told] == [NOON + timedelta(minutes=m) for m in (2, 1, 0)]


def test_tells_of_connections_that_were_let_in():
    [line] = timeline_of([], [admission(True)])
    assert (line.what, line.text) == ("admitted", "connected from 192.0.2.7: why")


def test_leaves_refusals_to_the_audit_trail():
    """They are on it already, and would be told twice."""
    assert timeline_of([], [admission(False)]) == []
