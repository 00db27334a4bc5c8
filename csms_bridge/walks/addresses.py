"""The address in a maker's own key (1.6): what a station tells of it, and what is written there. Pure."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from csms_bridge.commands import Answer
from csms_bridge.quirks.quirks import Quirks
from csms_bridge.station import SecurityProfile

LONGEST = 500
"""Characters that ChangeConfiguration has room for."""


def read_value(answer: Answer) -> str:
    """The first value that was told; empty when there is none."""
    return next((reading.value for reading in answer.readings if reading.value), "")


def is_address(text: str) -> bool:
    """Whether this may be written back one day. One that holds a password is not kept."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    is_whole = parts.scheme in ("ws", "wss") and bool(parts.netloc)
    return is_whole and "@" not in parts.netloc and len(text) <= LONGEST and text.isprintable()


def address_for(url: str, profile: SecurityProfile) -> str:
    """Our address for this profile: the main port takes both plain and TLS."""
    return f"{'wss' if profile >= SecurityProfile.TLS_BASIC else 'ws'}://{url.partition('://')[2]}"


def written(quirks: Quirks, url: str, station: str) -> str:
    """What such a station is to hold in its key for this address of ours."""
    return quirks.url_value.format(url=url, id=station)


def old_address(facts: Mapping[str, str], quirks: Quirks, url: str, origin: SecurityProfile, station: str) -> str:
    """What the station held before; where it did not tell, the way that works on the profile it is on."""
    return facts.get("old_url") or written(quirks, address_for(url, origin), station)
