"""Where a station dials next, and when it gives a way up (WP3 A05.FR.08; 2.x B10.FR.03, .07). Pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import quote

from csms_bridge.simulator.config import Fault, StationConfig
from csms_bridge.simulator.memory import Memory
from csms_bridge.simulator.slots import ADDRESS, TLS_PROFILE, NetworkProfile, url_for


@dataclass(frozen=True)
class Route:
    """One way to the CSMS. `url` ends in the identity; `slot` is None for 1.6."""

    url: str
    profile: int
    identity: str
    password: bytes | None
    slot: int | None = None
    content: NetworkProfile = field(default_factory=NetworkProfile, compare=False)

    def __repr__(self) -> str:
        """Leave the password out."""
        return f"Route({self.url!r}, profile={self.profile}, slot={self.slot})"


@dataclass
class Rota:
    """The ways a station tries one after the other, and how often it has tried the present one."""

    routes: tuple[Route, ...]
    position: int = 0
    attempts: int = 0

    @property
    def route(self) -> Route:
        """The way to try now."""
        return self.routes[self.position]

    def failed(self, limit: int) -> Route | None:
        """Count one failed attempt. Returns the next way when this one has used up its attempts."""
        self.attempts += 1
        if self.attempts < limit or len(self.routes) == 1:
            return None
        self.position, self.attempts = (self.position + 1) % len(self.routes), 0
        return self.route


def plan(config: StationConfig, memory: Memory, *, booting: bool) -> Rota:
    """List the ways in the order the station tries them.

    1.6: the profile it is being raised to, then the present one. 2.x: after a boot the priority list, after
    a mere loss the slot it was connected with first; the last good one closes the list.
    """
    if config.version == "1.6":
        profiles = [memory.profile] if memory.raising_to is None else [memory.raising_to, memory.profile]
        return Rota(tuple(_route_16(config, memory, profile) for profile in profiles))
    listed = [(number, memory.slots[number]) for number in memory.priority if number in memory.slots]
    last = (memory.active_slot, memory.last_good)
    ordered = [*listed, last] if booting else [last, *listed]
    return Rota(tuple(dict.fromkeys(_route_2x(config, memory, number, slot) for number, slot in ordered)))


def first_address(config: StationConfig, memory: Memory) -> str:
    """What a 1.6 station dials, without the identity: a maker's own key for the address may hold it or not."""
    own = memory.settings.get(ADDRESS, "") if config.has(Fault.URL_KEY) else ""
    return (own or config.url).rstrip("/").removesuffix(f"/{quote(config.identity, safe='')}")


def basic_header(config: StationConfig, route: Route) -> str | None:
    """Give the Authorization header of profiles 1 and 2, None for the others.

    1.6 sends the raw bytes of AuthorizationKey, 2.x the UTF-8 text (A00.FR.204/.205).
    """
    if route.profile not in (1, TLS_PROFILE) or route.password is None:
        return None
    literal = config.version == "1.6" and config.has(Fault.LITERAL_HEX_PASSWORD)
    secret = route.password.hex().encode() if literal else route.password
    return "Basic " + base64.b64encode(route.identity.encode() + b":" + secret).decode()


def _route_16(config: StationConfig, memory: Memory, profile: int) -> Route:
    """1.6 has no key for the CSMS address: only the scheme changes (reference, §2.4)."""
    own = config.has(Fault.URL_KEY)
    url = memory.settings.get(ADDRESS, config.url) if own else url_for(config.url, profile)
    return Route(_with_identity(url, config.identity), profile, config.identity, memory.password)


def _route_2x(config: StationConfig, memory: Memory, number: int, slot: NetworkProfile) -> Route:
    """A slot's own identity and password win over the station's (2.1 B09)."""
    identity = slot.values.get("Identity") or config.identity
    text = slot.values.get("BasicAuthPassword")
    password = text.encode() if text else memory.password
    profile = slot.profile if slot.profile is not None else memory.profile
    return Route(_with_identity(slot.url, identity), profile, identity, password, number, slot)


def _with_identity(url: str, identity: str) -> str:
    return f"{url.rstrip('/')}/{quote(identity, safe='')}"
