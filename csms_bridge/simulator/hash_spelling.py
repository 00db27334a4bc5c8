"""How a station names a certificate in its list: as it ought to, or as stations of the field do."""

from __future__ import annotations

import hashlib
from collections.abc import Set
from dataclasses import replace

from cryptography import x509

from csms_bridge.simulator.certificates import CertificateName, name_certificate, public_bytes
from csms_bridge.simulator.config import Fault

LONGEST_SERIAL = 40
"""Characters of `serialNumber` in every version."""
_ALGORITHM = {Fault.SHA384_HASHES: "SHA384", Fault.SHA512_HASHES: "SHA512"}


def spell(certificate: x509.Certificate, issuer: x509.Certificate, faults: Set[Fault]) -> CertificateName:
    """The station's own words for a certificate."""
    algorithm = next((name for fault, name in _ALGORITHM.items() if fault in faults), "SHA256")
    name = name_certificate(certificate, issuer, algorithm)
    if Fault.WHOLE_KEY_HASH in faults:
        digest = hashlib.new(algorithm.lower(), public_bytes(issuer)).hexdigest()
        name = replace(name, issuer_key_hash=digest)
    if Fault.PADDED_SERIAL in faults:
        name = replace(name, serial=name.serial.zfill(LONGEST_SERIAL))
    if Fault.UPPER_CASE_HASHES in faults:
        upper = (text.upper() for text in (name.issuer_name_hash, name.issuer_key_hash, name.serial))
        name = CertificateName(algorithm, *upper)
    return name
