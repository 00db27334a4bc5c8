"""One file with which anybody verifies a firmware image offline: signature, certificate, stamp, log entry and proof.

    {"format": "voltward-firmware-bundle/1", "vendor", "model", "version", "digest", "scheme", "signature",
     "signing_certificate", "chain": [PEM], "stamp": base64 or null,
     "log": {"number", "entry", "proof": [base64], "head"}}

Nothing in it is trusted by itself: whoever verifies brings the manufacturer's root, the log's key and, for the time
stamp, the root of the time-stamping authority. All spellings are checked to be the only ones, so that no bit can be
changed without a fault.
"""

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki.certificates import pem_of
from pki.errors import StampRefused
from pki.firmware_check import Verdict, verify_firmware
from pki.firmware_entries import certificate_sha256, read_entry
from pki.foreign_certificates import UNREADABLE
from pki.hash_tree import is_included, leaf_hash
from pki.keys import SignatureScheme
from pki.log_heads import HeadRefused, LogKey
from pki.timestamps import stamped_at

FORMAT = "voltward-firmware-bundle/1"
_NAMES = {
    "format", "vendor", "model", "version", "digest", "scheme", "signature", "signing_certificate", "chain", "stamp",
    "log",
}  # fmt: skip
_OF_THE_LOG = {"number", "entry", "proof", "head"}
_DER = Encoding.DER
_SAME_IN_ENTRY = ("vendor", "model", "version", "digest", "scheme", "signature")


class NoBundle(ValueError):
    """Text that is no bundle."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What the file says. `digest` is hex, `signature` base64, `proof` the nodes of the inclusion proof."""

    vendor: str
    model: str
    version: str
    digest: str
    scheme: SignatureScheme
    signature: str
    signing_certificate: str
    chain: tuple[str, ...]
    stamp: bytes | None
    number: int
    entry: str
    proof: tuple[bytes, ...]
    head: str


@dataclass(frozen=True, slots=True)
class Trust:
    """What whoever verifies believes in; without `stampers` a time stamp is left unread."""

    roots: Sequence[x509.Certificate]
    log_key: LogKey
    stampers: tuple[x509.Certificate, ...] = ()


def bundle_fields(bundle: Bundle) -> dict[str, Any]:
    """A bundle as the members of its file."""
    names = ("vendor", "model", "version", "digest", "signature", "signing_certificate")
    fields: dict[str, Any] = {name: getattr(bundle, name) for name in names}
    proof = [b64encode(node).decode() for node in bundle.proof]
    stamp = b64encode(bundle.stamp).decode() if bundle.stamp is not None else None
    log = {"number": bundle.number, "entry": bundle.entry, "proof": proof, "head": bundle.head}
    fields |= {"format": FORMAT, "scheme": bundle.scheme.value, "chain": list(bundle.chain)}
    return {**fields, "stamp": stamp, "log": log}


def read_bundle(text: str) -> Bundle:
    """Read a file, strictly. Raises NoBundle."""
    try:
        said = json.loads(text)
        _check_names(said)
        log = said["log"]
        return Bundle(
            vendor=_text(said["vendor"]),
            model=_text(said["model"]),
            version=_text(said["version"]),
            digest=_text(said["digest"]),
            scheme=SignatureScheme(said["scheme"]),
            signature=_text(said["signature"]),
            signing_certificate=_text(said["signing_certificate"]),
            chain=tuple(_text(pem) for pem in said["chain"]),
            stamp=None if said["stamp"] is None else _octets(said["stamp"]),
            number=int(log["number"]),
            entry=_text(log["entry"]),
            proof=tuple(_octets(node) for node in log["proof"]),
            head=_text(log["head"]),
        )
    except NoBundle:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NoBundle("it cannot be read as a firmware bundle") from None


def verify_bundle(digest: bytes, bundle: Bundle, trust: Trust) -> Verdict:
    """Judge an image by its SHA-256 and a bundle, offline. The certificate counts as of the time of signing.

    That time is the stamp's where one is believed, else the one in the log, which the log's key vouches for.
    """
    faults = [] if digest.hex() == bundle.digest else ["the image is not the one that was signed"]
    notes: list[str] = []
    signed_at = _log_time(bundle, trust, faults)
    signed_at = _stamp_time(bundle, trust, faults, notes) or signed_at
    faults += _signature_faults(digest, bundle, trust, signed_at)
    return Verdict(tuple(faults), tuple(notes))


def _log_time(bundle: Bundle, trust: Trust, faults: list[str]) -> datetime | None:
    try:
        entry = read_entry(bundle.entry)
        at = datetime.fromisoformat(entry["at"])
        other = _differences(entry, bundle)
    except (ValueError, KeyError, TypeError, RecursionError):
        faults.append("the log entry cannot be read")
        return None
    if other:
        faults.append(f"the log entry is about something else: {', '.join(other)}")
    try:
        head = trust.log_key.opened(bundle.head)
    except HeadRefused as fault:
        faults.append(f"the tree head of the log is not good: {fault}")
        return at
    leaf = leaf_hash(bundle.entry.encode())
    if not is_included(leaf, bundle.number, head.size, bundle.proof, head.root):
        faults.append("the proof does not show that the entry is in the log")
    return at


def _stamp_time(bundle: Bundle, trust: Trust, faults: list[str], notes: list[str]) -> datetime | None:
    if bundle.stamp is None:
        return None
    if not trust.stampers:
        notes.append("the time stamp was not checked: give --tsa-root to do that as well")
        return None
    try:
        return stamped_at(bundle.stamp, b64decode(bundle.signature), trust.stampers)
    except (StampRefused, ValueError) as fault:
        faults.append(f"the time stamp is not good: {getattr(fault, 'why', fault)}")
        return None


def _signature_faults(digest: bytes, bundle: Bundle, trust: Trust, at: datetime | None) -> list[str]:
    try:
        signature = _octets(bundle.signature)
    except ValueError:
        return ["the signature is not base64 as one writes it"]
    try:
        certificate = x509.load_pem_x509_certificate(bundle.signing_certificate.encode())
    except UNREADABLE:
        return ["the signing certificate is not PEM that can be read"]
    faults = []
    if pem_of(certificate.public_bytes(_DER)) != bundle.signing_certificate:
        faults.append("the signing certificate is not spelt as it was signed")
    trusted = {pem_of(root.public_bytes(_DER)) for root in trust.roots}
    if not set(bundle.chain) <= trusted:
        faults.append("the chain names a root that is not trusted")
    found = verify_firmware(digest, signature, bundle.signing_certificate, bundle.scheme, trust.roots, at)
    return [*faults, *found.faults]


def _differences(entry: Mapping[str, Any], bundle: Bundle) -> list[str]:
    found = [name for name in _SAME_IN_ENTRY if entry[name] != getattr(bundle, name)]
    try:
        is_same = entry["certificate_sha256"] == certificate_sha256(bundle.signing_certificate)
    except UNREADABLE:
        is_same = False
    stamp = hashlib.sha256(bundle.stamp).hexdigest() if bundle.stamp is not None else None
    if entry["stamp_sha256"] not in (None, stamp):
        found.append("stamp")
    return found if is_same else [*found, "signing_certificate"]


def _check_names(said: Any) -> None:
    if said["format"] != FORMAT:
        raise NoBundle(f"the format {said['format']!r} is unknown")
    if set(said) != _NAMES or set(said["log"]) != _OF_THE_LOG:
        raise NoBundle("it has other members than a firmware bundle")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise NoBundle("it cannot be read as a firmware bundle")
    return value


def _octets(text: str) -> bytes:
    octets = b64decode(text, validate=True)
    if b64encode(octets).decode() != text:
        raise NoBundle("its base64 is not as one writes it")
    return octets
