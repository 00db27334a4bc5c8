"""Plan and serial number → the exact bytes that the authority is going to sign.

`cryptography` builds only signed certificates, so a throw-away key of the issuer's kind signs a specimen. The
linter reads the specimen, the signer gets its to-be-signed part, and the specimen's signature is good for nothing.
"""

import functools
import ipaddress
import secrets

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from pki.keys import KeyAlgorithm, PrivateKey, generate_key
from pki.plans import Plan
from pki.profiles import KeyUse
from pki.settings import is_ip_address


def new_serial() -> str:
    """A random serial number in hex: 16 octets, of which 126 bits are random.

    The first digit is 1 to 7: no sign octet in DER, and no leading zero for stations to trip over.
    """
    return secrets.choice("1234567") + secrets.token_hex(16)[1:]


def build_specimen(plan: Plan, serial: str) -> x509.Certificate:
    """The certificate as planned, signed by a throw-away key. Only its to-be-signed bytes are of use."""
    builder = (
        x509.CertificateBuilder()
        .serial_number(int(serial, 16))
        .issuer_name(plan.issuer.subject)
        .subject_name(plan.subject)
        .not_valid_before(plan.not_before)
        .not_valid_after(plan.not_after)
        .public_key(plan.public_key)
    )
    for extension, critical in _extensions(plan, serial):
        builder = builder.add_extension(extension, critical)
    return builder.sign(_throwaway(plan.issuer.algorithm), plan.issuer.algorithm.hash_algorithm())


def _extensions(plan: Plan, serial: str) -> list[tuple[x509.ExtensionType, bool]]:
    profile = plan.profile
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(profile.is_authority, profile.path_length), True),
        (_key_usage(profile.key_use(plan.key_family)), True),
        (x509.SubjectKeyIdentifier.from_public_key(plan.public_key), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(plan.issuer.public_key), False),
    ]
    if profile.extended_use:
        extensions.append((x509.ExtendedKeyUsage([use.identifier for use in profile.extended_use]), False))
    if profile.names_hosts:
        extensions.append((x509.SubjectAlternativeName(map(_general_name, plan.hostnames)), False))
    if profile.has_pointers:
        extensions += [(_information_access(plan), False), (_distribution_point(plan, serial), False)]
    if profile.no_check:
        extensions.append((x509.OCSPNoCheck(), False))
    return extensions


def _key_usage(uses: frozenset[KeyUse]) -> x509.KeyUsage:
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


def _information_access(plan: Plan) -> x509.AuthorityInformationAccess:
    places = (
        (AuthorityInformationAccessOID.OCSP, plan.addresses.ocsp),
        (AuthorityInformationAccessOID.CA_ISSUERS, plan.addresses.authority(plan.issuer.name)),
    )
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, url in places]
    )


def _distribution_point(plan: Plan, serial: str) -> x509.CRLDistributionPoints:
    url = plan.addresses.crl(plan.issuer.name, plan.issuer.shard_of(serial))
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)
    return x509.CRLDistributionPoints([point])


@functools.cache
def _throwaway(algorithm: KeyAlgorithm) -> PrivateKey:
    """Made once per process. The size of an RSA key does not show in the to-be-signed bytes, so a small one does."""
    small = KeyAlgorithm.RSA_2048 if algorithm.family == "rsa" else algorithm
    return generate_key(small)
