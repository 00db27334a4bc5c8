"""What one certificate shall contain: the decision, before anything is built from it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from cryptography import x509

from pki.keys import KeyAlgorithm, KeyFamily, PublicKey, family_of, spki_of
from pki.profiles import Profile


@dataclass(frozen=True, slots=True, eq=False)  # one object per authority, so that it can be a key of caches
class Issuer:
    """What building and checking needs to know of an authority. Its key is elsewhere, under `key_name`."""

    name: str
    subject: x509.Name
    public_key: PublicKey
    algorithm: KeyAlgorithm
    key_name: str
    not_before: datetime
    not_after: datetime
    crl_shards: int
    chain_pem_length: int  # characters that this authority and those above it, without the root, add to a chain

    def shard_of(self, serial: str) -> int:
        """Which CRL shard names this serial number (hex) when it is revoked."""
        return int(serial, 16) % self.crl_shards


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where certificates say that things are found, below the operator's `public_url`.

    The service can answer for none whose issuer's key is on a machine without a network: then there is no OCSP.
    """

    public_url: str
    has_ocsp: bool = True

    @property
    def ocsp(self) -> str:
        """The OCSP responder (RFC 6960)."""
        return f"{self.public_url}/pki/ocsp"

    def authority(self, name: str) -> str:
        """An authority's certificate, in DER."""
        return f"{self.public_url}/pki/{name}.cer"

    def crl(self, authority: str, shard: int) -> str:
        """One shard of an authority's revocation list."""
        return f"{self.public_url}/pki/crl/{authority}/{shard}.crl"

    def full_crl(self, authority: str) -> str:
        """The revocation list of all that an authority issued."""
        return f"{self.public_url}/pki/crl/{authority}.crl"


@dataclass(frozen=True)  # without slots, so that what is derived can be kept
class Plan:
    """One certificate to be. Everything in it comes from our records; from the request only the key."""

    profile: Profile
    issuer: Issuer
    common_name: str
    organisation: str
    public_key: PublicKey
    not_before: datetime
    not_after: datetime
    addresses: Addresses
    station: str | None = None
    hostnames: tuple[str, ...] = ()
    chain_above: int | None = None  # characters above this certificate where the chain is not the issuer's plain one

    @cached_property
    def subject(self) -> x509.Name:
        """CN and O, in the order O, CN that most tools print."""
        return name_of(self.organisation, self.common_name)

    @property
    def key_family(self) -> KeyFamily:
        """The family of the certified key."""
        return family_of(self.public_key)

    @cached_property
    def spki(self) -> bytes:
        """The certified key's SubjectPublicKeyInfo, DER."""
        return spki_of(self.public_key)

    @cached_property
    def spki_sha256(self) -> str:
        """The certified key's fingerprint, hex."""
        return hashlib.sha256(self.spki).hexdigest()


def name_of(organisation: str, common_name: str) -> x509.Name:
    """The distinguished name of everything we certify (A00.FR.509–511)."""
    return x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name),
        ]
    )
