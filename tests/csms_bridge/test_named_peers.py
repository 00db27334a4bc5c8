"""Whose word counts."""

from ipaddress import ip_network

import pytest

from csms_bridge.named_peers import NamedPeers, address_in

PEERS = NamedPeers([ip_network("10.1.0.0/16"), ip_network("2001:db8::/64"), ip_network("192.0.2.7")])


@pytest.mark.parametrize("address", ["10.1.255.1", "2001:db8::5", "192.0.2.7", "::ffff:10.1.0.9", "2001:db8::5%eth0"])
def test_holds_its_members(address: str) -> None:
    assert PEERS.holds(address)


@pytest.mark.parametrize("address", ["10.2.0.1", "2001:db8:0:1::5", "192.0.2.8", "::10.1.0.9", "", "localhost"])
def test_holds_nobody_else(address: str) -> None:
    assert not PEERS.holds(address)


def test_is_false_when_nobody_is_named() -> None:
    assert not NamedPeers([])
    assert not NamedPeers([]).holds("10.1.0.1")


def test_writes_a_mapped_address_as_ipv4() -> None:
    assert str(address_in("::ffff:192.0.2.7")) == "192.0.2.7"
