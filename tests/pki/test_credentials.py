"""The service's own certificates: made, renewed, cleaned up."""

import ssl
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from structlog.testing import capture_logs

from pki.audit import PkiAct
from pki.authority import Authority, ServerCredential
from pki.credentials import Credential
from pki.errors import SignerUnavailable
from pki.revocation import RevocationReason
from tests.pki.conftest import SETTINGS, Room, openssl
from tests.pki.test_issuance import WatchedKeys
from tests.tools_needed import needs_openssl


def leaf(credential: ServerCredential) -> x509.Certificate:
    return x509.load_pem_x509_certificates(credential.chain_pem.encode())[0]


def serials(authority: Authority) -> list[str]:
    return [credential.serial for credential in authority.server_credentials()]


def test_there_is_one_for_each_family_with_all_host_names(authority: Authority) -> None:
    by_ec, by_rsa = authority.server_credentials()
    assert (by_ec.family, by_rsa.family) == ("ec", "rsa")
    assert isinstance(leaf(by_ec).public_key(), ec.EllipticCurvePublicKey)
    assert isinstance(leaf(by_rsa).public_key(), rsa.RSAPublicKey)
    for credential in (by_ec, by_rsa):
        names = leaf(credential).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert [str(name.value) for name in names] == ["csms.example", "127.0.0.1"]
        assert leaf(credential).subject.rfc4514_string() == "CN=csms.example,O=Acme Charging"


def test_the_standard_tls_module_takes_them(room: Room) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for credential in room.authority.server_credentials():
        chain = room.write("server.pem", credential.chain_pem)
        context.load_cert_chain(chain, credential.key_path, credential.key_password.text())


@needs_openssl
def test_openssl_accepts_them_for_a_server_of_this_name(room: Room) -> None:
    for credential in room.authority.server_credentials():
        name = "root" if credential.family == "ec" else "root-rsa"
        root = room.write("root.pem", room.authority.authority(name).certificate_pem)
        chain = room.write("server.pem", credential.chain_pem)
        purpose = ("-purpose", "sslserver", "-verify_hostname", "csms.example")
        done = openssl("verify", "-x509_strict", *purpose, "-CAfile", root, "-untrusted", chain, chain)
        assert done.returncode == 0, done.stderr


def test_they_live_less_than_a_day(room: Room) -> None:
    """A00.FR.701."""
    for credential in room.authority.server_credentials():
        certificate = leaf(credential)
        assert certificate.not_valid_after_utc - certificate.not_valid_before_utc < timedelta(hours=23)
        assert certificate.not_valid_before_utc == room.clock.now - timedelta(hours=1)


def test_they_are_kept_until_half_of_their_life_is_over(room: Room) -> None:
    before = serials(room.authority)
    room.clock.advance(timedelta(hours=10, minutes=29))
    assert serials(room.authority) == before
    room.clock.advance(timedelta(minutes=1))
    after = serials(room.authority)
    assert not set(before) & set(after)
    assert room.acts().count(PkiAct.CREDENTIAL_RENEWED) >= 4


def test_a_new_start_finds_the_same_ones(room: Room) -> None:
    assert serials(room.rebuilt()) == serials(room.authority)


def test_other_host_names_call_for_new_ones(room: Room) -> None:
    renamed = room.rebuilt(settings=SETTINGS.model_copy(update={"hostnames": ("other.example",)}))
    assert not set(serials(renamed)) & set(serials(room.authority))
    assert leaf(renamed.server_credentials()[0]).subject.rfc4514_string().startswith("CN=other.example")


def test_a_revoked_one_is_replaced(room: Room) -> None:
    serial = serials(room.authority)[0]
    room.authority.revoke(serial, RevocationReason.KEY_COMPROMISE, "user:admin")
    assert serials(room.authority)[0] != serial


def test_one_whose_key_is_gone_is_replaced(room: Room) -> None:
    first = room.authority.server_credentials()[0]
    first.key_path.unlink()
    second = room.authority.server_credentials()[0]
    assert second.serial != first.serial
    assert second.key_path.exists()


def test_the_key_of_an_expired_one_is_deleted_and_no_earlier(room: Room) -> None:
    first = room.authority.server_credentials()[0]
    room.clock.advance(timedelta(hours=12))
    second = room.authority.server_credentials()[0]
    assert first.key_path.exists()
    room.clock.advance(timedelta(hours=12))
    room.authority.server_credentials()
    assert not first.key_path.exists()
    assert second.key_path.exists()
    assert PkiAct.CREDENTIAL_KEY_DELETED in room.acts()
    assert room.authority.certificate(first.serial)


def test_a_failing_renewal_leaves_the_old_one_in_use_while_it_is_valid(room: Room) -> None:
    before = serials(room.authority)
    keys = sorted((room.folder / "keys").iterdir())
    without = room.rebuilt(keys=WatchedKeys(room.keys, "down"))
    room.clock.advance(timedelta(hours=15))
    with capture_logs() as logs:
        assert serials(without) == before
    assert {entry["event"] for entry in logs} == {"credential_renewal_failed"}
    assert sorted((room.folder / "keys").iterdir()) == keys  # the keys that came to nothing are gone
    room.clock.advance(timedelta(hours=12))
    with pytest.raises(SignerUnavailable):
        without.server_credentials()


def test_threads_that_ask_at_once_get_the_same(room: Room) -> None:
    room.clock.advance(timedelta(hours=15))
    answers: list[tuple[str, ...]] = []
    threads = [threading.Thread(target=lambda: answers.append(tuple(serials(room.authority)))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 5
    assert len(set(answers)) == 1


def test_a_password_opens_one_key_and_hides_itself(room: Room) -> None:
    by_ec, by_rsa = room.authority.server_credentials()
    assert by_ec.key_password != by_rsa.key_password
    assert by_ec.key_password.text() not in repr(by_ec)


def test_half_of_a_life_is_counted_from_its_beginning(room: Room) -> None:
    now = room.clock.now
    credential = Credential("s", "01", "k", "csms", now - timedelta(hours=1), now + timedelta(hours=1), b"")
    assert credential.is_worn(now)
    assert not replace(credential, not_after=now + timedelta(hours=2)).is_worn(now)
