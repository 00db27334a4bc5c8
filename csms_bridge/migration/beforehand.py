"""What is set at a station before its firmware changes, one message after the other. Pure: an answer in, the next out.

1.6 has no connection slots, but the new firmware makes its first one out of a maker's own key for the address, where
there is one (a row of the quirk book): that key is written, and a station that refuses it must not be sent the
firmware. From 2.0.1 to 2.1 a slot to fall back on is written, as 2.x recommends for a change of version (reference
§5.3): the new firmware goes on with the slot in use, and with the other one when it cannot read that. Without one the
station is no worse off than before, so that a refusal there is told, and stops nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from csms_bridge.commands import Answer, Command, Outcome, PreferSlots, ReadNetwork, WriteSettings, WriteSlot
from csms_bridge.quirks.quirks import Priority, Quirks
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.variables import Setting, configuration_key
from csms_bridge.walks.slots import choose_slot, slot_numbers


class Deed(StrEnum):
    """What is under way; DONE and REFUSED are ends."""

    WRITE_KEY = "write-key"
    READ_SLOTS = "read-slots"
    WRITE_SLOT = "write-slot"
    LIST_SLOT = "list-slot"
    DONE = "done"
    REFUSED = "refused"
    """The station must not be sent its firmware."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The station as it is before the jump, and where we are met: `url` without the identity."""

    id: str
    version: OcppVersion
    profile: SecurityProfile
    quirks: Quirks
    url: str


@dataclass(frozen=True, slots=True)
class Beforehand:
    """How far it is: what is under way, what is known so far, and what was set or why not, in words."""

    deed: Deed
    words: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


_NO_SLOTS = "its old firmware has no connection slots: it dials the address that it dials now"
_GOOD = (Outcome.ACCEPTED, Outcome.REBOOT_REQUIRED)


def begin(station: Kind) -> Beforehand:
    """The first thing to do, or that there is none."""
    if station.version is not OcppVersion.V16:
        return Beforehand(Deed.READ_SLOTS)
    if not station.quirks.url_key or station.profile < SecurityProfile.TLS_BASIC:
        return Beforehand(Deed.DONE, _NO_SLOTS)
    return Beforehand(Deed.WRITE_KEY)


def command_of(at: Beforehand, station: Kind) -> Command:
    """What is sent for it. Raises LookupError at an end."""
    match at.deed:
        case Deed.WRITE_KEY:
            return WriteSettings((Setting(configuration_key(station.quirks.url_key), address_of(station)),))
        case Deed.READ_SLOTS:
            return ReadNetwork()
        case Deed.WRITE_SLOT:
            return WriteSlot(int(at.facts["slot"]), station.url, station.profile)
        case Deed.LIST_SLOT:
            return PreferSlots(_order(at, station))
    raise LookupError(f"nothing is sent when it is {at.deed}")


def address_of(station: Kind) -> str:
    """As the maker's own key spells it."""
    return station.quirks.url_value.format(url=station.url, id=station.id)


def following(at: Beforehand, station: Kind, answer: Answer | None, why: str) -> Beforehand:
    """What comes after an answer; None with the reason `why` when there was none, or a refusal of the message."""
    if answer is None or answer.outcome not in _GOOD:
        return _refused(at, station, answer.words if answer is not None else why)
    match at.deed:
        case Deed.WRITE_KEY:
            return Beforehand(Deed.DONE, f"{station.quirks.url_key} is set to {address_of(station)}")
        case Deed.READ_SLOTS:
            return _read(station, answer)
        case Deed.WRITE_SLOT:
            return Beforehand(Deed.LIST_SLOT, facts=at.facts)
    order = ",".join(map(str, _order(at, station)))
    return Beforehand(Deed.DONE, f"slot {at.facts['slot']} is written, to fall back on: slots {order}", at.facts)


def _read(station: Kind, answer: Answer) -> Beforehand:
    """One that lists another slot behind the one in use has what to fall back on, and nothing of its is written."""
    listed = slot_numbers(answer.facts["priority"])
    if len(set(listed)) > 1:
        return Beforehand(Deed.DONE, f"it has a slot to fall back on: slots {','.join(map(str, listed))}")
    slots = ",".join(map(str, station.quirks.slots))
    slot, used = choose_slot(answer.facts["priority"], answer.facts.get("active", ""), slots)
    return Beforehand(Deed.WRITE_SLOT, facts={"slot": str(slot), "used": str(used)})


def _order(at: Beforehand, station: Kind) -> tuple[int, ...]:
    """The slot in use stays the first."""
    others = station.quirks.slots if station.quirks.priority is Priority.ALL_SLOTS else ()
    return tuple(dict.fromkeys((int(at.facts["used"]), int(at.facts["slot"]), *others)))


def _refused(at: Beforehand, station: Kind, words: str) -> Beforehand:
    if at.deed is Deed.WRITE_KEY:
        return Beforehand(Deed.REFUSED, f"it did not take {station.quirks.url_key}: {words}")
    return Beforehand(Deed.DONE, f"it has no slot to fall back on: {words}", at.facts)
