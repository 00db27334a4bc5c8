from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from csms_bridge.posture.differences import DifferenceKind, Known, differences_of, in_words
from csms_bridge.posture.subjects import Subject
from csms_bridge.station import OcppVersion, SecurityProfile, Station

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BASIC, TLS, MUTUAL = SecurityProfile.BASIC, SecurityProfile.TLS_BASIC, SecurityProfile.MUTUAL_TLS


def known(configured: dict[Subject, str] | None = None, **changes: object) -> Known:
    about = {field: changes.pop(field) for field in list(changes) if field in Station.__dataclass_fields__}
    station = Station(
        id="CS-1", serial="SN-1", ocpp_version=OcppVersion.V16, profile=BASIC, floor=BASIC, wanted_profile=BASIC,
        online=True, hold=None, charging=False, last_seen=NOON, connected_at=NOON, vendor="V", model="M",
        firmware="1", site="", tags=(), quiet=False, updated_at=NOON,
    )  # fmt: skip
    told = Known(replace(station, **about), "Acme", timedelta(minutes=5), configured=configured or {})
    return replace(told, **changes)


def kinds(told: Known) -> list[DifferenceKind]:
    return [difference.kind for difference in differences_of(told)]


def test_a_station_that_says_nothing_differs_in_nothing():
    assert kinds(known()) == []


def test_a_station_as_it_should_be_differs_in_nothing():
    told = {
        Subject.PROFILE: "3", Subject.OPERATOR: "Acme", Subject.IDENTITY: "CS-1", Subject.LONGEST_CHAIN: "10000",
        Subject.TRANSFER: "FTP,HTTPS", Subject.DOWNGRADE: "false", Subject.PRIORITY: "2",
    }  # fmt: skip
    station = known(
        told, profile=MUTUAL, floor=MUTUAL, wanted_profile=MUTUAL, boot_serial="SN-1", cipher="TLS_AES_128_GCM_SHA256",
        room_for_roots=4, slots={2: "3"}, chain_length=2641, extension=True, clock_offset=timedelta(minutes=-5),
    )  # fmt: skip
    assert kinds(station) == []


@pytest.mark.parametrize(
    ("kind", "told", "words"),
    [
        (DifferenceKind.PROFILE_CONFIGURED, known({Subject.PROFILE: "2"}), "security profile '2'"),
        (DifferenceKind.PROFILE_CONFIGURED, known({Subject.PROFILE: "high"}), "connected on profile 1"),
        (DifferenceKind.PROFILE_WANTED, known(wanted_profile=MUTUAL), "profile 3 is wanted"),
        (DifferenceKind.NO_EXTENSION, known(extension=False), "no security extension"),
        (DifferenceKind.OPERATOR, known({Subject.OPERATOR: "Other"}), "'Other'"),
        (DifferenceKind.OPERATOR, known({Subject.OPERATOR: ""}), "is empty"),
        (DifferenceKind.IDENTITY, known({Subject.IDENTITY: "CS-2"}), "'CS-2'"),
        (DifferenceKind.SERIAL, known(boot_serial="SN-2"), "'SN-2'"),
        (DifferenceKind.CHAIN, known({Subject.LONGEST_CHAIN: "2000"}, chain_length=2641), "has 2641"),
        (DifferenceKind.CHAIN, known({Subject.LONGEST_CHAIN: "2000"}), "advises 5600"),
        (DifferenceKind.ROOTS, known(room_for_roots=1), "room for one root certificate only"),
        (DifferenceKind.TRANSFER, known({Subject.TRANSFER: "FTP, SFTP"}), "FTP, SFTP only"),
        (DifferenceKind.REVEALS, known(reveals=("AuthorizationKey",)), "AuthorizationKey"),
        (DifferenceKind.CLOCK, known(clock_offset=timedelta(hours=-3, minutes=-20)), "3 h 20 min behind"),
        (DifferenceKind.CIPHER, known(cipher="AES128-GCM-SHA256", profile=TLS), "no forward secrecy"),
        (DifferenceKind.DOWNGRADE, known({Subject.DOWNGRADE: "true"}, profile=MUTUAL, floor=MUTUAL), "3 to 2"),
        (
            DifferenceKind.OLD_SLOT,
            known({Subject.PRIORITY: "2,1"}, slots={1: "1", 2: "3"}, profile=MUTUAL, floor=MUTUAL),
            "slot 1",
        ),
    ],
)
def test_tells_what_does_not_fit_and_what_to_do(kind, told, words):
    found = {difference.kind: difference for difference in differences_of(told)}
    assert words in found[kind].sentence
    assert found[kind].next_act


@pytest.mark.parametrize("told", [{Subject.PROFILE: "2"}, {Subject.PRIORITY: "1"}])
def test_a_walk_under_way_is_no_difference(told):
    moving = known(told, wanted_profile=MUTUAL, floor=TLS, slots={1: "1"}, walking=True)
    assert kinds(moving) == []


def test_what_was_read_before_the_profile_changed_differs_in_nothing_that_a_walk_changes():
    """It is read anew soon; until then its old words would look as if it had fallen back."""
    told = {Subject.PROFILE: "1", Subject.OPERATOR: "", Subject.PRIORITY: "1"}
    arrived = known(told, profile=MUTUAL, floor=MUTUAL, wanted_profile=MUTUAL, slots={1: "1"}, read_on=BASIC)
    assert kinds(arrived) == []
    expected = {DifferenceKind.PROFILE_CONFIGURED, DifferenceKind.OLD_SLOT, DifferenceKind.OPERATOR}
    assert set(kinds(replace(arrived, read_on=MUTUAL))) == expected
    assert set(kinds(replace(arrived, read_on=None))) == expected


def test_a_station_on_hold_is_to_be_mended_first():
    (found,) = differences_of(known(wanted_profile=MUTUAL, hold="it fell back"))
    assert "it fell back" in found.next_act
    assert "voltward walk start" not in found.next_act


def test_a_serial_number_that_was_cut_off_is_the_same():
    """BootNotification has room for 25 characters (reference §8.2.9)."""
    long = "S" * 40
    assert kinds(known(serial=long, boot_serial=long[:25])) == []
    assert kinds(known(serial=long, boot_serial=long[:24])) == [DifferenceKind.SERIAL]


def test_only_1_6_lacks_the_extension_and_not_on_profile_2_or_3():
    assert kinds(known(extension=False, ocpp_version=OcppVersion.V21)) == []
    assert kinds(known(extension=False, profile=TLS)) == []


def test_every_kind_has_a_check():
    """Each difference is found for some station above; a kind without a check would stand in the report for ever."""
    marks = test_tells_what_does_not_fit_and_what_to_do.pytestmark[0]
    assert {case[0] for case in marks.args[1]} == set(DifferenceKind)


@pytest.mark.parametrize("hostile", ["9" * 5000, "-1", "٣", "\x00", "1,2"])
def test_what_is_no_number_is_no_number(hostile):
    told = known({Subject.LONGEST_CHAIN: hostile, Subject.PRIORITY: hostile}, slots={1: hostile}, floor=MUTUAL)
    assert DifferenceKind.CHAIN not in kinds(told)


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        ({"seconds": 0.3}, "exact to the second"),
        ({"seconds": 61}, "1 min 1 s ahead"),
        ({"days": -2, "hours": -3, "minutes": -4}, "2 d 3 h behind"),
    ],
)
def test_says_a_clock_in_words(offset, words):
    assert in_words(timedelta(**offset)) == words
