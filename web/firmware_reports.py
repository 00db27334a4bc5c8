"""What somebody asks about a version later (CRA, NIS2): who, when, with what, and what the log commits to."""

from pki.errors import UnknownCertificate
from pki.firmware_book import SignedFirmware
from pki.firmware_entries import names_sha256
from web.api.firmware_shapes import FirmwareOut, FirmwareReportOut
from web.api.shapes import AuditRecordOut, CertificateOut
from web.service import Service

_MOST_ACTS = 500


def report_of(doors: Service, firmware_id: str) -> FirmwareReportOut:
    """Everything on record of one order. Raises UnknownFirmware."""
    firmware = doors.authority.firmware(firmware_id)
    with doors.store.reading() as session:
        acts = doors.trail.records(session, kind="firmware", thing=firmware_id, limit=_MOST_ACTS)
    running, updates = doors.fleet.versions.counts(firmware)
    people = [one.person for one in firmware.approvals]
    return FirmwareReportOut(
        firmware=FirmwareOut.of(firmware),
        names_salt=firmware.names_salt,
        names_sha256=names_sha256(firmware.requested_by, people, firmware.names_salt) if firmware.names_salt else "",
        certificate=_signer(doors, firmware),
        running=running,
        updates=updates,
        acts=[AuditRecordOut.of(act) for act in acts],
    )


def _signer(doors: Service, firmware: SignedFirmware) -> CertificateOut | None:
    """The signing certificate as it stands; None for one that somebody else issued."""
    try:
        return CertificateOut.of(doors.authority.certificate(firmware.signing_serial or ""))
    except UnknownCertificate:
        return None
