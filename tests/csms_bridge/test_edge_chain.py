"""A certificate that an edge passed on is judged as the TLS layer would: the same chains are put to both."""

import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from csms_bridge.edge_chain import Anchors, UntrustedChain
from csms_bridge.edge_headers import ShownChain
from csms_bridge.tls import pem_of, server_context
from tests.csms_bridge.room import NOON, SigningRoom
from tests.csms_bridge.test_tls import client, identified, present, shake_hands

DAY = timedelta(days=1)
Extension = tuple[x509.ExtensionType, bool]
CA: Extension = (x509.BasicConstraints(ca=True, path_length=None), True)
CLIENT: Extension = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
SERVER: Extension = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)


class Issuer:
    """An authority of the tests with exactly the extensions that it is given."""

    def __init__(self, name: str, *extensions: Extension, above: "Issuer | None" = None) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (above or self).certify(name, self.key, *extensions, begins=-1000, days=7300)

    def certify(
        self, name: str, key: ec.EllipticCurvePrivateKey, *extensions: Extension, begins: int = -1, days: int = 30
    ) -> x509.Certificate:
        begin = NOON + begins * DAY
        builder = x509.CertificateBuilder().issuer_name(self.name).public_key(key.public_key())
        builder = builder.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(begin).not_valid_after(begin + days * DAY)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())


ROOT = Issuer("Root", CA)
KEY = ec.generate_private_key(ec.SECP256R1())


def usage(**on: bool) -> Extension:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: on.get(name, False) for name in names}), True


def chain(leaf: x509.Certificate, *others: Issuer) -> ShownChain:
    return ShownChain(leaf, tuple(other.certificate for other in others))


def below(*extensions: Extension) -> tuple[ShownChain, None]:
    between = Issuer("Between", *extensions, above=ROOT)
    return chain(between.certify("SN-1", KEY, CLIENT), between), None


GOOD = {
    "right below the root": lambda: chain(ROOT.certify("SN-1", KEY, CLIENT)),
    "no extension at all": lambda: chain(ROOT.certify("SN-1", KEY)),
    "with its issuer": lambda: below(CA)[0],
    "an issuer for signing": lambda: below(CA, usage(key_cert_sign=True))[0],
    "a key for signing": lambda: chain(ROOT.certify("SN-1", KEY, CLIENT, usage(digital_signature=True))),
    "run out": lambda: chain(ROOT.certify("SN-1", KEY, CLIENT, begins=-900, days=10)),
    "not begun": lambda: chain(ROOT.certify("SN-1", KEY, CLIENT, begins=400, days=10)),
    "older than its root": lambda: chain(ROOT.certify("SN-1", KEY, CLIENT, begins=-1010, days=60)),
}
BAD = {
    "another root": lambda: chain(Issuer("Root", CA).certify("SN-1", KEY, CLIENT)),
    "itself": lambda: chain(Issuer("SN-1").certificate),
    "for servers": lambda: chain(ROOT.certify("SN-1", KEY, SERVER)),
    "a key for enciphering": lambda: chain(ROOT.certify("SN-1", KEY, CLIENT, usage(key_encipherment=True))),
    "an issuer that is a leaf": lambda: below()[0],
    "an issuer that says it is none": lambda: below((x509.BasicConstraints(ca=False, path_length=None), True))[0],
    "an issuer that may not certify": lambda: below(CA, usage(digital_signature=True))[0],
    "an issuer for servers": lambda: below(CA, SERVER)[0],
    "no way to the root": lambda: chain(Issuer("Lost", CA, above=ROOT).certify("SN-1", KEY, CLIENT)),
    "something critical that nobody knows": lambda: chain(
        ROOT.certify(
            "SN-1", KEY, CLIENT, (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)
        )
    ),
}


@pytest.mark.parametrize("case", GOOD)
def test_finds_the_root(case: str) -> None:
    shown = GOOD[case]()
    verified = Anchors([ROOT.certificate]).verify(shown)
    assert x509.load_der_x509_certificate(verified.leaf) == shown.leaf
    assert x509.load_der_x509_certificate(verified.root) == ROOT.certificate


@pytest.mark.parametrize("case", BAD)
def test_refuses(case: str) -> None:
    with pytest.raises(UntrustedChain):
        Anchors([ROOT.certificate]).verify(BAD[case]())


@pytest.mark.parametrize("case", [*GOOD, *BAD])
def test_the_tls_layer_is_of_the_same_opinion(signing_room: SigningRoom, tmp_path: Path, case: str) -> None:
    """Else a station would be let in by one door and not by the other."""
    shown = (GOOD | BAD)[case]()
    server = server_context(signing_room.authority.server_credentials(), [ROOT.certificate])
    station = client(signing_room)
    key = KEY if shown.leaf.public_key() == KEY.public_key() else None
    if key is None:
        pytest.skip("its key is not ours to show it with")
    present(station, "".join(map(pem_of, (shown.leaf, *shown.others))), key, tmp_path)
    if case in GOOD:
        assert shake_hands(server, station).getpeercert(binary_form=True)
    else:
        with pytest.raises(ssl.SSLError):
            shake_hands(server, station)


def test_a_chain_that_never_held_is_refused() -> None:
    """Stricter than the TLS layer, which looks at no clock at all: here the root came after the leaf's end."""
    with pytest.raises(UntrustedChain, match="time"):
        Anchors([ROOT.certificate]).verify(chain(ROOT.certify("SN-1", KEY, CLIENT, begins=-1100, days=10)))


def test_our_own_issuing_authority_need_not_be_sent(signing_room: SigningRoom, tmp_path: Path) -> None:
    """nginx passes the leaf on and nothing else."""
    der = identified(signing_room, tmp_path, client(signing_room))
    anchors = Anchors(signing_room.authority.trust_anchors())
    verified = anchors.verify(ShownChain(x509.load_der_x509_certificate(der), ()))
    assert verified.leaf == der
    assert signing_room.authority.identify(verified.leaf) is not None


def test_without_anchors_nothing_is_trusted() -> None:
    with pytest.raises(UntrustedChain):
        Anchors([]).verify(GOOD["with its issuer"]())
