"""What each kind of certificate may contain, as values. A certificate takes nothing from anywhere else."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki.keys import KeyFamily
from pki.settings import PkiSettings


class KeyUse(StrEnum):
    """The bits of KeyUsage (RFC 5280 §4.2.1.3) that our profiles set, by `cryptography`'s names."""

    DIGITAL_SIGNATURE = "digital_signature"
    KEY_ENCIPHERMENT = "key_encipherment"
    KEY_AGREEMENT = "key_agreement"
    KEY_CERT_SIGN = "key_cert_sign"
    CRL_SIGN = "crl_sign"


class ExtendedUse(StrEnum):
    """The extended key usages that our profiles set (RFC 5280 §4.2.1.12), by their dotted numbers."""

    SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH.dotted_string
    CODE_SIGNING = ExtendedKeyUsageOID.CODE_SIGNING.dotted_string
    OCSP_SIGNING = ExtendedKeyUsageOID.OCSP_SIGNING.dotted_string
    DOCUMENT_SIGNING = "1.3.6.1.5.5.7.3.36"  # RFC 9336

    @property
    def identifier(self) -> x509.ObjectIdentifier:
        """The object identifier."""
        return x509.ObjectIdentifier(self.value)


@dataclass(frozen=True)  # without slots, so that the fingerprint can be kept
class Profile:
    """One kind of certificate. Lifetimes include the backdating."""

    name: str
    post: str  # the job of the authorities that issue it; the key decides which of them (`Hierarchy.issuer_for`)
    validity: timedelta
    ceiling: timedelta  # the longest that an order may ask for
    backdate: timedelta
    ec_use: tuple[KeyUse, ...]
    rsa_use: tuple[KeyUse, ...]
    extended_use: tuple[ExtendedUse, ...] = ()
    is_authority: bool = False
    is_cross: bool = False  # certifies the key of an authority that exists already (RFC 5280 §3.2)
    path_length: int | None = None
    names_hosts: bool = False  # SubjectAltName with the host names
    no_check: bool = False  # id-pkix-ocsp-nocheck, RFC 6960 §4.2.2.2.1
    has_pointers: bool = True  # AIA and CRL distribution point
    names_station: bool = False
    may_be_ordered: bool = False
    chain_limit: int | None = None  # characters of PEM, leaf and sub-CAs

    def key_use(self, family: KeyFamily) -> frozenset[KeyUse]:
        """The KeyUsage bits for a key of this family."""
        return frozenset(self.ec_use if family is KeyFamily.EC else self.rsa_use)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over all fields, so that an intent names the exact profile it was made by."""
        text = json.dumps(asdict(self), sort_keys=True, default=lambda span: span.total_seconds())
        return hashlib.sha256(text.encode()).hexdigest()


ROOT, ISSUING, CROSS, STATION, SERVER, FIRMWARE, RESPONDER, AUDIT = (
    "root",
    "issuing",
    "cross",
    "station",
    "server",
    "firmware",
    "ocsp",
    "audit",
)

_SIGN = (KeyUse.DIGITAL_SIGNATURE,)
_SIGN_CERTIFICATES = (KeyUse.KEY_CERT_SIGN, KeyUse.CRL_SIGN)

# Stations must be able to hold the chain: 5600 is the least MaxCertificateChainSize recommended (A02), and
# open-ocpp refuses a chain as long as its limit.
_STATION_CHAIN_LIMIT = 5599


def profiles_of(settings: PkiSettings) -> Mapping[str, Profile]:
    """All profiles by name, with the operator's lifetimes."""
    profiles = (
        _root(settings),
        _issuing(settings),
        _cross(settings),
        _station(settings),
        _server(settings),
        _firmware(settings),
        _responder(settings),
        _audit(settings),
    )
    return {profile.name: profile for profile in profiles}


def _root(settings: PkiSettings) -> Profile:
    return Profile(
        ROOT,
        post="",
        validity=settings.root_validity,
        ceiling=settings.root_validity,
        backdate=settings.ca_backdate,
        ec_use=_SIGN_CERTIFICATES,
        rsa_use=_SIGN_CERTIFICATES,
        is_authority=True,
        has_pointers=False,
    )


def _issuing(settings: PkiSettings) -> Profile:
    return Profile(
        ISSUING,
        post="root",
        validity=settings.issuing_validity,
        ceiling=settings.issuing_validity,
        backdate=settings.ca_backdate,
        ec_use=_SIGN_CERTIFICATES,
        rsa_use=_SIGN_CERTIFICATES,
        is_authority=True,
        path_length=0,
    )


def _cross(settings: PkiSettings) -> Profile:
    """Another way up from an authority; the path length is set for each, since it depends on what stands below."""
    return Profile(
        CROSS,
        post="",
        validity=settings.root_validity,
        ceiling=settings.root_validity,
        backdate=settings.ca_backdate,
        ec_use=_SIGN_CERTIFICATES,
        rsa_use=_SIGN_CERTIFICATES,
        is_authority=True,
        is_cross=True,
        path_length=1,
    )


def _station(settings: PkiSettings) -> Profile:
    """No extended key usage (A00.FR.514) and no alternative name (A00.FR.511), as OCPP advises."""
    return Profile(
        STATION,
        post="stations",
        validity=settings.station_validity,
        ceiling=settings.station_ceiling,
        backdate=settings.station_backdate,
        ec_use=(KeyUse.DIGITAL_SIGNATURE, KeyUse.KEY_AGREEMENT),
        rsa_use=(KeyUse.DIGITAL_SIGNATURE, KeyUse.KEY_ENCIPHERMENT),
        names_station=True,
        may_be_ordered=True,
        chain_limit=_STATION_CHAIN_LIMIT,
    )


def _server(settings: PkiSettings) -> Profile:
    """The CSMS. The alternative name repeats the CN, since many TLS stacks ignore the CN."""
    return Profile(
        SERVER,
        post="csms",
        validity=settings.server_validity,
        ceiling=settings.server_validity,
        backdate=settings.server_backdate,
        ec_use=_SIGN,
        # OCPP's TLS_RSA_WITH_AES_* suites send the key encrypted to the server's key.
        rsa_use=(KeyUse.DIGITAL_SIGNATURE, KeyUse.KEY_ENCIPHERMENT),
        extended_use=(ExtendedUse.SERVER_AUTH,),
        names_hosts=True,
        may_be_ordered=True,
    )


def _firmware(settings: PkiSettings) -> Profile:
    """Directly under the manufacturer root, with nothing between (L01). Signers are made here, never ordered."""
    return Profile(
        FIRMWARE,
        post="manufacturer",
        validity=settings.firmware_validity,
        ceiling=settings.firmware_validity,
        backdate=settings.ca_backdate,
        ec_use=_SIGN,
        rsa_use=_SIGN,
        extended_use=(ExtendedUse.CODE_SIGNING,),
    )


def _responder(settings: PkiSettings) -> Profile:
    """A delegated OCSP responder: short-lived and not itself checked (RFC 6960 §4.2.2.2)."""
    return Profile(
        RESPONDER,
        post="",
        validity=settings.responder_validity,
        ceiling=settings.responder_validity,
        backdate=settings.server_backdate,
        ec_use=_SIGN,
        rsa_use=_SIGN,
        extended_use=(ExtendedUse.OCSP_SIGNING,),
        no_check=True,
        has_pointers=False,
    )


def _audit(settings: PkiSettings) -> Profile:
    """What signs the checkpoints of the audit trail: statements for people (RFC 9336), no TLS, no certificates."""
    return Profile(
        AUDIT,
        post="csms",
        validity=settings.audit_validity,
        ceiling=settings.audit_validity,
        backdate=settings.server_backdate,
        ec_use=_SIGN,
        rsa_use=_SIGN,
        extended_use=(ExtendedUse.DOCUMENT_SIGNING,),
    )
