"""The station's rules about profiles and slots."""

from __future__ import annotations

from dataclasses import replace

import pytest

from csms_bridge.simulator.slots import (
    NetworkProfile,
    ProfileRefused,
    Reason,
    Standing,
    check_profile,
    check_raise,
    check_slot,
    drop_lower,
    factory_slot,
    read_priority,
    slot_from_connection_data,
)

READY = Standing(profile=1, has_password=True, has_root=True, has_certificate=True)
PLAIN = factory_slot("ws://csms/ocpp", 1)
TLS = factory_slot("wss://csms/ocpp", 2)
MUTUAL = factory_slot("wss://csms/ocpp", 3)


def reason(check: object, *arguments: object) -> Reason:
    assert callable(check)
    with pytest.raises(ProfileRefused) as caught:
        check(*arguments)
    return caught.value.reason


@pytest.mark.parametrize("wanted", [0, 1])
def test_raise_refuses_the_present_profile_and_below(wanted: int) -> None:
    """WP3 A05.FR.01."""
    assert reason(check_raise, wanted, READY) is Reason.NO_SECURITY_DOWNGRADE


@pytest.mark.parametrize("wanted", [2, 3])
def test_raise_takes_a_higher_profile(wanted: int) -> None:
    check_raise(wanted, READY)


def test_raise_refuses_a_profile_that_does_not_exist() -> None:
    assert reason(check_raise, 4, READY) is Reason.INVALID_NETWORK_CONF


def test_basic_needs_a_password() -> None:
    """WP3 A05.FR.02."""
    start = replace(READY, profile=0, has_password=False)
    assert reason(check_raise, 1, start) is Reason.INVALID_NETWORK_CONF
    check_raise(3, start)


@pytest.mark.parametrize("wanted", [2, 3])
def test_tls_needs_a_csms_root(wanted: int) -> None:
    """WP3 A05.FR.03; 2.x A05.FR.02."""
    assert reason(check_profile, wanted, replace(READY, has_root=False)) is Reason.INVALID_NETWORK_CONF


def test_mutual_tls_needs_a_station_certificate() -> None:
    """WP3 A05.FR.04; 2.x A05.FR.03."""
    assert reason(check_profile, 3, replace(READY, has_certificate=False)) is Reason.INVALID_NETWORK_CONF


def test_slot_refuses_a_lower_profile() -> None:
    """2.x B09.FR.04."""
    assert reason(check_slot, PLAIN, replace(READY, profile=2)) is Reason.NO_SECURITY_DOWNGRADE


def test_downgrade_only_from_3_to_2_and_only_when_allowed() -> None:
    """2.0.1 errata 2025-01, 2.1: A05.FR.08."""
    high = replace(READY, profile=3)
    assert reason(check_slot, TLS, high) is Reason.NO_SECURITY_DOWNGRADE
    check_slot(TLS, replace(high, may_step_down=True))
    assert reason(check_slot, PLAIN, replace(high, may_step_down=True)) is Reason.NO_SECURITY_DOWNGRADE


@pytest.mark.parametrize(
    "slot",
    [
        TLS.with_value("OcppCsmsUrl", "ws://csms/ocpp"),
        PLAIN.with_value("OcppCsmsUrl", "wss://csms/ocpp"),
        TLS.with_value("OcppTransport", "SOAP"),
        NetworkProfile.blank(),
        NetworkProfile.blank().with_value("OcppCsmsUrl", "wss://csms/ocpp"),
    ],
    ids=["ws with TLS", "wss without TLS", "SOAP", "empty", "no profile"],
)
def test_slot_refuses_what_does_not_fit_together(slot: NetworkProfile) -> None:
    """2.x B09.FR.02."""
    assert reason(check_slot, slot, READY) is Reason.INVALID_NETWORK_CONF


def test_slot_may_bring_its_own_password() -> None:
    bare = replace(READY, has_password=False)
    assert reason(check_slot, TLS, bare) is Reason.INVALID_NETWORK_CONF
    check_slot(TLS.with_value("BasicAuthPassword", "sixteen-or-more!"), bare)


def test_factory_slot_takes_the_scheme_of_its_profile() -> None:
    assert [factory_slot("ws://csms:8887/ocpp", profile).url for profile in (1, 2)] == [
        "ws://csms:8887/ocpp",
        "wss://csms:8887/ocpp",
    ]


def test_priority_lists_each_slot_once() -> None:
    assert read_priority("2, 1,2", {1: PLAIN, 2: TLS}, (1, 2), READY) == (2, 1)


def test_priority_refuses_an_unknown_slot() -> None:
    """2.x B09.FR.05."""
    assert reason(read_priority, "3,1", {1: PLAIN}, (1, 2), READY) is Reason.INVALID_CONF_SLOT


def test_priority_refuses_a_slot_nobody_filled() -> None:
    """2.x B10.FR.02."""
    assert reason(read_priority, "2,1", {1: PLAIN}, (1, 2), READY) is Reason.INVALID_NETWORK_CONF


@pytest.mark.parametrize("text", ["", "one", "1,,2", "-1"])
def test_priority_refuses_text_that_is_no_list(text: str) -> None:
    assert reason(read_priority, text, {1: PLAIN}, (1, 2), READY) is Reason.INVALID_NETWORK_CONF


def test_slots_below_the_profile_reached_are_dropped() -> None:
    """2.x A05.FR.06."""
    assert drop_lower({1: PLAIN, 2: TLS, 3: MUTUAL}, 3, may_step_down=False) == {3: MUTUAL}
    assert drop_lower({1: PLAIN, 2: TLS, 3: MUTUAL}, 3, may_step_down=True) == {2: TLS, 3: MUTUAL}


def test_connection_data_becomes_a_slot() -> None:
    slot = slot_from_connection_data(
        {
            "ocppVersion": "OCPP20",
            "ocppTransport": "JSON",
            "ocppCsmsUrl": "wss://csms/ocpp",
            "messageTimeout": 30,
            "securityProfile": 2,
            "ocppInterface": "Wired0",
        }
    )
    assert (slot.url, slot.profile) == ("wss://csms/ocpp", 2)
    assert slot.values["VpnEnabled"] == "false"
