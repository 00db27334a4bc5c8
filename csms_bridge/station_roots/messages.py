"""Which messages about certificates there are in each version, asked of the dialects; no version's words stand here."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from csms_bridge.commands import DeleteRoot, InstallRoot, ListRoots
from csms_bridge.dialects import DIALECTS
from csms_bridge.dialects.wire import Request
from csms_bridge.station import OcppVersion
from csms_bridge.station_certificates import CertificateKind, HashData, ListedCertificate

LONGEST_CERTIFICATE: Mapping[OcppVersion, int] = {OcppVersion.V16: 5500, OcppVersion.V201: 5500, OcppVersion.V21: 10000}
"""Characters of InstallCertificate's `certificate`."""

_LONGEST_HASH, _LONGEST_SERIAL, _MOST_LISTED, _MOST_CHILDREN = 128, 64, 1000, 16


@lru_cache
def kinds_of(version: OcppVersion) -> tuple[CertificateKind, ...]:
    """The kinds that a station of this version can be asked for."""
    return tuple(kind for kind in CertificateKind if _type_of(version, kind) is not None)


def install_request(version: OcppVersion, kind: CertificateKind, pem: str) -> Request:
    """InstallCertificate (M05)."""
    return DIALECTS[version].request(InstallRoot(pem, kind))


def list_requests(
    version: OcppVersion, kinds: Sequence[CertificateKind]
) -> list[tuple[tuple[CertificateKind, ...], Request]]:
    """GetInstalledCertificateIds (M03) for these kinds (none: all), with the kinds that each asks for."""
    parts = [(kind,) for kind in kinds or kinds_of(version)] if version is OcppVersion.V16 else [tuple(kinds)]
    return [(part, DIALECTS[version].request(ListRoots(part))) for part in parts]


def delete_request(version: OcppVersion, told: HashData) -> Request:
    """DeleteCertificate (M04)."""
    return DIALECTS[version].request(DeleteRoot(told))


def kinds_asked(version: OcppVersion, payload: Mapping[str, object]) -> tuple[CertificateKind, ...]:
    """The kinds that a request is about; empty when it names none, which means all."""
    asked = payload.get("certificateType")
    names = asked if isinstance(asked, list) else [asked]
    return tuple(kind for kind in kinds_of(version) if _type_of(version, kind) in names)


def listed(version: OcppVersion, answer: object, asked: Sequence[CertificateKind]) -> list[ListedCertificate]:
    """The entries of an answer to GetInstalledCertificateIds, read leniently and held to bearable sizes."""
    if not isinstance(answer, dict):
        return []
    found = DIALECTS[version].answer(ListRoots(tuple(asked)), answer).certificates[:_MOST_LISTED]
    return [
        ListedCertificate(one.kind, _clipped(one.hash_data), tuple(map(_clipped, one.children[:_MOST_CHILDREN])))
        for one in found
        if one.hash_data.issuer_key_hash and one.hash_data.serial_number
    ]


def kept_text(told: str, longest: int) -> str:
    """A station's words as a database takes them: PostgreSQL has no NUL, and none is endless."""
    return told[:longest].replace("\0", "\ufffd")


def _clipped(told: HashData) -> HashData:
    return HashData(
        kept_text(told.algorithm, 16),
        kept_text(told.issuer_name_hash, _LONGEST_HASH),
        kept_text(told.issuer_key_hash, _LONGEST_HASH),
        kept_text(told.serial_number, _LONGEST_SERIAL),
    )


@lru_cache
def _type_of(version: OcppVersion, kind: CertificateKind) -> str | None:
    """The wire's name of a kind; None when the version has none."""
    try:
        asked = DIALECTS[version].request(ListRoots((kind,))).payload["certificateType"]
    except LookupError:
        return None
    return str(asked[0] if isinstance(asked, list) else asked)
