"""Releases as an update needs them: which signature, verified once more, under which root, with which counter."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from sqlmodel import Session, col, func, select

from csms_bridge.errors import FirmwareNotNow
from csms_bridge.firmware.guards import HARDWARE_TAG, Machine, check_signature, choose_form
from csms_bridge.firmware.machine import same_version
from csms_bridge.posture.rows import VariableRow
from csms_bridge.posture.subjects import Subject, variable_of
from csms_bridge.quirks.quirks import Quirks
from csms_bridge.station import OcppVersion
from csms_bridge.tables import StationRow
from csms_bridge.variables import Attribute
from pki.anchor_use import AnchorUse
from pki.authority import Authority
from pki.clock import Clock
from pki.firmware_book import FirmwareState, SignedFirmware
from pki.firmware_tables import FirmwareRow
from pki.foreign_certificates import is_signed
from pki.hierarchy import AuthorityKind, AuthorityStatus, HierarchyName

_GONE = (AuthorityStatus.PENDING, AuthorityStatus.RETIRED)


@dataclass(frozen=True, slots=True)
class ManufacturerRoot:
    """A root that firmware signers stand under; `name` is what the door to stations' roots calls it."""

    name: str
    certificate: x509.Certificate


class Releases:
    """Reads what the authority signed. To be asked before a transaction is opened, but for `machine_of`."""

    def __init__(self, authority: Authority, clock: Clock) -> None:
        self._authority = authority
        self._clock = clock

    def forms(self, firmware: str) -> list[SignedFirmware]:
        """The signatures of the release that this order is of. Raises UnknownFirmware."""
        one = self._authority.firmware(firmware)
        return self._authority.firmware_book.release(one.vendor, one.model, one.version) or [one]

    def verified(self, forms: Sequence[SignedFirmware], quirks: Quirks) -> SignedFirmware:
        """The signature for stations of a kind, verified as of now. Raises FirmwareNotNow."""
        signed = choose_form(forms, quirks)
        check_signature(signed, [root.certificate for root in self.roots()], self._clock())
        return signed

    def roots(self) -> list[ManufacturerRoot]:
        """Our own manufacturer roots, and those that are anchors for firmware."""
        ours = [
            ManufacturerRoot(f"authority:{one.name}", x509.load_der_x509_certificate(one.der))
            for one in self._authority.authorities()
            if one.kind is AuthorityKind.ROOT
            and one.hierarchy is HierarchyName.MANUFACTURER
            and one.status not in _GONE
        ]
        anchors = self._authority.anchors.all(AnchorUse.FIRMWARE)
        return ours + [
            ManufacturerRoot(f"anchor:{one.name}", x509.load_der_x509_certificate(one.der)) for one in anchors
        ]

    def root_above(self, signed: SignedFirmware) -> ManufacturerRoot:
        """The root that the signing certificate stands under directly. Raises FirmwareNotNow."""
        certificate = x509.load_pem_x509_certificate((signed.signing_certificate or "").encode())
        for root in self.roots():
            if is_signed(certificate, root.certificate):
                return root
        raise FirmwareNotNow("signature", "no manufacturer root that is known here vouches for the signing certificate")


def machine_of(session: Session, station: StationRow, quirks: Quirks) -> Machine:
    """A station as the guards see it, from what it told and what people said of it."""
    tags = [str(tag) for tag in json.loads(station.tags)]
    hardware = tuple(tag.removeprefix(HARDWARE_TAG).strip() for tag in tags if tag.startswith(HARDWARE_TAG))
    return Machine(
        station.id, station.vendor, station.model, station.firmware, hardware,
        counter_of(session, station.vendor, station.model, station.firmware), protocols_of(session, station, quirks),
    )  # fmt: skip


def counter_of(session: Session, vendor: str, model: str, version: str) -> int | None:
    """The release counter of a version that was signed here; None when none is known."""
    query = select(FirmwareRow.version, FirmwareRow.release_counter).where(
        func.lower(FirmwareRow.vendor) == vendor.strip().lower(),
        func.lower(FirmwareRow.model) == model.strip().lower(),
        FirmwareRow.state == FirmwareState.SIGNED.value,
        col(FirmwareRow.release_counter).is_not(None),
    )
    known = [counter for name, counter in session.exec(query) if counter is not None and same_version(name, version)]
    return max(known, default=None)


def protocols_of(session: Session, station: StationRow, quirks: Quirks) -> frozenset[str]:
    """How it says that it fetches files (FileTransferProtocols), else what the quirk book knows of its kind."""
    variable = variable_of(Subject.TRANSFER, OcppVersion(station.ocpp_version)) if station.ocpp_version else None
    told = None
    if variable is not None:
        query = select(VariableRow.value).where(
            VariableRow.station == station.id, VariableRow.component == variable.component,
            VariableRow.name == variable.name, VariableRow.attribute == Attribute.ACTUAL.value,
        )  # fmt: skip
        told = session.exec(query).first()
    said = frozenset(part.strip().lower() for part in (told or "").split(",") if part.strip())
    return said or frozenset(protocol.value for protocol in quirks.firmware_from)
