"""A station that answers from a list of certificates, in the wire's words, without a wire."""

from collections.abc import Iterable
from dataclasses import asdict, replace

from csms_bridge.hash_data import hash_data, named
from csms_bridge.orders import Ending
from csms_bridge.station import CommandOrder, OcppVersion, SecurityProfile
from csms_bridge.station_certificates import CertificateKind, HashData
from csms_bridge.station_roots.entries import RootAct
from csms_bridge.station_roots.messages import kinds_of
from tests.csms_bridge.room import SigningRoom

CSMS, MANUFACTURER = CertificateKind.CSMS, CertificateKind.MANUFACTURER
V16, V201, V21 = OcppVersion
TYPES = {
    CertificateKind.CSMS: "CSMSRootCertificate",
    CertificateKind.MANUFACTURER: "ManufacturerRootCertificate",
    CertificateKind.V2G: "V2GRootCertificate",
}
BY = "user:anna"


def name_of(der: bytes, issuer: bytes | None = None, algorithm: str = "SHA256", **other: str) -> HashData:
    """The hash data of a certificate; `other` spoils it."""
    return replace(hash_data(named(der, issuer), algorithm), **other)


def wire(told: HashData) -> dict[str, str]:
    """CertificateHashDataType."""
    names = ("hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber")
    return dict(zip(names, asdict(told).values(), strict=True))


class Holder:
    """A connected station of a room, and what it holds."""

    def __init__(
        self, room: SigningRoom, station: str = "CS-1", version: OcppVersion = V201,
        profile: SecurityProfile = SecurityProfile.TLS_BASIC,
    ) -> None:  # fmt: skip
        self.room = room
        self.station = station
        self.version = version
        self.held: list[tuple[CertificateKind, HashData]] = []
        room.add(station, profile=profile, version=version)
        room.connect(station, profile, version=version)

    def root(self, name: str) -> bytes:
        """One of our authorities' certificates."""
        return self.room.authority.authority(name).der

    def hold(self, kind: CertificateKind, *told: HashData) -> None:
        """It holds these from now on."""
        self.held += [(kind, one) for one in told]

    def answer(self, answer: object = None, *, error: str = "", ending: Ending | None = None) -> list[CommandOrder]:
        """Answer everything that waits: lists out of what is held, the rest with `answer`."""
        orders = self.room.orders.claim({self.station})
        for order in orders:
            said = self._list(order) if order.action == "GetInstalledCertificateIds" and answer is None else answer
            self.room.orders.finish(order, said, error, ending)
        return orders

    def list(self, *kinds: CertificateKind) -> list[RootAct]:
        """It is asked for its list, and gives it."""
        acts = self.room.roots.list_now(self.station, kinds, BY)
        self.answer()
        return [self.room.roots.act(self.station, act.id) for act in acts]

    def _list(self, order: CommandOrder) -> dict[str, object]:
        asked = order.payload.get("certificateType")
        found = [(kind, told) for kind, told in self.held if self._is_asked(kind, asked)]
        if not found:
            return {"status": "NotFound"}
        if self.version is V16:
            return {"status": "Accepted", "certificateHashData": [wire(told) for _, told in found]}
        chains = [{"certificateType": TYPES[kind], "certificateHashData": wire(told)} for kind, told in found]
        return {"status": "Accepted", "certificateHashDataChain": chains}

    def _is_asked(self, kind: CertificateKind, asked: object) -> bool:
        names: Iterable[object] = asked if isinstance(asked, list) else [asked]
        spelt = TYPES[kind] if self.version is not V16 else TYPES[kind].replace("CSMS", "CentralSystem")
        return asked is None or spelt in names

    @property
    def all_kinds(self) -> tuple[CertificateKind, ...]:
        """What it can be asked for."""
        return kinds_of(self.version)
