"""Orders for firmware signatures as they come over HTTP: JSON with a digest, or a form with the image itself."""

import hashlib
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError
from starlette.datastructures import FormData, UploadFile

from pki.firmware_attachments import Attachment, AttachmentKind
from pki.firmware_orders import FirmwareOrder
from pki.keys import SignatureScheme
from web.api.shapes import In
from web.errors import RequestRefused

_CHUNK = 1024 * 1024
_DIGEST = "^[0-9a-fA-F]{64}$"
_FILES = {kind.value: kind for kind in AttachmentKind}


class AttachmentIn(In):
    """A file to be bound: an SBOM (CycloneDX or SPDX, JSON) or provenance (in-toto)."""

    kind: AttachmentKind
    name: str = Field(min_length=1, max_length=100)
    content: str = Field(description="base64")


class FirmwareNamesIn(In):
    """What an image is, and how it is to be signed."""

    vendor: str = Field(min_length=1, max_length=50)
    model: str = Field(min_length=1, max_length=50)
    version: str = Field(min_length=1, max_length=50)
    scheme: SignatureScheme = SignatureScheme.ECDSA_SHA256
    release_counter: int | None = Field(default=None, ge=0, le=2**31 - 1)
    minimum_counter: int | None = Field(default=None, ge=0, le=2**31 - 1)
    hardware: list[str] = Field(default=[], max_length=100)


class FirmwareIn(FirmwareNamesIn):
    """The same with the image's SHA-256, when the image itself stays where it was built."""

    digest: str = Field(pattern=_DIGEST, description="SHA-256 of the image, hex")
    attachments: list[AttachmentIn] = Field(default=[], max_length=10)


class BroughtIn(FirmwareIn):
    """The same with a signature that the manufacturer made, and its certificate."""

    signature: str = Field(min_length=1, max_length=10_000, description="base64")
    signing_certificate: str = Field(min_length=1, max_length=100_000, description="PEM")

    def without_signature(self) -> Mapping[str, Any]:
        """What an order has."""
        return self.model_dump(exclude={"signature", "signing_certificate"})


BODIES = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": FirmwareIn.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image", "vendor", "model", "version"],
                    "properties": {
                        "image": {"type": "string", "format": "binary"},
                        "sbom": {"type": "string", "format": "binary"},
                        "provenance": {"type": "string", "format": "binary"},
                        "digest": {"type": "string", "pattern": _DIGEST, "description": "what it must come to"},
                        **FirmwareNamesIn.model_json_schema()["properties"],
                    },
                }
            },
        },
    }
}


async def read_form(request: Request) -> FirmwareOrder:
    """An image with what it is; nothing of it is kept. Raises RequestRefused, RequestValidationError."""
    async with request.form(max_files=11, max_fields=120) as form:
        image = form.get("image")
        if not isinstance(image, UploadFile):
            raise RequestRefused("image", "the form has no file called `image`")
        digest = await _digest_of(image)
        if not image.size:
            raise RequestRefused("image", "the image is empty", "Look at what the build made.")
        claimed = form.get("digest", digest)
        if str(claimed).lower() != digest:
            raise RequestRefused("digest", f"the image that came has the SHA-256 {digest}, not the one given")
        files = [await _attachment(kind, file) for name, kind in _FILES.items() for file in form.getlist(name)]
        return validated({**_fields(form), "digest": digest}, tuple(files))


async def read_json(request: Request) -> FirmwareOrder:
    """A digest with what it is. Raises RequestRefused, RequestValidationError."""
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        raise RequestRefused("body", "the body is neither JSON nor a multipart form") from None
    return validated(body)


def validated(body: object, files: tuple[Attachment, ...] = ()) -> FirmwareOrder:
    """The order in a body. Raises RequestRefused, RequestValidationError."""
    try:
        asked = FirmwareIn.model_validate(body)
    except ValidationError as wrong:
        errors = [{**error, "loc": ("body", *error["loc"])} for error in wrong.errors()]
        raise RequestValidationError(errors) from None
    attached = tuple(Attachment(one.kind, one.name, _decoded(one)) for one in asked.attachments)
    return FirmwareOrder(
        asked.vendor, asked.model, asked.version, bytes.fromhex(asked.digest), asked.scheme,
        asked.release_counter, asked.minimum_counter, tuple(asked.hardware), attached + files,
    )  # fmt: skip


def _fields(form: FormData) -> dict[str, Any]:
    """The fields that are no files; `hardware` may come more than once, an empty counter is none."""
    given = {name: value for name, value in form.items() if name not in {"image", "digest", "hardware", *_FILES}}
    named = {name: value for name, value in given.items() if value != "" or not name.endswith("_counter")}
    return {**named, "hardware": [str(one) for one in form.getlist("hardware") if one]}


async def _digest_of(image: UploadFile) -> str:
    digest = hashlib.sha256()
    while chunk := await image.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


async def _attachment(kind: AttachmentKind, file: UploadFile | str) -> Attachment:
    if isinstance(file, str):
        raise RequestRefused(kind.value, f"`{kind}` must be a file")
    return Attachment(kind, (file.filename or kind.value).rpartition("/")[2], await file.read())


def _decoded(one: AttachmentIn) -> bytes:
    try:
        return b64decode(one.content, validate=True)
    except ValueError:
        raise RequestRefused("attachments", f"{one.name} is not base64") from None
