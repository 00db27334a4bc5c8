"""What one entry of the transparency log says: canonical JSON that commits to everything about a signature. Pure.

    {"format": "voltward-firmware-entry/1", "at", "vendor", "model", "version", "digest", "scheme", "signature",
     "certificate_sha256", "signing_serial", "origin", "release_counter", "minimum_counter", "hardware",
     "attachments": [{"kind", "name", "sha256"}], "names_sha256", "stamp_sha256"}

The log may be shown to outsiders, so it names nobody: `names_sha256` commits to who asked and who approved, and whoever
has the report with its salt can prove it. `stamp_sha256` is null where the time stamp came later, or never.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki.audit_chain import canonical
from pki.firmware_tables import FirmwareRow

FORMAT = "voltward-firmware-entry/1"
_OF_THE_ROW = (
    "vendor", "model", "version", "digest", "scheme", "signature", "signing_serial", "origin", "release_counter",
    "minimum_counter",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attached:
    """A file bound to an order by its SHA-256 (hex): an SBOM, or where the image comes from."""

    kind: str
    name: str
    sha256: str


def entry_of(row: FirmwareRow, attached: Sequence[Attached], approved_by: Sequence[str], at: datetime) -> str:
    """The entry about a signed row."""
    said: dict[str, Any] = {name: getattr(row, name) for name in _OF_THE_ROW}
    said |= {"format": FORMAT, "at": at.isoformat(), "hardware": json.loads(row.hardware)}
    said["certificate_sha256"] = certificate_sha256(row.signing_certificate or "")
    said["attachments"] = [{"kind": one.kind, "name": one.name, "sha256": one.sha256} for one in attached]
    said["names_sha256"] = names_sha256(row.requested_by, approved_by, row.names_salt)
    said["stamp_sha256"] = hashlib.sha256(row.stamp).hexdigest() if row.stamp else None
    return canonical(said)


def names_sha256(requested_by: str, approved_by: Sequence[str], salt: str) -> str:
    """The commitment to the people behind a signature (hex)."""
    said = {"requested_by": requested_by, "approved_by": sorted(approved_by), "salt": salt}
    return hashlib.sha256(canonical(said).encode()).hexdigest()


def certificate_sha256(pem: str) -> str:
    """SHA-256 of a certificate's DER (hex). Raises ValueError."""
    der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    return hashlib.sha256(der).hexdigest()


def read_entry(text: str) -> Mapping[str, Any]:
    """An entry's members. Raises ValueError for anything but the canonical text of one."""
    said = json.loads(text)
    if not isinstance(said, dict) or said.get("format") != FORMAT or canonical(said) != text:
        raise ValueError("it is not an entry of the firmware log")
    return said


def differences(entry: Mapping[str, Any], row: FirmwareRow) -> list[str]:
    """The names of what an entry says otherwise than the row."""
    found = [name for name in _OF_THE_ROW if entry.get(name) != getattr(row, name)]
    if entry.get("hardware") != json.loads(row.hardware):
        found.append("hardware")
    if row.signing_certificate and entry.get("certificate_sha256") != certificate_sha256(row.signing_certificate):
        found.append("signing_certificate")
    return found
