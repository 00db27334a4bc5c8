"""Which addresses a station may have us call: it is the station that names the responder. Pure.

Unless the operator lists more, only the public Internet is reached, and of its low ports only 80 and 443: a station
must not look into our own network, nor speak to other services, through us (CWE-918).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from csms_bridge.errors import StatusUnavailable

PUBLIC = "public"
LONGEST_URL = 2000  # `responderURL` and `urls` of OCPP 2.1; 2.0.1 has 512
_WEB_PORTS = {"http": 80, "https": 443}
_FIRST_HIGH_PORT = 1024

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. `host` is lower-case ASCII without brackets, `path` has the query with it."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What goes into the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _WEB_PORTS[self.scheme] else f"{host}:{self.port}"

    def at(self, address: Address) -> str:
        """The same place by its address, so that nobody looks the name up a second time."""
        host = f"[{address}]" if address.version == 6 else str(address)
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def read_target(url: str) -> Target:
    """Take a station's URL apart. Raises StatusUnavailable when it is none that we would call."""
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise refused_url("it is not a URL of up to 2000 printable ASCII characters")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise refused_url("it cannot be read") from None
    if parts.scheme not in _WEB_PORTS:
        raise refused_url("only http and https are called")
    if not host or "@" in parts.netloc or "%" in host:
        raise refused_url("it must name a host, and no user")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, _WEB_PORTS[parts.scheme] if port is None else port, path)


@dataclass(frozen=True, slots=True)
class AllowList:
    """Where certificate status may be asked. `public`: at every public address; `names`: at the public addresses of
    these hosts (a leading dot stands for all below); `networks`: at these addresses, private ones too."""

    public: bool
    names: frozenset[str]
    networks: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def of(cls, entries: Sequence[str]) -> "AllowList":
        """From the operator's list: `public`, host names, `.domain`, addresses and networks. Raises ValueError."""
        names, networks = set(), []
        for entry in (entry.strip().lower() for entry in entries):
            if network := _network(entry):
                networks.append(network)
            elif entry != PUBLIC:
                names.add(_host_name(entry))
        return cls(PUBLIC in {entry.strip().lower() for entry in entries}, frozenset(names), tuple(networks))

    def permits(self, target: Target, address: Address) -> bool:
        """Whether `target` may be called at `address`, one of those that its name stands for."""
        plain = getattr(address, "ipv4_mapped", None) or address
        if any(plain in network for network in self.networks):
            return True
        ordinary = target.port in _WEB_PORTS.values() or target.port >= _FIRST_HIGH_PORT
        return is_public(address) and ordinary and (self.public or self._names(target.host))

    def _names(self, host: str) -> bool:
        labels = host.split(".")
        above = {"." + ".".join(labels[index:]) for index in range(1, len(labels))}
        return host in self.names or not above.isdisjoint(self.names)


def is_public(address: Address) -> bool:
    """Whether anybody may reach it: no private, loopback, link-local, shared, reserved or multicast address.

    Nor an IPv6 address that stands for an IPv4 one: mapped (RFC 4291 §2.5.5.2), 6to4 (deprecated by RFC 7526), Teredo
    (RFC 4380). Those of NAT64 (RFC 6052) count as reserved: an operator who needs them lists 64:ff9b::/96.
    """
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    return isinstance(address, IPv4Address) or not (address.ipv4_mapped or address.sixtofour or address.teredo)


def parsed(text: str) -> Address | None:
    """The address that a text spells, without a zone; None when it spells none."""
    try:
        return ip_address(text.split("%", 1)[0])
    except ValueError:
        return None


def refused_url(why: str) -> StatusUnavailable:
    """The station's URL is not called."""
    return StatusUnavailable("InvalidURL", f"the responder's URL is not called: {why}")


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(entry)
    except ValueError:
        if "/" in entry or entry.replace(".", "").isdigit():
            raise
        return None


def _host_name(entry: str) -> str:
    bare = entry.removeprefix(".")
    if not bare or not bare.isascii() or not all(part.replace("-", "").isalnum() for part in bare.split(".")):
        raise ValueError(f"{entry!r} is no host name, address or network, and not {PUBLIC!r}")
    return entry
