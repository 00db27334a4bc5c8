"""From a step's act to the command that is sent: certificates, slots and secrets are filled in here."""

import pytest

from csms_bridge import commands as c
from csms_bridge.events import CertificateAsked
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.walks.machine import begin
from csms_bridge.walks.plans import plan
from csms_bridge.walks.rows import WalkUnderWay
from csms_bridge.walks.steps import Do
from pki.errors import UnknownAuthority
from pki.keys import KeyAlgorithm, generate_key
from tests.csms_bridge.room import NOON, pem_blocks
from tests.pki.requests import pem_request

NONE, BASIC, TLS, MUTUAL = SecurityProfile
URL = "wss://csms.example:8887/ocpp"
SLOTS = {"slot": "2", "used": "1", "priority": "1"}


@pytest.fixture
def room(signing_room):
    signing_room.add("CS-1", "SN-1", TLS)
    return signing_room


def prepared(room, act: Do, leg: SecurityProfile = TLS, version: OcppVersion = OcppVersion.V21, **facts: str):
    """`act` at the first step of a walk's leg."""
    walk = plan(version, SecurityProfile(leg - 1), leg)
    return room.walk_acts.prepare(WalkUnderWay("w1", "CS-1", walk, begin(walk, NOON, facts), NOON), act)


def issued(room, algorithm: KeyAlgorithm = KeyAlgorithm.EC_P256, request_id: int | None = None) -> str:
    csr = pem_request(generate_key(algorithm), "SN-1")
    room.enrolment.ask("CS-1", CertificateAsked(csr, request_id), TLS)
    return room.enrolment.sign_waiting("CS-1")[-1].serial


def test_a_walk_begins_with_the_root_that_stations_are_to_trust(room):
    root = room.authority.operator_root("ec")
    assert room.walk_acts.first_facts() == {"csms_root": root.name, "csms_root_serial": root.serial}


@pytest.mark.parametrize(("act", "fact"), [(Do.INSTALL_ROOT, "csms_root"), (Do.INSTALL_ISSUER_ROOT, "issuer_root")])
@pytest.mark.parametrize("root", ["root", "root-rsa"])
def test_installs_the_root_that_the_facts_name(room, act, fact, root):
    """One certificate, a root: a sub-CA could be neither listed nor deleted (reference §8.4, EVerest#2109)."""
    command = prepared(room, act, **{fact: root}).command
    assert command == c.InstallRoot(room.authority.authority(root).certificate_pem)
    assert len(pem_blocks(command.certificate)) == 1


def test_a_root_that_is_not_ours_is_an_error(room):
    with pytest.raises(UnknownAuthority):
        prepared(room, Do.INSTALL_ROOT, csms_root="nobody's")


@pytest.mark.parametrize(
    ("act", "command"),
    [
        (Do.LIST_ROOTS, c.ListRoots()),
        (Do.TRIGGER_CSR, c.TriggerCertificateRequest()),
        (Do.READ_NETWORK, c.ReadNetwork()),
        (Do.RESTART, c.Restart()),
        (Do.WRITE_SLOT, c.WriteSlot(2, URL, TLS)),
        (Do.WRITE_SLOT_VARIABLES, c.WriteSlotVariables(2, URL, TLS)),
        (Do.PREFER_SLOT, c.PreferSlots((2, 1))),  # the new one first, the old one behind it (B10)
    ],
)
def test_fills_in_what_the_facts_say(room, act, command):
    assert prepared(room, act, **SLOTS).command == command


@pytest.mark.parametrize("leg", [BASIC, TLS, MUTUAL])
def test_raises_to_the_profile_of_the_leg(room, leg):
    assert prepared(room, Do.RAISE_PROFILE, leg, OcppVersion.V16).command == c.RaiseProfile(leg)


@pytest.mark.parametrize(("act", "whole"), [(Do.LIST_SLOTS, False), (Do.LIST_ALL, True)])
def test_each_list_of_slots_is_asked_for_under_a_number_of_its_own(room, act, whole):
    commands = [prepared(room, act).command for _ in range(2)]
    assert {command.whole for command in commands} == {whole}
    assert commands[0].request_id != commands[1].request_id
    assert all(0 <= command.request_id < 2**31 for command in commands)


@pytest.mark.parametrize(
    ("priority", "slot", "used", "kept"),
    [("1,2", "2", "1", (1,)), ("3,2,1", "2", "3", (3, 1)), ("2", "2", "1", (1,)), (" 1 , 2 ", "2", "1", (1,))],
)
def test_takes_a_slot_out_of_use_and_never_the_last(room, priority, slot, used, kept):
    """2.1 B09.FR.20; a station that restarts with an empty list knows no way back to us."""
    facts = {"priority": priority, "slot": slot, "used": used}
    assert prepared(room, Do.FREE_SLOT, **facts).command == c.PreferSlots(kept)


@pytest.mark.parametrize(("country", "told"), [("missing", "NL"), ("settled", None), (None, None)])
def test_names_the_country_only_to_a_station_that_has_none(room, country, told):
    facts = {"country": country} if country else {}
    assert prepared(room, Do.NAME_OPERATOR, MUTUAL, **facts).command == c.NameOperator("Acme Charging", told)


def test_sends_stations_to_where_the_service_is_met(room):
    room.walk_acts.move_to("wss://elsewhere:1/ocpp")
    assert prepared(room, Do.WRITE_SLOT, **SLOTS).command.url == "wss://elsewhere:1/ocpp"
    assert prepared(room, Do.NAME_OPERATOR, MUTUAL).command.organisation == "Acme Charging"


def test_a_new_password_is_stored_before_it_is_sent(room):
    """Else a station that took it could not come back when the answer is lost."""
    ready = prepared(room, Do.SET_PASSWORD, BASIC, OcppVersion.V16)
    with room.store.reading() as session:
        known = room.passwords.known(session, "CS-1")
    assert room.passwords.matching("CS-1", ready.command.password, known) == ready.password


def test_every_attempt_offers_another_password(room):
    first, second = prepared(room, Do.SET_PASSWORD), prepared(room, Do.SET_PASSWORD)
    assert first.password != second.password
    assert first.command.password != second.command.password


def test_delivers_the_newest_certificate_of_the_walk(room):
    serials = [issued(room), issued(room, request_id=7)]
    ready = prepared(room, Do.DELIVER, MUTUAL, issued=" ".join(serials))
    assert ready.delivery.serial == serials[-1]
    assert ready.command == c.DeliverCertificate(room.authority.certificate(serials[-1]).chain_pem, 7)


def test_a_delivery_is_on_record_before_it_is_sent(room):
    prepared(room, Do.DELIVER, MUTUAL, issued=issued(room))
    assert room.acts()[-1] == "station:certificate-sent"


@pytest.mark.parametrize(("algorithm", "root"), [(KeyAlgorithm.EC_P256, "root"), (KeyAlgorithm.RSA_2048, "root-rsa")])
def test_delivers_with_its_own_root_where_the_station_wants_that(room, algorithm, root):
    """Station-quirks 4: leaf, sub-CA and root, in this order."""
    serial = issued(room, algorithm)
    without = prepared(room, Do.DELIVER, MUTUAL, issued=serial).command.chain
    chain = prepared(room, Do.DELIVER_WITH_ROOT, MUTUAL, issued=serial).command.chain
    assert chain == without + room.authority.authority(root).certificate_pem
    assert len(pem_blocks(chain)) == len(pem_blocks(without)) + 1


@pytest.mark.parametrize("act", [Do.DELIVER, Do.DELIVER_WITH_ROOT])
@pytest.mark.parametrize("algorithm", [KeyAlgorithm.EC_P256, KeyAlgorithm.RSA_2048])
def test_a_delivered_chain_fits_into_its_field(room, act, algorithm):
    """CertificateSigned.certificateChain: 10,000; MaxCertificateChainSize is recommended to be 5,600 or more."""
    chain = prepared(room, act, MUTUAL, issued=issued(room, algorithm)).command.chain
    assert len(chain) <= (5_600 if act is Do.DELIVER else 10_000)


def test_a_certificate_that_the_station_did_not_ask_for_is_an_error(room):
    with pytest.raises(LookupError, match="not asked for"):
        prepared(room, Do.DELIVER, MUTUAL, issued="feed")


@pytest.mark.parametrize("act", [Do.WAIT, Do.BAR_BELOW])
def test_waiting_and_barring_are_no_messages(room, act):
    with pytest.raises(LookupError):
        prepared(room, act)


def test_delivers_outside_a_walk_too(room):
    serial = issued(room, request_id=7)
    [delivery] = room.enrolment.undelivered("CS-1")
    chain = room.authority.certificate(serial).chain_pem
    assert room.walk_acts.delivery(delivery) == c.DeliverCertificate(chain, 7)


def test_a_renewal_comes_in_the_form_that_the_station_took(room):
    """open-ocpp refuses a chain that does not end in the root, in a walk and in every renewal after it."""
    taken = prepared(room, Do.DELIVER_WITH_ROOT, MUTUAL, issued=issued(room))
    room.enrolment.taken(taken.delivery)
    serial = issued(room)
    [delivery] = room.enrolment.undelivered("CS-1")
    chain = room.authority.certificate(serial).chain_pem
    root = room.authority.operator_root("ec").certificate_pem
    assert room.walk_acts.delivery(delivery).chain == chain + root


def test_a_form_that_was_refused_is_not_remembered(room):
    refused = prepared(room, Do.DELIVER_WITH_ROOT, MUTUAL, issued=issued(room))
    room.enrolment.rejected(refused.delivery, "Rejected")
    serial = issued(room)
    [delivery] = room.enrolment.undelivered("CS-1")
    assert room.walk_acts.delivery(delivery).chain == room.authority.certificate(serial).chain_pem
