"""Plan and serial number → the exact bytes that the authority is going to sign (RFC 5280 §4.1).

Certificates of one *shape* (profile, issuer, kind of key) differ only in serial number, times, subject, key and CRL
shard. So the parts that a shape has in common are encoded once, by `cryptography`, and put together with the rest
for each certificate. The bytes are then read back by `cryptography`'s parser, and every clause is checked on what it
read (`pki.lint`): what writes and what reads share no code.
"""

import functools
import hashlib
import ipaddress
import secrets
from collections.abc import Iterable

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from pki import der
from pki.keys import KeyAlgorithm, KeyFamily, assemble
from pki.plans import Addresses, Issuer, Plan
from pki.profiles import KeyUse, Profile
from pki.settings import is_ip_address

_VERSION_3 = der.tlv(0xA0, der.integer(2))


def new_serial() -> str:
    """A random serial number in hex: 16 octets, of which 126 bits are random.

    The first digit is 1 to 7: no sign octet in DER, and no leading zero for stations to trip over.
    """
    return secrets.choice("1234567") + secrets.token_hex(16)[1:]


def to_be_signed(plan: Plan, serial: str) -> bytes:
    """The TBSCertificate in DER."""
    profile, issuer = plan.profile, plan.issuer
    validity = der.sequence(der.time(plan.not_before), der.time(plan.not_after))
    extensions = [
        _of_the_shape(profile, issuer, plan.key_family),
        _extension(x509.SubjectKeyIdentifier(key_identifier(plan.spki))),
    ]
    if profile.names_hosts:
        extensions.append(_extension(x509.SubjectAlternativeName(map(_general_name, plan.hostnames))))
    if profile.has_pointers:
        extensions.append(_pointers(plan.addresses, issuer.name, issuer.shard_of(serial)))
    return der.sequence(
        _VERSION_3,
        der.integer(int(serial, 16)),
        _algorithm_and_issuer(issuer),
        validity,
        plan.subject.public_bytes(),
        plan.spki,
        der.tlv(0xA3, der.sequence(*extensions)),
    )


def key_identifier(spki: bytes) -> bytes:
    """SHA-1 over the key's bit string, method 1 of RFC 5280 §4.2.1.2. `spki` is a SubjectPublicKeyInfo in DER."""
    _, after_the_algorithm = der.contents(der.contents(spki, 0x30)[0], 0x30)
    bits, _ = der.contents(after_the_algorithm, 0x03)
    return hashlib.sha1(bits[1:], usedforsecurity=False).digest()


def specimen_of(to_be_signed: bytes, algorithm: KeyAlgorithm) -> x509.Certificate:
    """A certificate to be read only: where its signature should be stands one that no key makes."""
    return x509.load_der_x509_certificate(assemble(to_be_signed, algorithm, _no_signature(algorithm)))


def build_specimen(plan: Plan, serial: str) -> x509.Certificate:
    """The certificate as planned, unsigned, for the linters."""
    return specimen_of(to_be_signed(plan, serial), plan.issuer.algorithm)


@functools.lru_cache(maxsize=256)
def _of_the_shape(profile: Profile, issuer: Issuer, family: KeyFamily) -> bytes:
    """The extensions that all certificates of a shape have in common."""
    extensions = [
        _extension(x509.BasicConstraints(profile.is_authority, profile.path_length), critical=True),
        _extension(_key_usage(profile.key_use(family)), critical=True),
        _extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key)),
    ]
    if profile.extended_use:
        extensions.append(_extension(x509.ExtendedKeyUsage([use.identifier for use in profile.extended_use])))
    if profile.no_check:
        extensions.append(_extension(x509.OCSPNoCheck()))
    return b"".join(extensions)


@functools.lru_cache(maxsize=256)
def _algorithm_and_issuer(issuer: Issuer) -> bytes:
    return issuer.algorithm.identifier + issuer.subject.public_bytes()


@functools.lru_cache(maxsize=8192)
def _pointers(addresses: Addresses, authority: str, shard: int) -> bytes:
    return _extension(_information_access(addresses, authority)) + _extension(
        _distribution_point(addresses.crl(authority, shard))
    )


def _extension(extension: x509.ExtensionType, *, critical: bool = False) -> bytes:
    """RFC 5280 §4.1: SEQUENCE { extnID, critical DEFAULT FALSE, extnValue }."""
    parts = [_identifier(extension.oid.dotted_string)]
    if critical:
        parts.append(b"\x01\x01\xff")
    return der.sequence(*parts, der.octet_string(extension.public_bytes()))


@functools.cache
def _identifier(dotted: str) -> bytes:
    """OBJECT IDENTIFIER (X.690 §8.19)."""
    first, second, *rest = map(int, dotted.split("."))
    return der.tlv(0x06, b"".join(_base_128(number) for number in (first * 40 + second, *rest)))


def _base_128(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))


def _key_usage(uses: Iterable[KeyUse]) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=KeyUse.DIGITAL_SIGNATURE in uses,
        content_commitment=False,
        key_encipherment=KeyUse.KEY_ENCIPHERMENT in uses,
        data_encipherment=False,
        key_agreement=KeyUse.KEY_AGREEMENT in uses,
        key_cert_sign=KeyUse.KEY_CERT_SIGN in uses,
        crl_sign=KeyUse.CRL_SIGN in uses,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(hostname: str) -> x509.GeneralName:
    if is_ip_address(hostname):
        return x509.IPAddress(ipaddress.ip_address(hostname))
    return x509.DNSName(hostname)


def _information_access(addresses: Addresses, authority: str) -> x509.AuthorityInformationAccess:
    places = [(AuthorityInformationAccessOID.CA_ISSUERS, addresses.authority(authority))]
    if addresses.has_ocsp:
        places.insert(0, (AuthorityInformationAccessOID.OCSP, addresses.ocsp))
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, url in places]
    )


def _distribution_point(url: str) -> x509.CRLDistributionPoints:
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)
    return x509.CRLDistributionPoints([point])


def _no_signature(algorithm: KeyAlgorithm) -> bytes:
    """Something of a signature's form: r = s = 1, or an RSA number of ones."""
    if algorithm.family is KeyFamily.EC:
        return der.sequence(der.integer(1), der.integer(1))
    return b"\x01" * (int(algorithm.value.removeprefix("rsa-")) // 8)
