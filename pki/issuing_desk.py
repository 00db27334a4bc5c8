"""Carries warrants through the steps of issuing, from the reservation to the recorded outcome."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlmodel import Session

from pki.audit import AuditTrail
from pki.errors import PkiError
from pki.issuance import (
    Linted,
    Reserved,
    Warrant,
    record_failure,
    record_intents,
    record_outcomes,
    reserve_serials,
    sign,
)
from pki.keystore import KeyStore
from pki.store import Store
from pki.tables import CertificateRow

Beside = Callable[[Session, Sequence[CertificateRow]], None]


class IssuingDesk:
    """One path for every certificate: stations, servers, firmware signers, responders and authorities."""

    def __init__(self, store: Store, keys: KeyStore, trail: AuditTrail) -> None:
        self._store = store
        self._keys = keys
        self._trail = trail

    def issue(self, warrants: Sequence[Warrant], now: datetime, beside: Beside | None = None) -> list[CertificateRow]:
        """All or none of the certificates; three transactions, however many they are.

        `beside` adds rows to the transaction that makes them known. Raises CsrRejected, LintFailed,
        SignerUnavailable, MisSigned.
        """
        reserved = reserve_serials(self._store, self._trail, warrants, now)
        try:
            return self._carry(reserved, now, beside)
        except PkiError as fault:
            for claim in reserved:
                record_failure(self._store, self._trail, claim, fault, now)
            raise

    def _carry(self, reserved: list[Reserved], now: datetime, beside: Beside | None) -> list[CertificateRow]:
        linted = [Linted(claim) for claim in reserved]
        intended = record_intents(self._store, self._trail, linted, now)
        signed = [sign(intent, self._keys.signer(intent.warrant.plan.issuer.key_name)) for intent in intended]
        return record_outcomes(self._store, self._trail, signed, now, beside)
