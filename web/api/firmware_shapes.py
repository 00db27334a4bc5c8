"""The firmware log and its proofs on the wire. Digests and nodes are hex, heads are signed notes."""

from datetime import datetime
from typing import Any

from pki.firmware_log import Consistency, Inclusion
from pki.log_heads import LogKey
from web.api.shapes import Out


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
