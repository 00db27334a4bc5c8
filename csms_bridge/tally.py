"""What the endpoint turned away or dropped, and why, counted for whoever watches. In memory: one process's own."""

from collections import Counter
from enum import StrEnum


class Turned(StrEnum):
    """Why a socket or a request came to no line."""

    HANDSHAKES_FULL = "handshakes_full"
    HANDSHAKES_OF_ADDRESS = "handshakes_of_address"
    CONNECTIONS_OF_ADDRESS = "connections_of_address"
    MADE_ROOM = "made_room"
    """A slow handshake that was ended for a newcomer's sake."""
    PROXY_HEADER = "proxy_header"
    """None, or a broken one, from a peer that has to send it; or one from a peer that may not."""
    NOT_TLS = "not_tls"
    SLOW_FIRST_BYTE = "slow_first_byte"
    SLOW_TLS = "slow_tls"
    TLS_FAILED = "tls_failed"
    LEFT = "left"
    """The peer went away before it said enough."""
    SLOW_UPGRADE = "slow_upgrade"
    BROKEN_REQUEST = "broken_request"
    LARGE_REQUEST = "large_request"


class Dropped(StrEnum):
    """Why we ended an open line."""

    LARGE_FRAME = "large_frame"
    BROKEN_FRAME = "broken_frame"
    FLOOD = "flood"
    UNANSWERED = "unanswered"
    SLOW_READER = "slow_reader"
    NO_PONG = "no_pong"
    OUTRANKED = "outranked"
    REPLACED = "replaced"


FLOOD_WORDS = "too many messages"
UNANSWERED_WORDS = "too many unanswered calls"
OUTRANKED_WORDS = "already connected"
REPLACED_WORDS = "replaced by a newer connection"
WITHDRAWN_WORDS = "not let in any more"

_BY_WORDS = {
    FLOOD_WORDS: Dropped.FLOOD,
    UNANSWERED_WORDS: Dropped.UNANSWERED,
    OUTRANKED_WORDS: Dropped.OUTRANKED,
    REPLACED_WORDS: Dropped.REPLACED,
}
_BY_CODE = {
    1002: Dropped.BROKEN_FRAME,
    1007: Dropped.BROKEN_FRAME,
    1009: Dropped.LARGE_FRAME,
    1011: Dropped.NO_PONG,
}


def dropped_by_close(code: int, reason: str) -> Dropped | None:
    """What a close frame of ours stands for; None when it is an ordinary end."""
    return _BY_WORDS.get(reason) or _BY_CODE.get(code)


class Tally:
    """Counters since the start, and how many there are now."""

    def __init__(self) -> None:
        self.turned: Counter[Turned] = Counter()
        self.dropped: Counter[Dropped] = Counter()
        self.upgrades: Counter[int] = Counter()
        """Answers to upgrade requests by HTTP status; 101 is a line."""
        self.handshakes: Counter[tuple[str, str]] = Counter()
        """TLS handshakes that came through, by version and suite."""
        self.messages = 0
        self.slowed = 0
        """How often reading from a station was slowed since it sent too much."""
        self.charging_refused = 0
        """Messages about charging for which a station had no room left."""
        self.open_handshakes = 0
        self.connections = 0
