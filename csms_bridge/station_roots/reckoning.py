"""What a station lists against what ought to be there. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.entries import ActState, Deed, Entry, Listing, RootAct
from csms_bridge.station_roots.rules import Need


class Presence(StrEnum):
    """Whether a root that ought to be there is."""

    LISTED = "listed"
    BELIEVED = "believed"
    """The station accepted it and has not listed it since, or cannot."""
    OPTIONAL = "optional"
    """It is not there, and another one does."""
    MISSING = "missing"
    UNKNOWN = "unknown"
    """The station has never listed its certificates, and we have installed nothing."""


_THERE = (Presence.LISTED, Presence.BELIEVED)


@dataclass(frozen=True, slots=True)
class Expected:
    """A root that ought to be on the station; `roots` are those of which one suffices."""

    kind: CertificateKind
    roots: tuple[str, ...]
    why: str
    presence: Presence
    sentence: str


def reckon(
    entries: Sequence[Entry], needs: Iterable[Need], acts: Sequence[RootAct], listings: Iterable[Listing]
) -> list[Expected]:
    """What ought to be there: what the connection stands on, then what we installed. `acts`: the newest first."""
    listed = {listing.kind: listing.listed_at for listing in listings if listing.listed_at is not None}
    held = believed(acts)
    needs = tuple(needs)
    found = [_needed(need, entries, held, listed.get(CertificateKind.CSMS)) for need in needs]
    met = {need.group for need, one in zip(needs, found, strict=True) if need.group and one.presence in _THERE}
    found = [_spared(one) if need.group in met else one for need, one in zip(needs, found, strict=True)]
    spoken_for = {name for one in found for name in one.roots}
    return found + [
        _installed(act, entries, listed.get(act.kinds[0]))
        for act in held
        if act.kinds and not (act.kinds[0] is CertificateKind.CSMS and act.name in spoken_for)
    ]


def believed(acts: Sequence[RootAct]) -> list[RootAct]:
    """The installations that the station accepted and that no deletion undid since. `acts`: the newest first."""
    found: list[RootAct] = []
    over: set[tuple[CertificateKind, str]] = set()
    for act in acts:
        key = (act.kinds[0], act.name) if act.kinds else None
        if act.state is not ActState.DONE or act.deed is Deed.LIST or key is None or key in over:
            continue
        over.add(key)
        if act.deed is Deed.INSTALL:
            found.append(act)
    return found


def _needed(need: Need, entries: Sequence[Entry], held: Sequence[RootAct], listed_at: datetime | None) -> Expected:
    names = tuple(sorted(need.roots))
    there = [entry for entry in entries if entry.kind is CertificateKind.CSMS and _name(entry) in need.roots]
    taken = [act for act in held if act.kinds[0] is CertificateKind.CSMS and act.name in need.roots]
    if there:
        return Expected(CertificateKind.CSMS, names, need.why, Presence.LISTED, f"it lists {_name(there[0])}")
    if taken:
        return Expected(CertificateKind.CSMS, names, need.why, Presence.BELIEVED, _belief(taken[0], listed_at))
    if listed_at is None:
        return Expected(CertificateKind.CSMS, names, need.why, Presence.UNKNOWN, "it has never listed its roots")
    return Expected(CertificateKind.CSMS, names, need.why, Presence.MISSING, f"not in its list of {listed_at:%Y-%m-%d}")


def _spared(one: Expected) -> Expected:
    """Another root of the group is there; without this one the station does as long as that suits it."""
    if one.presence in _THERE:
        return one
    return replace(one, presence=Presence.OPTIONAL, sentence="not there; it does with the other one")


def _installed(act: RootAct, entries: Sequence[Entry], listed_at: datetime | None) -> Expected:
    why = f"installed by {act.by}"
    if any(entry.kind is act.kinds[0] and _name(entry) == act.name for entry in entries):
        return Expected(act.kinds[0], (act.name,), why, Presence.LISTED, f"it lists {act.name}")
    return Expected(act.kinds[0], (act.name,), why, Presence.BELIEVED, _belief(act, listed_at))


def _belief(act: RootAct, listed_at: datetime | None) -> str:
    since = act.settled_at or act.at
    if listed_at is None or listed_at < since:
        return f"accepted on {since:%Y-%m-%d}, and not listed since"
    return (
        f"accepted on {since:%Y-%m-%d}, but not in its list of {listed_at:%Y-%m-%d}; some stations cannot list a "
        "root that is not signed by itself"
    )


def _name(entry: Entry) -> str:
    return entry.recognised.name if entry.recognised is not None else ""
