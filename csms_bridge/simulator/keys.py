"""A station's private keys and the certificate requests (PKCS#10) it makes with them."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from csms_bridge.simulator.config import Fault, KeyKind, StationConfig

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def new_key(kind: KeyKind) -> PrivateKey:
    """Make a P-256 or RSA-2048 key. The latter takes a good part of a second: call it from a thread."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def key_to_pem(key: PrivateKey) -> str:
    """Spell a private key as unencrypted PKCS#8 PEM, as the flash of a simple station holds it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def key_from_pem(pem: str) -> PrivateKey:
    """Read what `key_to_pem` wrote. Raises ValueError for anything else."""
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError("a station's key is an EC or RSA key")
    return key


def make_csr(config: StationConfig, organisation: str | None, key: PrivateKey) -> str:
    """Build the PKCS#10 PEM a station sends: CN is the serial number, O the operator (WP3 A02.FR.03, .13).

    The faults wrong-cn, wrong-organisation, csr-garbage and csr-version-2 apply here.
    """
    if config.has(Fault.CSR_GARBAGE):
        return "this is no certificate request"
    serial = f"X{config.serial}" if config.has(Fault.WRONG_CN) else config.serial
    owner = "Somebody Else" if config.has(Fault.WRONG_ORGANISATION) else organisation
    names = [x509.NameAttribute(NameOID.COMMON_NAME, serial)]
    if owner:
        names.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, owner))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    request = builder.sign(key, hashes.SHA256())
    if config.has(Fault.CSR_VERSION_2):
        return _as_version_2(request, key)
    return request.public_bytes(Encoding.PEM).decode()


def self_signed(serial: str, key: PrivateKey, now: datetime) -> x509.Certificate:
    """Make the certificate of `Fault.FOREIGN_CERTIFICATE`: the right name, signed by nobody else."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, serial)])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=365))
    return builder.sign(key, hashes.SHA256())


def _as_version_2(request: x509.CertificateSigningRequest, key: PrivateKey) -> str:
    """Sign the same request again with 1 in its version field, which `cryptography` would not write."""
    inner, whole = request.tbs_certrequest_bytes, request.public_bytes(Encoding.DER)
    version = inner.index(b"\x02\x01\x00") + 2
    changed = inner[:version] + b"\x01" + inner[version + 1 :]
    after = whole[whole.index(inner) + len(inner) :]
    algorithm = after[: 2 + after[1]]
    body = changed + algorithm + _der(0x03, b"\x00" + _signature(key, changed))
    text = base64.b64encode(_der(0x30, body)).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(("-----BEGIN CERTIFICATE REQUEST-----", *lines, "-----END CERTIFICATE REQUEST-----", ""))


def _signature(key: PrivateKey, content: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(content, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(content, ec.ECDSA(hashes.SHA256()))


def _der(tag: int, content: bytes) -> bytes:
    """Put a DER tag and length before `content` (shorter than 64 KiB)."""
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + content
