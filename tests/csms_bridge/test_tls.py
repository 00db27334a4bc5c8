"""The TLS side of the endpoint. Handshakes are made in memory: no socket."""

import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from csms_bridge.admission import MakersCertificate
from csms_bridge.judging import makers_certificate
from csms_bridge.tls import SUITES, TlsPolicy, pem_of, server_context, verified_root
from pki.anchor_use import AnchorUse
from pki.anchors import Anchor
from pki.authority import Order
from tests.csms_bridge.room import NOON
from tests.pki.hostile.certificates import BROKEN
from tests.pki.makers import maker_root


@pytest.fixture
def context(signing_room):
    authority = signing_room.authority
    return server_context(authority.server_credentials(), authority.trust_anchors())


def client(signing_room, suite: str = "ALL", version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> ssl.SSLContext:
    """A station that trusts both roots, and looks at no clock."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = version
    context.set_ciphers(suite)
    for family in ("ec", "rsa"):
        context.load_verify_locations(cadata=signing_room.authority.operator_root(family).certificate_pem)
    context.verify_flags |= ssl.VerifyFlags(0x200000)
    return context


def shake_hands(server: ssl.SSLContext, station: ssl.SSLContext, name: str | None = "csms.example") -> ssl.SSLObject:
    """Both ends of a handshake, turn by turn; returns the server's end."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = station.wrap_bio(to_client, to_server, server_hostname=name)
    waiting = [theirs, ours]
    for _ in range(20):
        for end in tuple(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                continue
        if not waiting:
            return ours
    raise AssertionError("the handshake did not end")


def handshake_octets(server: ssl.SSLContext, station: ssl.SSLContext) -> int:
    """How much the server answers to a ClientHello."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    for end in (
        station.wrap_bio(to_client, to_server, server_hostname="csms.example"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ):
        with pytest.raises(ssl.SSLWantReadError):
            end.do_handshake()
    return to_client.pending


def subject() -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SN-1")])


def present(station: ssl.SSLContext, chain: str, key: ec.EllipticCurvePrivateKey, folder: Path) -> None:
    """Have the station show this chain in handshakes."""
    chain_file, key_file = folder / "chain.pem", folder / "key.pem"
    chain_file.write_text(chain)
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    station.load_cert_chain(chain_file, key_file)


def identified(signing_room, folder: Path, station: ssl.SSLContext, *, chained: bool = True) -> bytes:
    """Give the station a certificate of ours; returns it in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(subject()).sign(key, hashes.SHA256())
    authority = signing_room.authority
    read = authority.read_request(request.public_bytes(Encoding.DER))
    issued = authority.issue(Order(read, "station", "SN-1", station="CS-1"), "station:CS-1")
    present(station, issued.chain_pem if chained else issued.pem, key, folder)
    return issued.der


FOUR = SUITES[TlsPolicy.CERTIFICATION]


@pytest.fixture
def hardened(signing_room):
    authority = signing_room.authority
    return server_context(authority.server_credentials(), authority.trust_anchors(), TlsPolicy.HARDENED)


@pytest.mark.parametrize("suite", FOUR)
def test_speaks_all_four_suites_of_ocpp(signing_room, context, suite):
    """A00.FR.318/.421 (1.6: .317/.421), TC_A_04: two need an ECDSA, two an RSA certificate."""
    assert shake_hands(context, client(signing_room, suite + ":@SECLEVEL=2")).cipher()[0] == suite


def test_offers_no_other_suite_below_tls_1_3(context):
    old = {suite["name"] for suite in context.get_ciphers() if suite["protocol"] != "TLSv1.3"}
    assert old == set(FOUR)


@pytest.mark.parametrize("suite", SUITES[TlsPolicy.HARDENED])
def test_the_hardened_policy_takes_both_certificates_with_forward_secrecy(signing_room, hardened, suite):
    """A station that knows RSA alone still gets in."""
    assert shake_hands(hardened, client(signing_room, suite + ":@SECLEVEL=2")).cipher()[0] == suite


@pytest.mark.parametrize("suite", ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA256"])
def test_the_hardened_policy_refuses_static_rsa_and_cbc(signing_room, hardened, suite):
    with pytest.raises(ssl.SSLError):
        shake_hands(hardened, client(signing_room, suite + ":@SECLEVEL=2"))


def test_the_hardened_policy_speaks_tls_1_3(signing_room, hardened):
    assert shake_hands(hardened, client(signing_room, version=ssl.TLSVersion.TLSv1_3)).version() == "TLSv1.3"


@pytest.mark.parametrize("name", ["csms.example", "another.example", None])
def test_any_server_name_or_none_is_fine(signing_room, context, name):
    """SNI is the station's to send or not; which of two certificates it gets depends on its suites alone."""
    station = client(signing_room)
    station.check_hostname = False
    assert shake_hands(context, station, name).version() == "TLSv1.2"


def test_names_no_authorities_when_it_asks_for_a_certificate(signing_room, context):
    """A list of every maker's root would be the largest part of a handshake."""
    assert context.get_ca_certs()
    assert handshake_octets(context, client(signing_room)) < 3000


def test_speaks_tls_1_3(signing_room, context):
    """A00.FR.317/.420: 1.2 or its successor."""
    station = client(signing_room, version=ssl.TLSVersion.TLSv1_3)
    assert shake_hands(context, station).version() == "TLSv1.3"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_refuses_tls_below_1_2(signing_room, context):
    """A00.FR.313/.315, TC_A_06."""
    station = client(signing_room, "ALL:@SECLEVEL=0", ssl.TLSVersion.TLSv1_1)
    with pytest.raises(ssl.SSLError):
        shake_hands(context, station)


@pytest.mark.parametrize(
    "option",
    [
        ssl.OP_NO_COMPRESSION,  # A00.FR.321/.424
        ssl.OP_NO_RENEGOTIATION,
        ssl.OP_NO_TICKET,  # a resumed session would not prove the certificate anew
        ssl.OP_CIPHER_SERVER_PREFERENCE,
    ],
)
def test_sets_what_keeps_a_connection_honest(context, option):
    assert context.options & option


def test_gives_no_session_tickets(context):
    assert context.num_tickets == 0


def test_a_station_without_a_certificate_gets_through_tls(signing_room, context):
    """One address serves profiles 2 and 3: whether that suffices is admission's to say."""
    assert shake_hands(context, client(signing_room)).getpeercert(binary_form=True) is None


def test_a_stations_certificate_reaches_admission(signing_room, context, tmp_path):
    station = client(signing_room)
    der = identified(signing_room, tmp_path, station)
    assert shake_hands(context, station).getpeercert(binary_form=True) == der


@pytest.mark.parametrize("days", [0, 2000])
def test_leaves_validity_in_time_to_admission(signing_room, context, tmp_path, days):
    """ADR 0002: an expired certificate reaches admission, where the reason is recorded.

    Two moments years apart: on whatever day this runs, one of the certificates is out of its time.
    """
    signing_room.clock.advance(days=days)
    station = client(signing_room)
    der = identified(signing_room, tmp_path, station)
    assert shake_hands(context, station).getpeercert(binary_form=True) == der


def test_takes_a_leaf_without_its_issuing_authority(signing_room, context, tmp_path):
    """Some stations send the leaf alone: our issuing authorities are anchors too."""
    station = client(signing_room)
    der = identified(signing_room, tmp_path, station, chained=False)
    assert shake_hands(context, station).getpeercert(binary_form=True) == der


def test_refuses_a_certificate_of_another_authority(signing_room, context, tmp_path):
    """A00.FR.403: the chain must lead to one of our anchors. This one vouches for itself."""
    key, name = ec.generate_private_key(ec.SECP256R1()), subject()
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOON).not_valid_after(NOON + timedelta(days=10_000))
    station = client(signing_room)
    present(station, pem_of(builder.sign(key, hashes.SHA256())), key, tmp_path)
    with pytest.raises(ssl.SSLError, match="self-signed"):
        shake_hands(context, station)


def test_trusts_the_operators_hierarchy_and_nothing_else(signing_room, context):
    """The manufacturer's hierarchy signs firmware; it vouches for no station."""
    trusted = set(context.get_ca_certs(binary_form=True))
    operators = {info.der for info in signing_room.authority.authorities() if info.hierarchy == "operator"}
    assert trusted
    assert trusted <= operators


def test_writes_an_anchor_as_one_pem_block(signing_room):
    anchor = signing_room.authority.trust_anchors()[0]
    assert x509.load_pem_x509_certificates(pem_of(anchor).encode()) == [anchor]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tells_which_anchor_a_makers_certificate_leads_to(signing_room, tmp_path, version):
    """The maker's sub-CA comes from the station; what counts is the root at the end."""
    authority = signing_room.authority
    maker = maker_root()
    anchor = authority.anchors.add(maker.pem, "Volt Motors", "volt", "user:admin")
    between, key = maker.below("Volt Motors Line 3"), ec.generate_private_key(ec.SECP256R1())
    leaf = between.certify("VM AC22 SN-1", key)
    station = client(signing_room, version=version)
    present(station, pem_of(leaf) + between.pem.decode(), key, tmp_path)
    ours = shake_hands(server_context(authority.server_credentials(), authority.trust_anchors()), station)
    root = verified_root(ours)
    assert root == maker.der
    assert authority.anchors.identify(root) == anchor
    said = makers_certificate(ours.getpeercert(binary_form=True), anchor)
    assert said == MakersCertificate("Volt Motors", "volt", ("VM AC22 SN-1",))


def test_there_is_no_root_where_there_is_no_certificate(signing_room, context):
    assert verified_root(shake_hands(context, client(signing_room))) is None


def test_a_makers_certificate_without_its_anchor_fails_the_handshake(signing_room, context, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    station = client(signing_room)
    present(station, pem_of(maker_root().certify("SN-1", key)), key, tmp_path)
    with pytest.raises(ssl.SSLError, match="issuer"):
        shake_hands(context, station)


@pytest.mark.parametrize("fault", ["version 46", "a name that is no string"])
def test_a_makers_certificate_that_cannot_be_read_says_nothing(fault):
    """OpenSSL takes it, so a maker may have signed it; the station is met by what else it shows."""
    anchor = Anchor("maker", AnchorUse.FIRST_CONTACT, "Acme", "CN=Root", "", NOON, NOON, "user:anna", NOON, "", b"")
    assert makers_certificate(BROKEN[fault](), anchor).names == ()
