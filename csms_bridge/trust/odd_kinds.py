"""What the quirk book says of the kinds of stations that a fleet has, as conditions of the database.

The book's rows are patterns, which no database knows; a fleet of 100,000 stations has a few hundred kinds (maker,
model, firmware), which are looked up one by one. What stands in the book proves nothing of one station: it makes a
verdict unsure, or says more closely why somebody would be lost.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import ColumnElement, false, or_, tuple_
from sqlmodel import Session, col, select

from csms_bridge.quirks.quirks import USUAL, NewRoot, Quirks, Roots
from csms_bridge.tables import StationRow
from pki.keys import KeyFamily

Kind = tuple[str, str, str]
"""Maker, model, firmware."""
QuirksOfKind = Callable[[str, str, str], Quirks]
T = TypeVar("T")


def usual_kind(_vendor: str, _model: str, _firmware: str) -> Quirks:
    """Every station does what OCPP asks."""
    return USUAL


_FAMILIES = {Roots.EC: KeyFamily.EC, Roots.RSA: KeyFamily.RSA}


@dataclass(frozen=True, slots=True)
class OddKinds:
    """Kinds of stations by what is odd about them; numbers say how much of it."""

    signed_only: tuple[Kind, ...] = ()
    """It takes a further root only when one that it holds has signed it."""
    replaces: tuple[Kind, ...] = ()
    keys: Mapping[KeyFamily, tuple[Kind, ...]] = field(default_factory=dict)
    """Its TLS has a use for roots with keys of this family only."""
    room: Mapping[int, tuple[Kind, ...]] = field(default_factory=dict)
    """So many CSMS roots."""
    roots_from: Mapping[int, tuple[Kind, ...]] = field(default_factory=dict)
    """It takes roots from this profile on."""
    walks_to: Mapping[int, tuple[Kind, ...]] = field(default_factory=dict)
    chain: Mapping[int, tuple[Kind, ...]] = field(default_factory=dict)
    """The longest chain that it takes, in characters."""


def odd_kinds(session: Session, quirks_of: QuirksOfKind) -> OddKinds:
    """Of the whole fleet."""
    row = StationRow
    kinds = session.exec(select(row.vendor, row.model, row.firmware).distinct()).all()
    found = [(kind, quirks_of(*kind)) for kind in kinds]
    keys = [(kind, _FAMILIES[quirks.roots]) for kind, quirks in found if quirks.roots in _FAMILIES]
    return OddKinds(
        signed_only=tuple(kind for kind, quirks in found if quirks.new_root is NewRoot.SIGNED_BY_OLD),
        replaces=tuple(kind for kind, quirks in found if quirks.new_root is NewRoot.REPLACES),
        keys=_grouped(keys),
        room=_grouped((kind, quirks.room_for_roots) for kind, quirks in found),
        roots_from=_grouped((kind, quirks.roots_from_profile or None) for kind, quirks in found),
        walks_to=_grouped((kind, quirks.walks_to if quirks.walks_to < 3 else None) for kind, quirks in found),
        chain=_grouped((kind, quirks.longest_chain) for kind, quirks in found),
    )


def is_one_of(kinds: Sequence[Kind]) -> ColumnElement[bool]:
    """Whether a station is of one of these kinds."""
    if not kinds:
        return false()
    return tuple_(col(StationRow.vendor), col(StationRow.model), col(StationRow.firmware)).in_(list(kinds))


def where_number(
    kinds: Mapping[int, tuple[Kind, ...]], condition: Callable[[int], ColumnElement[bool]]
) -> ColumnElement[bool]:
    """Whether a station is of one of the kinds, and its number meets the condition."""
    return or_(false(), *(is_one_of(those) & condition(number) for number, those in kinds.items()))


def _grouped(pairs: Iterable[tuple[Kind, T | None]]) -> dict[T, tuple[Kind, ...]]:
    found: dict[T, tuple[Kind, ...]] = {}
    for kind, key in pairs:
        if key is not None:
            found[key] = (*found.get(key, ()), kind)
    return found
