"""TLS as a station's client: which roots it trusts, which suites it offers, which certificate it shows."""

from __future__ import annotations

import os
import ssl
import tempfile
from functools import lru_cache

from csms_bridge.simulator.certificates import Credential, certificate_to_pem
from csms_bridge.simulator.keys import key_to_pem

ECDSA_SUITES = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"
RSA_SUITES = "AES128-GCM-SHA256:AES256-GCM-SHA384"


@lru_cache(maxsize=256)
def shared_context(roots: tuple[str, ...], *, rsa_only: bool = False, check: bool = True) -> ssl.SSLContext:
    """Make the context of all stations that trust the same roots (PEM) and show no certificate.

    Shared, because a context weighs tens of KiB and thousands of stations fit into one process.
    """
    return _context(roots, rsa_only=rsa_only, check=check)


def own_context(
    roots: tuple[str, ...], credential: Credential, *, rsa_only: bool = False, check: bool = True
) -> ssl.SSLContext:
    """Make the context of one station on profile 3."""
    context = _context(roots, rsa_only=rsa_only, check=check)
    # `ssl` reads a certificate and key from files only. The file is ours alone and gone at once.
    handle, name = tempfile.mkstemp(prefix="station-", suffix=".pem")
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(key_to_pem(credential.key))
            stream.writelines(certificate_to_pem(link) for link in credential.chain)
        context.load_cert_chain(name)
    finally:
        os.unlink(name)  # noqa: PTH108 - mkstemp gives a name, not a path
    return context


def _context(roots: tuple[str, ...], *, rsa_only: bool, check: bool) -> ssl.SSLContext:
    """Offer TLS 1.2 or newer with the suites of A00.FR.318/.319; never trust the system's own CAs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if rsa_only:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(RSA_SUITES)
    else:
        context.set_ciphers(f"{ECDSA_SUITES}:{RSA_SUITES}")
    if not check:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if roots:
        context.load_verify_locations(cadata="\n".join(roots))
    return context
