"""Will it still connect? Every kind of change over stations in the database, with what hinders each of them."""

from datetime import timedelta

import pytest

from csms_bridge import events as e
from csms_bridge.errors import ChangeRefused
from csms_bridge.posture.rows import VariableRow
from csms_bridge.quirks.door import StationQuirks
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.trust.connecting import ChangeKind, Outcome
from csms_bridge.trust.door import Trust
from csms_bridge.trust.forecast import Question
from pki.keys import KeyFamily
from pki.rollover_steps import StepName
from tests.csms_bridge.room import NOON, SigningRoom
from tests.csms_bridge.station_roots.holder import BY, Holder
from tests.csms_bridge.station_roots.issued import own_certificate
from tests.csms_bridge.trust.trusting import EDGE_LINE, RSA_LINE, holder, installs, roll, shows, trust_of

LOSES, UNSURE, SAFE = Outcome
NEW_CHAIN = Question(ChangeKind.SERVER_CHAIN, root="root-rsa")


def told(trust: Trust, question: Question) -> dict[str, tuple[Outcome, str]]:
    """Each station's outcome and reason."""
    return {one.station: (one.verdict.outcome, one.verdict.why) for one in trust.connecting.every(question)}


def outcomes(trust: Trust, question: Question) -> dict[str, Outcome]:
    """Each station's outcome."""
    return {station: outcome for station, (outcome, _) in told(trust, question).items()}


def says(room: SigningRoom, station: str, component: str, name: str, value: str, highest: float | None = None) -> None:
    """A station has told this of a setting of its."""
    row = VariableRow(
        station=station, component=component, name=name, attribute="Actual", value=value, highest=highest,
        source="read", read_at=NOON,
    )  # fmt: skip
    with room.store.writing() as session:
        session.add(row)


def is_odd(room: SigningRoom, made: Holder, **quirks: object) -> Holder:
    """The quirk book says so of the station's kind, and the station is of that kind."""
    row = {"name": made.station.lower(), "vendor": made.station, "source": "a test", "quirks": quirks}
    StationQuirks(room.store, room.trail, room.clock).put([row], BY)
    room.sightings.booted(made.station, e.Booted(made.station, "M", "1", (), "PowerUp"))
    return made


def trust_with_book(room: SigningRoom) -> Trust:
    """The door with the quirk book."""
    return trust_of(room, StationQuirks(room.store, room.trail, room.clock).of)


def mutual(room: SigningRoom, name: str, *roots: str) -> Holder:
    """A station on profile 3 that holds these roots, and lists them."""
    made = holder(room, name, *roots)
    serial = own_certificate(room, name)[0].serial
    room.connect(name, SecurityProfile.MUTUAL_TLS, certificate=serial, version=OcppVersion.V201)
    made.list()
    return made


@pytest.mark.both_databases
def test_what_keeps_a_station_from_the_new_root_is_in_the_reason(signing_room: SigningRoom) -> None:
    room = signing_room
    for name in ("CS-signed", "CS-full", "CS-full-16", "CS-free"):
        holder(room, name, "root", line=RSA_LINE).list()
    says(room, "CS-signed", "SecurityCtrlr", "AdditionalRootCertificateCheck", " True")
    says(room, "CS-full", "SecurityCtrlr", "CertificateEntries", "1", highest=1)
    says(room, "CS-full-16", "", "CertificateStoreMaxLength", "1")
    says(room, "CS-free", "SecurityCtrlr", "CertificateEntries", "nonsense", highest=9)
    says(room, "CS-free", "SecurityCtrlr", "AdditionalRootCertificateCheck", "false")
    is_odd(room, holder(room, "CS-replaces", line=RSA_LINE), new_root="replaces")
    is_odd(room, holder(room, "CS-small", "root", line=RSA_LINE), room_for_roots=1).list()
    is_odd(room, holder(room, "CS-ec", line=RSA_LINE), roots="ec")
    found = told(trust_with_book(room), NEW_CHAIN)
    assert "has signed it" in found["CS-signed"][1]
    for name in ("CS-full", "CS-full-16", "CS-small"):
        assert "its store is full" in found[name][1], name
    assert "takes the place" in found["CS-replaces"][1]
    assert "no use for such a key" in found["CS-ec"][1]
    assert found["CS-free"] == (LOSES, "the root root-rsa is not among those that it lists")


def test_a_root_that_the_old_one_has_signed_is_taken(prepared_room: SigningRoom) -> None:
    """AdditionalRootCertificateCheck: M05.FR.09-16."""
    room = prepared_room
    holder(room, "CS-1", "root").list()
    says(room, "CS-1", "SecurityCtrlr", "AdditionalRootCertificateCheck", "true")
    question = Question(ChangeKind.SERVER_CHAIN, root="root-2")
    assert told(trust_of(room), question)["CS-1"][1] == "the root root-2 is not among those that it lists"


@pytest.mark.both_databases
def test_another_issuer_below_a_root_that_a_station_lacks_is_not_safe(prepared_room: SigningRoom) -> None:
    """The station judges its new certificate by the CSMS roots that it holds, whatever its server shows."""
    room = prepared_room
    mutual(room, "CS-lacks", "root")
    mutual(room, "CS-holds", "root", "root-2")
    mutual(room, "CS-short", "root", "root-2")
    says(room, "CS-short", "SecurityCtrlr", "MaxCertificateChainSize", "1000")
    odd = mutual(room, "CS-odd", "root", "root-2")
    is_odd(room, odd, longest_chain=900)
    holder(room, "CS-basic", "root").list()
    trust = trust_with_book(room)
    soon = Question(ChangeKind.ISSUER_CHANGED, authority="stations-2")
    late = Question(ChangeKind.ISSUER_CHANGED, room.clock() + timedelta(days=700), authority="stations-2")
    names = ("CS-basic", "CS-holds", "CS-lacks", "CS-odd", "CS-short")
    assert outcomes(trust, soon) == dict(zip(names, (SAFE, SAFE, UNSURE, UNSURE, UNSURE), strict=True))
    assert outcomes(trust, late) == dict(zip(names, (SAFE, UNSURE, LOSES, LOSES, LOSES), strict=True))
    assert "longer than it takes" in told(trust, soon)["CS-short"][1]
    assert "root-2 is not among those" in told(trust, soon)["CS-lacks"][1]


def test_behind_an_edge_another_issuer_is_the_edges_business(prepared_room: SigningRoom) -> None:
    room = prepared_room
    mutual(room, "CS-1", "root", "root-2")
    serial = own_certificate(room, "CS-1")[0].serial
    room.connect("CS-1", SecurityProfile.MUTUAL_TLS, certificate=serial, version=OcppVersion.V201, line=EDGE_LINE)
    found = told(trust_of(room), Question(ChangeKind.ISSUER_CHANGED, authority="stations-2"))
    assert found["CS-1"] == (UNSURE, "an edge ends its TLS: whether it trusts what stations-2 issues is its own")


def test_who_cannot_issue_is_no_other_issuer(signing_room: SigningRoom) -> None:
    room = signing_room
    trust, issuers = trust_of(room), ChangeKind.ISSUER_CHANGED
    for name, why in (("root", "issues no certificates for stations"), ("csms", "issues no certificates for stations")):
        with pytest.raises(ChangeRefused, match=why):
            trust.connecting.foresee(Question(issuers, authority=name))
    with pytest.raises(ChangeRefused, match="itself ends on"):
        trust.connecting.foresee(Question(issuers, room.clock() + timedelta(days=40_000), authority="stations"))


def test_a_root_that_is_gone_takes_who_trusts_no_other_one(prepared_room: SigningRoom) -> None:
    """In the middle of a roll-over: with the bridge gone it depends on who holds the new root."""
    room = prepared_room
    trust = trust_of(room)
    (rollover,) = room.authority.rollovers.all()
    roll(room, rollover.id, StepName.DISTRIBUTE, StepName.ISSUE_FROM_NEW)
    mutual(room, "CS-both", "root", "root-2")
    holder(room, "CS-old", "root").list()
    holder(room, "CS-rsa", "root-rsa", line=RSA_LINE).list()
    found = told(trust, Question(ChangeKind.ROOT_GONE, root="root"))
    assert found["CS-old"] == (LOSES, "the root root-2 is not among those that it lists")
    assert found["CS-rsa"][0] is SAFE
    assert found["CS-both"][0] is SAFE  # the successor has issued its certificate already


def test_an_authority_that_is_retired_takes_who_was_certified_by_it(signing_room: SigningRoom) -> None:
    room = signing_room
    mutual(room, "CS-1", "root")
    holder(room, "CS-2", "root").list()
    question = Question(ChangeKind.CLIENT_CA_RETIRED, authority="stations")
    assert outcomes(trust_of(room), question) == {"CS-1": LOSES, "CS-2": SAFE}


def test_what_tls_shows_and_what_it_needs(signing_room: SigningRoom) -> None:
    """The policy without static RSA, and the server without its RSA certificate."""
    room = signing_room
    trust = trust_with_book(room)
    holder(room, "CS-static", line=RSA_LINE)
    holder(room, "CS-new")
    is_odd(room, holder(room, "CS-odd"), roots="rsa")
    hardened = outcomes(trust, Question(ChangeKind.TLS_HARDENED))
    assert hardened == {"CS-static": UNSURE, "CS-new": SAFE, "CS-odd": SAFE}
    dropped = outcomes(trust, Question(ChangeKind.RSA_SERVER_DROPPED))
    assert dropped == {"CS-static": LOSES, "CS-new": SAFE, "CS-odd": UNSURE}


@pytest.mark.both_databases
def test_a_floor_shuts_out_who_is_below_and_says_who_stays_there(signing_room: SigningRoom) -> None:
    room = signing_room
    room.add("CS-plain")
    room.connect("CS-plain")
    is_odd(room, Holder(room, "CS-low-2", profile=SecurityProfile.BASIC), walks_to=1)
    is_odd(room, Holder(room, "CS-site-2", profile=SecurityProfile.BASIC), roots_from_profile=2)
    holder(room, "CS-tls")
    found = told(trust_with_book(room), Question(ChangeKind.PROFILE_FLOOR, profile=2))
    assert found["CS-plain"] == (LOSES, "it is below profile 2")
    assert "cannot be walked so high" in found["CS-low-2"][1]
    assert "on site" in found["CS-site-2"][1]
    assert found["CS-tls"][0] is SAFE


def test_time_alone_takes_who_is_away_when_its_certificate_ends(signing_room: SigningRoom) -> None:
    """One that is there is asked to renew before."""
    room = signing_room
    trust = trust_of(room)
    for name in ("CS-there", "CS-away"):
        mutual(room, name, "root")
    room.sightings.disconnected("CS-away", room.clock())
    later = Question(ChangeKind.NOTHING, room.clock() + timedelta(days=700))
    assert outcomes(trust, Question(ChangeKind.NOTHING)) == {"CS-away": SAFE, "CS-there": SAFE}
    assert outcomes(trust, later) == {"CS-away": LOSES, "CS-there": UNSURE}


def test_numbers_and_names_say_the_same(signing_room: SigningRoom) -> None:
    room = signing_room
    trust = trust_of(room)
    shows(room, trust, "root", family=KeyFamily.EC)
    holder(room, "CS-1", "root").list()
    installs(holder(room, "CS-2", line=RSA_LINE), "root-rsa", "Rejected")
    room.add("CS-3")
    foreseen = trust.connecting.foresee(NEW_CHAIN)
    assert foreseen.counts == {LOSES: 1, UNSURE: 1, SAFE: 1}
    for outcome, name in ((LOSES, "CS-2"), (UNSURE, "CS-3"), (SAFE, "CS-1")):
        assert [one.station for one in trust.connecting.stations(NEW_CHAIN, outcome, None, 10)] == [name]
