"""What is done about certificate requests that do not end well, and whom it is told to."""

import pytest
from sqlmodel import select

from csms_bridge.admission import Admitted
from csms_bridge.certificate_asks import LONGEST_CHAIN
from csms_bridge.certificate_watch import ADVISED_CHAIN, CertificateWatch, chain_limit
from csms_bridge.enrolment import Enrolment
from csms_bridge.errors import ChainTooLong
from csms_bridge.events import CertificateAsked
from csms_bridge.renewals import Renewals, RenewalState
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.tables import CertificateAskRow, StationRow
from csms_bridge.variables import Variable, configuration_key
from pki.alarms import AlarmKind
from pki.errors import SignerUnavailable
from pki.keys import KeyAlgorithm, generate_key
from tests.csms_bridge.room import TLS_LINE
from tests.pki.requests import pem_request

TLS, MUTUAL = SecurityProfile.TLS_BASIC, SecurityProfile.MUTUAL_TLS
OF_2X, OF_16 = Variable("SecurityCtrlr", "MaxCertificateChainSize"), configuration_key("CertificateSignedMaxChainSize")


@pytest.fixture
def room(signing_room):
    signing_room.add("CS-1", "SN-1", TLS)
    return signing_room


def request(kind=KeyAlgorithm.EC_P256, serial="SN-1"):
    return pem_request(generate_key(kind), serial)


def ask(enrolment, csr, request_id=None):
    return enrolment.ask("CS-1", CertificateAsked(csr, request_id), TLS)


def alarms(room, kind):
    return [one.thing for one in room.authority.alarms.open_of(kind)]


def states(room):
    with room.store.reading() as session:
        return list(session.exec(select(CertificateAskRow.state).order_by(CertificateAskRow.id)))


@pytest.mark.parametrize(
    ("told", "limit"),
    [
        ({}, LONGEST_CHAIN),
        ({OF_2X: "5600"}, 5600),
        ({OF_16: "4000", OF_2X: "7000"}, 4000),
        ({OF_2X: "99999"}, LONGEST_CHAIN),
        ({OF_2X: "0"}, LONGEST_CHAIN),
        ({OF_2X: "much"}, LONGEST_CHAIN),
        ({OF_2X: None}, LONGEST_CHAIN),
    ],
)
def test_a_chain_may_be_as_long_as_the_station_says(told, limit):
    assert chain_limit(told) == limit


def test_a_chain_that_the_station_cannot_take_is_never_sent(room):
    """Reference §7.8 no. 7; A02.FR.16."""
    watch = CertificateWatch(room.authority.alarms, lambda stations: {one: {OF_2X: "600"} for one in stations})
    enrolment = Enrolment(room.store, room.trail, room.authority, room.clock, watch=watch)
    ask(enrolment, request())
    (delivery,) = enrolment.sign_waiting("CS-1")
    with pytest.raises(ChainTooLong):
        enrolment.sent(delivery)
    assert states(room) == ["refused"]
    assert enrolment.undelivered("CS-1") == []
    assert alarms(room, AlarmKind.CERTIFICATE_TURNED_DOWN) == ["CS-1"]


def test_what_counts_is_what_is_sent_root_and_all(room):
    ask(room.enrolment, request())
    (delivery,) = room.enrolment.sign_waiting("CS-1")
    with pytest.raises(ChainTooLong):
        room.enrolment.sent(delivery, "x" * (LONGEST_CHAIN + 1))


def test_our_own_chains_are_as_short_as_advised(room):
    for kind in (KeyAlgorithm.EC_P256, KeyAlgorithm.RSA_2048):
        ask(room.enrolment, request(kind))
    assert all(len(one.chain) <= ADVISED_CHAIN for one in room.enrolment.sign_waiting("CS-1"))


class Away:
    """An authority whose signer for one family of keys is out of reach."""

    def __init__(self, authority, families):
        self._authority, self.families = authority, families

    def __getattr__(self, name):
        return getattr(self._authority, name)

    def issue_for_each(self, orders):
        return [
            SignerUnavailable("stations", "it is away")
            if order.request.key_family in self.families
            else self._authority.issue_for_each([(order, by)])[0]
            for order, by in orders
        ]


def test_a_signer_that_is_away_keeps_the_request_tells_a_person_and_signs_later(room):
    """Reference §7.8 no. 9."""
    authority = Away(room.authority, {"ec"})
    enrolment = Enrolment(room.store, room.trail, authority, room.clock)
    assert ask(enrolment, request(), 7).accepted
    for _ in range(3):
        assert enrolment.sign_waiting("CS-1") == []
    assert (states(room), alarms(room, AlarmKind.CERTIFICATES_WAITING)) == (["asked"], ["stations"])
    assert room.authority.alarms.open_of(AlarmKind.CERTIFICATES_WAITING)[0].times == 1
    authority.families = set()
    (delivery,) = enrolment.sign_waiting("CS-1")
    assert delivery.request_id == 7
    assert alarms(room, AlarmKind.CERTIFICATES_WAITING) == []


def test_requests_are_answered_as_they_can_be_and_not_in_their_order(room):
    """Reference §7.8 no. 8: the first waits for its signer, the second does not."""
    authority = Away(room.authority, {"ec"})
    enrolment = Enrolment(room.store, room.trail, authority, room.clock)
    ask(enrolment, request(), 1)
    ask(enrolment, request(KeyAlgorithm.RSA_2048), 2)
    assert [one.request_id for one in enrolment.sign_waiting("CS-1")] == [2]
    authority.families = set()
    assert [one.request_id for one in enrolment.sign_waiting("CS-1")] == [1]


def test_the_same_request_while_it_waits_is_one_request(room):
    """A station that heard no answer asks again (CertSigningWaitMinimum)."""
    csr = request()
    assert [ask(room.enrolment, csr, 5).accepted for _ in range(3)] == [True, True, True]
    assert states(room) == ["asked"]
    assert len(room.enrolment.sign_waiting("CS-1")) == 1


def test_another_request_id_is_another_request(room):
    """2.1: a station refuses an id that it does not know (A02.FR.26)."""
    csr = request()
    ask(room.enrolment, csr, 5)
    ask(room.enrolment, csr, 6)
    first, second = room.enrolment.sign_waiting("CS-1")
    assert (first.request_id, second.request_id, first.serial) == (5, 6, second.serial)


def test_one_that_was_sent_and_is_asked_for_again_is_brought_once_more(room):
    """Its CertificateSigned was lost; the lost one is not brought at the next connection as well."""
    csr = request()
    ask(room.enrolment, csr)
    (first,) = room.enrolment.sign_waiting("CS-1")
    room.enrolment.sent(first)
    assert ask(room.enrolment, csr).accepted
    (second,) = room.enrolment.sign_waiting("CS-1")
    assert (second.serial, states(room)) == (first.serial, ["refused", "issued"])
    assert [one.ask for one in room.enrolment.undelivered("CS-1")] == [second.ask]


def test_a_station_that_turns_its_certificate_down_is_looked_at_until_it_takes_one(room):
    """TC_A_14, TC_077: it waits for a new trigger (A02.FR.20)."""
    ask(room.enrolment, request())
    (delivery,) = room.enrolment.sign_waiting("CS-1")
    room.enrolment.sent(delivery)
    room.enrolment.rejected(delivery, "Rejected (InvalidCertificate)")
    assert alarms(room, AlarmKind.CERTIFICATE_TURNED_DOWN) == ["CS-1"]
    ask(room.enrolment, request())
    (better,) = room.enrolment.sign_waiting("CS-1")
    room.enrolment.taken(better)
    assert alarms(room, AlarmKind.CERTIFICATE_TURNED_DOWN) == []


# --- DiscardedRenewedClientCertificate


def on_profile_3(room):
    admitted = Admitted(MUTUAL, "ocpp2.0.1", "ab12")
    room.sightings.connected("CS-1", admitted, OcppVersion.V201, None, TLS_LINE)


def test_a_station_that_discarded_its_new_certificate_is_asked_again_once_a_day(room):
    """Reference §7.8 no. 6."""
    on_profile_3(room)
    renewals = Renewals(room.store, room.trail, room.orders, room.clock)
    assert renewals.ask_after_discard("CS-1").state is RenewalState.SENT
    room.clock.advance(hours=2)
    assert renewals.ask_after_discard("CS-1") is None
    room.clock.advance(hours=23)
    assert renewals.ask_after_discard("CS-1").asked_by == "service"


def test_a_quiet_station_is_not_asked(room):
    on_profile_3(room)
    with room.store.writing() as session:
        session.get(StationRow, "CS-1").quiet = True
    renewals = Renewals(room.store, room.trail, room.orders, room.clock)
    assert renewals.ask_after_discard("CS-1") is None
    assert renewals.ask_after_discard("CS-9") is None
