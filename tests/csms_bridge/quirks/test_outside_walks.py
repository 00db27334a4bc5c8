"""What the book says counts outside walks as well: deliveries, lanes, passwords, renewals, roots on stations."""

import pytest

from csms_bridge import commands as c
from csms_bridge.certificate_asks import spelt_chain
from csms_bridge.commands import Answer, Outcome
from csms_bridge.enrolment import Enrolment
from csms_bridge.errors import RootRefused
from csms_bridge.events import CertificateAsked
from csms_bridge.lanes import Lanes
from csms_bridge.password_errand import PasswordErrand
from csms_bridge.password_rotations import PasswordRotations
from csms_bridge.quiet import QuietMode
from csms_bridge.quirks.quirks import (
    Asks,
    Chain,
    NewRoot,
    PasswordForm,
    Quirks,
    RestartWay,
    nothing_odd,
)
from csms_bridge.renewals import Renewals, RenewalState
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.station_roots.door import StationRoots
from csms_bridge.tables import StationRow
from pki.keys import KeyAlgorithm, generate_key
from tests.csms_bridge.room import pem_blocks
from tests.csms_bridge.station_roots.holder import BY, CSMS, Holder, name_of
from tests.pki.requests import pem_request

_, BASIC, TLS, MUTUAL = SecurityProfile
ACCEPTED = Answer(Outcome.ACCEPTED, "Accepted")


def odd(**quirks):
    """Every station is odd in this way."""
    return lambda stations: dict.fromkeys(stations, Quirks(**quirks))


def odd_in(**quirks):
    """The same within a transaction."""
    return lambda _session, _station: Quirks(**quirks)


# --- certificates


def delivered(room, quirks_of):
    """What is brought to a station outside a walk: the delivery, and the chain in its final form."""
    room.add("CS-1", "SN-1", TLS)
    enrolment = Enrolment(room.store, room.trail, room.authority, room.clock, quirks_of=quirks_of)
    csr = pem_request(generate_key(KeyAlgorithm.EC_P256), "SN-1")
    assert enrolment.ask("CS-1", CertificateAsked(csr, None), TLS).accepted
    (first,) = enrolment.sign_waiting("CS-1")
    (again,) = enrolment.undelivered("CS-1")
    assert first == again
    return first, room.walk_acts.delivery(first).chain


@pytest.mark.parametrize(
    ("quirks", "count"),
    [({}, 2), ({"chain": Chain.ROOT}, 3), ({"chain": Chain.LEAF}, 1)],
    ids=["usual", "root", "leaf"],
)
def test_a_renewal_comes_in_the_form_that_such_stations_take(signing_room, quirks, count):
    """Without the row, open-ocpp would reject its first renewal (docs/interop.md)."""
    delivery, chain = delivered(signing_room, odd(**quirks))
    blocks = pem_blocks(chain)
    assert len(blocks) == count
    assert blocks[0] == pem_blocks(delivery.chain)[0]
    if count == 3:
        assert blocks[2].strip() == signing_room.authority.operator_root("ec").certificate_pem.strip()


def test_a_chain_may_end_with_the_leaf(signing_room):
    delivery, chain = delivered(signing_room, odd(leaf_last=True))
    assert pem_blocks(chain) == pem_blocks(delivery.chain)[::-1]
    assert chain.endswith("-----END CERTIFICATE-----\n")


def test_the_usual_chain_goes_out_to_the_octet(signing_room):
    delivery, chain = delivered(signing_room, nothing_odd)
    assert chain == delivery.chain == spelt_chain(delivery, "")


def test_the_book_shortens_what_a_station_takes(signing_room):
    delivery, _ = delivered(signing_room, odd(longest_chain=600))
    assert delivery.limit == 600


# --- lanes


def test_a_station_known_to_do_nothing_while_pending_is_told_accepted_at_once(room):
    """Else its first answer in the lane is a SecurityError, and minutes are lost (reference, station-everest)."""
    room.add()
    lanes = Lanes(room.store, room.trail, room.clock, room.sightings.closing, odd(works_while_pending=False))
    assert lanes.works_when_accepted("CS-1")
    assert not Lanes(room.store, room.trail, room.clock, room.sightings.closing).works_when_accepted("CS-1")


# --- passwords


class Station:
    """Accepts what it is asked, and needs a restart for it."""

    station, version = "CS-1", OcppVersion.V16

    def __init__(self) -> None:
        self.asked = []

    async def is_charging(self) -> bool:
        return False

    async def ask(self, command):
        self.asked.append(command)
        return Answer(Outcome.REBOOT_REQUIRED) if isinstance(command, c.SetPassword) else ACCEPTED


@pytest.mark.parametrize(
    ("quirks", "as_text", "length", "way"),
    [
        ({}, False, 20, "idle"),
        (
            {"password_form": PasswordForm.TEXT, "password_bytes": 40, "restart_way": RestartWay.GENTLY},
            True,
            40,
            "gently",
        ),
    ],
    ids=["usual", "odd"],
)
async def test_a_password_is_changed_in_the_form_that_such_stations_read(room, quirks, as_text, length, way):
    room.add()
    room.connect()
    rotations = PasswordRotations(room.store, room.trail, room.orders, room.clock)
    quiet = QuietMode(room.store, room.trail, room.clock)
    errand = PasswordErrand(rotations, room.passwords, room.orders, quiet, odd(**quirks))
    rotations.ask(["CS-1"], BY, restart=True)
    station = Station()
    for order in room.orders.claim({"CS-1"}):
        await errand.carry_out(order, station)
    change, restart = station.asked
    assert (change.as_text, len(change.password.reveal)) == (as_text, length)
    assert restart == c.Restart(c.RestartKind(way))


# --- renewals


@pytest.mark.parametrize(("asks", "words"), [(Asks.BY_ITSELF, "finds the time right"), (Asks.AFTER_RESTART, "restart")])
def test_a_station_that_takes_no_trigger_is_not_asked_in_vain(room, asks, words):
    room.add(profile=MUTUAL)
    room.connect(profile=MUTUAL, certificate="5e01")
    (told,) = Renewals(room.store, room.trail, room.orders, room.clock, odd_in(asks=asks)).ask(["CS-1"], BY)
    assert told.state is RenewalState.UNABLE
    assert words in told.reason
    (usual,) = Renewals(room.store, room.trail, room.orders, room.clock).ask(["CS-1"], BY)
    assert usual.state is RenewalState.SENT


# --- roots


def holding_the_root(room, **quirks):
    """A station that holds our EC root, and the roots' door with a book."""
    holder = Holder(room)
    holder.hold(CSMS, name_of(holder.root("root")))
    room.roots = StationRoots(
        room.store, room.trail, room.authority, room.orders, room.settings, room.clock, "this-node", odd_in(**quirks)
    )
    holder.list()
    return room.roots


def refusal(roots, name="root-rsa"):
    with pytest.raises(RootRefused) as refused:
        roots.install("CS-1", CSMS, BY, name=name)
    return refused.value.code


def test_a_store_of_one_root_gets_no_second_one(signing_room):
    assert refusal(holding_the_root(signing_room, room_for_roots=1)) == "store-full"


def test_a_root_that_would_take_the_place_of_a_needed_one_is_not_sent(signing_room):
    """The station would drop the line, trust the wrong root, and never be seen again."""
    roots = holding_the_root(signing_room, new_root=NewRoot.REPLACES)
    signing_room.connect("CS-1", TLS, version=OcppVersion.V201)
    with signing_room.store.writing() as session:
        row = session.get(StationRow, "CS-1")
        row.tls_version, row.cipher = "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"
        session.add(row)
    assert refusal(roots) == "replaces"


def test_the_root_that_is_there_may_be_installed_again(signing_room):
    roots = holding_the_root(signing_room, new_root=NewRoot.REPLACES, room_for_roots=1)
    assert roots.install("CS-1", CSMS, BY, name="root").name == "root"


def test_a_station_that_wants_its_new_root_signed_is_refused_another(signing_room):
    """AdditionalRootCertificateCheck, where the station does not tell it (2.x M05.FR.09-12)."""
    assert refusal(holding_the_root(signing_room, new_root=NewRoot.SIGNED_BY_OLD)) == "additional-root-check"


def test_without_a_row_a_second_root_is_installed(signing_room):
    assert holding_the_root(signing_room).install("CS-1", CSMS, BY, name="root-rsa").name == "root-rsa"
