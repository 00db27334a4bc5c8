"""Ways up from an issuing authority to a root, through cross-certificates where need be (RFC 5280 §6.1, RFC 4158).

Pure: certificates in, a way out. Authorities are named as on record; a name and a key belong together there, so that
a way of names is a way of keys.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from pki.errors import NoChain


@dataclass(frozen=True, slots=True)
class Link:
    """A certificate for the key of the authority `subject` by the authority `issuer`; no root's own is one."""

    subject: str
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    path_length: int | None
    is_cross: bool
    is_revoked: bool
    der: bytes = field(repr=False)

    def is_good(self, now: datetime) -> bool:
        """Whether it may stand in a chain at `now`."""
        return not self.is_revoked and self.not_before <= now <= self.not_after


Way: TypeAlias = tuple[Link, ...]


def find_way(start: str, root: str, links: Iterable[Link], now: datetime) -> Way:
    """The shortest way from the issuing authority `start` up to `root`, whose own certificate is not part of it.

    Of equally short ways the one with fewer cross-certificates, then the one whose first links live longest. Every
    link is good now, its path length lets stand below it what does, and no authority comes twice. Raises NoChain.
    """
    upwards = _by_subject(links, now)
    reached: dict[str, Way] = {start: ()}
    waiting = deque([start])
    while waiting:
        at = waiting.popleft()
        if at == root:
            return reached[at]
        for link in upwards.get(at, ()):
            if link.issuer not in reached and _leaves_room(link, len(reached[at])):
                reached[link.issuer] = (*reached[at], link)
                waiting.append(link.issuer)
    raise NoChain(start, root)


def _by_subject(links: Iterable[Link], now: datetime) -> Mapping[str, list[Link]]:
    upwards: dict[str, list[Link]] = {}
    for link in sorted(links, key=lambda link: (link.is_cross, -link.not_after.timestamp(), link.serial)):
        if link.is_good(now) and link.subject != link.issuer:
            upwards.setdefault(link.subject, []).append(link)
    return upwards


def _leaves_room(link: Link, below: int) -> bool:
    """RFC 5280 §4.2.1.9: so many authorities stand between this certificate and the leaf."""
    return link.path_length is None or below <= link.path_length
