"""Approving firmware, signed with a passkey where a rule asks for it: the same for pages and API."""

from collections.abc import Mapping
from typing import Any

from pki.audit import JSON
from pki.firmware_book import SignedFirmware
from web.errors import PasskeyRefused
from web.permissions import Principal
from web.service import Service


def begin_approval(doors: Service, who: Principal, firmware_id: str) -> dict[str, Any]:
    """What a browser needs to have it signed (`PublicKeyCredentialRequestOptionsJSON`).

    Raises UnknownFirmware, PasskeyRefused.
    """
    return doors.passkeys.challenge(_user(who), _about(doors.authority.firmware(firmware_id)))


def approve_firmware(doors: Service, who: Principal, firmware_id: str, note: str, answer: str) -> SignedFirmware:
    """Agree; `answer` is what the browser sent back, empty when there is no passkey in it.

    Raises PasskeyRefused and what `Authority.approve_firmware` raises.
    """
    evidence = ""
    if answer:
        evidence = doors.passkeys.prove(_user(who), _about(doors.authority.firmware(firmware_id)), answer)
    return doors.authority.approve_firmware(firmware_id, who.name, who.person, note, evidence)


def _about(one: SignedFirmware) -> Mapping[str, JSON]:
    """What the person agrees to: this image under this name, and no other."""
    return {
        "act": "approve firmware", "firmware": one.id, "vendor": one.vendor, "model": one.model,
        "version": one.version, "digest": one.digest, "scheme": one.scheme.value,
    }  # fmt: skip


def _user(who: Principal) -> str:
    kind, _, name = who.person.partition(":")
    if kind != "user":
        raise PasskeyRefused("only people have passkeys", "Use a token that belongs to a person, or the console.")
    return name
