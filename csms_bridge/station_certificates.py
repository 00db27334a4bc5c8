"""The certificates that a station holds and asks for: their kinds, and how OCPP names one of them."""

from dataclasses import dataclass
from enum import StrEnum


class CertificateKind(StrEnum):
    """What an installed certificate is trusted for (2.1 GetCertificateIdUseEnumType; 1.6 knows the first two)."""

    CSMS = "csms"
    MANUFACTURER = "manufacturer"
    V2G = "v2g"
    MO = "mo"
    OEM = "oem"
    """2.1 only."""
    V2G_CHAIN = "v2g-chain"
    """The station's own certificate towards vehicles, with the sub-CAs above it: listed, never installed."""


class LeafKind(StrEnum):
    """What a certificate of the station's own is for (2.1 CertificateSigningUseEnumType)."""

    STATION = "station"
    V2G = "v2g"
    V2G20 = "v2g20"
    """ISO 15118-20; 2.1 only."""


@dataclass(frozen=True, slots=True)
class HashData:
    """`certificateHashData`, as text, in the spelling of whoever sent it.

    `algorithm` is SHA256, SHA384 or SHA512; the two hashes and the serial number are hexadecimal. Spellings differ
    (case, leading zeros), and a station deletes by its own alone, so nothing is normalised here.
    """

    algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str


@dataclass(frozen=True, slots=True)
class ListedCertificate:
    """One entry of GetInstalledCertificateIds; `kind` is None for a type that we do not know."""

    kind: CertificateKind | None
    hash_data: HashData
    children: tuple[HashData, ...] = ()
    """The sub-CAs of a V2G chain (2.x M03.FR.05)."""


class StatusSource(StrEnum):
    """Where the status of a certificate can be had (2.1 CertificateStatusSourceEnumType)."""

    OCSP = "OCSP"
    CRL = "CRL"


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """A certificate whose status is wanted, and where the station says that it can be had.

    The addresses come from the station, or from a certificate that a car showed it: none is to be trusted.
    """

    hash_data: HashData
    urls: tuple[str, ...]
    source: StatusSource = StatusSource.OCSP
