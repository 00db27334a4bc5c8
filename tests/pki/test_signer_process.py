"""The signer process: it signs what was reserved and nothing else, writes all down, and survives its guests."""

import json
import os
import socket
import struct
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from sqlalchemy import update

from pki import der
from pki.authority import RevocationReason
from pki.crl_encoding import Entries, ListHead, build_crl
from pki.errors import KeyExists, SignerRefused, SignerUnavailable, VaultUnavailable
from pki.firmware import FirmwareOrder
from pki.issuance import Intended, Reserved, Warrant, record_intents, reserve_serials
from pki.key_check import check_key
from pki.keys import (
    FileSigner,
    KeyAlgorithm,
    SignatureScheme,
    check_key_strength,
    generate_key,
    spki_sha256,
    verify_signature,
)
from pki.keystore import KeyStore
from pki.orders import Decisions
from pki.signer_process.client import ProcessVault
from pki.signer_process.frames import LONGEST, encode
from pki.signer_process.log import LogBroken, SignerLog, read_log
from pki.signer_process.requests import certificate_of
from pki.signer_process.server import listen_at, peer_of, user_ids
from pki.tables import IntentRow, SerialRow
from pki.to_be_signed import to_be_signed
from tests.pki.conftest import PASSPHRASE, SETTINGS, Room
from tests.pki.signer_room import Signer, authority_of, signer_over

EC = KeyAlgorithm.EC_P256


class PowerCut(Exception):
    """Somebody pulled the plug."""


@pytest.fixture
def signer(room: Room) -> Iterator[Signer]:
    with signer_over(room) as running:
        yield running


def intended(room: Room, **changes: object) -> Intended:
    """A station's certificate, reserved, linted, and on record as the next to be signed."""
    plan = Decisions(SETTINGS, room.authority._hierarchy).decide(room.order(), room.clock.now)
    for name, value in changes.items():
        object.__setattr__(plan, name, value)
    claim = reserve_serials(room.store, room.trail, [Warrant(plan, "user:admin")], room.clock.now)[0]
    assert isinstance(claim, Reserved)
    return record_intents(room.store, room.trail, [room.linted(claim)], room.clock.now)[0]


def forced(room: Room, octets: bytes, profile: str = "station", serial: str | None = None) -> bytes:
    """As `octets`, but on record as reserved and intended: what one could do who has the database and no key."""
    token = intended(room)
    octets = octets.replace(bytes.fromhex("11" * 16), bytes.fromhex(serial or token.serial))
    with room.store.writing() as session:
        session.execute(update(IntentRow).where(IntentRow.serial == token.serial).values(to_be_signed=octets))
        key = check_key_strength(certificate_of(octets, EC).public_key())
        session.execute(
            update(SerialRow)
            .where(SerialRow.serial == token.serial)
            .values(spki_sha256=spki_sha256(key), profile=profile)
        )
    return octets


def of_plan(room: Room, profile: str = "station", **changes: object) -> bytes:
    """To-be-signed octets that break a rule of ours, with a serial number to be replaced."""
    decisions = Decisions(SETTINGS, room.authority._hierarchy)
    plan = decisions.decide(room.order(), room.clock.now)
    object.__setattr__(plan, "profile", decisions.profiles[profile])
    for name, value in changes.items():
        object.__setattr__(plan, name, value)
    return to_be_signed(plan, "11" * 16)


# --- what it signs


def test_a_certificate_that_was_reserved_is_signed(room: Room, signer: Signer) -> None:
    certificate = authority_of(room, signer).issue(room.order(), "station:CS-1")
    assert certificate.serial == signer.lines()[-1]["serial"]
    assert signer.last() == ("signed", "")
    signer_key = room.keys.signer("stations").public_key
    found = x509.load_pem_x509_certificate(certificate.pem.encode())
    assert verify_signature(signer_key, found.signature, found.tbs_certificate_bytes)


def test_many_take_one_round_trip(room: Room, signer: Signer) -> None:
    orders = [room.order(serial=f"SN-{number}", station=f"CS-{number}") for number in range(20)]
    made = authority_of(room, signer).issue_each(orders, "user:admin")
    assert all(hasattr(one, "serial") for one in made)
    lines = [line for line in signer.lines() if line.get("kind") == "certificate"]
    assert len(lines) == 20
    assert len({line["at"] for line in lines}) == 1


def test_the_whole_authority_works_through_it(room: Room, signer: Signer) -> None:
    authority = authority_of(room, signer)
    certificate = authority.issue(room.order(), "station:CS-1")
    authority.revoke(certificate.serial, RevocationReason.KEY_COMPROMISE, "user:admin")
    room.clock.advance(timedelta(seconds=40))
    authority.refresh_crls()
    shard = int(certificate.serial, 16) % 16
    crl = x509.load_der_x509_crl(authority.crl("stations", shard))
    assert crl.get_revoked_certificate_by_serial_number(int(certificate.serial, 16)) is not None
    order = FirmwareOrder("ACME", "One", "1.0", bytes(32), SignatureScheme.ECDSA_SHA256)
    assert authority.sign_firmware(order, "token:ci").signature
    room.clock.advance(timedelta(days=4))
    assert len(authority.server_credentials()) == 2
    kinds = {line.get("kind", line["do"]) for line in signer.lines()}
    assert {"certificate", "list", "digest"} <= kinds


def test_a_key_can_be_tried(signer: Signer) -> None:
    check_key(signer.client().signer("stations"))
    assert signer.lines()[-1]["kind"] == "check"


def test_asked_again_for_the_same_it_gives_the_same(room: Room, signer: Signer) -> None:
    token = intended(room)
    key = signer.client().signer("stations")
    assert key.sign(token.to_be_signed) == key.sign(token.to_be_signed)


# --- what it does not sign


def refused(signer: Signer, key: str, octets: bytes) -> str:
    """The rule for which it is refused; it is in the log too."""
    with pytest.raises(SignerRefused) as caught:
        signer.client().signer(key).sign(octets)
    assert signer.last() == ("refused", caught.value.code)
    return caught.value.code


def test_a_serial_that_was_not_reserved(room: Room, signer: Signer) -> None:
    assert refused(signer, "stations", of_plan(room)) == "authority-may-issue-it"  # no reservation, so no profile


def test_octets_that_are_not_the_intent(room: Room, signer: Signer) -> None:
    token = intended(room)
    other = token.to_be_signed.replace(b"SN-1", b"SN-2")
    assert other != token.to_be_signed
    assert refused(signer, "stations", other) == "intent-is-open"


def test_an_intent_that_is_closed(room: Room, signer: Signer) -> None:
    token = intended(room)
    with room.store.writing() as session:
        session.execute(update(IntentRow).where(IntentRow.serial == token.serial).values(settled="abandoned"))
    assert refused(signer, "stations", token.to_be_signed) == "intent-is-open"


def test_an_intent_that_is_old(room: Room, signer: Signer) -> None:
    token = intended(room)
    room.clock.advance(timedelta(minutes=11))
    assert refused(signer, "stations", token.to_be_signed) == "validity-is-within-bounds"


def test_another_authoritys_certificate(room: Room, signer: Signer) -> None:
    assert refused(signer, "csms", intended(room).to_be_signed) == "issuer-is-the-keys-authority"


def test_an_authority_outside_a_ceremony(room: Room, signer: Signer) -> None:
    octets = forced(room, of_plan(room, "issuing"), "issuing")
    assert refused(signer, "stations", octets) == "authorities-only-in-a-ceremony"


def test_an_authority_in_the_guise_of_a_station(room: Room, signer: Signer) -> None:
    octets = forced(room, of_plan(room, "issuing"), "station")
    assert refused(signer, "stations", octets) == "authorities-only-in-a-ceremony"


def test_a_validity_beyond_the_ceiling(room: Room, signer: Signer) -> None:
    end = room.clock.now.replace(microsecond=0) + timedelta(days=367)
    octets = forced(room, of_plan(room, not_after=end))
    assert refused(signer, "stations", octets) == "validity-is-within-bounds"


def test_a_validity_past_the_issuers_end(room: Room, signer: Signer) -> None:
    end = room.authority.authority("stations").not_after + timedelta(days=1)
    start = end - timedelta(days=300)
    room.clock.now = start + timedelta(hours=1)
    octets = forced_late(room, start, end)
    assert refused(signer, "stations", octets) == "validity-is-within-bounds"


def forced_late(room: Room, start: object, end: object) -> bytes:
    """On record before the clock went on, as a plan that late would not be made any more."""
    late, room.clock.now = room.clock.now, room.authority.authority("stations").not_before + timedelta(days=2)
    try:
        return forced(room, of_plan(room, not_before=start, not_after=end))
    finally:
        room.clock.now = late


@pytest.mark.parametrize("profile", ["server", "firmware", "audit"])
def test_a_kind_of_certificate_that_this_authority_does_not_issue(room: Room, signer: Signer, profile: str) -> None:
    changes = {"hostnames": ("csms.example",)} if profile == "server" else {}
    end = room.clock.now.replace(microsecond=0) + timedelta(hours=20)
    octets = forced(room, of_plan(room, profile, not_after=end, **changes), profile)
    assert refused(signer, "stations", octets) == "authority-may-issue-it"


def test_uses_that_are_not_the_profiles(room: Room, signer: Signer) -> None:
    end = room.clock.now.replace(microsecond=0) + timedelta(days=1)
    octets = forced(room, of_plan(room, "server", hostnames=("csms.example",), not_after=end), "station")
    assert refused(signer, "stations", octets) == "uses-are-the-profiles"


def test_something_behind_the_certificate(room: Room, signer: Signer) -> None:
    octets = intended(room).to_be_signed
    assert refused(signer, "stations", octets + b"\x05\x00") in ("can-be-read", "nothing-is-left-over")


@pytest.mark.parametrize(
    "octets",
    [b"", b"\x00", b"hello", b"\x30\x03\x02\x01\x07", b"\x30", b"\x30\x80", bytes(32), b"\x30\x84\xff\xff\xff\xff\xa0"],
)
def test_what_is_nothing_that_an_authority_signs(signer: Signer, octets: bytes) -> None:
    assert refused(signer, "stations", octets) in ("kind-is-known", "can-be-read")


def test_a_hash_in_the_place_of_a_certificate(signer: Signer) -> None:
    with pytest.raises(SignerRefused) as caught:
        signer.client().signer("stations").sign_digest(bytes(32), SignatureScheme.ECDSA_SHA256)
    assert caught.value.code == "firmware-keys-only"


def test_firmware_that_nobody_ordered(room: Room, signer: Signer) -> None:
    authority = authority_of(room, signer)
    authority.sign_firmware(FirmwareOrder("A", "B", "1", bytes(32), SignatureScheme.ECDSA_SHA256), "token:ci")
    key = next(line["key"] for line in signer.lines() if line["do"] == "digest")
    for digest in (bytes(31) + b"\x01", bytes(32)):  # the second one is signed already
        with pytest.raises(SignerRefused) as caught:
            signer.client().signer(key).sign_digest(digest, SignatureScheme.ECDSA_SHA256)
        assert caught.value.code == "firmware-was-ordered"
    assert refused(signer, key, intended(room).to_be_signed)


def test_a_request_for_a_firmware_signer_at_any_time(room: Room, signer: Signer) -> None:
    """Such a key certifies nothing; one of an authority's name is made in a ceremony only."""
    requests = authority_of(room, signer).elsewhere
    asked = requests.request("firmware", "firmware", EC, "user:admin")
    assert x509.load_pem_x509_csr(asked.csr_pem.encode()).is_signature_valid
    with pytest.raises(SignerRefused) as caught:
        requests.request("stations-2", "stations", EC, "user:admin")
    assert caught.value.code == "ceremony-only"
    requests.withdraw("firmware", "user:admin")
    assert not signer.client().holds(asked.key_name)


@pytest.mark.parametrize("octets", [b'{"title": "a ceremony"}', der.sequence(der.integer(0), der.sequence())])
def test_what_belongs_to_a_ceremony(room: Room, octets: bytes) -> None:
    with signer_over(room) as usual:
        assert refused(usual, "root", octets) == "ceremony-only"
    with signer_over(room, in_ceremony=True) as ceremony:
        assert ceremony.client().signer("root").sign(octets)


def crl(room: Room, key: object, number: int, **changes: object) -> bytes:
    issuer = room.authority._hierarchy.issuer("stations")
    now = room.clock.now
    fields = {"number": number, "this_update": now, "next_update": now + timedelta(days=7)}
    fields |= {"address": "http://pki.example/pki/crl/stations/3.crl"} | changes
    return build_crl(issuer, key, ListHead(**fields), Entries())


def test_numbers_of_lists_never_go_backwards(room: Room, signer: Signer) -> None:
    key = signer.client().signer("stations")
    crl(room, key, 7)
    crl(room, key, 7)  # the same list, asked for again
    crl(room, key, 1, address="http://pki.example/pki/crl/stations/4.crl")
    for number, later in ((6, 0), (7, 1)):
        with pytest.raises(SignerRefused, match="signed already"):
            crl(room, key, number, this_update=room.clock.now + timedelta(seconds=later))
    signer.stop()
    signer.start()
    with pytest.raises(SignerRefused, match="signed already"):
        crl(room, key, 6)
    crl(room, key, 8)


@pytest.mark.parametrize(
    "changes",
    [
        {"address": "http://pki.example/pki/crl/csms/3.crl"},
        {"address": "http://pki.example/pki/crl/stations/16.crl"},
        {"next_update": "P30D"},
        {"this_update": "P1D"},
    ],
)
def test_a_list_that_is_none_of_ours(room: Room, signer: Signer, changes: dict[str, str]) -> None:
    days = {"P30D": timedelta(days=30), "P1D": timedelta(days=1)}
    given = {name: room.clock.now + days[value] if value in days else value for name, value in changes.items()}
    with pytest.raises(SignerRefused):
        crl(room, signer.client().signer("stations"), 1, **given)
    with pytest.raises(SignerRefused):
        crl(room, signer.client().signer("csms"), 1)


def test_a_serial_number_stands_for_one_certificate_also_after_a_restart(room: Room, signer: Signer) -> None:
    token = intended(room)
    signer.client().signer("stations").sign(token.to_be_signed)
    signer.stop()
    signer.start()
    other = token.to_be_signed.replace(b"SN-1", b"SN-2")
    with room.store.writing() as session:
        session.execute(update(IntentRow).where(IntentRow.serial == token.serial).values(to_be_signed=other))
    assert refused(signer, "stations", other) == "signed-once-and-forwards"
    assert refused(signer, "stations", token.to_be_signed) == "intent-is-open"


# --- keys


def test_keys_of_authorities_are_made_in_a_ceremony_only(room: Room, signer: Signer) -> None:
    with pytest.raises(SignerRefused) as caught:
        signer.client().make_signer("stations-2", EC)
    assert caught.value.code == "ceremony-only"
    with signer_over(room, in_ceremony=True) as ceremony:
        made = ceremony.client().make_signer("stations-2", EC)
        check_key(made)
        with pytest.raises(KeyExists):
            ceremony.client().make_signer("stations-2", EC)


def test_no_key_is_deleted_that_is_needed(room: Room, signer: Signer) -> None:
    client = signer.client()
    firmware = next(path.stem for path in (room.folder / "keys").glob("firmware-*.key"))
    for name in ("root", "stations", firmware):
        with pytest.raises(SignerRefused):
            client.forget(name)
        assert client.holds(name)
    client.make_signer("firmware-left-over", EC)
    client.forget("firmware-left-over")
    assert not client.holds("firmware-left-over")


def test_a_missing_key_is_told(signer: Signer) -> None:
    with pytest.raises(SignerUnavailable) as caught:
        signer.client().signer("nothing")
    assert not isinstance(caught.value, VaultUnavailable)


def test_a_whole_hierarchy_is_made_through_it_in_a_ceremony(fresh_room: Room) -> None:
    with signer_over(fresh_room, in_ceremony=True) as ceremony:
        authority_of(fresh_room, ceremony).establish("operator")
    with signer_over(fresh_room) as signer:
        certificate = authority_of(fresh_room, signer).issue(fresh_room.order(), "station:CS-1")
        assert certificate.authority == "stations"


def test_authorities_are_cross_certified_in_a_ceremony_only(room: Room) -> None:
    with signer_over(room) as usual, pytest.raises(SignerRefused) as caught:
        authority_of(room, usual).cross_certify("root", "root-rsa", "user:admin")
    assert caught.value.code == "authorities-only-in-a-ceremony"
    with signer_over(room, in_ceremony=True) as ceremony:
        assert authority_of(room, ceremony).cross_certify("root", "root-rsa", "user:admin").serial


# --- guests


def test_a_user_who_is_not_on_the_list_gets_nothing(room: Room) -> None:
    other = str(os.geteuid() + 1)
    with signer_over(room, users=(other,)) as signer:
        with pytest.raises(VaultUnavailable, match="may not ask"):
            signer.client().signer("stations")
        assert signer.last() == ("refused", "peer")
        assert signer.lines()[-1]["uid"] == os.geteuid()


def test_users_are_given_by_name_or_number() -> None:
    assert user_ids(("root", "12345")) == {0, 12345}
    assert user_ids(()) == {os.geteuid()}
    with pytest.raises(VaultUnavailable, match="no user"):
        user_ids(("nobody-of-this-name",))


def test_the_socket_is_for_user_and_group_alone(signer: Signer) -> None:
    assert signer.path.stat().st_mode & 0o777 == 0o660


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\x00\x00\x00",
        b"\x00\x00\x00\x02[]",
        b"\x00\x00\x00\x05hello",
        struct.pack("!I", LONGEST + 1),
        b"\xff" * 64,
        b"\x00\x00\x10\x00" + b"[" * 4096,
        b'\x00\x00\x00\x0d{"do":"sign"}',
        b'\x00\x00\x00\x16{"do":"bite","key":"x"}'[:26],
    ],
    ids=["http", "empty", "array", "no-json", "oversized", "noise", "nested", "no-key", "unknown"],
)
def test_garbage_ends_that_connection_only_and_is_written_down(signer: Signer, octets: bytes) -> None:
    answer = signer.say_raw(octets)
    assert not answer or b"error" in answer  # what was not read yet takes the answer with it
    assert signer.last() == ("refused", "peer")
    check_key(signer.client().signer("stations"))


@pytest.mark.parametrize(
    "items", [[], ["x"], [1], "x", None, ["AAAA"] * 513, [{"a": 1}]], ids=lambda items: str(items)[:12]
)
def test_a_request_of_a_wrong_shape_is_refused(signer: Signer, items: object) -> None:
    assert "error" in signer.say({"do": "sign", "key": "stations", "items": items})


def test_a_large_certificate_is_not_even_parsed(signer: Signer) -> None:
    large = der.sequence(der.tlv(0xA0, der.integer(2)), bytes(20_000))
    answer = signer.say({"do": "sign", "key": "stations", "items": [encode(large)]})
    assert answer["outcomes"][0]["error"]["code"] == "kind-is-known"


def test_half_a_request_does_not_keep_others_waiting(signer: Signer) -> None:
    with signer.connected() as slow:
        slow.sendall(b"\x00\x00\x01\x00{")
        check_key(signer.client().signer("stations"))


# --- outages


def test_a_signer_that_is_not_there_is_an_outage(room: Room) -> None:
    with pytest.raises(VaultUnavailable, match="signer process"):
        ProcessVault(room.folder / "none", timedelta(seconds=1)).signer("stations")


def test_a_signer_that_came_back_is_found_again(room: Room, signer: Signer) -> None:
    key = signer.client().signer("stations")
    check_key(key)
    signer.stop()
    with pytest.raises(VaultUnavailable):
        check_key(key)
    signer.start()
    check_key(key)


def test_a_second_signer_does_not_take_the_socket(room: Room, signer: Signer) -> None:
    with pytest.raises(VaultUnavailable, match="another process"):
        listen_at(signer.path)


def test_a_socket_that_was_left_behind_is_replaced(room: Room, signer: Signer) -> None:
    signer.stop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(signer.path))
    signer.start()
    check_key(signer.client().signer("stations"))


def test_killed_in_the_middle_it_is_asked_again(room: Room, signer: Signer) -> None:
    """The line is in the log, no signature came back: after the restart the same octets are signed."""
    token = intended(room)
    broken = threading.Event()

    class Dying(KeyStore):
        def signer(self, name: str) -> FileSigner:
            found = super().signer(name)
            if broken.is_set():
                return found

            class OneShot(FileSigner):
                def sign(self, to_be_signed: bytes) -> bytes:
                    raise PowerCut  # ends the connection, as the end of the process would

            return OneShot(name, found._key)

    signer.stop()
    signer.vault = Dying.open(room.folder / "keys", PASSPHRASE)
    signer.start()
    key = signer.client().signer("stations")
    with pytest.raises(VaultUnavailable):
        key.sign(token.to_be_signed)
    assert signer.last() == ("signed", "")
    broken.set()
    signer.stop()
    signer.start()
    assert verify_signature(key.public_key, key.sign(token.to_be_signed), token.to_be_signed)


def test_without_a_log_nothing_is_signed(room: Room, signer: Signer) -> None:
    token = intended(room)
    key = signer.client().signer("stations")
    assert signer.ledger is not None
    signer.ledger._log._descriptor, good = os.open("/dev/full", os.O_RDWR), signer.ledger._log._descriptor
    with pytest.raises(VaultUnavailable, match="log cannot be written"):
        key.sign(token.to_be_signed)
    os.close(signer.ledger._log._descriptor)
    signer.ledger._log._descriptor = good
    assert key.sign(token.to_be_signed)


# --- the log


def test_the_log_holds_every_request_and_no_secret(room: Room, signer: Signer) -> None:
    client = signer.client()
    check_key(client.signer("stations"))
    with pytest.raises(SignerRefused):
        client.make_signer("root-2", EC)
    lines = signer.lines()
    assert [(line["do"], line["verdict"]) for line in lines] == [("sign", "signed"), ("make", "refused")]
    assert all(line["uid"] == os.geteuid() for line in lines)
    assert signer.log.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("what", ["edited", "removed", "reordered"])
def test_a_log_that_was_changed_is_noticed(tmp_path: Path, what: str) -> None:
    path = tmp_path / "log"
    log = SignerLog(path)
    log.append([{"do": str(number)} for number in range(5)])
    log.close()
    lines = path.read_text().splitlines(keepends=True)
    if what == "edited":
        lines[2] = lines[2].replace('"do":"2"', '"do":"9"')
    elif what == "removed":
        del lines[2]
    else:
        lines[2], lines[3] = lines[3], lines[2]
    path.write_text("".join(lines))
    with pytest.raises(LogBroken) as caught:
        SignerLog(path)
    assert caught.value.line == 3


def test_half_a_line_at_the_end_was_never_acted_upon(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = SignerLog(path)
    log.append([{"do": "a"}])
    log.close()
    with path.open("a") as file:
        file.write('{"do":"b"')
    again = SignerLog(path)
    again.append([{"do": "c"}])
    again.close()
    assert [line["do"] for line in read_log(path)] == ["a", "c"]


def test_two_processes_do_not_write_one_log(tmp_path: Path) -> None:
    log = SignerLog(tmp_path / "log")
    with pytest.raises(BlockingIOError):
        SignerLog(tmp_path / "log")
    log.close()


def test_the_kernel_says_who_is_there() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer_of(ours) == os.geteuid()


def test_lines_are_json(signer: Signer) -> None:
    check_key(signer.client().signer("stations"))
    assert json.loads(signer.log.read_text().splitlines()[0])["sequence"] == 1


def test_generated_keys_are_no_business_of_clients() -> None:
    assert FileSigner("k", generate_key(EC)).sign_each([b"a"])
