"""Keys that share a prime and moduli that are primes are found after they were certified."""

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlmodel import func, select

from pki import key_review
from pki.alarms import AlarmKind, Severity
from pki.authority import CertificateState, Order
from pki.errors import CsrRejected
from pki.marks import move_mark, read_mark
from pki.tables import CertificateRow, RsaProductRow
from pki.weak_keys import is_prime
from tests.pki.conftest import Room
from tests.pki.hostile.keys import rsa_spki
from tests.pki.hostile.pieces import RSA_SHA256, information, signed_request

PRIME = (1 << 2047) + 1919  # `openssl prime` agrees


@pytest.fixture(scope="module")
def primes() -> list[int]:
    """Six primes of 1024 bits."""
    keys = [rsa.generate_private_key(65537, 2048).private_numbers() for _ in range(3)]
    return [prime for key in keys for prime in (key.p, key.q)]


@pytest.fixture
def room(room: Room) -> Room:
    """Our own keys are reviewed already."""
    with room.store.writing() as session:
        newest = session.execute(select(func.max(CertificateRow.id))).scalar_one()
        assert move_mark(session, "keys", 0, newest)
    return room


def key_of(p: int, q: int, exponent: int = 65537) -> rsa.RSAPrivateKey:
    """The RSA key of two primes, as a device makes it that had no randomness for the first."""
    d = pow(exponent, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPublicNumbers(exponent, p * q)
    parts = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return rsa.RSAPrivateNumbers(p, q, d, *parts, numbers).private_key()


def prime_request() -> bytes:
    """A request for the key whose modulus is a prime, well signed: its private exponent is no secret."""
    to_be_signed = information(spki=rsa_spki(PRIME))
    digest = bytes.fromhex("3031300d060960864801650304020105000420") + sha256(to_be_signed).digest()
    padded = int.from_bytes(b"\x00\x01" + b"\xff" * (253 - len(digest)) + b"\x00" + digest)
    signature = pow(padded, pow(65537, -1, PRIME - 1), PRIME)
    return signed_request(to_be_signed, algorithm=RSA_SHA256, signature=signature.to_bytes(256))


def reviewed(room: Room) -> None:
    while room.authority.key_review.round():
        pass


def alarms(room: Room) -> list[tuple[str, str]]:
    return [(alarm.thing, alarm.sentence) for alarm in room.authority.alarms.open_of(AlarmKind.WEAK_KEY)]


def test_the_test_for_primes_tells_primes_from_products(primes: list[int]) -> None:
    assert is_prime(PRIME)
    assert is_prime(primes[0])
    assert not is_prime(primes[0] * primes[1])
    assert not is_prime(PRIME + 2)
    assert not is_prime(PRIME * primes[0])


def test_two_stations_whose_keys_share_a_prime_are_named_and_blocked(room: Room, primes: list[int]) -> None:
    """Heninger et al. 2012. The certificates stay good: a person decides when a station goes dark."""
    first = room.issue(key_of(primes[0], primes[1]))
    reviewed(room)
    room.issue(key_of(primes[2], primes[3]), "SN-3", "CS-3")
    second = room.issue(key_of(primes[0], primes[4]), "SN-2", "CS-2")
    reviewed(room)
    [(thing, sentence)] = alarms(room)
    assert thing == "CS-2"
    assert "the RSA keys of CS-2 and CS-1 share a prime" in sentence
    assert {key.spki_sha256 for key in room.authority.blocked_keys()} == {first.spki_sha256, second.spki_sha256}
    assert room.authority.certificate(first.serial).state is CertificateState.GOOD
    with pytest.raises(CsrRejected) as refusal:
        room.issue(key_of(primes[0], primes[1]))
    assert refusal.value.code == "key-blocked"


def test_one_key_that_shares_with_several_names_them_all(room: Room, primes: list[int]) -> None:
    """One alarm for each station, so the second pair must not take the place of the first."""
    room.issue(key_of(primes[0], primes[1]))
    room.issue(key_of(primes[2], primes[3]), "SN-2", "CS-2")
    reviewed(room)
    room.issue(key_of(primes[0], primes[2]), "SN-3", "CS-3")
    reviewed(room)
    [(thing, sentence)] = alarms(room)
    assert thing == "CS-3"
    assert "the RSA keys of CS-3 and CS-1, CS-2 share a prime" in sentence
    assert len(room.authority.blocked_keys()) == 3


def test_keys_of_one_round_are_compared_too(room: Room, primes: list[int]) -> None:
    room.issue(key_of(primes[0], primes[1]))
    room.issue(key_of(primes[1], primes[2]), "SN-2", "CS-2")
    reviewed(room)
    assert [thing for thing, _ in alarms(room)] == ["CS-2"]


def test_one_modulus_under_two_exponents_is_one_key(room: Room, primes: list[int]) -> None:
    """Its SubjectPublicKeyInfo differs, so that the look at used keys does not find it."""
    room.issue(key_of(primes[0], primes[1]))
    room.issue(key_of(primes[0], primes[1], 65539), "SN-2", "CS-2")
    reviewed(room)
    assert "the same modulus under two exponents" in alarms(room)[0][1]


def test_a_modulus_that_is_a_prime_is_found_and_blocked(room: Room) -> None:
    request = room.authority.read_request(prime_request())
    made = room.authority.issue(Order(request, "station", "SN-1", station="CS-1"), "station:CS-1")
    reviewed(room)
    [(thing, sentence)] = alarms(room)
    assert (thing, made.spki_sha256) == ("CS-1", room.authority.blocked_keys()[0].spki_sha256)
    assert "is a prime" in sentence
    assert room.authority.alarms.page()[0].severity is Severity.CRITICAL


def test_honest_keys_raise_no_alarm_and_a_renewal_with_the_same_key_does_not(room: Room, primes: list[int]) -> None:
    for number in range(3):
        key = key_of(primes[2 * number], primes[2 * number + 1])
        room.issue(key, f"SN-{number}", f"CS-{number}")
    reviewed(room)
    room.issue(key_of(primes[0], primes[1]), "SN-0", "CS-0")
    room.issue()
    reviewed(room)
    assert alarms(room) == []
    progress = room.authority.key_review.progress()
    assert progress.waiting == 0 < progress.done


def test_full_products_are_left_and_all_of_them_are_looked_at(
    room: Room, primes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_review, "_FULL", 1)
    monkeypatch.setattr(key_review, "_DIVISIONS", 1)  # one key in a round
    room.issue(key_of(primes[0], primes[1]))
    room.issue(key_of(primes[2], primes[3]), "SN-2", "CS-2")
    room.issue(key_of(primes[0], primes[4]), "SN-3", "CS-3")
    room.issue(key_of(primes[3], primes[5]), "SN-4", "CS-4")
    reviewed(room)
    assert sorted(sentence.split(";")[0].split("share")[0].strip() for _, sentence in alarms(room)) == [
        "the RSA keys of CS-3 and CS-1",
        "the RSA keys of CS-4 and CS-2",
    ]
    with room.store.reading() as session:
        assert {row.count for row in session.execute(select(RsaProductRow)).scalars()} == {1}


def test_a_round_that_another_process_did_meanwhile_adds_nothing(room: Room, primes: list[int]) -> None:
    before = room.authority.key_review.progress().done
    room.issue(key_of(primes[0], primes[1]))
    with room.store.reading() as session:
        products = [row.count for row in session.execute(select(RsaProductRow)).scalars()]
    review = room.authority.key_review
    with room.store.writing() as session:
        rows, keys = key_review._next(session, read_mark(session, "keys"), 16)
        assert [key.holder for key in keys] == ["CS-1"]
        assert move_mark(session, "keys", read_mark(session, "keys"), rows[-1].id)
    review._keep(0, rows[-1].id, keys)
    with room.store.reading() as session:
        assert [row.count for row in session.execute(select(RsaProductRow)).scalars()] == products
    assert review.progress().done == before + 1
