"""May this peer in, as this station, on this profile? Pure: facts in, verdict out.

The TLS layer has checked a client certificate's chain and its owner's hold of the key, nothing else; time,
revocation and identity are decided here, where the reason can be recorded (ADR 0002).
"""

import base64
import binascii
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import unquote_to_bytes

from csms_bridge.standing import Lane
from csms_bridge.station import IDENTITY, OcppVersion, SecurityProfile
from pki.certificates import Certificate, CertificateState
from pki.name_matching import holds_name
from pki.secret_text import Secret

_RETIRED = "of the retired authority"

SUBPROTOCOLS = {
    "ocpp1.6": OcppVersion.V16,
    "ocpp2.0.1": OcppVersion.V201,
    "ocpp2.1": OcppVersion.V21,
}


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """An Authorization header's content: raw bytes, since a 1.6 password may be binary."""

    pair: bytes

    def password_for(self, identity: str) -> Secret | None:
        """The password when the user name is exactly `identity` (A00.FR.204/.303), else None.

        Tested as a prefix: 1.6 does not forbid a colon in identities, and passwords may hold one.
        """
        prefix = identity.encode() + b":"
        return Secret(self.pair[len(prefix) :]) if self.pair.startswith(prefix) else None


@dataclass(frozen=True, slots=True)
class MakersCertificate:
    """What a certificate under a maker's root says: whose, by which anchor, and the names in its subject."""

    vendor: str
    anchor: str
    names: tuple[str, ...]

    def states(self, serial: str) -> bool:
        """Whether a name is this serial number or holds it as a word of its own (A00.FR.405)."""
        return any(holds_name(name, serial) for name in self.names)


@dataclass(frozen=True, slots=True)
class PresentedCertificate:
    """What our records say of the client certificate. `station` is None when it is not one of ours.

    `maker` is there when its chain ends in a bootstrap anchor.
    """

    serial: str
    station: str | None
    common_name: str
    state: str
    profile: str
    made_at: datetime | None = None
    maker: MakersCertificate | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """What a connection showed up to the HTTP upgrade. `password_fits` is None when none was offered."""

    identity: str
    tls: bool
    offered: tuple[str, ...]
    basic_present: bool
    password_fits: bool | None
    certificate: PresentedCertificate | None
    password_retired: bool = False
    """The password is one that the station has accepted a new one for."""
    by_recovery: bool = False
    """The password that fits is the one that was made for the station's recovery."""


@dataclass(frozen=True, slots=True)
class Registered:
    """What is on record for the identity."""

    id: str
    serial: str
    version: OcppVersion | None
    floor: SecurityProfile
    newest_used: datetime | None = None
    """When the newest certificate that the station has used was made; older ones are done with."""
    vendor: str = ""
    """As the station said in BootNotification; empty until it did."""
    bootstrap: str = ""
    """The maker whose certificate alone lets it in, until it has used one of ours; empty: nobody's."""
    recovery: Lane | None = None
    """The lane that an operator holds open for it now: its own certificate that has run out, its maker's although it
    has used one of ours, or the password that was made for this."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Let in, on this profile, with this subprotocol."""

    profile: SecurityProfile
    subprotocol: str
    certificate_serial: str | None
    certificate_made_at: datetime | None = None
    beside: str = ""
    """What else it showed, that did not count as proof; in the bootstrap lane it is all there is."""
    lane: Lane | None = None
    """Why it is let in as Pending only; None when it is let in for good."""

    @property
    def rank(self) -> tuple[bool, SecurityProfile]:
        """How much was proved, to be compared with another line of the same identity. A lane is the least."""
        return self.lane is None, self.profile

    @property
    def reason(self) -> str:
        """The verdict in words, for the record."""
        match self.lane:
            case Lane.RECOVERY:
                return f"expired client certificate {self.certificate_serial}, in the recovery lane: to be renewed"
            case Lane.BOOTSTRAP:
                return f"nothing but {self.beside}: to get its own certificate"
            case Lane.PASSWORD:
                beside = f", beside {self.beside}" if self.beside else ""
                return f"the password of its recovery over TLS{beside}: to be walked to profile 3"
            case Lane.QUARANTINE:
                return "not registered: in quarantine"
        proofs = {
            SecurityProfile.NONE: "no proof asked on profile 0",
            SecurityProfile.BASIC: "Basic password over plain transport",
            SecurityProfile.TLS_BASIC: "Basic password over TLS",
            SecurityProfile.MUTUAL_TLS: f"client certificate {self.certificate_serial}",
        }
        return f"{proofs[self.profile]}, beside {self.beside}" if self.beside else proofs[self.profile]


@dataclass(frozen=True, slots=True)
class Refused:
    """Not let in: the HTTP status of the upgrade's answer and the reason for the record.

    The peer is told the status alone; the reason stays with us, since an impostor would learn from it. `alarming`
    names what a person should look at, since the true station would not have shown it; empty: nothing.
    """

    status: int
    reason: str
    alarming: str = ""


Verdict = Admitted | Refused


def presented_of(record: Certificate, *, is_retired: bool) -> PresentedCertificate:
    """A certificate of ours as it is judged here; `is_retired` says whether the authority that issued it is."""
    state = str(record.state)
    if record.state is CertificateState.GOOD and is_retired:
        state = f"{_RETIRED} {record.authority!r}"
    if record.state is CertificateState.EXPIRED and record.reason is not None:
        state = CertificateState.HELD.value  # a hold that nobody released outlasts the certificate
    return PresentedCertificate(
        record.serial, record.station, record.common_name, state, record.profile, record.made_at
    )


def identity_of(target: str) -> str | None:
    """The identity in a request target: its last path segment, percent-decoded; None when malformed.

    Any prefix is taken. A station that appends its identity after a query string is understood too.
    """
    segment = target.rsplit("/", 1)[-1].split("?", 1)[0].split("#", 1)[0]
    try:
        identity = unquote_to_bytes(segment).decode("ascii")
    except UnicodeDecodeError:
        return None
    return identity if IDENTITY.fullmatch(identity) else None


def read_basic(header: str | None) -> BasicCredentials | None:
    """The credentials of an Authorization header; None without one. Raises ValueError when malformed."""
    if header is None:
        return None
    scheme, _, blob = header.strip().partition(" ")
    if scheme.lower() != "basic":
        raise ValueError("the Authorization header is not of the Basic scheme")
    try:
        pair = base64.b64decode(blob.strip(), validate=True)
    except binascii.Error:
        raise ValueError("the Authorization header is not base64") from None
    if b":" not in pair:
        raise ValueError("the Authorization header has no colon")
    return BasicCredentials(pair)


def decide(peer: Peer, station: Registered) -> Verdict:
    """Decide about a peer that says it is `station`.

    Order: proof first, then the profile it makes, then the subprotocol, so that a prober learns nothing
    before it has proved itself. Stronger than asked is welcome; below the floor is refused for good
    (A00.FR.002, A05.FR.07/.09). Who would be refused may still be let in through a lane, as Pending.
    """
    proved = _proved_profile(peer, station)
    if not isinstance(proved, Refused) and proved < station.floor:
        proved = Refused(401, f"profile {proved:d} is below {station.floor:d}, which this station has reached")
    lane = _lane(peer, station) if isinstance(proved, Refused) else None
    if isinstance(lane, Refused):
        return _refused(lane, peer, station)
    if isinstance(proved, Refused) and lane is None:
        return _refused(proved, peer, station)
    subprotocol = choose_subprotocol(peer.offered, station.version)
    return _no_version(peer.offered) if subprotocol is None else _admitted(peer, proved, subprotocol, lane)


def _refused(why: Refused, peer: Peer, station: Registered) -> Refused:
    return replace(why, alarming=_alarming(peer.certificate, station))


def stranger(offered: tuple[str, ...]) -> Verdict:
    """An identity that nobody registered, where such are let in to be looked at: it has proved nothing."""
    subprotocol = choose_subprotocol(offered, None)
    if subprotocol is None:
        return _no_version(offered)
    return Admitted(SecurityProfile.NONE, subprotocol, None, lane=Lane.QUARANTINE)


def _no_version(offered: tuple[str, ...]) -> Refused:
    return Refused(400, f"no subprotocol in common: offered {', '.join(offered) or 'none'}")


def _admitted(peer: Peer, proved: SecurityProfile | Refused, subprotocol: str, lane: Lane | None) -> Admitted:
    profile = proved if isinstance(proved, SecurityProfile) else _profile_in(lane)
    if lane is not Lane.BOOTSTRAP and profile is SecurityProfile.MUTUAL_TLS and peer.certificate:
        return Admitted(profile, subprotocol, peer.certificate.serial, peer.certificate.made_at, lane=lane)
    return Admitted(profile, subprotocol, None, beside=_makers_words(peer), lane=lane)


def _profile_in(lane: Lane | None) -> SecurityProfile:
    return SecurityProfile.TLS_BASIC if lane is Lane.PASSWORD else SecurityProfile.MUTUAL_TLS


def choose_subprotocol(offered: tuple[str, ...], registered: OcppVersion | None) -> str | None:
    """The version on record or expected, when the station offers it, else the first of its list that we speak."""
    spoken = [name for name in offered if name in SUBPROTOCOLS]
    on_record = [name for name in spoken if SUBPROTOCOLS[name] is registered]
    return next(iter(on_record or spoken), None)


def outranks(newcomer: Admitted, holder: Admitted) -> bool:
    """Whether a second connection for one identity may take over: with at least equal proof."""
    return newcomer.rank >= holder.rank


def _proved_profile(peer: Peer, station: Registered) -> SecurityProfile | Refused:
    if peer.certificate is not None:
        fault = certificate_fault(peer.certificate, station)
        if fault is None:
            return SecurityProfile.MUTUAL_TLS
        if peer.certificate.maker is not None:
            fault = _makers_fault(peer.certificate.maker, peer, station)
            if fault is not None:
                return Refused(401, fault)
        elif not peer.basic_present or _is_alarming(peer.certificate, station):
            return Refused(401, fault)
    if peer.password_fits:
        return SecurityProfile.TLS_BASIC if peer.tls else SecurityProfile.BASIC
    if peer.basic_present:
        stale = "it still uses the password that it has accepted a new one for"
        return Refused(401, stale if peer.password_retired else "wrong user name or password")
    if peer.tls or station.floor > SecurityProfile.NONE:
        missing = "neither client certificate nor Basic password" if peer.tls else "no Basic password"
        return Refused(401, missing)
    return SecurityProfile.NONE


def certificate_fault(certificate: PresentedCertificate, station: Registered) -> str | None:
    """Why the certificate does not prove the station, or None when it does (A00.FR.403-408)."""
    if certificate.station is None or certificate.profile != "station":
        return "the client certificate is not a station certificate of this authority"
    if certificate.station != station.id:
        return f"the client certificate {certificate.serial} belongs to another station"
    if certificate.common_name != station.serial:
        return f"the certificate's CN {certificate.common_name!r} is not the registered serial number"
    if certificate.state != "good":
        return f"the client certificate {certificate.serial} is {certificate.state}"
    if _is_outdated(certificate, station):
        return f"the client certificate {certificate.serial} is older than one that this station has used since"
    return None


def _lane(peer: Peer, station: Registered) -> Lane | Refused | None:
    """The lane of a peer that would be refused; Refused when its lane has a reason of its own to refuse it."""
    certificate = peer.certificate
    if peer.by_recovery and station.floor >= SecurityProfile.MUTUAL_TLS:
        fault = _password_fault(peer, station)
        return Lane.PASSWORD if fault is None else Refused(401, fault)
    if certificate is None:
        return None
    if certificate.maker is not None:
        if not station.bootstrap or peer.basic_present:
            return None
        fault = _bootstrap_fault(certificate.maker, station)
        return Lane.BOOTSTRAP if fault is None else Refused(401, fault)
    # All but its time must be right: the station, the serial number, neither revoked nor held, none newer used.
    is_past = certificate.state == CertificateState.EXPIRED or certificate.state.startswith(_RETIRED)
    would_do = certificate_fault(replace(certificate, state=CertificateState.GOOD.value), station) is None
    return Lane.RECOVERY if station.recovery is Lane.RECOVERY and is_past and would_do else None


def _password_fault(peer: Peer, station: Registered) -> str | None:
    """Why the password of a recovery does not let into its lane, or None when it does.

    A certificate beside it is no proof, not even the station's own that was revoked; somebody else's is a reason to
    look twice.
    """
    certificate = peer.certificate
    if station.recovery is not Lane.PASSWORD:
        return "the password of its recovery, which is not open"
    if not peer.tls:
        return "the password of its recovery came over a plain line, where anybody could read it"
    if certificate is not None and certificate.station not in (None, station.id):
        return f"the client certificate {certificate.serial} belongs to another station"
    if certificate is not None and certificate.maker is not None:
        return _another_serial(certificate.maker, station)
    return None


def _bootstrap_fault(maker: MakersCertificate, station: Registered) -> str | None:
    """Why a maker's certificate alone does not do for a station that may begin with one; None when it does.

    The operator named the maker; what the station calls its vendor in BootNotification may be spelt otherwise.
    """
    whose = _whose(maker)
    if station.bootstrap.casefold() != maker.vendor.casefold():
        return f"{whose}, where {station.bootstrap} may vouch for this station"
    if fault := _another_serial(maker, station):
        return fault
    if station.newest_used is not None and station.recovery is not Lane.BOOTSTRAP:
        return f"{whose}, which counts at first contact only; this station has used a certificate of ours"
    return None


def _whose(maker: MakersCertificate) -> str:
    return f"the client certificate is one of {maker.vendor} (anchor {maker.anchor})"


def _another_serial(maker: MakersCertificate, station: Registered) -> str | None:
    if maker.states(station.serial):
        return None
    stated = " or ".join(repr(name) for name in maker.names) or "no name"
    return f"{_whose(maker)} for {stated}, not for the registered serial number"


def _makers_fault(maker: MakersCertificate, peer: Peer, station: Registered) -> str | None:
    """Why a certificate under a maker's root is in the way, or None when the password may decide (A00.FR.801–806).

    It never proves a station to us: whoever holds the maker's key could make one. It may stand beside the password
    until the station has reached profile 3, when it states the registered serial number of that maker's station.
    """
    whose = _whose(maker)
    if fault := _another_serial(maker, station):
        return fault
    if station.vendor and station.vendor.casefold() != maker.vendor.casefold():
        return f"{whose}, but the station is one of {station.vendor}"
    if station.floor >= SecurityProfile.MUTUAL_TLS:
        return f"{whose}, which counts at first contact only; this station has reached profile 3"
    if not peer.basic_present:
        return f"{whose}, which is no proof without the Basic password"
    return None


def _makers_words(peer: Peer) -> str:
    maker = peer.certificate.maker if peer.certificate else None
    return f"a certificate of {maker.vendor} for its serial number (anchor {maker.anchor})" if maker else ""


def _is_alarming(certificate: PresentedCertificate, station: Registered) -> bool:
    """A certificate that no good password makes up for: another station's, or one that was revoked or held.

    Others may stand beside a password: a factory certificate, or one that has run out.
    """
    stolen = certificate.station is not None and certificate.station != station.id
    return stolen or certificate.state in ("revoked", "held")


def _alarming(certificate: PresentedCertificate | None, station: Registered) -> str:
    """What a refused peer showed that the true station would not: the certificate's serial number, or the station.

    Another station's certificate, an old board's, one older than another that the station has used since (a copy, or a
    station that fell back), and a maker's for another device where a maker may vouch for this one.
    """
    if certificate is None:
        return ""
    if certificate.maker is not None:
        return station.id if station.bootstrap and not certificate.maker.states(station.serial) else ""
    if certificate.station is None or certificate.profile != "station":
        return ""
    is_anothers = certificate.station != station.id or certificate.common_name != station.serial
    return certificate.serial if is_anothers or _is_outdated(certificate, station) else ""


def _is_outdated(certificate: PresentedCertificate, station: Registered) -> bool:
    return bool(station.newest_used and certificate.made_at and certificate.made_at < station.newest_used)
