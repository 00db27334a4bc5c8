"""Both sides of an authority whose parent's key is elsewhere, as the door passes them on.

On the service: `request` → (the request travels) → `take_in`, then `take_in_crl` now and then.
Where the parent's key is: `preview` and `certify`.
"""

from collections.abc import Sequence
from datetime import timedelta

from pki.alarms import Alarms
from pki.audit import AuditTrail
from pki.authority_requests import AuthorityRequest, AuthorityRequests
from pki.clock import Clock
from pki.foreign_crls import ForeignCrls, TakenCrl
from pki.hierarchy import AuthorityInfo, Hierarchy
from pki.issuing_desk import IssuingDesk
from pki.keys import KeyAlgorithm
from pki.settings import PkiSettings
from pki.store import Store
from pki.subordinates import Subordinate, Subordinates
from pki.taking_in import TakingIn
from pki.vault import Vault


class Elsewhere:
    """Requests out, certificates and lists in."""

    def __init__(
        self,
        store: Store,
        keys: Vault,
        trail: AuditTrail,
        desk: IssuingDesk,
        hierarchy: Hierarchy,
        alarms: Alarms,
        settings: PkiSettings,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._requests = AuthorityRequests(store, keys, trail, hierarchy, settings)
        self._crls = ForeignCrls(store, trail, hierarchy, alarms, settings)
        self._taking_in = TakingIn(store, trail, hierarchy, self._requests, self._crls, settings)
        self._subordinates = Subordinates(store, keys, trail, desk, hierarchy, settings)

    def request(
        self, name: str, post: str, algorithm: KeyAlgorithm, by: str, common_name: str | None = None
    ) -> AuthorityRequest:
        """A key of our own and the request that travels; the same one when asked again. Raises OrderRefused."""
        return self._requests.make(name, post, algorithm, by, self._clock(), common_name)

    def pending(self) -> list[AuthorityRequest]:
        """The requests that wait for their certificates, by name."""
        return self._requests.all()

    def find(self, name: str) -> AuthorityRequest:
        """One of these. Raises UnknownAuthority."""
        return self._requests.find(name)

    def pending_names(self) -> frozenset[str]:
        """The names that they take."""
        return self._requests.names()

    def withdraw(self, name: str, by: str) -> None:
        """Give a request up and delete its key. Raises UnknownAuthority."""
        self._requests.withdraw(name, by, self._clock())

    def take_in(self, name: str, certificate_pem: str, chain_pem: str, crls: Sequence[bytes], by: str) -> AuthorityInfo:
        """Make a request an authority, when what came back proves itself. Raises UnknownAuthority, ReturnedRefused."""
        return self._taking_in.take_in(name, certificate_pem, chain_pem, crls, by, self._clock())

    def take_in_crl(self, content: bytes, by: str) -> TakenCrl:
        """Publish the list (PEM or DER) of an authority elsewhere, and obey it. Raises ReturnedRefused."""
        return self._crls.take_in(content, by, self._clock())

    def preview(self, csr: str, parent: str, validity: timedelta | None = None) -> Subordinate:
        """What certifying a request would lead to. Raises CsrRejected, OrderRefused, UnknownAuthority."""
        return self._subordinates.preview(csr, parent, validity, self._clock())

    def certify(
        self, csr: str, parent: str, spki_sha256: str, by: str, validity: timedelta | None = None
    ) -> Subordinate:
        """Certify a request's authority; `spki_sha256` is the key that was compared. Raises as `preview`, and more."""
        return self._subordinates.certify(csr, parent, validity, spki_sha256, by, self._clock())
