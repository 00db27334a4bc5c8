"""The client certificate that an edge passed on, verified again against our own anchors. Pure.

The same rules as the TLS layer's (`tls.py`): a chain to a root that we trust, authorities that are authorities, keys
that may be used for TLS clients, and no regard of time. What cannot be known here is whether the peer holds the key:
that the edge has seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

from csms_bridge.edge_headers import ShownChain
from pki.foreign_certificates import UNREADABLE

MOST_INSTANTS = 8
DEPTH = 4


class UntrustedChain(ValueError):
    """The certificate leads to none of our anchors, or may not be used for this."""


@dataclass(frozen=True, slots=True)
class VerifiedChain:
    """A leaf and the root above it, both DER."""

    leaf: bytes
    root: bytes


class Anchors:
    """Whom we trust, prepared for verifying: roots and our issuing authorities, as for the TLS layer."""

    def __init__(self, trusted: Sequence[x509.Certificate]) -> None:
        self._roots = [one for one in trusted if one.subject == one.issuer]
        self._between = [one for one in trusted if one.subject != one.issuer]
        self._store = Store(self._roots) if self._roots else None

    def verify(self, shown: ShownChain) -> VerifiedChain:
        """The chain to a root. Raises UntrustedChain.

        The library knows no verification without time, so that the moments are tried at which one of the certificates
        begins or ends: a chain that never held is refused, one that held once is admission's to judge.
        """
        if self._store is None:
            raise UntrustedChain("there is no anchor")
        between = [*shown.others, *self._between]
        fault = "it never was good"
        for instant in _instants(shown.leaf, [*between, *self._roots]):
            builder = PolicyBuilder().store(self._store).time(instant).max_chain_depth(DEPTH)
            verifier = builder.extension_policies(ca_policy=_CA, ee_policy=_LEAF).build_client_verifier()
            try:
                root = verifier.verify(shown.leaf, between).chain[-1]
            except (VerificationError, *UNREADABLE) as error:
                fault = str(error)[:200]
                continue
            return VerifiedChain(shown.leaf.public_bytes(Encoding.DER), root.public_bytes(Encoding.DER))
        raise UntrustedChain(fault)


def _instants(leaf: x509.Certificate, others: Sequence[x509.Certificate]) -> list[datetime]:
    """When the leaf, or one of the others in the leaf's life, begins; and when the leaf ends."""
    first, last = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    begins = {one.not_valid_before_utc for one in others if first <= one.not_valid_before_utc <= last}
    return [first, last, *sorted(begins, reverse=True)][:MOST_INSTANTS]


def _is_for_clients(_policy: Policy, _certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None) -> None:
    if usage is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in usage:
        raise ValueError("the certificate is not for TLS clients")


def _may_sign(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not (usage.digital_signature or usage.key_agreement):
        raise ValueError("the certificate's key may not be used for TLS")


def _may_certify(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("the issuer's key may not sign certificates")


def _is_authority(_policy: Policy, _certificate: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("the issuer is no authority")


_LEAF = (
    ExtensionPolicy.permit_all()
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _is_for_clients)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_sign)
)
_CA = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_certify)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _is_for_clients)
)
