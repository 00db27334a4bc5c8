"""A vault that may be away for a while: requests wait a little for it, and what was missed is told.

A restart of the signer process takes a second or two, and nobody should notice. A long outage must not tie up threads:
once the place has been away for longer than the patience, requests are refused at once, until it was seen again.
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from pki.errors import PkiError, SignerRefused, SignerUnavailable, VaultUnavailable
from pki.key_check import check_key
from pki.keys import KeyAlgorithm, PublicKey, SignatureScheme, Signer
from pki.vault import Vault

_PAUSE = 0.1  # seconds between two tries

Result = TypeVar("Result")


class PatientVault:
    """Another vault, waited for. `heard` gets every failure that is passed on to a caller."""

    def __init__(
        self,
        vault: Vault,
        patience: timedelta,
        heard: Callable[[SignerUnavailable | SignerRefused], None],
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._vault = vault
        self._patience = patience.total_seconds()
        self._heard = heard
        self._now = now
        self._pause = pause
        self._lock = threading.Lock()
        self._missed_at: float | None = None
        self._fault: VaultUnavailable | None = None  # set once the patience is over

    def make_signer(self, name: str, algorithm: KeyAlgorithm) -> Signer:
        """See Vault."""
        made = self.wait_for(lambda: self._vault.make_signer(name, algorithm))
        return _PatientSigner(made, self)

    def signer(self, name: str) -> Signer:
        """See Vault. While the place is known to be away, nobody gets so far as to need a signature."""
        if self._fault is not None:
            raise self._fault
        return _PatientSigner(self.wait_for(lambda: self._vault.signer(name)), self)

    def holds(self, name: str) -> bool:
        """See Vault."""
        return self.wait_for(lambda: self._vault.holds(name))

    def forget(self, name: str) -> None:
        """See Vault."""
        self.wait_for(lambda: self._vault.forget(name))

    def where(self, name: str) -> str:
        """See Vault."""
        return self._vault.where(name)

    def check(self, name: str) -> Signer:
        """The key called `name`, after a test signature, without waiting and without telling anybody.

        Raises SignerUnavailable, SignerRefused, MisSigned.
        """

        def tested() -> Signer:
            signer = self._vault.signer(name)
            check_key(signer)
            return signer

        return self._once(tested)

    def wait_for(self, act: Callable[[], Result]) -> Result:
        """What `act` gives, tried again while the place is away and the patience lasts."""
        while True:
            try:
                return self._once(act)
            except VaultUnavailable as fault:
                if self._is_over(fault):
                    self._heard(fault)
                    raise
            except (SignerUnavailable, SignerRefused) as fault:
                self._heard(fault)
                raise
            self._pause(_PAUSE)

    def tell(self, outcomes: Sequence[object]) -> None:
        """Pass on which of them are failures."""
        for outcome in outcomes:
            if isinstance(outcome, SignerUnavailable | SignerRefused):
                self._heard(outcome)

    def _once(self, act: Callable[[], Result]) -> Result:
        try:
            result = act()
        except VaultUnavailable:
            with self._lock:
                self._missed_at = self._now() if self._missed_at is None else self._missed_at
            raise
        self._missed_at, self._fault = None, None
        return result

    def _is_over(self, fault: VaultUnavailable) -> bool:
        with self._lock:
            over = self._missed_at is not None and self._now() - self._missed_at >= self._patience
            if over:
                self._fault = fault
            return over


class _PatientSigner:
    """A key in such a place."""

    def __init__(self, signer: Signer, vault: PatientVault) -> None:
        self._signer = signer
        self._vault = vault

    @property
    def name(self) -> str:
        """See Signer."""
        return self._signer.name

    @property
    def algorithm(self) -> KeyAlgorithm:
        """See Signer."""
        return self._signer.algorithm

    @property
    def public_key(self) -> PublicKey:
        """See Signer."""
        return self._signer.public_key

    def sign(self, to_be_signed: bytes) -> bytes:
        """See Signer."""
        return self._vault.wait_for(lambda: self._signer.sign(to_be_signed))

    def sign_each(self, many: Sequence[bytes]) -> list[bytes | PkiError]:
        """See Signer. A place that is away fails all of them, so it is asked again for all."""
        try:
            outcomes = self._vault.wait_for(lambda: _all_or_away(self._signer.sign_each(many)))
        except VaultUnavailable as fault:
            return [fault for _ in many]
        self._vault.tell(outcomes)
        return outcomes

    def sign_digest(self, digest: bytes, scheme: SignatureScheme) -> bytes:
        """See Signer."""
        return self._vault.wait_for(lambda: self._signer.sign_digest(digest, scheme))


def _all_or_away(outcomes: list[bytes | PkiError]) -> list[bytes | PkiError]:
    away = next((outcome for outcome in outcomes if isinstance(outcome, VaultUnavailable)), None)
    if away is not None:
        raise away
    return outcomes
