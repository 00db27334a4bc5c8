"""Certificates outside OCPP (ADR 0014): proof by code or by certificate, with a real authority."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from csms_bridge.errors import ProofRefused, TooManyRefusals
from csms_bridge.outside_enrolment import Asked, OutsideEnrolment
from csms_bridge.station import SecurityProfile
from csms_bridge.tables import StationRow
from pki.authority import Authority, Certificate, Order, RevocationReason
from pki.enrolment_codes import CodeState, EnrolmentCodes
from pki.errors import (
    CodeAtWork,
    CodeRefused,
    CsrRejected,
    IssuerEndsTooSoon,
    RequestAtWork,
    SignerUnavailable,
)
from pki.keys import KeyAlgorithm, KeyFamily, PrivateKey, generate_key
from pki.keystore import KeyStore
from pki.secret_text import Secret
from tests.csms_bridge.room import SigningRoom
from tests.pki.requests import pem_request

DAY = timedelta(days=1)
FAILURES = 5


@dataclass
class Counter:
    """A room with the counter where stations enrol outside OCPP."""

    room: SigningRoom
    codes: EnrolmentCodes
    outside: OutsideEnrolment

    def code(self, station: str = "CS-1") -> Secret:
        return self.codes.make([station], DAY, "user:anna", self.room.clock())[0].text

    def enrol(self, typed: Secret, csr: str, station: str = "CS-1", **more: object) -> Certificate:
        return self.outside.by_code(station, typed, Asked(csr.encode(), "192.0.2.7", **more))

    def renew(self, shown: Certificate, csr: str, *, renewing: bool = True) -> Certificate:
        asked = Asked(csr.encode(), "192.0.2.7", presented=shown.der)
        return self.outside.by_certificate(asked, renewing=renewing)

    def states(self) -> list[CodeState]:
        page = self.codes.page(self.room.clock(), station=None, only_open=False, after=None, limit=9)
        return [code.state for code in page]

    def alarms(self) -> list[tuple[str, str]]:
        return [(alarm.kind.value, alarm.thing) for alarm in self.room.authority.alarms.page()]


@pytest.fixture
def counter(signing_room: SigningRoom) -> Counter:
    signing_room.add("CS-1", "SN-1", SecurityProfile.MUTUAL_TLS)
    signing_room.add("CS-2", "SN-2", SecurityProfile.MUTUAL_TLS)
    codes = EnrolmentCodes(signing_room.store, signing_room.trail)
    outside = OutsideEnrolment(
        signing_room.store, signing_room.trail, signing_room.authority, signing_room.sightings, codes,
        signing_room.clock, FAILURES,
    )  # fmt: skip
    return Counter(signing_room, codes, outside)


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    return generate_key(KeyAlgorithm.EC_P256)


def fresh(serial: str = "SN-1", organisation: str | None = None) -> str:
    return pem_request(generate_key(KeyAlgorithm.EC_P256), serial, organisation)


def refused(attempt: Callable[[], object]) -> str:
    with pytest.raises((CodeRefused, CsrRejected)) as refusal, capture_logs():
        attempt()
    return refusal.value.code


def test_a_code_leads_to_a_certificate_with_the_names_on_record(counter: Counter) -> None:
    made = counter.enrol(counter.code(), fresh("maker SN-1 v2", "Some Maker"))
    assert (made.station, made.common_name, made.authority) == ("CS-1", "SN-1", "stations")
    assert "O=Acme Charging" in made.subject
    assert counter.states() == [CodeState.USED]
    acts = counter.room.acts()
    assert acts[-3:] == ["enrolment-code:made", "enrolment-code:used", "station:enrolled"]
    assert counter.room.records()[-1].by == "station:CS-1"


@pytest.fixture(scope="module")
def rsa_key() -> PrivateKey:
    return generate_key(KeyAlgorithm.RSA_2048)


def test_an_rsa_key_gets_an_rsa_chain(counter: Counter, rsa_key: PrivateKey) -> None:
    assert counter.enrol(counter.code(), pem_request(rsa_key, "SN-1")).authority == "stations-rsa"


def test_a_lost_answer_is_given_again(counter: Counter, key: PrivateKey) -> None:
    code, csr = counter.code(), pem_request(key)
    first = counter.enrol(code, csr)
    counter.room.clock.advance(hours=1)
    assert counter.enrol(code, csr).serial == first.serial
    assert counter.enrol(code, pem_request(key)).serial == first.serial  # another request for the same key
    assert len(counter.room.authority.certificates(station="CS-1")) == 1


def test_a_used_code_is_good_for_no_other_key_and_somebody_should_look(counter: Counter) -> None:
    code = counter.code()
    counter.enrol(code, fresh())
    assert refused(lambda: counter.enrol(code, fresh())) == "other-key"
    assert counter.alarms() == [("enrolment-refused", "CS-1")]
    assert counter.room.acts()[-1] == "station:enrolment-refused"


def test_a_used_code_gives_no_certificate_that_was_revoked(counter: Counter, key: PrivateKey) -> None:
    code, csr = counter.code(), pem_request(key)
    first = counter.enrol(code, csr)
    counter.room.authority.revoke(first.serial, RevocationReason.SUPERSEDED, "user:anna")
    assert refused(lambda: counter.enrol(code, csr)) == "used"


def test_a_request_that_is_refused_does_not_cost_the_code(counter: Counter) -> None:
    code = counter.code()
    assert refused(lambda: counter.enrol(code, "garbage")) == "not-pem"
    assert refused(lambda: counter.enrol(code, fresh("SN-2"))) == "wrong-common-name"
    assert counter.states() == [CodeState.OPEN]
    assert counter.enrol(code, fresh()).station == "CS-1"


def test_a_code_is_for_one_station(counter: Counter) -> None:
    code = counter.code("CS-2")
    assert refused(lambda: counter.enrol(code, fresh())) == "other-station"
    assert counter.alarms() == [("enrolment-refused", "CS-1")]


def test_a_removed_station_cannot_enrol(counter: Counter) -> None:
    code = counter.code()
    counter.room.registry.remove("CS-1", "user:anna", "scrapped")
    assert refused(lambda: counter.enrol(code, fresh())) == "withdrawn"


def test_a_code_of_a_station_that_was_never_registered_is_worth_nothing(counter: Counter) -> None:
    code = counter.codes.make(["CS-9"], DAY, "user:anna", counter.room.clock())[0].text
    assert refused(lambda: counter.enrol(code, fresh("SN-9"), "CS-9")) == "unknown"


def test_an_expired_code_is_refused(counter: Counter) -> None:
    code = counter.code()
    counter.room.clock.advance(days=1)
    assert refused(lambda: counter.enrol(code, fresh())) == "expired"


def test_the_asked_family_of_key_is_demanded(counter: Counter) -> None:
    code = counter.code()
    assert refused(lambda: counter.enrol(code, fresh(), family=KeyFamily.RSA)) == "key-type"
    assert counter.enrol(code, fresh(), family=KeyFamily.EC).authority == "stations"


def test_two_at_once_with_one_code_lead_to_one_certificate(counter: Counter, key: PrivateKey) -> None:
    code, csr = counter.code(), pem_request(key)
    start = threading.Barrier(4)

    def attempt() -> str | None:
        start.wait()
        try:
            return counter.enrol(code, csr).serial
        except CodeAtWork:
            return None

    with ThreadPoolExecutor(4) as pool:
        serials = {serial for serial in pool.map(lambda _: attempt(), range(4)) if serial}
    assert serials == {counter.enrol(code, csr).serial}
    assert len(counter.room.authority.certificates(station="CS-1")) == 1


def test_a_certificate_that_a_crash_left_unmentioned_is_found_again(counter: Counter, key: PrivateKey) -> None:
    """Issued, and the process died before the code was used up."""
    code, csr = counter.code(), pem_request(key)
    found = counter.codes.find(code.text(), "CS-1", counter.room.clock())
    request = counter.room.authority.read_request(csr)
    counter.codes.claim(found.id, request.spki_sha256, counter.room.clock())
    made = counter.room.authority.issue(Order(request, "station", "SN-1", station="CS-1"), "station:CS-1")
    with pytest.raises(CodeAtWork):
        counter.enrol(code, csr)
    counter.room.clock.advance(minutes=1)
    assert counter.enrol(code, csr).serial == made.serial


def test_a_signer_that_is_away_costs_neither_code_nor_patience(
    counter: Counter, key: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, csr = counter.code(), pem_request(key)

    def away(*_: object) -> Certificate:
        raise SignerUnavailable("stations", "it is away")

    with monkeypatch.context() as while_away:
        while_away.setattr(counter.room.authority, "issue", away)
        for _ in range(FAILURES + 1):
            with pytest.raises(SignerUnavailable):
                counter.enrol(code, csr)
    assert counter.enrol(code, csr).station == "CS-1"


def test_many_refusals_make_one_wait_and_raise_an_alarm(counter: Counter) -> None:
    code = counter.code()
    for _ in range(FAILURES):
        assert refused(lambda: counter.enrol(Secret.of("00000-00000-00000-00000"), fresh())) == "unknown"
    with pytest.raises(TooManyRefusals) as wait:
        counter.enrol(code, fresh())
    assert wait.value.wait == 60
    assert counter.alarms() == [("enrolment-refused", "CS-1")]
    assert counter.enrol(counter.code("CS-2"), fresh("SN-2"), "CS-2").station == "CS-2"
    counter.room.clock.advance(minutes=1, seconds=1)
    assert counter.enrol(code, fresh()).station == "CS-1"


def test_invented_stations_fill_neither_the_trail_nor_the_alarms(counter: Counter) -> None:
    for number in range(FAILURES * 10):
        refused(lambda: counter.enrol(Secret.of("00000-00000-00000-00000"), fresh(), f"NO-{number}"))  # noqa: B023
    with pytest.raises(TooManyRefusals):
        counter.enrol(counter.code(), fresh())
    assert counter.room.acts("NO-1") == []
    assert counter.alarms() == []


@pytest.mark.parametrize("name", ["", "CS-1\x00", "CS-1\ud800", "x" * 50_000, "../CS-1"])
def test_what_can_be_no_identity_is_nobody(counter: Counter, name: str) -> None:
    """PostgreSQL takes no NUL in a text, and a name that long must not be remembered."""
    assert refused(lambda: counter.enrol(Secret.of("00000-00000-00000-00000"), fresh(), name)) == "unknown"
    assert set(counter.outside._of_station._failures) == {("192.0.2.7", "")}


def test_a_secret_code_stands_nowhere(counter: Counter) -> None:
    code = counter.code()
    with capture_logs() as logs:
        counter.enrol(code, fresh())
    told = str(logs) + str(counter.room.records())
    assert code.text() not in told
    assert code.text().replace("-", "") not in told


# --- by certificate


def first(counter: Counter, csr: str | None = None) -> Certificate:
    return counter.enrol(counter.code(), csr or fresh())


def test_a_good_certificate_leads_to_a_new_one_for_a_new_key(counter: Counter) -> None:
    """RFC 7030 §4.2.2: the names stay, the key may change."""
    old = first(counter)
    new = counter.renew(old, fresh("SN-1", "Acme Charging"))
    assert new.serial != old.serial
    assert new.subject == old.subject
    assert counter.room.authority.certificate(old.serial).state == "good"
    assert counter.room.records()[-1].details["proof"] == "certificate"


def test_a_renewal_for_the_same_key_is_new_and_given_again_when_its_answer_was_lost(
    counter: Counter, key: PrivateKey
) -> None:
    csr = pem_request(key, "SN-1", "Acme Charging")
    old = first(counter, csr)
    counter.room.clock.advance(days=30)
    new = counter.renew(old, csr)
    assert new.serial != old.serial
    assert counter.renew(old, csr).serial == new.serial
    counter.room.clock.advance(days=30)
    assert counter.renew(new, csr).serial not in (old.serial, new.serial)


def test_a_renewal_keeps_the_names(counter: Counter) -> None:
    old = first(counter)
    assert refused(lambda: counter.renew(old, fresh("SN-1"))) == "other-subject"
    assert counter.renew(old, fresh("SN-1"), renewing=False).station == "CS-1"


@pytest.mark.parametrize("reason", [RevocationReason.KEY_COMPROMISE, RevocationReason.CERTIFICATE_HOLD])
def test_a_revoked_or_held_certificate_proves_nothing(counter: Counter, reason: RevocationReason) -> None:
    old = first(counter)
    counter.room.authority.revoke(old.serial, reason, "user:anna")
    with pytest.raises(ProofRefused, match=r"is (revoked|held)"):
        counter.renew(old, fresh("SN-1", "Acme Charging"))
    assert counter.room.acts()[-1] == "station:enrolment-refused"


def test_an_expired_certificate_proves_nothing(counter: Counter) -> None:
    old = first(counter)
    counter.room.clock.advance(days=90)
    with pytest.raises(ProofRefused, match="is expired"):
        counter.renew(old, fresh("SN-1", "Acme Charging"))


def test_a_certificate_that_was_superseded_by_use_proves_nothing(counter: Counter) -> None:
    """Whoever has a station's old key must not get a certificate newer than the station's own."""
    old = first(counter)
    counter.room.clock.advance(days=1)
    new = counter.renew(old, fresh("SN-1", "Acme Charging"))
    counter.renew(old, fresh("SN-1", "Acme Charging"))
    with counter.room.store.writing() as session:
        row = session.get(StationRow, "CS-1")
        row.newest_used = new.made_at
        session.add(row)
    with pytest.raises(ProofRefused, match="older than one that this station has used"):
        counter.renew(old, fresh("SN-1", "Acme Charging"))
    assert counter.renew(new, fresh("SN-1", "Acme Charging")).station == "CS-1"


def test_nothing_but_a_stations_certificate_of_ours_is_a_proof(counter: Counter) -> None:
    order = Order(
        counter.room.authority.read_request(fresh("csms.example")),
        "server",
        "csms.example",
        hostnames=("csms.example",),
    )
    server = counter.room.authority.issue(order, "user:anna")
    with pytest.raises(ProofRefused, match="not a station's certificate"):
        counter.renew(server, fresh())
    with pytest.raises(ProofRefused, match="not a station's certificate"):
        counter.outside.by_certificate(Asked(fresh().encode(), "192.0.2.7", presented=b"foreign"), renewing=False)
    with pytest.raises(ProofRefused, match="not a station's certificate"):
        counter.outside.by_certificate(Asked(fresh().encode(), "192.0.2.7"), renewing=False)


def test_a_removed_stations_certificate_proves_nothing(counter: Counter) -> None:
    old = first(counter)
    counter.room.registry.remove("CS-1", "user:anna", "scrapped")
    with pytest.raises(ProofRefused, match="not registered any more"), capture_logs():
        counter.renew(old, fresh())


def test_a_code_does_not_make_up_for_another_stations_certificate_or_a_revoked_one(counter: Counter) -> None:
    others = first(counter)
    with pytest.raises(ProofRefused, match="belongs to another station"):
        counter.enrol(counter.code("CS-2"), fresh("SN-2"), "CS-2", presented=others.der)
    counter.room.authority.revoke(others.serial, RevocationReason.KEY_COMPROMISE, "user:anna")
    with pytest.raises(ProofRefused, match="is revoked"):
        counter.enrol(counter.code(), fresh(), presented=others.der)


def test_a_code_makes_up_for_an_expired_or_a_foreign_certificate(counter: Counter) -> None:
    old = first(counter)
    counter.room.clock.advance(days=90)
    assert counter.enrol(counter.code(), fresh(), presented=old.der).state == "good"
    assert counter.enrol(counter.code(), fresh(), presented=b"the maker's").state == "good"


def test_a_key_of_another_station_is_refused(counter: Counter, key: PrivateKey) -> None:
    """A00.FR.427: found by the same issuing path as over OCPP."""
    first(counter, pem_request(key))
    assert (
        refused(lambda: counter.enrol(counter.code("CS-2"), pem_request(key, "SN-2"), "CS-2")) == "key-used-elsewhere"
    )


def test_an_authority_that_ends_too_soon_leaves_the_code(counter: Counter) -> None:
    counter.room.clock.advance(days=3600)
    code = counter.code()
    with pytest.raises(IssuerEndsTooSoon):
        counter.enrol(code, fresh())
    assert counter.states() == [CodeState.OPEN]


# --- two nodes


def other_node(counter: Counter, keys: KeyStore | None = None) -> OutsideEnrolment:
    """The same counter in another process: nothing is shared but the database and the keys."""
    room = counter.room
    authority = Authority(room.store, keys or room.keys, room.trail, room.authority.settings, room.clock)
    codes = EnrolmentCodes(room.store, room.trail)
    return OutsideEnrolment(room.store, room.trail, authority, room.sightings, codes, room.clock, FAILURES)


class Interrupted:
    """Keys of which the first signature waits until somebody has done something else meanwhile."""

    def __init__(self, keys: KeyStore, meanwhile: Callable[[], object]) -> None:
        self._keys = keys
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> object:
        return getattr(self._keys, name)

    def signer(self, name: str) -> object:
        meanwhile, signer = self._meanwhile, self._keys.signer(name)

        class Slow:
            public_key, algorithm = signer.public_key, signer.algorithm

            def sign_each(self, each: object) -> object:
                meanwhile()
                return signer.sign_each(each)

        return Slow()


def test_the_same_renewal_on_two_nodes_at_once_makes_one_certificate(counter: Counter, key: PrivateKey) -> None:
    """The station asked again, another node was asked: it hears 202 (RFC 7030 §4.2.3), and then gets what was made."""
    old = first(counter)
    asked = Asked(pem_request(key, "SN-1", "Acme Charging").encode(), "192.0.2.7", presented=old.der)
    heard: list[int] = []

    def meanwhile() -> None:
        with pytest.raises(RequestAtWork) as fault:
            counter.outside.by_certificate(asked, renewing=True)
        heard.append(fault.value.wait)

    one = other_node(counter, Interrupted(counter.room.keys, meanwhile))
    made = one.by_certificate(asked, renewing=True)
    assert len(heard) == 1
    assert counter.outside.by_certificate(asked, renewing=True).serial == made.serial
    assert len(counter.room.authority.certificates_of_key(made.spki_sha256)) == 1
    assert counter.alarms() == []


def test_what_another_node_made_between_look_and_claim_is_given(
    counter: Counter, key: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = first(counter)
    asked = Asked(pem_request(key, "SN-1", "Acme Charging").encode(), "192.0.2.7", presented=old.der)
    made = other_node(counter).by_certificate(asked, renewing=True)
    monkeypatch.setattr(counter.outside, "_made_since", lambda *_: None)  # it looked before that one was made
    assert counter.outside.by_certificate(asked, renewing=True).serial == made.serial


def test_a_node_that_died_of_it_is_not_waited_for_for_ever(counter: Counter, key: PrivateKey) -> None:
    old = first(counter)
    asked = Asked(pem_request(key, "SN-1", "Acme Charging").encode(), "192.0.2.7", presented=old.der)

    def power_cut() -> None:
        raise SignerUnavailable("stations", "it died")

    with pytest.raises(SignerUnavailable), capture_logs():
        other_node(counter, Interrupted(counter.room.keys, power_cut)).by_certificate(asked, renewing=True)
    with pytest.raises(RequestAtWork), capture_logs():
        counter.outside.by_certificate(asked, renewing=True)
    counter.room.clock.advance(minutes=1, seconds=1)
    assert counter.outside.by_certificate(asked, renewing=True).state == "good"
