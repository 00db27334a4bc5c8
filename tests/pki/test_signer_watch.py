"""What a missing key does: an alarm once, nothing left behind, and all well again when it is back."""

from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.ocsp import OCSPRequestBuilder
from sqlalchemy import func, select

from pki.alarms import Alarm, AlarmKind
from pki.authority import Authority
from pki.errors import SignerRefused, SignerUnavailable, VaultUnavailable
from pki.keystore import KeyStore
from pki.tables import SerialRow
from tests.pki.conftest import PASSPHRASE, SETTINGS, Room
from tests.pki.signer_room import Signer, authority_of, signer_over

IMPATIENT = SETTINGS.model_copy(update={"signer_wait": timedelta(0)})


def open_alarms(authority: Authority) -> list[Alarm]:
    return [alarm for alarm in authority.alarms.page() if alarm.kind is AlarmKind.SIGNER_UNAVAILABLE]


def serials(room: Room) -> int:
    with room.store.reading() as session:
        return session.execute(select(func.count()).select_from(SerialRow)).scalar_one()


@pytest.fixture
def signer(room: Room):
    with signer_over(room) as running:
        yield running


@pytest.fixture
def authority(room: Room, signer: Signer) -> Authority:
    """One that has its keys in a signer process, and does not wait."""
    return room.rebuilt(vault=signer.client(), settings=IMPATIENT)


def test_an_outage_raises_one_alarm_which_ends_with_it(room: Room, signer: Signer, authority: Authority) -> None:
    authority.issue(room.order(), "station:CS-1")
    signer.stop()
    for _ in range(3):
        with pytest.raises(VaultUnavailable):
            authority.issue(room.order(), "station:CS-1")
        authority.watch_signers()
    (alarm,) = open_alarms(authority)
    assert (alarm.thing, alarm.severity) == ("signer process", "critical")
    signer.start()
    authority.watch_signers()
    assert open_alarms(authority) == []
    assert authority.issue(room.order(), "station:CS-1").serial


def test_a_long_outage_leaves_one_dead_serial_number_at_most(room: Room, signer: Signer, authority: Authority) -> None:
    authority.issue(room.order(), "station:CS-1")
    before = serials(room)
    signer.stop()
    for _ in range(5):
        with pytest.raises(VaultUnavailable):
            authority.issue(room.order(), "station:CS-1")
    assert serials(room) - before <= 1


def test_an_alarm_of_an_earlier_process_is_settled_by_the_next(room: Room, signer: Signer) -> None:
    earlier = authority_of(room, signer)
    earlier.alarms.sound(AlarmKind.SIGNER_UNAVAILABLE, "signer process", "away")
    earlier.alarms.sound(AlarmKind.SIGNER_UNAVAILABLE, "stations", "away")
    earlier.alarms.sound(AlarmKind.SIGNER_UNAVAILABLE, "no-such-key", "away")
    later = authority_of(room, signer)
    later.watch_signers()
    assert [alarm.thing for alarm in open_alarms(later)] == ["no-such-key"]


def test_without_trouble_the_round_writes_nothing(room: Room, signer: Signer, authority: Authority) -> None:
    authority.watch_signers()
    lines = len(signer.lines())
    authority.watch_signers()
    assert (len(signer.lines()), open_alarms(authority)) == (lines, [])


def test_a_missing_key_file_is_an_alarm_about_that_key(room: Room) -> None:
    keys = KeyStore.open(room.folder / "keys", PASSPHRASE)
    path, aside = keys.key_path("stations"), room.folder / "aside"
    path.rename(aside)
    authority = room.rebuilt(keys=keys)
    with pytest.raises(SignerUnavailable):
        authority.issue(room.order(), "station:CS-1")
    authority.watch_signers()
    assert [alarm.thing for alarm in open_alarms(authority)] == ["stations"]
    aside.rename(path)
    authority.watch_signers()
    assert open_alarms(authority) == []


def test_what_the_signer_refuses_is_an_alarm_for_a_person(room: Room, signer: Signer, authority: Authority) -> None:
    with pytest.raises(SignerRefused):
        authority._keys.signer("stations").sign(b"\x30\x00")
    authority.watch_signers()
    (alarm,) = authority.alarms.page()
    assert (alarm.kind, alarm.thing) == (AlarmKind.SIGNER_REFUSED, "stations")


def test_ocsp_goes_on_without_the_authorities_keys(room: Room, signer: Signer, authority: Authority) -> None:
    certificate = authority.issue(room.order(), "station:CS-1")
    leaf = x509.load_pem_x509_certificate(certificate.pem.encode())
    issuer = x509.load_pem_x509_certificate(authority.authority("stations").certificate_pem.encode())
    request = OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA256()).build()
    signer.stop()
    der = request.public_bytes(Encoding.DER)
    answer = ocsp.OCSPResponse.load(authority.answer_ocsp(der))
    assert answer["response_status"].native == "successful"
    assert authority.server_credentials()


def test_each_key_is_told_with_its_place(room: Room, signer: Signer, authority: Authority) -> None:
    places = authority.key_places()
    assert {place.authority for place in places} == {
        info.name for info in authority.authorities() if info.kind != "signer"
    }
    assert all(place.can_sign and "signer process" in place.where and not place.why for place in places)
    signer.stop()
    assert {(place.can_sign, "cannot be used" in place.why) for place in authority.key_places()} == {(False, True)}


def test_a_key_that_is_not_the_certificates_is_told(room: Room, tmp_path: Path) -> None:
    keys = KeyStore.open(room.folder / "keys", PASSPHRASE)
    algorithm = keys.signer("stations").algorithm
    keys.forget("stations")
    keys.make_signer("stations", algorithm)
    wrong = [place for place in room.rebuilt(keys=keys).key_places() if not place.can_sign]
    assert [place.authority for place in wrong] == ["stations"]
    assert "not the one in the authority's certificate" in wrong[0].why
