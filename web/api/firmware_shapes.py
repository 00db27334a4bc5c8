"""Firmware and its log on the wire. Digests and nodes are hex, signatures base64, heads signed notes."""

from datetime import datetime
from typing import Any

from pki.firmware_log import Consistency, Inclusion
from pki.log_heads import LogKey
from web.api.shapes import AuditRecordOut, CertificateOut, Out


class RequirementOut(Out):
    """What one rule asks: so many approvals, of these people or of anybody who may approve."""

    rule: str
    approvals: int
    people: list[str]
    passkey: bool


class ApprovalOut(Out):
    """That somebody agreed; `passkey` is the evidence (JSON), empty when it was given without one."""

    person: str
    by: str
    note: str
    at: datetime
    passkey: str


class BoundFileOut(Out):
    """A file that the order binds."""

    kind: str
    name: str
    form: str
    sha256: str
    size: int


class FirmwareOut(Out):
    """A firmware image: the signature is base64 over the image, the digest SHA-256 in hex.

    `missing` says how many approvals are wanting, `reason` why it was refused. `origin`: here, or brought by the
    manufacturer.
    """

    id: str
    vendor: str
    model: str
    version: str
    digest: str
    scheme: str
    state: str
    signature: str | None
    signing_certificate: str | None
    signing_serial: str | None
    origin: str
    release_counter: int | None
    minimum_counter: int | None
    hardware: list[str]
    attachments: list[BoundFileOut]
    requested_by: str
    requested_for: str
    requirements: list[RequirementOut]
    approvals: list[ApprovalOut]
    missing: int
    reason: str
    at: datetime
    expires_at: datetime | None
    decided_at: datetime | None
    signed_at: datetime | None
    log_number: int | None


class FirmwareRuleOut(Out):
    """A rule about who must approve."""

    id: str
    vendor: str
    model: str
    approvals: int
    people: list[str]
    passkey: bool
    added_by: str
    added_at: datetime


class FirmwareReportOut(Out):
    """One version for those who ask later: who asked, approved and signed it, when, with which files.

    `running`: stations that tell this version; `updates`: by state.

    With `names_salt` the people prove to be those whom the log entry commits to.
    """

    firmware: FirmwareOut
    names_salt: str
    names_sha256: str
    certificate: CertificateOut | None
    running: int
    updates: dict[str, int]
    acts: list[AuditRecordOut]


class LogHeadOut(Out):
    """How large the log is, the root over its entries, and the note that says so, signed."""

    size: int
    root: str
    head: str


class LogKeyOut(Out):
    """The log's name and public key: PEM, and as tools for signed notes take it."""

    origin: str
    pem: str
    verifier: str

    @classmethod
    def made(cls, key: LogKey) -> "LogKeyOut":
        """From the key."""
        return cls(origin=key.origin, pem=key.pem, verifier=key.verifier)


class LogEntryOut(Out):
    """One entry: canonical JSON as text, its leaf hash, and the head that was made with it."""

    number: int
    firmware_id: str
    at: datetime
    entry: str
    leaf: str
    head: str


class InclusionOut(Out):
    """That an entry is in the log (RFC 9162 §2.1.3)."""

    entry: LogEntryOut
    proof: list[str]
    head: LogHeadOut

    @classmethod
    def made(cls, shown: Inclusion) -> "InclusionOut":
        """From the proof."""
        return cls(entry=LogEntryOut.of(shown.entry), proof=list(shown.proof), head=LogHeadOut.of(shown.head))


class ConsistencyOut(Out):
    """That the log only grew (RFC 9162 §2.1.4)."""

    old: LogHeadOut
    new: LogHeadOut
    proof: list[str]

    @classmethod
    def made(cls, shown: Consistency) -> "ConsistencyOut":
        """From the proof."""
        return cls(old=LogHeadOut.of(shown.old), new=LogHeadOut.of(shown.new), proof=list(shown.proof))


class LogVerdictOut(Out):
    """Whether the log is as it was written; `findings` say what is not."""

    whole: bool
    size: int
    findings: list[dict[str, Any]]
