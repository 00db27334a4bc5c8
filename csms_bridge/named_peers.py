"""Peers named in the settings by address or network: load balancers and TLS edges whose word counts. Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


class NamedPeers:
    """The networks whose members are believed."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = tuple(networks)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def holds(self, address: str) -> bool:
        """Whether this address is one of them; text that is no address is not."""
        if not self._networks:
            return False
        known = address_in(address)
        return known is not None and any(known in network for network in self._networks)


def address_in(text: str) -> IPv4Address | IPv6Address | None:
    """The address in a text, IPv4 as such even when a socket for both spells it `::ffff:…`; None when it is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
