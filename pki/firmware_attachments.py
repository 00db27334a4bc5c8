"""Files that an order binds: SBOMs (CycloneDX, SPDX) and provenance (in-toto), known by what they say. Pure."""

import hashlib
import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from pki.errors import FirmwareRefused

_STATEMENT = "https://in-toto.io/Statement/"
_PAYLOAD = "application/vnd.in-toto+json"


class AttachmentKind(StrEnum):
    """What a file is for."""

    SBOM = "sbom"
    PROVENANCE = "provenance"


@dataclass(frozen=True)
class Attachment:
    """One file, as it came."""

    kind: AttachmentKind
    name: str
    content: bytes = field(repr=False)

    @cached_property
    def sha256(self) -> str:
        """What the log commits to (hex)."""
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def form(self) -> str:
        """Which format it is: `CycloneDX`, `SPDX`, `in-toto`. Raises FirmwareRefused."""
        return _sbom_form(self) if self.kind is AttachmentKind.SBOM else _provenance_form(self)

    def check_digest(self, digest: bytes) -> None:
        """A provenance must be about the image itself. Raises FirmwareRefused."""
        if not self.form or self.kind is not AttachmentKind.PROVENANCE:
            return
        subjects = {found for statement in _statements(self) for found in _subjects(statement)}
        if digest.hex() not in subjects:
            why = f"{self.name} is about another image: none of its subjects has this SHA-256"
            raise FirmwareRefused("attachments", why)


def _sbom_form(one: Attachment) -> str:
    said = _json(one, one.content)
    if said.get("bomFormat") == "CycloneDX":
        return "CycloneDX"
    if str(said.get("spdxVersion", "")).startswith("SPDX-") or "spdx.org" in str(said.get("@context", "")):
        return "SPDX"
    raise FirmwareRefused("attachments", f"{one.name} is neither CycloneDX nor SPDX in JSON")


def _provenance_form(one: Attachment) -> str:
    if not list(_statements(one)):
        raise FirmwareRefused("attachments", f"{one.name} holds no in-toto statement")
    return "in-toto"


def _statements(one: Attachment) -> Iterator[Mapping[str, Any]]:
    """Plain, in DSSE envelopes or in Sigstore bundles; one, or one a line. Raises FirmwareRefused."""
    try:
        texts = [json.loads(one.content)]
    except (ValueError, RecursionError):
        texts = [_json(one, line) for line in one.content.splitlines() if line.strip()]
    for said in texts:
        if isinstance(said, dict):
            yield from _opened(one, said.get("dsseEnvelope", said))


def _opened(one: Attachment, said: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(said, dict) and said.get("payloadType") == _PAYLOAD:
        try:
            said = _json(one, b64decode(str(said.get("payload", ""))))
        except ValueError:
            raise FirmwareRefused("attachments", f"{one.name} has an envelope that cannot be opened") from None
    if isinstance(said, dict) and str(said.get("_type", "")).startswith(_STATEMENT):
        yield said


def _subjects(statement: Mapping[str, Any]) -> Iterator[str]:
    subjects = statement.get("subject")
    for subject in subjects if isinstance(subjects, list) else ():
        digest = subject.get("digest") if isinstance(subject, dict) else None
        if isinstance(digest, dict):
            yield str(digest.get("sha256", "")).lower()


def _json(one: Attachment, content: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        raise FirmwareRefused("attachments", f"{one.name} is not JSON that can be read") from None
    if not isinstance(said, dict):
        raise FirmwareRefused("attachments", f"{one.name} is not a JSON object")
    return said
