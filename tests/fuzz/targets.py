"""What reads octets from outside, each as a function that takes any octets and raises nothing but a finding.

A refusal in the reader's own words is an answer; every other exception is a fault of ours. What is accepted must hold
what acceptance promises.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import quote

from asn1crypto import csr as asn1_csr
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from csms_bridge.edge_chain import Anchors, UntrustedChain
from csms_bridge.edge_headers import BrokenEdgeHeader, EdgeForm, read_address, read_certificate, read_tls_version
from csms_bridge.judging import makers_certificate
from csms_bridge.named_peers import NamedPeers
from csms_bridge.proxy_protocol import LONGEST_V2, SIGNATURE, MalformedProxyHeader, missing, read_header
from csms_bridge.station import OcppVersion
from pki.anchor_file import read_root
from pki.anchor_use import AnchorUse
from pki.anchors import Anchor
from pki.csr import read_request
from pki.der import bit_string, sequence
from pki.errors import AnchorRefused, CsrRejected, ReturnedRefused
from pki.firmware_check import verify_firmware
from pki.foreign_crls import check_crl, is_signed_by, read_crl, serials_on
from pki.key_files import fingerprint_in
from pki.keys import FileSigner, KeyAlgorithm, SignatureScheme, spki_of, spki_sha256
from pki.ocsp_request import MalformedRequestError, read_status_request
from pki.request_claims import check_channel, check_same_names
from pki.request_text import LONGEST
from pki.returned_certificate import Expected, check_returned, path_above, read_certificates
from pki.settings import PkiSettings
from pki.signer_process.judge import Judge
from pki.signer_process.known import KnownAuthority
from pki.signer_process.requests import Asked, kind_of
from pki.signer_process.reservations import Reservation
from pki.strict_der import elements, inside
from tests.fuzz import ocpp_targets
from tests.pki.hostile.pieces import ECDSA, ec_key, information, pem, sign, signed_request
from tests.pki.hostile.tolerated import TOLERATED, everest_request
from tests.pki.hostile_requests import HOSTILE

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@dataclass(frozen=True)
class Target:
    """`run` takes any octets; `seeds` makes good and bad inputs to begin with."""

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]

    def __str__(self) -> str:
        return self.name


# --- certificate requests


def certificate_request(data: bytes) -> None:
    """A request in any spelling. What is read must be signed, octet by octet, by the key that would be certified."""
    with suppress(CsrRejected):
        _check_accepted(data)


def signed_by_its_sender(data: bytes) -> None:
    """The same for what a station signs: any octets in place of the information, under a good signature."""
    with suppress(CsrRejected):
        _check_accepted(signed_request(data))


def _check_accepted(data: bytes) -> None:
    request = read_request(data)
    second = asn1_csr.CertificationRequest.load(request.der, strict=True)
    assert second.dump() == request.der
    spki = second["certification_request_info"]["subject_pk_info"]
    theirs = load_der_public_key(spki.dump())
    assert spki_of(theirs) == spki_of(request.public_key)  # type: ignore[arg-type]
    if isinstance(theirs, ec.EllipticCurvePublicKey):
        digest = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
        named = ec.ECDSA(digest[second["signature_algorithm"].hash_algo])
        signed = second["certification_request_info"].dump()
        try:
            theirs.verify(second["signature"].native, signed, named)
        except InvalidSignature:
            raise AssertionError("a request was accepted whose signature does not verify") from None
    for name in (request.common_name, request.organisation):
        assert name is None or (name.isprintable() and 0 < len(name) <= 64)


@cache
def _requests() -> list[bytes]:
    made = (case.make() for case in (*TOLERATED, *HOSTILE))
    octets = (one if isinstance(one, bytes) else one.encode("utf-8", "replace") for one in made)
    return [one for one in octets if len(one) <= LONGEST]


def _informations() -> list[bytes]:
    with_extensions = asn1_csr.CertificationRequest.load(everest_request())
    return [information(), information(attributes=None), with_extensions["certification_request_info"].dump()]


# --- the body of an EST request


def est_body(data: bytes) -> None:
    """RFC 7030 §4.2.1: base64 of a PKCS#10, then the two comparisons that EST asks for."""
    with suppress(CsrRejected):
        request = read_request(data)
        check_channel(request.der, bytes(12))
        check_same_names(request.der, _root())


def est_comparisons(data: bytes) -> None:
    """The same for a body whose signature is good."""
    with suppress(CsrRejected):
        request = read_request(b64encode(signed_request(data)))
        with suppress(CsrRejected):
            check_channel(request.der, bytes(12))
        check_same_names(request.der, _root())


def _bodies() -> list[bytes]:
    return [b64encode(octets) for octets in _requests() if octets[:1] == b"\x30"]


# --- OCSP requests


def ocsp_request(data: bytes) -> None:
    """RFC 6960 §4.1."""
    with suppress(MalformedRequestError):
        asked = read_status_request(data)
        assert 1 <= len(asked.questions) <= 100
        for question in asked.questions:
            assert len(question.serial) % 2 == 0
            assert question.cert_id


def _status_requests() -> list[bytes]:
    root = x509.load_der_x509_certificate(_root())
    plain = ocsp.OCSPRequestBuilder().add_certificate(root, root, hashes.SHA1())  # noqa: S303 - RFC 6960's own hash
    nonce = plain.add_extension(x509.OCSPNonce(b"n" * 16), critical=False)
    return [plain.build().public_bytes(Encoding.DER), nonce.build().public_bytes(Encoding.DER)]


# --- certificates and chains in PEM


def root_file(data: bytes) -> None:
    """A manufacturer's root that somebody wants trusted."""
    with suppress(AnchorRefused):
        read_root(data, NOW)


def key_file(data: bytes) -> None:
    """A certificate, request or public key whose fingerprint is wanted."""
    with suppress(CsrRejected):
        assert len(fingerprint_in(data.decode("utf-8", "replace"))) == 64


def firmware_certificate(data: bytes) -> None:
    """The signing certificate of a firmware image, with a root above it."""
    root = x509.load_der_x509_certificate(_root())
    text = data.decode("utf-8", "replace")
    for scheme in SignatureScheme:
        verify_firmware(bytes(32), bytes(64), text, scheme, [root], NOW)


def self_signed_root(data: bytes) -> None:
    """The same for any octets in place of the contents, under a good signature."""
    root_file(_signed(data))


def makers_leaf(data: bytes) -> None:
    """The client certificate of a station that comes for the first time, with its maker's."""
    for octets in (data, _signed(data)):
        said = makers_certificate(octets, _anchor())
        assert all(isinstance(name, str) for name in said.names)


def returned_chain(data: bytes) -> None:
    """What a parent sends back for a request of ours, and the chain above it."""
    with suppress(ReturnedRefused):
        first, *others = read_certificates(data.decode("utf-8", "replace")) or [_loaded_root()]
        check_returned(first, path_above(first, others), _expected(), NOW)


def returned_certificate(data: bytes) -> None:
    """The same for a certificate whose signature is good, below the root."""
    returned_chain(pem(_signed(data), "CERTIFICATE").encode() + pem(_root(), "CERTIFICATE").encode())


def revocation_list(data: bytes) -> None:
    """A list of an authority whose key is elsewhere."""
    with suppress(ReturnedRefused):
        crl = read_crl(data)
        check_crl(crl, "http://pki.example/root.crl", NOW)
        serials_on(crl)
        is_signed_by(crl, _loaded_root())


def signed_revocation_list(data: bytes) -> None:
    """The same for a list whose signature is good."""
    revocation_list(_signed(data))


# --- what the signer process is asked to sign


def signers_judge(data: bytes) -> None:
    """Octets from the other processes. No certificate among them was intended, so that none may be signed."""
    signer = FileSigner("stations", ec_key())
    judge = Judge(_KnownRoot(), _EverythingReserved(), PkiSettings(organisation="Acme"), lambda: NOW, in_ceremony=False)  # type: ignore[arg-type]
    [entry] = judge.judge([Asked("stations", data, kind_of(data))], signer)
    assert entry["verdict"] == "refused" or entry["kind"] in ("list", "check")


class _KnownRoot:
    """Knows one authority, by whatever name its key has."""

    def of_key(self, key_name: str) -> KnownAuthority:
        root = _loaded_root()
        subject, validity = root.subject.public_bytes(), (root.not_valid_before_utc, root.not_valid_after_utc)
        key = ec_key().public_key()
        return KnownAuthority("stations", key_name, "stations", subject, key, KeyAlgorithm.EC_P256, *validity, 16)


class _EverythingReserved:
    """Has a reservation for any serial number, so that the rules after it are reached."""

    def of(self, serials: Sequence[str]) -> dict[str, Reservation]:
        return {serial: Reservation(serial, "stations", "station", "", b"", None, NOW) for serial in serials}


def _signed(contents: bytes) -> bytes:
    return sequence(contents, ECDSA["sha256"], bit_string(sign(ec_key(), contents)))


def _loaded_root() -> x509.Certificate:
    return x509.load_der_x509_certificate(_root())


def _anchor() -> Anchor:
    return Anchor("maker", AnchorUse.FIRST_CONTACT, "Acme", "CN=SN-1", "", NOW, NOW, "user:admin", NOW, "", _root())


def _expected() -> Expected:
    subject = x509.load_der_x509_certificate(_issuing()).subject
    return Expected(subject, spki_sha256(ec_key().public_key()), "csms", subject, ("csms.example",))


def _lists() -> list[bytes]:
    revoked = x509.RevokedCertificateBuilder().serial_number(7).revocation_date(NOW).build()
    builder = x509.CertificateRevocationListBuilder().issuer_name(_loaded_root().subject)
    builder = builder.last_update(NOW).next_update(NOW + timedelta(days=1)).add_revoked_certificate(revoked)
    crl = builder.add_extension(x509.CRLNumber(1), critical=False).sign(ec_key(), hashes.SHA256())
    return [crl.public_bytes(Encoding.PEM), crl.public_bytes(Encoding.DER)]


def contents_of(der: bytes) -> bytes:
    """What is signed in it."""
    return next(elements(inside(der, 0x30)))[2]


@cache
def _root() -> bytes:
    return _authority("SN-1", path_length=None)


@cache
def _issuing() -> bytes:
    return _authority("Acme Issuing", path_length=0)


def _authority(common_name: str, path_length: int | None) -> bytes:
    """An authority's certificate, signed by the root, which is itself one of them."""

    def named(text: str) -> x509.Name:
        organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme")
        return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, text)])

    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    usage = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(common_name))
        .issuer_name(named("SN-1"))
        .public_key(ec_key().public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, **usage), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("acme.example")]), critical=False)
        .add_extension(x509.NameConstraints([x509.DNSName("example")], None), critical=True)
    )
    return builder.sign(ec_key(), hashes.SHA256()).public_bytes(Encoding.DER)


def _certificates() -> list[bytes]:
    key = ec_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    one = pem(_root(), "CERTIFICATE").encode()
    chain = pem(_issuing(), "CERTIFICATE").encode() + one
    return [one, one + one, chain, _root(), key, *_requests()[:3]]


# --- what stands in front of the stations' ports


def proxy_header(data: bytes) -> None:
    """The octets before TLS or HTTP. Never more is asked for than a header may have."""
    with suppress(MalformedProxyHeader):
        taken, left = b"", data
        while (wanted := missing(taken)) and left:
            assert len(taken) + wanted <= LONGEST_V2
            taken, left = taken + left[:wanted], left[wanted:]
        told = read_header(taken)
        assert told.address is None or 0 <= told.port <= 0xFFFF


def edge_header(data: bytes) -> None:
    """A header of an edge in each form, and the other words that stand beside it."""
    text = data.decode("latin-1")
    for form in EdgeForm:
        with suppress(BrokenEdgeHeader, UntrustedChain):
            shown = read_certificate(form, text, text)
            if shown is not None:
                Anchors([_loaded_root()]).verify(shown)
    with suppress(BrokenEdgeHeader):
        read_address(text, NamedPeers([]))
    with suppress(BrokenEdgeHeader):
        read_tls_version(text, text)


def signed_edge_header(data: bytes) -> None:
    """The same for a certificate whose signature is good."""
    edge_header(b":" + b64encode(_signed(data)) + b":")


def _proxy_headers() -> list[bytes]:
    ipv4 = SIGNATURE + b"\x21\x11\x00\x0c" + bytes(range(12))
    ipv6 = SIGNATURE + b"\x21\x21\x00\x2b" + bytes(range(36)) + b"\x04\x00\x04abcd"
    return [b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n", ipv4, ipv6]


def _edge_headers() -> list[bytes]:
    escaped = quote(pem(_issuing(), "CERTIFICATE") + pem(_root(), "CERTIFICATE"), safe="")
    octets = b64encode(_issuing()).decode()
    told = (
        escaped,
        f'By=a;Cert="{escaped}";Subject="CN=\\"x\\""',
        f":{octets}:",
        "192.0.2.1, [::1]:5",
        "TLSv1.3",
        "wss",
    )
    return [one.encode() for one in told]


TARGETS = (
    Target("proxy-header", proxy_header, _proxy_headers),
    Target("edge-header", edge_header, _edge_headers),
    Target("signed-edge-header", signed_edge_header, lambda: [contents_of(_issuing())]),
    Target("certificate-request", certificate_request, _requests),
    Target("signed-by-its-sender", signed_by_its_sender, _informations),
    Target("est-body", est_body, _bodies),
    Target("est-comparisons", est_comparisons, _informations),
    Target("ocsp-request", ocsp_request, _status_requests),
    Target("root-file", root_file, _certificates),
    Target("self-signed-root", self_signed_root, lambda: [contents_of(_root())]),
    Target("makers-leaf", makers_leaf, lambda: [_root(), contents_of(_root())]),
    Target("signers-judge", signers_judge, lambda: [*map(contents_of, (_issuing(), _root(), _lists()[1]))]),
    Target("returned-chain", returned_chain, _certificates),
    Target("returned-certificate", returned_certificate, lambda: [contents_of(_issuing())]),
    Target("revocation-list", revocation_list, _lists),
    Target("signed-revocation-list", signed_revocation_list, lambda: [contents_of(_lists()[1])]),
    Target("key-file", key_file, _certificates),
    Target("firmware-certificate", firmware_certificate, _certificates),
    Target("ocpp-frame", ocpp_targets.frame, ocpp_targets.all_frames),
    *(
        Target(f"ocpp-{version}", ocpp_targets.dialect_target(version), ocpp_targets.frames(version))
        for version in OcppVersion
    ),
)
