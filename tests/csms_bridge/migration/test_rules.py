"""Did it come back well? Each way not to, each thing that is waited for, and when a campaign stops."""

from dataclasses import replace
from datetime import timedelta

import pytest

from csms_bridge.migration.rules import Criteria, Expected, RollBack, Seen, Tally, judge, why_stop
from csms_bridge.migration.states import MigrationState
from csms_bridge.password_rotations import RotationState
from csms_bridge.station import OcppVersion, SecurityProfile
from tests.csms_bridge.room import NOON

V16, V201, V21 = OcppVersion
BASIC, TLS, MUTUAL = SecurityProfile.BASIC, SecurityProfile.TLS_BASIC, SecurityProfile.MUTUAL_TLS
_, EXPECTED, ARRIVED, WELL, FAILED, _ = MigrationState
HOUR = timedelta(hours=1)
ANNOUNCED = Expected(V16, V201, "SN-1", TLS, "1.0", NOON + HOUR)
BEFORE = Seen(V16, came=False, booted=False, accepted=True, profile=TLS, firmware="1.0")
THERE = Seen(V201, came=True, booted=True, accepted=True, profile=TLS, firmware="2.0", boot_serial="SN-1")
ROTATED = replace(THERE, rotation=RotationState.ROTATED)


def state(seen: Seen, after: timedelta = timedelta(), announced: Expected = ANNOUNCED) -> MigrationState:
    return judge(announced, seen, NOON + after).state


def test_it_is_waited_for_as_long_as_was_said() -> None:
    assert state(BEFORE) is EXPECTED
    assert state(BEFORE, HOUR) is EXPECTED
    assert state(BEFORE, 2 * HOUR) is FAILED


def test_a_reconnection_with_the_old_firmware_is_no_failure_yet() -> None:
    """It may have been cut off, or restarts before it installs (L01)."""
    assert state(replace(BEFORE, came=True)) is EXPECTED
    assert state(replace(BEFORE, came=True, booted=True)) is EXPECTED


def test_a_new_firmware_that_speaks_the_old_version_has_failed() -> None:
    found = judge(ANNOUNCED, replace(BEFORE, came=True, booted=True, firmware="1.1"), NOON)
    assert (found.state, found.reason) == (FAILED, "it came back on OCPP 1.6, with the firmware '1.1'")


def test_another_version_than_the_expected_has_failed() -> None:
    assert state(replace(THERE, version=V21)) is FAILED


def test_it_is_well_when_everything_was_seen() -> None:
    assert state(ROTATED) is WELL
    assert state(ROTATED, 2 * HOUR) is WELL  # a round that came late changes nothing


def test_it_must_be_the_station_that_it_was() -> None:
    found = judge(ANNOUNCED, replace(ROTATED, boot_serial="SN-9"), NOON)
    assert (found.state, found.reason) == (FAILED, "it says another serial number: 'SN-9'")
    assert state(replace(ROTATED, boot_serial="")) is WELL  # serial numbers are optional in BootNotification


def test_it_must_be_no_lower_than_it_was() -> None:
    assert state(replace(ROTATED, profile=BASIC)) is FAILED
    assert state(replace(THERE, profile=MUTUAL)) is WELL
    lenient = replace(ANNOUNCED, criteria=Criteria(keeps_profile=False))
    assert state(replace(ROTATED, profile=BASIC), announced=lenient) is WELL


def test_it_must_have_been_accepted_after_a_boot() -> None:
    for seen in (replace(ROTATED, accepted=False), replace(ROTATED, booted=False)):
        assert state(seen) is ARRIVED
        assert state(seen, 2 * HOUR) is FAILED
    assert (
        state(replace(ROTATED, booted=False), announced=replace(ANNOUNCED, criteria=Criteria(accepted=False))) is WELL
    )


def test_its_password_gets_the_new_form_once() -> None:
    """1.6 is given hexadecimal (white paper ed. 3 A00.FR.205), 2.x text (2.0.1 A00.FR.204)."""
    asked = judge(ANNOUNCED, THERE, NOON)
    assert (asked.state, asked.rotate) == (ARRIVED, True)
    under_way = judge(ANNOUNCED, replace(THERE, rotation=RotationState.SENT), NOON)
    assert (under_way.state, under_way.rotate) == (ARRIVED, False)
    assert state(replace(THERE, rotation=RotationState.FAILED)) is FAILED
    assert state(replace(THERE, rotation=RotationState.SENT), 2 * HOUR) is FAILED


@pytest.mark.parametrize(
    "announced",
    [
        replace(ANNOUNCED, old=V201, new=V21),
        replace(ANNOUNCED, profile=MUTUAL),
        replace(ANNOUNCED, criteria=Criteria(new_password=False)),
    ],
)
def test_who_has_no_password_of_the_old_form_needs_no_new_one(announced: Expected) -> None:
    profile = announced.profile
    assert state(replace(THERE, version=announced.new, profile=profile), announced=announced) is WELL


@pytest.mark.parametrize(
    ("tally", "when", "stops"),
    [
        (Tally(well=9, failed=0), RollBack(), False),
        (Tally(well=9, failed=1), RollBack(), True),
        (Tally(well=9, failed=1), RollBack(failures=2), False),
        (Tally(well=9, failed=1), RollBack(failures=None, per_cent=10), False),
        (Tally(well=8, failed=2), RollBack(failures=None, per_cent=10), True),
        (Tally(well=1, failed=2), RollBack(failures=None, per_cent=10), False),
        (Tally(well=0, failed=5), RollBack(failures=None), False),
    ],
)
def test_when_a_campaign_stops(tally: Tally, when: RollBack, stops: bool) -> None:
    assert bool(why_stop(tally, when)) is stops
