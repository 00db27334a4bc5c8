"""No certificate of a shape that the full linter has not passed.

Certificates of one shape are written by one template (`pki.to_be_signed`) and differ in serial number, times, subject
and key alone, which our own lints check each time. So the full linter sees the first of each shape, before it is
signed; what it passed is on record, for all processes and until the linter itself is a newer one. ADR 0016 has the
argument.
"""

import functools
import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select
from sqlmodel import col

from pki.audit import AuditTrail, PkiAct
from pki.full_lint import LINTER, full_lint
from pki.keys import PublicKey, spki_sha256
from pki.plans import Addresses, Issuer, Plan
from pki.settings import is_ip_address
from pki.store import Store, hold_lock
from pki.tables import ShapeRow

_FIRST_GENERALIZED_TIME = 2050  # RFC 5280 §4.1.2.5: times from this year on are encoded in another way


@dataclass(frozen=True, slots=True)
class LintedShape:
    """A shape that the full linter has passed. `fingerprint` is SHA-256 in hex."""

    fingerprint: str
    profile: str
    authority: str
    linter: str
    linted_at: datetime


class ShapeBook:
    """Knows the shapes that have passed. Safe to use from several threads and processes."""

    def __init__(self, store: Store, trail: AuditTrail) -> None:
        self._store = store
        self._trail = trail
        self._passed: set[str] = set()
        self._lock = threading.Lock()

    def findings(self, plan: Plan, specimen: x509.Certificate, now: datetime) -> tuple[str, ...]:
        """What speaks against certificates of this shape; empty when one has passed, now or before.

        Opens a transaction of its own when the shape is new.
        """
        fingerprint = shape_of(plan)
        if fingerprint in self._passed:
            return ()
        with self._lock:
            if self._is_on_record(fingerprint):
                self._passed.add(fingerprint)
                return ()
            if found := full_lint(specimen.public_bytes(Encoding.DER)):
                return found
            self._record(fingerprint, plan, now)
            self._passed.add(fingerprint)
        return ()

    def all(self) -> Sequence[LintedShape]:
        """What has passed, the newest first."""
        query = select(ShapeRow).order_by(col(ShapeRow.linted_at).desc(), col(ShapeRow.fingerprint))
        with self._store.reading() as session:
            return [
                LintedShape(row.fingerprint, row.profile, row.authority, row.linter, row.linted_at)
                for row in session.execute(query).scalars()
            ]

    def _is_on_record(self, fingerprint: str) -> bool:
        with self._store.reading() as session:
            return session.get(ShapeRow, fingerprint) is not None

    def _record(self, fingerprint: str, plan: Plan, now: datetime) -> None:
        named = {"profile": plan.profile.name, "authority": plan.issuer.name, "linter": LINTER}
        with self._store.writing() as session:
            hold_lock(session, f"shape:{fingerprint}")
            if session.get(ShapeRow, fingerprint) is not None:
                return  # another process linted it meanwhile
            session.add(ShapeRow(fingerprint=fingerprint, linted_at=now, **named))
            self._trail.record(
                session, PkiAct.SHAPE_LINTED, by="service", kind="shape", thing=fingerprint, details=named, now=now
            )


def shape_of(plan: Plan) -> str:
    """SHA-256 (hex) over all that decides how a certificate of this plan is put together, and the linter's version."""
    return _fingerprint(
        plan.profile.fingerprint,
        plan.issuer,
        _kind_of(plan.public_key),
        plan.addresses,
        frozenset(map(_form_of, plan.hostnames)),
        plan.common_name.isascii() and plan.organisation.isascii(),
        (plan.not_before.year >= _FIRST_GENERALIZED_TIME, plan.not_after.year >= _FIRST_GENERALIZED_TIME),
    )


@functools.lru_cache(maxsize=1024)
def _fingerprint(
    profile: str,
    issuer: Issuer,
    kind: str,
    addresses: Addresses,
    hostnames: frozenset[str],
    is_ascii: bool,
    late_times: tuple[bool, bool],
) -> str:
    fields = [
        LINTER,
        profile,
        issuer.subject.public_bytes().hex(),
        spki_sha256(issuer.public_key),
        kind,
        addresses.public_url,
        sorted(hostnames),
        is_ascii,
        late_times,
    ]
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()


def _kind_of(key: PublicKey) -> str:
    """The size of an RSA key is left out: it would give whoever asks thousands of shapes to choose from."""
    return key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else "rsa"


def _form_of(hostname: str) -> str:
    return "address" if is_ip_address(hostname) else "name"
