"""Carries warrants through the steps of issuing, from the reservation to the recorded outcome.

Each step takes one transaction, however many certificates go through it. What several callers ask for at the same
time goes through together; a fault that is one caller's alone (a key that is taken, a broken clause, a signer that is
away) stops that caller's certificates and nobody else's.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime

from pki.alarms import AlarmKind, Alarms, Severity
from pki.audit import AuditTrail
from pki.errors import LintFailed, PkiError
from pki.gathering import Gathering
from pki.issuance import (
    Beside,
    Intended,
    Issued,
    Linted,
    Reserved,
    Signed,
    Warrant,
    record_failures,
    record_intents,
    record_outcomes,
    reserve_serials,
    sign_each,
)
from pki.keys import Signer
from pki.shapes import ShapeBook
from pki.store import Store
from pki.vault import Vault

_LOTS = 2 * (os.cpu_count() or 1)  # of one batch that are signed at the same time, or after another
_MOST = 512  # certificates or so in one transaction: some ten milliseconds of the write lock


class IssuingDesk:
    """One path for every certificate: stations, servers, firmware signers, responders and authorities."""

    def __init__(self, store: Store, keys: Vault, trail: AuditTrail, shapes: ShapeBook, alarms: Alarms) -> None:
        self._store = store
        self._keys = keys
        self._trail = trail
        self._shapes = shapes
        self._alarms = alarms
        self._gathering = Gathering(self._carry, _MOST)
        # Signing and verifying leave the interpreter alone, so that a second core can do its share.
        self._signing = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="signing")

    def issue(self, warrants: Sequence[Warrant], now: datetime, beside: Beside | None = None) -> list[Issued]:
        """All or none of the certificates. `beside` adds rows to the transaction that makes them known.

        Raises CsrRejected, LintFailed, SignerUnavailable, MisSigned.
        """
        consignment = _Consignment(warrants, now, beside)
        if beside is not None:
            self._carry([consignment])  # alone: what stands beside must not take others' certificates with it
        else:
            self._gathering.take_part(consignment)
        return consignment.outcome()

    def issue_each(self, warrants: Sequence[Warrant], now: datetime) -> list[Issued | PkiError]:
        """Each certificate for itself, in batches: the certificate, or what stopped it."""
        alone = [_Consignment([warrant], now, None) for warrant in warrants]
        batches = [alone[start : start + _MOST] for start in range(0, len(alone), _MOST)]
        if len(batches) == 1:
            self._carry(batches[0])
        else:
            with ThreadPoolExecutor(2) as lanes:  # one computes while the other waits for the disk or for signatures
                list(lanes.map(self._carry, batches))
        return [one.outcome_or_fault() for one in alone]

    def _carry(self, batch: "list[_Consignment]") -> None:
        now = max(one.now for one in batch)
        try:
            self._find_keys(batch)
            self._reserve(_going(batch), now)
            self._lint(_going(batch), now)
            self._intend(_going(batch), now)
            self._sign(_going(batch))
            self._record(_going(batch), now)
        except BaseException as fault:  # of the database or worse: it goes to each who is in it
            for one in _going(batch):
                one.fault = fault
        self._record_failures(batch, now)

    def _find_keys(self, batch: "list[_Consignment]") -> None:
        """While a key is out of reach nothing is begun, else each try of a long outage would leave a dead serial."""
        for one in batch:
            with one.alone():
                for name in {warrant.plan.issuer.key_name for warrant in one.warrants}:
                    one.signers[name] = self._keys.signer(name)

    def _reserve(self, batch: "list[_Consignment]", now: datetime) -> None:
        if not batch:
            return
        asked = [(one, warrant) for one in batch for warrant in one.warrants]
        answers = reserve_serials(self._store, self._trail, [warrant for _, warrant in asked], now)
        for (one, _), answer in zip(asked, answers, strict=True):
            if isinstance(answer, PkiError):
                one.fault = one.fault or answer
            else:
                one.reserved.append(answer)

    def _lint(self, batch: "list[_Consignment]", now: datetime) -> None:
        for one in batch:
            with one.alone():
                one.linted = [Linted(claim, self._shapes, now) for claim in one.reserved]

    def _intend(self, batch: "list[_Consignment]", now: datetime) -> None:
        if batch:
            tokens = [token for one in batch for token in one.linted]
            intended = iter(record_intents(self._store, self._trail, tokens, now))
            for one in batch:
                one.intended = [next(intended) for _ in one.linted]

    def _sign(self, batch: "list[_Consignment]") -> None:
        """By key and in lots: what is signed elsewhere goes there in few round trips, and two cores get a lot each."""
        by_key: dict[str, list[tuple[_Consignment, Intended]]] = {}
        for one in batch:
            for token in one.intended:
                by_key.setdefault(token.warrant.plan.issuer.key_name, []).append((one, token))
        size = -(-sum(map(len, by_key.values())) // _LOTS) or 1
        lots = [lot[start : start + size] for lot in by_key.values() for start in range(0, len(lot), size)]
        if len(lots) > 1:
            list(self._signing.map(self._sign_lot, lots))
        else:
            for lot in lots:
                self._sign_lot(lot)
        for one in batch:
            one.signed = [signed for token in one.intended if (signed := one.by_serial.get(token.serial))]

    def _sign_lot(self, lot: "list[tuple[_Consignment, Intended]]") -> None:
        first, token = lot[0]
        signer = first.signers[token.warrant.plan.issuer.key_name]
        for (one, token), outcome in zip(lot, sign_each([token for _, token in lot], signer), strict=True):
            if isinstance(outcome, Signed):
                one.by_serial[token.serial] = outcome
            else:
                one.fault = one.fault or outcome

    def _record(self, batch: "list[_Consignment]", now: datetime) -> None:
        if batch:
            beside = batch[0].beside  # who has something to put beside goes alone
            tokens = [token for one in batch for token in one.signed]
            issued = iter(record_outcomes(self._store, self._trail, tokens, now, beside))
            for one in batch:
                one.issued = [next(issued) for _ in one.signed]

    def _record_failures(self, batch: "list[_Consignment]", now: datetime) -> None:
        failed = [(claim, one.fault) for one in batch if isinstance(one.fault, PkiError) for claim in one.reserved]
        if failed:
            record_failures(self._store, self._trail, failed, now)
        for claim, fault in failed:
            if isinstance(fault, LintFailed):  # what was decided and what was written do not agree: a fault of ours
                plan = claim.warrant.plan
                thing = f"{plan.profile.name} by {plan.issuer.name}"
                self._alarms.sound(AlarmKind.LINT_FINDING, thing, fault.sentence, Severity.CRITICAL)


class _Consignment:
    """What one caller asks for, and how far it is."""

    def __init__(self, warrants: Sequence[Warrant], now: datetime, beside: Beside | None) -> None:
        self.warrants = warrants
        self.now = now
        self.beside = beside
        self.signers: dict[str, Signer] = {}
        self.reserved: list[Reserved] = []
        self.linted: list[Linted] = []
        self.intended: list[Intended] = []
        self.by_serial: dict[str, Signed] = {}
        self.signed: list[Signed] = []
        self.issued: list[Issued] = []
        self.fault: BaseException | None = None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A fault of the authority's own kind in this block stops this consignment, and no other."""
        try:
            yield
        except PkiError as fault:
            self.fault = fault

    def outcome(self) -> list[Issued]:
        """The certificates. Raises what stopped them."""
        if self.fault is not None:
            raise self.fault
        return self.issued

    def outcome_or_fault(self) -> Issued | PkiError:
        """The one certificate or the one fault. Raises what is no fault of the authority's own kind."""
        return self.fault if isinstance(self.fault, PkiError) else self.outcome()[0]


def _going(batch: Sequence[_Consignment]) -> list[_Consignment]:
    return [one for one in batch if one.fault is None]
