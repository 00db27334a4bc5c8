"""Makes certificate requests, good ones and hostile ones."""

from collections.abc import Callable

from asn1crypto import algos, csr
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pki.keys import PrivateKey


def request_of(
    key: PrivateKey,
    common_name: str | None = "SN-1",
    organisation: str | None = None,
    extensions: tuple[x509.ExtensionType, ...] = (),
    **options: object,
) -> x509.CertificateSigningRequest:
    """A request as a well-behaved station makes it."""
    names = [(NameOID.COMMON_NAME, common_name), (NameOID.ORGANIZATION_NAME, organisation)]
    subject = x509.Name([x509.NameAttribute(oid, text) for oid, text in names if text is not None])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, options.pop("hash_algorithm", hashes.SHA256()), **options)


def pem_request(key: PrivateKey, common_name: str | None = "SN-1", organisation: str | None = None) -> str:
    return request_of(key, common_name, organisation).public_bytes(Encoding.PEM).decode()


def der_request(key: PrivateKey, common_name: str | None = "SN-1", organisation: str | None = None) -> bytes:
    return request_of(key, common_name, organisation).public_bytes(Encoding.DER)


def tampered(key: PrivateKey, change: Callable[[csr.CertificationRequestInfo], None]) -> bytes:
    """A request whose content was changed, then signed again by the same key: valid, but odd."""
    request = csr.CertificationRequest.load(der_request(key))
    information = request["certification_request_info"]
    change(information)
    to_be_signed = information.dump(force=True)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        signature = key.sign(to_be_signed, ec.ECDSA(hashes.SHA256()))
    else:
        assert isinstance(key, rsa.RSAPrivateKey)
        signature = key.sign(to_be_signed, padding.PKCS1v15(), hashes.SHA256())
    name = "sha256_ecdsa" if isinstance(key, ec.EllipticCurvePrivateKey) else "sha256_rsa"
    return csr.CertificationRequest(
        {
            "certification_request_info": csr.CertificationRequestInfo.load(to_be_signed),
            "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": name}),
            "signature": signature,
        }
    ).dump()
