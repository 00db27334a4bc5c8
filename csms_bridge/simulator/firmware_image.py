"""What a simulated station reads out of an image: which version it runs afterwards. Pure.

An image may say so in lines of its own (`version: 1.2.3`, `ocpp: 2.0.1`) among its first 4 KiB. One that says nothing,
as any file may, is the version in its address: `Wallbox-1.2.3.bin`.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

_HEAD = 4096
_LINE = re.compile(rb"^(version|ocpp): *([^\s]{1,50})\s*$", re.MULTILINE)
_NAMED = re.compile(r"-([0-9][^-/]*?)(?:\.(?:bin|img|fw|zip|tar\.gz))?$")


@dataclass(frozen=True)
class Contents:
    """The version that an image brings, and the OCPP version that it speaks where it is another one."""

    version: str
    ocpp: str | None = None


def read_image(image: bytes, url: str, before: str) -> Contents:
    """What an image brings; one that says nothing anywhere changes nothing."""
    said = dict(_LINE.findall(image[:_HEAD]))
    named = _NAMED.search(unquote(urlsplit(url).path))
    version = said[b"version"].decode(errors="replace") if b"version" in said else named[1] if named else before
    return Contents(version, said[b"ocpp"].decode(errors="replace") if b"ocpp" in said else None)


def signature_fits(image: bytes, signature: str, signer: x509.Certificate, *, pss: bool = False) -> bool:
    """Verify a base64 signature: SHA-256 over the file, ECDSA or RSA PKCS#1 v1.5 (EVerest, open-ocpp), or RSA-PSS."""
    key = signer.public_key()
    try:
        raw = base64.b64decode(signature, validate=True)
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(raw, image, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            salted = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
            key.verify(raw, image, salted if pss else padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except (InvalidSignature, binascii.Error):
        return False
    return True
