"""Finding the root that is to be installed: by our name for it, or in a file that somebody gives."""

import hashlib
from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from csms_bridge.errors import RootRefused, UnknownRoot
from csms_bridge.station_roots.entries import KnownAs
from csms_bridge.station_roots.recorded import RecordedRoots
from csms_bridge.station_roots.rules import Root
from pki.anchor_file import read_root
from pki.authority import Authority
from pki.certificates import CertificateState, pem_of
from pki.clock import Clock
from pki.errors import AnchorRefused
from pki.foreign_certificates import UNREADABLE
from pki.hierarchy import AuthorityInfo, AuthorityKind, AuthorityStatus, HierarchyName

_DER = Encoding.DER
_PREFIXES = {"authority": KnownAs.AUTHORITY, "anchor": KnownAs.ANCHOR, "recorded": KnownAs.RECORDED}
_GONE = (AuthorityStatus.PENDING, AuthorityStatus.RETIRED)


class Choosing:
    """Every form of a root: the one that it signed itself first, then those that others certified across."""

    def __init__(self, authority: Authority, recorded: RecordedRoots, clock: Clock) -> None:
        self._authority = authority
        self._recorded = recorded
        self._clock = clock

    def names(self) -> list[str]:
        """What can be chosen by name."""
        return [root.name for root in sorted(self._all(), key=lambda root: root.use != HierarchyName.OPERATOR)]

    def by_name(self, name: str, signed_by: str = "") -> list[Root]:
        """The forms of a root; `signed_by` chooses one of them. `anchor:NAME` and the like tell namesakes apart.

        Raises UnknownRoot, RootRefused.
        """
        prefix, _, rest = name.partition(":")
        wanted, kind = (rest, _PREFIXES[prefix]) if prefix in _PREFIXES and rest else (name, None)
        found = [root for root in self._all() if root.name == wanted and kind in (None, root.known_as)]
        if not found:
            self._refuse_if_no_root(wanted)
            raise UnknownRoot(name)
        if len(found) > 1:
            names = ", ".join(f"{root.known_as}:{root.name}" for root in found)
            raise RootRefused("name", f"several are called {wanted!r}", f"Say which: {names}.")
        forms = [found[0], *self._crosses(found[0])]
        return forms if not signed_by else [_signed_by(forms, signed_by)]

    def from_pem(self, pem: str) -> list[Root]:
        """The root in a file; one that nobody knows is called by its fingerprint. Raises AnchorRefused."""
        now, content = self._clock(), pem.encode()
        try:
            root = read_root(content, now)
        except AnchorRefused as refused:
            if refused.code == "not-self-signed" and (cross := self._our_cross(content)) is not None:
                return [cross]
            raise
        der = root.public_bytes(_DER)
        if (ours := next((one for one in self._all() if one.der == der), None)) is not None:
            return [ours, *self._crosses(ours)]
        return [_root(KnownAs.RECORDED, f"root-{hashlib.sha256(der).hexdigest()[:16]}", der)]

    def is_known(self, pem: str) -> bool:
        """Whether the file holds a root that we know. Raises AnchorRefused."""
        content = pem.encode()
        try:
            der = read_root(content, self._clock()).public_bytes(_DER)
        except AnchorRefused:
            if self._our_cross(content) is not None:
                return True
            raise
        return any(one.der == der for one in self._all())

    def _all(self) -> Iterator[Root]:
        for info in self._authority.authorities():
            if info.kind is AuthorityKind.ROOT and info.status not in _GONE:
                yield _root(KnownAs.AUTHORITY, info.name, info.der, info.hierarchy.value)
        for anchor in self._authority.anchors.all():
            if is_self_signed(anchor.der):
                yield _root(KnownAs.ANCHOR, anchor.name, anchor.der, anchor.use.value)
        for recorded in self._recorded.all():
            yield _root(KnownAs.RECORDED, recorded.name, recorded.der)

    def _crosses(self, root: Root) -> Iterator[Root]:
        """Those that are good now; only the operator's roots have any."""
        if root.known_as is not KnownAs.AUTHORITY:
            return
        for cross in self._authority.cross_certificates():
            if cross.authority == root.name and cross.state is CertificateState.GOOD:
                yield _root(KnownAs.AUTHORITY, root.name, cross.der, root.use, cross.issuer)

    def _our_cross(self, content: bytes) -> Root | None:
        try:
            der = x509.load_pem_x509_certificate(content).public_bytes(_DER)
        except UNREADABLE:
            return None
        forms = (form for root in self._all() for form in self._crosses(root))
        return next((form for form in forms if form.der == der), None)

    def _refuse_if_no_root(self, name: str) -> None:
        info = next((one for one in self._authority.authorities() if one.name == name), None)
        if info is not None:
            raise RootRefused("no-root", _why_not(info), "Stations are given roots; what stands below comes in chains.")


def _why_not(info: AuthorityInfo) -> str:
    if info.kind is AuthorityKind.ROOT:
        return f"the root {info.name!r} is {info.status}"
    return f"{info.name!r} is no root: it stands below {info.parent!r}"


def _signed_by(forms: list[Root], issuer: str) -> Root:
    for form in forms:
        if form.signed_by == issuer or (issuer == form.name and not form.signed_by):
            return form
    raise RootRefused(
        "no-cross-certificate",
        f"{issuer!r} has not certified {forms[0].name!r}",
        f"Make the certificate: voltward ca cross {forms[0].name} --by {issuer}",
    )


def is_self_signed(der: bytes) -> bool:
    """Whether a certificate names itself as its issuer: among the anchors for contracts stand sub-CAs too."""
    certificate = x509.load_der_x509_certificate(der)
    return certificate.issuer == certificate.subject


def _root(known_as: KnownAs, name: str, der: bytes, use: str = "", signed_by: str = "") -> Root:
    certificate = x509.load_der_x509_certificate(der)
    return Root(
        known_as, name, pem_of(der), der, certificate.not_valid_before_utc, certificate.not_valid_after_utc, use,
        signed_by,
    )  # fmt: skip
