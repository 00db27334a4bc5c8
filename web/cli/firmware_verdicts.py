"""Firmware judged on the machine of whoever asks: signatures and bundles, without any service."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pki.clock import utc_now
from pki.keys import SignatureScheme
from web.cli.failures import CommandFailed, WrongUse
from web.cli.files import read_bytes, read_text
from web.cli.output import say, show_json, wants_json

if TYPE_CHECKING:
    from cryptography import x509

    from pki.firmware_check import Verdict

_NO_ROOT = "who issued the signing certificate was not checked: give --root to do that as well"


def of_signature(
    digest: bytes, signature: Path, certificate: Path, root: Path | None, scheme: SignatureScheme
) -> "Verdict":
    """A signature and a certificate in files of their own."""
    from pki.firmware_check import Verdict, verify_firmware

    roots = () if root is None else _certificates(root)
    found = verify_firmware(digest, signature_in(signature), read_text(certificate), scheme, roots, utc_now())
    return found if roots else Verdict(found.faults, (_NO_ROOT,))


def of_bundle(digest: bytes, bundle: Path, root: Path, log_key: Path, tsa_root: Path | None) -> "Verdict":
    """A bundle. Raises WrongUse for trust that cannot be read; a bundle that cannot be read is a fault."""
    from pki.firmware_bundle import NoBundle, Trust, read_bundle, verify_bundle  # when needed: they bring much along
    from pki.firmware_check import Verdict
    from pki.log_heads import HeadRefused, LogKey

    try:
        key = LogKey.read(read_text(log_key))
    except HeadRefused as fault:
        raise WrongUse(f"{log_key}: {fault}", "Get it with: voltward firmware log key --out FILE") from None
    stampers = tuple(_certificates(tsa_root)) if tsa_root is not None else ()
    trust = Trust(_certificates(root), key, stampers)
    try:
        return verify_bundle(digest, read_bundle(read_text(bundle)), trust)
    except NoBundle as fault:
        return Verdict((f"the bundle is none: {fault}",))


def show(verdict: "Verdict") -> None:
    """Say what was found. Raises CommandFailed when it is not good."""
    if wants_json():
        told = {"genuine": verdict.genuine, "faults": list(verdict.faults), "notes": list(verdict.notes)}
        show_json(told)
    elif verdict.genuine:
        say("the signature is good")
        for note in verdict.notes:
            say(note)
    if not verdict.genuine:
        raise CommandFailed("the firmware must not be used: " + "; ".join(verdict.faults))


def _certificates(path: Path) -> Sequence["x509.Certificate"]:
    from cryptography import x509

    from pki.foreign_certificates import UNREADABLE

    try:
        return x509.load_pem_x509_certificates(read_bytes(path))
    except UNREADABLE:
        raise WrongUse(f"{path} holds no certificate in PEM") from None


def signature_in(path: Path) -> bytes:
    """Raw bytes, or the base64 that the API gives: the text must be the canonical spelling of what it decodes to."""
    raw = read_bytes(path)
    text = b"".join(raw.split())
    try:
        decoded = b64decode(text, validate=True)
    except ValueError:
        return raw
    return decoded if decoded and b64encode(decoded) == text else raw
