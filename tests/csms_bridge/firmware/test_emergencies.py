"""Older firmware only in an emergency that two others agreed to; and who runs which version."""

from datetime import timedelta

import pytest

from csms_bridge.errors import EmergencyRefused, FirmwareNotNow, UnknownEmergency
from csms_bridge.firmware.asking import NewUpdate
from tests.csms_bridge.firmware.conftest import URL

DAY = timedelta(days=1)


@pytest.fixture
def old(works):
    """An older release than the station runs."""
    works.boot(firmware="3.0.0")
    works.emergencies = works.made.emergencies
    return works.sign().id


def install(works, firmware):
    return works.updates.ask("CS-1", NewUpdate(firmware, location=URL), "user:anna")


def test_two_others_open_a_way_back(works, old):
    asked = works.emergencies.ask(old, "3.0.0 does not charge", DAY, "user:anna")
    assert (asked.state, asked.missing) == ("asked", 2)
    for person, missing in (("user:ben", 1), ("user:ben", 1)):
        assert works.emergencies.approve(asked.id, person).missing == missing
        with pytest.raises(FirmwareNotNow, match="older than"):
            install(works, old)
    assert works.emergencies.approve(asked.id, "token:x", "user:carl").state == "open"
    assert install(works, old).state.value == "queued"
    acts = [one.act for one in _records(works, old)]
    assert acts.count("firmware:emergency-approved") == 2
    assert "firmware:emergency-asked" in acts


def test_whoever_asked_never_agrees_not_with_a_token_either(works, old):
    asked = works.emergencies.ask(old, "broken", DAY, "token:mine", "user:anna")
    for by, person in (("token:mine", "user:anna"), ("user:anna", ""), ("token:other", "user:anna")):
        with pytest.raises(EmergencyRefused, match="never approves"):
            works.emergencies.approve(asked.id, by, person)


def test_it_is_over_with_its_time_and_when_it_is_withdrawn(works, old):
    first = works.emergencies.ask(old, "broken", DAY, "user:anna")
    second = works.emergencies.ask(old, "broken", DAY, "user:anna")
    for emergency in (first, second):
        works.emergencies.approve(emergency.id, "user:ben")
        works.emergencies.approve(emergency.id, "user:carl")
    works.emergencies.withdraw(first.id, "mended", "user:anna")
    assert [one.state for one in works.emergencies.page(old)] == ["open", "withdrawn"]
    works.room.clock.advance(days=2)
    with pytest.raises(FirmwareNotNow):
        install(works, old)
    for emergency in (first, second):
        with pytest.raises(EmergencyRefused, match="is over"):
            works.emergencies.approve(emergency.id, "user:dora")


def test_it_is_for_one_release(works, old):
    other = works.sign("2.5.0", b"another").id
    asked = works.emergencies.ask(other, "broken", DAY, "user:anna")
    works.emergencies.approve(asked.id, "user:ben")
    works.emergencies.approve(asked.id, "user:carl")
    with pytest.raises(FirmwareNotNow):
        install(works, old)


@pytest.mark.parametrize(("reason", "life"), [("", DAY), ("x", timedelta(days=8)), ("x", timedelta(0))])
def test_it_needs_a_reason_and_an_end(works, old, reason, life):
    with pytest.raises(EmergencyRefused):
        works.emergencies.ask(old, reason, life, "user:anna")
    with pytest.raises(UnknownEmergency):
        works.emergencies.approve(77, "user:ben")


def test_who_runs_which_version(works, old):
    works.station("CS-2", "V2.0")
    works.station("CS-3", "2.0.0")
    versions = works.made.versions
    signed = works.room.authority.firmware(old)
    told = {one.version: (one.stations, one.online, one.firmware) for one in versions.of_fleet()}
    assert told == {"3.0.0": (1, 1, ""), "V2.0": (1, 1, old), "2.0.0": (1, 1, old)}
    assert [one.station for one in versions.runners(signed, None, 10)] == ["CS-2", "CS-3"]
    assert [one.station for one in versions.runners(signed, "CS-2", 10)] == ["CS-3"]
    assert versions.counts(signed) == (2, {})


async def test_the_update_that_brought_it_is_named(works):
    works.updates.ask("CS-1", NewUpdate(works.sign().id, location=URL), "user:anna")
    works.updates.cancel("CS-1", 1, "no", "user:anna")
    signed = works.sign()
    assert works.made.versions.counts(signed) == (0, {"cancelled": 1})
    works.boot()
    assert [one.update for one in works.made.versions.runners(signed, None, 10)] == [None]


def _records(works, firmware):
    with works.room.store.reading() as session:
        return works.room.trail.records(session, kind="firmware", thing=firmware, limit=100)
