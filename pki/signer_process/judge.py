"""May this be signed with that key? Parses, applies the rules, and says what the log is to say of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from cryptography import x509

from pki.errors import PkiError
from pki.foreign_certificates import UNREADABLE
from pki.keys import Signer
from pki.profiles import profiles_of
from pki.settings import PkiSettings
from pki.signer_process.certificate_rules import Case, broken_rule
from pki.signer_process.known import KnownAuthorities
from pki.signer_process.ledger import SIGNED
from pki.signer_process.list_rules import ListCase, broken_list_rule, number_of, scope_of
from pki.signer_process.log import Entry
from pki.signer_process.requests import FIRMWARE_KEYS, Asked, Kind, certificate_of, list_of, serial_of
from pki.signer_process.reservations import Reservation, Reservations

Parsed: TypeAlias = Mapping[bytes, x509.Certificate | None]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: the rule's name, and a sentence."""

    rule: str
    sentence: str


class Judge:
    """Judges octets by what the signer itself knows. `now` is the signer's own clock."""

    def __init__(
        self,
        known: KnownAuthorities,
        reservations: Reservations,
        settings: PkiSettings,
        now: Callable[[], datetime],
        *,
        in_ceremony: bool,
    ) -> None:
        self._known = known
        self._reservations = reservations
        self._profiles = profiles_of(settings)
        self._longest_list = settings.crl_validity
        self._now = now
        self._in_ceremony = in_ceremony

    def judge(self, asked: Sequence[Asked], signer: Signer) -> list[Entry]:
        """An entry for the log for each; `verdict` is `signed` for what may be signed, else `refused`."""
        certificates = {one.octets: _parsed(one, signer) for one in asked if one.kind is Kind.CERTIFICATE}
        serials = [serial_of(found) for found in certificates.values() if found is not None]
        reserved = self._reservations.of(serials) if serials else {}
        return [self._entry(one, signer, certificates, reserved) for one in asked]

    def _entry(self, one: Asked, signer: Signer, certificates: Parsed, reserved: Mapping[str, Reservation]) -> Entry:
        named: Entry = {"do": "sign", "key": one.key, "kind": one.kind.value, "sha256": one.sha256}
        match one.kind:
            case Kind.CERTIFICATE:
                facts, refusal = self._certificate(one, signer, certificates[one.octets], reserved)
            case Kind.LIST:
                facts, refusal = self._list(one, signer)
            case Kind.CHECK:
                facts, refusal = {}, None
            case Kind.RECORD | Kind.CERTIFICATE_REQUEST:
                is_fine = self._in_ceremony or self._is_for_a_firmware_signer(one)
                facts, refusal = {}, None if is_fine else Refusal("ceremony-only", "this is no ceremony")
            case _:
                facts, refusal = {}, Refusal("kind-is-known", "it is nothing that an authority signs")
        return {**named, **facts, **verdict(refusal)}

    def _is_for_a_firmware_signer(self, one: Asked) -> bool:
        """Such a key certifies nothing, and may be made and asked a certificate for at any time."""
        is_request = one.kind is Kind.CERTIFICATE_REQUEST
        return is_request and one.key.startswith(FIRMWARE_KEYS) and self._known.of_key(one.key) is None

    def _certificate(
        self, one: Asked, signer: Signer, specimen: x509.Certificate | None, reserved: Mapping[str, Reservation]
    ) -> tuple[Entry, Refusal | None]:
        if specimen is None:
            return {}, Refusal("can-be-read", "it is no certificate")
        serial = serial_of(specimen)
        reservation = reserved.get(serial)
        broken = broken_rule(
            Case(
                to_be_signed=one.octets,
                specimen=specimen,
                authority=self._known.of_key(one.key),
                key=signer.public_key,
                algorithm=signer.algorithm,
                profile=self._profiles.get(reservation.profile) if reservation else None,
                reservation=reservation,
                in_ceremony=self._in_ceremony,
                now=self._now(),
            )
        )
        return {"serial": serial}, Refusal(*broken) if broken else None

    def _list(self, one: Asked, signer: Signer) -> tuple[Entry, Refusal | None]:
        authority = self._known.of_key(one.key)
        if authority is None:
            return {}, Refusal("issuer-is-the-keys-authority", "no authority has this key")
        try:
            specimen = list_of(one.octets, signer.algorithm)
            case = ListCase(one.octets, specimen, authority, self._longest_list, self._now())
            if broken := broken_list_rule(case):
                return {}, Refusal(*broken)
            return {"scope": scope_of(case), "number": number_of(case)}, None
        except (*UNREADABLE, PkiError):
            return {}, Refusal("can-be-read", "it is no revocation list")


def verdict(refusal: Refusal | None) -> Entry:
    """The part of an entry that says how it ended."""
    if refusal is None:
        return {"verdict": SIGNED}
    return {"verdict": "refused", "rule": refusal.rule, "sentence": refusal.sentence}


def _parsed(one: Asked, signer: Signer) -> x509.Certificate | None:
    try:
        return certificate_of(one.octets, signer.algorithm)
    except UNREADABLE:
        return None
