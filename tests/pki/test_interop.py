"""One of each kind we make, before other people's tools: pkilint, OpenSSL, asn1crypto.

Each hierarchy is one that an operator may have: the default ones (P-256, RSA-3072) and P-384 by a ceremony file.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from pkilint.bin import lint_crl, lint_ocsp_response, lint_pkix_cert, lint_pkix_signer_signee_cert_chain

from pki.authority import Certificate, Order
from pki.keys import KeyAlgorithm, PrivateKey, generate_key
from pki.revocation import RevocationReason
from tests.pki.conftest import Room, SetClock, open_room, openssl
from tests.pki.requests import pem_request
from tests.tools_needed import needs_openssl

pytestmark = [
    needs_openssl,
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),  # pkilint's programs leave that to their end
]

_P384 = """
title = "A P-384 hierarchy"

[[root]]
name = "root-p384"
algorithm = "ec-p384"

[[issuing]]
name = "stations-p384"
parent = "root-p384"
post = "stations"
algorithm = "ec-p384"
"""


@dataclass
class Show:
    """A room in which one of each kind was made."""

    room: Room
    by_kind: dict[str, Certificate]


def _order(room: Room, profile: str, key: PrivateKey, authority: str | None = None) -> Order:
    name = "csms.example" if profile == "server" else f"SN-{profile}-{authority}"
    request = room.authority.read_request(pem_request(key, name))
    if profile == "server":
        return Order(request, profile, name, hostnames=(name, "192.0.2.7"))
    return Order(request, profile, name, station=f"CS-{authority}", authority=authority)


@pytest.fixture(scope="module")
def show(established: tuple[Path, datetime], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    folder = tmp_path_factory.mktemp("show") / "data"
    shutil.copytree(established[0], folder)
    room = open_room(folder, SetClock(established[1]))
    authority = room.authority
    authority.hold_ceremony(_P384, "operator")
    ec, rsa_key = generate_key(KeyAlgorithm.EC_P256), generate_key(KeyAlgorithm.RSA_2048)
    made = {
        "station": authority.issue(_order(room, "station", ec), "test"),
        "station-rsa": authority.issue(_order(room, "station", rsa_key), "test"),
        "station-p384": authority.issue(
            _order(room, "station", generate_key(KeyAlgorithm.EC_P384), "stations-p384"), "test"
        ),
        "server": authority.issue(_order(room, "server", generate_key(KeyAlgorithm.EC_P256)), "test"),
        "server-rsa": authority.issue(_order(room, "server", generate_key(KeyAlgorithm.RSA_2048)), "test"),
    }
    authority.checkpoint()
    for subject, issuer in (("root", "root-rsa"), ("root-rsa", "root")):
        cross = authority.cross_certify(subject, issuer, "operator")
        made[f"cross of {subject}"] = authority.certificate(cross.serial)
    for one in authority.certificates(limit=200):
        made.setdefault(f"{one.profile} by {one.authority}: {one.common_name}", one)
    yield Show(room, made)
    room.store.close()


def _lints_clean(main: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
    found = main(["lint", *map(str, arguments)])
    told = capsys.readouterr()
    assert found == 0, told.out + told.err


def _der(room: Room, name: str, der: bytes) -> Path:
    return room.write(f"{name}.der", der)


def test_every_kind_is_there(show: Show) -> None:
    profiles = {one.profile for one in show.by_kind.values()}
    assert profiles == {"root", "issuing", "cross", "station", "server", "firmware", "ocsp", "audit"}
    authorities = {one.authority for one in show.by_kind.values()}
    assert {"root", "root-rsa", "root-p384", "stations", "stations-rsa", "stations-p384"} <= authorities
    assert {"manufacturer", "manufacturer-rsa", "csms", "csms-rsa"} <= authorities


def test_pkilint_finds_nothing_in_certificates(show: Show, capsys: pytest.CaptureFixture[str]) -> None:
    for number, one in enumerate(show.by_kind.values()):
        _lints_clean(lint_pkix_cert.main, capsys, "-s", "WARNING", _der(show.room, f"lint-{number}", one.der))


def test_pkilint_finds_nothing_between_issuer_and_subject(show: Show, capsys: pytest.CaptureFixture[str]) -> None:
    for number, one in enumerate(show.by_kind.values()):
        issuer = _der(show.room, f"issuer-{number}", show.room.authority.authority(one.authority).der)
        subject = _der(show.room, f"subject-{number}", one.der)
        _lints_clean(lint_pkix_signer_signee_cert_chain.main, capsys, "-s", "WARNING", issuer, subject)


_ISSUERS = ["stations", "stations-rsa", "stations-p384"]


@pytest.fixture(params=_ISSUERS)
def revoked(request: pytest.FixtureRequest, show: Show) -> Certificate:
    """A station's certificate of each hierarchy, revoked."""
    one = next(one for one in show.by_kind.values() if one.authority == request.param and one.profile == "station")
    if one.state == "good" and show.room.authority.certificate(one.serial).revoked_at is None:
        show.room.authority.revoke(one.serial, RevocationReason.KEY_COMPROMISE, "test")
    return show.room.authority.certificate(one.serial)


def _lists(room: Room, one: Certificate) -> dict[str, bytes]:
    shards = room.authority.authority(one.authority).crl_shards
    shard = int(one.serial, 16) % shards
    root = one.root
    return {
        "shard": room.authority.crl(one.authority, shard),
        "full": room.authority.full_crl(one.authority),
        "root": room.authority.crl(root, 0),
    }


def test_pkilint_finds_nothing_in_revocation_lists(
    show: Show, revoked: Certificate, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind, der in _lists(show.room, revoked).items():
        which = "ARL" if kind == "root" else "CRL"
        path = _der(show.room, f"{revoked.authority}-{kind}", der)
        _lints_clean(lint_crl.main, capsys, "-t", which, "-p", "PKIX", "-s", "WARNING", path)


def test_openssl_and_asn1crypto_read_the_same_revocation(show: Show, revoked: Certificate) -> None:
    room = show.room
    issuer = room.write("crl-issuer.pem", room.authority.authority(revoked.authority).certificate_pem)
    for kind in ("shard", "full"):
        der = _lists(room, revoked)[kind]
        path = _der(room, "list", der)
        told = openssl("crl", "-inform", "DER", "-in", path, "-CAfile", issuer, "-verify", "-noout", "-text")
        assert "verify OK" in told.stdout + told.stderr, told.stderr
        assert revoked.serial.upper() in told.stdout
        read = asn1_crl.CertificateList.load(der, strict=True)
        entries = {entry["user_certificate"].native: entry for entry in read["tbs_cert_list"]["revoked_certificates"]}
        entry = entries[int(revoked.serial, 16)]
        assert entry["revocation_date"].native == revoked.revoked_at
        assert entry.crl_reason_value.native == "key_compromise"
        assert read.dump(force=True) == der


def test_openssl_verifies_leaves_up_to_their_roots_and_refuses_the_revoked(show: Show, revoked: Certificate) -> None:
    room = show.room
    root, chain, leaf = room.trust(revoked)
    strict = ("verify", "-x509_strict", "-CAfile", root, "-untrusted", chain)
    done = openssl(*strict, leaf)
    assert done.returncode == 0, done.stderr
    lists = []
    for name, der in _lists(room, revoked).items():
        pem = room.folder / f"{name}.crl.pem"
        assert openssl("crl", "-inform", "DER", "-in", _der(room, name, der), "-out", pem).returncode == 0
        lists.append(pem.read_text())
    whole = room.write("lists.pem", "".join([lists[0], lists[2]]))
    done = openssl(*strict, "-crl_check_all", "-extended_crl", "-CRLfile", whole, leaf)
    assert done.returncode != 0
    assert "certificate revoked" in done.stderr


def test_openssl_verifies_every_leaf(show: Show) -> None:
    for one in show.by_kind.values():
        if one.profile in ("root", "issuing", "cross"):
            continue
        root, chain, leaf = show.room.trust(one)
        done = openssl("verify", "-x509_strict", "-CAfile", root, "-untrusted", chain, leaf)
        assert done.returncode == 0, (one.profile, one.authority, done.stderr)


def test_openssl_verifies_cross_certificates_against_the_other_root(show: Show) -> None:
    for own, other in (("root", "root-rsa"), ("root-rsa", "root")):
        cross = show.room.write("cross.pem", show.by_kind[f"cross of {own}"].pem)
        anchor = show.room.write("other.pem", show.room.authority.authority(other).certificate_pem)
        done = openssl("verify", "-x509_strict", "-CAfile", anchor, cross)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("nonce", ["-nonce", "-no_nonce"])
def test_openssl_pkilint_and_asn1crypto_agree_on_ocsp(
    show: Show, revoked: Certificate, nonce: str, capsys: pytest.CaptureFixture[str]
) -> None:
    room = show.room
    root, chain, leaf = room.trust(revoked)
    issuer = room.write("issuer.pem", room.authority.authority(revoked.authority).certificate_pem)
    query = room.folder / "query.der"
    assert openssl("ocsp", nonce, "-issuer", issuer, "-cert", leaf, "-reqout", query).returncode == 0
    der = room.authority.answer_ocsp(query.read_bytes())
    answer = room.write("answer.der", der)
    trusted = ("-CAfile", root, "-verify_other", chain)
    told = openssl("ocsp", "-reqin", query, "-respin", answer, "-resp_text", *trusted)
    assert told.returncode == 0
    assert "Response verify OK" in told.stderr
    assert "WARNING" not in told.stderr  # as it is when the nonce is missing
    assert "Cert Status: revoked" in told.stdout
    _lints_clean(lint_ocsp_response.main, capsys, "-s", "WARNING", answer)
    single = asn1_ocsp.OCSPResponse.load(der, strict=True).response_data["responses"][0]
    assert single["cert_status"].name == "revoked"
    assert single["cert_status"].chosen["revocation_time"].native == revoked.revoked_at
    assert single["cert_id"]["serial_number"].native == int(revoked.serial, 16)


def _fields_by_cryptography(der: bytes) -> dict[str, Any]:
    read = x509.load_der_x509_certificate(der)
    return {
        "serial": read.serial_number,
        "issuer": read.issuer.public_bytes(),
        "subject": read.subject.public_bytes(),
        "not_before": read.not_valid_before_utc,
        "not_after": read.not_valid_after_utc,
        "signature": read.signature,
        "extensions": [(one.oid.dotted_string, one.critical, one.value.public_bytes()) for one in read.extensions],
        "is_authority": read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca,
    }


def _fields_by_asn1crypto(der: bytes) -> dict[str, Any]:
    read = asn1.Certificate.load(der, strict=True)
    assert read.dump(force=True) == der
    body = read["tbs_certificate"]
    return {
        "serial": read.serial_number,
        "issuer": read.issuer.dump(),
        "subject": read.subject.dump(),
        "not_before": read.not_valid_before.astimezone(UTC),
        "not_after": read.not_valid_after.astimezone(UTC),
        "signature": read["signature_value"].native,
        "extensions": [
            (one["extn_id"].dotted, one["critical"].native, one["extn_value"].parsed.dump())
            for one in body["extensions"]
        ],
        "is_authority": bool(read.basic_constraints_value["ca"].native),
    }


def test_asn1crypto_reads_back_the_same_fields(show: Show) -> None:
    for one in show.by_kind.values():
        assert _fields_by_asn1crypto(one.der) == _fields_by_cryptography(one.der), one.profile


def test_openssl_reads_the_same_key_usages(show: Show) -> None:
    """RFC 5280 §4.2.1.3, A00.FR.512: what a station reads in its certificate is what the profile says."""
    for kind, words in {
        "station": "Digital Signature, Key Agreement",
        "station-rsa": "Digital Signature, Key Encipherment",
        "server": "Digital Signature",
    }.items():
        told = openssl(
            "x509", "-noout", "-ext", "keyUsage", "-in", show.room.write("one.pem", show.by_kind[kind].pem)
        ).stdout
        assert told.strip().splitlines()[-1].strip() == words


def test_the_keys_are_of_the_kinds_they_should_be(show: Show) -> None:
    key = x509.load_der_x509_certificate(show.by_kind["station-p384"].der)
    assert key.signature_algorithm_oid == x509.SignatureAlgorithmOID.ECDSA_WITH_SHA384
    assert isinstance(x509.load_der_x509_certificate(show.by_kind["station-rsa"].der).public_key(), rsa.RSAPublicKey)
