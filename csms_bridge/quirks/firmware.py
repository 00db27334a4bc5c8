"""A request to install firmware, as stations of a kind take it: its form, and why it is of no use to them. Pure."""

from dataclasses import replace
from datetime import datetime

from csms_bridge.commands import UpdateFirmware
from csms_bridge.quirks.quirks import Quirks
from pki.keys import SignatureScheme


def in_form(update: UpdateFirmware, quirks: Quirks) -> UpdateFirmware:
    """The request with what such stations read, and without what they refuse (L01)."""
    if not quirks.firmware_retries:
        update = replace(update, retries=None, retry_interval=None)
    if update.certificate and quirks.signing_certificate_in_one_line:
        update = replace(update, certificate="".join(update.certificate.split("\n")))
    return update


def misfit(update: UpdateFirmware, scheme: SignatureScheme | None, quirks: Quirks, now: datetime) -> str:
    """Why a request in its form is not sent to such stations; empty when it may be.

    `scheme` is how the image is signed, None when it is not (L02).
    """
    signature, certificate = len(update.signature or ""), len(update.certificate or "")
    protocol = update.url.text().partition("://")[0].lower()
    if scheme is not None and scheme not in quirks.firmware_schemes:
        return f"its signature is {scheme}, and such stations can check {', '.join(quirks.firmware_schemes)}"
    if quirks.longest_signature and signature > quirks.longest_signature:
        return f"its signature has {signature} characters, and such stations take {quirks.longest_signature}"
    if (longest := quirks.longest_signing_certificate) and certificate > longest:
        return f"its signing certificate has {certificate} characters, and such stations take {longest}"
    if quirks.firmware_from and protocol not in quirks.firmware_from:
        return f"such stations fetch an image by {', '.join(quirks.firmware_from)}, and not by {protocol}"
    if not quirks.firmware_waits and max(update.retrieve_at, update.install_at or now) > now:
        return "such stations begin at once, so they are asked when it is time"
    return ""
