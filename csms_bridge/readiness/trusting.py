"""Whether it can come to trust us, and to hold a certificate of ours: roots, store, chain, requests. Pure."""

from collections.abc import Iterator

from csms_bridge.posture.subjects import Subject
from csms_bridge.quirks.quirks import NewRoot
from csms_bridge.quirks.quirks import Roots as RootsUsed
from csms_bridge.readiness.codes import Code
from csms_bridge.readiness.reason import Case, Reason, blocks, note, risk, unknown
from csms_bridge.station import SecurityProfile
from csms_bridge.station_roots.entries import ListingState
from pki.keys import KeyFamily

_STORE = "1.6 CertificateStoreMaxLength, 2.x SecurityCtrlr.CertificateEntries; M05"
_CHAIN = "A02.FR.16; 1.6 CertificateSignedMaxChainSize, 2.x MaxCertificateChainSize"
_CHECK = "AdditionalRootCertificateCheck; 1.6 M05.FR.08 to .13, 2.x M05.FR.09 to .16"


def holds_our_root(case: Case) -> bool:
    """Whether it lists, or has accepted, a root above our server's certificate that it can use."""
    kind = case.quirks.roots
    families = (KeyFamily.RSA,) if kind is RootsUsed.RSA else (KeyFamily.EC,) if kind is RootsUsed.EC else KeyFamily
    servers = case.facts.ours.servers
    return any(servers.get(family, frozenset()) & case.facts.roots.ours for family in families)


def on_site(case: Case) -> Iterator[Reason]:
    """Some take no root below TLS: what they need before is installed by hand, and seen in their list."""
    if not case.needs_root or case.quirks.roots_from_profile < SecurityProfile.TLS_BASIC or holds_our_root(case):
        return
    source, roots = case.by_the_book("roots_from_profile"), case.facts.roots
    if roots.listing is ListingState.LISTED:
        yield blocks(
            Code.ROOT_ON_SITE, "It takes no root before it is on TLS, and does not list ours.", source,
            "Install our root on site (voltward ca export root), then have it list its roots: " + case.read_it,
        )  # fmt: skip
    elif case.quirks.lists_roots:  # one that lists none has no walk at all
        yield unknown(
            Code.ROOT_ON_SITE_UNKNOWN, 20, "It takes no root before it is on TLS, and whether ours was installed on "
            "site is not known.", source, case.read_it,
        )  # fmt: skip


def store(case: Case) -> Iterator[Reason]:
    """Whether another root fits."""
    if not case.needs_root or holds_our_root(case) or case.quirks.roots_from_profile >= SecurityProfile.TLS_BASIC:
        return
    room, used = case.facts.known.room_for_roots, _used(case)
    if room is not None and used is not None and used >= room and not _replaces(case):
        yield blocks(
            Code.STORE_FULL, f"Its certificate store is full: {used} of {room}, and ours is not among them.", _STORE,
            f"Delete a root that nobody needs: voltward station roots {case.station.id}",
        )  # fmt: skip
    checks = (case.facts.known.says(Subject.ROOT_CHECK) or "").strip().lower() == "true"
    if (checks or case.quirks.new_root is NewRoot.SIGNED_BY_OLD) and case.facts.roots.foreign:
        yield risk(
            Code.ROOT_CHECK, 40, "It takes a new root only when the one that it has has signed it, and it has another "
            "CSMS's.", _CHECK, "Have the old root removed on site, or our root signed by it.",
        )  # fmt: skip


def one_root(case: Case) -> Iterator[Reason]:
    """What it cannot keep beside our root."""
    room = case.quirks.room_for_roots or case.facts.known.room_for_roots
    if case.needs_root and (room == 1 or _replaces(case)):
        yield note(
            Code.ONE_ROOT, 5, "It keeps one CSMS root: it gets one of ours, and a roll-over of that root needs a "
            "cross-certified chain.", _STORE, f"voltward station chain {case.station.id}",
        )  # fmt: skip


def listing(case: Case) -> Iterator[Reason]:
    """Whether its list can show that it has our root (M03)."""
    roots = case.facts.roots
    if not case.needs_root or holds_our_root(case):
        return
    if roots.refused is not None:
        yield risk(
            Code.ROOT_REFUSED, 40, f"It refused our root on {roots.refused.at:%Y-%m-%d}: {roots.refused.words}.",
            "M05; some take none below profile 2 (EVerest)", "See what its maker says. Where it takes roots from "
            "profile 2 on only, the key roots_from_profile in a row of the quirk book says so.",
        )  # fmt: skip
    if roots.listing is ListingState.SILENT and case.quirks.lists_roots:
        yield risk(
            Code.LISTS_NONE, 10, "It says Accepted and lists no certificate. If it does so with our root too, the walk "
            "ends on hold before anything is changed.", "M03 GetInstalledCertificateIds",
            "Where such stations hold roots and list none, the key lists_roots in a row of the quirk book says so.",
        )  # fmt: skip
    elif roots.listing is ListingState.UNABLE or not case.quirks.lists_roots:
        yield note(
            Code.LISTS_NONE, 10, "It cannot list its roots: that it has ours shows only when it comes over TLS.",
            case.by_the_book("lists_roots") if not case.quirks.lists_roots else "M03 GetInstalledCertificateIds",
        )  # fmt: skip
    elif roots.listed_at is None and roots.refused is None:
        yield unknown(
            Code.NEVER_LISTED, 5, "It has never listed its roots.", "M03 GetInstalledCertificateIds", case.read_it
        )


def chain(case: Case) -> Iterator[Reason]:
    """CertificateSigned has to fit."""
    if not case.needs_certificate:
        return
    chains, key = case.facts.ours.chains, case.facts.key
    if not chains or (key is not None and key not in chains):
        yield blocks(
            Code.NO_ISSUER, f"No authority issues for stations with {'an ' + key.value.upper() if key else 'any'} key.",
            "docs/ceremonies.md", "Make one in a ceremony: voltward ca ceremony FILE",
        )  # fmt: skip
        return
    longest = _longest(case)
    lengths = [chains[key]] if key is not None else list(chains.values())
    if longest is None or longest >= max(lengths):
        return
    if longest < min(lengths):
        yield blocks(
            Code.CHAIN, f"It takes chains of {longest} characters, and ours would have about {min(lengths)}.", _CHAIN,
            f"Choose a shorter chain (voltward station chain {case.station.id}), or issue from an authority nearer to "
            "the root.",
        )  # fmt: skip
    else:
        yield unknown(
            Code.CHAIN_BY_KEY, 10, f"It takes chains of {longest} characters: enough with an EC key (about "
            f"{min(lengths)}), and not with an RSA key (about {max(lengths)}). Which it makes is not known.", _CHAIN,
            "Ask its maker; its first request tells.",
        )  # fmt: skip


def requests(case: Case) -> Iterator[Reason]:
    """What became of the last one (A02)."""
    refused = case.facts.request_refused
    if not case.needs_certificate or refused is None:
        return
    if refused.by_station:
        yield risk(
            Code.REQUEST_REFUSED, 30, f"It refused its last certificate, on {refused.at:%Y-%m-%d}: {refused.words}.",
            "A02.FR.06 to .08", "Its events tell more; another shape of chain is a row of the quirk book (key chain).",
        )  # fmt: skip
    else:
        yield risk(
            Code.REQUEST_REFUSED, 30, f"Its last certificate request, of {refused.at:%Y-%m-%d}, was refused: "
            f"{refused.words}.", "A02; docs/refusals.md", "docs/refusals.md says what to do about each reason.",
        )  # fmt: skip


def _replaces(case: Case) -> bool:
    return case.quirks.new_root is NewRoot.REPLACES


def _used(case: Case) -> int | None:
    """How many certificates it holds: 2.x says so, of 1.6 its list tells."""
    if case.is_16:
        return case.facts.roots.count if case.facts.roots.listed_at is not None else None
    said = (case.facts.known.says(Subject.ROOM_FOR_ROOTS) or "").strip()
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else None


def _longest(case: Case) -> int | None:
    said = (case.facts.known.says(Subject.LONGEST_CHAIN) or "").strip()
    told = int(said) if said.isascii() and said.isdigit() and len(said) < 10 else None
    known = [length for length in (told, case.quirks.longest_chain) if length is not None and length >= _NONSENSE]
    return min(known, default=None)


_NONSENSE = 500  # no chain is shorter; a smaller limit was never meant

CHECKS = (on_site, store, one_root, listing, chain, requests)
