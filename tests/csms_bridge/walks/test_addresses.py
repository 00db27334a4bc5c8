"""A maker's own key for the address (1.6): what is kept of it, and what is written back."""

import pytest

from csms_bridge.quirks.quirks import Quirks
from csms_bridge.station import SecurityProfile
from csms_bridge.walks.addresses import address_for, is_address, old_address, written

_, BASIC, TLS, _ = SecurityProfile
OURS = "wss://csms.example:8887/ocpp"


@pytest.mark.parametrize("text", ["ws://old.example/ocpp/", "wss://[::1]:8887/x", "ws://a/" + "x" * 492])
def test_an_address_that_a_station_told_is_kept(text):
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "old.example/ocpp",
        "http://old.example",
        "ws://",
        "ws://user:secret@old.example/",
        "wss://[::1",
        "ws://a/\nb",
        "ws://a/" + "x" * 494,
    ],
)
def test_what_is_no_address_or_holds_a_password_is_not_kept(text):
    """Facts of a walk are shown and journaled; ChangeConfiguration has room for 500 characters."""
    assert not is_address(text)


def test_below_tls_the_same_port_is_met_in_plain():
    assert address_for(OURS, BASIC) == "ws://csms.example:8887/ocpp"
    assert address_for(OURS, TLS) == OURS


def test_the_address_is_written_as_such_stations_hold_it():
    assert written(Quirks(url_value="{url}/"), OURS, "CS-1") == f"{OURS}/"
    assert written(Quirks(), OURS, "CS-1") == f"{OURS}/CS-1"


def test_the_old_address_goes_back_as_it_was_told():
    assert old_address({"old_url": "ws://old/"}, Quirks(), OURS, BASIC, "CS-1") == "ws://old/"


def test_one_that_was_not_told_becomes_the_way_that_works_on_the_old_profile():
    assert old_address({}, Quirks(), OURS, BASIC, "CS-1") == "ws://csms.example:8887/ocpp/CS-1"
