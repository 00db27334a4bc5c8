"""The certificates that we know: our authorities', makers' anchors, recorded roots, and a station's own."""

import math
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from csms_bridge.hash_data import NamedCertificate, explain, named
from csms_bridge.station_certificates import HashData
from csms_bridge.station_roots.entries import KnownAs, Recognised
from csms_bridge.station_roots.recorded import RecordedRoots
from pki.authority import Authority
from pki.hierarchy import AuthorityStatus

_KEPT = 1.0  # seconds, as the hierarchy is
_OWN = 20  # certificates of one station that are looked at, the newest


@dataclass(frozen=True, slots=True)
class Known:
    """A certificate, whose it is, and what its hash data is made of."""

    known_as: KnownAs
    name: str
    der: bytes = field(repr=False)
    names: NamedCertificate = field(repr=False)
    by: str = ""


class KnownCertificates:
    """Everything we know, read anew every second; safe to use from several threads."""

    def __init__(self, authority: Authority, recorded: RecordedRoots) -> None:
        self._authority = authority
        self._recorded = recorded
        self._lock = threading.Lock()
        self._seen: tuple[float, tuple[Known, ...]] = (-math.inf, ())

    def everywhere(self) -> tuple[Known, ...]:
        """What any station may hold."""
        read_at, found = self._seen
        if time.monotonic() - read_at > _KEPT:
            with self._lock:
                found = tuple(self._read())
                self._seen = (time.monotonic(), found)
        return found

    def reload(self) -> None:
        """Something was added just now."""
        self._seen = (-math.inf, ())

    def recognise(self, told: HashData, station: str) -> Recognised | None:
        """Whose certificate a station's hash data names; None when nobody here knows it."""
        return recognised(told, self.everywhere()) or recognised(told, self._of(station))

    def _read(self) -> Iterable[Known]:
        infos = {info.name: info for info in self._authority.authorities()}
        for info in infos.values():
            issuer = infos.get(info.parent or "")
            if info.status is not AuthorityStatus.PENDING and (info.parent is None or issuer is not None):
                yield from _known(KnownAs.AUTHORITY, info.name, info.der, issuer.der if issuer else None)
        for cross in self._authority.cross_certificates():
            if cross.issuer in infos:
                yield from _known(KnownAs.CROSS, cross.authority, cross.der, infos[cross.issuer].der, cross.issuer)
        anchors = self._authority.anchors.all()
        for anchor in anchors:
            yield from _known(KnownAs.ANCHOR, anchor.name, anchor.der, _above(anchor.der, [one.der for one in anchors]))
        for root in self._recorded.all():
            yield from _known(KnownAs.RECORDED, root.name, root.der)

    def _of(self, station: str) -> Iterable[Known]:
        infos = {info.name: info.der for info in self._authority.authorities()}
        for one in self._authority.certificates(station=station, limit=_OWN):
            if one.der and one.authority in infos:
                yield from _known(KnownAs.STATION, one.serial, one.der, infos[one.authority])


def recognised(told: HashData, known: Iterable[Known]) -> Recognised | None:
    """The best match: the one with the fewest deviations."""
    found = [
        Recognised(one.known_as, one.name, one.by, why)
        for one in known
        if (why := explain(told, one.names)) is not None
    ]
    return min(found, key=lambda one: len(one.deviations), default=None)


def same_certificate(der: bytes, known: Sequence[Known]) -> Known | None:
    """The one that is this certificate, octet by octet."""
    return next((one for one in known if one.der == der), None)


def _known(known_as: KnownAs, name: str, der: bytes, issuer: bytes | None = None, by: str = "") -> Iterable[Known]:
    names = _names(der, issuer)
    if names is not None:
        yield Known(known_as, name, der, names, by)


def _above(der: bytes, others: Sequence[bytes]) -> bytes | None:
    """The certificate that signed this one, among these; None when it signed itself, or nobody here did."""
    own = _names(der, None)
    if own is None or own.is_self_issued:
        return None
    candidates = ((other, _names(other, None)) for other in others)
    return next((other for other, names in candidates if names and names.subject_name == own.issuer_name), None)


@lru_cache(maxsize=4096)
def _names(der: bytes, issuer: bytes | None) -> NamedCertificate | None:
    try:
        return named(der, issuer)
    except ValueError:  # of an anchor that another parser took
        return None
