"""Signed tree heads of the transparency log, in the form that witnesses and monitors read. Pure.

A head is a signed note (C2SP tlog-checkpoint and signed-note): the log's name, its size, its root in base64, an empty
line, and a signature line. The key is Ed25519 and belongs to the log alone.
"""

import hashlib
from base64 import b64decode, b64encode
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from pki.foreign_certificates import UNREADABLE

_ED25519 = b"\x01"  # signed-note's number of the algorithm
_DASH = "\u2014 "  # an em dash and a blank begin a signature line
_NAME = "voltward/firmware-log/"


class HeadRefused(ValueError):
    """Text that is no tree head, or not one of this log's key."""


@dataclass(frozen=True, slots=True)
class TreeHead:
    """How large a log is, and the root (32 octets) over all its entries. `origin` is the log's name."""

    origin: str
    size: int
    root: bytes


class LogKey:
    """The log's public key, and what follows from it."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self.raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        self.origin = _NAME + hashlib.sha256(self.raw).hexdigest()[:16]

    @classmethod
    def read(cls, pem: str) -> "LogKey":
        """From PEM. Raises HeadRefused."""
        try:
            key = load_pem_public_key(pem.encode())
        except UNREADABLE:
            raise HeadRefused("the log's key is not a public key in PEM") from None
        if not isinstance(key, Ed25519PublicKey):
            raise HeadRefused("the log's key is not an Ed25519 key")
        return cls(key)

    @property
    def verifier(self) -> str:
        """The key as tools for signed notes take it: name, key id and key."""
        return f"{self.origin}+{self.key_id.hex()}+{b64encode(_ED25519 + self.raw).decode()}"

    @property
    def key_id(self) -> bytes:
        """Four octets that stand before each signature (signed-note, "Signatures")."""
        return hashlib.sha256(self.origin.encode() + b"\n" + _ED25519 + self.raw).digest()[:4]

    def opened(self, note: str) -> TreeHead:
        """The head in a signed note of this log. Raises HeadRefused."""
        body, blank, signature = note.rpartition("\n\n")
        if not blank:
            raise HeadRefused("it is not a signed tree head")
        head = _parsed(body)
        if head.origin != self.origin:
            raise HeadRefused("it is the head of another log")
        try:
            self._key.verify(self._signature(signature), f"{body}\n".encode())
        except InvalidSignature:
            raise HeadRefused("its signature is not good") from None
        return head

    def _signature(self, line: str) -> bytes:
        start = f"{_DASH}{self.origin} "
        if not line.startswith(start) or not line.endswith("\n"):
            raise HeadRefused("it has no signature of this log")
        signed = _octets(line.removeprefix(start).removesuffix("\n"))
        if signed[:4] != self.key_id:
            raise HeadRefused("it is signed with another key")
        return signed[4:]


class LogSigner:
    """The log's own key. `seed` is 32 secret octets."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = LogKey(self._key.public_key())

    def head(self, size: int, root: bytes) -> str:
        """A signed note."""
        body = f"{self.public.origin}\n{size}\n{b64encode(root).decode()}\n"
        signed = b64encode(self.public.key_id + self._key.sign(body.encode())).decode()
        return f"{body}\n{_DASH}{self.public.origin} {signed}\n"


def _parsed(body: str) -> TreeHead:
    lines = body.split("\n")
    if len(lines) != 3 or not lines[1].isascii() or not lines[1].isdigit() or len(lines[1]) > 18:
        raise HeadRefused("it is not a signed tree head")
    root = _octets(lines[2])
    if len(root) != 32 or lines[1] != str(int(lines[1])):
        raise HeadRefused("it is not a signed tree head")
    return TreeHead(lines[0], int(lines[1]), root)


def _octets(text: str) -> bytes:
    """Base64 in the one spelling that encoding gives. Raises HeadRefused."""
    try:
        octets = b64decode(text, validate=True)
    except ValueError:
        raise HeadRefused("it is not base64") from None
    if b64encode(octets).decode() != text:
        raise HeadRefused("it is not base64 as one writes it")
    return octets
