"""Roll-overs in the database: each step whole or not at all, once, on record; certificates follow."""

import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from pki.audit import PkiAct
from pki.authority import Authority
from pki.ceremony_records import check_record
from pki.errors import RolloverRefused, UnknownAuthority, UnknownRollover
from pki.hierarchy import AuthorityStatus
from pki.keys import KeyFamily
from pki.revocation import RevocationReason
from pki.rollover import Rollover
from pki.rollover_steps import StepName
from pki.successors import successor_name
from tests.pki.conftest import Room, openssl
from tests.pki.signer_room import authority_of, signer_over
from tests.pki.test_issuance import CutTrail, PowerCut
from tests.tools_needed import needs_openssl

PREPARE, DISTRIBUTE, ISSUE, RETIRE = StepName


def statuses(authority: Authority) -> dict[str, str]:
    return {
        info.name: str(info.status) for info in authority.authorities() if info.status is not AuthorityStatus.ACTIVE
    }


def advance(room: Room, rollover: Rollover, *steps: StepName) -> Rollover:
    """Take these steps, with lists published and servers renewed in between as the service does."""
    for step in steps:
        room.authority.refresh_crls()
        room.authority.server_credentials()
        rollover = room.authority.rollovers.advance(rollover.id, step, "user:admin", "by hand")
    return rollover


def test_an_issuing_authority_hands_over_its_post(room: Room) -> None:
    """Both count until the old one is retired."""
    old = room.issue()
    rollover = room.authority.rollovers.start("stations", "user:admin")
    assert (rollover.new, rollover.step, rollover.next) == ("stations-2", PREPARE, DISTRIBUTE)
    assert statuses(room.authority) == {"stations-2": "prepared"}
    assert room.issue().authority == "stations"
    rollover = advance(room, rollover, DISTRIBUTE, ISSUE)
    assert statuses(room.authority) == {"stations": "retiring"}
    new = room.issue()
    assert (new.authority, new.root) == ("stations-2", "root")
    trusted = {one.subject for one in room.authority.trust_anchors()}
    for name in ("stations", "stations-2"):
        assert room.authority._hierarchy.certificate(name).subject in trusted
        assert not room.authority.is_retired(name)
    for serial in room.authority.serials_of_station("CS-1"):
        if room.authority.certificate(serial).authority == "stations":
            room.authority.revoke(serial, RevocationReason.SUPERSEDED, "user:admin")
    rollover = advance(room, rollover, RETIRE)
    assert (rollover.step, rollover.next) == (RETIRE, None)
    assert statuses(room.authority) == {"stations": "retired"}
    assert room.authority.is_retired(old.authority)
    assert room.authority._hierarchy.certificate("stations") not in room.authority.trust_anchors()
    assert room.authority.crl("stations", 0)


@pytest.fixture(scope="module")
def rsa_leaf() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@needs_openssl
@pytest.mark.parametrize("family", ["ec", "rsa"])
def test_a_root_hands_over_with_everything_below_it(room: Room, family: str, rsa_leaf: rsa.RSAPrivateKey) -> None:
    """The leaf verifies against the old root alone with the cross chain, against the new root alone with the plain one.

    And what the old hierarchy issued verifies against the new root, by the cross-certificate the other way.
    """
    suffix, key = ("-rsa", rsa_leaf) if family == "rsa" else ("", None)
    before = room.issue(key)
    rollover = room.authority.rollovers.start(f"root{suffix}", "user:admin")
    assert set(statuses(room.authority)) == {f"{name}{suffix}-2" for name in ("root", "stations", "csms")}
    advance(room, rollover, DISTRIBUTE, ISSUE)
    room.authority.chains.choose("CS-1", f"root{suffix}", "user:admin")
    crossed = room.issue(key)
    room.authority.chains.release("CS-1", "user:admin")
    plain = room.authority.certificate(crossed.serial)
    assert (crossed.authority, crossed.root, plain.root) == (f"stations{suffix}-2", f"root{suffix}", f"root{suffix}-2")
    room.authority.chains.choose("CS-1", f"root{suffix}-2", "user:admin")
    older = room.authority.certificate(before.serial)
    assert older.root == f"root{suffix}-2"
    for certificate in (crossed, plain, older, before):
        assert len(certificate.chain_pem) < 5600  # A02: MaxCertificateChainSize
        root, chain, leaf = room.trust(certificate)
        done = openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", root, "-untrusted", chain, leaf)
        assert done.returncode == 0, done.stderr
    root, chain, leaf = room.trust(plain)
    only_old = room.write("old.pem", room.authority.authority(f"root{suffix}").certificate_pem)
    assert openssl("verify", "-CAfile", only_old, "-untrusted", chain, leaf).returncode != 0


@needs_openssl
def test_our_servers_serve_both_roots_while_the_old_one_retires(room: Room) -> None:
    """A station that knows only the old root, and one that knows only the new."""
    advance(room, room.authority.rollovers.start("root", "user:admin"), DISTRIBUTE, ISSUE)
    server = next(one for one in room.authority.server_credentials() if one.family == "ec")
    leaf, *rest = server.chain_pem.split("-----END CERTIFICATE-----\n")[:-1]
    chain = room.write("above.pem", "".join(f"{one}-----END CERTIFICATE-----\n" for one in rest))
    leaf_file = room.write("server.pem", f"{leaf}-----END CERTIFICATE-----\n")
    assert len(rest) == 2
    for name in ("root", "root-2"):
        root = room.write("root.pem", room.authority.authority(name).certificate_pem)
        done = openssl("verify", "-purpose", "sslserver", "-CAfile", root, "-untrusted", chain, leaf_file)
        assert done.returncode == 0, (name, done.stderr)
    assert room.authority.operator_root().name == "root-2"


def test_firmware_signers_move_with_the_manufacturers_root(room: Room) -> None:
    advance(room, room.authority.rollovers.start("manufacturer", "user:admin"), DISTRIBUTE, ISSUE)
    assert room.authority.issuer_for("manufacturer", KeyFamily.EC).name == "manufacturer-2"


def test_retiring_waits_for_what_depends_on_the_old_one(room: Room) -> None:
    certificate = room.issue()
    rollover = advance(room, room.authority.rollovers.start("stations", "user:admin"), DISTRIBUTE, ISSUE)
    assert [one.sentence for one in rollover.obstacles] == [
        "1 good certificates were issued by 'stations'; they would be refused"
    ]
    with pytest.raises(RolloverRefused, match="1 good certificates"):
        room.authority.rollovers.advance(rollover.id, RETIRE, "user:admin", "no matter")
    with pytest.raises(RolloverRefused, match="say in the note why"):
        room.authority.rollovers.advance(rollover.id, RETIRE, "user:admin", force=True)
    assert statuses(room.authority) == {"stations": "retiring"}
    room.clock.advance(certificate.not_after - room.clock.now + timedelta(seconds=1))
    assert advance(room, rollover, RETIRE).next is None


def test_force_with_a_note_overrules_and_is_on_record(room: Room) -> None:
    room.issue()
    rollover = advance(room, room.authority.rollovers.start("stations", "user:admin"), DISTRIBUTE, ISSUE)
    room.authority.rollovers.advance(rollover.id, RETIRE, "user:admin", "the key leaked", force=True)
    assert statuses(room.authority) == {"stations": "retired"}
    with room.store.reading() as session:
        last = room.trail.records(session, kind="authority", thing="stations", newest_first=True, limit=1)[0]
    assert (last.act, last.reason) == (PkiAct.ROLLOVER_ADVANCED, "the key leaked")
    assert last.details["overruled"] == ["1 good certificates were issued by 'stations'; they would be refused"]


def test_force_does_not_overrule_what_cannot_work(room: Room) -> None:
    rollover = room.authority.rollovers.start("stations", "user:admin")
    with pytest.raises(RolloverRefused, match="no revocation list yet of 'stations-2'"):
        room.authority.rollovers.advance(rollover.id, DISTRIBUTE, "user:admin", "at once", force=True)


def test_wishes_for_a_root_go_with_it(room: Room) -> None:
    rollover = advance(room, room.authority.rollovers.start("root", "user:admin"), DISTRIBUTE, ISSUE)
    room.authority.chains.choose("CS-1", "root", "user:admin")
    room.authority.server_credentials()
    with pytest.raises(RolloverRefused, match="the chains of 1 stations"):
        room.authority.rollovers.advance(rollover.id, RETIRE, "user:admin", "now")
    room.authority.rollovers.advance(rollover.id, RETIRE, "user:admin", "now", force=True)
    assert room.authority.chains.of("CS-1") is None


def test_a_step_is_taken_once_however_often_it_is_asked_for(room: Room) -> None:
    """A caller that heard no answer asks again."""
    rollover = advance(room, room.authority.rollovers.start("stations", "user:admin"), DISTRIBUTE)
    before = room.acts()
    again = room.authority.rollovers.advance(rollover.id, DISTRIBUTE, "user:admin")
    assert (again.step, room.acts()) == (DISTRIBUTE, before)
    for step in (PREPARE, RETIRE):
        with pytest.raises(RolloverRefused, match="the next step is 'issue from new'"):
            room.authority.rollovers.advance(rollover.id, step, "user:admin")


def test_each_step_leaves_a_record_that_both_authorities_signed(room: Room) -> None:
    rollover = advance(room, room.authority.rollovers.start("stations", "user:admin"), DISTRIBUTE, ISSUE)
    records = [one for one in room.authority.ceremonies() if one.title.startswith("Roll-over of stations")]
    assert len(records) == 3
    for record in records:
        signed = {one.authority for one in check_record(record.statement, record.signatures)}
        said = json.loads(record.statement)
        assert signed == ({"stations", "stations-2"} if "step" in said else {"root"})
    said = next(json.loads(one.statement) for one in records if one.title.endswith("issue from new"))
    assert (said["rollover"], said["moves"]) == (rollover.id, {"stations": "retiring", "stations-2": "active"})
    with room.store.reading() as session:
        assert room.trail.verify(session) == []


@pytest.mark.parametrize("name", ["stations", "root"])
@pytest.mark.parametrize("done", [PREPARE, DISTRIBUTE])
def test_it_can_be_abandoned_until_the_successor_issues(room: Room, name: str, done: StepName) -> None:
    rollover = room.authority.rollovers.start(name, "user:admin")
    if done is DISTRIBUTE:
        advance(room, rollover, DISTRIBUTE)
    given_up = room.authority.rollovers.abandon(rollover.id, "user:admin", "the name was wrong")
    assert (given_up.step, given_up.next, given_up.may_be_abandoned) == ("abandoned", None, False)
    assert set(statuses(room.authority).values()) == {"retired"}
    assert {one.state for one in room.authority.cross_certificates()} <= {"revoked"}
    assert room.issue().authority == "stations"
    assert room.authority.rollovers.start(name, "user:admin").new == f"{name}-3"
    assert PkiAct.ROLLOVER_ABANDONED in room.acts()


def test_it_cannot_be_abandoned_afterwards(room: Room) -> None:
    rollover = advance(room, room.authority.rollovers.start("stations", "user:admin"), DISTRIBUTE, ISSUE)
    with pytest.raises(RolloverRefused, match="cannot be abandoned any more"):
        room.authority.rollovers.abandon(rollover.id, "user:admin", "too late")


@pytest.mark.parametrize(("first", "second"), [("stations", "stations"), ("root", "stations"), ("stations", "root")])
def test_one_roll_over_at_a_time_in_one_line(room: Room, first: str, second: str) -> None:
    room.authority.rollovers.start(first, "user:admin")
    before = statuses(room.authority)
    with pytest.raises(RolloverRefused, match="is under way"):
        room.authority.rollovers.start(second, "user:admin")
    assert statuses(room.authority) == before


def test_posts_beside_each_other_roll_over_at_the_same_time(room: Room) -> None:
    for name in ("stations", "csms"):
        room.authority.rollovers.start(name, "user:admin")
    assert {one.new for one in room.authority.rollovers.all()} == {"stations-2", "csms-2"}


def test_what_cannot_be_rolled_over_is_refused(room: Room) -> None:
    with pytest.raises(UnknownAuthority):
        room.authority.rollovers.start("nobody", "user:admin")
    advance(room, room.authority.rollovers.start("stations", "user:admin"), DISTRIBUTE, ISSUE)
    with pytest.raises(RolloverRefused, match="only an active authority"):
        room.authority.rollovers.start("stations", "user:admin")
    with pytest.raises(UnknownRollover):
        room.authority.rollovers.find("nobody")


def test_a_successor_from_a_ceremony_takes_over(room: Room) -> None:
    """Where the root's key is on another machine, or the successor shall be of another kind."""
    room.authority.hold_ceremony(room.authority.rollovers.plan("stations"), "user:admin")
    rollover = room.authority.rollovers.start("stations", "user:admin", successor="stations-2")
    advance(room, rollover, DISTRIBUTE, ISSUE)
    assert room.issue().authority == "stations-2"


@pytest.mark.parametrize(
    ("successor", "why"), [("csms", "it is active, not prepared"), ("stations-rsa", "of the other family")]
)
def test_not_everybody_can_take_over(room: Room, successor: str, why: str) -> None:
    with pytest.raises(RolloverRefused, match=why):
        room.authority.rollovers.start("stations", "user:admin", successor=successor)


def cut(room: Room, act: PkiAct) -> Authority:
    """The same authority, whose machine loses its power when `act` is written down."""
    return room.rebuilt(trail=CutTrail(room.trail, act))


@pytest.mark.parametrize(
    "act",
    [
        PkiAct.CERTIFICATE_REQUESTED,
        PkiAct.CERTIFICATE_INTENDED,
        PkiAct.CERTIFICATE_ISSUED,
        PkiAct.AUTHORITY_MADE,
        PkiAct.ROLLOVER_STARTED,
    ],
)
def test_a_broken_off_start_leaves_no_authority_and_is_taken_up_again(room: Room, act: PkiAct) -> None:
    with pytest.raises(PowerCut):
        cut(room, act).rollovers.start("stations", "user:admin")
    again = room.rebuilt()
    assert again.rollovers.all() == []
    assert statuses(again) == {}
    key = room.keys.signer("stations-2").public_key
    assert again.rollovers.start("stations", "user:admin").new == "stations-2"
    assert again._hierarchy.certificate("stations-2").public_key() == key


@pytest.mark.parametrize("step", [DISTRIBUTE, ISSUE, RETIRE])
def test_a_broken_off_step_has_not_happened_and_is_taken_again(room: Room, step: StepName) -> None:
    rollover = room.authority.rollovers.start("stations", "user:admin")
    advance(room, rollover, *(before for before in (DISTRIBUTE, ISSUE, RETIRE)[: list(StepName).index(step) - 1]))
    room.authority.refresh_crls()
    room.authority.server_credentials()
    before, records = statuses(room.authority), len(room.authority.ceremonies())
    with pytest.raises(PowerCut):
        cut(room, PkiAct.ROLLOVER_ADVANCED).rollovers.advance(rollover.id, step, "user:admin", "by hand")
    again = room.rebuilt()
    assert (statuses(again), len(again.ceremonies())) == (before, records)
    assert again.rollovers.advance(rollover.id, step, "user:admin", "by hand").step == step


def test_a_broken_off_abandoning_has_not_happened(room: Room) -> None:
    rollover = room.authority.rollovers.start("root", "user:admin")
    before = statuses(room.authority)
    with pytest.raises(PowerCut):
        cut(room, PkiAct.ROLLOVER_ABANDONED).rollovers.abandon(rollover.id, "user:admin", "no")
    again = room.rebuilt()
    assert statuses(again) == before
    assert {str(one.state) for one in again.cross_certificates()} == {"good"}
    assert again.rollovers.abandon(rollover.id, "user:admin", "no").step == "abandoned"


def test_the_signer_process_signs_every_step_of_it_in_a_ceremony(room: Room) -> None:
    """It looks at each certificate, cross-certificates too, and at each record."""
    with signer_over(room, in_ceremony=True) as signer:
        authority = authority_of(room, signer)
        rollover = authority.rollovers.start("root", "user:admin").id
        authority.refresh_crls()
        for step in (DISTRIBUTE, ISSUE):
            authority.rollovers.advance(rollover, step, "user:admin", "by hand")
        assert {one["verdict"] for one in signer.lines() if "verdict" in one} == {"signed"}
    assert statuses(room.authority) == dict.fromkeys(("root", "stations", "csms"), "retiring")


@pytest.mark.parametrize(
    ("name", "taken", "expected"),
    [
        ("stations", (), "stations-2"),
        ("stations-rsa", (), "stations-rsa-2"),
        ("stations-2", (), "stations-3"),
        ("stations", ("stations-2", "stations-3"), "stations-4"),
        ("root-2026", ("root-2027",), "root-2028"),
    ],
)
def test_successors_are_numbered(name: str, taken: tuple[str, ...], expected: str) -> None:
    assert successor_name(name, taken) == expected
