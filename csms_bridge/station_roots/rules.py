"""What may be installed on a station, and what may go. Pure: certificates and lists in, a choice or a refusal out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from csms_bridge.errors import RootRefused
from csms_bridge.station import OcppVersion
from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.entries import Entry, KnownAs
from csms_bridge.station_roots.messages import LONGEST_CERTIFICATE, kinds_of

CSMS, MANUFACTURER = CertificateKind.CSMS, CertificateKind.MANUFACTURER
WORDS = {
    CertificateKind.CSMS: "CSMS",
    CertificateKind.MANUFACTURER: "manufacturer",
    CertificateKind.V2G: "V2G",
    CertificateKind.MO: "mobility operator",
    CertificateKind.OEM: "OEM",
    CertificateKind.V2G_CHAIN: "V2G chain",
}
_V2G = (CertificateKind.V2G, CertificateKind.MO, CertificateKind.OEM)
_FIT_FOR = {
    (KnownAs.AUTHORITY, "operator"): (CSMS,),
    (KnownAs.AUTHORITY, "manufacturer"): (MANUFACTURER,),
    (KnownAs.ANCHOR, "first-contact"): (MANUFACTURER, CertificateKind.OEM),
    (KnownAs.ANCHOR, "contracts"): _V2G,
}


@dataclass(frozen=True, slots=True)
class Root:
    """A root that can be installed, in one of its forms: signed by itself, or (`signed_by`) by another root of ours.

    `use` is the hierarchy of our own (operator, manufacturer), the use of an anchor, and empty for recorded ones.
    """

    known_as: KnownAs
    name: str
    pem: str = field(repr=False)
    der: bytes = field(repr=False)
    not_before: datetime
    not_after: datetime
    use: str = ""
    signed_by: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a station has told of its store; None where it has told nothing.

    `checks_new_root` is AdditionalRootCertificateCheck; `capacity` CertificateStoreMaxLength, or the limit of
    CertificateEntries, whose value is `entries`. Of the quirk book are `csms_room`, how many CSMS roots it keeps, and
    `replaces`: a new CSMS root takes the place of those that it holds.
    """

    checks_new_root: bool | None = None
    capacity: int | None = None
    entries: int | None = None
    csms_room: int | None = None
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """Something that would not work without one of these roots (names of our authorities) on the station.

    Of the needs of one `group` a station has one at least, and we cannot tell which: our server has two certificates.
    """

    why: str
    roots: frozenset[str]
    group: str = ""


def check_kind(root: Root, kind: CertificateKind, version: OcppVersion) -> None:
    """Whether a root may be installed for this. Raises RootRefused.

    The operator's and the manufacturer's hierarchies stay apart (A00.FR.601-604): a maker that is trusted for a first
    contact must not be able to play the CSMS.
    """
    if kind is CertificateKind.V2G_CHAIN or kind not in kinds_of(version):
        raise RootRefused("kind", f"OCPP {version} cannot install a {WORDS[kind]} root")
    allowed = _FIT_FOR.get((root.known_as, root.use))
    if allowed is not None and kind not in allowed:
        kinds = " or ".join(WORDS[one] for one in allowed)
        raise RootRefused("kind", f"{root.name!r} is installed as {kinds} root only: the hierarchies stay apart")


def check_fits(root: Root, version: OcppVersion, now: datetime) -> None:
    """Whether a station of this version can take the certificate in now. Raises RootRefused."""
    longest = LONGEST_CERTIFICATE[version]
    if len(root.pem) > longest:
        raise RootRefused(
            "too-long", f"{root.name!r} has {len(root.pem)} characters, and OCPP {version} has room for {longest}"
        )
    if now > root.not_after:
        raise RootRefused("expired", f"{root.name!r} ended on {root.not_after:%Y-%m-%d}")
    if now < root.not_before:
        raise RootRefused("not-yet-valid", f"{root.name!r} begins on {root.not_before:%Y-%m-%d}")


def choose_form(forms: Sequence[Root], present: Sequence[Entry], limits: Limits) -> Root:
    """The form of a new CSMS root that the station takes; the first of `forms` is signed by itself.

    With AdditionalRootCertificateCheck a further root must be signed by the one that is there (1.6 M05.FR.08-13, 2.x
    M05.FR.09-16). Raises RootRefused when there is no such form.
    """
    plain = forms[0]
    there = [entry for entry in present if entry.kind is CSMS and not _is(entry, plain.name)]
    if not limits.checks_new_root or not there or any(_is(entry, plain.name) for entry in present):
        return plain
    names = [entry.recognised.name for entry in there if entry.recognised is not None]
    for form in forms[1:]:
        if form.signed_by in names:
            return form
    if not names:
        raise RootRefused(
            "additional-root-check",
            f"the station takes a further CSMS root only when the one that it holds has signed it, and nobody here "
            f"knows that one: {plain.name!r} would be rejected",
            "AdditionalRootCertificateCheck is true; somebody must install the root at the station.",
        )
    raise RootRefused(
        "additional-root-check",
        f"the station takes a further CSMS root only when {names[0]!r} has signed it, which it holds; it has not "
        f"certified {plain.name!r}",
        f"AdditionalRootCertificateCheck is true. Make the certificate: voltward ca cross {plain.name} --by {names[0]}",
    )


def check_room(name: str, kind: CertificateKind, present: Sequence[Entry], limits: Limits) -> None:
    """Whether the store has room. One that is there already is replaced (2.x M05.FR.17). Raises RootRefused."""
    if limits.capacity is None or any(entry.kind is kind and _is(entry, name) for entry in present):
        return
    held = max(len(present), limits.entries or 0)
    if held >= limits.capacity:
        raise RootRefused(
            "store-full",
            f"the station's store is full: it holds {held} of {limits.capacity} certificates",
            "Delete one that is not needed first.",
        )


def check_beside(name: str, present: Sequence[Entry], limits: Limits, needs: Iterable[Need]) -> None:
    """Whether a new CSMS root leaves those that the station needs, by what is odd about such stations.

    Raises RootRefused.
    """
    others = [entry for entry in present if entry.kind is CSMS and not _is(entry, name)]
    if not others or len(others) < len([entry for entry in present if entry.kind is CSMS]):
        return
    needs = tuple(needs)
    met = {need.group or need.why for need in needs if name in need.roots}
    lost = [need for need in needs if (need.group or need.why) not in met]
    if limits.replaces and lost:
        raise RootRefused(
            "replaces",
            f"a new CSMS root takes the place of the old one in such stations, and "
            f"{name!r} is not the one {lost[0].why}",
            "See what the quirk book says: voltward quirk explain.",
        )
    if not limits.replaces and limits.csms_room is not None and len(others) >= limits.csms_room:
        raise RootRefused(
            "store-full",
            f"by the quirk book such stations keep {limits.csms_room} CSMS root(s), and it holds {len(others)}",
            "Delete one that is not needed first.",
        )


def check_delete(entry: Entry, present: Sequence[Entry], needs: Iterable[Need]) -> None:
    """Whether an entry may be deleted. Raises RootRefused; `may_force` for what does not strand the station.

    Stations accept the deletion of the very root that they need, and are never seen again (station-quirks 9,
    station-everest), so it is for us to refuse.
    """
    if entry.kind is CertificateKind.V2G_CHAIN:
        raise RootRefused("own", "that is the station's own certificate, which cannot be deleted (M04.FR.06)")
    rest = [other for other in present if other.id != entry.id]
    if entry.kind is CSMS or entry.kind is None:
        _check_csms(entry, [other for other in rest if other.kind is CSMS], needs)
    if entry.kind is MANUFACTURER and not any(other.kind is MANUFACTURER for other in rest):
        raise RootRefused(
            "last-manufacturer-root",
            "it is the station's last manufacturer root: without one it takes no signed firmware any more",
            "An administrator may delete it with force and a reason.",
            may_force=True,
        )


def _check_csms(entry: Entry, rest: Sequence[Entry], needs: Iterable[Need]) -> None:
    if not rest:
        raise RootRefused("last-csms-root", "it is the station's last CSMS root: it could never come back to us")
    needs = tuple(needs)
    left = {other.recognised.name for other in rest if other.recognised is not None and _is_ours(other)}
    met = {need.group or need.why for need in needs if need.roots & left}
    for need in needs:
        if entry.recognised is not None and entry.recognised.name in need.roots and not need.roots & left:
            raise RootRefused("in-use", f"it is the root {need.why}: without it the station could not come back")
        if entry.recognised is None and (need.group or need.why) not in met:
            raise RootRefused(
                "perhaps-in-use",
                f"nobody here knows it, and none of the others is the root {need.why}: it may be that one",
                "Install that root first, so that the station lists it.",
            )


def _is_ours(entry: Entry) -> bool:
    return entry.recognised is not None and entry.recognised.known_as in (KnownAs.AUTHORITY, KnownAs.CROSS)


def _is(entry: Entry, name: str) -> bool:
    return entry.recognised is not None and entry.recognised.name == name
