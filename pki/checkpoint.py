"""A checkpoint: the heads of all audit chains at one moment, and the checkpoint before, signed.

The statement is canonical JSON, and the very text that was signed is kept:

    {"format": "voltward-checkpoint/1", "number": 7, "made_at": "2026-…+00:00",
     "previous": SHA-256 of the statement before (hex; empty for the first),
     "heads": [{"writer", "sequence", "mac", "sha256"}, …]}

`sha256` is the running digest of `pki.audit_chain`, which needs no key. A statement made after a database was set back
has `abandons` as well: {"first", "last", "sha256"} names the checkpoints that it goes on without.
"""

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pki.audit_chain import canonical
from pki.foreign_certificates import UNREADABLE, is_signed
from pki.profiles import ExtendedUse

FORMAT = "voltward-checkpoint/1"
_LONGEST_CHAIN = 5


class NoCheckpoint(ValueError):
    """Text that is no checkpoint of ours."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where one writer's chain was: the last record's number, its MAC, the running SHA-256 (both hex)."""

    writer: str
    sequence: int
    mac: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The checkpoints that a set-back database goes on without; `sha256` is the last one's."""

    first: int
    last: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint. `signature` is DER (ECDSA with SHA-256), `certificate_pem` the signer's and those above it."""

    number: int
    made_at: datetime
    previous: str
    heads: tuple[Head, ...]
    abandons: Abandoned | None
    statement: str
    signature: bytes
    certificate_pem: str
    stamp: bytes | None = None

    @property
    def sha256(self) -> str:
        """SHA-256 of the statement (hex), as the next checkpoint names it."""
        return hashlib.sha256(self.statement.encode()).hexdigest()

    @property
    def records(self) -> int:
        """How many records it speaks of."""
        return sum(head.sequence for head in self.heads)

    @property
    def is_stamped(self) -> bool:
        """Whether a time-stamping authority has seen it."""
        return self.stamp is not None

    def line(self) -> str:
        """Its line in the checkpoint file and in an export, without a line feed; the stamp is not in it."""
        fields = {"certificate": self.certificate_pem, "signature": b64encode(self.signature).decode()}
        return canonical({**fields, "statement": self.statement})


def state(
    number: int, made_at: datetime, previous: str, heads: Sequence[Head], abandons: Abandoned | None = None
) -> str:
    """The statement to be signed."""
    said: dict[str, Any] = {"format": FORMAT, "number": number, "made_at": made_at.isoformat(), "previous": previous}
    said["heads"] = [
        {"writer": head.writer, "sequence": head.sequence, "mac": head.mac, "sha256": head.sha256} for head in heads
    ]
    if abandons is not None:
        said["abandons"] = {"first": abandons.first, "last": abandons.last, "sha256": abandons.sha256}
    return canonical(said)


def checkpoint_of(statement: str, signature: str, certificate_pem: str, stamp: bytes | None = None) -> Checkpoint:
    """Read a checkpoint; `signature` is base64. Its signature is not checked here. Raises NoCheckpoint."""
    try:
        said = json.loads(statement)
        if said["format"] != FORMAT:
            raise NoCheckpoint(f"the format {said['format']!r} is unknown")
        abandons = said.get("abandons")
        return Checkpoint(
            number=int(said["number"]),
            made_at=_moment(said["made_at"]),
            previous=str(said["previous"]),
            heads=tuple(Head(str(h["writer"]), int(h["sequence"]), h["mac"], h["sha256"]) for h in said["heads"]),
            abandons=Abandoned(abandons["first"], abandons["last"], abandons["sha256"]) if abandons else None,
            statement=statement,
            signature=b64decode(signature, validate=True),
            certificate_pem=certificate_pem,
            stamp=stamp,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise NoCheckpoint(f"it cannot be read as a checkpoint ({type(fault).__name__})") from None


def read_line(line: str) -> Checkpoint:
    """A checkpoint from its line. Raises NoCheckpoint."""
    try:
        fields = json.loads(line)
        return checkpoint_of(fields["statement"], fields["signature"], fields["certificate"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NoCheckpoint("it cannot be read as a checkpoint") from None


def signature_fault(checkpoint: Checkpoint, roots: tuple[x509.Certificate, ...]) -> str | None:
    """What is wrong with the signature or its certificate, seen at the time of signing; None when all is well."""
    try:
        signer = _trusted(checkpoint.certificate_pem, roots)
    except NoCheckpoint as fault:
        return str(fault)
    if not signer.not_valid_before_utc <= checkpoint.made_at <= signer.not_valid_after_utc + timedelta(seconds=1):
        return "its certificate was not valid when it was made"
    key = signer.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return "its certificate has another kind of key than ours"
    try:
        key.verify(checkpoint.signature, checkpoint.statement.encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return "its signature is not good"
    return None


@lru_cache(maxsize=16)
def _trusted(certificates_pem: str, roots: tuple[x509.Certificate, ...]) -> x509.Certificate:
    """The first certificate, when a chain leads from it to one of the roots. Raises NoCheckpoint."""
    try:
        chain = x509.load_pem_x509_certificates(certificates_pem.encode())[:_LONGEST_CHAIN]
        leaf, *above = chain
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if ExtendedUse.DOCUMENT_SIGNING.identifier not in uses or _is_authority(leaf):
            raise NoCheckpoint("its certificate is not one for signing checkpoints")
        _climb(leaf, above, roots)
    except NoCheckpoint:
        raise
    except (*UNREADABLE, x509.ExtensionNotFound):
        raise NoCheckpoint("its certificate cannot be read") from None
    return leaf


def _climb(leaf: x509.Certificate, above: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> None:
    current = leaf
    for _ in range(_LONGEST_CHAIN):
        if any(is_signed(current, root) for root in roots):
            return
        following = next(
            (one for one in above if one != current and _is_authority(one) and is_signed(current, one)), None
        )
        if following is None:
            break
        current = following
    raise NoCheckpoint("its certificate does not come from our root")


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise NoCheckpoint("its time has no zone")
    return moment
