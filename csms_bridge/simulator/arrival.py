"""What changes in the station's memory when an attempt to connect has worked or has been given up. Pure."""

from __future__ import annotations

from csms_bridge.simulator.certificates import Credential
from csms_bridge.simulator.config import Fault, StationConfig
from csms_bridge.simulator.memory import Memory
from csms_bridge.simulator.routes import Route
from csms_bridge.simulator.slots import MUTUAL_TLS, drop_lower


def presented(config: StationConfig, memory: Memory) -> Credential | None:
    """Choose the certificate to show: the newest, unless a fault makes the station cling to its first."""
    if not memory.credentials:
        return None
    return memory.credentials[-1] if _clings(config) else memory.credentials[0]


def arrived(config: StationConfig, memory: Memory, route: Route) -> None:
    """Settle on the way that worked: profile, slot and certificate are now the proven ones."""
    rising = route.profile > memory.profile
    memory.profile, memory.raising_to = route.profile, None
    if route.slot is not None:
        memory.active_slot, memory.last_good = route.slot, route.content
    if rising and route.slot is not None:
        _forget_lower_slots(memory)
    if route.profile == MUTUAL_TLS and not _clings(config):
        memory.credentials = memory.credentials[:1]
    memory.remember()


def gave_up(memory: Memory) -> None:
    """Return from a raise that did not work to the present profile (WP3 A05.FR.08)."""
    memory.raising_to = None
    memory.remember()


def discard_newest(config: StationConfig, memory: Memory) -> Credential | None:
    """Return to the certificate before the newest, if there is one, and give the loser (2.1 A02.FR.28)."""
    if len(memory.credentials) < 2 or _clings(config):
        return None
    loser, *rest = memory.credentials
    memory.credentials = tuple(rest)
    memory.remember()
    return loser


def _forget_lower_slots(memory: Memory) -> None:
    """Empty the slots below the profile reached (2.x A05.FR.06)."""
    memory.slots = drop_lower(memory.slots, memory.profile, may_step_down=memory.standing().may_step_down)
    memory.priority = tuple(number for number in memory.priority if number in memory.slots)


def _clings(config: StationConfig) -> bool:
    return config.has(Fault.EXPIRED_CERTIFICATE) or config.has(Fault.FOREIGN_CERTIFICATE)
