"""SignCertificate and CertificateSigned (A02, A03): from request to delivery, with a real authority."""

import threading
from itertools import pairwise

import pytest
from cryptography import x509
from sqlmodel import select

from csms_bridge.admission import Registered, certificate_fault, presented_of
from csms_bridge.certificate_asks import Ask, Delivery, Receipt
from csms_bridge.events import CertificateAsked
from csms_bridge.station import SecurityProfile
from csms_bridge.station_certificates import LeafKind
from csms_bridge.tables import CertificateAskRow
from pki.authority import Order, RevocationReason
from pki.keys import KeyAlgorithm, generate_key
from pki.rollover_steps import StepName
from tests.csms_bridge.room import pem_blocks
from tests.pki.requests import pem_request

NONE, BASIC, TLS, MUTUAL = SecurityProfile


@pytest.fixture
def room(signing_room):
    signing_room.add("CS-1", "SN-1", TLS)
    return signing_room


def a_request(serial: str = "SN-1") -> str:
    return pem_request(generate_key(KeyAlgorithm.EC_P256), serial)


def ask(room, csr: str, station: str = "CS-1", profile=TLS, request_id=None, kind=LeafKind.STATION) -> Receipt:
    asked = CertificateAsked(csr, request_id, kind)
    return room.enrolment.ask(station, asked, profile)


def signed(room, csr: str, **more) -> Delivery:
    assert ask(room, csr, **more).accepted
    [delivery] = room.enrolment.sign_waiting(more.get("station", "CS-1"))
    return delivery


def states(room) -> list[str]:
    with room.store.reading() as session:
        return list(session.exec(select(CertificateAskRow.state).order_by(CertificateAskRow.id)))


def test_a_good_request_is_accepted_at_once_and_signed_behind_it(room):
    """A02.FR.11; some stations give up after two seconds (station-quirks 21)."""
    assert ask(room, a_request()) == Receipt(True)
    assert states(room) == ["asked"]
    assert room.enrolment.waiting_stations() == ["CS-1"]
    assert room.authority.certificates(station="CS-1") == []


@pytest.mark.parametrize("profile", [BASIC, TLS, MUTUAL])
def test_a_station_that_proved_itself_may_ask(room, profile):
    assert ask(room, a_request(), profile=profile).accepted


def test_on_profile_0_anybody_could_ask_in_the_stations_name(room):
    receipt = ask(room, a_request(), profile=NONE)
    assert not receipt.accepted
    assert "proved nothing" in receipt.reason


def test_refuses_a_request_for_a_v2g_certificate(room):
    receipt = ask(room, a_request(), kind=LeafKind.V2G)
    assert receipt == Receipt(False, "there is no authority for V2G certificates")


@pytest.mark.parametrize("csr", ["", "MIIB", "hello", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"])
def test_refuses_at_once_what_is_no_request(room, csr):
    """A02.FR.12; station-quirks 2. It leaves a record, and nothing waits."""
    receipt = ask(room, csr)
    assert not receipt.accepted
    assert receipt.reason
    assert states(room) == ["refused"]
    assert room.enrolment.waiting_stations() == []
    last = room.records()[-1]
    assert (last.act, last.reason) == ("station:certificate-ask-refused", receipt.reason)


def test_refuses_a_station_that_was_removed(room):
    assert not ask(room, a_request(), station="CS-9").accepted
    assert states(room) == []


def test_signs_a_certificate_with_the_registered_serial_number(room):
    """TC_074: CN is the serial number; O is the operator's, whatever the request says."""
    delivery = signed(room, a_request(), request_id=7)
    leaf = x509.load_pem_x509_certificate(pem_blocks(delivery.chain)[0].encode())
    assert leaf.subject.rfc4514_string() == "CN=SN-1,O=Acme Charging"
    assert delivery.request_id == 7
    assert delivery.serial == room.authority.certificates(station="CS-1")[0].serial
    assert (delivery.root, states(room)) == ("root", ["issued"])


def test_a_chain_is_the_leaf_and_what_stands_between_it_and_the_root(room):
    """A02: leaf first, then the sub-CAs; the root is on the station already (reference §4.2)."""
    leaf, above = (
        x509.load_pem_x509_certificate(block.encode()) for block in pem_blocks(signed(room, a_request()).chain)
    )
    assert leaf.issuer == above.subject
    assert above.issuer != above.subject


def test_an_rsa_request_is_answered_from_the_rsa_hierarchy(room):
    request = pem_request(generate_key(KeyAlgorithm.RSA_2048), "SN-1")
    assert signed(room, request).root == "root-rsa"


def test_the_same_request_again_gets_the_same_certificate(room):
    """SAP's station repeats SignCertificate (station-quirks 21): idempotent by key."""
    csr = a_request()
    first, second = signed(room, csr), signed(room, csr)
    assert first.serial == second.serial
    assert len(room.authority.certificates(station="CS-1")) == 1


def test_another_key_gets_another_certificate_and_both_are_good(room):
    """Until the new one was seen the old one must be good too (A02.FR.10)."""
    first, second = signed(room, a_request()), signed(room, a_request())
    assert first.serial != second.serial
    assert {str(one.state) for one in room.authority.certificates(station="CS-1")} == {"good"}


def test_a_revoked_certificate_is_not_given_out_again(room):
    csr = a_request()
    first = signed(room, csr)
    room.authority.revoke(first.serial, RevocationReason.SUPERSEDED, "user:anna")
    assert signed(room, csr).serial != first.serial


def test_a_key_that_was_compromised_gets_no_certificate_again(room):
    csr = a_request()
    room.authority.revoke(signed(room, csr).serial, RevocationReason.KEY_COMPROMISE, "user:anna")
    receipt = ask(room, csr)
    assert not receipt.accepted
    assert "compromise" in receipt.reason


def test_what_the_authority_would_refuse_is_refused_at_once(room):
    """A00.FR.405: the request names another serial number than the one on record."""
    receipt = ask(room, a_request("SN-2"))
    assert not receipt.accepted
    assert "SN-2" in receipt.reason
    assert states(room) == ["refused"]
    assert room.enrolment.sign_waiting("CS-1") == []


def test_a_key_that_is_another_stations_is_refused(room):
    room.add("CS-2", "SN-2", TLS)
    key = generate_key(KeyAlgorithm.EC_P256)
    signed(room, pem_request(key, "SN-1"))
    assert not ask(room, pem_request(key, "SN-2"), station="CS-2").accepted
    assert room.authority.certificates(station="CS-2") == []


def test_one_request_refused_late_does_not_keep_the_next_from_being_signed(room):
    """What was fine when it was asked may not be when it is signed: the rules are applied again."""
    csr = a_request()
    ask(room, csr)
    order = Order(room.authority.read_request(csr), "station", "SN-1", "CS-1")
    room.authority.revoke(room.authority.issue(order, "service").serial, RevocationReason.KEY_COMPROMISE, "user:anna")
    ask(room, a_request())
    refused, delivered = room.enrolment.sign_waiting("CS-1")
    assert isinstance(refused, Receipt)
    assert "compromise" in refused.reason
    assert isinstance(delivered, Delivery)


def test_a_request_waits_while_the_signer_is_unavailable(room):
    """The station never learns of it (A02, error handling): it is tried again later."""
    ask(room, a_request())
    keys, elsewhere = room.folder / "keys", room.folder / "elsewhere"
    keys.rename(elsewhere)
    assert room.enrolment.sign_waiting("CS-1") == []
    assert states(room) == ["asked"]
    elsewhere.rename(keys)
    assert isinstance(room.enrolment.sign_waiting("CS-1")[0], Delivery)


def test_a_crash_between_signing_and_noting_it_leads_to_the_same_certificate(room):
    before = signed(room, a_request())
    with room.store.writing() as session:
        row = session.exec(select(CertificateAskRow)).one()
        row.state, row.serial = "asked", None  # as it was when the process died
    [after] = room.enrolment.sign_waiting("CS-1")
    assert after == before
    assert len(room.authority.certificates(station="CS-1")) == 1


def test_nothing_is_signed_twice(room):
    signed(room, a_request())
    assert room.enrolment.sign_waiting("CS-1") == []


def test_two_rounds_at_once_sign_a_request_once(room, monkeypatch):
    """A station's session and the round for what was left waiting may meet."""
    ask(room, a_request())
    issue, others = room.authority.issue_for_each, []
    second = threading.Thread(target=lambda: others.append(room.enrolment.sign_waiting("CS-1")))

    def issue_while_another_round_comes(*order, **by):
        if second.ident is None:
            second.start()
            second.join(timeout=0.2)  # time enough to overtake this round, if nothing kept it waiting
        return issue(*order, **by)

    monkeypatch.setattr(room.authority, "issue_for_each", issue_while_another_round_comes)
    [delivery] = room.enrolment.sign_waiting("CS-1")
    second.join(timeout=10)
    assert others == [[]]
    assert [one.serial for one in room.authority.certificates(station="CS-1")] == [delivery.serial]


def test_a_round_for_one_station_does_not_wait_for_anothers(room, monkeypatch):
    """A slow signer holds up nobody else's turn."""
    room.add("CS-2", "SN-2", TLS)
    ask(room, a_request())
    ask(room, a_request("SN-2"), station="CS-2")
    issue, others = room.authority.issue_for_each, []
    second = threading.Thread(target=lambda: others.extend(room.enrolment.sign_waiting("CS-2")))

    def issue_after_the_other_station(*order, **by):
        if second.ident is None:
            second.start()
            second.join(timeout=10)
        return issue(*order, **by)

    monkeypatch.setattr(room.authority, "issue_for_each", issue_after_the_other_station)
    assert len(room.enrolment.sign_waiting("CS-1")) == 1
    assert not second.is_alive()
    assert [one.serial for one in room.authority.certificates(station="CS-2")] == [others[0].serial]


def asks(*pairs):
    return [Ask(station, CertificateAsked(csr), TLS) for station, csr in pairs]


def test_many_requests_are_taken_in_and_signed_together_each_for_itself(room):
    room.add("CS-2", "SN-2", TLS)
    room.add("CS-3", "SN-3", TLS)
    taken, wrong, unknown, third = room.enrolment.ask_each(
        asks(("CS-1", a_request()), ("CS-2", a_request("SN-9")), ("CS-9", a_request()), ("CS-3", a_request("SN-3")))
    )
    assert [taken.accepted, wrong.accepted, unknown.accepted, third.accepted] == [True, False, False, True]
    assert "SN-9" in wrong.reason
    assert "not registered" in unknown.reason
    first, second, last = room.enrolment.sign_each(["CS-1", "CS-2", "CS-3"])
    assert second == []
    for station, [delivery] in (("CS-1", first), ("CS-3", last)):
        assert [one.serial for one in room.authority.certificates(station=station)] == [delivery.serial]


def test_one_key_asked_for_twice_in_one_lot_gets_one_certificate(room):
    csr = a_request()
    room.enrolment.ask_each(asks(("CS-1", csr), ("CS-1", csr)))
    [first, again], nothing_more = room.enrolment.sign_each(["CS-1", "CS-1"])
    assert (first.serial, nothing_more) == (again.serial, [])
    assert len(room.authority.certificates(station="CS-1")) == 1


def test_a_key_that_two_stations_ask_for_in_one_lot_goes_to_the_first(room):
    room.add("CS-2", "SN-2", TLS)
    key = generate_key(KeyAlgorithm.EC_P256)
    first, second = room.enrolment.ask_each(
        asks(("CS-1", pem_request(key, "SN-1")), ("CS-2", pem_request(key, "SN-2")))
    )
    assert first.accepted
    assert not second.accepted
    assert "CS-1" in second.reason


def test_signs_for_one_station_at_a_time(room):
    room.add("CS-2", "SN-2", TLS)
    ask(room, a_request("SN-2"), station="CS-2")
    assert room.enrolment.sign_waiting("CS-1") == []
    assert room.enrolment.waiting_stations() == ["CS-2"]


def test_a_certificate_is_undelivered_until_the_station_answered(room):
    delivery = signed(room, a_request())
    assert room.enrolment.undelivered("CS-1") == [delivery]
    room.enrolment.sent(delivery)
    assert room.enrolment.undelivered("CS-1") == [delivery]  # the answer may have got lost
    room.enrolment.taken(delivery)
    assert room.enrolment.undelivered("CS-1") == []


def test_a_certificate_that_was_rejected_is_not_sent_again_by_itself(room):
    """A02.FR.20: the station waits for a new trigger."""
    delivery = signed(room, a_request())
    room.enrolment.sent(delivery)
    room.enrolment.rejected(delivery, "Rejected (InvalidCertChain)")
    assert room.enrolment.undelivered("CS-1") == []
    last = room.records()[-1]
    assert (last.act, last.reason) == ("station:certificate-rejected", "Rejected (InvalidCertChain)")


def test_undelivered_certificates_come_oldest_first(room):
    deliveries = [signed(room, a_request()) for _ in range(2)]
    assert room.enrolment.undelivered("CS-1") == deliveries


def test_a_certificate_seen_in_use_needs_no_answer(room):
    """Station-quirks 5: the station reconnects before it answers."""
    delivery = signed(room, a_request())
    room.enrolment.sent(delivery)
    room.enrolment.seen_in_use("CS-1", delivery.serial)
    assert states(room) == ["taken"]
    assert room.acts()[-1] == "station:certificate-seen"


def test_a_certificate_in_use_for_long_is_not_seen_anew_with_every_connection(room):
    delivery = signed(room, a_request())
    room.enrolment.seen_in_use("CS-1", delivery.serial)
    acts = room.acts()
    room.enrolment.seen_in_use("CS-1", delivery.serial)
    room.enrolment.seen_in_use("CS-2", delivery.serial)
    assert room.acts() == acts


def test_finds_what_is_to_be_sent_for_a_certificate(room):
    csr = a_request()
    signed(room, csr, request_id=1)
    repeated = signed(room, csr, request_id=2)
    # The newest request for it: 2.1 stations know the ids they asked with (A02.FR.26).
    assert room.enrolment.newest_delivery("CS-1", repeated.serial) == repeated
    assert room.enrolment.newest_delivery("CS-1", "feed") is None
    assert room.enrolment.newest_delivery("CS-2", repeated.serial) is None


def test_every_step_is_on_the_audit_trail_by_whoever_took_it(room):
    delivery = signed(room, a_request())
    room.enrolment.sent(delivery)
    room.enrolment.taken(delivery)
    told = [(record.act, record.by, record.details["serial"]) for record in room.records()[1:]]
    assert told == [
        ("station:certificate-asked", "station:CS-1", None),
        ("station:certificate-sent", "service", delivery.serial),
        ("station:certificate-accepted", "station:CS-1", delivery.serial),
    ]
    assert len(room.records()[1].details["csr_sha256"]) == 64


def test_a_station_removed_meanwhile_gets_no_certificate(room):
    """Its requests go with it."""
    ask(room, a_request())
    room.registry.remove("CS-1", "user:anna", "scrapped")
    assert room.enrolment.sign_waiting("CS-1") == []
    assert room.authority.certificates(station="CS-1") == []


def roll_over(room, authority: str) -> str:
    """To `issue from new`; the id of the roll-over."""
    rollover = room.authority.rollovers.start(authority, "user:anna").id
    room.authority.refresh_crls()
    room.authority.server_credentials()
    for step in (StepName.DISTRIBUTE, StepName.ISSUE_FROM_NEW):
        room.authority.rollovers.advance(rollover, step, "user:anna", "by hand")
    return rollover


def test_a_station_that_keeps_its_key_gets_a_certificate_of_the_successor(room):
    """Else its renewals would bring back what a retiring authority issued, until that ends."""
    csr = a_request()
    old = signed(room, csr).serial
    roll_over(room, "stations")
    new = signed(room, csr).serial
    assert [room.authority.certificate(one).authority for one in (old, new)] == ["stations", "stations-2"]
    assert signed(room, csr).serial == new


def test_what_is_delivered_ends_in_the_root_of_the_stations_choice(room):
    """CertificateSigned: the station must find its own root at the end."""
    roll_over(room, "root")
    room.authority.chains.choose("CS-1", "root", "user:anna")
    delivery = signed(room, a_request())
    chain = [x509.load_pem_x509_certificate(pem.encode()) for pem in pem_blocks(delivery.chain)]
    root = x509.load_pem_x509_certificate(room.authority.authority("root").certificate_pem.encode())
    assert delivery.root == "root"
    assert len(chain) == 3
    for lower, upper in pairwise([*chain, root]):
        lower.verify_directly_issued_by(upper)


def test_what_a_retired_authority_issued_is_refused_with_that_reason(room):
    serial = signed(room, a_request()).serial
    rollover = roll_over(room, "stations")
    record = room.authority.certificate(serial)
    station = Registered("CS-1", "SN-1", None, MUTUAL)
    fault = certificate_fault(presented_of(record, is_retired=room.authority.is_retired("stations")), station)
    assert fault is None
    room.authority.rollovers.advance(rollover, StepName.RETIRE_OLD, "user:anna", "it leaked", force=True)
    fault = certificate_fault(presented_of(record, is_retired=room.authority.is_retired("stations")), station)
    assert fault == f"the client certificate {serial} is of the retired authority 'stations'"
